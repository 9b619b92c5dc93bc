import Crypto

/// SHA-256 over a list of fields, fed so that no two lists give the same input.
struct FieldHash {
    private var hash = SHA256()

    /// Adds a field's bytes behind their number as eight little-endian bytes. Where a field is absent, -1 stands alone.
    mutating func add(_ field: [UInt8]?) {
        withUnsafeBytes(of: Int64(field?.count ?? -1).littleEndian) { hash.update(bufferPointer: $0) }
        if let field { hash.update(data: field) }
    }

    /// Adds a text as UTF-8.
    mutating func add(_ field: String?) {
        add(field.map { [UInt8]($0.utf8) })
    }

    /// The digest, 32 bytes.
    func finish() -> [UInt8] { [UInt8](hash.finalize()) }
}

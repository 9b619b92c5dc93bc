import Crypto
import GRDB

extension Store {
    /// Reads parts 0 to `count` - 1 into `destination`, which they must fill exactly. Each part is a read of its own.
    func readParts(
        _ table: PartTable, key: [Int64], count: Int, into destination: UnsafeMutableRawBufferPointer, what: String
    ) throws(StorageError) {
        var offset = 0
        for ordinal in 0..<count {
            let range = try read { db in
                guard let part = try table.locate(key: key, ordinal: ordinal, in: db) else {
                    throw StorageError.corrupt(what, "lacks part \(ordinal)")
                }
                guard part.byteCount <= destination.count - offset else {
                    throw StorageError.corrupt(what, "is longer than its \(destination.count) bytes")
                }
                let range = offset..<(offset + part.byteCount)
                try table.read(row: part.row, into: UnsafeMutableRawBufferPointer(rebasing: destination[range]), in: db)
                return range
            }
            offset = range.upperBound
        }
        guard offset == destination.count else {
            throw StorageError.corrupt(what, "has \(offset) of its \(destination.count) bytes")
        }
    }
}

func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    return [UInt8](hash.finalize())
}

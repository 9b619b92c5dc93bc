import Foundation
import GRDB

/// The digest that a row carries over its other columns, so that a bit that changes on the disk is found, not computed with.
///
/// It is taken of the values as SQLite hands them out, before any of them is understood: damage can turn a number into a text.
enum RowDigest {
    /// SHA-256 over each value's type and content, 32 bytes. A number with a fraction counts by its bits.
    static func compute(_ values: [DatabaseValue]) -> [UInt8] {
        var hash = FieldHash()
        for value in values {
            switch value.storage {
            case .null: hash.add(nil as String?)
            case .int64(let number): hash.add("i\(number)")
            case .double(let number): hash.add("d\(number.bitPattern)")
            case .string(let text): hash.add("t\(text)")
            case .blob(let bytes): hash.add([UInt8(ascii: "b")] + bytes)
            }
        }
        return hash.finish()
    }

    /// Whether a row is the one that was written. A file of schema version 1 has no digests, and is taken at its word.
    static func isRight(_ row: Row, _ columns: [String]) -> Bool {
        guard row.hasColumn("digest") else { return true }
        return Data.fromDatabaseValue(row["digest"]) == Data(compute(columns.map { row[$0] }))
    }

    /// `row_digest(…)` for SQL; every connection has it.
    static let function = DatabaseFunction("row_digest", pure: true) { Data(compute($0)) }
}

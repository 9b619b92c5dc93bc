import Foundation
import GRDB
import GRDBSQLite

/// A table that holds long byte strings as rows of bounded size, numbered 0, 1, 2 … below their owner's key.
///
/// SQLite refuses blobs over 10⁹ bytes and needs a contiguous copy to read one; parts avoid both. Bytes go in and out
/// through the C interface, because GRDB's values would copy them.
struct PartTable {
    let name: String
    /// The columns that name the owner; `ordinal` and `bytes` follow them.
    let owner: [String]

    static let log = PartTable(name: "log_part", owner: ["run", "sequence"])
    static let tensor = PartTable(name: "tensor_part", owner: ["tensor"])

    /// 1, 4, 8 and 16 MiB take the same time to write and to read; larger ones outgrow SQLite's page cache.
    static let defaultPartSize = 4 << 20

    /// Cuts bytes into parts of at most `size`, without copying. Nothing gives no part.
    static func split(_ bytes: UnsafeRawBufferPointer, size: Int) -> [UnsafeRawBufferPointer] {
        stride(from: 0, to: bytes.count, by: size).map { start in
            UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + size, bytes.count)])
        }
    }

    /// Inserts one part. The bytes are read during the call only.
    func insert(_ bytes: UnsafeRawBufferPointer, key: [Int64], ordinal: Int, in db: Database) throws {
        let columns = owner + ["ordinal", "bytes"]
        let marks = columns.map { _ in "?" }.joined(separator: ", ")
        let sql = "INSERT INTO \(name) (\(columns.joined(separator: ", "))) VALUES (\(marks))"
        let statement = try db.cachedStatement(sql: sql).sqliteStatement
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, value) in (key + [Int64(ordinal)]).enumerated() {
            try check(sqlite3_bind_int64(statement, CInt(index + 1), value), in: db)
        }
        // No destructor is SQLITE_STATIC: the bytes outlive the statement's execution, and nobody copies them.
        try check(sqlite3_bind_blob64(statement, CInt(columns.count), bytes.baseAddress, UInt64(bytes.count), nil), in: db)
        try check(sqlite3_step(statement), is: SQLITE_DONE, in: db)
    }

    /// Finds one part: its row and its size, or nil when it is missing.
    func locate(key: [Int64], ordinal: Int, in db: Database) throws -> (row: Int64, byteCount: Int)? {
        let condition = (owner + ["ordinal"]).map { "\($0) = ?" }.joined(separator: " AND ")
        let statement = try db.cachedStatement(sql: "SELECT rowid, length(bytes) FROM \(name) WHERE \(condition)")
        return try Row.fetchOne(statement, arguments: StatementArguments(key + [Int64(ordinal)])).map { ($0[0], $0[1]) }
    }

    /// Bytes of all parts of an owner.
    func byteCount(key: [Int64], in db: Database) throws -> Int {
        let condition = owner.map { "\($0) = ?" }.joined(separator: " AND ")
        let statement = try db.cachedStatement(sql: "SELECT sum(length(bytes)) FROM \(name) WHERE \(condition)")
        return try Int.fetchOne(statement, arguments: StatementArguments(key)) ?? 0
    }

    /// Fills memory with a located part's bytes from `offset` on; there must be so many.
    func read(row: Int64, from offset: Int = 0, into destination: UnsafeMutableRawBufferPointer, in db: Database) throws {
        var blob: OpaquePointer?
        try check(sqlite3_blob_open(db.sqliteConnection, "main", name, "bytes", row, 0, &blob), in: db)
        defer { sqlite3_blob_close(blob) }
        try check(sqlite3_blob_read(blob, destination.baseAddress, CInt(destination.count), CInt(offset)), in: db)
    }

    /// Deletes all parts of an owner.
    func delete(key: [Int64], in db: Database) throws {
        let condition = owner.map { "\($0) = ?" }.joined(separator: " AND ")
        try db.cachedStatement(sql: "DELETE FROM \(name) WHERE \(condition)").execute(arguments: StatementArguments(key))
    }

    private func check(_ code: CInt, is expected: CInt = SQLITE_OK, in db: Database) throws {
        guard code != expected else { return }
        let message = db.sqliteConnection.map { String(cString: sqlite3_errmsg($0)) }
        throw DatabaseError(resultCode: ResultCode(rawValue: code), message: message)
    }
}

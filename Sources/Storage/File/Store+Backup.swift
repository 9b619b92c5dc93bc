import Foundation
import GRDB

extension Store {
    /// Writes a compact copy of the database to a file that does not exist yet. The copy is complete and durable when it
    /// has its name.
    ///
    /// Made from an inspecting store it does not hold up the server beside it; the server's WAL grows until it is done.
    public func backup(to destination: String) throws(StorageError) {
        let target = try DatabaseFile(path: destination)
        let partial = DatabaseFile(unresolved: target.path + "-partial")
        guard access(target.path, F_OK) != 0 else {
            throw StorageError(.cannotOpen, "\(target.path) exists. Choose another name, or remove it first.")
        }
        unlink(partial.path)
        defer { unlink(partial.path) }
        do {
            try withConnection { try $0.execute(sql: "VACUUM INTO ?", arguments: [partial.path]) }
        } catch {
            guard error.kind == .full else { throw error }
            throw StorageError(.full, "No room left to write \(target.path). Free some space on its device, then try again.")
        }
        try checkStillAtRest()
        try partial.sync()
        guard rename(partial.path, target.path) == 0 else {
            throw StorageError(.io, "\(target.path) cannot be named (\(String(cString: strerror(errno)))).")
        }
        try target.syncDirectory()
    }
}

import ArgumentParser
import Foundation
import Storage

/// `lather inspect`: what a database holds, without a server and without changing it.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what a database holds; with --verify, check every byte of it.")

    @Option(help: "The SQLite file.")
    var database: String

    @Argument(help: ArgumentHelp("Only this run, with every tensor.", valueName: "run"))
    var name: String?

    @Flag(help: "Read every checkpoint and every log record and compare their checksums.")
    var verify = false

    func run() throws {
        do {
            try inspect()
        } catch let error as StorageError {
            throw Failure(error, database: database).report()
        } catch let failure as Failure {
            throw failure.report()
        }
    }

    private func inspect() throws {
        let store = try Store(inspecting: database)
        var rows = try store.runs()
        if let name {
            rows = rows.filter { $0.name == name }
            guard !rows.isEmpty else { throw Failure(.failed, "\(database) has no run \"\(name)\"") }
        }
        print("\(database): schema_version \(store.schemaVersion), SQLite \(Store.sqliteVersion), \(rows.count) run(s)")
        var damages = 0
        if verify {
            var found = try store.structuralDamage()
            do {
                try store.requireAcknowledgedRuns()
            } catch {
                guard error.isCorruption else { throw error }
                found.append(error.message)
            }
            for damage in found { print("  DAMAGED: \(damage)") }
            damages = found.count
        }
        for row in rows {
            do {
                try describe(row, in: store)
                guard verify else { continue }
                var found = try store.damages(of: row)
                // Beside a server what is read may be pruned under one's hands; real damage is there again.
                if !found.isEmpty { found.formIntersection(try store.damages(of: row)) }
                if let damage = try store.historyDamage(of: row) { found.insert(damage) }
                for damage in found.sorted() { print("  DAMAGED: \(damage)") }
                damages += found.count
            } catch let error as StorageError where error.kind == .notFound {
                print("  gone meanwhile")
            } catch let error as StorageError where error.isCorruption {
                print("  DAMAGED: \(error)")
                damages += 1
            }
        }
        try store.close()
        if damages > 0 { throw Failure(.unusableData, "\(database) is damaged in \(damages) place(s)") }
        if verify { print("everything verified") }
    }

    private func describe(_ row: RunRecord, in store: Store) throws {
        let entries = try store.logEntryCount(of: row.id)
        let bytes = try store.logByteCount(of: row.id)
        print("\(row.name): epoch \(row.epoch), created \(row.createdAt.formatted(.iso8601))")
        if row.isAhead { print("  steps were answered after the last checkpoint and are in no log") }
        print("  log: \(entries) record(s), \(bytes) bytes")
        for checkpoint in try store.checkpoints(of: row.id) {
            let label = checkpoint.header.label.map { " \"\($0)\"" } ?? ""
            print(
                "  checkpoint of step \(checkpoint.header.step)\(label): \(checkpoint.byteCount) bytes, \(checkpoint.createdAt.formatted(.iso8601))"
            )
            guard name != nil else { continue }
            for tensor in try store.tensors(of: checkpoint.id) {
                print("    \(tensor.kind.rawValue) \(tensor.name) \(tensor.dtype) \(tensor.shape) \(tensor.byteCount) bytes")
            }
        }
    }
}

import ArgumentParser
import Storage

/// `lather backup`: a consistent copy of a database, also while a server uses it.
struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Copy a database into a new file, also while it is being served.")

    @Option(help: "The SQLite file.")
    var database: String

    @Argument(help: ArgumentHelp("The copy; it must not exist yet.", valueName: "out"))
    var destination: String

    func run() throws {
        do {
            let store = try Store(inspecting: database)
            try store.backup(to: destination)
            try store.close()
        } catch {
            throw Failure(error, database: database).report()
        }
    }
}

import ArgumentParser
import Foundation
import Memory
import Training

/// `lather export`: a run's whole state as one file.
struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the state of a run to a safetensors file, while no server uses the database.",
        discussion: "The run is brought back and finished as by a start and a stop of the server: a checkpoint is made if there is none of "
            + "its last step, and a crash that lost steps under a weaker durability raises its epoch.")

    @Option(help: "The SQLite file.")
    var database: String

    @Argument(help: ArgumentHelp("The run.", valueName: "run"))
    var name: String

    @Argument(help: ArgumentHelp("The file.", valueName: "out"))
    var destination: String

    @Flag(help: "Replace the file if it exists.")
    var force = false

    func run() async throws {
        do throws(Failure) {
            // Opening would create it.
            guard FileManager.default.fileExists(atPath: database) else {
                throw Failure(.inputOutput, "the database \(database) does not exist")
            }
            let name = try OfflineDatabase.name(name)
            let file = try NewFile(destination, replacing: force)
            try await OfflineDatabase.use(database, run: name) { (runs) async throws(Failure) in
                try await Export.write(name, of: runs, to: file)
            }
        } catch {
            throw error.report()
        }
    }

    private static func write(_ name: RunName, of runs: Runs, to file: NewFile) async throws(Failure) {
        do {
            let run = try runs.run(name)
            let checkpoint = try await run.upToDateCheckpoint()
            let download = try await run.download(checkpointAt: checkpoint.step)
            while let piece = try await download.next() {
                switch piece {
                case .header(let bytes): try bytes.withUnsafeBytes(file.write)
                case .part(let buffer, let range):
                    try withExtendedLifetime(buffer) { try file.write(UnsafeRawBufferPointer(rebasing: buffer.bytes[range])) }
                }
            }
            try file.finish()
            print("\(name): step \(checkpoint.step), \(download.byteCount) bytes")
        } catch let failure as Failure {
            throw failure
        } catch let error as TrainingError {
            throw Failure(error)
        } catch {
            throw Failure(.inputOutput, "\(error)")
        }
    }
}

import ArgumentParser
import Foundation
import Memory
import StrictJSON
import Training

/// `lather import`: a run goes on from a file.
struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let a run go on from the state in a safetensors file, while no server uses the database.",
        discussion: "A run that does not exist is made, and so is the database: from --manifest, or as the file of an export says.")

    @Option(help: "The SQLite file; created when absent.")
    var database: String

    @Option(help: "How to make the run: a JSON file as for PUT /v1/runs/{run}. A run that exists must have been made from it.")
    var manifest: String?

    @Argument(help: ArgumentHelp("The run.", valueName: "run"))
    var name: String

    @Argument(help: ArgumentHelp("The file.", valueName: "in"))
    var source: String

    func run() async throws {
        do throws(Failure) {
            let name = try OfflineDatabase.name(name)
            let state = try Import.bytes(of: source)
            let given = try manifest.map { (path) throws(Failure) in try Import.manifest(in: path) }
            let embedded: JSONValue?
            do { embedded = try Runs.manifest(inState: state) } catch { throw Failure(error) }
            if !FileManager.default.fileExists(atPath: database) {
                // Opening will create it, which should not be in vain.
                guard let manifest = given ?? embedded else { throw Import.unmade(name) }
                do { try Runs.check(state, for: manifest) } catch { throw Failure(error) }
            }
            let status = try await OfflineDatabase.use(database, run: name) { (runs) async throws(Failure) in
                do throws(TrainingError) {
                    let exists = try Import.exists(name, in: runs)
                    guard let manifest = given ?? (exists ? nil : embedded) else {
                        return try await Import.take(state, by: runs.run(name))
                    }
                    let (run, isNew) = try await runs.make(name, manifest: manifest)
                    do throws(TrainingError) {
                        return try await Import.take(state, by: run)
                    } catch {
                        if isNew { try? await runs.delete(name, epoch: nil) }
                        throw error
                    }
                } catch {
                    throw error.code == .unknownRun ? Import.unmade(name) : Failure(error)
                }
            }
            print("\(name): step \(status.step), epoch \(status.epoch)")
        } catch {
            throw error.report()
        }
    }

    private static func take(_ state: AlignedBuffer, by run: Run) async throws(TrainingError) -> RunStatus {
        try await run.importState(state, epoch: nil)
        return run.status
    }

    private static func exists(_ name: RunName, in runs: Runs) throws(TrainingError) -> Bool {
        do {
            _ = try runs.run(name)
            return true
        } catch {
            guard error.code == .unknownRun else { throw error }
            return false
        }
    }

    private static func unmade(_ name: RunName) -> Failure {
        Failure(.failed, "there is no run \"\(name)\", and the file does not say how to make it; give a --manifest")
    }

    private static func manifest(in path: String) throws(Failure) -> JSONValue {
        let file = try bytes(of: path)
        do {
            return try withExtendedLifetime(file) { () throws(JSONError) in try JSONValue(parsing: file.bytes) }
        } catch {
            throw Failure(.unusableData, "\(path) is not valid JSON: \(error)")
        }
    }

    private static func bytes(of path: String) throws(Failure) -> AlignedBuffer {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        defer { if descriptor >= 0 { close(descriptor) } }
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
            throw Failure(.inputOutput, "\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(.inputOutput, "\(path) is not a regular file") }
        let buffer = AlignedBuffer(count: Int(status.st_size))
        var filled = 0
        while filled < buffer.count {
            let count = read(descriptor, buffer.mutableBytes.baseAddress! + filled, buffer.count - filled)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Failure(.inputOutput, "\(path) cannot be read to its end") }
            filled += count
        }
        return buffer
    }
}

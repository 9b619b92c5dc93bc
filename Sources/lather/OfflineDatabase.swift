import Foundation
import Logging
import Memory
import Storage
import Training

/// A database without a server: one run of it is brought back as a start would do it, and finished as a stop would.
enum OfflineDatabase {
    /// Opens the database for itself alone, creates it when it is absent, and closes it after `work`.
    ///
    /// - Returns: what `work` returns, when all of it is on disk.
    static func use<Value>(
        _ path: String, run name: RunName, _ work: (Runs) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        try Settings(environment: ProcessInfo.processInfo.environment).checkKernels()
        let logger = Logger.ofWarnings
        let store: Store
        do { store = try Store(path: path, logger: logger) } catch { throw Failure(error, database: path) }
        // Who calls this owns the machine's memory as well as the run.
        let runs = Runs(
            store: store, threadCount: ProcessInfo.processInfo.activeProcessorCount, memoryBudget: .max,
            buffers: BufferPool(maximumIdleBytes: 0), logger: logger)
        let result: Result<Value, Failure>
        do throws(Failure) {
            do { try await runs.recover(only: name) } catch { throw Failure(error) }
            result = .success(try await work(runs))
        } catch {
            result = .failure(error)
        }
        let isComplete = await runs.finish()
        do { try store.close() } catch { throw Failure(error, database: path) }
        let value = try result.get()
        guard isComplete else { throw Failure(.inputOutput, "the last checkpoint could not be written to \(path)") }
        return value
    }

    static func name(_ text: String) throws(Failure) -> RunName {
        do { return try RunName(text) } catch { throw Failure(.usage, error.detail) }
    }
}

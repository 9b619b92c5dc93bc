import StrictJSON
import Training

/// What a step's cost depends on besides the step.
struct MachineFacts: Sendable {
    let coreCount: Int
    let threadCount: Int
    /// Where the database lay.
    let directory: String
    /// Of 4 KiB.
    let sync: TimeSummary

    var json: JSONValue {
        [
            "version": .string(Lather.version), "cores": JSONValue(coreCount), "threads": JSONValue(threadCount),
            "blas": ["library": .string(EngineFacts.blasVersion), "kernels": .string(EngineFacts.blasKernels)],
            "sqlite_version": .string(EngineFacts.sqliteVersion), "directory": .string(directory), "sync_ms": sync.json,
        ]
    }
}

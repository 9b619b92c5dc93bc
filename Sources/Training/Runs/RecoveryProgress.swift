/// How far a start has come with bringing the runs back.
public struct RecoveryProgress: Sendable, CustomStringConvertible {
    /// Runs that are back, or given up.
    public internal(set) var runsDone = 0
    /// Runs that were in the database.
    public internal(set) var runsTotal = 0
    /// Of each run's log.
    var records: [RunName: (done: Int, total: Int)] = [:]
    /// Records of the logs that have been done again.
    public var recordsDone: Int { records.values.reduce(0) { $0 + $1.done } }
    /// It grows when a damaged checkpoint makes more of a log necessary.
    public var recordsTotal: Int { records.values.reduce(0) { $0 + $1.total } }
    /// What has to happen before the runs, or those that could not be brought back yet, go on.
    public internal(set) var obstacle: String?

    public var description: String {
        let progress =
            runsTotal == 0
            ? "which ones is not known yet" : "\(runsDone) of \(runsTotal) runs, \(recordsDone) of \(recordsTotal) log records"
        return obstacle.map { "\(progress); waiting, because \($0)" } ?? progress
    }

    /// All of it under the names that programs know.
    var figures: [(name: String, value: Int)] {
        [("runs_done", runsDone), ("runs_total", runsTotal), ("records_done", recordsDone), ("records_total", recordsTotal)]
    }
}

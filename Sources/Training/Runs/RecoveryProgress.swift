/// How far a start has come with bringing the runs back.
public struct RecoveryProgress: Sendable, CustomStringConvertible {
    public internal(set) var runsDone = 0
    public internal(set) var runsTotal = 0
    /// Records of the logs that have been done again.
    public internal(set) var recordsDone = 0
    /// It grows when a damaged checkpoint makes more of a log necessary.
    public internal(set) var recordsTotal = 0
    /// What runs wait for that could not be brought back yet.
    public internal(set) var obstacle: String?

    public var description: String {
        let progress = "\(runsDone) of \(runsTotal) runs, \(recordsDone) of \(recordsTotal) log records"
        return obstacle.map { "\(progress); waiting, because \($0)" } ?? progress
    }

    /// All of it under the names that programs know.
    var figures: [(name: String, value: Int)] {
        [("runs_done", runsDone), ("runs_total", runsTotal), ("records_done", recordsDone), ("records_total", recordsTotal)]
    }
}

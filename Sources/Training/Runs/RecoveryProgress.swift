/// How far a start has come with bringing the runs back.
public struct RecoveryProgress: Sendable, CustomStringConvertible {
    public internal(set) var runsDone = 0
    public internal(set) var runsTotal = 0
    /// Records of the logs that have been done again.
    public internal(set) var recordsDone = 0
    /// It grows when a damaged checkpoint makes more of a log necessary.
    public internal(set) var recordsTotal = 0

    public var description: String { "\(runsDone) of \(runsTotal) runs, \(recordsDone) of \(recordsTotal) log records" }

    /// All of it under the names that programs know.
    var figures: [(name: String, value: Int)] {
        [("runs_done", runsDone), ("runs_total", runsTotal), ("records_done", recordsDone), ("records_total", recordsTotal)]
    }
}

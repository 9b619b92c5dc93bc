import Training

/// One line of a report: which steps are timed, and how many of them.
struct StepCase: Sendable, CustomStringConvertible {
    let workload: Workload
    /// `precondition_frequency`: so many steps are a period, and hold one refresh of the bases.
    let frequency: Int
    /// That of the run behind HTTP; nil is the optimizer alone, without a server.
    let durability: Policy.Durability?
    /// Steps to time.
    let count: Int

    /// - Parameter steps: is rounded up to whole periods: the mean over them is what a run pays, refreshes included.
    init(_ workload: Workload, frequency: Int, durability: Policy.Durability?, steps: Int) {
        self.workload = workload
        self.frequency = frequency
        self.durability = durability
        count = (steps + frequency - 1) / frequency * frequency
    }

    /// Steps before those that are timed: the first, which makes the bases in double precision, up to the first ordinary
    /// refresh, after which all scratch memory is there.
    var warmUpCount: Int { frequency + 1 }

    /// What takes the steps, for people.
    var stepper: String { durability.map { "http, \($0.rawValue)" } ?? "engine" }

    var description: String { "\(workload.rawValue), frequency \(frequency), \(stepper)" }
}

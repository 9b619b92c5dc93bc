import Foundation
import StrictJSON
import Training

/// What `lather bench` says in the end.
struct BenchReport: Sendable {
    let machine: MachineFacts
    let costs: [StepCost]

    /// The keys are in the README.
    var json: JSONValue { ["machine": machine.json, "measurements": .array(costs.map(\.json))] }

    /// A table for people.
    var text: String {
        let facts = """
            lather \(Lather.version): \(machine.threadCount) compute thread(s) on \(machine.coreCount) core(s), \
            OpenBLAS \(EngineFacts.blasVersion) (\(EngineFacts.blasKernels)), SQLite \(EngineFacts.sqliteVersion)
            4 KiB reach the disk below \(machine.directory) in \(BenchReport.digits(machine.sync.median)) ms \
            (p99 \(BenchReport.digits(machine.sync.p99)))
            """
        let titles = ["workload", "frequency", "stepped by", "mean ms", "p50 ms", "p99 ms"] + PhaseTimes.names
        return ([facts, "", BenchReport.line(titles)] + costs.map(BenchReport.line)).joined(separator: "\n")
    }

    private static func line(_ cost: StepCost) -> String {
        let phases = cost.phases.map { [$0.receive, $0.compute, $0.commit].map(digits) } ?? []
        let times = [cost.step.mean, cost.step.median, cost.step.p99].map(digits)
        return line([cost.measured.workload.rawValue, "\(cost.measured.frequency)", cost.measured.stepper] + times + phases)
    }

    /// Words to the left, numbers to the right.
    private static func line(_ cells: [String]) -> String {
        zip(cells, [12, -9, 16, -9, -9, -9, -9, -9, -9]).map { cell, width in
            let padding = String(repeating: " ", count: max(abs(width) - cell.count, 0))
            return width < 0 ? padding + cell : cell + padding
        }.joined(separator: "  ")
    }

    private static func digits(_ milliseconds: Double) -> String { String(format: "%.3f", milliseconds) }
}

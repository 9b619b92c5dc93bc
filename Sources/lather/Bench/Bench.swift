import ArgumentParser
import Foundation
import Memory
import StrictJSON
import Training

/// `lather bench`: what a step costs on this machine.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time steps on this machine: by the optimizer alone, and over HTTP with each durability.",
        discussion: "Takes about a minute unless there is less to measure. Starts a server of its own on a free port of 127.0.0.1, with a "
            + "database in a new directory, which is removed at the end. --workload, --frequency and --durability may be repeated.")

    @Option(help: "The parameters to step.")
    var workload = Workload.allCases

    @Option(help: "The run's precondition_frequency.")
    var frequency = [1, 10]

    @Option(help: "The run's durability.")
    var durability: [Policy.Durability] = [.memory, .checkpoint, .log]

    @Option(help: "Steps to time, rounded up to a multiple of the frequency.")
    var steps = 20

    @Option(help: "Compute threads. (default: one a core)")
    var threads: Int?

    @Option(help: "Where the directory is made, on the disk to be measured. (default: the system's temporary directory)")
    var directory: String?

    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    func run() async throws {
        do {
            let report = try await report()
            print(json ? String(decoding: report.json.serialized(pretty: true), as: UTF8.self) : report.text)
        } catch {
            throw error.report()
        }
    }

    private func report() async throws(Failure) -> BenchReport {
        try Settings(environment: ProcessInfo.processInfo.environment).checkKernels()
        let cases = try cases()
        let coreCount = ProcessInfo.processInfo.activeProcessorCount
        let threadCount = try options.number(threads, "threads", 1...1024) ?? coreCount
        let parent = directory ?? FileManager.default.temporaryDirectory.path
        guard !parent.isEmpty else { throw Failure(.usage, "--directory must not be empty") }
        // A reader that ends loses lines; the directory must be removed all the same.
        signal(SIGPIPE, SIG_IGN)
        let signals = StopSignals()
        let stopSignal = Locked<String?>(nil)
        Task {
            let name = await signals.first()
            stopSignal.withLock { $0 = name }
        }
        let scratch = try ScratchDirectory(in: parent)
        let result: Result<BenchReport, Failure>
        do throws(Failure) {
            let machine = MachineFacts(coreCount: coreCount, threadCount: threadCount, directory: parent, sync: try scratch.syncTime())
            let costs = try await Bench.costs(of: cases, threadCount: threadCount, in: scratch, stopSignal)
            result = .success(BenchReport(machine: machine, costs: costs))
        } catch {
            result = .failure(error)
        }
        try scratch.remove()
        return try result.get()
    }

    private static func costs(
        of cases: [StepCase], threadCount: Int, in scratch: ScratchDirectory, _ stopSignal: Locked<String?>
    ) async throws(Failure) -> [StepCost] {
        let server = try await LoopbackServer(database: scratch.path + "/lather.sqlite", threadCount: threadCount)
        let bencher = Bencher(cases: cases, threadCount: threadCount, port: server.port, stopSignal: stopSignal)
        let costs: Result<[StepCost], Failure>
        do throws(Failure) { costs = .success(try await bencher.measureOnThread()) } catch { costs = .failure(error) }
        await server.stop()
        return try costs.get()
    }

    /// Everything to measure, what is compared side by side.
    private func cases() throws(Failure) -> [StepCase] {
        let steps = try options.number(steps, "steps", 1...100_000) ?? 1
        var cases: [StepCase] = []
        for workload in workload {
            for frequency in frequency {
                let frequency = try options.number(frequency, "frequency", 1...1_000) ?? 1
                for durability in [nil] + durability {
                    cases.append(StepCase(workload, frequency: frequency, durability: durability, steps: steps))
                }
            }
        }
        return cases
    }

    /// None of these is set in the environment.
    private var options: Settings { Settings(environment: [:]) }
}

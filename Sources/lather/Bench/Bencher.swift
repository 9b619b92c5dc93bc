import Foundation
import LinearAlgebra
import Memory

/// Takes the steps and times them, one case after another, on a thread that may block.
struct Bencher: Sendable {
    let cases: [StepCase]
    let threadCount: Int
    /// That of the server.
    let port: Int
    /// The name of the signal that asks for an end, when it has come.
    let stopSignal: Locked<String?>

    /// On a thread of its own: steps block, and Swift's threads are few and serve the server.
    func measureOnThread() async throws(Failure) -> [StepCost] {
        let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<[StepCost], Failure>, Never>) in
            Thread.detachNewThread {
                continuation.resume(returning: Result { () throws(Failure) in try measure() })
            }
        }
        return try result.get()
    }

    private func measure() throws(Failure) -> [StepCost] {
        #if DEBUG
            Bencher.say("this is a debug build, whose computations take many times as long")
        #endif
        let pool = ComputePool(threadCount: threadCount)
        let client = try LoopbackClient(port: port)
        var costs: [StepCost] = []
        for (index, measured) in cases.enumerated() {
            Bencher.say("\(index + 1)/\(cases.count) \(measured): \(measured.warmUpCount) + \(measured.count) steps")
            costs.append(try measure(measured, name: "bench-\(index)", pool: pool, client: client))
        }
        return costs
    }

    private func measure(_ measured: StepCase, name: String, pool: ComputePool, client: LoopbackClient) throws(Failure) -> StepCost {
        guard let durability = measured.durability else {
            let stepper = EngineStepper(measured, pool: pool)
            return try time(measured) { _, gradients in
                stepper.step(gradients)
                return nil
            }
        }
        let stepper = try HTTPStepper(measured, durability: durability, name: name, client: client)
        // Makes room for the next one; and of a run that is left the stop of the server would write a checkpoint first.
        defer { try? stepper.deleteRun() }
        return try time(measured) { (number, gradients) throws(Failure) in try stepper.step(number, gradients) }
    }

    private func time(_ measured: StepCase, _ step: (Int, NoiseGradients) throws(Failure) -> PhaseTimes?) throws(Failure) -> StepCost {
        var gradients = try NoiseGradients(shapes: measured.workload.shapes)
        var times: [Duration] = []
        var phases: [PhaseTimes] = []
        for number in 1...measured.warmUpCount + measured.count {
            if let name = stopSignal.withLock({ $0 }) { throw Failure(.failed, "stopped by \(name) before everything was measured") }
            gradients.renew()
            let began = ContinuousClock.now
            let itsPhases = try step(number, gradients)
            let time = ContinuousClock.now - began
            guard number > measured.warmUpCount else { continue }
            times.append(time)
            if let itsPhases { phases.append(itsPhases) }
        }
        return StepCost(measured: measured, step: TimeSummary(times), phases: phases.isEmpty ? nil : PhaseTimes(meanOf: phases))
    }

    /// What is going on, for whoever waits.
    private static func say(_ line: String) {
        try? FileHandle.standardError.write(contentsOf: Data("\(line)\n".utf8))
    }
}

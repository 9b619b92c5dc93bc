import Metrics
import SOAP
import Testing

@testable import Training

struct StepMeterTests {
    @Test func whatEveryParameterReportsIsAddedUp() {
        var report = StepReport()
        report.refreshed = true
        report.doubleFallbacks = 2
        report.failedDecompositions = 1
        let meter = StepMeter()
        meter.add(StepCounts(report), StepTiming())
        meter.add(StepCounts(report), StepTiming())
        meter.add(StepCounts(StepReport()), StepTiming())
        #expect(meter.counts.basisRefreshes == 2)
        #expect(meter.counts.decompositionFallbacks == 4)
        #expect(meter.counts.failedDecompositions == 2)
        #expect(meter.counts.taken == 0)
    }

    @Test func aStepsTimeIsDividedAmongItsPhases() {
        var timing = StepTiming(compute: .milliseconds(30), commit: .milliseconds(12))
        timing.planning = .milliseconds(10)
        var phases = StepPhases()
        phases.record(timing)
        #expect(phases.append.count == 0 && phases.sync.count == 0, "it was not logged")
        timing.waiting = .milliseconds(8)
        phases.record(timing)
        let sums = [phases.plan, phases.append, phases.compute, phases.sync].map { ($0.sum * 1_000).rounded() }
        #expect(sums == [20, 4, 40, 8])
        #expect(phases.plan.count == 2 && phases.compute.count == 2)
    }
}

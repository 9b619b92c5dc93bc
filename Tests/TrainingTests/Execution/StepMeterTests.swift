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
        meter.add(StepCounts(report))
        meter.add(StepCounts(report))
        meter.add(StepCounts(StepReport()))
        #expect(meter.counts.basisRefreshes == 2)
        #expect(meter.counts.decompositionFallbacks == 4)
        #expect(meter.counts.failedDecompositions == 2)
        #expect(meter.counts.taken == 0)
    }
}

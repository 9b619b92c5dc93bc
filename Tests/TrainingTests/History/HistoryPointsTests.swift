import Foundation
import Storage
import Testing

@testable import Training

/// How a run's history is thinned and drawn together, without a run.
@Suite struct HistoryPointsTests {
    private func point(_ step: Int, epoch: Int = 0, rms: Double = 1, refreshes: Int = 0) -> HistoryPoint {
        HistoryPoint(
            firstStep: step, lastStep: step, epoch: epoch, time: Date(timeIntervalSince1970: Double(step)),
            gradientRMS: HistoryFigure(rms), refreshCount: refreshes)
    }

    private func points(_ steps: some Sequence<Int>, _ make: (Int) -> HistoryPoint) -> HistoryPoints {
        var points = HistoryPoints()
        for step in steps { points.append(make(step)) }
        return points
    }

    /// No step is lost or counted twice, however it is thinned.
    private func expectWhole(_ points: [HistoryPoint], _ steps: ClosedRange<Int>, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(points.first?.firstStep == steps.lowerBound && points.last?.lastStep == steps.upperBound, sourceLocation: sourceLocation)
        #expect(points.reduce(0) { $0 + $1.stepCount } == steps.count, sourceLocation: sourceLocation)
        #expect(zip(points, points.dropFirst()).allSatisfy { $0.lastStep + 1 == $1.firstStep }, sourceLocation: sourceLocation)
        #expect(points.allSatisfy { $0.stepCount == $0.lastStep - $0.firstStep + 1 }, sourceLocation: sourceLocation)
    }

    @Test(arguments: [1, 4_096, 4_608, 10_000, 60_000])
    func theNewestStepsAreWholeAndTheNumberOfPointsIsBounded(count: Int) {
        let points = points(1...count) { point($0, refreshes: $0 % 10 == 0 ? 1 : 0) }
        expectWhole(points.all, 1...count)
        #expect(points.all.suffix(HistoryPoints.newest).allSatisfy { $0.stepCount == 1 })
        let tiers = max(0, log2(Double(count) / Double(HistoryPoints.perTier)).rounded(.up))
        let bound = HistoryPoints.newest + HistoryPoints.slack + HistoryPoints.perTier * Int(tiers)
        #expect(points.all.count <= min(count, bound))
        #expect(points.all.reduce(0) { $0 + $1.refreshCount } == count / 10)
        // What is old is drawn together at most to what doubling asks for.
        #expect(points.all.first!.stepCount <= max(1, count / HistoryPoints.perTier))
    }

    @Test func aSpikeSurvivesThinningAndDrawing() {
        let points = points(1...30_000) { point($0, rms: $0 == 777 ? 1000 : $0 == 778 ? 0.001 : 1) }
        #expect(points.all.count < 7_000)
        for limit in [1, 10, 500] {
            let drawn = points.selection(0...(.max), limit: limit)
            #expect(drawn.count <= limit)
            expectWhole(drawn, 1...30_000)
            #expect(drawn.map(\.gradientRMS.greatest).max() == 1000)
            #expect(drawn.map(\.gradientRMS.least).min() == 0.001)
            let sum = drawn.reduce(0) { $0 + $1.gradientRMS.sum }
            #expect(abs(sum - (29_998 + 1000.001)) < 1e-6)
        }
    }

    @Test func drawingGivesPointsOfAboutAsManySteps() {
        let drawn = points(1...20_000) { point($0) }.selection(0...(.max), limit: 100)
        #expect(drawn.count == 100)
        // As even as points of up to 64 steps, of which the oldest are, allow.
        #expect(drawn.allSatisfy { (136...264).contains($0.stepCount) })
    }

    @Test func aSelectionHasEveryPointThatTouchesIt() {
        let points = points(1...20) { point($0) }
        #expect(points.selection(5...7, limit: 10).map(\.lastStep) == [5, 6, 7])
        #expect(points.selection(21...30, limit: 10).isEmpty)
        #expect(points.selection(5...12, limit: 4).map { [$0.firstStep, $0.lastStep] } == [[5, 6], [7, 8], [9, 10], [11, 12]])
    }

    /// After an import the numbers go on elsewhere.
    @Test func stepsThatAreLeftOutTakeNoRoom() {
        let points = points(Array(1...10) + Array(1_000_001...1_000_010)) { point($0) }
        let drawn = points.selection(0...(.max), limit: 4)
        #expect(drawn.map { [$0.firstStep, $0.lastStep] } == [[1, 5], [6, 10], [1_000_001, 1_000_005], [1_000_006, 1_000_010]])
    }

    @Test func discardingTakesWhatReachesBeyondAStep() {
        var points = points(1...9_000) { point($0, epoch: $0 > 100 ? 1 : 0) }
        let straddling = points.all.first { $0.stepCount > 1 && $0.lastStep > 1_000 }!
        points.discard(after: straddling.firstStep)
        #expect(points.all.last!.lastStep < straddling.firstStep)
        #expect(points.unsaved.allSatisfy { $0 <= straddling.firstStep })
        points.discard(after: 50, before: 1)
        #expect(points.all.filter { $0.epoch == 0 }.allSatisfy { $0.lastStep <= 50 } && points.all.contains { $0.epoch == 1 })
    }

    @Test func theRestOfAStepJoinsIt() {
        var points = points(1...3) { point($0, rms: 2) }
        points.append(point(3, rms: 4))
        #expect(points.all.map(\.stepCount) == [1, 1, 1])
        #expect(points.all[2].gradientRMS.greatest == 4)
    }

    /// What has been written, row upon row, is what is in memory.
    @Test(arguments: [100, 256, 5_000]) func whatIsSavedIsWhatIsThere(every: Int) {
        var points = HistoryPoints()
        var saved: [Int: HistoryPoint] = [:]
        for step in 1...12_000 {
            points.append(point(step))
            guard step % every == 0 || step == 12_000 else { continue }
            while case let batch = points.takeUnsaved(upTo: 256), !batch.isEmpty {
                // A write that fails now and then.
                if step % 3 == 0, batch.count % 2 == 0, step < 12_000 {
                    points.returnUnsaved(batch)
                    break
                }
                for point in batch {
                    for step in point.firstStep...point.lastStep { saved[step] = nil }
                    saved[point.firstStep] = point
                }
            }
        }
        #expect(saved.values.sorted { $0.firstStep < $1.firstStep } == points.all)
        #expect(HistoryPoints(saved: points.all).all.count <= points.all.count)
    }

    @Test func aPointComesBackFromItsRow() {
        var point = point(7, epoch: 3, rms: 0.25, refreshes: 2)
        point.merge(self.point(8, epoch: 4, rms: 1e30))
        point.updateRMS = HistoryFigure(least: 1, greatest: 3, sum: 6, count: 4)
        (point.parameterCount, point.skippedCount, point.clippedCount) = (5, 1, 9)
        point.commitTime = HistoryFigure(1.5)
        #expect(HistoryPoint(point.row) == point)
        var row = point.row
        #expect(HistoryPoint(.init(firstStep: 7, lastStep: 8, epoch: 4, point: row.point.dropLast())) == nil)
        row = .init(firstStep: 7, lastStep: 8, epoch: 4, point: [9] + row.point.dropFirst())
        #expect(HistoryPoint(row) == nil)
    }
}

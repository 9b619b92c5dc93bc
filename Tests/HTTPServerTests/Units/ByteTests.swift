import Memory
import Testing

@testable import HTTPServer

@Suite struct ByteTests {
    @Test(arguments: [0, 1, 64 << 10, (64 << 10) + 1, 1_000_000]) func aGrowingBodyKeepsEveryByte(count: Int) {
        var body = GrowingBody(pool: BufferPool(maximumIdleBytes: 0))
        var next = 0
        while next < count {
            let space = body.space()
            #expect(!space.isEmpty)
            let portion = min(space.count, count - next, 10_007)
            for index in 0..<portion { space[index] = UInt8(truncatingIfNeeded: (next + index) / 3) }
            body.filled(portion)
            next += portion
        }
        let whole = body.joined()
        #expect(whole.count == count)
        #expect(whole.bytes.elementsEqual((0..<count).lazy.map { UInt8(truncatingIfNeeded: $0 / 3) }))
    }

    @Test func anInputBufferGivesBackWhatItWasGiven() {
        var input = InputBuffer(capacity: 8)
        input.space().copyBytes(from: "abcdefgh".utf8)
        input.filled(8)
        #expect(input.space().isEmpty)
        input.consume(6)
        let space = input.space()
        #expect(space.count == 6)
        space.copyBytes(from: "ij".utf8)
        input.filled(2)
        input.release()
        #expect(input.bytes.elementsEqual("ghij".utf8))
        let buffer = AlignedBuffer(count: 3)
        #expect(input.move(into: buffer.mutableBytes) == 3)
        #expect(buffer.bytes.elementsEqual("ghi".utf8))
        input.consume(1)
        input.release()
        #expect(input.space().count == 8)
    }

    @Test func aBudgetAdmitsOneLargeBodyAlone() {
        let budget = ByteBudget(limit: 10, meter: ServerMeter())
        #expect(budget.reserve(100))
        #expect(!budget.reserve(1))
        budget.release(100)
        #expect(budget.reserve(4))
        #expect(budget.reserve(6))
        #expect(!budget.reserve(1))
        budget.release(4)
        #expect(!budget.reserve(5) && budget.reserve(100, besides: 6))
        // Beyond its limit, as answers that have to be given can bring it, it refuses nobody who wants nothing.
        #expect(budget.reserve(0) && !budget.reserve(1))
    }

    /// They are announced by anyone who can connect, and need not come.
    @Test func severalLargeBodiesLeaveAQuarterOfABudgetToOthers() {
        let (large, small) = (32 << 20, 16 << 20)
        let budget = ByteBudget(limit: 8 * small, meter: ServerMeter())
        for _ in 0..<3 { #expect(budget.reserve(bodyOf: large)) }
        #expect(!budget.reserve(bodyOf: large) && !budget.reserve(bodyOf: small + 1))
        #expect(budget.reserve(bodyOf: small) && budget.reserve(small) && !budget.reserve(bodyOf: 1))
        budget.release(bodyOf: large)
        #expect(budget.reserve(bodyOf: large))
        for _ in 0..<3 { budget.release(bodyOf: large) }
        // A first one may have all that is left.
        #expect(budget.reserve(bodyOf: 6 * small) && !budget.reserve(bodyOf: 1))
    }

    @Test func aBurstEarnsNoRightToALongPause() {
        let start = ContinuousClock.now
        var pace = Pace(start: start, limits: TransferLimits(grace: .seconds(10), minimumBytesPerSecond: 100), length: 0)
        #expect(pace.deadline == start + .seconds(10))
        #expect(pace.advance(by: 100, now: start + .seconds(5)) == start + .seconds(11))
        #expect(pace.advance(by: 1_000_000, now: start + .seconds(6)) == start + .seconds(16))
    }

    @Test func whatIsLongMustMoveFaster() {
        let start = ContinuousClock.now
        let limits = TransferLimits(grace: .seconds(10), minimumBytesPerSecond: 100, longest: .seconds(60))
        var pace = Pace(start: start, limits: limits, length: 60_000)
        #expect(pace.advance(by: 3_000, now: start + .seconds(9)) == start + .seconds(13))
    }
}

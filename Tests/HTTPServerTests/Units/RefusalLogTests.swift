import Logging
import Testing

@testable import HTTPServer

struct RefusalLogTests {
    @Test func eachKindHasALineInTenSecondsAndLosesNoCount() {
        let lines = LogLines()
        let log = RefusalLog(logger: Logger(label: "test") { _ in lines })
        let start = ContinuousClock.now
        for second in [0, 1, 9, 10, 11] { log.note("unauthorized", ["remote": "\(second)"], now: start + .seconds(second)) }
        log.note("storage-full", now: start + .seconds(11))
        log.note("unauthorized", now: start + .seconds(25))
        #expect(lines.lines.map { $0.facts["problem"] } == ["unauthorized", "unauthorized", "storage-full", "unauthorized"])
        #expect(lines.lines.map { $0.facts["times"] } == ["1", "3", "1", "2"])
        #expect(lines.lines.map { $0.facts["remote"] } == ["0", "10", nil, nil])
        #expect(lines.lines.allSatisfy { $0.level == .warning })
    }
}

import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    @Suite struct IdleConnectionsTests {
        private static let connectionCount = 1000
        private static let rounds = 10
        private static let stepsPerRound = 100

        @Test(.timeLimit(.minutes(2)))
        func aThousandIdleConnectionsCostNoThreadAndSlowNoStep() throws {
            try raiseDescriptorLimit()
            try TestServer.use { server in
                let connection = try server.connect()
                try connection.makeRun(
                    "run", ["optimizer": ["lr": 0.01, "precondition_frequency": 10], "policy": ["durability": "memory"]])
                let body = try [NamedTensor("w", [128, 128], seed: 1), NamedTensor("b", [128], seed: 2)].encoded()
                var step = 0
                func stepTimes(_ count: Int) throws -> [Double] {
                    // What was just opened or closed is not what is measured.
                    Thread.sleep(forTimeInterval: 0.2)
                    return try (0..<count).map { _ in
                        step += 1
                        return try ContinuousClock().measure { _ = try Updates(connection.putStep("run", step, body)) } / .milliseconds(1)
                    }
                }
                func idleConnections() throws -> [HTTPConnection] {
                    try (0..<IdleConnectionsTests.connectionCount).map { _ in
                        let connection = try server.connect()
                        guard try connection.get("/healthz/live").status == 200 else { throw TestFailure("a connection was refused") }
                        return connection
                    }
                }

                _ = try stepTimes(200)
                // A busy machine's times drift by more than the tenth that is allowed: both kinds take turns, each round is held
                // to the steps just before and after it, and the median of the rounds is judged.
                var before = try median(stepTimes(IdleConnectionsTests.stepsPerRound))
                var ratios: [Double] = []
                for _ in 0..<IdleConnectionsTests.rounds {
                    let threadsBefore = try server.process.threadCount
                    var idle = try idleConnections()
                    let with = try median(stepTimes(IdleConnectionsTests.stepsPerRound))
                    #expect(try server.process.threadCount <= threadsBefore + 4)
                    for connection in idle { #expect(try connection.get("/healthz/live").status == 200) }
                    idle = []
                    let after = try median(stepTimes(IdleConnectionsTests.stepsPerRound))
                    ratios.append(with / ((before + after) / 2))
                    before = after
                }
                let ratio = median(ratios)
                print("step time with \(IdleConnectionsTests.connectionCount) idle connections over without: \(ratio)")
                #expect(ratio <= 1.1)
            }
        }

        private func median(_ values: [Double]) -> Double {
            values.sorted()[values.count / 2]
        }

        private func raiseDescriptorLimit() throws {
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            limit.rlim_cur = limit.rlim_max
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            guard limit.rlim_cur > IdleConnectionsTests.connectionCount + 200 else {
                throw TestFailure("this machine allows \(limit.rlim_cur) open files, which is too few for this test")
            }
        }
    }
}

import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    @Suite struct IdleConnectionsTests {
        private static let connectionCount = 1000
        private static let stepsOfEach = 600

        /// A busy machine's times drift by more than the tenth that is allowed. So two servers take their steps in turn, the one with
        /// the connections and the one without, and then again with the connections at the other one.
        @Test(.timeLimit(.minutes(2)))
        func aThousandIdleConnectionsCostNoThreadAndSlowNoStep() throws {
            try raiseDescriptorLimit()
            try TestServer.use { one in
                try TestServer.use { other in
                    let steppers = try [Stepper(one), Stepper(other)]
                    _ = try stepTimes(of: steppers)
                    let ratios = try steppers.indices.map { busy in
                        let server = steppers[busy].server
                        let threadsBefore = try server.process.threadCount
                        let idle = try idleConnections(with: server)
                        let times = try stepTimes(of: steppers)
                        #expect(try server.process.threadCount <= threadsBefore + 4)
                        for connection in idle { #expect(try connection.get("/healthz/live").status == 200) }
                        return median(times[busy]) / median(times[1 - busy])
                    }
                    let ratio = (ratios[0] * ratios[1]).squareRoot()
                    print("step time with \(IdleConnectionsTests.connectionCount) idle connections over without: \(ratio), of \(ratios)")
                    #expect(ratio <= 1.1)
                }
            }
        }

        /// A server with a run, and a connection that takes its steps.
        private final class Stepper {
            let server: TestServer
            private let connection: HTTPConnection
            private let body: [UInt8]
            private var step = 0

            init(_ server: TestServer) throws {
                self.server = server
                connection = try server.connect()
                body = try [NamedTensor("w", [128, 128], seed: 1), NamedTensor("b", [128], seed: 2)].encoded()
                try connection.makeRun(
                    "run", ["optimizer": ["lr": 0.01, "precondition_frequency": 10], "policy": ["durability": "memory"]])
            }

            /// - Returns: how long it took, in milliseconds.
            func takeStep() throws -> Double {
                step += 1
                return try ContinuousClock().measure { _ = try Updates(connection.putStep("run", step, body)) } / .milliseconds(1)
            }
        }

        /// The times of each one's steps, which take turns.
        private func stepTimes(of steppers: [Stepper]) throws -> [[Double]] {
            // What was just opened or closed is not what is measured.
            Thread.sleep(forTimeInterval: 0.2)
            var times = steppers.map { _ in [Double]() }
            for _ in 0..<IdleConnectionsTests.stepsOfEach {
                for (index, stepper) in steppers.enumerated() { try times[index].append(stepper.takeStep()) }
            }
            return times
        }

        private func idleConnections(with server: TestServer) throws -> [HTTPConnection] {
            try (0..<IdleConnectionsTests.connectionCount).map { _ in
                let connection = try server.connect()
                guard try connection.get("/healthz/live").status == 200 else { throw TestFailure("a connection was refused") }
                return connection
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

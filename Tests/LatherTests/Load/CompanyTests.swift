import StrictJSON
import Testing

extension EndToEnd {
    /// Several clients at once.
    @Suite struct CompanyTests {
        @Test(.timeLimit(.minutes(1)))
        func runsThatStepAtOnceGetTheBitsThatEachGetsAlone() throws {
            try TestServer.use { server in
                let port = server.port
                let alone = try (1...2).map { try CompanyTests.train("alone-\($0)", seed: $0, port: port) }
                let works = (1...2).map { seed in Background { try CompanyTests.train("together-\(seed)", seed: seed, port: port) } }
                let together = try works.map { try $0.value() }
                #expect(together == alone)
                #expect(alone[0] != alone[1])
            }
        }

        /// - Returns: the answers of every step.
        private static func train(_ run: String, seed: UInt64, port: UInt16) throws -> [[UInt8]] {
            let connection = try HTTPConnection(port: port)
            try connection.makeRun(run, ["optimizer": ["lr": 0.01, "precondition_frequency": 3]])
            return try (1...12).map { step in
                let shapes: [(String, [Int])] = [("wide", [96, 200]), ("tall", [160, 64]), ("conv", [16, 8, 3, 3]), ("bias", [200])]
                let gradients = shapes.enumerated().map { index, parameter in
                    NamedTensor(parameter.0, parameter.1, seed: seed * 1_000_000 + UInt64(step * 100 + index))
                }
                let answer = try connection.putStep(run, step, gradients.encoded())
                guard answer.status == 200 else { throw answer.failure("step \(step) of \(run)") }
                return answer.body
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aLongStepHoldsUpNothingElse() throws {
            try TestServer.use(["--threads", "2"]) { server in
                let port = server.port
                let other = try server.connect()
                try other.makeRun("large", ["optimizer": ["lr": 0.01]])
                try other.makeRun("small", ["optimizer": ["lr": 0.01], "policy": ["durability": "memory"]])
                let body = try [NamedTensor("w", [1200, 1200], seed: 1)].encoded()
                let small = try [NamedTensor("w", [16, 16], seed: 2)].encoded()

                let clock = ContinuousClock()
                let large = Background {
                    let connection = try HTTPConnection(port: port)
                    return try clock.measure { _ = try Updates(connection.putStep("large", 1, body)) }
                }
                var slowest: [String: Duration] = [:]
                var rounds = 0
                func measure(_ what: String, _ work: () throws -> Bool) rethrows {
                    var isAsExpected = false
                    let duration = try clock.measure { isAsExpected = try work() }
                    #expect(isAsExpected, "\(what)")
                    if !large.isDone { slowest[what] = max(slowest[what] ?? .zero, duration) }
                }
                while !large.isDone {
                    rounds += 1
                    try measure("/v1/runs") { try other.get("/v1/runs").json["runs"]?.arrayValue?.count == 2 }
                    try measure("/healthz/live") { try other.get("/healthz/live").status == 200 }
                    try measure("the run itself") { try other.get("/v1/runs/large").status == 200 }
                    try measure("another run's step") { try other.putStep("small", rounds, small).status == 200 }
                }
                let duration = try large.value()
                print("a step of \(duration) and \(rounds) rounds of other requests beside it, the slowest: \(slowest)")
                #expect(rounds > 3)
                for (what, slow) in slowest { #expect(slow < duration / 2, "\(what)") }
            }
        }
    }
}

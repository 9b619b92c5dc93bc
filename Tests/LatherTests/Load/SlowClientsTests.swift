import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    @Suite(.enabled(if: LatherProcess.isNamed, "LATHER_BINARY names no release binary, and a debug build measures nothing"))
    struct SlowClientsTests {
        private static let counts: [SlowClients.Kind: Int] = [.head: 5_000, .body: 500, .reader: 500]
        private static let rounds = 3
        private static let stepsPerRound = 100

        @Test(.timeLimit(.minutes(3)))
        func sixThousandSlowClientsNeitherSlowAStepNorTakeMuchMemory() throws {
            let scale = try descriptorScale(for: SlowClientsTests.counts.values.reduce(0, +))
            let counts = SlowClientsTests.counts.mapValues { $0 / scale }
            let all = counts.values.reduce(0, +)
            try TestServer.use { server in
                let connection = try server.connect()
                for run in ["run", "slow"] {
                    try connection.makeRun(
                        run, ["optimizer": ["lr": 0.01, "precondition_frequency": 10], "policy": ["durability": "memory"]])
                }
                // What slow readers read: weights of 4 MB, a checkpoint of three times that, and the contract.
                let large = try [NamedTensor("w", [1_000_000], seed: 3)].encoded()
                try connection.makeRun("hosted", ["optimizer": ["lr": 0.01]])
                #expect(try connection.request("PUT", "/v1/runs/hosted/weights", body: large).status == 204)
                #expect(try connection.send("POST", "hosted/checkpoints").status == 201)
                let reading = [
                    (path: "/v1/runs/hosted/weights", accept: "*/*"), (path: "/openapi.yaml", accept: "*/*"),
                    (path: "/v1/runs/hosted/checkpoints/0", accept: "application/vnd.safetensors"),
                ]

                let body = try [NamedTensor("w", [128, 128], seed: 1), NamedTensor("b", [128], seed: 2)].encoded()
                var step = 0
                func stepTime() throws -> Double {
                    let times = try (0..<SlowClientsTests.stepsPerRound).map { _ in
                        step += 1
                        return try ContinuousClock().measure { _ = try Updates(connection.putStep("run", step, body)) } / .milliseconds(1)
                    }
                    return times.sorted()[times.count / 2]
                }
                // What every server takes once, such as the memory of its first steps and answers, is not the clients' doing.
                for (path, accept) in reading { #expect(try connection.request("GET", path, fields: [("Accept", accept)]).status == 200) }
                _ = try stepTime()

                let descriptorsBefore = try server.process.descriptorCount
                let memoryBefore = try server.process.residentByteCount
                var before = try stepTime()
                var ratios: [Double] = []
                var growth = 0
                for _ in 0..<SlowClientsTests.rounds {
                    let slow = SlowClients(port: server.port, counts: counts, writing: "/v1/runs/slow/steps/1", reading: reading)
                    defer { slow.stop() }
                    try slow.awaitAll()
                    // All are accepted, and have been for a moment.
                    _ = try server.process.await("connected to all") {
                        try server.process.descriptorCount >= descriptorsBefore + all * 99 / 100 ? true : nil
                    }
                    Thread.sleep(forTimeInterval: 1)
                    let with = try stepTime()
                    growth = max(growth, try server.process.residentByteCount - memoryBefore)
                    #expect(slow.figures.open >= all * 99 / 100)
                    slow.stop()
                    _ = try server.process.await("rid of them") {
                        try server.process.descriptorCount <= descriptorsBefore + 10 ? true : nil
                    }
                    let after = try stepTime()
                    ratios.append(with / ((before + after) / 2))
                    before = after
                }
                let ratio = ratios.sorted()[ratios.count / 2]
                print(
                    "\(counts[.head] ?? 0) slow heads, \(counts[.body] ?? 0) slow bodies, \(counts[.reader] ?? 0) slow readers: "
                        + "step time over that alone \(ratios), memory + \(growth >> 10) KiB, \(growth / all) bytes a connection")
                #expect(ratio <= 1.3)
                #expect(growth < 128 << 20)
                #expect(growth / all < 20 << 10, "a descriptor, a buffer of 16 KiB and what is known of the connection")
            }
        }

        /// Raises the limit of descriptors, of this process and so of the server; by how much the clients must be fewer.
        private func descriptorScale(for count: Int) throws -> Int {
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            limit.rlim_cur = limit.rlim_max
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let scale = (count + 200 + Int(limit.rlim_cur) - 1) / Int(limit.rlim_cur)
            if scale > 1 { print("this machine allows \(limit.rlim_cur) open files: one slow client for \(scale)") }
            return scale
        }
    }
}

import Testing

extension ServerTests {
    /// What the server answers to bytes, however they are cut on their way.
    @Suite struct WireTests {
        @Test(arguments: WireCase.all) func bytesSentWholeAreAnswered(_ test: WireCase) async throws {
            let deviations = try await withServer { port, _ in
                try await onThread { try WireDelivery(test, cutAt: []).play(port: port) }
            }
            #expect(deviations == [])
        }

        /// All cases side by side, a byte of each in turn, so that one pause serves all.
        @Test func bytesSentOneAtATimeAreAnsweredTheSame() async throws {
            let deliveries = WireCase.all.map { WireDelivery($0, cutAt: Array($0.bytes.indices.dropFirst())) }
            let deviations = try await withServer { port, _ in
                try await onThread { try WireDelivery.play(deliveries, pause: 5_000, port: port) }
            }
            #expect(deviations == [])
        }

        /// Many at once, first the first halves and then the second halves, so that one pause serves all.
        @Test func bytesSentInTwoHalvesAreAnsweredTheSame() async throws {
            let deliveries = WireCase.all.flatMap { test in
                test.boundaries.map { WireDelivery(test, cutAt: [$0]) }
            }
            let deviations = try await withServer { port, _ in
                try await onThread {
                    try stride(from: 0, to: deliveries.count, by: 100).flatMap { start in
                        try WireDelivery.play(Array(deliveries[start..<min(start + 100, deliveries.count)]), pause: 20_000, port: port)
                    }
                }
            }
            #expect(deviations == [])
        }

        @Test func theTableIsLongAndNamesEachCaseOnce() {
            #expect(WireCase.all.count >= 200)
            #expect(Set(WireCase.all.map(\.testDescription)).count == WireCase.all.count)
        }
    }
}

extension WireCase {
    /// Where to cut the bytes in two: everywhere; within long runs of padding, only here and there.
    fileprivate var boundaries: [Int] {
        bytes.indices.dropFirst().filter { index in
            index < 128 || index >= bytes.count - 128 || index.isMultiple(of: 509)
        }
    }
}

package import HTTPServer
import HTTPTypes

/// Requests mean the same however their bytes are cut, and what others would take them for.
package struct HTTPProperty {
    private let limits: HeadLimits

    /// - Parameter limits: small, so that short inputs reach them.
    package init(limits: HeadLimits = HeadLimits(bytes: 1 << 10, requestLineBytes: 1 << 9, fields: 16)) {
        self.limits = limits
    }

    /// What is wrong with what is made of the bytes; nil when nothing is.
    package func violation(in bytes: UnsafeRawBufferPointer) -> String? {
        let whole = HTTPReading(of: bytes, in: [], limits: limits)
        return FuzzProperties.violation { () throws(Violation) in
            for (name, portions) in deliveries(of: bytes) {
                let cut = HTTPReading(of: bytes, in: portions, limits: limits)
                try require(cut == whole, "sent \(name): \(cut.events.suffix(1)), sent whole: \(whole.events.suffix(1))")
            }
            for event in whole.events { try check(event, in: bytes) }
        }
    }

    /// A byte at a time, and in portions that depend on the bytes alone, so that a find can be repeated.
    private func deliveries(of bytes: UnsafeRawBufferPointer) -> [(name: String, portions: [Int])] {
        // FNV-1a, and then a linear congruential generator.
        var random = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
        var portions: [Int] = []
        for _ in 0..<16 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // Short ones, which come between CR and LF, and long ones.
            portions.append(1 + Int(random >> 33) % (random >> 63 == 0 ? 4 : 200))
        }
        return [("byte by byte", Array(repeating: 1, count: bytes.count)), ("in portions", portions)]
    }

    private func check(_ event: HTTPReading.Event, in bytes: UnsafeRawBufferPointer) throws(Violation) {
        switch event {
        case .head(let head, let range):
            try HeadProperty(head: head, bytes: Array(bytes[range])).check(limits)
        case .body(let range):
            try require(range.upperBound <= bytes.count, "a body beyond the bytes")
        case .chunked(let data, let range):
            let reference = LenientChunks(bytes[range])
            try require(reference?.data == data, "other data than the lenient read: \(data)")
            try require(reference?.count == range.count, "the lenient see the body's end elsewhere")
        case .refused(let error):
            try require((400...599).contains(error.status.code) && error.closesConnection, "refused, but not for good: \(error)")
        case .stuck:
            throw Violation(text: "a full buffer is neither understood nor refused")
        }
    }
}

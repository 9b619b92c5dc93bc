import HTTPTypes
public import Logging

/// Names requests in logs and answers, so that what a client saw can be found in the log.
public enum RequestID {
    /// The request that the present task serves.
    @TaskLocal public static var current: String?

    /// Puts `request_id` on every line that is logged while a request is served, whoever logs it.
    public static let metadataProvider = Logger.MetadataProvider {
        current.map { ["request_id": .string($0)] } ?? [:]
    }

    /// The name that a client gives its request: a well-formed `X-Request-Id`, else the trace of a well-formed `traceparent`
    /// (https://www.w3.org/TR/trace-context/#traceparent-header); nil when it has neither.
    static func given(in fields: HTTPFields) -> String? {
        let names = fields[values: .xRequestID]
        if names.count == 1, isWellFormed(names[0].utf8) { return names[0] }
        let parents = fields[values: .traceparent]
        return parents.count == 1 ? trace(of: Array(parents[0].utf8)) : nil
    }

    private static let longest = 128

    /// What can stand in a log, a URL and a shell without harm.
    private static func isWellFormed(_ name: String.UTF8View) -> Bool {
        (1...longest).contains(name.count)
            && name.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// The trace in `version-trace-parent-flags`. A version after 00 may add further parts.
    private static func trace(of parent: [UInt8]) -> String? {
        let (version, trace, span, flags) = (0..<2, 3..<35, 36..<52, 53..<55)
        let dash = UInt8(ascii: "-")
        guard parent.count >= flags.upperBound, [2, 35, 52].allSatisfy({ parent[$0] == dash }),
            [version, trace, span, flags].allSatisfy({ parent[$0].allSatisfy(isLowercaseHex) }),
            !parent[version].elementsEqual("ff".utf8), isNotZero(parent[trace]), isNotZero(parent[span])
        else { return nil }
        if parent.count > flags.upperBound {
            guard !parent[version].elementsEqual("00".utf8), parent[flags.upperBound] == dash else { return nil }
        }
        return String(decoding: parent[trace], as: UTF8.self)
    }

    private static func isLowercaseHex(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    private static func isNotZero(_ digits: ArraySlice<UInt8>) -> Bool { digits.contains { $0 != UInt8(ascii: "0") } }
}

extension HTTPField.Name {
    static let xRequestID = HTTPField.Name("X-Request-Id")!
}

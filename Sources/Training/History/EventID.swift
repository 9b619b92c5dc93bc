/// The place of an event among all those of its run: where the run stood, and for what is not a step a number that
/// rises. Later events have greater ones, also after a restart of the server.
public struct EventID: Comparable, Sendable, CustomStringConvertible {
    public let epoch: Int
    public let step: Int
    let ordinal: Int

    init(epoch: Int, step: Int, ordinal: Int = 0) {
        (self.epoch, self.step, self.ordinal) = (epoch, step, ordinal)
    }

    /// `EPOCH-STEP`, with a third number for an event that is not a step; nil for anything else.
    public init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part -> Int? in
            guard part.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
            return Int(String(decoding: part, as: UTF8.self))
        }
        guard numbers.count == parts.count, (2...3).contains(parts.count) else { return nil }
        self.init(epoch: numbers[0], step: numbers[1], ordinal: numbers.count == 3 ? numbers[2] : 0)
    }

    public var description: String { ordinal == 0 ? "\(epoch)-\(step)" : "\(epoch)-\(step)-\(ordinal)" }

    public static func < (left: EventID, right: EventID) -> Bool {
        (left.epoch, left.step, left.ordinal) < (right.epoch, right.step, right.ordinal)
    }
}

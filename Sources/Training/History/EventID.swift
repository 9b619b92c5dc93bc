/// The place of an event among all those of its run: where the run stood, and for what is not a step a number that
/// rises. Later events have greater ones, also after a restart of the server, and when a run is made anew under its name.
public struct EventID: Comparable, Sendable, CustomStringConvertible {
    /// Which run it is, of all that ever were.
    public let run: Int64
    /// The run's epoch.
    public let epoch: Int
    /// The run's step.
    public let step: Int
    let ordinal: Int

    init(run: Int64, epoch: Int, step: Int, ordinal: Int = 0) {
        (self.run, self.epoch, self.step, self.ordinal) = (run, epoch, step, ordinal)
    }

    /// `RUN-EPOCH-STEP`, with a fourth number for an event that is not a step; nil for anything else.
    public init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part -> Int? in
            guard part.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
            return Int(String(decoding: part, as: UTF8.self))
        }
        guard numbers.count == parts.count, (3...4).contains(parts.count) else { return nil }
        self.init(run: Int64(numbers[0]), epoch: numbers[1], step: numbers[2], ordinal: numbers.count == 4 ? numbers[3] : 0)
    }

    public var description: String { "\(run)-\(epoch)-\(step)" + (ordinal == 0 ? "" : "-\(ordinal)") }

    public static func < (left: EventID, right: EventID) -> Bool {
        (left.run, left.epoch, left.step, left.ordinal) < (right.run, right.epoch, right.step, right.ordinal)
    }
}

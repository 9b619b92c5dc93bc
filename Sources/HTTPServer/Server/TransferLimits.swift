/// How slowly a body may arrive or an answer be taken.
public struct TransferLimits: Sendable {
    /// No pause may be longer, and for so long after the start the rate does not matter.
    public var grace: Duration
    /// The mean rate that is asked for after the grace.
    public var minimumBytesPerSecond: Int
    /// What announces its length is through after this time, however large it is, or its memory goes to others: a body takes
    /// its room for all that it announces, and an answer is kept until it has been read.
    public var longest: Duration

    /// - Precondition: the rate is positive, and the longest time at least a second.
    public init(grace: Duration, minimumBytesPerSecond: Int, longest: Duration = .seconds(1_800)) {
        precondition(minimumBytesPerSecond > 0 && longest >= .seconds(1))
        self.grace = grace
        self.minimumBytesPerSecond = minimumBytesPerSecond
        self.longest = longest
    }
}

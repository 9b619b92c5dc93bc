/// How slowly a body may arrive or an answer be taken.
public struct TransferLimits: Sendable {
    /// No pause may be longer, and for so long after the start the rate does not matter.
    public var grace: Duration
    /// The mean rate that is asked for after the grace.
    public var minimumBytesPerSecond: Int

    /// - Precondition: the rate is positive.
    public init(grace: Duration, minimumBytesPerSecond: Int) {
        precondition(minimumBytesPerSecond > 0)
        self.grace = grace
        self.minimumBytesPerSecond = minimumBytesPerSecond
    }
}

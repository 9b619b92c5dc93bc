import HTTPTypes

extension HTTPField.Name {
    /// The step that an answer belongs to.
    static let latherStep = HTTPField.Name("Lather-Step")!
    /// Where a restart would stand now.
    static let latherDurableStep = HTTPField.Name("Lather-Durable-Step")!
    /// The run's epoch; in a request, the epoch it was made for.
    static let latherEpoch = HTTPField.Name("Lather-Epoch")!
    /// `true` when the step had been applied before and its answer is sent again.
    static let latherReplayed = HTTPField.Name("Lather-Replayed")!
    /// The factor of weight decay in the answer to a parameter-level step.
    static let latherWeightScale = HTTPField.Name("Lather-Weight-Scale")!
    static let serverTiming = HTTPField.Name("Server-Timing")!
    static let contentDigest = HTTPField.Name("Content-Digest")!
    static let host = HTTPField.Name("Host")!
    static let lastEventID = HTTPField.Name("Last-Event-ID")!
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")!
    /// Asks nginx, and proxies that follow it, to pass an answer on as it comes.
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering")!
    /// RFC 5789 section 3.1.
    static let acceptPatch = HTTPField.Name("Accept-Patch")!
    static let wantContentDigest = HTTPField.Name("Want-Content-Digest")!
}

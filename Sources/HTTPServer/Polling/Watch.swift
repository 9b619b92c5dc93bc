/// Watches one descriptor for whoever waits for it. Bytes that nobody wants yet wake nobody more than once.
final class Watch: @unchecked Sendable {
    // Invariant: everything is touched on `loop` only.
    private let descriptor: Int32
    private let loop: EventLoop
    private var report: (@Sendable (Directions) -> Void)?
    private var token: UInt64?
    /// What has been asked for and not been reported.
    private var asked: Directions = []
    /// What the system reports. It goes on doing so after it was asked for, since that is mostly asked for again.
    private var reported: Directions = []

    /// - Parameters:
    ///   - loop: where `report` is called, and everything here has to be.
    ///   - report: told what has become ready, possibly without reason.
    init(_ descriptor: Int32, on loop: EventLoop, _ report: @escaping @Sendable (Directions) -> Void) {
        self.descriptor = descriptor
        self.loop = loop
        self.report = report
    }

    /// Asks for one report when one of these directions is ready, or has ended or failed.
    ///
    /// - Returns: false when the system has no room for it.
    func ask(for directions: Directions) -> Bool {
        guard report != nil else { return true }
        let all = asked.union(directions)
        guard reported.isSuperset(of: all) || haveReported(all) else { return false }
        asked = all
        return true
    }

    /// Lets go of the descriptor, which may be closed then; nothing is reported any more.
    func end() {
        if !reported.isEmpty { loop.ignore(descriptor) }
        if let token { loop.remove(token) }
        (token, asked, reported) = (nil, [], [])
        // Last, because whoever is only kept by it may close the descriptor now.
        report = nil
    }

    /// The loop's report.
    func found(_ ready: Directions) {
        guard asked.isDisjoint(with: ready) else {
            asked = []
            report?(ready)
            return
        }
        // Nobody is there to take it, and the loop would be told of it each time.
        if asked.isEmpty {
            loop.ignore(descriptor)
            reported = []
        } else {
            // Cannot fail: the set has the descriptor, so that there is room for it.
            _ = haveReported(asked)
        }
    }

    private func haveReported(_ directions: Directions) -> Bool {
        let token = token ?? loop.add(self)
        self.token = token
        guard loop.report(directions, of: descriptor, as: token, isNew: reported.isEmpty) else { return false }
        reported = directions
        return true
    }
}

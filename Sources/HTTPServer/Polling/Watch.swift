import Dispatch

/// Watches one descriptor for whoever waits for it. A direction is asked for only while somebody waits, so bytes that nobody wants
/// yet wake nobody.
final class Watch: @unchecked Sendable {
    // Invariant: everything is touched on `queue` only.
    private let descriptor: Int32
    private let queue: DispatchQueue
    private var report: (@Sendable (Directions) -> Void)?
    private var token: UInt64?
    /// What the system has been asked for and has not reported.
    private var asked: Directions = []
    /// Whether the system knows the descriptor.
    private var isKnown = false

    /// - Parameters:
    ///   - queue: where `report` is called, and everything here has to be.
    ///   - report: told what has become ready, possibly without reason.
    init(_ descriptor: Int32, on queue: DispatchQueue, _ report: @escaping @Sendable (Directions) -> Void) {
        self.descriptor = descriptor
        self.queue = queue
        self.report = report
    }

    /// Asks for a report when one of these directions is ready.
    ///
    /// - Returns: false when the system has no room for it.
    func ask(for directions: Directions) -> Bool {
        guard report != nil, !asked.isSuperset(of: directions) else { return true }
        guard let poller = Poller.shared else { return false }
        let token = token ?? poller.add(on: queue) { [weak self] in self?.found($0) }
        self.token = token
        guard poller.ask(token, descriptor, for: asked.union(directions), isFirst: !isKnown) else { return false }
        isKnown = true
        asked.formUnion(directions)
        return true
    }

    /// Lets go of the descriptor, which may be closed then; nothing is reported any more.
    func end() {
        report = nil
        if let token { Poller.shared?.remove(token, descriptor) }
        token = nil
    }

    private func found(_ ready: Directions) {
        asked = []
        report?(ready)
    }
}

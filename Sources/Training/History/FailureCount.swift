import Synchronization

/// Counts failures that nobody is told of otherwise.
final class FailureCount: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add() {
        count.add(1, ordering: .relaxed)
    }
}

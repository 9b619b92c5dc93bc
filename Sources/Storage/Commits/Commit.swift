/// A transaction that has been written and has its place among all others. It is durable when ``Store/wait(for:)`` has returned.
struct Commit: Sendable {
    let opening: Opening
    let number: Int

    /// Begins to make it durable, in the background.
    func begin() {
        opening.keeping?.sync.begin(number)
    }
}

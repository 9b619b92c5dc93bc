/// What ``ComputePool`` has to know of a task.
public struct TaskCost: Sendable {
    /// About how many floating-point operations it takes.
    public let operations: Double
    /// Whether most of it are large products, which several threads can share: other threads that have to help do not wait.
    public let isDivisible: Bool

    public init(_ operations: Double, isDivisible: Bool = false) {
        self.operations = operations
        self.isDivisible = isDivisible
    }
}

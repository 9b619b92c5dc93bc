/// What ``ComputePool`` has to know of a task.
public struct TaskCost: Sendable {
    /// About how many floating-point operations it takes.
    public let operations: Double
    /// Whether most of it is large products, which threads can share; all threads together are wasted on any other task.
    public let isDivisible: Bool

    /// A cost of so many operations.
    public init(_ operations: Double, isDivisible: Bool = false) {
        self.operations = operations
        self.isDivisible = isDivisible
    }
}

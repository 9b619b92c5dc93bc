/// At which steps the eigenbases are refreshed (`precondition_frequency`): at those divisible by the number that holds there.
public enum PreconditionFrequency: Sendable, Equatable {
    /// The same number throughout, at least 1.
    case every(Int)
    /// A number from each stage's first step on; the stages ascend, and the first begins at step 0.
    case schedule([Stage])
    /// A number computed from the step; below 1 counts as 1.
    case custom(Function)

    /// A part of a schedule.
    public struct Stage: Sendable, Equatable {
        /// The first step, 0-based, at which the stage holds.
        public var fromStep: Int
        /// Refresh at steps divisible by this.
        public var every: Int

        /// The number `every`, from a step on.
        public init(fromStep: Int, every: Int) {
            self.fromStep = fromStep
            self.every = every
        }
    }

    /// A closure with an identity, so that options can be compared.
    public final class Function: Sendable, Equatable {
        let body: @Sendable (Int) -> Int

        /// - Parameter body: from the 0-based step to the number that must divide it. Must depend on nothing else, or a
        ///   restored run would differ from one that never stopped.
        public init(_ body: @escaping @Sendable (_ step: Int) -> Int) {
            self.body = body
        }

        public static func == (left: Function, right: Function) -> Bool { left === right }
    }

    /// The number that holds at a step (0-based).
    public func every(at step: Int) -> Int {
        switch self {
        case .every(let number): number
        case .schedule(let stages): stages.last { $0.fromStep <= step }?.every ?? 1
        case .custom(let function): max(1, function.body(step))
        }
    }

    /// Whether the bases are refreshed at a step (0-based), once they exist.
    ///
    /// - Parameters:
    ///   - step: how many steps came before.
    ///   - phase: at least 0 and below 1: by which part of the number that holds the refresh is later than without it.
    public func isDue(at step: Int, phase: Double = 0) -> Bool {
        let every = every(at: step)
        return step % every == Int(phase * Double(every))
    }

    /// The last step (0-based) up to `step` at which the bases are due for a refresh; step 0 always is.
    ///
    /// - Complexity: O(1), O(stages) for a schedule, O(steps since then) for a function.
    public func lastDue(through step: Int) -> Int {
        switch self {
        case .every(let number):
            return step - step % number
        case .schedule(let stages):
            var last = step
            for stage in stages.reversed() where stage.fromStep <= last {
                let due = last - last % stage.every
                if due >= stage.fromStep { return due }
                last = stage.fromStep - 1
            }
            return 0
        case .custom:
            return (0...step).last { isDue(at: $0) } ?? 0
        }
    }
}

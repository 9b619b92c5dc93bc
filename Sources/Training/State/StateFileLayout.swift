/// Whose state a file holds, and so what its tensors are called and what they mean.
enum StateFileLayout: String, CaseIterable {
    /// A checkpoint of this server.
    case lather
    /// The `emerging_optimizers` class: exp_avg in the eigenbases, the step as here. Bases are identities until the first was made.
    case emergingOptimizers = "emerging_optimizers"
    /// The paper's own code: exp_avg in the eigenbases. Its first gradient only makes the bases, and is not counted as a step.
    case soap
    /// The `pytorch_optimizer` package: likewise, but exp_avg is not rotated. (Its group's step counts the first gradient.)
    case pytorchOptimizer = "pytorch_optimizer"

    /// Those that a file's metadata can name.
    static let foreign = allCases.filter { $0 != .lather }
}

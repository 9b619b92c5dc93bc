import Safetensors
import StrictJSON

extension Manifest {
    /// Refuses names of parameters that are not registered yet, if they are so many that the groups' globs would take too long.
    func checkNew(_ names: some Sequence<TensorName>) throws(TrainingError) {
        guard parameters == nil, !Manifest.canMatch(names, in: groups) else { return }
        throw TrainingError(
            .undeclaredParameter, "So many new names take too long to be held against so many globs; list the parameters in the manifest.")
    }

    /// The group of a parameter that a step, weights or a state names: a known one of this shape, or one that may be registered.
    ///
    /// - Parameters:
    ///   - known: the run's parameter of that name; nil is none yet.
    ///   - what: what came in this shape, for the refusal: "gradient".
    /// - Throws: `wrong-shape`, `undeclared-parameter` when the list of parameters is closed, or what ``check(_:of:_:)`` throws.
    func admit(
        _ name: TensorName, _ shape: [Int], known: TrainedParameter?, as what: String
    ) throws(TrainingError) -> Group? {
        if let known {
            guard known.shape == shape else {
                throw TrainingError(
                    .wrongShape, "\"\(name)\" has the shape \(known.shape); its \(what) came with \(shape).",
                    [("parameter", .string(name.description)), ("expected", Manifest.json(known.shape)), ("got", Manifest.json(shape))])
            }
            return known.group
        }
        guard parameters == nil else {
            throw TrainingError(
                .undeclaredParameter, "The run has no parameter \"\(name)\"; its manifest closes the list.",
                [("parameter", .string(name.description))])
        }
        let group = group(of: name)
        try Manifest.check(shape, of: name, (group?.settings ?? settings).options)
        return group
    }
}

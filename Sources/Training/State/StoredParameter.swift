import SOAP
import Safetensors

/// One parameter as a state file tells of it.
struct StoredParameter {
    let name: TensorName
    let shape: [Int]
    /// How many steps were applied.
    let step: Int
    /// The number of its last step at parameter level.
    let number: Int
    /// The step that last made a basis, where the file says so.
    var lastRefreshStep: Int?
    /// Its state; a dimension that is not preconditioned has no matrices.
    var tensors: [StateKey: TensorView]
    let weights: TensorView?
    var lastStep: TrainedParameter.StepFigures?
    /// Whether its factors are KL-Shampoo's, where the file says so.
    var usesKLShampoo: Bool?

    /// Beyond this a double does not count exactly; no run gets there by stepping.
    static let largestStep = 1 << 53
}

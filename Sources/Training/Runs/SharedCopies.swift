import Memory
import Safetensors

/// The copies of a run's tensors that readers still hold: all who ask within one moment of the run share one.
///
/// So five hundred slow readers of the same weights cost no more memory than one.
struct SharedCopies {
    /// A tensor of a parameter's state, or all hosted weights.
    struct Key: Hashable {
        let parameter: TensorName?
        let tensor: String

        static let weights = Key(parameter: nil, tensor: "weights")
    }

    private struct Copy {
        weak var buffer: AlignedBuffer?
    }

    private var copies: [Key: Copy] = [:]

    /// The copy that somebody still holds, or a new one.
    mutating func copy(_ key: Key, make: () -> AlignedBuffer) -> AlignedBuffer {
        if let buffer = copies[key]?.buffer { return buffer }
        copies = copies.filter { $0.value.buffer != nil }
        let buffer = make()
        copies[key] = Copy(buffer: buffer)
        return buffer
    }

    /// The run has changed: what was copied is of an earlier moment.
    mutating func expire() {
        if !copies.isEmpty { copies = [:] }
    }
}

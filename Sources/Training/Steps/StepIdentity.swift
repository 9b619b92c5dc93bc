import Crypto
import Memory
import StrictJSON

/// What makes two PUTs of a step the same step: the body's SHA-256 and what was said beside it.
///
/// Run, epoch and step number are those of the record that holds the identity.
struct StepIdentity: Sendable, Equatable {
    /// SHA-256 of the raw body, 32 bytes.
    let bodyDigest: [UInt8]
    let inputs: StepInputs

    init(bodyDigest: [UInt8], inputs: StepInputs) {
        self.bodyDigest = bodyDigest
        self.inputs = inputs
    }

    init(body: AlignedBuffer, inputs: StepInputs) {
        self.init(bodyDigest: sha256(body.bytes), inputs: inputs)
    }
}

/// - Complexity: O(bytes), about 1.5 GB/s.
func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    return Array(hash.finalize())
}

/// What must hold of a reader of bytes that strangers send, whatever the bytes.
///
/// The fuzzers look for bytes that violate one; the tests replay what the fuzzers have learnt.
package enum Property: String, CaseIterable, Sendable {
    /// Requests are read the same however their bytes are cut, and mean what the lenient would take them for.
    case http
    /// A safetensors file that is read lies in its bytes, covers them, and can be written again.
    case safetensors
    /// JSON that is read is JSON for others too, and is the same when it is written and read again.
    case json

    /// What is wrong with what the reader makes of the bytes; nil when nothing is.
    package func violation(in bytes: UnsafeRawBufferPointer) -> String? {
        switch self {
        case .http: HTTPProperty().violation(in: bytes)
        case .safetensors: SafetensorsProperty.violation(in: bytes)
        case .json: JSONProperty.violation(in: bytes)
        }
    }
}

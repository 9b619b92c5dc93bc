import Foundation
import LinearAlgebra

/// Just enough of a safetensors reader for the recorded cases, which are ours and hold F32 only.
struct TensorFile {
    private let metadata: [String: String]
    let tensors: [String: Tensor<Float>]

    init(contentsOf url: URL) throws {
        let bytes = [UInt8](try Data(contentsOf: url))
        let headerCount = bytes.withUnsafeBytes { Int($0.load(as: UInt64.self)) }
        let header = try JSONSerialization.jsonObject(with: Data(bytes[8..<(8 + headerCount)])) as? [String: [String: Any]] ?? [:]
        metadata = header["__metadata__"] as? [String: String] ?? [:]
        var tensors: [String: Tensor<Float>] = [:]
        for (name, entry) in header {
            guard let shape = entry["shape"] as? [Int], let offsets = entry["data_offsets"] as? [Int] else { continue }
            let begin = 8 + headerCount + offsets[0]
            let elements = bytes.withUnsafeBytes { bytes in
                (0..<shape.reduce(1, *)).map { bytes.loadUnaligned(fromByteOffset: begin + 4 * $0, as: Float.self) }
            }
            tensors[name] = Tensor(shape: shape, elements: elements)
        }
        self.tensors = tensors
    }

    /// A metadata value, which is JSON in a string.
    func metadata<T: Decodable>(_ type: T.Type, _ key: String) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data((metadata[key] ?? "").utf8))
    }
}

import Safetensors

/// A tensor with its bytes.
struct TestTensor: Equatable {
    let name: TensorName
    let dtype: DType
    let shape: [Int]
    let bytes: [UInt8]

    init(_ name: TensorName, _ dtype: DType, _ shape: [Int], bytes: [UInt8]) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
    }

    /// An F32 tensor.
    init(_ name: TensorName, _ shape: [Int], _ values: [Float]) {
        self.init(name, .f32, shape, bytes: TestTensor.bytes(values))
    }

    static func bytes<Value: BitwiseCopyable>(_ values: [Value]) -> [UInt8] {
        values.flatMap { value in withUnsafeBytes(of: value, Array.init) }
    }

    /// The elements, when it is F32.
    var floats: [Float] {
        bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }

    static func reading(_ bytes: [UInt8]) throws -> [TestTensor] {
        try bytes.withUnsafeBytes { bytes in
            try SafetensorsFile(bytes).tensors.map { TestTensor($0.name, $0.dtype, $0.shape, bytes: Array($0.bytes)) }
        }
    }
}

/// A safetensors body.
func file(_ tensors: TestTensor..., metadata: [(key: String, value: String)] = []) throws -> [UInt8] {
    try SafetensorsLayout(tensors.map { TensorSpec(name: $0.name, dtype: $0.dtype, shape: $0.shape) }, metadata: metadata).header
        + tensors.flatMap(\.bytes)
}

/// A body written by hand: this header, and these bytes behind it.
func file(header: String, _ data: [UInt8]) -> [UInt8] {
    TestTensor.bytes([UInt64(header.utf8.count)]) + Array(header.utf8) + data
}

/// Gradients for the run of ``TestServer/manifest``, others for each step.
func gradients(_ step: Int, metadata: [(key: String, value: String)] = []) throws -> [UInt8] {
    let matrix = (0..<6).map { Float(($0 * 7 + step * 3) % 11) - 5 }
    let vector = (0..<3).map { Float(($0 * 5 + step) % 7) - 3 }
    return try file(TestTensor("w", [2, 3], matrix), TestTensor("w.bias", [3], vector), metadata: metadata)
}

/// Weights for the run of ``TestServer/manifest``.
func weights() throws -> [UInt8] {
    try file(TestTensor("w", [2, 3], [1, 2, 3, 4, 5, 6]), TestTensor("w.bias", [3], [0.5, -0.5, 0]))
}

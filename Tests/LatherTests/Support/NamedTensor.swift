import Safetensors

/// A tensor of F32 as a body carries it.
struct NamedTensor: Equatable {
    let name: String
    let shape: [Int]
    var elements: [Float]

    /// Numbers that look random, the same for the same seed.
    init(_ name: String, _ shape: [Int], seed: UInt64) {
        self.name = name
        self.shape = shape
        var random = SplitMix(state: seed)
        elements = (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &random) }
    }

    init(_ name: String, _ shape: [Int], _ elements: [Float]) {
        self.name = name
        self.shape = shape
        self.elements = elements
    }
}

extension [NamedTensor] {
    /// As a safetensors body.
    func encoded() throws -> [UInt8] {
        let specs = map { TensorSpec(name: TensorName(stringLiteral: $0.name), dtype: .f32, shape: $0.shape) }
        var bytes = try SafetensorsLayout(specs).header
        for tensor in self { tensor.elements.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return bytes
    }

    /// From a safetensors body, with its metadata.
    static func decode(_ body: [UInt8]) throws -> (tensors: [NamedTensor], metadata: [String: String]) {
        try body.withUnsafeBytes { bytes in
            let file = try SafetensorsFile(bytes)
            let tensors = try file.tensors.map { view in
                guard view.dtype == .f32 else { throw TestFailure("\(view.name) is of type \(view.dtype)") }
                let elements = [Float](unsafeUninitializedCapacity: view.elementCount) { buffer, count in
                    UnsafeMutableRawBufferPointer(buffer).copyBytes(from: view.bytes)
                    count = view.elementCount
                }
                return NamedTensor(view.name.description, view.shape, elements)
            }
            return (tensors, Dictionary(uniqueKeysWithValues: file.metadata))
        }
    }
}

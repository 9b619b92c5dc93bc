import Memory
import Safetensors

@testable import Training

/// Bytes as a socket would have read them.
func buffer(_ bytes: [UInt8]) -> AlignedBuffer {
    let buffer = AlignedBuffer(count: bytes.count)
    buffer.mutableBytes.copyBytes(from: bytes)
    return buffer
}

/// The elements of a tensor, little-endian.
func bytes<Element: BitwiseCopyable>(of values: [Element]) -> [UInt8] {
    values.withUnsafeBytes(Array.init)
}

/// The elements behind some bytes, wherever they lie.
func elements<Element: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer, as type: Element.Type) -> [Element] {
    (0..<bytes.count / MemoryLayout<Element>.size).map {
        bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.size, as: type)
    }
}

/// A tensor to be sent.
struct Sent {
    var name: TensorName
    var shape: [Int]
    var dtype = DType.f32
    var bytes: [UInt8]

    init(_ name: TensorName, _ shape: [Int], _ values: [Float]) {
        (self.name, self.shape, bytes) = (name, shape, TrainingTests.bytes(of: values))
    }

    init(_ name: TensorName, _ shape: [Int], _ dtype: DType, bytes: [UInt8]) {
        (self.name, self.shape, self.dtype, self.bytes) = (name, shape, dtype, bytes)
    }

    /// Numbers that look like a gradient, others for each seed.
    static func gradient(_ name: TensorName, _ shape: [Int], _ seed: Int) -> Sent {
        Sent(name, shape, noise(shape.reduce(1, *), seed))
    }
}

/// Numbers between -1 and 1, the same for the same seed.
func noise(_ count: Int, _ seed: Int) -> [Float] {
    var state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 &+ 0xD1B5_4A32_D192_ED03
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Float(Int64(bitPattern: state) >> 40) / Float(1 << 23)
    }
}

/// A safetensors body.
func body(_ tensors: [Sent], metadata: [(key: String, value: String)] = []) throws -> AlignedBuffer {
    let layout = try SafetensorsLayout(
        tensors.map { TensorSpec(name: $0.name, dtype: $0.dtype, shape: $0.shape) }, metadata: metadata)
    return buffer(layout.header + tensors.flatMap(\.bytes))
}

/// A body whose data begins `shift` bytes after a multiple of eight, as other writers may lay it out.
func misaligned(_ tensor: Sent, by shift: Int) -> AlignedBuffer {
    let shape = tensor.shape.map(String.init).joined(separator: ",")
    var header =
        "{\"\(tensor.name)\":{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[0,\(tensor.bytes.count)]}}"
    while (8 + header.utf8.count) % 8 != shift { header += " " }
    return buffer(withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian, Array.init) + Array(header.utf8) + tensor.bytes)
}

/// An answer of a run-level step, read.
struct Answered {
    let raw: [UInt8]
    let weightScale: String?
    private let byName: [TensorName: (dtype: DType, shape: [Int], bytes: [UInt8])]

    init(_ answer: StepAnswer) throws {
        try self.init(answer.content ?? buffer([]))
    }

    init(_ content: AlignedBuffer) throws {
        raw = Array(content.bytes)
        let file = try SafetensorsFile(content.bytes)
        weightScale = file.metadata("weight_scale")
        byName = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, ($0.dtype, $0.shape, Array($0.bytes))) })
    }

    var names: Set<TensorName> { Set(byName.keys) }
    func dtype(_ name: TensorName) -> DType? { byName[name]?.dtype }
    func shape(_ name: TensorName) -> [Int]? { byName[name]?.shape }
    func bytes(_ name: TensorName) -> [UInt8] { byName[name]?.bytes ?? [] }

    func floats(_ name: TensorName) -> [Float] {
        bytes(name).withUnsafeBytes { elements($0, as: Float.self) }
    }
}

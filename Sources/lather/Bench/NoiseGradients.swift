import Memory
import Safetensors

/// The gradients of a step as the body that carries them: noise, other noise for each step.
struct NoiseGradients {
    let layout: SafetensorsLayout
    /// Safetensors, F32.
    let body: AlignedBuffer
    private var state: UInt64 = 0

    /// The parameters are named p0, p1, and so on.
    init(shapes: [[Int]]) throws(Failure) {
        let tensors = shapes.indices.map { TensorSpec(name: TensorName(stringLiteral: "p\($0)"), dtype: .f32, shape: shapes[$0]) }
        do { layout = try SafetensorsLayout(tensors) } catch { throw Failure(.failed, "\(error)") }
        body = AlignedBuffer(count: layout.byteCount)
        body.mutableBytes.copyBytes(from: layout.header)
    }

    /// The elements of a parameter; valid as long as ``body`` is.
    func elements(_ index: Int) -> UnsafeBufferPointer<Float> {
        UnsafeRawBufferPointer(rebasing: body.bytes[layout.range(of: index)]).bindMemory(to: Float.self)
    }

    /// Draws them anew, uniformly from -1 to 1 (SplitMix: Steele, Lea and Flood 2014).
    mutating func renew() {
        let values = UnsafeMutableRawBufferPointer(rebasing: body.mutableBytes[layout.header.count...]).bindMemory(to: Float.self)
        for index in values.indices {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            values[index] = Float(Int32(truncatingIfNeeded: (mixed ^ (mixed >> 31)) >> 32)) * 0x1p-31
        }
    }
}

import LinearAlgebra
import Safetensors

/// Conversions between the dtypes of the wire and the Float of the state.
///
/// Memory on the wire need not be aligned for its dtype: tensors may begin at any byte.
enum ElementConversion {
    /// The dtypes that gradients, weights and answers may have.
    static let supported: [DType] = [.f32, .f64, .f16, .bf16]

    /// What one pass over a gradient finds.
    struct Scan {
        /// Sum of the squares, in double; not finite exactly if an element is not.
        var squaredNorm = 0.0
        /// Elements that are NaN or infinite, or that F32 cannot hold.
        var nonFiniteCount = 0
    }

    /// Squared norm and finiteness of `bytes`, as Float will see them after multiplication by `scale`.
    ///
    /// - Complexity: O(elements); a second pass counts, only when something is not finite.
    static func scan(_ bytes: UnsafeRawBufferPointer, _ dtype: DType, scale: Double) -> Scan {
        switch dtype {
        case .f64: scan(bytes, as: Double.self, scale: scale) { Double(Float($0)) }
        case .f32:
            if scale == 1, let values = aligned(bytes) {
                scan(values)
            } else {
                scan(bytes, as: Float.self, scale: scale) { Double(Float($0)) }
            }
        case .f16: scan(bytes, as: Float16.self, scale: scale) { Double(Float($0)) }
        case .bf16: scan(bytes, as: BFloat16.self, scale: scale) { Double(Float($0)) }
        default: preconditionFailure("\(dtype) is refused before")
        }
    }

    /// The memory as it is; nil if it begins in the middle of a Float.
    private static func aligned(_ bytes: UnsafeRawBufferPointer) -> UnsafeBufferPointer<Float>? {
        let isAligned = Int(bitPattern: bytes.baseAddress) % MemoryLayout<Float>.alignment == 0
        return isAligned ? bytes.assumingMemoryBound(to: Float.self) : nil
    }

    private static func scan(_ values: UnsafeBufferPointer<Float>) -> Scan {
        guard let base = values.baseAddress else { return Scan() }
        // No square of a Float overflows in double, so the sum is finite if and only if all elements are.
        let squaredNorm = Float.sumOfSquares(base, count: values.count)
        return Scan(squaredNorm: squaredNorm, nonFiniteCount: squaredNorm.isFinite ? 0 : values.count { !$0.isFinite })
    }

    @inline(__always)
    private static func scan<Element: WireFloat>(
        _ bytes: UnsafeRawBufferPointer, as type: Element.Type, scale: Double, _ rounded: (Double) -> Double
    ) -> Scan {
        let count = bytes.count / MemoryLayout<Element>.size
        // Eight sums side by side: strict floating point would otherwise add one element at a time. Without a branch,
        // because an infinity or NaN shows in the sum.
        var sums = SIMD8<Double>.zero
        let whole = count & ~7
        var index = 0
        while index < whole {
            var lanes = SIMD8<Double>.zero
            for lane in 0..<8 { lanes[lane] = rounded(Element.load(bytes, index + lane).widened * scale) }
            sums += lanes * lanes
            index += 8
        }
        var result = Scan()
        for index in whole..<count {
            let value = rounded(Element.load(bytes, index).widened * scale)
            sums[index - whole] += value * value
        }
        result.squaredNorm = sums.sum()
        if !result.squaredNorm.isFinite {
            result.nonFiniteCount = (0..<count).count { !rounded(Element.load(bytes, $0).widened * scale).isFinite }
        }
        return result
    }

    /// Writes `bytes` × `scale`, rounded once to Float, to `target`.
    static func widen(_ bytes: UnsafeRawBufferPointer, _ dtype: DType, scale: Double, into target: UnsafeMutableBufferPointer<Float>) {
        switch dtype {
        case .f64: widen(bytes, as: Double.self, scale: scale, into: target)
        case .f32: widen(bytes, as: Float.self, scale: scale, into: target)
        case .f16: widen(bytes, as: Float16.self, scale: scale, into: target)
        case .bf16: widen(bytes, as: BFloat16.self, scale: scale, into: target)
        default: preconditionFailure("\(dtype) is refused before")
        }
    }

    @inline(__always)
    private static func widen<Element: WireFloat>(
        _ bytes: UnsafeRawBufferPointer, as type: Element.Type, scale: Double, into target: UnsafeMutableBufferPointer<Float>
    ) {
        for index in target.indices { target[index] = Float(Element.load(bytes, index).widened * scale) }
    }

    /// Writes `bytes` to `target`, exactly.
    static func widen(_ bytes: UnsafeRawBufferPointer, _ dtype: DType, into target: UnsafeMutableBufferPointer<Double>) {
        switch dtype {
        case .f64: widen(bytes, as: Double.self, into: target)
        case .f32: widen(bytes, as: Float.self, into: target)
        case .f16: widen(bytes, as: Float16.self, into: target)
        case .bf16: widen(bytes, as: BFloat16.self, into: target)
        default: preconditionFailure("\(dtype) is refused before")
        }
    }

    @inline(__always)
    private static func widen<Element: WireFloat>(
        _ bytes: UnsafeRawBufferPointer, as type: Element.Type, into target: UnsafeMutableBufferPointer<Double>
    ) {
        for index in target.indices { target[index] = Element.load(bytes, index).widened }
    }

    /// Writes `source` to `bytes` in `dtype`, rounded to nearest, ties to even.
    static func narrow(_ source: UnsafeBufferPointer<Float>, _ dtype: DType, into bytes: UnsafeMutableRawBufferPointer) {
        switch dtype {
        case .f64: narrow(source, as: Double.self, into: bytes)
        case .f32: narrow(source, as: Float.self, into: bytes)
        case .f16: narrow(source, as: Float16.self, into: bytes)
        case .bf16: narrow(source, as: BFloat16.self, into: bytes)
        default: preconditionFailure("\(dtype) is refused before")
        }
    }

    @inline(__always)
    private static func narrow<Element: WireFloat>(
        _ source: UnsafeBufferPointer<Float>, as type: Element.Type, into bytes: UnsafeMutableRawBufferPointer
    ) {
        for index in source.indices { Element(rounding: source[index]).store(bytes, index) }
    }
}

/// A floating-point type of the wire, little-endian as this machine is.
private protocol WireFloat: BitwiseCopyable {
    var widened: Double { get }
    init(rounding value: Float)
}

extension WireFloat {
    @inline(__always)
    static func load(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Self {
        bytes.loadUnaligned(fromByteOffset: index &* MemoryLayout<Self>.size, as: Self.self)
    }

    @inline(__always)
    func store(_ bytes: UnsafeMutableRawBufferPointer, _ index: Int) {
        bytes.storeBytes(of: self, toByteOffset: index &* MemoryLayout<Self>.size, as: Self.self)
    }
}

extension Double: WireFloat {
    fileprivate var widened: Double { self }
    fileprivate init(rounding value: Float) { self.init(value) }
}

extension Float: WireFloat {
    fileprivate var widened: Double { Double(self) }
    fileprivate init(rounding value: Float) { self = value }
}

extension Float16: WireFloat {
    fileprivate var widened: Double { Double(self) }
    fileprivate init(rounding value: Float) { self.init(value) }
}

/// The upper half of a Float.
private struct BFloat16: WireFloat {
    let bits: UInt16

    var widened: Double { Double(Float(bitPattern: UInt32(bits) << 16)) }

    init(rounding value: Float) {
        let bits = value.bitPattern
        if value.isNaN {
            self.bits = UInt16(truncatingIfNeeded: bits >> 16) | 0x0040
        } else {
            // Half a unit in the last place, less one for an even result: ties go to even.
            let rounding = 0x7FFF &+ ((bits >> 16) & 1)
            self.bits = UInt16(truncatingIfNeeded: (bits &+ rounding) >> 16)
        }
    }
}

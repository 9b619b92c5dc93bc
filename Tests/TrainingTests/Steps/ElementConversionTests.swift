import Safetensors
import Testing

@testable import Training

struct ElementConversionTests {
    private func widened(_ bytes: [UInt8], _ dtype: DType, scale: Double = 1) -> [UInt32] {
        var result = [Float](repeating: 0, count: bytes.count / dtype.byteCount)
        bytes.withUnsafeBytes { source in
            result.withUnsafeMutableBufferPointer { ElementConversion.widen(source, dtype, scale: scale, into: $0) }
        }
        return result.map(\.bitPattern)
    }

    private func narrowed<Element: BitwiseCopyable>(_ values: [Float], _ dtype: DType, as type: Element.Type) -> [Element] {
        var result = [UInt8](repeating: 0xAA, count: values.count * dtype.byteCount)
        values.withUnsafeBufferPointer { source in
            result.withUnsafeMutableBytes { ElementConversion.narrow(source, dtype, into: $0) }
        }
        return result.withUnsafeBytes { elements($0, as: type) }
    }

    @Test func floatsPassUnchangedWithSignsAndSubnormals() {
        let values: [Float] = [
            0, -0.0, 1, -1, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, .infinity, -.infinity,
        ]
        #expect(widened(bytes(of: values), .f32) == values.map(\.bitPattern))
        #expect(narrowed(values, .f32, as: UInt32.self) == values.map(\.bitPattern))
        #expect(narrowed(values, .f64, as: Double.self).map { Float($0).bitPattern } == values.map(\.bitPattern))
    }

    @Test func everyHalfAndBFloat16SurvivesTheWayThereAndBack() {
        for bits in UInt16.min...UInt16.max {
            let half = Float16(bitPattern: bits)
            let wide = Float(bitPattern: widened(bytes(of: [bits]), .f16)[0])
            #expect(half.isNaN ? wide.isNaN : wide == Float(half) && narrowed([wide], .f16, as: UInt16.self)[0] == bits)
            let brain = widened(bytes(of: [bits]), .bf16)[0]
            if !Float(bitPattern: UInt32(bits) << 16).isNaN {
                #expect(brain == UInt32(bits) << 16)
                #expect(narrowed([Float(bitPattern: brain)], .bf16, as: UInt16.self)[0] == bits)
            }
        }
    }

    @Test(
        arguments: [
            // Ties go to the even neighbour, a bit more or less to the nearer one.
            (0x3F80_8000, 0x3F80), (0x3F81_8000, 0x3F82), (0x3F80_8001, 0x3F81), (0x3F80_7FFF, 0x3F80), (0xBF81_8000, 0xBF82),
            // Subnormals round like others, down to zero.
            (0x0000_8000, 0x0000), (0x0000_8001, 0x0001), (0x8000_0001, 0x8000), (0x007F_8000, 0x0080),
            // What is too large becomes infinite, and infinity stays.
            (0x7F7F_FFFF, 0x7F80), (0x7F7F_7FFF, 0x7F7F), (0xFF7F_8000, 0xFF80), (0x7F80_0000, 0x7F80), (0xFF80_0000, 0xFF80),
            // NaN stays NaN, quiet, with the upper part of its payload.
            (0x7F80_0001, 0x7FC0), (0xFFA1_2345, 0xFFE1), (0x7FFF_FFFF, 0x7FFF),
        ] as [(UInt32, UInt16)])
    func aFloatIsRoundedToBFloat16(_ float: UInt32, _ expected: UInt16) {
        #expect(narrowed([Float(bitPattern: float)], .bf16, as: UInt16.self) == [expected])
    }

    @Test(
        arguments: [
            (1 + 0x1p-11, 0x3C00), (1 + 3 * 0x1p-11, 0x3C02), (65504, 0x7BFF), (65519, 0x7BFF), (65520, 0x7C00), (-1e30, 0xFC00),
            (0x1p-24, 0x0001), (0x1p-25, 0x0000), (0x1.8p-24, 0x0002), (.infinity, 0x7C00),
        ] as [(Float, UInt16)])
    func aFloatIsRoundedToHalf(_ float: Float, _ expected: UInt16) {
        #expect(narrowed([float], .f16, as: UInt16.self) == [expected])
    }

    @Test func doublesAreRoundedOnce() {
        let values: [Double] = [1 + 0x1p-24, 1 + 3 * 0x1p-24, 1 + 0x1p-24 + 0x1p-52, 1e39, -1e39, 1e-46, 0x1p-150 * 1.5]
        #expect(widened(bytes(of: values), .f64) == values.map { Float($0).bitPattern })
        #expect(widened(bytes(of: [1e39]), .f64, scale: 0.01) == [Float(1e39 * 0.01).bitPattern])
    }

    @Test(arguments: ElementConversion.supported, [1, 7, 8, 9, 33])
    func aScanFindsNormAndWhatIsNotFinite(_ dtype: DType, _ count: Int) {
        let values = (0..<count).map { Float($0) - 4 }
        func encoded(_ values: [Float]) -> [UInt8] {
            var result = [UInt8](repeating: 0, count: values.count * dtype.byteCount)
            values.withUnsafeBufferPointer { source in
                result.withUnsafeMutableBytes { ElementConversion.narrow(source, dtype, into: $0) }
            }
            return result
        }
        func scan(_ values: [Float], scale: Double = 1) -> ElementConversion.Scan {
            encoded(values).withUnsafeBytes { ElementConversion.scan($0, dtype, scale: scale) }
        }
        let squares = values.reduce(0) { $0 + Double($1) * Double($1) }
        #expect(scan(values).squaredNorm == squares && scan(values).nonFiniteCount == 0)
        #expect(scan(values, scale: 0.5).squaredNorm == squares / 4)
        for place in Set([0, count / 2, count - 1]) {
            for poison in [Float.nan, .infinity, -.infinity] {
                var poisoned = values
                poisoned[place] = poison
                #expect(scan(poisoned).nonFiniteCount == 1)
            }
        }
        #expect(scan(Array(repeating: .nan, count: count)).nonFiniteCount == count)
    }

    @Test func whatF32CannotHoldCountsAsNotFinite() {
        let scan = bytes(of: [1e300, 1, -4e38, 3e38]).withUnsafeBytes { ElementConversion.scan($0, .f64, scale: 1) }
        #expect(scan.nonFiniteCount == 2)
        let scaled = bytes(of: [3e38, 1] as [Float]).withUnsafeBytes { ElementConversion.scan($0, .f32, scale: 2) }
        #expect(scaled.nonFiniteCount == 1)
    }
}

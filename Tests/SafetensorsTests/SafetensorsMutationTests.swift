import Safetensors
import Testing

@Suite struct SafetensorsMutationTests {
    /// A small seeded generator, so that a failure can be repeated. (Steele, Lea and Flood, OOPSLA 2014.)
    struct SplitMix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    /// Reads whatever the bytes are; if they are a file, its views lie in it, one after the other, and cover its end.
    private func check(_ bytes: [UInt8]) -> Bool {
        let readable: Void? = try? read(bytes) { file in
            var end = file.tensors.first?.byteOffset ?? bytes.count
            for tensor in file.tensors {
                #expect(tensor.byteOffset == end)
                #expect(tensor.bytes.count == tensor.dtype.byteCount * tensor.shape.reduce(1, *))
                end += tensor.bytes.count
            }
            #expect(end == bytes.count)
        }
        return readable != nil
    }

    @Test func damagedFilesNeverTrapAndNeverYieldViewsOutside() throws {
        let layout = try SafetensorsLayout(
            [
                TensorSpec(name: "layer.0.weight", dtype: .f32, shape: [3, 2]), TensorSpec(name: "é", dtype: .bf16, shape: []),
                TensorSpec(name: "empty", dtype: .f64, shape: [0, 7]), TensorSpec(name: "mask", dtype: .bool, shape: [5]),
            ], metadata: [("lr", "0.001"), ("note", "a \"quoted\" one\n")])
        let valid = file(layout)
        #expect(check(valid))
        let telling = Array(#"{}[]",:\0123456789-+.eE ud"#.utf8) + [0, 0x7F, 0x80, 0xFF]
        var random = SplitMix(state: 3)
        var refused = 0
        for _ in 0..<6000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<6, using: &random) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[place] = telling.randomElement(using: &random) ?? 0
                case 2: bytes.insert(telling.randomElement(using: &random) ?? 0, at: place)
                case 3: bytes.remove(at: place)
                case 4: bytes.removeLast(bytes.count - place)
                default: bytes[place % 8] = UInt8.random(in: 0...255, using: &random)
                }
            }
            refused += check(bytes) ? 0 : 1
        }
        // Most damage is in the header and seen; some is in the elements and cannot be.
        #expect((4000..<6000).contains(refused))
    }

    @Test func everyTruncationIsRefused() throws {
        let valid = file(try SafetensorsLayout([TensorSpec(name: "t", dtype: .f16, shape: [4, 4])]))
        for count in 0..<valid.count {
            #expect(throws: SafetensorsError.self) { try read(Array(valid.prefix(count))) { _ in } }
        }
    }

    @Test func noiseIsRefused() {
        var random = SplitMix(state: 4)
        for _ in 0..<3000 {
            let noise = (0..<Int.random(in: 0...64, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            let length = withUnsafeBytes(of: UInt64(noise.count).littleEndian, Array.init)
            #expect(!check(noise) && !check(length + noise) && !check(length + [0x7B] + noise.dropLast()))
        }
    }
}

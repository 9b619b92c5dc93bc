import Safetensors
import Testing

@Suite struct NPYHeaderTests {
    static let headers: [(DType, [Int], String)] = [
        (.f32, [2, 3], "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"),
        (.f64, [], "{'descr': '<f8', 'fortran_order': False, 'shape': (), }"),
        (.f16, [5], "{'descr': '<f2', 'fortran_order': False, 'shape': (5,), }"),
        (.u16, [0, 1, 2], "{'descr': '<u2', 'fortran_order': False, 'shape': (0, 1, 2), }"),
        (.i64, [1], "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }"),
        (.bool, [1], "{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }"),
        (.i8, [1], "{'descr': '|i1', 'fortran_order': False, 'shape': (1,), }"),
        (.u8, [1], "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }"),
    ]

    @Test(arguments: headers) func theHeaderIsWhatNumPyWrites(dtype: DType, shape: [Int], text: String) throws {
        let bytes = try #require(NPYHeader(dtype: dtype, shape: shape)).bytes
        #expect(bytes.count == 128 || bytes.count == 64)
        #expect(Array(bytes.prefix(8)) == [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0])
        #expect(Int(bytes[8]) + Int(bytes[9]) << 8 == bytes.count - 10)
        let padding = String(repeating: " ", count: bytes.count - 11 - text.utf8.count)
        #expect(Array(bytes.dropFirst(10)) == Array((text + padding + "\n").utf8))
    }

    @Test func aTypeThatNumPyDoesNotHaveHasNoHeader() {
        let without = DType.allCases.filter { NPYHeader(dtype: $0, shape: [1]) == nil }
        #expect(without == [.bf16, .f8e4m3, .f8e5m2])
        #expect(NPYHeader(dtype: .f32, shape: [Int](repeating: 1, count: 30_000)) == nil)
    }
}

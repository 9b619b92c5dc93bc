import Memory
import Testing

@testable import HTTPServer

struct BufferSliceTests {
    /// Two slices, of three and of four bytes, from the middle of their buffers.
    private static let slices: [BufferSlice] = {
        func slice(_ text: String, _ range: Range<Int>) -> BufferSlice {
            let buffer = AlignedBuffer(count: text.utf8.count)
            buffer.mutableBytes.copyBytes(from: text.utf8)
            return BufferSlice(buffer, range)
        }
        return [slice("-012", 1..<4), slice("--3456-", 2..<6)]
    }()

    @Test func anyRangeOfSlicesIsTheirBytes() {
        for lower in 0...7 {
            for upper in lower...7 {
                let selected = BufferSlice.selecting(lower..<upper, of: BufferSliceTests.slices)
                #expect(selected.flatMap { $0.bytes }.elementsEqual("0123456".utf8.dropFirst(lower).prefix(upper - lower)))
            }
        }
    }

    /// A slow reader of one byte keeps the whole buffer in memory, so that is what the budget of bytes in flight has to count.
    @Test func aSliceHoldsItsBuffer() {
        let body = ResponseBody.buffers(BufferSlice.selecting(0..<1, of: BufferSliceTests.slices))
        #expect(body.byteCount == 1)
        #expect(body.heldBytes == 4)
    }
}

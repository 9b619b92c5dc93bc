import Foundation
import Memory

/// Bytes on their way to a socket: a head that was written for the occasion, then memory that is sent from where it lies.
struct OutgoingBytes {
    /// Pieces given to the system in one call (it takes up to 1,024).
    private static let piecesPerCall = 128

    private let head: [UInt8]
    private let slices: [BufferSlice]
    /// Bytes of the head that have gone, then slices that have gone wholly, then bytes of the slice after them.
    private var sentOfHead = 0
    private var sentSlices = 0
    private var sentOfSlice = 0

    init(head: [UInt8], slices: [BufferSlice] = []) {
        self.head = head
        self.slices = slices.filter { $0.count > 0 }
    }

    var isEmpty: Bool { sentOfHead == head.count && sentSlices == slices.count }

    /// Sends what the socket takes.
    mutating func write(to socket: Socket) -> Socket.Transfer {
        let remaining = slices[sentSlices...].prefix(OutgoingBytes.piecesPerCall)
        let result = head.withUnsafeBytes { head in
            withUnsafeTemporaryAllocation(of: iovec.self, capacity: remaining.count + 1) { vectors in
                var count = 0
                func add(_ bytes: UnsafeRawBufferPointer, from offset: Int) {
                    let start = UnsafeMutableRawPointer(mutating: bytes.baseAddress! + offset)
                    vectors.initializeElement(at: count, to: iovec(iov_base: start, iov_len: bytes.count - offset))
                    count += 1
                }
                if sentOfHead < head.count { add(head, from: sentOfHead) }
                for (index, slice) in remaining.enumerated() { add(slice.bytes, from: index == 0 ? sentOfSlice : 0) }
                return socket.write(UnsafeMutableBufferPointer(rebasing: vectors[..<count]))
            }
        }
        if case .moved(let count) = result { advance(by: count) }
        return result
    }

    private mutating func advance(by count: Int) {
        let ofHead = min(count, head.count - sentOfHead)
        sentOfHead += ofHead
        var rest = count - ofHead
        while rest > 0 {
            let left = slices[sentSlices].count - sentOfSlice
            if rest < left {
                sentOfSlice += rest
                return
            }
            rest -= left
            sentSlices += 1
            sentOfSlice = 0
        }
    }
}

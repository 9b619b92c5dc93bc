/// The bytes that have been read from a connection and not been understood yet.
///
/// Memory is taken when there is something to read, grows with what cannot be understood yet, and is given back when a
/// connection falls idle.
package struct InputBuffer: ~Copyable {
    /// What most heads fit into, and what the allocator has at hand. Thousands of slow ones would otherwise scatter theirs over many
    /// times the memory.
    private static let firstByteCount = 1 << 10

    private let capacity: Int
    private var storage: UnsafeMutableRawBufferPointer?
    private var start = 0
    private var end = 0

    package init(capacity: Int) {
        self.capacity = capacity
    }

    deinit {
        storage?.deallocate()
    }

    package var count: Int { end - start }
    package var isEmpty: Bool { start == end }

    /// The bytes not consumed yet; valid until the buffer is next changed.
    package var bytes: UnsafeRawBufferPointer {
        guard let storage else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: storage[start..<end])
    }

    /// Room to read into, after the unconsumed bytes have moved to the front; empty when the buffer is full.
    package mutating func space() -> UnsafeMutableRawBufferPointer {
        var storage = storage ?? .allocate(byteCount: min(capacity, InputBuffer.firstByteCount), alignment: 1)
        if start > 0 {
            storage.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[start..<end]))
            end -= start
            start = 0
        }
        if end == storage.count, end < capacity {
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: min(capacity, 2 * end), alignment: 1)
            larger.copyMemory(from: UnsafeRawBufferPointer(storage))
            storage.deallocate()
            storage = larger
        }
        self.storage = storage
        return UnsafeMutableRawBufferPointer(rebasing: storage[end...])
    }

    /// Notes that `count` bytes have been read into ``space()``.
    package mutating func filled(_ count: Int) {
        end += count
        precondition(end <= capacity)
    }

    package mutating func consume(_ count: Int) {
        start += count
        precondition(start <= end)
    }

    /// Moves as many bytes as there are and fit; returns how many.
    mutating func move(into destination: UnsafeMutableRawBufferPointer) -> Int {
        let moved = min(count, destination.count)
        guard moved > 0 else { return 0 }
        destination.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<moved]))
        consume(moved)
        return moved
    }

    /// Gives the memory back if nothing is in it.
    mutating func release() {
        guard isEmpty else { return }
        storage?.deallocate()
        storage = nil
        start = 0
        end = 0
    }
}

/// A block of raw memory that sockets fill, tensors view and answers are sent from.
///
/// The address is a multiple of ``alignment`` and stays the same for the life of the object; contents are not initialised.
/// Reference counting decides when the memory goes back to the pool it came from (or to the system), so whoever still
/// reads from it, a slow client for example, simply keeps the object.
///
/// Sendable by discipline, not by the compiler: one owner writes at a time, and once the buffer has been handed to
/// several readers nobody writes to it any more.
public final class AlignedBuffer: @unchecked Sendable {
    /// Bytes of alignment: a cache line, and the widest vector register of today's CPUs.
    public static let alignment = 64

    /// How many bytes were asked for.
    public let count: Int
    let storage: UnsafeMutableRawBufferPointer
    private let pool: BufferPool?

    /// Memory of its own, outside any pool.
    public convenience init(count: Int) {
        self.init(count: count, storage: AlignedBuffer.allocate(capacity: count), pool: nil)
    }

    init(count: Int, storage: UnsafeMutableRawBufferPointer, pool: BufferPool?) {
        precondition(count >= 0 && count <= storage.count)
        self.count = count
        self.storage = storage
        self.pool = pool
    }

    deinit {
        if let pool {
            pool.give(back: storage)
        } else {
            AlignedBuffer.free(storage)
        }
    }

    /// The bytes, for reading.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: storage[..<count]) }

    /// The bytes, for writing; see the rule in the type's description.
    public var mutableBytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: storage[..<count]) }

    static func allocate(capacity: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer.allocate(byteCount: max(capacity, 1), alignment: alignment)
    }

    static func free(_ storage: UnsafeMutableRawBufferPointer) {
        storage.deallocate()
    }
}

/// Grow-only scratch memory for one computation at a time.
///
/// Pieces are taken inside ``frame(_:)`` and all given back at its end, in the manner of a stack. Memory grows by further
/// blocks; when the outermost frame ends, they are replaced by a single block that would have held everything, so that
/// from the second computation of a size on nothing is allocated any more.
///
/// Not thread-safe: one thread uses it at a time.
public final class Workspace {
    /// Alignment of every piece, in bytes: a cache line, and the widest vector register of today's CPUs.
    public static let alignment = 64

    /// What the products that use this memory run on.
    public let kernels: ProductKernels

    /// The threads that help with large products; nil if this thread is alone.
    private(set) var team: Team?

    private var blocks: [UnsafeMutableRawBufferPointer] = []
    private var current = 0
    private var offset = 0
    private var depth = 0

    /// No memory yet.
    public init(kernels: ProductKernels = .chosen) {
        self.kernels = kernels
    }

    deinit {
        for block in blocks { block.deallocate() }
    }

    /// Runs `body` with the help of a team.
    func led(by team: Team, _ body: () -> Void) {
        self.team = team
        defer { self.team = nil }
        body()
    }

    /// Runs `body` without that help.
    func alone(_ body: () -> Void) {
        let team = team
        self.team = nil
        defer { self.team = team }
        body()
    }

    /// Bytes held, used or not.
    public var capacity: Int { blocks.reduce(0) { $0 + $1.count } }

    /// Runs `body`; what it takes is given back when it ends.
    @inlinable
    public func frame<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        let mark = begin()
        defer { end(mark) }
        return try body()
    }

    /// Memory for `count` elements, not initialised, aligned to ``alignment``, until the innermost frame ends.
    @inlinable
    public func take<T: BitwiseCopyable>(_ type: T.Type = T.self, count: Int) -> UnsafeMutablePointer<T> {
        let raw = takeBytes(count * MemoryLayout<T>.stride)
        return raw.bindMemory(to: T.self, capacity: count)
    }

    @usableFromInline
    func begin() -> (block: Int, offset: Int) {
        depth += 1
        return (current, offset)
    }

    @usableFromInline
    func end(_ mark: (block: Int, offset: Int)) {
        depth -= 1
        (current, offset) = mark
        guard depth == 0, blocks.count > 1 else { return }
        let whole = capacity
        for block in blocks { block.deallocate() }
        blocks = [.allocate(byteCount: whole, alignment: Workspace.alignment)]
    }

    @usableFromInline
    func takeBytes(_ byteCount: Int) -> UnsafeMutableRawPointer {
        Swift.precondition(depth > 0, "scratch memory is taken inside a frame")
        let size = max(byteCount + Workspace.alignment - 1, Workspace.alignment) & ~(Workspace.alignment - 1)
        while current < blocks.count {
            if let base = blocks[current].baseAddress, offset + size <= blocks[current].count {
                defer { offset += size }
                return base + offset
            }
            current += 1
            offset = 0
        }
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: max(size, 64 << 10), alignment: Workspace.alignment)
        blocks.append(block)
        offset = size
        return block.baseAddress.unsafelyUnwrapped
    }
}

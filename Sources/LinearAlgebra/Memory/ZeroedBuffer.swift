import Foundation

/// Zeroed memory for a tensor of state, at an address that stays the same for the life of the object.
///
/// Large blocks come straight from the system, so that what was never written costs address space but no pages.
///
/// Sendable by discipline, not by the compiler: its owner lets one thread at a time write, and none read meanwhile.
public final class ZeroedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    /// How many elements there are.
    public let count: Int
    /// The elements; aligned to at least ``Workspace/alignment`` bytes.
    public let base: UnsafeMutablePointer<Element>
    private let mappedByteCount: Int

    /// Below this many bytes a mapping of its own would waste more than it saves.
    private static var smallestMapping: Int { 64 << 10 }

    /// Traps when the system has no memory left, as every allocation of Swift does.
    ///
    /// `Element` must be a type for which zero bits mean zero.
    public init(count: Int) {
        self.count = count
        let byteCount = count * MemoryLayout<Element>.stride
        if byteCount < ZeroedBuffer.smallestMapping {
            mappedByteCount = 0
            let raw = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: Workspace.alignment)
            memset(raw, 0, byteCount)
            base = raw.bindMemory(to: Element.self, capacity: count)
        } else {
            mappedByteCount = byteCount
            guard let raw = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), raw != MAP_FAILED else {
                fatalError("the system has no \(byteCount) bytes of memory left")
            }
            base = raw.bindMemory(to: Element.self, capacity: count)
        }
    }

    deinit {
        if mappedByteCount == 0 {
            UnsafeMutableRawPointer(base).deallocate()
        } else {
            munmap(base, mappedByteCount)
        }
    }

    /// The elements, for reading.
    public var elements: UnsafeBufferPointer<Element> { UnsafeBufferPointer(start: base, count: count) }

    /// The elements, for writing; see the rule in the type's description.
    public var mutableElements: UnsafeMutableBufferPointer<Element> { UnsafeMutableBufferPointer(start: base, count: count) }
}

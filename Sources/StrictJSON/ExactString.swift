/// A string that equals only a string of the same UTF-8 bytes.
///
/// Swift compares strings by canonical equivalence: a precomposed "é" equals a decomposed one, and the Kelvin sign equals "K".
/// Names in files and in URLs are bytes, and two names that differ in bytes are two names; so they are compared and hashed here.
public struct ExactString: Hashable, Sendable {
    /// The string itself.
    public let string: String

    /// Wraps a string.
    public init(_ string: String) {
        self.string = string
    }

    /// Whether both hold the same bytes.
    ///
    /// - Complexity: O(length).
    public static func == (left: ExactString, right: ExactString) -> Bool {
        // As memory where it lies in one piece, which it nearly always does.
        let (left, right) = (left.string.utf8, right.string.utf8)
        let isEqual = left.withContiguousStorageIfAvailable { left in
            right.withContiguousStorageIfAvailable { left.count == $0.count && left.elementsEqual($0) }
        }
        return isEqual.flatMap { $0 } ?? left.elementsEqual(right)
    }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) {
        var copy = string
        copy.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // An end mark, so that neighbouring strings in one hash cannot run into each other; UTF-8 never holds this byte.
        hasher.combine(0xFF as UInt8)
    }
}

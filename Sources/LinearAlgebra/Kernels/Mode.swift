/// One dimension of a row-major tensor: `outer` blocks of `size` rows of `inner` elements.
public struct Mode: Sendable, Equatable {
    /// The product of the slower dimensions' sizes.
    public let outer: Int
    /// This dimension's size.
    public let size: Int
    /// The product of the faster dimensions' sizes.
    public let inner: Int

    /// A dimension among these.
    public init(outer: Int, size: Int, inner: Int) {
        self.outer = outer
        self.size = size
        self.inner = inner
    }

    /// The number of elements of the tensor.
    public var count: Int { outer * size * inner }

    /// The modes of a tensor, one a dimension.
    public static func all(of shape: [Int]) -> [Mode] {
        shape.indices.map { index in
            Mode(outer: shape[..<index].reduce(1, *), size: shape[index], inner: shape[(index + 1)...].reduce(1, *))
        }
    }
}

/// A tensor of any rank as a value: a shape and its elements, row-major.
///
/// For public functions and tests; the optimizer's hot paths work on raw memory. A tensor without elements, such as
/// ``empty``, stands for "this dimension is not preconditioned" where a matrix is expected.
public struct Tensor<Scalar: BLASScalar>: Sendable, Equatable {
    /// The size of each dimension, the slowest first; no dimensions for a scalar.
    public let shape: [Int]
    /// The elements, row-major: as many as the product of ``shape``.
    public var elements: [Scalar]

    /// Traps if the number of elements is not the product of the shape.
    public init(shape: [Int], elements: [Scalar]) {
        Swift.precondition(shape.allSatisfy { $0 >= 0 } && elements.count == shape.reduce(1, *), "elements must fill the shape \(shape)")
        self.shape = shape
        self.elements = elements
    }

    /// A tensor whose elements are all `value`.
    public init(shape: [Int], repeating value: Scalar = 0) {
        self.init(shape: shape, elements: Array(repeating: value, count: shape.reduce(1, *)))
    }

    /// A matrix from its rows, which must be of one length.
    public init(rows: [[Scalar]]) {
        self.init(shape: [rows.count, rows.first?.count ?? 0], elements: rows.flatMap { $0 })
    }

    /// The n×n identity.
    public static func identity(_ n: Int) -> Tensor {
        var matrix = Tensor(shape: [n, n])
        for i in 0..<n { matrix.elements[i * n + i] = 1 }
        return matrix
    }

    /// The empty matrix: "this dimension is not preconditioned".
    public static var empty: Tensor { Tensor(shape: [0], elements: []) }

    /// The number of dimensions.
    public var rank: Int { shape.count }

    /// Whether there are no elements.
    public var isEmpty: Bool { elements.isEmpty }

    /// The element of a matrix in row i, column j.
    public subscript(i: Int, j: Int) -> Scalar {
        get { elements[i * shape[1] + j] }
        set { elements[i * shape[1] + j] = newValue }
    }
}

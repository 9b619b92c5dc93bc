/// What a header says of a tensor, without its place.
public struct TensorSpec: Hashable, Sendable {
    /// The tensor's name.
    public let name: TensorName
    /// The type of its elements.
    public let dtype: DType
    /// Its dimensions, the slowest first (row-major); empty for a scalar.
    public let shape: [Int]

    /// A tensor of this name, type and shape.
    public init(name: TensorName, dtype: DType, shape: [Int]) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
    }
}

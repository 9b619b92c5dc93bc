import LinearAlgebra

extension SOAPParameter {
    /// The bytes of state that a parameter has once its bases exist: both moments, factors and bases.
    ///
    /// Nil if the number does not fit in an `Int`.
    public static func stateByteCount(shape: [Int], options: SOAPOptions) -> Int? {
        guard let count = elementCount(of: shape) else { return nil }
        let layout = StateLayout(shape: shape, options: options)
        var total = count
        for dimension in layout.preconditioned {
            let size = layout.modes[dimension].size
            let (square, squareOverflow) = size.multipliedReportingOverflow(by: size)
            let (sum, sumOverflow) = total.addingReportingOverflow(square)
            guard !squareOverflow, !sumOverflow else { return nil }
            total = sum
        }
        let (bytes, overflow) = total.multipliedReportingOverflow(by: 2 * MemoryLayout<Scalar>.stride)
        return overflow ? nil : bytes
    }
}

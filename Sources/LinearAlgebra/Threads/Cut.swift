/// How rows or columns of a matrix are cut into parts, at multiples of 32, which is a block of our own kernels and of OpenBLAS's.
struct Cut: Sendable {
    /// What the parts are to have about as much of.
    enum Shape {
        /// Rows or columns.
        case rectangle
        /// Elements on and above the diagonal, in columns.
        case upperTriangle
    }

    /// None of them empty.
    let parts: [Range<Int>]

    init(_ count: Int, _ shape: Shape, into parts: Int) {
        let inner = (1..<parts).map { part in
            let position = Double(part) / Double(parts)
            return Int(Double(count) * (shape == .rectangle ? position : position.squareRoot()) / 32 + 0.5) * 32
        }
        let bounds = [0] + inner.filter { $0 < count } + [count]
        self.parts = zip(bounds, bounds.dropFirst()).map { $0..<$1 }.filter { !$0.isEmpty }
    }
}

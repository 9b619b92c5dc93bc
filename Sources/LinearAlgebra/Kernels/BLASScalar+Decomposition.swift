/// Orthogonal bases from square matrices. Everything is finite afterwards, or the outcome says that it failed.
extension BLASScalar {
    /// The largest matrix whose decomposition LAPACK can index with 32-bit integers: 1 + 6n + 2n² < 2³¹.
    public static var largestDecomposition: Int { 32_766 }

    /// Eigenvalues and eigenvectors of a symmetric matrix, by descending eigenvalue.
    ///
    /// A diagonal matrix is sorted without a decomposition. Failure in single precision is tried again in double.
    ///
    /// - Parameters:
    ///   - matrix: n×n; only read.
    ///   - forceDouble: decompose in double precision at once.
    ///   - vectors: n×n, an eigenvector a column.
    ///   - values: n elements, or nil if they are not wanted.
    /// - Complexity: about 9n³ operations.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    public static func eigh(
        _ matrix: UnsafePointer<Self>, n: Int, forceDouble: Bool = false, vectors: UnsafeMutablePointer<Self>,
        values: UnsafeMutablePointer<Self>? = nil, workspace: Workspace
    ) -> DecompositionOutcome {
        guard allFinite(matrix, count: n * n) else { return .failed }
        if isDiagonal(matrix, n: n) {
            sortDiagonal(matrix, n: n, vectors: vectors, values: values, workspace: workspace)
            return .done
        }
        if Self.self == Double.self || !forceDouble {
            let done = decompose(matrix, n: n, as: Self.self, vectors: vectors, values: values, workspace: workspace)
            if done || Self.self == Double.self { return done ? .done : .failed }
        }
        let done = decompose(matrix, n: n, as: Double.self, vectors: vectors, values: values, workspace: workspace)
        return done ? .doneInDouble : .failed
    }

    private static func sortDiagonal(
        _ matrix: UnsafePointer<Self>, n: Int, vectors: UnsafeMutablePointer<Self>, values: UnsafeMutablePointer<Self>?,
        workspace: Workspace
    ) {
        workspace.frame {
            let order = workspace.take(Int.self, count: n)
            let diagonal = workspace.take(Double.self, count: n)
            for i in 0..<n { diagonal[i] = matrix[i * n + i].asDouble }
            descendingOrder(of: diagonal, count: n, into: order)
            vectors.update(repeating: 0, count: n * n)
            for p in 0..<n {
                vectors[order[p] * n + p] = 1
                values?[p] = matrix[order[p] * n + order[p]]
            }
        }
    }

    private static func decompose<Work: BLASScalar>(
        _ matrix: UnsafePointer<Self>, n: Int, as type: Work.Type, vectors: UnsafeMutablePointer<Self>,
        values: UnsafeMutablePointer<Self>?, workspace: Workspace
    ) -> Bool {
        workspace.frame {
            let scaled = workspace.take(Work.self, count: n * n)
            let ascending = workspace.take(Work.self, count: n)
            let work = workspace.take(Work.self, count: 1 + 6 * n + 2 * n * n)
            let integerWork = workspace.take(Int32.self, count: 3 + 5 * n)
            // In the type of the work: elements far above the diagonal, which a matrix that is not positive semi-definite may
            // have, can leave the narrower range.
            let scale = Work(balancingScale(for: largestDiagonal(matrix, n: n)).asDouble)
            for i in 0..<(n * n) { scaled[i] = Work(matrix[i].asDouble) * scale }
            guard Work.allFinite(scaled, count: n * n) else { return false }
            let info = Work.syevd(n: n, scaled, values: ascending, work: work, integerWork: integerWork)
            guard info == 0, Work.allFinite(scaled, count: n * n), Work.allFinite(ascending, count: n) else { return false }
            for i in 0..<n {
                for p in 0..<n { vectors[i * n + p] = Self(scaled[(n - 1 - p) * n + i].asDouble) }
            }
            if let values {
                for p in 0..<n { values[p] = Self(ascending[n - 1 - p].asDouble / scale.asDouble) }
                return allFinite(values, count: n)
            }
            return true
        }
    }
}

/// The indices of `values` by descending value; equal ones keep their order.
public func descendingOrder(of values: UnsafePointer<Double>, count: Int, into order: UnsafeMutablePointer<Int>) {
    for i in 0..<count { order[i] = i }
    var indices = UnsafeMutableBufferPointer(start: order, count: count)
    indices.sort { (values[$0], $1) > (values[$1], $0) }
}

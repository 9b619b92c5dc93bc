import LinearAlgebra

/// Rotates a tensor into the bases (multiplying by Qᵀ along each dimension) or back out of them.
///
/// - Parameters:
///   - basis: the basis of a side by its index; sides without one are skipped.
///   - result: must not overlap `source`.
///   - precision: of the products.
/// - Complexity: 2·count·Σn operations; scratch memory of one tensor.
func rotate<Scalar: BLASScalar>(
    _ source: UnsafePointer<Scalar>, count: Int, along sides: [Side<Scalar>], back: Bool, into result: UnsafeMutablePointer<Scalar>,
    precision: MatmulPrecision, workspace: Workspace, by basis: (Int) -> UnsafePointer<Scalar>?
) {
    var remaining = sides.indices.count { basis($0) != nil }
    guard remaining > 0 else { return result.update(from: source, count: count) }
    workspace.frame {
        let spare = remaining > 1 ? workspace.take(Scalar.self, count: count) : result
        var current = source
        for (index, side) in sides.enumerated() {
            guard let matrix = basis(index) else { continue }
            // Alternating between the two, such that the last product lands in the result.
            let target = remaining % 2 == 1 ? result : spare
            Scalar.multiply(
                current, along: side.mode, by: matrix, back: back, into: target, precision: precision, workspace: workspace)
            current = UnsafePointer(target)
            remaining -= 1
        }
    }
}

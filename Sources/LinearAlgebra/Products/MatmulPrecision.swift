/// How exact products of single precision need to be (`fp32_matmul_prec`, `qr_fp32_matmul_prec`).
///
/// A lower precision is a permission, not a demand: it is used only where it is faster, which ``ProductKernels`` decides.
/// Products of double precision are always of double precision.
public enum MatmulPrecision: String, Sendable, CaseIterable {
    /// As exact as single precision: just that, or each number as the sum of three bfloat16, six products, sums in single precision,
    /// which leaves out nothing that single precision could hold.
    case highest
    /// Each number as the sum of two bfloat16, three products, sums in single precision.
    case high
    /// Inputs rounded to bfloat16, sums in single precision.
    case medium
}

import LinearAlgebra
import Storage

/// What the engine is made of, for reports: the same binary gives other bits with other kernels.
public enum EngineFacts {
    /// The version of SQLite that runs.
    public static var sqliteVersion: String { Store.sqliteVersion }
    /// The version of the database's layout.
    public static var schemaVersion: Int { Store.schemaVersion }
    /// The BLAS library and how it was built.
    public static var blasVersion: String { BLAS.version }
    /// The kernels that the library chose for this CPU.
    public static var blasKernels: String { BLAS.coreName }
    /// What products run on where that is faster than OpenBLAS.
    public static var lowPrecisionKernels: String { ProductKernels.chosen.name }
    /// What `LATHER_KERNELS` may be.
    public static var kernelLimits: [String] { ProductKernels.Limit.allCases.map(\.rawValue) }
}

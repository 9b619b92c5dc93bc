import COpenBLAS

/// The linked OpenBLAS as a whole: its thread policy and what it says about itself.
///
/// Every call of it runs on the thread that asks for it. Parameters side by side with one BLAS thread each are faster
/// than one after the other with several (31 against 34 ms for 16 products of 512³ on two cores), and results depend on
/// the number of BLAS threads, but not on what other callers do meanwhile.
public enum BLAS {
    /// Sets OpenBLAS to one thread; everything in this module that needs it calls it. Idempotent and thread-safe.
    public static func configure() {
        _ = singleThreaded
    }

    private static let singleThreaded: Void = openblas_set_num_threads(1)

    /// The kernels that OpenBLAS chose for this CPU when it was loaded (`OPENBLAS_CORETYPE` overrides its choice).
    public static var coreName: String { String(cString: openblas_get_corename()) }

    /// The library's version, such as `0.3.21`.
    public static var version: String {
        let words = String(cString: openblas_get_config()).split(separator: " ")
        return words.count > 1 && words[0] == "OpenBLAS" ? String(words[1]) : words.joined(separator: " ")
    }
}

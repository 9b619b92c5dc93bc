import CKernels
import Foundation

/// Which products of less than single precision run on kernels of our own, and which are left to OpenBLAS in single precision.
///
/// Kernels of our own are those for AMX tiles. Without AMX bfloat16 gains nothing: AVX-512's product of bfloat16 (`VDPBF16PS`)
/// was measured at half the rate of single precision, and AVX2 has none. `Docs/performance.md` has the figures.
public struct ProductKernels: Sendable, Equatable {
    private enum Choice: Sendable, Equatable {
        case blas, tilesWhereFaster, tilesForAll
    }

    private let choice: Choice

    /// OpenBLAS in single precision for everything.
    public static let blas = ProductKernels(choice: .blas)

    /// Tiles wherever they are faster, if CPU and system have them.
    public static let fastest = hasTiles ? ProductKernels(choice: .tilesWhereFaster) : blas

    /// Tiles for products of any size, for tests; nil unless CPU and system have them.
    public static let tilesForAll = hasTiles ? ProductKernels(choice: .tilesForAll) : nil

    /// What this process uses: ``fastest``, unless `LATHER_KERNELS` forbids it.
    public static let chosen = named(ProcessInfo.processInfo.environment["LATHER_KERNELS"])

    private static let hasTiles = lather_amx_request() == 1

    /// The kernels for a value of `LATHER_KERNELS`, the most that may be used: `amx`, which is also taken for none, or `avx512`,
    /// `avx2` and `blas`, which all leave everything to OpenBLAS.
    public static func named(_ name: String?) -> ProductKernels {
        ["avx512", "avx2", "blas"].contains(name) ? blas : fastest
    }

    /// Whether any product runs on tiles.
    public var useTiles: Bool { choice != .blas }

    /// `amx`, or `blas` for none of our own.
    public var name: String { useTiles ? "amx" : "blas" }

    /// How many bfloat16 stand for a number in the product of an m×k matrix with a k×n one; nil leaves it to OpenBLAS.
    func parts(_ precision: MatmulPrecision, m: Int, n: Int, k: Int, isGram: Bool = false) -> Int32? {
        guard precision != .highest, choice != .blas, min(m, n, k) > 0 else { return nil }
        guard choice == .tilesForAll || ProductKernels.tilesAreFaster(m: m, n: n, k: k, isGram: isGram) else { return nil }
        return precision == .high ? 2 : 1
    }

    /// Measured at `high`, both ways of storing A: what they gain grows with m·n·k, what packing costs with (m + n)·k, and tiles
    /// are 32 numbers long along k.
    private static func tilesAreFaster(m: Int, n: Int, k: Int, isGram: Bool) -> Bool {
        k >= 16 && m * n >= 15 * (m + n) && m * n * k >= (isGram ? 32 * 32 * 32 : 64 * 64 * 64)
    }
}

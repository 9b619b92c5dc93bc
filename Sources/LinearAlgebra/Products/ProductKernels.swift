import CKernels
import Foundation

/// Which products run on kernels of our own, and which are left to OpenBLAS in single precision.
///
/// Kernels of our own are those for AMX tiles, of one, two or three bfloat16 for a number; with three they are more exact than
/// OpenBLAS's in single precision. Without AMX bfloat16 gains nothing: AVX-512's product of bfloat16 (`VDPBF16PS`)
/// was measured at half the rate of single precision, and AVX2 has none. For AVX2 there is a kernel in single precision for products
/// whose right factor is so small that packing both, as OpenBLAS does, is a good part of the work. `Docs/performance.md` has the figures.
public struct ProductKernels: Sendable, Equatable {
    private enum Choice: Sendable, Equatable {
        case blas, tilesWhereFaster, tilesForAll
    }

    private let choice: Choice
    /// The width, in bits, of the vectors that loops of our own use.
    let vectorBits: Int32

    private init(_ choice: Choice, vectorBits: Int32 = 512) {
        self.choice = choice
        self.vectorBits = min(vectorBits, lather_vector_bits())
    }

    /// OpenBLAS in single precision for all products, and vectors that every CPU has.
    public static let blas = ProductKernels(.blas, vectorBits: 128)

    /// Tiles wherever they are faster, if CPU and system have them, and the widest vectors.
    public static let fastest = ProductKernels(hasTiles ? .tilesWhereFaster : .blas)

    /// Tiles for products of any size, for tests; nil unless CPU and system have them.
    public static let tilesForAll = hasTiles ? ProductKernels(.tilesForAll) : nil

    /// What this process uses: ``fastest``, unless `LATHER_KERNELS` forbids it. The server refuses a value that names no ``Limit``; a
    /// library takes it for none.
    public static let chosen = upTo(ProcessInfo.processInfo.environment["LATHER_KERNELS"].flatMap { Limit(rawValue: $0) } ?? .amx)

    /// The most that may be used; raw values are those of `LATHER_KERNELS`.
    public enum Limit: String, CaseIterable, Sendable {
        /// Everything, which need not be said.
        case amx
        /// No tiles, and vectors of at most 512 bits.
        case avx512
        /// No tiles, and vectors of at most 256 bits.
        case avx2
        /// ``ProductKernels/blas``.
        case blas
    }

    private static let hasTiles = lather_amx_request() == 1

    /// The fastest kernels within a limit.
    public static func upTo(_ limit: Limit) -> ProductKernels {
        switch limit {
        case .amx: fastest
        case .avx512: ProductKernels(.blas)
        case .avx2: ProductKernels(.blas, vectorBits: 256)
        case .blas: blas
        }
    }

    /// Whether any product runs on tiles.
    public var useTiles: Bool { choice != .blas }

    /// `amx`, or `blas` without tiles.
    public var name: String { useTiles ? "amx" : "blas" }

    /// How many bfloat16 stand for a number in the product of an m×k matrix with a k×n one; nil leaves it to OpenBLAS.
    func parts(_ precision: MatmulPrecision, m: Int, n: Int, k: Int, isGram: Bool = false) -> Int32? {
        guard choice != .blas, min(m, n, k) > 0 else { return nil }
        guard choice == .tilesForAll || ProductKernels.tilesAreFaster(precision, m: m, n: n, k: k, isGram: isGram) else { return nil }
        return switch precision {
        case .highest: 3
        case .high: 2
        case .medium: 1
        }
    }

    /// Whether the product of an m×k matrix, stored transposed or not, with a k×n one is a small one for AVX2: B is at most 64 KiB, and
    /// A is not to be packed for few products with each of its elements. For AVX-512 OpenBLAS has such kernels itself.
    func isSmall(transposeA: Bool, m: Int, n: Int, k: Int) -> Bool {
        vectorBits == 256 && m > 0 && n >= 16 && k >= 8 && n * k <= 128 * 128 && (k <= 64 || !transposeA)
    }

    /// Measured, both ways of storing A: what tiles gain grows with m·n·k, what packing costs with (m + n)·k, and they are 32 numbers
    /// long along k. Up to a million multiplications OpenBLAS needs no packing.
    private static func tilesAreFaster(_ precision: MatmulPrecision, m: Int, n: Int, k: Int, isGram: Bool) -> Bool {
        guard k >= 16 else { return false }
        if precision == .highest { return m * n >= 40 * (m + n) && m * n * k > 1_000_000 }
        return m * n >= 15 * (m + n) && m * n * k >= (isGram ? 32 * 32 * 32 : 64 * 64 * 64)
    }
}

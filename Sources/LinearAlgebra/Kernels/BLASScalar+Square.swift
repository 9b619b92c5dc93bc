/// Passes over square row-major matrices.
extension BLASScalar {
    /// Side of the tiles in which matrices are transposed, so that rows read and written stay in the first-level cache.
    private static var tile: Int { 32 }

    /// Copies the upper triangle below the diagonal.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    static func mirrorUpperTriangle(_ matrix: UnsafeMutablePointer<Self>, n: Int) {
        let whole = n & ~3
        for rowTile in stride(from: 0, to: whole, by: tile) {
            for columnTile in stride(from: 0, through: rowTile, by: tile) {
                for i in stride(from: rowTile, to: min(rowTile + tile, whole), by: 4) {
                    for j in stride(from: columnTile, to: min(columnTile + tile, i), by: 4) {
                        transposeFourByFour(from: matrix + j * n + i, to: matrix + i * n + j, stride: n)
                    }
                }
            }
        }
        // What blocks of four leave: their diagonal, and the last rows.
        for i in 0..<n {
            for j in (i < whole ? i & ~3 : 0)..<i { matrix[i * n + j] = matrix[j * n + i] }
        }
    }

    @inline(__always)
    private static func transposeFourByFour(from source: UnsafePointer<Self>, to target: UnsafeMutablePointer<Self>, stride: Int) {
        let row0 = UnsafeRawPointer(source).loadUnaligned(as: SIMD4<Self>.self)
        let row1 = UnsafeRawPointer(source + stride).loadUnaligned(as: SIMD4<Self>.self)
        let row2 = UnsafeRawPointer(source + 2 * stride).loadUnaligned(as: SIMD4<Self>.self)
        let row3 = UnsafeRawPointer(source + 3 * stride).loadUnaligned(as: SIMD4<Self>.self)
        for column in 0..<4 {
            UnsafeMutableRawPointer(target + column * stride).storeBytes(
                of: SIMD4(row0[column], row1[column], row2[column], row3[column]), as: SIMD4<Self>.self)
        }
    }

    /// Writes the transpose.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    public static func transpose(
        _ matrix: UnsafePointer<Self>, n: Int, into result: UnsafeMutablePointer<Self>
    ) {
        for rowTile in stride(from: 0, to: n, by: tile) {
            for columnTile in stride(from: 0, to: n, by: tile) {
                for p in rowTile..<min(rowTile + tile, n) {
                    for j in columnTile..<min(columnTile + tile, n) { result[p * n + j] = matrix[j * n + p] }
                }
            }
        }
    }

    /// The largest element of the diagonal: for a positive semi-definite matrix, the largest of all.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    public static func largestDiagonal(_ matrix: UnsafePointer<Self>, n: Int) -> Self {
        var largest: Self = 0
        for i in 0..<n { largest = max(largest, matrix[i * n + i]) }
        return largest
    }

    /// Whether every element off the diagonal is zero.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    public static func isDiagonal(_ matrix: UnsafePointer<Self>, n: Int) -> Bool {
        for i in 0..<n {
            for j in 0..<n where i != j && matrix[i * n + j] != 0 { return false }
        }
        return true
    }

    /// Whether every element is finite.
    @specialized(where Self == Float)
    @specialized(where Self == Double)
    public static func allFinite(_ values: UnsafePointer<Self>, count: Int) -> Bool {
        // x·0 is NaN for the infinite and for NaN, and NaN stays: no branch in the loop.
        var lanes = SIMD8<Self>()
        let vectorised = count & ~7
        let raw = UnsafeRawPointer(values)
        for index in stride(from: 0, to: vectorised, by: 8) {
            lanes += raw.loadUnaligned(fromByteOffset: index * MemoryLayout<Self>.stride, as: SIMD8<Self>.self) * 0
        }
        var sum = lanes.sum()
        for index in vectorised..<count { sum += values[index] * 0 }
        return sum == 0
    }

    /// A power of two near 1/`largest`, by which a matrix is scaled before it is decomposed so that nothing overflows or
    /// underflows on the way; scaling by it is exact. 1 for zero.
    public static func balancingScale(for largest: Self) -> Self {
        guard largest > 0 && largest.isFinite else { return 1 }
        let limit = -leastNormalMagnitude.exponent
        return Self(sign: .plus, exponent: max(-limit, min(limit, -largest.exponent)), significand: 1)
    }
}

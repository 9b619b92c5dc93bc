import Foundation
import Storage

/// How a point is stored: its version, then eight little-endian bytes a number.
extension HistoryPoint {
    private static let version: UInt8 = 1

    private static let figures: [any WritableKeyPath<HistoryPoint, HistoryFigure> & Sendable] = [
        \.gradientRMS, \.updateRMS, \.learningRate, \.receiveTime, \.computeTime, \.commitTime,
    ]
    private static let counts: [any WritableKeyPath<HistoryPoint, Int> & Sendable] = [
        \.stepCount, \.parameterCount, \.refreshCount, \.skippedCount, \.clippedCount,
    ]
    private static let byteCount = 1 + 8 * (1 + counts.count + 4 * figures.count)

    var row: HistoryRow {
        var bytes = [HistoryPoint.version]
        bytes.reserveCapacity(HistoryPoint.byteCount)
        func add(_ bits: UInt64) { withUnsafeBytes(of: bits.littleEndian) { bytes.append(contentsOf: $0) } }
        // As Date has it, so that it comes back to the bit.
        add(time.timeIntervalSinceReferenceDate.bitPattern)
        for count in HistoryPoint.counts { add(UInt64(bitPattern: Int64(self[keyPath: count]))) }
        for path in HistoryPoint.figures {
            let figure = self[keyPath: path]
            for value in [figure.least, figure.greatest, figure.sum] { add(value.bitPattern) }
            add(UInt64(bitPattern: Int64(figure.count)))
        }
        return HistoryRow(firstStep: firstStep, lastStep: lastStep, epoch: epoch, point: bytes)
    }

    /// Nil for one of a version that this build does not know.
    init?(_ row: HistoryRow) {
        guard row.point.count == HistoryPoint.byteCount, row.point[0] == HistoryPoint.version else { return nil }
        var offset = 1
        func next() -> UInt64 {
            defer { offset += 8 }
            return row.point.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
        }
        func number() -> Int { Int(Int64(bitPattern: next())) }
        func value() -> Double { Double(bitPattern: next()) }
        self.init(
            firstStep: row.firstStep, lastStep: row.lastStep, epoch: row.epoch, time: Date(timeIntervalSinceReferenceDate: value()))
        for count in HistoryPoint.counts { self[keyPath: count] = number() }
        for path in HistoryPoint.figures {
            self[keyPath: path] = HistoryFigure(least: value(), greatest: value(), sum: value(), count: number())
        }
    }
}

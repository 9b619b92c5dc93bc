import Foundation
import Safetensors

/// The handwritten digits of the examples, read from where the examples read them.
struct DigitImages {
    /// Training images come first.
    static let trainingCount = 1500
    static let pixelCount = 64
    private static let batchCount = 128

    let count: Int
    /// Ink between 0 and 1, one image a row.
    let pixels: [Float]
    let labels: [Int]

    init() throws {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..").standardizedFileURL
        let bytes = Array(try Data(contentsOf: package.appendingPathComponent("Examples/data/digits.safetensors")))
        (pixels, labels) = try bytes.withUnsafeBytes { bytes in
            let file = try SafetensorsFile(bytes)
            guard let images = file["images"], let labels = file["labels"] else { throw TestFailure("the digits are not what they were") }
            return (images.bytes.map { Float($0) / 16 }, labels.bytes.map { Int($0) })
        }
        count = labels.count
    }

    private init(pixels: [Float], labels: [Int]) {
        self.pixels = pixels
        self.labels = labels
        count = labels.count
    }

    /// The training images of a step, which is 1 at first: a new order for each pass over them.
    func batch(_ step: Int, seed: UInt64 = 0) -> DigitImages {
        let batches = DigitImages.trainingCount / DigitImages.batchCount
        let (pass, position) = (step - 1).quotientAndRemainder(dividingBy: batches)
        var random = SplitMix(state: seed << 32 + UInt64(pass))
        let order = (0..<DigitImages.trainingCount).shuffled(using: &random)
        return rows(Array(order[position * DigitImages.batchCount..<(position + 1) * DigitImages.batchCount]))
    }

    /// Some of the images, in the order of `rows`.
    func rows(_ rows: [Int]) -> DigitImages {
        let size = DigitImages.pixelCount
        return DigitImages(pixels: rows.flatMap { pixels[$0 * size..<($0 + 1) * size] }, labels: rows.map { labels[$0] })
    }
}

import StrictJSON

extension SafetensorsHeader.Entry {
    /// Reads the entry of one tensor: an object of exactly `dtype`, `shape` and `data_offsets`.
    init(_ name: TensorName, _ value: JSONValue) throws(SafetensorsError) {
        func failure(_ slug: SafetensorsError.Slug, _ detail: String) -> SafetensorsError {
            SafetensorsError(slug, tensor: name.description, detail)
        }
        guard let object = value.objectValue, object.count == 3, let dtypeValue = object["dtype"], let shapeValue = object["shape"],
            let offsetsValue = object["data_offsets"]
        else {
            throw failure(.invalidEntry, "the entry must be an object of exactly dtype, shape and data_offsets")
        }
        guard let dtype = dtypeValue.stringValue.flatMap(DType.init(rawValue:)) else {
            throw failure(.unknownDType, "dtype is none of \(DType.allCases.map(\.name).joined(separator: ", "))")
        }
        guard let shape = Self.integers(shapeValue) else {
            throw failure(.invalidShape, "shape must be an array of integers from 0 to \(Int.max), written in digits alone")
        }
        guard let byteCount = dtype.byteCount(ofShape: shape) else {
            throw failure(.sizeOverflow, "the shape's size in bytes is more than \(Int.max)")
        }
        guard let offsets = Self.integers(offsetsValue), offsets.count == 2, offsets[0] <= offsets[1] else {
            throw failure(
                .invalidOffsets, "data_offsets must be two integers from 0 to \(Int.max), the first not above the second, in digits alone")
        }
        guard offsets[1] - offsets[0] == byteCount else {
            throw failure(.sizeMismatch, "dtype and shape need \(byteCount) bytes, data_offsets spans \(offsets[1] - offsets[0])")
        }
        spec = TensorSpec(name: name, dtype: dtype, shape: shape)
        range = offsets[0]..<offsets[1]
    }

    /// An array of non-negative integers that are written as such: no sign, fraction or exponent. (JSON itself has no leading zeros.)
    private static func integers(_ value: JSONValue) -> [Int]? {
        guard let elements = value.arrayValue else { return nil }
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let integers = elements.compactMap { element -> Int? in
            guard let literal = element.numberValue?.literal, literal.utf8.allSatisfy(digits.contains) else { return nil }
            return Int(literal)
        }
        return integers.count == elements.count ? integers : nil
    }
}

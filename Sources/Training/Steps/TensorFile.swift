import Memory
import Safetensors
import StrictJSON

/// A safetensors body together with the memory its tensors view.
struct TensorFile {
    let body: AlignedBuffer
    let tensors: [TensorView]
    var header: SafetensorsFile.Header { file.header }
    private let file: SafetensorsFile

    /// Bytes of a header, enough for some 100,000 tensors: reading one takes up to 25 times its size in memory.
    static let maximumHeaderByteCount = 16 << 20

    /// - Parameter known: the header of an earlier body, which most often has come again.
    /// - Throws: `malformed-body`, saying what is wrong and where.
    init(
        reading body: AlignedBuffer, maximumHeaderByteCount: Int = TensorFile.maximumHeaderByteCount,
        maximumNameByteCount: Int = TensorName.maximumByteCount, known: SafetensorsFile.Header? = nil
    ) throws(TrainingError) {
        do {
            let file = try SafetensorsFile(
                body.bytes, maximumHeaderByteCount: maximumHeaderByteCount, maximumNameByteCount: maximumNameByteCount, known: known)
            self.body = body
            tensors = file.tensors
            self.file = file
        } catch {
            var fields: [(name: String, value: JSONValue)] = [("reason", .string(error.slug.rawValue))]
            if let tensor = error.tensor { fields.append(("parameter", .string(tensor))) }
            throw TrainingError(.malformedBody, "The body is not valid safetensors: \(error.detail)", fields)
        }
    }

    /// A text of the file's metadata.
    func metadata(_ key: String) -> String? { file.metadata(key) }
}

extension SafetensorsLayout {
    /// A layout of tensors whose names and sizes were checked when their parameters were registered.
    ///
    /// - Parameter known: the layout of an earlier answer, which most often is this one.
    static func trusted(
        _ tensors: [TensorSpec], metadata: [(key: String, value: String)] = [], known: SafetensorsLayout? = nil
    ) -> SafetensorsLayout {
        if let known, known.isThat(of: tensors, metadata: metadata) { return known }
        do { return try SafetensorsLayout(tensors, metadata: metadata) } catch { preconditionFailure("\(error)") }
    }
}

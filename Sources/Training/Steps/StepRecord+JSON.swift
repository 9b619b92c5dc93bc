import StrictJSON

// How a checkpoint keeps what belongs to the last step; the answer's bytes lie beside it as a tensor of their own.

extension StepRecord {
    var json: JSONObject {
        [
            "step": JSONValue(step), "body_sha256": .string(hex(identity.bodyDigest)), "inputs": .object(identity.inputs.json),
            "weight_scale": weightScale.map { JSONValue($0) } ?? .null, "has_content": .bool(content != nil),
        ]
    }
}

extension TrainedParameter.StepFigures {
    var json: JSONObject {
        [
            "gradient_rms": JSONValue(gradientRMS), "update_rms": JSONValue(updateRMS), "lr": JSONValue(learningRate),
            "kept_old_basis": .bool(keptOldBasis), "double_fallbacks": JSONValue(doubleFallbacks),
        ]
    }

    init?(_ json: JSONValue?) {
        guard let gradientRMS = json?["gradient_rms"]?.double, let updateRMS = json?["update_rms"]?.double, let rate = json?["lr"]?.double,
            let keptOldBasis = json?["kept_old_basis"]?.boolValue
        else { return nil }
        // Version 0.1's first checkpoints do not have the last one.
        self.init(
            gradientRMS: gradientRMS, updateRMS: updateRMS, learningRate: rate, keptOldBasis: keptOldBasis,
            doubleFallbacks: json?["double_fallbacks"]?.integer ?? 0)
    }
}

/// Lower-case hexadecimal.
func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// The bytes of ``hex(_:)``; nil for anything else.
func bytes(hex text: String) -> [UInt8]? {
    let digits = Array(text.utf8).map { Character(Unicode.Scalar($0)).hexDigitValue }
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let high = digits[index], let low = digits[index + 1] else { return nil }
        bytes.append(UInt8(high << 4 | low))
    }
    return bytes
}

extension JSONValue {
    var double: Double? { numberValue?.double }
    var integer: Int? { numberValue?.integer }
}

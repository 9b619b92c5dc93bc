import SOAP
import Safetensors
import StrictJSON

extension StateFile {
    /// What a PyTorch trainer's state says, flattened to `NAME.KEY` and `NAME.KEY.INDEX`.
    static func readForeign(_ file: TensorFile, _ groups: [Group]) throws(TrainingError) -> [StoredParameter] {
        let common = try commonStep(file)
        var parameters: [StoredParameter] = []
        for group in groups {
            let state = group.state
            guard let expAvg = state[.expAvg] else { throw TrainingError.missing("exp_avg", of: group.name) }
            let step: Int
            if let tensor = group.tensors[.step] {
                guard let number = wholeNumber(tensor) else {
                    throw TrainingError.invalidState(
                        group.name, tensor, "is not one whole number from 0 to \(StoredParameter.largestStep)")
                }
                step = number
            } else if let common {
                step = common
            } else {
                throw TrainingError.missing("step", of: group.name)
            }
            parameters.append(
                StoredParameter(
                    name: group.name, shape: expAvg.shape, step: step, number: step, tensors: state, weights: group.tensors[.weights]))
        }
        return parameters
    }

    /// The step in the metadata, for parameters that have none of their own.
    private static func commonStep(_ file: TensorFile) throws(TrainingError) -> Int? {
        guard let text = file.metadata("step") else { return nil }
        guard let step = JSONNumber(literal: text)?.integer, (0...StoredParameter.largestStep).contains(step) else {
            throw TrainingError(.invalidState, "The metadata's step \"\(text)\" is not a whole number.", [("got", .string(text))])
        }
        return step
    }

    /// A step as trainers keep it: one element of any number type.
    private static func wholeNumber(_ tensor: TensorView) -> Int? {
        guard tensor.elementCount == 1 else { return nil }
        func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type) -> Int? {
            Int(exactly: tensor.bytes.loadUnaligned(as: type))
        }
        let value: Int? =
            switch tensor.dtype {
            case .i64: integer(Int64.self)
            case .i32: integer(Int32.self)
            case .i16: integer(Int16.self)
            case .i8: integer(Int8.self)
            case .u64: integer(UInt64.self)
            case .u32: integer(UInt32.self)
            case .u16: integer(UInt16.self)
            case .u8: integer(UInt8.self)
            case .f64, .f32, .f16, .bf16: Int(exactly: ElementConversion.doubles(tensor)[0])
            case .bool, .f8e4m3, .f8e5m2: nil
            }
        return value.flatMap { (0...StoredParameter.largestStep).contains($0) ? $0 : nil }
    }
}

extension TrainingError {
    /// A parameter without something that every parameter of a state file has.
    static func missing(_ key: String, of parameter: TensorName, shape: [Int]? = nil) -> TrainingError {
        var fields: [(name: String, value: JSONValue)] = [
            ("parameter", .string(parameter.description)), ("tensor", .string("\(parameter).\(key)")),
        ]
        if let shape { fields.append(("expected", Manifest.json(shape))) }
        let ofShape = shape.map { " of shape \($0)" } ?? ""
        return TrainingError(.invalidState, "\"\(parameter)\" needs the tensor \"\(parameter).\(key)\"\(ofShape).", fields)
    }
}

extension ElementConversion {
    /// The elements in double precision, exactly.
    static func doubles(_ tensor: TensorView) -> [Double] {
        [Double](unsafeUninitializedCapacity: tensor.elementCount) { target, count in
            count = tensor.elementCount
            widen(tensor.bytes, tensor.dtype, into: UnsafeMutableBufferPointer(rebasing: target[..<count]))
        }
    }
}

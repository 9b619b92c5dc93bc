import Foundation
import Memory
import SOAP
import Safetensors
import Storage
import StrictJSON

/// What a snapshot has of one parameter.
///
/// The tensors stay where the parameter has them until they are written, so making a part copies nothing. Whoever is about
/// to change them calls ``preserve(in:)`` first.
final class CheckpointPart: @unchecked Sendable {
    /// The parameter's last step at its own level.
    let number: Int
    private let name: TensorName
    private let group: TensorName?
    private let step: Int
    private let lastRefreshStep: Int?
    private let lastStep: TrainedParameter.StepFigures?
    private let record: StepRecord?
    // Their elements belong to this moment only as long as `phase` is `inPlace` or `isRead`, and nobody writes to them then.
    private let state: SOAPParameter<Float>
    private let weights: AlignedBuffer?
    // Invariant: `phase` is touched only under `condition`, and copies are made under it.
    private let condition = NSCondition()
    private var phase = Phase.inPlace

    private enum Phase {
        /// The tensors are where the parameter has them.
        case inPlace
        /// They are there, and are being written from there.
        case isRead
        /// A step needed their place before they were written.
        case copied(CheckpointCopy)
        /// The writer has what it needs, or has given up.
        case released
    }

    /// A tensor without its bytes.
    struct Tensor {
        let kind: CheckpointTensor.Kind
        let name: String
        var dtype = "F32"
        let shape: [Int]
    }

    init(_ parameter: TrainedParameter) {
        number = parameter.lastNumber
        name = parameter.name
        group = parameter.group?.name
        step = parameter.state.step
        lastRefreshStep = parameter.state.lastRefreshStep
        lastStep = parameter.lastStep
        record = parameter.record
        state = parameter.state
        weights = parameter.weights
    }

    // MARK: Who is about to change the parameter

    /// Copies the tensors if they are still needed where they are.
    ///
    /// - Returns: whether the parameter may be changed now. If not, because there is no room for a copy or because the writer
    ///   reads them in place, it may after ``awaitRelease()``.
    func preserve(in surroundings: Run.Surroundings) -> Bool {
        condition.withLock {
            switch phase {
            case .inPlace:
                guard let copy = CheckpointCopy(of: self, in: surroundings) else { return false }
                phase = .copied(copy)
                return true
            case .isRead: return false
            case .copied, .released: return true
            }
        }
    }

    /// Waits until the writer has what it needs.
    func awaitRelease() {
        condition.withLock {
            while true {
                switch phase {
                case .inPlace, .isRead: condition.wait()
                case .copied, .released: return
                }
            }
        }
    }

    // MARK: Who writes

    /// Writes the tensors: from the copy there is, from one made now, or from where they are, when there is no room for one.
    ///
    /// - Parameter surroundings: where to copy to; nil when nobody could change the parameter meanwhile.
    func write(to writer: CheckpointWriter, copyingIn surroundings: Run.Surroundings?) throws(StorageError) {
        defer { release() }
        if let copy = takeCopy(in: surroundings) {
            try copy.write(to: writer)
        } else {
            try forEachTensor { tensor, bytes throws(StorageError) in try writer.append(tensor, bytes) }
        }
        if let answer = record?.content { try writer.append(answer: answer, of: name.description) }
    }

    private func takeCopy(in surroundings: Run.Surroundings?) -> CheckpointCopy? {
        condition.withLock {
            var taken: CheckpointCopy?
            if case .copied(let copy) = phase { taken = copy } else { taken = surroundings.flatMap { CheckpointCopy(of: self, in: $0) } }
            phase = taken == nil ? .isRead : .released
            condition.broadcast()
            return taken
        }
    }

    /// Lets the parameter be changed; what has not been written by now never will be.
    func release() {
        condition.withLock {
            phase = .released
            condition.broadcast()
        }
    }

    // MARK: What

    /// Calls `body` with each tensor and its bytes, in the order of writing. Allowed while the tensors are in their place.
    func forEachTensor<E: Error>(_ body: (Tensor, UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
        for key in state.stateKeys {
            let tensor = Tensor(kind: .state, name: "\(name).\(key.name)", shape: key.shape(in: state.shape))
            try state.withState(key) { values throws(E) in try body(tensor, UnsafeRawBufferPointer(values)) }
        }
        if let weights { try body(Tensor(kind: .weights, name: name.description, shape: state.shape), weights.bytes) }
    }

    /// Bytes of the tensors.
    var byteCount: Int {
        var sum = 0
        forEachTensor { sum += $1.count }
        return sum
    }

    /// As the checkpoint's metadata lists it.
    var json: JSONObject {
        var entry: JSONObject = [
            "name": .string(name.description), "shape": Manifest.json(state.shape), "step": JSONValue(step), "number": JSONValue(number),
        ]
        if let group { entry["group"] = .string(group.description) }
        if let lastRefreshStep { entry["last_refresh_step"] = JSONValue(lastRefreshStep) }
        if let lastStep { entry["last_step"] = .object(lastStep.json) }
        if let record { entry["record"] = .object(record.json) }
        return entry
    }
}

extension CheckpointWriter {
    /// Adds the answer to the last step of a parameter, or with the empty name of the run. Its bytes never change.
    func append(answer: AlignedBuffer, of name: String) throws(StorageError) {
        try append(CheckpointPart.Tensor(kind: .answer, name: name, dtype: "U8", shape: [answer.count]), answer.bytes)
    }
}

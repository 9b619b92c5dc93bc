import Foundation
import Memory
import SOAP
import Safetensors

@testable import Training

extension Run {
    /// The whole state as a client would download it.
    func exported() async throws -> AlignedBuffer {
        try await buffer(exportedBytes())
    }

    func exportedBytes() async throws -> [UInt8] {
        try await downloaded(makeCheckpoint().step)
    }

    /// A checkpoint as a client would download it.
    func downloaded(_ step: Int) async throws -> [UInt8] {
        try await download(checkpointAt: step).whole()
    }

    /// The state as a PyTorch trainer would flatten it, GG and Q in lists.
    func flattened() -> [Sent] {
        parameters.all.flatMap { parameter in
            [Sent(TensorName(stringLiteral: "\(parameter.name).step"), [], [Float(parameter.state.step)])]
                + parameter.state.stateKeys.map { key in
                    let name = key.name.replacing("factor", with: "GG").replacing("basis", with: "Q")
                    return parameter.state.withState(key) {
                        Sent(TensorName(stringLiteral: "\(parameter.name).\(name)"), key.shape(in: parameter.shape), Array($0))
                    }
                }
        }
    }

    /// Imports a state, and reads what lies on disk before anything else can happen to the run.
    func importing(_ body: AlignedBuffer, keeping database: String) throws -> [String: Data] {
        try importState(body, epoch: nil)
        var files: [String: Data] = [:]
        for suffix in ["", "-wal"] { files[suffix] = try Data(contentsOf: URL(fileURLWithPath: database + suffix)) }
        return files
    }
}

extension CheckpointDownload {
    /// The whole file.
    func whole() async throws -> [UInt8] {
        var file: [UInt8] = []
        while let piece = try await next() {
            switch piece {
            case .header(let bytes): file += bytes
            case .part(let part, let range): file += Array(part.bytes[range])
            }
        }
        return file
    }
}

extension [Sent] {
    /// Changes one tensor.
    mutating func change(_ name: TensorName, _ change: (inout Sent) throws -> Void) rethrows {
        for index in indices where self[index].name == name { try change(&self[index]) }
    }

    func without(_ names: TensorName...) -> [Sent] { filter { !names.contains($0.name) } }
}

extension Sent {
    var floats: [Float] {
        get { bytes.withUnsafeBytes { elements($0, as: Float.self) } }
        set { bytes = TrainingTests.bytes(of: newValue) }
    }

    /// In double precision.
    var widened: Sent { Sent(name, shape, .f64, bytes: TrainingTests.bytes(of: floats.map(Double.init))) }
}

/// A file's tensors, to be changed and sent again.
func tensors(of body: AlignedBuffer) throws -> (tensors: [Sent], metadata: [(key: String, value: String)]) {
    let file = try SafetensorsFile(body.bytes, maximumNameByteCount: 1024)
    return (file.tensors.map { Sent($0.name, $0.shape, $0.dtype, bytes: Array($0.bytes)) }, file.metadata)
}

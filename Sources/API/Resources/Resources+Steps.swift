import Foundation
import HTTPServer
import HTTPTypes
import Safetensors
import Training

extension Resources {
    /// `PUT /v1/runs/{run}/steps/{k}`
    func putStep(_ call: Call) async throws -> Response {
        try await step(call, number: call.stepNumber)
    }

    /// `POST /v1/runs/{run}/steps`: the next step, whatever its number; not safe to repeat.
    func postStep(_ call: Call) async throws -> Response {
        try await step(call, number: nil)
    }

    private func step(_ call: Call, number: Int?) async throws -> Response {
        let run = try runs.run(call.runName)
        let inputs = try call.stepInputs()
        let type = try call.accept([.safetensors, .bytes])
        let epoch = try call.epoch
        try call.requireBody([.safetensors, .bytes])
        if let number { try run.precheck(step: number, epoch: epoch) } else { try run.precheck(epoch: epoch) }
        let body = try await body(call, upTo: configuration.maximumBodyByteCount)
        let answer = try await run.takeStep(
            number, body: body, inputs: inputs, epoch: epoch, digested: call.wantsDigest, received: call.request.body.receiveDuration)
        return response(to: answer, type, call)
    }

    /// `PUT /v1/runs/{run}/parameters/{parameter}/steps/{k}`
    func putParameterStep(_ call: Call) async throws -> Response {
        let run = try runs.run(call.runName)
        let number = try call.stepNumber
        let name = try call.parameterName
        let inputs = try call.stepInputs()
        let type = try call.accept([.bytes])
        let epoch = try call.epoch
        try call.requireBody([.bytes])
        try await run.precheck(step: number, of: name, epoch: epoch)
        let body = try await body(call, upTo: configuration.maximumBodyByteCount)
        let answer = try await run.takeStep(
            number, of: name, body: body, inputs: inputs, epoch: epoch, digested: call.wantsDigest,
            received: call.request.body.receiveDuration)
        return response(to: answer, type, call)
    }

    private func response(to answer: StepAnswer, _ type: MediaType, _ call: Call) -> Response {
        var fields: HTTPFields = [
            .latherStep: String(answer.step), .latherDurableStep: String(answer.durableStep), .latherEpoch: String(answer.epoch),
        ]
        if answer.timing != nil, let duration = call.request.body.receiveDuration { meter.noteReceived(duration) }
        if answer.isReplay { fields[.latherReplayed] = "true" }
        if let scale = answer.weightScale { fields[.latherWeightScale] = "\(scale)" }
        fields[.serverTiming] = Resources.serverTiming(call.request.body.receiveDuration, answer.timing)
        if let digest = answer.digest { fields[.contentDigest] = "sha-256=:\(Data(digest).base64EncodedString()):" }
        guard let content = answer.content else { return Response(status: .noContent, headerFields: fields) }
        fields[.contentType] = type.rawValue
        return Response(status: .ok, headerFields: fields, body: .buffers([BufferSlice(content)]))
    }

    /// Phases in milliseconds (Server-Timing, W3C).
    private static func serverTiming(_ receive: Duration?, _ timing: StepTiming?) -> String {
        let phases = [("receive", receive), ("compute", timing?.compute), ("commit", timing?.commit)]
        return phases.compactMap { name, duration in
            duration.map { "\(name);dur=\(($0 / .microseconds(1)).rounded() / 1000)" }
        }.joined(separator: ", ")
    }
}

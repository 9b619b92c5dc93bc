import HTTPServer
import HTTPTypes
import Memory
import StrictJSON
import Training

extension Resources {
    /// `POST /v1/runs/{run}/checkpoints`
    func postCheckpoint(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let run = try runs.run(call.runName)
        let type = try call.accept([.json])
        let epoch = try call.epoch
        try run.precheck(epoch: epoch)
        let made = try await run.makeCheckpoint(label: try await checkpointLabel(call), epoch: epoch)
        var response = try await answer(.object(made.json), type: type, status: .created)
        response.headerFields[.location] = "/v1/runs/\(run.status.name)/checkpoints/\(made.step)"
        return response
    }

    /// The body is optional: `{"label": "before the change"}`.
    private func checkpointLabel(_ call: Call) async throws -> String? {
        if !call.request.body.isEmpty { try call.requireBody([.json]) }
        let body = try await jsonBody(call, upTo: Call.smallJSONByteCount)
        guard body.count > 0 else { return nil }
        let json = try await parsed(body)
        guard let object = json.objectValue, object.allSatisfy({ $0.name == "label" }) else {
            throw HTTPError(.unprocessableContent, "invalid-checkpoint", "A checkpoint takes {\"label\": \"…\"} or no body.")
        }
        switch object["label"] {
        case nil, .null?: return nil
        case .string(let label)? where (1...256).contains(label.utf8.count): return label
        default: throw HTTPError(.unprocessableContent, "invalid-checkpoint", "A label is a string of 1 to 256 bytes.")
        }
    }

    /// `GET /v1/runs/{run}/checkpoints`
    func listCheckpoints(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.json])
        let checkpoints = try await runs.run(call.runName).checkpoints()
        return try await answer(["checkpoints": .array(checkpoints.map { .object($0.json) })], type: type)
    }

    /// `DELETE /v1/runs/{run}/checkpoints/{step}`
    func deleteCheckpoint(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let run = try runs.run(call.runName)
        try await run.deleteCheckpoint(at: call.number("step", from: 0), epoch: call.epoch)
        return Response(status: .noContent)
    }

    /// `POST /v1/runs/{run}/restore`: `{"step": k}`
    func postRestore(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let run = try runs.run(call.runName)
        let type = try call.accept([.json])
        let epoch = try call.epoch
        try run.precheck(epoch: epoch)
        guard let object = try await json(call, upTo: Call.smallJSONByteCount).objectValue, object.allSatisfy({ $0.name == "step" }),
            let step = object["step"]?.numberValue?.integer, step >= 0
        else { throw HTTPError(.unprocessableContent, "invalid-restore", "A restore takes {\"step\": k}, a whole number from 0 on.") }
        let status = try await run.restore(to: step, epoch: epoch)
        var response = try await answer(.object(status.json), type: type)
        response.headerFields[.latherEpoch] = String(status.epoch)
        return response
    }

    /// `GET /v1/runs/{run}/checkpoints/{step}`: its description, or the whole state as safetensors.
    func getCheckpoint(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let type = try call.accept([.json, .safetensors, .bytes])
        let run = try runs.run(call.runName)
        let step = try call.number("step", from: 0)
        if type == .json {
            let json = JSONValue.object(try await run.checkpoint(at: step).json)
            let text = BufferSlice(copying: json.serialized() + [UInt8(ascii: "\n")])
            return try await answer([text], type: type, hasParts: false, to: call)
        }
        let download = try await run.download(checkpointAt: step)
        return try call.request.answer(download.byteCount, tag: EntityTag(digest: download.digest), fields: .tagged(type)) { range in
            download.select(range)
            return .stream(length: range.count) {
                switch try await download.next() {
                case .header(let bytes)?: .bytes(bytes)
                case .part(let buffer, let range)?: .buffer(BufferSlice(buffer, range))
                case nil: nil
                }
            }
        }
    }
}

import HTTPServer
import HTTPTypes
import StrictJSON
import Training

extension Resources {
    private static let defaultPoints = 500
    private static let mostPoints = 5_000

    /// `GET /v1/runs/{run}/history`: what is kept of the steps. Never waits for the run.
    func getHistory(_ call: Call) async throws -> Response {
        var query = try Query(call.request)
        let from = try query.takeInteger("from", in: 0...(.max)) ?? 0
        let to = try query.takeInteger("to", in: 0...(.max)) ?? .max
        let limit = try query.takeInteger("points", in: 1...Resources.mostPoints) ?? Resources.defaultPoints
        try query.finish()
        guard from <= to else { throw Query.invalid("to", "\(to)", "at least what \"from\" is") }
        let run = try runs.run(call.runName)
        let type = try call.accept([.json])
        return try await runs.offLoop {
            let (points, newest) = run.history.selection(from...to, limit: limit)
            return .json(
                [
                    "epoch": JSONValue(run.status.epoch), "step": JSONValue(run.status.step),
                    "last_event_id": .string(newest.description), "points": .array(points.map { .object($0.json) }),
                ], type: type)
        }
    }

    /// `GET /v1/runs/{run}/events`: the same as it happens.
    func getEvents(_ call: Call) async throws -> Response {
        try call.refuseQuery()
        let run = try runs.run(call.runName)
        let type = try call.accept([.events])
        let given = call.request.headerFields[values: .lastEventID].filter { !$0.isEmpty }
        guard given.count <= 1 else { throw HTTPError(.badRequest, "invalid-event-id", "Last-Event-ID is one id.") }
        let id = try given.first.map { text throws(HTTPError) in
            guard let id = EventID(text) else {
                throw HTTPError(.badRequest, "invalid-event-id", "Last-Event-ID is the id of an event of this run, such as 1-0-17.")
            }
            return id
        }
        return Response(
            status: .ok, headerFields: [.contentType: type.rawValue, .cacheControl: "no-store", .xAccelBuffering: "no"],
            body: .events(RunEventSource(run.history.watch(after: id))))
    }
}

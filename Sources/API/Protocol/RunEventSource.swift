import HTTPServer
import StrictJSON
import Training

/// The events of a run as a client is sent them.
final class RunEventSource: EventSource {
    /// Events that are written at once: some 30 KiB, in less than a millisecond.
    private static let most = 64

    private let watch: RunWatch

    init(_ watch: RunWatch) {
        self.watch = watch
    }

    func take() -> [ServerSentEvent]? {
        watch.take(upTo: RunEventSource.most)?.map { event in
            ServerSentEvent(
                id: event.id.description, name: event.name, data: String(decoding: JSONValue.object(event.json).serialized(), as: UTF8.self)
            )
        }
    }

    func whenNews(_ wake: @escaping @Sendable () -> Void) {
        watch.whenNews(wake)
    }
}

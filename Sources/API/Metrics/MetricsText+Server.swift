import HTTPServer
import Metrics

extension MetricsText {
    /// Requests and connections.
    mutating func add(_ server: ServerMetrics) {
        let requests = server.requests.map { resource, requests in
            (labels: [("method", resource.method), ("route", resource.route ?? "none")] as Labels, requests: requests)
        }.sorted { $0.labels.map(\.value).lexicographicallyPrecedes($1.labels.map(\.value)) }
        add(
            "lather_http_requests_total", .counter,
            "Requests answered, by method, pattern of the path (none: there is no such path) and status.",
            requests.flatMap { labels, requests in
                requests.statuses.sorted { $0.key < $1.key }.map { (labels + [("status", String($0.key))], $0.value) }
            })
        add(
            "lather_http_request_duration_seconds", "Requests from their head to the last byte of the answer.",
            requests.map { ($0.labels, $0.requests.durations) })
        add(
            "lather_http_cut_answers_total", .counter,
            "Answers that did not go out whole: their reader was gone or too slow, or the rest could not be made. Not those of events.",
            server.cutAnswers)
        add(
            "lather_http_refused_requests_total", .counter,
            "Requests that could not be read, by the type of the problem that was answered.",
            server.refusedRequests.sorted { $0.key < $1.key }.map { ([("problem", $0.key)], $0.value) })
        add("lather_http_received_bytes_total", .counter, "Bytes read from connections.", server.receivedBytes)
        add("lather_http_sent_bytes_total", .counter, "Bytes written to connections.", server.sentBytes)
        add("lather_http_open_connections", .gauge, "Connections that are open.", server.openConnections)
        add("lather_http_accepted_connections_total", .counter, "Connections admitted.", server.acceptedConnections)
        add(
            "lather_http_refused_connections_total", .counter, "Connections answered 503 and closed, by the limit that was reached.",
            ServerMetrics.ConnectionLimit.allCases.map { ([("limit", $0.rawValue)], server.refusedConnections[$0] ?? 0) })
        add(
            "lather_http_accept_pauses_total", .counter, "How often accepting paused for 100 ms because no descriptor was free.",
            server.acceptPauses)
        add("lather_http_in_flight_bytes", .gauge, "Bytes of bodies and large answers in memory.", server.bytesInFlight)
    }
}

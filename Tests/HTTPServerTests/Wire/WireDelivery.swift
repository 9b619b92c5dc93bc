import Foundation

/// A case whose bytes are sent in portions.
struct WireDelivery: Sendable {
    let test: WireCase
    private let boundaries: [Int]

    /// - Parameter boundaries: where the bytes are cut, ascending.
    init(_ test: WireCase, cutAt boundaries: [Int]) {
        self.test = test
        self.boundaries = boundaries
    }

    private func portion(_ index: Int) -> ArraySlice<UInt8>? {
        guard index <= boundaries.count else { return nil }
        let start = index == 0 ? 0 : boundaries[index - 1]
        let end = index == boundaries.count ? test.bytes.count : boundaries[index]
        return test.bytes[start..<end]
    }

    /// Plays the delivery alone and says what was not as it should be.
    func play(port: Int) throws -> [String] {
        try WireDelivery.play([self], port: port)
    }

    /// Portions of a connection that are kept apart by a pause. Further ones are bytes of long padding.
    private static let separatePortions = 200

    /// Plays deliveries side by side, a portion of each in turn, and says what was not as it should be.
    ///
    /// - Parameter pause: time for the server to read a portion before the next one comes, in microseconds.
    static func play(_ deliveries: [WireDelivery], pause: UInt32 = 0, port: Int) throws -> [String] {
        var pending = try deliveries.map { (delivery: $0, client: try RawClient(port: port)) }
        let all = pending
        var round = 0
        while !pending.isEmpty {
            pending = try pending.filter { delivery, client in
                guard let portion = delivery.portion(round) else { return false }
                try client.send(portion)
                return true
            }
            round += 1
            if !pending.isEmpty, round < separatePortions { usleep(pause) }
        }
        return all.flatMap { delivery, client in
            let place = delivery.boundaries.count == 1 ? ", cut at \(delivery.boundaries[0])" : ""
            return delivery.deviations(client).map { "\(delivery.test.testDescription)\(place): \($0)" }
        }
    }

    private func deviations(_ client: RawClient) -> [String] {
        do {
            if test.fate == .cut { client.finishWriting() }
            let answers = try test.statuses.indices.map { try client.answer(toHead: test.heads.contains($0)) }
            var deviations: [String] = []
            if answers.map(\.status) != test.statuses { deviations.append("statuses \(answers.map(\.status)): \(answers.map(\.text))") }
            if answers.contains(where: { $0.status >= 400 && $0["Content-Type"] != "application/problem+json" }) {
                deviations.append("an error without problem details")
            }
            if let last = answers.last { deviations += self.deviations(last) }
            if test.fate == .open {
                try client.send("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                if try client.answer().text != "ok" { deviations.append("the next request is not understood") }
            }
            client.finishWriting()
            if try !client.isAtEnd() { deviations.append("more than the answers") }
            return deviations
        } catch {
            return ["\(error)"]
        }
    }

    private func deviations(_ last: RawClient.Answer) -> [String] {
        var deviations: [String] = []
        if let body = test.body, last.text != body { deviations.append("body \(last.text)") }
        for (name, value) in test.fields where last[name] ?? "" != value { deviations.append("\(name): \(last[name] ?? "")") }
        if test.fate != .cut, (last["Connection"] == "close") != (test.fate == .closed) {
            deviations.append("Connection: \(last["Connection"] ?? "")")
        }
        return deviations
    }
}

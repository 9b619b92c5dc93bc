import Foundation
import StrictJSON

/// What the server answers to a request of a ``LoopbackClient``.
struct LoopbackAnswer {
    private let status: Int
    private let lines: [String]
    /// Belongs to the client, and holds until its next request.
    var content = UnsafeRawBufferPointer(start: nil, count: 0)

    /// - Parameter head: without the empty line at its end.
    init(head: String) throws(Failure) {
        lines = head.components(separatedBy: "\r\n")
        guard let status = lines[0].split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw Failure(.failed, "an answer has no status: \(lines[0])")
        }
        self.status = status
    }

    func field(_ name: String) -> String? {
        let prefix = name.lowercased() + ":"
        return lines.dropFirst().first { $0.lowercased().hasPrefix(prefix) }.map {
            $0.dropFirst(prefix.count).trimmingCharacters(in: .whitespaces)
        }
    }

    /// - Throws: what the server says is wrong, unless the status is the one that was hoped for.
    func expect(_ expected: Int) throws(Failure) {
        guard status != expected else { return }
        let problem = try? JSONValue(parsing: content)["detail"]?.stringValue
        // 503 and 507 are about the disk.
        throw Failure([503, 507].contains(status) ? .inputOutput : .failed, problem ?? "the server answers with \(status)")
    }
}

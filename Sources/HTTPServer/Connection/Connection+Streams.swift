import Logging
import Memory

/// Answers that are made while they are sent.
extension Connection {
    private static let lineEnd: BufferSlice = {
        let buffer = AlignedBuffer(count: 2)
        buffer.mutableBytes.copyBytes(from: "\r\n".utf8)
        return BufferSlice(buffer)
    }()

    /// Sends pieces until there are no more; false when they are not what the head announced, or cannot be made or sent.
    func stream(_ next: @Sendable () async throws -> BodyPiece?, framing: ResponseHead.Framing) async -> Bool {
        var sent = 0
        while true {
            // How long a piece takes to be made is the handler's affair; how long it takes to be read is the client's.
            pauseAnswering()
            let piece: BodyPiece?
            do {
                piece = try await next()
            } catch {
                // The client only sees that the answer is cut short; why is for whoever runs the server.
                context.logger.error("answer cut short", metadata: ["request_id": "\(RequestID.current ?? "-")", "reason": "\(error)"])
                return false
            }
            resumeAnswering()
            guard let piece else { break }
            guard piece.count > 0 else { continue }
            sent += piece.count
            if case .length(let length) = framing, sent > length { return false }
            guard await send(outgoing(piece, framing: framing)) else { return false }
        }
        switch framing {
        case .length(let length): return sent == length
        case .chunked: return await send(OutgoingBytes(head: Array("0\r\n\r\n".utf8)))
        case .none, .untilClose: return true
        }
    }

    func outgoing(_ piece: BodyPiece, framing: ResponseHead.Framing) -> OutgoingBytes {
        var head = framing == .chunked ? Array("\(String(piece.count, radix: 16))\r\n".utf8) : []
        var slices: [BufferSlice] = []
        switch piece {
        case .bytes(let bytes): head.append(contentsOf: bytes)
        case .buffer(let slice): slices.append(slice)
        }
        if framing == .chunked { slices.append(Connection.lineEnd) }
        return OutgoingBytes(head: head, slices: slices)
    }
}

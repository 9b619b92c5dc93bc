import HTTPServer
import Memory

/// A stream's pieces, as bytes and as buffers in turn; a nil piece is a failure.
actor Pieces {
    private var pieces: ArraySlice<String?>

    init(_ pieces: [String?]) {
        self.pieces = pieces[...]
    }

    func next() throws -> BodyPiece? {
        guard let piece = pieces.popFirst() else { return nil }
        guard let piece else { throw CancellationError() }
        guard pieces.count.isMultiple(of: 2) else { return .bytes(Array(piece.utf8)) }
        let buffer = AlignedBuffer(count: piece.utf8.count)
        buffer.mutableBytes.copyBytes(from: piece.utf8)
        return .buffer(BufferSlice(buffer))
    }
}

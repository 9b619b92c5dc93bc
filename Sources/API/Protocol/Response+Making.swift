import HTTPServer
import HTTPTypes
import Memory
import StrictJSON

extension Response {
    static func json(_ value: JSONValue, type: MediaType, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headerFields: [.contentType: type.rawValue, .cacheControl: "no-store"],
            body: .bytes(value.serialized() + [UInt8(ascii: "\n")]))
    }
}

extension HTTPFields {
    /// Of an answer that has a tag, so that a copy can be kept and asked about.
    ///
    /// - Parameter type: the one that was chosen; what else the resource offers has other tags, or the same bytes.
    static func tagged(_ type: MediaType) -> HTTPFields {
        [.contentType: type.rawValue, .cacheControl: "no-cache", .vary: "Accept"]
    }
}

extension BufferSlice {
    /// Memory of its own for bytes that were made for one answer.
    init(copying bytes: [UInt8]) {
        let buffer = AlignedBuffer(count: bytes.count)
        buffer.mutableBytes.copyBytes(from: bytes)
        self.init(buffer)
    }
}

extension EntityTag {
    /// Bits of a digest enough that no two contents share them.
    private static let byteCount = 16

    init(digest: some Sequence<UInt8>) {
        self.init(digest.prefix(EntityTag.byteCount).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
    }
}

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

    /// A header that was made for this answer, and the memory that follows it.
    static func pieces(_ header: [UInt8], _ slices: [BufferSlice], type: MediaType) -> Response {
        let fields: HTTPFields = [.contentType: type.rawValue, .cacheControl: "no-store"]
        guard !header.isEmpty else { return Response(status: .ok, headerFields: fields, body: .buffers(slices)) }
        let first = AlignedBuffer(count: header.count)
        first.mutableBytes.copyBytes(from: header)
        return Response(status: .ok, headerFields: fields, body: .buffers([BufferSlice(first)] + slices))
    }
}

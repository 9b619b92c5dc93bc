import HTTPTypes
import Testing

@testable import HTTPServer

/// Conditions and ranges of a GET (RFC 9110 sections 13 and 14), of ten bytes under the tag "now".
struct ConditionTests {
    private static let content = Array("0123456789".utf8)

    private static func answer(_ fields: HTTPFields, method: HTTPRequest.Method = .get) throws(HTTPError) -> Response {
        let request = Request(method: method, target: [], pathSegments: [], headerFields: fields)
        return try request.answer(content.count, tag: EntityTag("now"), fields: [.contentType: "text/plain"]) { range in
            .bytes(Array(content[range]))
        }
    }

    /// What a client sees: status and body.
    private static func outcome(_ fields: HTTPFields, method: HTTPRequest.Method = .get) -> String {
        do {
            let response = try answer(fields, method: method)
            guard case .bytes(let bytes) = response.body else { return "\(response.status.code)" }
            return "\(response.status.code) \(String(decoding: bytes, as: UTF8.self))"
        } catch {
            return "\(error.status.code) \(error.slug)"
        }
    }

    @Test(arguments: [
        ("bytes=0-3", "206 0123"), ("bytes=4-", "206 456789"), ("bytes=-3", "206 789"), ("bytes=0-0", "206 0"), ("bytes=9-9", "206 9"),
        ("bytes=5-100", "206 56789"), ("bytes=-100", "206 0123456789"), ("bytes=0-99999999999999999999", "206 0123456789"),
        ("BYTES=0-3", "206 0123"), ("bytes= 0-3 ", "206 0123"),
        ("bytes=10-", "416 range-not-satisfiable"), ("bytes=99999999999999999999-", "416 range-not-satisfiable"),
        ("bytes=-0", "416 range-not-satisfiable"), ("bytes=10-20", "416 range-not-satisfiable"),
        ("bytes=3-2", "200 0123456789"), ("bytes=0-1,3-4", "200 0123456789"), ("bytes=0-1, 20-", "200 0123456789"),
        ("bytes=", "200 0123456789"), ("bytes=-", "200 0123456789"), ("bytes", "200 0123456789"), ("0-3", "200 0123456789"),
        ("lines=0-3", "200 0123456789"), ("bytes=+0-3", "200 0123456789"), ("bytes=0x0-3", "200 0123456789"), ("", "200 0123456789"),
        ("bytes=a-3", "200 0123456789"), ("bytes=0-3-5", "200 0123456789"), ("bytes=0 - 3", "200 0123456789"),
        ("bytes=٠-٣", "200 0123456789"),
    ])
    func aRangeGetsThoseBytes(range: String, outcome: String) {
        #expect(ConditionTests.outcome([.range: range]) == outcome)
    }

    @Test func twoRangeFieldsAreNone() {
        var fields: HTTPFields = [.range: "bytes=0-1"]
        fields.append(HTTPField(name: .range, value: "bytes=3-4"))
        #expect(ConditionTests.outcome(fields) == "200 0123456789")
    }

    @Test(arguments: [
        (#""now""#, "304"), (#"W/"now""#, "304"), (#""other", "now""#, "304"), (#" "other" ,W/"now" "#, "304"), ("*", "304"),
        (" * ", "304"),
        (#","now","#, "304"), (#""a,b", "now""#, "304"),
        (#""other""#, "200 0123456789"), ("now", "200 0123456789"), (#"w/"now""#, "200 0123456789"), (#""now"#, "200 0123456789"),
        (#""NOW""#, "200 0123456789"), (#""now" "other""#, "200 0123456789"), (#""a,now,b""#, "200 0123456789"), ("", "200 0123456789"),
    ])
    func ifNoneMatchComparesWeakly(field: String, outcome: String) {
        #expect(ConditionTests.outcome([.ifNoneMatch: field]) == outcome)
        #expect(ConditionTests.outcome([.ifNoneMatch: field], method: .head) == outcome)
    }

    @Test(arguments: [
        (#""now""#, "200 0123456789"), (#""other", "now""#, "200 0123456789"), ("*", "200 0123456789"),
        (#"W/"now""#, "412 precondition-failed"), (#""other""#, "412 precondition-failed"), ("", "412 precondition-failed"),
        ("now", "412 precondition-failed"),
    ])
    func ifMatchComparesStrongly(field: String, outcome: String) {
        #expect(ConditionTests.outcome([.ifMatch: field]) == outcome)
        #expect(ConditionTests.outcome([.ifMatch: field], method: .head) == outcome)
    }

    @Test(arguments: [
        (#""now""#, "206 012"), (#"W/"now""#, "200 0123456789"), (#""other""#, "200 0123456789"),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "200 0123456789"), ("*", "200 0123456789"), ("", "200 0123456789"),
    ])
    func ifRangeComparesStronglyAndElseGetsEverything(field: String, outcome: String) {
        #expect(ConditionTests.outcome([.range: "bytes=0-2", .ifRange: field]) == outcome)
        #expect(ConditionTests.outcome([.ifRange: field]) == "200 0123456789")
    }

    /// Section 13.2.2.
    @Test func conditionsHaveAnOrder() {
        #expect(ConditionTests.outcome([.ifMatch: #""other""#, .ifNoneMatch: "*"]) == "412 precondition-failed")
        #expect(ConditionTests.outcome([.ifMatch: "*", .ifNoneMatch: "*", .range: "bytes=20-"]) == "304")
        #expect(ConditionTests.outcome([.range: "bytes=20-", .ifRange: #""other""#]) == "200 0123456789")
        #expect(ConditionTests.outcome([.range: "bytes=0-2"], method: .head) == "200 0123456789")
    }

    @Test func fieldsGoWithTheStatus() throws {
        let whole = try ConditionTests.answer([:])
        #expect(whole.headerFields == [.contentType: "text/plain", .eTag: #""now""#, .acceptRanges: "bytes"])
        let part = try ConditionTests.answer([.range: "bytes=2-3"])
        #expect(part.headerFields == [.contentType: "text/plain", .eTag: #""now""#, .contentRange: "bytes 2-3/10"])
        #expect(try ConditionTests.answer([.ifNoneMatch: "*"]).headerFields == [.eTag: #""now""#])
        let beyond = #expect(throws: HTTPError.self) { try ConditionTests.answer([.range: "bytes=10-"]) }
        #expect(beyond?.headerFields == [.contentRange: "bytes */10", .eTag: #""now""#])
    }

    @Test func whatHasNoPartsComesWhole() throws {
        let request = Request(method: .get, target: [], pathSegments: [], headerFields: [.range: "bytes=20-"])
        let response = try request.answer(10, tag: EntityTag("now"), fields: [:], hasParts: false) { _ in .empty }
        #expect(response.status == .ok && response.headerFields == [.eTag: #""now""#])
    }

    @Test func nothingHasNoRanges() throws {
        let request = Request(method: .get, target: [], pathSegments: [], headerFields: [.range: "bytes=0-"])
        #expect(throws: HTTPError.self) { try request.answer(0, tag: EntityTag("none"), fields: [:]) { _ in .empty } }
    }
}

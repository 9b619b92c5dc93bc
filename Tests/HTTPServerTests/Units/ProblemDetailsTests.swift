import HTTPServer
import HTTPTypes
import StrictJSON
import Testing

@Suite struct ProblemDetailsTests {
    @Test func membersComeInOrderAndEscaped() {
        let problem = ProblemDetails(
            status: .conflict,
            slug: "step-out-of-order",
            detail: "a \"b\" \\ \n\u{1}ü",
            members: [("expected_step", 7), ("values", [0.5, true, nil, "x"])]
        )
        #expect(problem.response.headerFields[.contentType] == "application/problem+json")
        guard case .bytes(let bytes) = problem.response.body else { return #expect(Bool(false)) }
        #expect(
            String(decoding: bytes, as: UTF8.self) == #"{"type":"urn:lather:problem:step-out-of-order","title":"Conflict","status":409,"#
                + #""detail":"a \"b\" \\ \n\u0001ü","expected_step":7,"values":[0.5,true,null,"x"]}"#)
    }

    @Test func anErrorSaysWhatItsAnswerMustCarry() {
        let error = HTTPError(.serviceUnavailable, "busy", "Later.", headerFields: [.retryAfter: "3"], closesConnection: true)
        #expect(error.response.headerFields[.retryAfter] == "3")
        #expect(error.response.headerFields[.connection] == "close")
    }
}

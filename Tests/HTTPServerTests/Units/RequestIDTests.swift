import HTTPTypes
import Testing

@testable import HTTPServer

/// Which names clients may give their requests.
struct RequestIDTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"

    @Test(arguments: ["a", "0", "A.b_c-9", "-", String(repeating: "x", count: 128), "018f4e9c-6f1e-7c3a-b0de-2f1a9d6b7c55"])
    func aWellFormedNameIsTaken(name: String) {
        #expect(RequestID.given(in: [.xRequestID: name]) == name)
    }

    @Test(arguments: [
        "", " ", "a b", "a,b", "a/b", "a\"b", "a:b", "{a}", "a;b", "é", "%61", String(repeating: "x", count: 129),
    ])
    func anIllFormedNameIsNot(name: String) {
        #expect(RequestID.given(in: [.xRequestID: name]) == nil)
    }

    @Test(arguments: [
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-what.comes",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-",
    ])
    func aWellFormedTraceIsTaken(parent: String) {
        #expect(RequestID.given(in: [.traceparent: parent]) == RequestIDTests.trace)
        #expect(RequestID.given(in: [.traceparent: parent, .xRequestID: "not one"]) == RequestIDTests.trace)
        #expect(RequestID.given(in: [.traceparent: parent, .xRequestID: "mine"]) == "mine")
    }

    @Test(arguments: [
        "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "0F-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0G",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
        "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01", "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
    ])
    func anIllFormedTraceIsNot(parent: String) {
        #expect(RequestID.given(in: [.traceparent: parent]) == nil)
    }

    @Test func aNameThatIsGivenTwiceIsNone() {
        var fields: HTTPFields = [:]
        fields[values: .xRequestID] = ["a", "b"]
        #expect(RequestID.given(in: fields) == nil)
        fields[values: .traceparent] = [String](repeating: "00-\(RequestIDTests.trace)-b7ad6b7169203331-01", count: 2)
        #expect(RequestID.given(in: fields) == nil)
    }
}

import HTTPServer
import HTTPTypes
import Testing

@Suite struct RouterTests {
    private let router: Router = {
        var router = Router(fallback: { $0.pathSegments.first == "file" ? .text("file") : nil })
        router.on(.get, "/") { _, _ in .text("root") }
        router.on(.get, "/v1/runs/{run}") { _, parameters in .text("run " + parameters["run"]) }
        router.on(.delete, "/v1/runs/{run}") { _, _ in Response(status: .noContent) }
        router.on(.put, "/v1/runs/{run}/steps/{k}") { _, parameters in .text(parameters["run"] + " " + parameters["k"]) }
        router.on(.get, "/fails") { _, _ in throw CancellationError() }
        router.on(.get, "/kelvin") { _, _ in .text("kelvin") }
        return router
    }()

    private func ask(_ method: String, _ segments: [String], target: String = "/") async -> (Response, String) {
        let request = Request(method: .init(method)!, target: Array(target.utf8), pathSegments: segments)
        let response = await router.respond(to: request)
        guard case .bytes(let bytes) = response.body else { return (response, "") }
        return (response, String(decoding: bytes, as: UTF8.self))
    }

    @Test(
        arguments: [
            ("GET", [], "root"), ("GET", ["v1", "runs", "a/b"], "run a/b"), ("HEAD", ["v1", "runs", "a"], "run a"),
            ("PUT", ["v1", "runs", "a", "steps", "7"], "a 7"), ("GET", ["file", "x"], "file"),
        ] as [(String, [String], String)])
    func routesAreFound(method: String, segments: [String], text: String) async {
        #expect(await ask(method, segments).1 == text)
    }

    @Test(arguments: [["v1"], ["v1", "runs"], ["v1", "runs", ""], ["v1", "runs", "a", ""], [""], ["\u{212A}elvin"]])
    func otherPathsAre404(segments: [String]) async {
        #expect(await ask("GET", segments).0.status == .notFound)
    }

    @Test(arguments: ["POST", "OPTIONS", "TRACE", "BREW", "get"]) func otherMethodsAre405(method: String) async {
        let response = await ask(method, ["v1", "runs", "a"]).0
        #expect(response.status == .methodNotAllowed)
        #expect(response.headerFields[.allow] == "DELETE, GET, HEAD")
    }

    @Test func theServerAsAWholeNamesAllItsMethods() async {
        let response = await ask("OPTIONS", [], target: "*").0
        #expect(response.status == .methodNotAllowed)
        #expect(response.headerFields[.allow] == "DELETE, GET, HEAD, PUT")
    }

    @Test func anUnknownErrorIsA500ThatTellsNothing() async {
        let (response, text) = await ask("GET", ["fails"])
        #expect(response.status == .internalServerError)
        #expect(!text.contains("Cancellation"))
    }
}

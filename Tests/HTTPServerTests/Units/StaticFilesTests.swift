import Foundation
import HTTPServer
import HTTPTypes
import Testing

@Suite final class StaticFilesTests {
    private let parent: URL
    private let files: StaticFiles

    init() throws {
        parent = FileManager.default.temporaryDirectory.appendingPathComponent("static-\(UUID().uuidString)")
        let root = parent.appendingPathComponent("public")
        try FileManager.default.createDirectory(at: root.appendingPathComponent("sub"), withIntermediateDirectories: true)
        let base = parent
        func write(_ text: String, to path: String) throws { try Data(text.utf8).write(to: base.appendingPathComponent(path)) }
        try write("secret", to: "secret.txt")
        try write("secret", to: "public-secret")
        try write("<p>", to: "public/index.html")
        try write("let a", to: "public/sub/app.js")
        try write("hidden", to: "public/.hidden")
        try FileManager.default.createSymbolicLink(atPath: root.path + "/inside.js", withDestinationPath: "sub/app.js")
        try FileManager.default.createSymbolicLink(atPath: root.path + "/outside.txt", withDestinationPath: "../secret.txt")
        try FileManager.default.createSymbolicLink(atPath: root.path + "/up", withDestinationPath: "..")
        files = StaticFiles(directory: root.path)
    }

    deinit {
        try? FileManager.default.removeItem(at: parent)
    }

    private func get(_ segments: [String], _ fields: HTTPFields = [:], method: HTTPRequest.Method = .get) -> Response? {
        files.response(for: Request(method: method, target: [], pathSegments: segments, headerFields: fields))
    }

    @Test(
        arguments: [
            ([], "<p>", "text/html; charset=utf-8"), (["sub", "app.js"], "let a", "text/javascript; charset=utf-8"),
            (["inside.js"], "let a", "text/javascript; charset=utf-8"),
        ] as [([String], String, String)])
    func filesAreServed(segments: [String], text: String, type: String) throws {
        let response = try #require(get(segments))
        guard case .bytes(let bytes) = response.body else { throw CancellationError() }
        #expect(String(decoding: bytes, as: UTF8.self) == text)
        #expect(response.headerFields[.contentType] == type)
        #expect(response.headerFields[.xContentTypeOptions] == "nosniff")
        #expect(response.headerFields[.contentSecurityPolicy]?.hasPrefix("default-src 'none'; script-src 'self';") == true)
    }

    @Test(arguments: [
        ["..", "secret.txt"], ["../secret.txt"], ["sub", "..", "..", "secret.txt"], ["sub/../../secret.txt"], ["sub/app.js"],
        ["outside.txt"],
        ["up", "secret.txt"], ["..", "public-secret"], [".hidden"], ["sub"], [""], ["sub", ""], ["", "index.html"], ["nothing"], ["."],
        ["index.html", ""], ["index.html\0.js"],
    ])
    func nothingElseIs(segments: [String]) {
        #expect(get(segments) == nil)
    }

    @Test func anUnchangedFileIsNotSentAgain() throws {
        let tag = try #require(get([])?.headerFields[.eTag])
        for value in [tag, "W/\(tag)", "\"other\", \(tag)", "*"] {
            let response = try #require(get([], [.ifNoneMatch: value]))
            #expect(response.status == .notModified)
            #expect(response.headerFields[.eTag] == tag)
        }
        #expect(get([], [.ifNoneMatch: "\"other\""])?.status == .ok)
        try Data("<b>".utf8).write(to: parent.appendingPathComponent("public/index.html"))
        #expect(get([], [.ifNoneMatch: tag])?.status == .ok)
    }

    /// In a process of its own, because its limit of descriptors is everybody's.
    @Test func aFileThatCannotBeOpenedNowIs503AndNot404() async {
        await #expect(processExitsWith: .success) {
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent("static-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
            defer { try? FileManager.default.removeItem(at: directory) }
            try Data("<p>".utf8).write(to: directory.appendingPathComponent("index.html"))
            let files = StaticFiles(directory: directory.path)
            func get(_ segments: [String]) -> Response? {
                files.response(for: Request(method: .get, target: [], pathSegments: segments))
            }
            #expect(get([])?.status == .ok)
            let limit = ThisProcess.limitDescriptors(toFreeOnes: 1)
            let last = dup(0)
            #expect(get([])?.status == .serviceUnavailable)
            #expect(get([])?.headerFields[.retryAfter] == "1")
            #expect(get(["none"]) == nil)
            close(last)
            #expect(get([])?.status == .ok)
            ThisProcess.limitDescriptors(to: limit)
        }
    }

    @Test func filesAreOnlyRead() {
        #expect(get([], method: .put) == nil)
        #expect(get([], method: .head)?.status == .ok)
    }
}

import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// The dashboard as browsers get it.
    @Suite struct DashboardTests {
        private static let package = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardizedFileURL

        @Test(.timeLimit(.minutes(1)))
        func everyFileIsServedWithFieldsThatKeepItToItself() throws {
            let root = DashboardTests.package.appendingPathComponent("Public")
            let files = try #require(FileManager.default.subpaths(atPath: root.path)).filter { !$0.hasSuffix("/") && $0.contains(".") }
            #expect(files.count > 10)
            try TestServer.use(["--public", root.path]) { server in
                let connection = try server.connect()
                for path in [""] + files {
                    let answer = try connection.get("/\(path)")
                    #expect(answer.status == 200, "\(path)")
                    let policy = answer["Content-Security-Policy"] ?? ""
                    let directives = Set(policy.components(separatedBy: "; "))
                    #expect(directives.isSuperset(of: ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]), "\(path)")
                    // Nothing from elsewhere, nothing within the page.
                    #expect(!policy.contains("http") && !policy.contains("*") && !policy.contains("unsafe") && !policy.contains("data:"))
                    #expect(answer["X-Content-Type-Options"] == "nosniff", "\(path)")
                    #expect(answer["Referrer-Policy"] == "no-referrer", "\(path)")
                    #expect(answer["Access-Control-Allow-Origin"] == nil, "\(path)")
                    #expect(answer["Content-Type"] != "application/octet-stream", "\(path)")
                }
            }
        }

        /// The only addresses in the files are names of XML's kind.
        @Test func noFileNamesAnotherHost() throws {
            let root = DashboardTests.package.appendingPathComponent("Public")
            for path in try #require(FileManager.default.subpaths(atPath: root.path)) where path.contains(".") {
                let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
                let addresses = text.replacing("http://www.w3.org/2000/svg", with: "").matches(of: /https?:|\burl\(|["'`]\/\//)
                #expect(addresses.isEmpty, "\(path)")
            }
        }

        /// The defaults that the threat model names are those of the server.
        @Test(.timeLimit(.minutes(1)))
        func theBoundsInSecurityAreTheDefaults() throws {
            let text = try String(contentsOf: DashboardTests.package.appendingPathComponent("SECURITY.md"), encoding: .utf8)
            let rows = text.matches(of: /\n\| `([a-z_]+)` \| ([^|]+) \|/).map { (String($0.output.1), String($0.output.2)) }
            try TestServer.use { server in
                let limits = try #require(server.connect().get("/v1").json["limits"]?.objectValue)
                #expect(Set(rows.map(\.0)) == Set(limits.map(\.name)).subtracting(["state_bytes"]))
                for (name, value) in rows where value.first?.isNumber == true && !value.contains("%") {
                    #expect(limits[name]?.numberValue?.literal == value, "\(name)")
                }
            }
        }
    }
}

import Foundation
import StrictJSON
import Testing

extension EndToEnd {
    /// Databases that servers of earlier schema versions left behind; see `Databases/README.md`.
    @Suite struct VersionTests {
        private static let databases = Bundle.module.bundleURL.appendingPathComponent("Databases")

        @Test(.timeLimit(.minutes(2)), arguments: [1, 2], ["stopped", "killed"])
        func everyRunOfAnEarlierVersionGoesOn(version: Int, end: String) throws {
            let list = try JSONValue(
                parsing: Array(Data(contentsOf: VersionTests.databases.appendingPathComponent("version\(version).json"))))
            let expected = try #require(list.arrayValue).filter { $0["database"]?.stringValue == end }
            #expect(expected.count == 8)
            try withTemporaryDirectory { directory in
                let database = directory.appendingPathComponent("lather.sqlite")
                for suffix in ["", "-wal"] {
                    try VersionTests.unpack("version\(version)-\(end).sqlite\(suffix)", to: database.path + suffix)
                }
                let inspect = ["inspect", "--database", database.path, "--verify"]
                let before = try LatherProcess.run(inspect, in: directory)
                #expect(before.exit.code == 0 && before.output.contains("schema_version \(version),"), "\(before.output) \(before.error)")
                try TestServer.use(database: database) { server in
                    let connection = try server.connect()
                    for run in expected { try VersionTests.expect(run, connection) }
                    try server.stop(SIGKILL)
                    let after = try LatherProcess.run(inspect, in: directory)
                    #expect(after.exit.code == 0, "\(after.output) \(after.error)")
                    try server.start()
                    let present = try server.connect().get("/v1").json["schema_version"]?.numberValue?.integer ?? 0
                    #expect(after.output.contains("schema_version \(present),") && present > version)
                    #expect(try server.connect().get("/v1/runs").json["runs"]?.arrayValue?.count == expected.count)
                }
            }
        }

        /// A file that need not be there.
        private static func unpack(_ name: String, to path: String) throws {
            let packed = databases.appendingPathComponent("\(name).gz")
            guard FileManager.default.fileExists(atPath: packed.path) else { return }
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["sh", "-c", "exec gzip -dc \"$0\" > \"$1\"", packed.path, path]
            try process.run()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { throw TestFailure("\(name).gz cannot be unpacked") }
        }

        /// The run stands where it stood, and its next step is answered as it was then.
        private static func expect(_ run: JSONValue, _ connection: HTTPConnection) throws {
            let name = run["run"]?.stringValue ?? ""
            let path = run["path"]?.stringValue ?? ""
            let status = try connection.get("/v1/runs/\(name)").json
            #expect(status["step"] == run["step"] && status["epoch"] == run["epoch"], "\(name)")
            let gradients = (run["gradient"]?.objectValue ?? [:]).map { name, tensor in
                NamedTensor(name, tensor["shape"]?.arrayValue?.compactMap(\.numberValue?.integer) ?? [], floats(tensor["values"]))
            }
            let isBare = path.contains("/parameters/w/")
            let body = isBare ? gradients[0].elements.withUnsafeBytes { Array($0) } : try gradients.encoded()
            let answer = try connection.request("PUT", path, body: body)
            guard answer.status == 200 else { throw answer.failure(name) }
            let updates = isBare ? [NamedTensor("w", [4, 3], bare(answer))] : try [NamedTensor].decode(answer.body).tensors
            expect(updates, run["update"], "\(name)'s update")
            if let weights = run["weights"] {
                expect(try [NamedTensor].decode(connection.get("/v1/runs/\(name)/weights").body).tensors, weights, "\(name)'s weights")
            }
        }

        private static func bare(_ answer: HTTPAnswer) -> [Float] {
            answer.body.withUnsafeBytes { bytes in (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
            }
        }

        private static func floats(_ numbers: JSONValue?) -> [Float] {
            numbers?.arrayValue?.compactMap { $0.numberValue?.double.map { Float($0) } } ?? []
        }

        private static func expect(_ tensors: [NamedTensor], _ expected: JSONValue?, _ what: String) {
            #expect(!tensors.isEmpty)
            for tensor in tensors {
                let numbers = floats(expected?[tensor.name])
                #expect(numbers.count == tensor.elements.count, "\(what) of \(tensor.name)")
                let distance = zip(numbers, tensor.elements).map { abs($0 - $1) }.max() ?? .infinity
                #expect(distance <= 1e-5 * max(1, numbers.map(abs).max() ?? 0), "\(what) of \(tensor.name)")
            }
        }
    }
}

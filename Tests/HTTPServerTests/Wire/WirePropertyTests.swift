import Foundation
import FuzzProperties
import HTTPServer
import Testing

/// The cases without a server: what the fuzzers demand of the readers holds for them too, which are the fuzzers' first inputs.
@Suite struct WirePropertyTests {
    private static let seeds = ProcessInfo.processInfo.environment["LATHER_FUZZ_SEEDS"].map { URL(filePath: $0) }

    @Test(arguments: [HTTPProperty(), HTTPProperty(limits: HeadLimits())]) func theCasesViolateNothing(_ property: HTTPProperty) {
        for test in WireCase.all {
            #expect(test.bytes.withUnsafeBytes { property.violation(in: $0) } == nil, "\(test)")
        }
    }

    @Test(.enabled(if: seeds != nil, "only for Scripts/fuzz-corpus")) func theCasesAreSeedsForTheFuzzers() throws {
        let folder = try #require(WirePropertyTests.seeds)
        for (index, test) in WireCase.all.enumerated() {
            try Data(test.bytes).write(to: folder.appending(path: "\(index)"))
        }
    }
}

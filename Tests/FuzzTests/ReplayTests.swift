import Foundation
import FuzzProperties
import Testing

/// What the fuzzers have learnt, without them: each input of their corpus once.
@Suite struct ReplayTests {
    @Test(arguments: Property.allCases) func theCorpusViolatesNothing(_ property: Property) throws {
        let folder = try #require(Bundle.module.resourceURL?.appending(path: "Corpus/\(property.rawValue)"))
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(files.count > 100)
        for file in files {
            let bytes = Array(try Data(contentsOf: file))
            let violation = bytes.withUnsafeBytes { property.violation(in: $0) }
            #expect(violation == nil, "\(file.lastPathComponent)")
        }
    }
}

import Foundation
import LinearAlgebra
import SOAP
import Testing

@Suite struct ExampleTests {
    @Test func theExampleOfTheDocumentationTrains() throws {
        // The example begins here.
        var options = SOAPOptions(learningRate: 0.05)
        options.preconditionFrequency = .every(10)
        try options.validate(shape: [2, 3])

        let parameter = SOAPParameter<Float>(shape: [2, 3], options: options)
        let workspace = Workspace()
        var weights: [Float] = [3, -1, 2, 0, 1, -2]
        var update = weights
        for _ in 0..<300 {
            let gradient = weights  // of half their squared norm
            gradient.withUnsafeBufferPointer { gradient in
                update.withUnsafeMutableBufferPointer { update in
                    _ = parameter.step(
                        gradient: gradient, options: options, learningRate: options.learningRate, update: update, workspace: workspace)
                }
            }
            let scale = Float(options.weightScale(learningRate: options.learningRate))
            for index in weights.indices { weights[index] = weights[index] * scale + update[index] }
        }
        // The example ends here.
        #expect(weights.allSatisfy { abs($0) < 0.1 })
    }

    @Test func itIsTheExampleOfTheDocumentation() throws {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..").standardizedFileURL
        let page = try String(contentsOf: package.appendingPathComponent("Sources/SOAP/SOAP.docc/SOAP.md"), encoding: .utf8)
        let source = try String(contentsOfFile: #filePath, encoding: .utf8)
        let example = try #require(page.split(separator: "```swift\n").dropFirst().first?.split(separator: "```\n").first)
        let indented = example.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "" : "        " + $0 }
        #expect(source.contains("begins here.\n" + indented.joined(separator: "\n") + "        // The example ends"))
    }
}

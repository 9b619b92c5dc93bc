import Safetensors
import StrictJSON
import Testing

@testable import Training

struct ParameterTableTests {
    private func parameters(_ count: Int) throws -> [TrainedParameter] {
        let manifest = try Manifest(["optimizer": ["lr": 1]])
        return (0..<count).map { TrainedParameter(name: TensorName(stringLiteral: "p\($0)"), shape: [2], group: nil, in: manifest) }
    }

    @Test func theSmallestNumberFollowsEveryOrderOfSteps() throws {
        var table = ParameterTable()
        #expect(table.smallestNumber == 0)
        let parameters = try parameters(5)
        for parameter in parameters { table.add(parameter) }
        for choice in noise(400, 1) {
            let behind = parameters.filter { $0.lastNumber < table.smallestNumber + 4 }
            let parameter = behind[Int((choice + 1) / 2 * Float(behind.count - 1))]
            table.advance(parameter, to: parameter.lastNumber + 1)
            #expect(table.smallestNumber == parameters.map(\.lastNumber).min())
        }
        #expect(table.smallestNumber > 10)
    }

    @Test func aNewParameterBeginsAtZeroAndIsThenTheSmallest() throws {
        var table = ParameterTable()
        let parameters = try parameters(3)
        table.add(parameters[0])
        for number in 1...3 { table.advance(parameters[0], to: number) }
        #expect(table.smallestNumber == 3)
        table.add(parameters[1])
        #expect(table.smallestNumber == 0)
        table.advance(parameters[1], to: 1)
        #expect(table.smallestNumber == 1)
        #expect(table.stateByteCount == parameters[0].stateByteCount * 2)
        #expect(table.byName["p1"] === parameters[1])
    }

    @Test func tenThousandParametersTakeTheirStepsOneByOneInReasonableTime() async throws {
        let list = (0..<10_000).map { #"{"name": "p\#($0)", "shape": []}"# }.joined(separator: ",")
        let run = try await House().make(
            "run", #"{"optimizer": {"lr": 1}, "parameters": [\#(list)], "policy": {"durability": "memory"}}"#)
        let clock = ContinuousClock()
        let time = try await clock.measure {
            for index in 0..<1000 { try await run.put(1, of: TensorName(stringLiteral: "p\(index)"), bytes(of: [1] as [Float])) }
        }
        // A debug build takes 0.3 s; one that looks at all parameters in every step takes ten times that.
        #expect(time < .seconds(3))
    }
}

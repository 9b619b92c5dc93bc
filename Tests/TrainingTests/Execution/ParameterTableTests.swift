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

    /// A step of one parameter must not look at all of them. Both runs are timed here and now, in turn: the ratio holds on a busy machine.
    @Test func aStepOfOneParameterCostsTheSameHoweverManyThereAre() async throws {
        let few = try await run(parameters: 100)
        let many = try await run(parameters: 10_000)
        var times = (few: Duration.zero, many: Duration.zero)
        for number in 1...5 {
            times.few += try await time(number, of: few)
            times.many += try await time(number, of: many)
        }
        #expect(times.many < times.few * 5)
    }

    private func run(parameters count: Int) async throws -> Run {
        let list = (0..<count).map { #"{"name": "p\#($0)", "shape": []}"# }.joined(separator: ",")
        return try await House().make(
            "run", #"{"optimizer": {"lr": 1}, "parameters": [\#(list)], "policy": {"durability": "memory"}}"#)
    }

    private func time(_ number: Int, of run: Run) async throws -> Duration {
        try await ContinuousClock().measure {
            for index in 0..<100 { _ = try await run.put(number, of: TensorName(stringLiteral: "p\(index)"), bytes(of: [1] as [Float])) }
        }
    }
}

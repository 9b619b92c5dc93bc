import SOAP
import Safetensors
import Testing

@testable import Training

/// `stagger_refresh`: a run's parameters take turns with their refreshes, at steps that follow from what it is made of alone.
struct StaggerTests {
    private static let names: [TensorName] = ["d", "a", "c", "b"]

    private static func manifest(_ names: [TensorName], _ options: String = "") -> String {
        let list = names.map { #"{"name": "\#($0)", "shape": [4, 3]}"# }.joined(separator: ", ")
        return """
            {"optimizer": {"lr": 0.01, "precondition_frequency": 4, "stagger_refresh": true\(options)}, "parameters": [\(list)]}
            """
    }

    /// The same gradients for any order of names.
    private static func gradients(_ names: [TensorName], _ k: Int) -> [Sent] {
        names.map { .gradient($0, [4, 3], k + Int($0.description.utf8.first ?? 0)) }
    }

    @Test(arguments: [0, 3])
    func afterTheFirstBasesOneParameterRefreshesAtEachStep(warmup: Int) async throws {
        let run = try await House().make("run", StaggerTests.manifest(StaggerTests.names, #", "adam_warmup_steps": \#(warmup)"#))
        for k in 1...12 {
            try await run.put(k, StaggerTests.gradients(StaggerTests.names, k))
            let refreshed = await run.refreshed()
            if k <= warmup {
                #expect(refreshed == [])
            } else if k == warmup + 1 {
                #expect(refreshed == ["a", "b", "c", "d"])
            } else {
                #expect(refreshed == [["a", "b", "c", "d"][(k - 1) % 4]])
            }
        }
    }

    @Test func theOrderOfParametersAndWhetherTheListIsOpenDoNotMatter() async throws {
        let declared = try await House().make("run", StaggerTests.manifest(StaggerTests.names))
        let reversed = try await House().make("run", StaggerTests.manifest(StaggerTests.names.reversed()))
        let open = try await House().make(
            "run", #"{"optimizer": {"lr": 0.01, "precondition_frequency": 4, "stagger_refresh": true}}"#)
        for k in 1...9 {
            let order = k % 2 == 0 ? StaggerTests.names : StaggerTests.names.reversed()
            let expected = try await Answered(declared.put(k, StaggerTests.gradients(order, k)))
            for run in [reversed, open] {
                #expect(try await Answered(run.put(k, StaggerTests.gradients(order, k))).raw == expected.raw, "step \(k)")
            }
        }
    }

    @Test func aStateGoesOnTheSameInARunThatMetItsParametersInAnotherOrder() async throws {
        let optimizer = #"{"optimizer": {"lr": 0.01, "precondition_frequency": 4, "stagger_refresh": true}}"#
        let source = try await House().make("run", optimizer)
        for k in 1...3 { try await source.put(k, StaggerTests.gradients(StaggerTests.names, k)) }
        let target = try await House().make("run", optimizer)
        for k in 1...2 { try await target.put(k, StaggerTests.gradients([k == 1 ? "c" : "d"], k)) }
        try await target.importState(source.exported(), epoch: nil)
        for k in 4...9 {
            let expected = try await Answered(source.put(k, StaggerTests.gradients(StaggerTests.names, k)))
            #expect(try await Answered(target.put(k, StaggerTests.gradients(StaggerTests.names, k))).raw == expected.raw, "step \(k)")
        }
    }

    @Test func stepsOfSingleParametersRefreshAsThoseOfTheRunDo() async throws {
        let run = try await House().make("run", StaggerTests.manifest(StaggerTests.names))
        let single = try await House().make("run", StaggerTests.manifest(StaggerTests.names))
        for k in 1...9 {
            try await run.put(k, StaggerTests.gradients(StaggerTests.names, k))
            for gradient in StaggerTests.gradients(StaggerTests.names, k) {
                try await single.put(k, of: gradient.name, gradient.bytes)
            }
            #expect(await run.refreshed() == single.refreshed())
        }
    }

    @Test func aPatchSwitchesItOnAndOffFromTheNextStepOn() async throws {
        let run = try await House().make("run", StaggerTests.manifest(StaggerTests.names))
        let all = ["a", "b", "c", "d"]
        let expected = [all, ["b"], ["c"], ["d"], all, [], [], [], ["a"], ["b"], ["a", "b"], ["c", "d"]]
        for k in 1...12 {
            if k == 5 { try await run.patch(#"{"optimizer": {"stagger_refresh": null}}"#) }
            if k == 9 { try await run.patch(#"{"optimizer": {"stagger_refresh": true}}"#) }
            if k == 11 { try await run.patch(#"{"optimizer": {"precondition_frequency": 2}}"#) }
            try await run.put(k, StaggerTests.gradients(StaggerTests.names, k))
            #expect(await run.refreshed() == expected[k - 1], "step \(k)")
        }
    }

    @Test func aParameterThatComesLateMovesTheOthersFromThenOn() async throws {
        let run = try await House().make(
            "run", #"{"optimizer": {"lr": 0.01, "precondition_frequency": 4, "stagger_refresh": true}}"#)
        var refreshed: [[String]] = []
        for k in 1...9 {
            try await run.put(k, StaggerTests.gradients(k < 4 ? ["c", "b"] : ["c", "b", "a", "d"], k))
            refreshed.append(await run.refreshed())
        }
        // b and c at 0 and 2 of 4, then at 1 and 2; what comes with the fourth step counts from there.
        #expect(refreshed == [["b", "c"], [], ["c"], ["a", "d"], [], ["b"], ["c", "d"], ["a"], []])
    }
}

extension Run {
    /// The parameters whose bases their last step made anew, by name.
    fileprivate func refreshed() -> [String] {
        parameters.all.filter { $0.state.lastRefreshStep == $0.state.step }.map(\.name.description).sorted()
    }
}

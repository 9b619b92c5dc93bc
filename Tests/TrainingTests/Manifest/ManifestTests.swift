import SOAP
import Safetensors
import StrictJSON
import Testing

@testable import Training

struct ManifestTests {
    private func manifest(_ text: String) throws -> Manifest {
        try Manifest(JSONValue(parsing: Array(text.utf8)))
    }

    private func refusal(_ text: String) -> TrainingError? {
        #expect(throws: TrainingError.self, "\(text)") { try manifest(text) }
    }

    // MARK: Groups

    @Test func aParameterBelongsToTheGroupItNamesElseToTheFirstThatFits() throws {
        let manifest = try manifest(
            #"""
            {"optimizer": {"lr": 0.1},
             "groups": {"first": {"match": ["*.bias", "x?"]}, "second": {"match": ["*"], "lr": 1}, "third": {"lr": 2}}}
            """#)
        func group(_ name: TensorName, naming given: TensorName? = nil) -> String? {
            manifest.group(of: name, naming: given)?.name.description
        }
        #expect(group("a.bias") == "first")
        #expect(group("xy") == "first")
        #expect(group("xyz") == "second")
        #expect(group("a.bias", naming: "third") == "third")
    }

    private func manifest(groups: Int, glob: String, names: [String], namesGroup: Bool = false) throws -> Manifest {
        let groups = (0..<groups).map { #""g\#($0)": {"match": ["\#(glob)"]}"# }.joined(separator: ", ")
        let group = namesGroup ? #", "group": "g0""# : ""
        let parameters = names.map { #"{"name": "\#($0)", "shape": [1]\#(group)}"# }.joined(separator: ", ")
        return try manifest(#"{"optimizer": {"lr": 0.1}, "groups": {\#(groups)}, "parameters": [\#(parameters)]}"#)
    }

    @Test func whatWouldTakeVeryLongToMatchOrMuchMemoryIsRefused() throws {
        #expect(try manifest(groups: 1_000, glob: "x", names: ["a"]).groups.count == 1_000)
        let many = #expect(throws: TrainingError.self) { try manifest(groups: 1_001, glob: "x", names: ["a"]) }
        #expect(many?.detail.contains("1001 groups") == true && many?.field("member") == "groups")
        let long = #expect(throws: TrainingError.self) {
            try manifest(groups: 2, glob: String(repeating: "x", count: 140_000), names: ["a"])
        }
        #expect(long?.code == .invalidManifest && long?.detail.contains("the limit is 262144") == true)
        // 1,000 × (68 + 32) × 2,000 × (18 + 32) is the limit.
        let names = (0..<2_000).map { String(repeating: "a", count: 14) + String($0 + 1_000) }
        let glob = String(repeating: "*a", count: 34)
        let groups = try manifest(groups: 1_000, glob: glob, names: ["a"]).groups
        let parsed = names.map { TensorName(stringLiteral: $0) }
        #expect(Manifest.canMatch(parsed, in: groups) && !Manifest.canMatch(parsed + ["b"], in: groups))
        let product = #expect(throws: TrainingError.self) { try manifest(groups: 1_000, glob: glob, names: names + ["b"]) }
        #expect(product?.code == .invalidManifest && product?.detail.contains("name its group") == true)
        #expect(try manifest(groups: 1_000, glob: glob, names: names + ["b"], namesGroup: true).listed.allSatisfy { $1?.name == "g0" })
    }

    @Test func aPatchMatchesNothing() throws {
        let made = try manifest(groups: 1, glob: "a*", names: ["a", "b", "ab"])
        let patch = JSONValue.object(["groups": ["g0": ["lr": 0.5]]])
        #expect(try made.patched(with: patch).listed.map { $1?.settings.options.learningRate } == [0.5, nil, 0.5])
        let other = JSONValue.object(["groups": ["g0": ["match": ["b"]]]])
        let error = #expect(throws: TrainingError.self) { try made.patched(with: other) }
        #expect(error?.code == .optionNotTunable)
        #expect(try Manifest(JSONValue.object(made.json).merged(with: other), patching: made).groupIndices.isEmpty)
        #expect(try Manifest(JSONValue.object(made.json).merged(with: patch), patching: made).groupIndices == [0, nil, 0])
    }

    @Test func newNamesThatWouldTakeVeryLongToMatchAreRefused() async throws {
        let groups = (0..<1_000).map { #""g\#($0)": {"match": ["\#(String(repeating: "*a", count: 34))"]}"# }.joined(separator: ", ")
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}, "groups": {\#(groups)}}"#)
        let many = (0..<300).map { Sent(TensorName(stringLiteral: String(repeating: "a", count: 400) + String($0)), [1], [1]) }
        await expectRefusal(.undeclaredParameter) { try await run.put(1, many) }
        await expectRefusal(.undeclaredParameter) { try await run.hostWeights(body(many), epoch: nil) }
        let other = try await House().make("other", #"{"optimizer": {"lr": 0.01}}"#)
        try await other.put(1, many)
        let state = try await other.exported()
        await expectRefusal(.undeclaredParameter) { try await run.importState(state, epoch: nil) }
        try await run.put(1, Array(many.prefix(2)))
        // Known ones are not matched again.
        try await run.put(2, Array(many.prefix(2)))
    }

    @Test func aGroupOverridesOnlyWhatItNames() throws {
        let manifest = try manifest(
            #"{"optimizer": {"lr": 0.1, "eps": 1e-4, "max_precondition_dim": 8}, "groups": {"g": {"weight_decay": 0.0, "max_precondition_dim": null}}}"#
        )
        let options = manifest.groups[0].settings.options
        #expect(options.weightDecay == 0 && options.epsilon == 1e-4 && options.learningRate == 0.1 && options.maxPreconditionDim == nil)
        #expect(manifest.settings.options.weightDecay == 0.01 && manifest.settings.options.maxPreconditionDim == 8)
        #expect(!manifest.groups[0].settings.setsLearningRate)
    }

    @Test(arguments: ["fp32_matmul_prec", "qr_fp32_matmul_prec", "stagger_refresh"])
    func optionsOfTheWholeRunAreRefusedInGroups(_ name: String) throws {
        let value = try #require(OptionTable.entry(name)?.defaultValue).serialized()
        let error = refusal(#"{"optimizer": {"lr": 0.1}, "groups": {"g": {"\#(name)": \#(String(decoding: value, as: UTF8.self))}}}"#)
        #expect(error?.code == .invalidOption)
        #expect(error?.field("option") == .string(name))
        #expect(error?.field("group") == "g")
    }

    @Test(arguments: [
        (#"{"g": {"nope": 1}}"#, TrainingError.Code.unknownOption), (#"{"g": {"lr": -1}}"#, .invalidOption),
        (#"{"g": {"eps": "small"}}"#, .invalidOption),
        (#"{"g": {"match": "*"}}"#, .invalidManifest), (#"{"g": {"match": [1]}}"#, .invalidManifest), (#"{"g": 1}"#, .invalidManifest),
        (#"{"": {}}"#, .invalidManifest), (#"[]"#, .invalidManifest), (#"null"#, .invalidManifest),
    ])
    func aWrongGroupIsRefused(_ groups: String, _ code: TrainingError.Code) {
        #expect(refusal(#"{"optimizer": {"lr": 0.1}, "groups": \#(groups)}"#)?.code == code)
    }

    @Test func namesOfGroupsAndParametersAreBytes() throws {
        let composed = "\u{E9}"
        let decomposed = "e\u{301}"
        let text = #"""
            {"optimizer": {"lr": 0.1}, "groups": {"\#(composed)": {"match": ["\#(composed)"]}, "\#(decomposed)": {}},
             "parameters": [{"name": "\#(composed)", "shape": [2]}, {"name": "\#(decomposed)", "shape": [2], "group": "\#(decomposed)"}]}
            """#
        let first = try manifest(text)
        #expect(first.parameters?.count == 2)
        #expect(first.group(of: TensorName(stringLiteral: decomposed)) == nil)
        #expect(first.group(of: TensorName(stringLiteral: composed))?.name == TensorName(stringLiteral: composed))
        let other = try manifest(#"{"optimizer": {"lr": 0.1}, "groups": {"\#(composed)": {}}}"#)
        let another = try manifest(#"{"optimizer": {"lr": 0.1}, "groups": {"\#(decomposed)": {}}}"#)
        #expect(other != another)
        let unknown =
            #"{"optimizer": {"lr": 0.1}, "groups": {"\#(composed)": {}}, "parameters": [{"name": "w", "shape": [], "group": "\#(decomposed)"}]}"#
        #expect(refusal(unknown)?.code == .invalidManifest)
    }

    // MARK: Parameters

    @Test func namesUpToFiveHundredAndTwelveBytesAreTaken() throws {
        for name in ["w", "a/b %é\\u0001", String(repeating: "n", count: 512), "__metadata", "."] {
            #expect(throws: Never.self) { try manifest(#"{"optimizer": {"lr": 1}, "parameters": [{"name": "\#(name)", "shape": []}]}"#) }
        }
        for name in ["", String(repeating: "é", count: 257), #"a\u0000b"#, "__metadata__"] {
            let error = refusal(#"{"optimizer": {"lr": 1}, "parameters": [{"name": "\#(name)", "shape": []}]}"#)
            #expect(error?.code == .invalidParameterName)
        }
    }

    @Test(arguments: [
        "[0]", "[4, 0]", "[-1]", "[3000000000]", "[4294967296, 4294967296]", "[9223372036854775807, 9223372036854775807, 2]",
        "[" + Array(repeating: "1", count: 33).joined(separator: ",") + "]",
    ])
    func aShapeThatCannotBeTrainedIsRefused(_ shape: String) {
        let error = refusal(#"{"optimizer": {"lr": 1}, "parameters": [{"name": "w", "shape": \#(shape)}]}"#)
        #expect(error?.code == .wrongShape)
        #expect(error?.field("parameter") == "w")
    }

    @Test func thirtyTwoDimensionsAndNoneAreTaken() throws {
        let shape = "[" + Array(repeating: "1", count: 32).joined(separator: ",") + "]"
        let text =
            #"{"optimizer": {"lr": 1}, "parameters": [{"name": "a", "shape": \#(shape)}, {"name": "b", "shape": []}, {"name": "c", "shape": [1e1]}]}"#
        #expect(try manifest(text).parameters?.map(\.shape) == [Array(repeating: 1, count: 32), [], [10]])
    }

    @Test(arguments: [
        "{}", "[]", "null", "1", #"[{"shape": [1]}]"#, #"[{"name": 1, "shape": [1]}]"#, #"[{"name": "w"}]"#,
        #"[{"name": "w", "shape": 1}]"#,
        #"[{"name": "w", "shape": [1.5]}]"#, #"[{"name": "w", "shape": ["1"]}]"#, #"[{"name": "w", "shape": [1], "dtype": "F32"}]"#,
        #"[{"name": "w", "shape": [1]}, {"name": "w", "shape": [1]}]"#, #"[{"name": "w", "shape": [1], "group": "g"}]"#,
        #"[{"name": "w", "shape": [1], "group": 1}]"#, #"[1]"#,
    ])
    func aWrongListOfParametersIsRefused(_ parameters: String) {
        #expect(refusal(#"{"optimizer": {"lr": 0.1}, "parameters": \#(parameters)}"#)?.code == .invalidManifest)
    }

    @Test(arguments: ["1", "[]", "{}", #"{"optimizer": 1}"#, #"{"optimizer": {"lr": 1}, "extra": 1}"#])
    func aManifestIsAnObjectOfFourMembers(_ text: String) {
        #expect(refusal(text)?.code == .invalidManifest)
    }

    // MARK: Policy

    @Test func thePolicyIsReadAndShown() throws {
        let full = #"{"durability": "checkpoint", "checkpoint_every": 7, "keep_checkpoints": 2, "on_nonfinite": "skip"}"#
        let policy = try manifest(#"{"optimizer": {"lr": 1}, "policy": \#(full)}"#).policy
        #expect(try JSONValue.object(policy.json) == JSONValue(parsing: Array(full.utf8)))
        let defaults = #"{"durability": "log", "checkpoint_every": 100, "keep_checkpoints": 3, "on_nonfinite": "reject"}"#
        #expect(try JSONValue.object(Policy().json) == JSONValue(parsing: Array(defaults.utf8)))
    }

    @Test(arguments: [
        (#""durability": "disk""#, TrainingError.Code.invalidOption), (#""durability": null"#, .invalidOption),
        (#""checkpoint_every": 0"#, .invalidOption), (#""checkpoint_every": "1""#, .invalidOption),
        (#""keep_checkpoints": 0"#, .invalidOption), (#""on_nonfinite": true"#, .invalidOption), (#""workers": 1"#, .unknownOption),
    ])
    func aWrongPolicyIsRefusedByTheNameOfItsSetting(_ member: String, _ code: TrainingError.Code) {
        let error = refusal(#"{"optimizer": {"lr": 0.1}, "policy": {\#(member)}}"#)
        #expect(error?.code == code)
        #expect(error?.field("option")?.stringValue.map { member.contains("\"\($0)\"") } == true)
    }

    // MARK: The same again

    @Test(arguments: [
        #"{"optimizer": {"lr": 1e-3}}"#, #"{"optimizer": {"lr": 0.0010, "betas": [0.9, 9.5e-1]}}"#,
        #"{"policy": {"checkpoint_every": 1e2}, "optimizer": {"weight_decay": 0.01, "lr": 0.001}}"#,
        #"{"optimizer": {"lr": 0.001}, "groups": {}}"#,
    ])
    func aManifestOfTheSameValuesIsTheSame(_ text: String) throws {
        #expect(try manifest(text) == manifest(#"{"optimizer": {"lr": 0.001}}"#))
    }

    @Test(arguments: [
        #"{"optimizer": {"lr": 0.002}}"#, #"{"optimizer": {"lr": 0.001, "use_eigh": true}}"#,
        #"{"optimizer": {"lr": 0.001}, "parameters": [{"name": "w", "shape": []}]}"#, #"{"optimizer": {"lr": 0.001}, "groups": {"g": {}}}"#,
        #"{"optimizer": {"lr": 0.001}, "policy": {"keep_checkpoints": 4}}"#,
    ])
    func aManifestOfOtherValuesIsAnother(_ text: String) throws {
        #expect(try manifest(text) != manifest(#"{"optimizer": {"lr": 0.001}}"#))
    }

    @Test func theOrderOfParametersDoesNotMatterAndThatOfGroupsDoes() throws {
        let a = #"{"name": "a", "shape": [1]}"#
        let b = #"{"name": "b", "shape": [2]}"#
        func text(_ parameters: String, _ groups: String = "{}") -> String {
            #"{"optimizer": {"lr": 1}, "parameters": [\#(parameters)], "groups": \#(groups)}"#
        }
        #expect(try manifest(text("\(a), \(b)")) == manifest(text("\(b), \(a)")))
        #expect(try manifest(text(a, #"{"x": {}, "y": {}}"#)) != manifest(text(a, #"{"y": {}, "x": {}}"#)))
        #expect(try manifest(text(a, #"{"x": {"lr": 1}}"#)) != manifest(text(a, #"{"x": {}}"#)))
    }
}

import GRDB
import SOAP
import Safetensors
import StrictJSON
import Testing

@testable import Training

/// What a patch changes, from when on, and what it must not.
struct PatchTests {
    private static let manifest = """
        {"optimizer": {"lr": 0.01, "precondition_frequency": 2},
         "parameters": [{"name": "w", "shape": [4, 3]}, {"name": "b", "shape": [3]}, {"name": "c", "shape": [2], "group": "named"}],
         "groups": {"g": {"match": ["b"], "weight_decay": 0}, "named": {"lr": 0.5}}}
        """

    private static func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

    private static func tensors(_ k: Int) -> [Sent] {
        [.gradient("w", [4, 3], k), .gradient("b", [3], k), .gradient("c", [2], k)]
    }

    @Test func aPatchChangesWhatItNamesAndItsNullsBringDefaultsBack() async throws {
        let house = try await House()
        let run = try await house.make("run", PatchTests.manifest)
        let patch = """
            {"optimizer": {"betas": [0.8, 0.9], "precondition_frequency": null, "correct_shampoo_beta_bias": null},
             "groups": {"g": {"weight_decay": 0.5, "eps": 1e-4}}, "policy": {"keep_checkpoints": 7}}
            """
        let shown = try await run.patch(PatchTests.json(patch), epoch: 0).json
        #expect(shown["optimizer"]?["betas"] == [0.8, 0.9])
        #expect(shown["optimizer"]?["precondition_frequency"] == 1)
        #expect(shown["optimizer"]?["lr"] == 0.01)
        #expect(shown["groups"]?["g"] == ["match": ["b"], "weight_decay": 0.5, "eps": 1e-4])
        #expect(shown["groups"]?["named"] == ["lr": 0.5])
        #expect(shown["policy"]?["keep_checkpoints"] == 7)
        #expect(shown["policy"]?["checkpoint_every"] == 100)
        let settings = try await run.parameter("b").settings
        #expect(settings.options.weightDecay == 0.5 && settings.options.beta1 == 0.8)
    }

    @Test func aPatchedRateHoldsFromTheNextStepOnForWhoeverSetsNoneOfItsOwn() async throws {
        let patched = try await House().make("run", PatchTests.manifest)
        let asked = try await House().make("run", PatchTests.manifest)
        for k in 1...6 {
            if k == 4 { _ = try await patched.patch(PatchTests.json(#"{"optimizer": {"lr": 0.03}}"#), epoch: nil) }
            let answer = try await Answered(patched.put(k, PatchTests.tensors(k)))
            let expected = try await Answered(asked.put(k, PatchTests.tensors(k)) { if k >= 4 { $0.learningRate = 0.03 } })
            #expect(answer.raw == expected.raw, "step \(k)")
        }
    }

    /// Every option that a patch can change reaches the parameter it is for.
    @Test(arguments: OptionTable.entries.filter(\.isTunable).map(\.name))
    func everyTunableOptionCanBePatched(name: String) async throws {
        let values: [String: String] = [
            "lr": "0.5", "betas": "[0.5, 0.5]", "shampoo_beta": "0.5", "eps": "0.5", "weight_decay": "0.5",
            "weight_decay_method": "\"independent\"", "use_nesterov": "true", "precondition_frequency": "7", "adam_warmup_steps": "7",
            "correct_bias": "false", "correct_shampoo_beta_bias": "false", "fp32_matmul_prec": "\"highest\"",
            "qr_fp32_matmul_prec": "\"highest\"", "use_eigh": "true", "use_adaptive_criteria": "true", "adaptive_update_tolerance": "0.5",
            "power_iter_steps": "7", "max_update_rms": "0.5", "stagger_refresh": "true",
        ]
        let value = try #require(values[name])
        let run = try await House().make("run", PatchTests.manifest)
        let before = try await run.parameter("w").settings.options
        let shown = try await run.patch(PatchTests.json(#"{"optimizer": {"\#(name)": \#(value)}}"#), epoch: nil).json
        #expect(try shown["optimizer"]?[name] == PatchTests.json(value))
        #expect(try await run.parameter("w").settings.options != before)
    }

    @Test(arguments: [
        (#"{"parameters": [{"name": "w", "shape": [4, 4]}]}"#, TrainingError.Code.optionNotTunable, "parameters"),
        (#"{"parameters": null}"#, .optionNotTunable, "parameters"),
        (#"{"optimizer": {"precondition_1d": true}}"#, .optionNotTunable, "precondition_1d"),
        (#"{"optimizer": {"max_precondition_dim": 2}}"#, .optionNotTunable, "max_precondition_dim"),
        (#"{"optimizer": {"use_kl_shampoo": true}}"#, .optionNotTunable, "use_kl_shampoo"),
        (#"{"groups": {"g": {"precondition_1d": true}}}"#, .optionNotTunable, "precondition_1d"),
        (#"{"groups": {"g": {"match": ["w"]}}}"#, .optionNotTunable, "match"),
        (#"{"groups": {"g": {"match": null}}}"#, .optionNotTunable, "match"),
        (#"{"groups": {"g": null}}"#, .optionNotTunable, "groups"),
        (#"{"groups": {"new": {"lr": 1}}}"#, .optionNotTunable, "groups"),
        (#"{"optimizer": {"lr": null}}"#, .invalidOption, "lr"),
        (#"{"optimizer": {"lr": -1}}"#, .invalidOption, "lr"),
        (#"{"optimizer": {"lr": 0.5, "betas": [0.9, 1]}}"#, .invalidOption, "betas"),
        (#"{"optimizer": {"learning_rate": 0.1}}"#, .unknownOption, "learning_rate"),
        (#"{"groups": {"g": {"fp32_matmul_prec": "highest"}}}"#, .invalidOption, "fp32_matmul_prec"),
        (#"{"policy": {"checkpoint_every": 0}}"#, .invalidOption, "checkpoint_every"),
        (#"{"policy": {"durability": "sometimes"}}"#, .invalidOption, "durability"),
        (#"{"optimizer": 3}"#, .invalidManifest, ""),
        (#"{"lr": 0.1}"#, .invalidManifest, ""),
        ("[]", .invalidManifest, ""),
    ])
    func aPatchThatIsWrongOrWouldInvalidateStateChangesNothing(patch: String, code: TrainingError.Code, option: String) async throws {
        let run = try await House().make("run", PatchTests.manifest)
        try await run.put(1, PatchTests.tensors(1))
        let before = try await (run.snapshot(), run.status.json)
        let refusal = await expectRefusal(code) { _ = try await run.patch(PatchTests.json(patch), epoch: nil) }
        #expect(refusal?.field("option")?.stringValue ?? "" == option)
        #expect(try await run.snapshot() == before.0)
        #expect(run.status.json == before.1)
    }

    @Test func aPatchOfAnotherEpochIsFencedOffAndOneThatChangesNothingIsNotLogged() async throws {
        let run = try await House().make("run", PatchTests.manifest)
        await expectRefusal(.epochFenced) { _ = try await run.patch(PatchTests.json(#"{"optimizer": {"lr": 1}}"#), epoch: 3) }
        _ = try await run.patch(PatchTests.json(#"{"optimizer": {"lr": 1e-2}, "groups": {"g": {"match": ["b"]}}}"#), epoch: 0)
        #expect(try await run.snapshot().logEntries == 0)
        for _ in 1...2 { _ = try await run.patch(PatchTests.json(#"{"optimizer": {"lr": 0.5}}"#), epoch: 0) }
        #expect(try await run.snapshot().logEntries == 1)
    }

    @Test func theLastStepIsAnsweredAgainAfterAPatchAndTheManifestStaysTheOneItWasMadeFrom() async throws {
        let house = try await House()
        let run = try await house.make("run", PatchTests.manifest)
        let answer = try await run.put(1, PatchTests.tensors(1))
        _ = try await run.patch(PatchTests.json(#"{"optimizer": {"lr": 0.5}}"#), epoch: nil)
        try await house.crash()
        let replayed = try await house.run().put(1, PatchTests.tensors(1))
        #expect(replayed.isReplay)
        #expect(try Answered(replayed).raw == Answered(answer).raw)
        #expect(try await house.make("run", PatchTests.manifest).status.json["optimizer"]?["lr"] == 0.5)
        await expectRefusal(.runExists) {
            _ = try await house.make("run", PatchTests.manifest.replacing("0.01", with: "0.5"))
        }
    }

    // MARK: Durability

    @Test(arguments: ["log", "checkpoint", "memory"])
    func aPatchOutlivesACrashInEveryDurability(durability: String) async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "\#(durability)"}}"#)
        try await run.put(1, [.gradient("w", [4, 3], 1)])
        _ = try await run.patch(PatchTests.json(#"{"optimizer": {"lr": 0.5}, "policy": {"on_nonfinite": "skip"}}"#), epoch: nil)
        try await house.crash()
        let shown = try house.run().status
        #expect(shown.json["optimizer"]?["lr"] == 0.5)
        #expect(shown.json["policy"]?["on_nonfinite"] == "skip")
        #expect(shown.json["policy"]?["durability"]?.stringValue == durability)
        #expect(shown.step == (durability == "log" ? 1 : 0))
    }

    @Test(arguments: [("memory", "log"), ("memory", "checkpoint"), ("checkpoint", "log")])
    func aStrongerDurabilityBeginsWithACheckpoint(weak: String, strong: String) async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "\#(weak)"}}"#)
        let control = try await House().make("run", #"{"optimizer": {"lr": 0.01}}"#)
        for k in 1...3 {
            #expect(try await run.put(k, [.gradient("w", [4, 3], k)]).durableStep == 0)
            try await control.put(k, [.gradient("w", [4, 3], k)])
        }
        #expect(try await run.patch(PatchTests.json(#"{"policy": {"durability": "\#(strong)"}}"#), epoch: nil).durableStep == 3)
        #expect(try await run.put(4, [.gradient("w", [4, 3], 4)]).durableStep == (strong == "log" ? 4 : 3))
        try await control.put(4, [.gradient("w", [4, 3], 4)])
        try await house.crash()
        let back = try house.run()
        #expect(back.status.step == (strong == "log" ? 4 : 3))
        if strong == "checkpoint" { try await back.put(4, [.gradient("w", [4, 3], 4)]) }
        #expect(try await back.snapshot().tensors == control.snapshot().tensors)
    }

    /// The checkpoint of the first attempt fails; the second one must not take it for made.
    @Test(arguments: ["run", "parameter"])
    func aStrongerDurabilityThatWasRefusedAndIsAskedForAgainBeginsWithItsCheckpoint(level: String) async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "checkpoint"}}"#)
        let control = try await House().make("run", #"{"optimizer": {"lr": 0.01}}"#)
        func step(_ k: Int, _ run: Run) async throws {
            if level == "run" {
                try await run.put(k, [.gradient("w", [4, 3], k)])
            } else {
                if k == 1 { try await run.hostWeights(body([.gradient("w", [4, 3], 50)]), epoch: nil) }
                try await run.put(k, of: "w", bytes(of: noise(12, k)))
            }
        }
        for k in 1...3 { for run in [run, control] { try await step(k, run) } }
        let queue = try DatabaseQueue(path: house.database)
        try await queue.write {
            try $0.execute(sql: "CREATE TRIGGER refusal BEFORE INSERT ON checkpoint BEGIN SELECT RAISE(ABORT, 'no'); END")
        }
        await #expect(throws: TrainingError.self) { try await run.patch(#"{"policy": {"durability": "log"}}"#) }
        #expect(run.status.json["policy"]?["durability"] == "checkpoint")
        try await queue.write { try $0.execute(sql: "DROP TRIGGER refusal") }
        try await run.patch(#"{"policy": {"durability": "log"}}"#)
        #expect(run.status.durableStep == 3)
        for run in [run, control] { try await step(4, run) }
        try await house.crash()
        #expect(try house.run().status.step == 4)
        #expect(try await house.run().snapshot().tensors == control.snapshot().tensors)
    }

    @Test(arguments: ["log", "memory"])
    func aLogOfPatchesAloneIsPrunedToo(durability: String) async throws {
        let run = try await House().make("run", #"{"optimizer": {"lr": 0.01}, "policy": {"durability": "\#(durability)"}}"#)
        let filler = String(repeating: "0", count: 4000)
        for k in 1...40 { try await run.patch(#"{"optimizer": {"lr": 0.\#(filler)\#(k)}}"#) }
        while try await run.checkpoints().isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        #expect(try await run.snapshot().logEntries < 40)
    }

    @Test func whatWasLoggedBeforeAWeakerDurabilityStaysDurable() async throws {
        let house = try await House()
        let run = try await house.make("run", #"{"optimizer": {"lr": 0.01}}"#)
        for k in 1...3 { try await run.put(k, [.gradient("w", [4, 3], k)]) }
        #expect(try await run.patch(PatchTests.json(#"{"policy": {"durability": "memory"}}"#), epoch: nil).durableStep == 3)
        for k in 4...6 { #expect(try await run.put(k, [.gradient("w", [4, 3], k)]).durableStep == 3) }
        try await house.crash()
        #expect(try house.run().status.step == 3)
        #expect(try house.run().status.durableStep == 3)
        #expect(try house.run().status.epoch == 1)
    }
}

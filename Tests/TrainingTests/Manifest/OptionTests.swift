import LinearAlgebra
import SOAP
import StrictJSON
import Testing

@testable import Training

struct OptionTests {
    private func manifest(_ text: String) throws -> Manifest {
        try Manifest(JSONValue(parsing: Array(text.utf8)))
    }

    private func refusal(_ text: String) -> TrainingError? {
        #expect(throws: TrainingError.self, "\(text)") { try manifest(text) }
    }

    @Test func everyOptionLeftOutIsShownByItsDefault() throws {
        let shown = try manifest(#"{"optimizer": {"lr": 3e-3}}"#).settings.shown
        #expect(shown.map(\.name) == OptionTable.entries.map(\.name))
        for entry in OptionTable.entries { #expect(try shown[entry.name] == entry.defaultValue ?? JSONValue(parsing: Array("3e-3".utf8))) }
    }

    @Test func defaultsAreThoseOfTheEngine() throws {
        #expect(try manifest(#"{"optimizer": {"lr": 0.25}}"#).settings.options == SOAPOptions(learningRate: 0.25))
    }

    @Test func everyOptionIsReadAndShownAsWritten() throws {
        let text = #"""
            {"lr":1.0e-3,"betas":[0.80,0.9],"shampoo_beta":-1,"eps":1e-6,"weight_decay":0.10,"weight_decay_method":"independent",
            "use_nesterov":true,"precondition_frequency":[[0,1],[1e1,5]],"adam_warmup_steps":2.0,"precondition_1d":true,
            "correct_bias":false,"correct_shampoo_beta_bias":true,"fp32_matmul_prec":"highest","qr_fp32_matmul_prec":"medium",
            "use_eigh":true,"use_adaptive_criteria":true,"adaptive_update_tolerance":0.5,"power_iter_steps":3,"max_update_rms":1,
            "use_kl_shampoo":false,"max_precondition_dim":64,"stagger_refresh":true}
            """#
        let settings = try manifest(#"{"optimizer": \#(text)}"#).settings
        #expect(String(decoding: JSONValue.object(settings.shown).serialized(), as: UTF8.self) == text.filter { $0 != "\n" })
        let options = settings.options
        var expected = SOAPOptions(learningRate: 0.001)
        expected.beta1 = 0.8
        expected.beta2 = 0.9
        expected.shampooBeta = -1
        expected.epsilon = 1e-6
        expected.weightDecay = 0.1
        expected.weightDecayMethod = .independent
        expected.useNesterov = true
        expected.preconditionFrequency = .schedule([.init(fromStep: 0, every: 1), .init(fromStep: 10, every: 5)])
        expected.adamWarmupSteps = 2
        expected.precondition1D = true
        expected.correctBias = false
        expected.correctShampooBetaBias = true
        expected.fp32MatmulPrecision = .highest
        expected.qrFP32MatmulPrecision = .medium
        expected.useEigh = true
        expected.useAdaptiveCriteria = true
        expected.adaptiveUpdateTolerance = 0.5
        expected.powerIterSteps = 3
        expected.maxUpdateRMS = 1
        expected.maxPreconditionDim = 64
        expected.staggerRefresh = true
        #expect(options == expected)
    }

    @Test(arguments: [
        #""lr": "0.1""#, #""lr": null"#, #""lr": true"#, #""lr": [1]"#, #""lr": -1"#, #""lr": 1e39"#, #""betas": 0.9"#, #""betas": [0.9]"#,
        #""betas": [0.9, 1]"#, #""betas": [-0.1, 0.9]"#, #""betas": [0.9, "0.9"]"#, #""shampoo_beta": 1"#, #""eps": 0"#, #""eps": null"#,
        #""weight_decay": -0.1"#, #""weight_decay": 1e300"#, #""weight_decay_method": "adamw""#, #""weight_decay_method": 1"#,
        #""use_nesterov": 1"#, #""use_nesterov": null"#, #""precondition_frequency": 0"#, #""precondition_frequency": 1.5"#,
        #""precondition_frequency": []"#, #""precondition_frequency": [[1, 1]]"#, #""precondition_frequency": [[0, 1], [0, 2]]"#,
        #""precondition_frequency": [[0, 0]]"#, #""precondition_frequency": [[0]]"#, #""precondition_frequency": "10""#,
        #""adam_warmup_steps": -1"#, #""adam_warmup_steps": 0.5"#, #""precondition_1d": "yes""#, #""correct_bias": 0"#,
        #""correct_shampoo_beta_bias": 0"#, #""fp32_matmul_prec": "low""#, #""qr_fp32_matmul_prec": null"#, #""use_eigh": null"#,
        #""use_adaptive_criteria": 1"#, #""adaptive_update_tolerance": 1"#, #""adaptive_update_tolerance": -1"#, #""power_iter_steps": 0"#,
        #""power_iter_steps": 9223372036854775808"#, #""max_update_rms": -1"#, #""use_kl_shampoo": 1"#, #""max_precondition_dim": 0"#,
        #""max_precondition_dim": 1.5"#, #""max_precondition_dim": "64""#, #""stagger_refresh": 1"#, #""stagger_refresh": null"#,
    ])
    func aWrongValueIsRefusedByTheNameOfItsOption(_ member: String) throws {
        let name = try #require(member.split(separator: "\"").first.map(String.init))
        let lr = name == "lr" ? "" : #""lr": 0.1, "#
        let error = refusal(#"{"optimizer": {\#(lr)\#(member)}}"#)
        #expect(error?.code == .invalidOption)
        #expect(error?.field("option") == .string(name))
        #expect(error?.detail.contains(name) == true)
        #expect(error?.field("got") != nil)
    }

    @Test(arguments: ["learning_rate", "Lr", "beta1", "correct_shampoo_beta_bias ", "lr\u{301}", ""])
    func anUnknownOptionIsRefusedByItsName(_ name: String) throws {
        let error = refusal(#"{"optimizer": {"lr": 0.1, "\#(name)": 1}}"#)
        #expect(error?.code == .unknownOption)
        #expect(error?.field("option") == .string(name))
    }

    @Test func theLearningRateIsRequired() {
        let error = refusal(#"{"optimizer": {}}"#)
        #expect(error?.code == .invalidOption)
        #expect(error?.field("option") == "lr")
    }

    @Test func nullIsTakenExactlyWhereItIsTheDefault() throws {
        for entry in OptionTable.entries {
            let lr = entry.name == "lr" ? "" : #""lr": 0.1, "#
            let text = #"{"optimizer": {\#(lr)"\#(entry.name)": null}}"#
            if entry.defaultValue == .null {
                #expect(throws: Never.self) { try manifest(text) }
            } else {
                #expect(refusal(text)?.field("option") == .string(entry.name))
            }
        }
    }

    @Test(arguments: [
        (#"{"lr": 0.1, "use_kl_shampoo": true, "precondition_1d": true}"#, "[4, 4]"),
        (#"{"lr": 0.1, "use_kl_shampoo": true, "max_precondition_dim": 8}"#, "[4, 4]"),
        (#"{"lr": 0.1, "use_kl_shampoo": true}"#, "[2, 2, 2]"),
    ])
    func optionsThatExcludeEachOtherAreRefusedWhenTheRunIsMade(_ optimizer: String, _ shape: String) {
        let error = refusal(#"{"optimizer": \#(optimizer), "parameters": [{"name": "w", "shape": \#(shape)}]}"#)
        #expect(error?.code == .invalidOption)
        #expect(error?.field("option") == "use_kl_shampoo")
    }
}

import SOAP
import StrictJSON

/// The options of the SOAP class under their documented names: how each is read from JSON, and its default.
///
/// One table serves reading, showing and naming what is wrong, so that no option can be ignored by mistake.
enum OptionTable {
    struct Entry: Sendable {
        let name: String
        /// As shown when the manifest leaves the option out; nil for `lr`, which has none.
        let defaultValue: JSONValue?
        /// Precisions, and that refreshes take turns, belong to the run as a whole.
        var isAllowedInGroups = true
        /// Whether a running run can change it; the others decide what state a parameter has.
        var isTunable = true
        /// Stores the value, or answers what was expected instead.
        let read: @Sendable (JSONValue, inout SOAPOptions) -> Expected?
    }

    /// What an ill-typed option should have been, in words for a person.
    struct Expected: Sendable {
        let description: String
    }

    static let entries: [Entry] = [
        number("lr", nil) { $0.learningRate = $1 },
        Entry(name: "betas", defaultValue: .array([number(0.9), number(0.95)])) { value, options in
            guard case .array(let pair) = value, pair.count == 2, let beta1 = pair[0].double, let beta2 = pair[1].double else {
                return Expected(description: "a list of two numbers, [beta1, beta2]")
            }
            (options.beta1, options.beta2) = (beta1, beta2)
            return nil
        },
        number("shampoo_beta", 0.95) { $0.shampooBeta = $1 },
        number("eps", 1e-8) { $0.epsilon = $1 },
        number("weight_decay", 0.01) { $0.weightDecay = $1 },
        choice("weight_decay_method", "decoupled") { $0.weightDecayMethod = $1 },
        flag("use_nesterov", false) { $0.useNesterov = $1 },
        Entry(name: "precondition_frequency", defaultValue: JSONValue(1)) { value, options in
            guard let frequency = preconditionFrequency(value) else {
                return Expected(description: "a whole number, or a schedule [[0, every], [from_step, every], …]")
            }
            options.preconditionFrequency = frequency
            return nil
        },
        integer("adam_warmup_steps", 0) { $0.adamWarmupSteps = $1 },
        flag("precondition_1d", false, isTunable: false) { $0.precondition1D = $1 },
        flag("correct_bias", true) { $0.correctBias = $1 },
        Entry(name: "correct_shampoo_beta_bias", defaultValue: .null) { value, options in
            switch value {
            case .null: options.correctShampooBetaBias = nil
            case .bool(let flag): options.correctShampooBetaBias = flag
            default: return Expected(description: "true, false or null (the same as correct_bias)")
            }
            return nil
        },
        choice("fp32_matmul_prec", "high", isAllowedInGroups: false) { $0.fp32MatmulPrecision = $1 },
        choice("qr_fp32_matmul_prec", "high", isAllowedInGroups: false) { $0.qrFP32MatmulPrecision = $1 },
        flag("use_eigh", false) { $0.useEigh = $1 },
        flag("use_adaptive_criteria", false) { $0.useAdaptiveCriteria = $1 },
        number("adaptive_update_tolerance", 1e-7) { $0.adaptiveUpdateTolerance = $1 },
        integer("power_iter_steps", 1) { $0.powerIterSteps = $1 },
        number("max_update_rms", 0) { $0.maxUpdateRMS = $1 },
        flag("use_kl_shampoo", false, isTunable: false) { $0.useKLShampoo = $1 },
        Entry(name: "max_precondition_dim", defaultValue: .null, isTunable: false) { value, options in
            switch value {
            case .null: options.maxPreconditionDim = nil
            case .number(let number):
                guard let integer = number.integer else { return Expected(description: "a whole number or null") }
                options.maxPreconditionDim = integer
            default: return Expected(description: "a whole number or null")
            }
            return nil
        },
        flag("stagger_refresh", false, isAllowedInGroups: false) { $0.staggerRefresh = $1 },
    ]

    static func entry(_ name: String) -> Entry? {
        entries.first { $0.name.utf8.elementsEqual(name.utf8) }
    }

    private static func number(_ value: Double) -> JSONValue { JSONValue(value) }

    private typealias Setter<Value> = @Sendable (inout SOAPOptions, Value) -> Void

    private static func number(_ name: String, _ defaultValue: Double?, _ set: @escaping Setter<Double>) -> Entry {
        Entry(name: name, defaultValue: defaultValue.map(number)) { value, options in
            guard let number = value.double else { return Expected(description: "a number") }
            set(&options, number)
            return nil
        }
    }

    private static func integer(_ name: String, _ defaultValue: Int, _ set: @escaping Setter<Int>) -> Entry {
        Entry(name: name, defaultValue: JSONValue(defaultValue)) { value, options in
            guard case .number(let number) = value, let integer = number.integer else { return Expected(description: "a whole number") }
            set(&options, integer)
            return nil
        }
    }

    private static func flag(
        _ name: String, _ defaultValue: Bool, isAllowedInGroups: Bool = true, isTunable: Bool = true, _ set: @escaping Setter<Bool>
    ) -> Entry {
        Entry(name: name, defaultValue: .bool(defaultValue), isAllowedInGroups: isAllowedInGroups, isTunable: isTunable) { value, options in
            guard case .bool(let flag) = value else { return Expected(description: "true or false") }
            set(&options, flag)
            return nil
        }
    }

    private static func choice<Value: RawRepresentable<String> & CaseIterable & SendableMetatype>(
        _ name: String, _ defaultValue: String, isAllowedInGroups: Bool = true, _ set: @escaping Setter<Value>
    ) -> Entry {
        Entry(name: name, defaultValue: .string(defaultValue), isAllowedInGroups: isAllowedInGroups) { value, options in
            guard case .string(let text) = value, let choice = Value(rawValue: text) else {
                return Expected(description: "one of " + Value.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", "))
            }
            set(&options, choice)
            return nil
        }
    }

    private static func preconditionFrequency(_ value: JSONValue) -> PreconditionFrequency? {
        switch value {
        case .number(let number):
            return number.integer.map { .every($0) }
        case .array(let rows):
            var schedule: [PreconditionFrequency.Stage] = []
            for row in rows {
                guard case .array(let pair) = row, pair.count == 2, case .number(let from) = pair[0], case .number(let every) = pair[1],
                    let from = from.integer, let every = every.integer
                else { return nil }
                schedule.append(PreconditionFrequency.Stage(fromStep: from, every: every))
            }
            return .schedule(schedule)
        default:
            return nil
        }
    }
}

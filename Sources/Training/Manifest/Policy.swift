public import StrictJSON

/// When a run's steps become durable, how many checkpoints it keeps, and what a non-finite gradient does.
public struct Policy: Sendable, Equatable {
    /// When an answered step is on disk.
    public enum Durability: String, Sendable, CaseIterable, Comparable {
        /// Before it is answered: the step is written to the log and committed first.
        case log
        /// At the next checkpoint; a crash goes back to the last one.
        case checkpoint
        /// When somebody asks for a checkpoint, and at a clean stop.
        case memory

        /// Whether `a` promises less than `b`.
        public static func < (a: Durability, b: Durability) -> Bool { a.strength < b.strength }

        private var strength: Int {
            switch self {
            case .memory: 0
            case .checkpoint: 1
            case .log: 2
            }
        }
    }

    /// What happens to a step that holds a NaN or an infinity.
    public enum NonFiniteRule: String, Sendable, CaseIterable {
        /// It is refused, and the run stays where it was.
        case reject
        /// It counts, answers zero updates and changes nothing else.
        case skip
    }

    /// What an answer promises.
    public var durability = Durability.log
    /// Steps between two checkpoints.
    public var checkpointEvery = 100
    /// Unlabelled checkpoints that stay.
    public var keepCheckpoints = 3
    /// What becomes of a gradient that is not finite.
    public var onNonFinite = NonFiniteRule.reject

    /// The defaults.
    public init() {}

    init(_ object: JSONObject) throws(TrainingError) {
        for (name, value) in object {
            switch name {
            case "durability": durability = try Policy.choice(name, value)
            case "checkpoint_every": checkpointEvery = try Policy.count(name, value)
            case "keep_checkpoints": keepCheckpoints = try Policy.count(name, value)
            case "on_nonfinite": onNonFinite = try Policy.choice(name, value)
            default:
                throw TrainingError(
                    .unknownOption, "The policy has no setting named \"\(name)\".",
                    [
                        ("option", .string(name)),
                        ("known", ["durability", "checkpoint_every", "keep_checkpoints", "on_nonfinite"]),
                    ])
            }
        }
    }

    /// As shown in a run's description.
    public var json: JSONObject {
        [
            "durability": .string(durability.rawValue),
            "checkpoint_every": JSONValue(checkpointEvery),
            "keep_checkpoints": JSONValue(keepCheckpoints),
            "on_nonfinite": .string(onNonFinite.rawValue),
        ]
    }

    private static func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ name: String, _ value: JSONValue
    ) throws(TrainingError) -> Value {
        guard case .string(let text) = value, let choice = Value(rawValue: text) else {
            let expected = "one of " + Value.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
            throw invalid(name, expected, value)
        }
        return choice
    }

    private static func count(_ name: String, _ value: JSONValue) throws(TrainingError) -> Int {
        guard case .number(let number) = value, let count = number.integer, count >= 1 else {
            throw invalid(name, "a whole number, at least 1", value)
        }
        return count
    }

    private static func invalid(_ name: String, _ expected: String, _ got: JSONValue) -> TrainingError {
        TrainingError(
            .invalidOption, "The policy's \"\(name)\" must be \(expected).",
            [("option", .string(name)), ("expected", .string(expected)), ("got", got)])
    }
}

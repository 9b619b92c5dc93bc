import StrictJSON

/// A trainer and its run: what it has been answered, what its twin answered, and what is in doubt when a connection breaks.
///
/// Gradients, rates and which parameters take part are functions of a step's number alone. So each step has one right
/// answer, however often the run has gone back to it, and the twin has to take it only once.
struct SoakRun: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case hostedWeights = "hosted-weights"
        case parameterLevel = "parameter-level"
        case checkpoint
        case memory
    }

    /// A request that was sent and not answered: it happened or not.
    enum Doubt: Equatable {
        case step(lane: String)
        case patch(rate: Double)
        /// A restore or an import, after which the run stands at this step in the next epoch.
        case goingBack(step: Int)
        case deletion
        case creation
        case nothingThatMatters
    }

    /// The connection broke because the server was killed.
    struct Killed: Error {}

    let kind: Kind
    var random: SplitMix
    /// The answers of the twin: by parameter, or under the empty name; step 1 comes first.
    var twinAnswers: [String: [[UInt8]]]
    /// The number of the last step.
    var places: [String: Int]
    var epoch = 0
    /// Where a crash takes the run at worst.
    var durableStep = 0
    var rate = 0.0
    var doubt: Doubt? = .creation
    /// Places that an import has led to, where nothing may be there to be answered again.
    var imports: [String: Set<Int>] = [:]
    var stepCount = 0
    var tally: [String: Int] = [:]
    private var twinRate = 0.0

    init(_ kind: Kind, seed: UInt64) {
        self.kind = kind
        random = SplitMix(state: seed + UInt64(kind.rawValue.count))
        let lanes = kind == .parameterLevel ? ["w", "b"] : [""]
        twinAnswers = Dictionary(uniqueKeysWithValues: lanes.map { ($0, []) })
        places = Dictionary(uniqueKeysWithValues: lanes.map { ($0, 0) })
    }

    var name: String { "soak-\(kind.rawValue)" }
    var step: Int { places.values.min() ?? 0 }
    var isLogged: Bool { kind == .hostedWeights || kind == .parameterLevel }

    /// The parameter whose turn it is: the slowest, "w" before "b" so that rates change for both at the same number.
    var lane: String { places.min { $0.value == $1.value ? $0.key > $1.key : $0.value < $1.value }?.key ?? "" }

    static func manifest(_ durability: String) -> JSONValue {
        [
            "optimizer": ["lr": 0.01, "precondition_frequency": 3],
            "parameters": [["name": "w", "shape": [12, 8]], ["name": "b", "shape": [8]]],
            "policy": ["durability": .string(durability), "checkpoint_every": 40],
        ]
    }

    private static func tensors(_ step: Int) -> [NamedTensor] {
        [NamedTensor("w", [12, 8], seed: UInt64(2 * step)), NamedTensor("b", [8], seed: UInt64(2 * step + 1))]
    }

    static func rate(_ step: Int) -> Double { [0.01, 0.005, 0.02][step / 64 % 3] }

    /// Sends a step to a server, whichever it is.
    func put(_ step: Int, _ lane: String, over connection: HTTPConnection, epoch: Int?) throws -> HTTPAnswer {
        let tensors = SoakRun.tensors(step)
        if let tensor = tensors.first(where: { $0.name == lane }) {
            return try connection.putStep(name, step, of: tensor, epoch: epoch)
        }
        let taken = step % 7 == 3 ? [tensors[1]] : tensors
        let query = kind == .hostedWeights ? "?return=weights" : ""
        return try connection.putStep(name, step, taken.encoded(), query: query, epoch: epoch)
    }

    /// Makes the run, if need be, and hosts its weights.
    func make(over connection: HTTPConnection, durability: String) throws -> HTTPAnswer {
        let made = try connection.send("PUT", name, SoakRun.manifest(durability))
        guard made.status == 200 || made.status == 201 else { throw made.failure("making \(name)") }
        if kind == .hostedWeights {
            let hosted = try connection.request("PUT", "/v1/runs/\(name)/weights", body: SoakRun.tensors(1_000_000).encoded())
            guard hosted.status == 204 else { throw hosted.failure("hosting weights") }
        }
        return made
    }

    func patch(to rate: Double, over connection: HTTPConnection) throws -> HTTPAnswer {
        let patched = try connection.send("PATCH", name, ["optimizer": ["lr": .init(rate)]])
        guard patched.status == 200 else { throw patched.failure("a patch of \(name)") }
        return patched
    }

    /// The right answer to a step. The twin takes the steps up to it if it has not yet.
    mutating func twinAnswer(_ step: Int, _ lane: String, _ twin: HTTPConnection) throws -> [UInt8] {
        var answers = twinAnswers[lane] ?? []
        while answers.count < step {
            let next = answers.count + 1
            if twinAnswers.values.allSatisfy(\.isEmpty) { _ = try make(over: twin, durability: "memory") }
            if twinRate != SoakRun.rate(next) {
                twinRate = SoakRun.rate(next)
                _ = try patch(to: twinRate, over: twin)
            }
            let answer = try put(next, lane, over: twin, epoch: nil)
            guard answer.status == 200 else { throw answer.failure("the twin of \(name) at step \(next)") }
            answers.append(answer.body)
            twinAnswers[lane] = answers
        }
        return answers[step - 1]
    }

    mutating func count(_ what: String) { tally[what, default: 0] += 1 }

    var report: String {
        let rest = tally.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        return "\(name): \(stepCount) steps, at \(step), epoch \(epoch); \(rest)"
    }
}

import StrictJSON
import Testing

/// A trainer that knows only one remedy: to send the same PUT again. It keeps every answer, to be compared with those of a
/// server to which nothing happened.
struct RetryingTrainer {
    private(set) var answers: [[UInt8]] = []
    private let durability: String
    /// Columns of the weights.
    private let width: Int

    /// Small unless asked otherwise, so that steps, checkpoints and the pruning of the log are all hit.
    init(durability: String = "log", width: Int = 16) {
        self.durability = durability
        self.width = width
    }

    private var manifest: JSONValue {
        [
            "optimizer": ["lr": 0.01, "precondition_frequency": 3],
            "policy": ["checkpoint_every": 7, "durability": .string(durability)],
        ]
    }

    static func body(_ step: Int, width: Int = 16) throws -> [UInt8] {
        try [
            NamedTensor("w", [width * 3 / 2, width], seed: UInt64(2 * step)), NamedTensor("b", [width], seed: UInt64(2 * step + 1)),
        ].encoded()
    }

    /// The gradients of the next step.
    var body: [UInt8] {
        get throws { try RetryingTrainer.body(answers.count + 1, width: width) }
    }

    func makeRun(_ server: TestServer) throws {
        try server.connect().makeRun("run", manifest)
    }

    /// Takes step after step until the server is gone, or its disk is.
    ///
    /// - Throws: when a step is refused otherwise: an answered step was lost then, or an unanswered one is applied and not known.
    mutating func train(_ server: TestServer) throws {
        guard let connection = try? server.connect() else { return }
        while let answer = try? connection.putStep("run", answers.count + 1, body) {
            if answer.status >= 500 { return }
            try keep(answer)
        }
    }

    /// Takes one step.
    mutating func step(_ server: TestServer) throws {
        try keep(server.connect().putStep("run", answers.count + 1, body))
    }

    /// Takes one step, however often it is refused for want of the disk.
    ///
    /// - Returns: how often that was.
    mutating func stepStubbornly(_ server: TestServer) throws -> Int {
        let connection = try server.connect()
        let body = try body
        for refusals in 0..<100 {
            let answer = try connection.putStep("run", answers.count + 1, body)
            guard answer.status == 503 || answer.status == 507 else {
                try keep(answer)
                return refusals
            }
            guard answer["Retry-After"] != nil else { throw answer.failure("a refusal") }
        }
        throw TestFailure("step \(answers.count + 1) was refused again and again")
    }

    /// Sends the next step once, and keeps its answer if it was taken.
    mutating func tryStep(_ connection: HTTPConnection) throws -> HTTPAnswer {
        let answer = try connection.putStep("run", answers.count + 1, body)
        if answer.status == 200 { try keep(answer) }
        return answer
    }

    private mutating func keep(_ answer: HTTPAnswer) throws {
        guard answer.status == 200 else { throw answer.failure("step \(answers.count + 1)") }
        answers.append(answer.body)
    }

    /// Every tensor of the state and every count, as one file.
    func state(_ server: TestServer) throws -> [UInt8] {
        let connection = try server.connect()
        let made = try connection.request("POST", "/v1/runs/run/checkpoints")
        guard made.status == 201, let step = made.json["step"]?.numberValue?.integer else { throw made.failure("a checkpoint") }
        return try connection.download("run", checkpointAt: step)
    }

    /// Takes the same steps on a server of their own, to which nothing happens, and compares each answer and the state.
    func expectSameUndisturbed(_ final: [UInt8]) throws {
        try TestServer.use { server in
            var undisturbed = RetryingTrainer(durability: durability, width: width)
            try undisturbed.makeRun(server)
            for (index, answer) in answers.enumerated() {
                try undisturbed.step(server)
                guard answer == undisturbed.answers[index] else { throw TestFailure("step \(index + 1) was answered otherwise") }
            }
            #expect(try undisturbed.state(server) == final, "the whole state, bit for bit")
        }
    }
}

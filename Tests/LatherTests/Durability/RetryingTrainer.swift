import StrictJSON
import Testing

/// A trainer that knows only one remedy: to send the same PUT again. It keeps every answer, to be compared with those of a
/// server to which nothing happened.
struct RetryingTrainer {
    /// Small, so that steps, checkpoints and the pruning of the log are all hit.
    private static let manifest: JSONValue = [
        "optimizer": ["lr": 0.01, "precondition_frequency": 3], "policy": ["checkpoint_every": 7],
    ]

    private(set) var answers: [[UInt8]] = []

    static func body(_ step: Int) throws -> [UInt8] {
        try [NamedTensor("w", [24, 16], seed: UInt64(2 * step)), NamedTensor("b", [16], seed: UInt64(2 * step + 1))].encoded()
    }

    func makeRun(_ server: TestServer) throws {
        try server.connect().makeRun("run", RetryingTrainer.manifest)
    }

    /// Takes step after step until the server is gone, or its disk is.
    ///
    /// - Throws: when a step is refused otherwise: an answered step was lost then, or an unanswered one is applied and not known.
    mutating func train(_ server: TestServer) throws {
        guard let connection = try? server.connect() else { return }
        while let answer = try? connection.putStep("run", answers.count + 1, RetryingTrainer.body(answers.count + 1)) {
            if answer.status >= 500 { return }
            try keep(answer)
        }
    }

    /// Takes one step.
    mutating func step(_ server: TestServer) throws {
        try keep(server.connect().putStep("run", answers.count + 1, RetryingTrainer.body(answers.count + 1)))
    }

    /// Takes one step, however often it is refused for want of the disk.
    ///
    /// - Returns: how often that was.
    mutating func stepStubbornly(_ server: TestServer) throws -> Int {
        let connection = try server.connect()
        let body = try RetryingTrainer.body(answers.count + 1)
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

    private mutating func keep(_ answer: HTTPAnswer) throws {
        guard answer.status == 200 else { throw answer.failure("step \(answers.count + 1)") }
        answers.append(answer.body)
    }

    /// Every tensor of the state and every count, as one file.
    func state(_ server: TestServer) throws -> [UInt8] {
        let connection = try server.connect()
        let made = try connection.request("POST", "/v1/runs/run/checkpoints")
        guard made.status == 201, let step = made.json["step"]?.numberValue?.integer else { throw made.failure("a checkpoint") }
        return try connection.request(
            "GET", "/v1/runs/run/checkpoints/\(step)", fields: [("Accept", "application/vnd.safetensors")]
        ).body
    }

    /// Takes the same steps on a server of their own, to which nothing happens, and compares each answer and the state.
    func expectSameUndisturbed(_ final: [UInt8]) throws {
        try TestServer.use { server in
            var undisturbed = RetryingTrainer()
            try undisturbed.makeRun(server)
            for (index, answer) in answers.enumerated() {
                try undisturbed.step(server)
                guard answer == undisturbed.answers[index] else { throw TestFailure("step \(index + 1) was answered otherwise") }
            }
            #expect(try undisturbed.state(server) == final, "the whole state, bit for bit")
        }
    }
}

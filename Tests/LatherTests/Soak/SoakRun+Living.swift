import StrictJSON
import Testing

extension SoakRun {
    /// Trains until the server is killed or all have done their share.
    mutating func live(on port: UInt16, beside twinPort: UInt16, _ share: EndToEnd.SoakTests.Share) throws {
        do {
            let twin = try HTTPConnection(port: twinPort)
            let connection = try surviving(share) { try HTTPConnection(port: port) }
            try comeBack(connection, twin, share)
            while !share.isUsedUp { try act(connection, twin, share) }
        } catch is Killed {}
    }

    /// Does what may fail because the server is killed, and only then.
    func surviving<Value>(_ share: EndToEnd.SoakTests.Share, _ body: () throws -> Value) throws -> Value {
        do { return try body() } catch { throw share.isServerKilled ? Killed() : error }
    }

    /// Sends a request of which it is not known for a while whether it happens.
    mutating func ask(
        _ doubt: Doubt, _ share: EndToEnd.SoakTests.Share, _ request: (SoakRun) throws -> HTTPAnswer
    ) throws -> HTTPAnswer {
        self.doubt = doubt
        let answer = try surviving(share) { try request(self) }
        self.doubt = nil
        return answer
    }

    /// Looks where the run stands after a restart: it may be nowhere but where the answers, and what is in doubt, allow.
    private mutating func comeBack(_ connection: HTTPConnection, _ twin: HTTPConnection, _ share: EndToEnd.SoakTests.Share) throws {
        let status = try surviving(share) { try connection.get("/v1/runs/\(name)") }
        if status.status == 404 {
            guard doubt == .deletion || doubt == .creation else { throw status.failure("\(name) is gone") }
            return try begin(connection, share)
        }
        guard status.status == 200, let found = status.json["epoch"]?.numberValue?.integer else { throw status.failure(name) }
        let numbers = try surviving(share) { try self.numbers(connection) }
        let foundRate = status.json["optimizer"]?["lr"]?.numberValue?.double
        if doubt == .creation {
            #expect(numbers.values.allSatisfy { $0 == 0 }, "\(name) has just been made")
            return try begin(connection, share)
        }
        switch (found - epoch, doubt) {
        case (0, .step(let lane)) where numbers[lane] == places[lane, default: 0] + 1:
            // It was taken, and its answer can still be had.
            places[lane]? += 1
            #expect(numbers == places, "\(name)")
            try repeatLast(lane, connection, twin, share)
        case (0, _):
            #expect(numbers == places, "\(name): after \(doubt.map { "\($0)" } ?? "nothing in doubt")")
        case (1, .goingBack(let step)) where numbers.values.min() == step: wentBack(to: numbers, isImport: true)
        case (1, _) where !isLogged:
            let step = numbers[""] ?? 0
            #expect(durableStep...places["", default: 0] + 1 ~= step, "\(name) is back at \(step), durable at \(durableStep)")
            places = numbers
            epoch += 1
            count("losses")
        default: throw TestFailure("\(name) was in epoch \(epoch) and is in \(found), with \(doubt.map { "\($0)" } ?? "nothing") in doubt")
        }
        if let foundRate, foundRate != rate {
            #expect(doubt == .patch(rate: foundRate), "\(name): the rate was \(rate) and is \(foundRate)")
            rate = foundRate
        }
        doubt = nil
    }

    /// Makes the run anew.
    mutating func begin(_ connection: HTTPConnection, _ share: EndToEnd.SoakTests.Share) throws {
        for lane in places.keys { places[lane] = 0 }
        (durableStep, rate, imports) = (0, 0.01, [:])
        let durability = isLogged ? "log" : kind.rawValue
        let made = try ask(.creation, share) { try $0.make(over: connection, durability: durability) }
        epoch = made["Lather-Epoch"].flatMap { Int($0) } ?? 0
    }

    /// The number of the last step, of each parameter or of the run.
    func numbers(_ connection: HTTPConnection) throws -> [String: Int] {
        let status = try connection.get("/v1/runs/\(name)").json
        guard kind == .parameterLevel else { return ["": status["step"]?.numberValue?.integer ?? -1] }
        let parameters = try connection.get("/v1/runs/\(name)/parameters").json["parameters"]?.arrayValue ?? []
        return Dictionary(
            uniqueKeysWithValues: parameters.map { ($0["name"]?.stringValue ?? "", $0["step"]?.numberValue?.integer ?? -1) })
    }

    /// A restore or an import has come through.
    mutating func wentBack(to numbers: [String: Int], isImport: Bool) {
        places = numbers
        epoch += 1
        durableStep = step
        if isImport { for (lane, place) in places { imports[lane, default: []].insert(place) } }
    }

    /// Goes on to where the twin is, and compares everything.
    func expectSameState(_ server: TestServer, _ twin: TestServer) throws {
        var run = self
        let (connection, twin) = (try server.connect(), try twin.connect())
        let share = EndToEnd.SoakTests.Share(limit: .max)
        try run.comeBack(connection, twin, share)
        while case let lane = run.lane, run.places[lane, default: 0] < run.twinAnswers[lane, default: []].count {
            try run.takeStep(connection, twin, share)
        }
        for lane in run.places.keys { _ = try run.twinAnswer(run.places[lane, default: 0], lane, twin) }
        let (mine, other) = (try RunPicture(of: name, over: connection), try RunPicture(of: name, over: twin))
        #expect(mine.counts == other.counts && mine.tensors == other.tensors, "\(name), the whole state, bit for bit")
    }
}

import StrictJSON
import Testing

extension SoakRun {
    /// A step, mostly; now and then something else.
    mutating func act(_ connection: HTTPConnection, _ twin: HTTPConnection, _ share: EndToEnd.SoakTests.Share) throws {
        switch Int.random(in: 0..<1000, using: &random) {
        case 0..<15: try makeCheckpoint(connection, share)
        case 15..<25: try restore(connection, share)
        case 25..<35: try deleteCheckpoint(connection, share)
        case 35..<37:
            let deleted = try ask(.deletion, share) { try connection.send("DELETE", $0.name, epoch: $0.epoch) }
            guard deleted.status == 204 else { throw deleted.failure("deleting \(name)") }
            count("deletions")
            try begin(connection, share)
        case 37..<44: try importState(connection, share)
        case 44..<60: try repeatLast(lane, connection, twin, share)
        case 60..<70: try beRefused(connection, share)
        default: try takeStep(connection, twin, share)
        }
    }

    mutating func takeStep(_ connection: HTTPConnection, _ twin: HTTPConnection, _ share: EndToEnd.SoakTests.Share) throws {
        let lane = lane
        let next = places[lane, default: 0] + 1
        if rate != SoakRun.rate(next) {
            _ = try ask(.patch(rate: SoakRun.rate(next)), share) { try $0.patch(to: SoakRun.rate(next), over: connection) }
            rate = SoakRun.rate(next)
            count("patches")
        }
        let expected = try twinAnswer(next, lane, twin)
        let answer = try ask(.step(lane: lane), share) { try $0.put(next, lane, over: connection, epoch: $0.epoch) }
        guard answer.status == 200, answer["Lather-Replayed"] == nil else { throw answer.failure("step \(next) of \(name)") }
        guard answer.body == expected else { throw TestFailure("step \(next) of \(name) was answered otherwise") }
        places[lane] = next
        #expect(answer["Lather-Epoch"] == "\(epoch)")
        guard let durable = answer["Lather-Durable-Step"].flatMap({ Int($0) }) else { throw answer.failure("no durable step") }
        if isLogged { #expect(durable == next) } else { durableStep = durable }
        stepCount += 1
        share.take()
    }

    /// The last step again: the same bytes, unless an import came after it.
    mutating func repeatLast(
        _ lane: String, _ connection: HTTPConnection, _ twin: HTTPConnection, _ share: EndToEnd.SoakTests.Share
    ) throws {
        let place = places[lane, default: 0]
        guard place > 0, imports[lane]?.contains(place) != true else { return }
        let expected = try twinAnswer(place, lane, twin)
        let again = try ask(.nothingThatMatters, share) { try $0.put(place, lane, over: connection, epoch: $0.epoch) }
        guard again.status == 200, again["Lather-Replayed"] == "true", again.body == expected else {
            throw again.failure("step \(place) of \(name) again")
        }
        count("repeats")
    }

    private mutating func makeCheckpoint(_ connection: HTTPConnection, _ share: EndToEnd.SoakTests.Share) throws {
        let label: JSONValue? = Bool.random(using: &random) ? ["label": "kept"] : nil
        let made = try ask(.nothingThatMatters, share) { try connection.send("POST", "\($0.name)/checkpoints", label, epoch: $0.epoch) }
        guard made.status == 201, made.json["step"] == .init(step) else { throw made.failure("a checkpoint of \(name)") }
        durableStep = step
        count("checkpoints")
    }

    private mutating func checkpointSteps(_ connection: HTTPConnection, _ share: EndToEnd.SoakTests.Share) throws -> [Int] {
        let list = try ask(.nothingThatMatters, share) { try connection.get("/v1/runs/\($0.name)/checkpoints") }
        return (list.json["checkpoints"]?.arrayValue ?? []).compactMap { $0["step"]?.numberValue?.integer }
    }

    /// Back to a checkpoint, or to a step of the log.
    private mutating func restore(_ connection: HTTPConnection, _ share: EndToEnd.SoakTests.Share) throws {
        var steps = try checkpointSteps(connection, share)
        if kind == .hostedWeights, let newest = steps.last, newest < step { steps.append(Int.random(in: newest...step, using: &random)) }
        guard let target = steps.filter({ $0 > 0 }).randomElement(using: &random) else { return }
        let answer = try ask(.goingBack(step: target), share) {
            try connection.send("POST", "\($0.name)/restore", ["step": .init(target)], epoch: $0.epoch)
        }
        // A checkpoint that came due in between may have taken this one's place.
        if answer.problem == "step-not-kept" { return }
        guard answer.status == 200, answer["Lather-Epoch"] == "\(epoch + 1)" else { throw answer.failure("a restore of \(name)") }
        let numbers = try lookAfterGoingBack(to: target, connection, share)
        wentBack(to: numbers, isImport: false)
        doubt = nil
        count("restores")
    }

    /// The run's own state, out and in.
    private mutating func importState(_ connection: HTTPConnection, _ share: EndToEnd.SoakTests.Share) throws {
        guard let newest = try checkpointSteps(connection, share).last(where: { $0 > 0 }) else { return }
        let file = try ask(.nothingThatMatters, share) {
            try connection.request(
                "GET", "/v1/runs/\($0.name)/checkpoints/\(newest)", fields: [("Accept", "application/octet-stream")])
        }
        if file.problem == "unknown-checkpoint" { return }
        let answer = try ask(.goingBack(step: newest), share) {
            try connection.request("PUT", "/v1/runs/\($0.name)/state", fields: [("Lather-Epoch", "\($0.epoch)")], body: file.body)
        }
        guard answer.status == 200 else { throw answer.failure("an import into \(name)") }
        let numbers = try lookAfterGoingBack(to: newest, connection, share)
        wentBack(to: numbers, isImport: true)
        doubt = nil
        count("imports")
    }

    /// Parameters may stand one step further than the run. In doubt until they have been seen.
    private mutating func lookAfterGoingBack(
        to step: Int, _ connection: HTTPConnection, _ share: EndToEnd.SoakTests.Share
    ) throws -> [String: Int] {
        doubt = .goingBack(step: step)
        let numbers = try surviving(share) { try self.numbers(connection) }
        guard numbers.values.min() == step, numbers.values.allSatisfy({ $0 <= step + 1 }) else {
            throw TestFailure("\(name) went back to \(step) and stands at \(numbers)")
        }
        return numbers
    }

    private mutating func deleteCheckpoint(_ connection: HTTPConnection, _ share: EndToEnd.SoakTests.Share) throws {
        let steps = try checkpointSteps(connection, share)
        guard let target = steps.randomElement(using: &random) else { return }
        let answer = try ask(.nothingThatMatters, share) {
            try connection.send("DELETE", "\($0.name)/checkpoints/\(target)", epoch: $0.epoch)
        }
        let allowed = ["204", "404 unknown-checkpoint", target == steps.last ? "409 checkpoint-needed" : ""]
        guard allowed.contains(answer.outcome) else { throw answer.failure("deleting checkpoint \(target) of \(name)") }
        if answer.status == 204 { count("deleted checkpoints") }
    }

    /// Requests that change nothing.
    private mutating func beRefused(_ connection: HTTPConnection, _ share: EndToEnd.SoakTests.Share) throws {
        let lane = lane
        let next = places[lane, default: 0] + 1
        let (outcome, number, epoch) = [
            ("409 step-out-of-order", next + 1, epoch), ("409 epoch-fenced", next, epoch + 1),
            ("409 step-already-applied", next - 2, epoch),
        ][Int.random(in: 0..<3, using: &random)]
        guard number > 0 else { return }
        let refused = try ask(.nothingThatMatters, share) { try $0.put(number, lane, over: connection, epoch: epoch) }
        guard refused.outcome == outcome else { throw refused.failure("step \(number) of \(name) in epoch \(epoch)") }
        count("refusals")
    }
}

import Foundation
import HTTPTypes
import Safetensors
import Storage
import StrictJSON
import Testing

@testable import API
@testable import Training

/// What is answered while the server cannot do what it is asked for.
struct AvailabilityTests {
    private static let requests: [(HTTPRequest.Method, String)] = Resources.routes.filter { $0.pattern.hasPrefix("/v1/runs") }.map {
        ($0.method, $0.pattern.replacing("{run}", with: "r").replacing(/\{[a-z]+\}/, with: "1"))
    }

    @Test func aRecoveringServerSaysTryAgain() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await TestServer(database: directory.appendingPathComponent("test.sqlite"), isRecovered: false)
            for (method, path) in AvailabilityTests.requests {
                let body = method == .put || method == .post ? Array(TestServer.manifest.utf8) : nil
                let answer = try await server.send(method, path, body)
                #expect(answer.outcome == "503 recovering", "\(method) \(path)")
                #expect(answer.fields[.retryAfter] == "1")
            }
            #expect(try await server.send(.get, "/healthz/live").status == 200)
            #expect(try await server.send(.get, "/v1").status == 200)
            let ready = try await server.send(.get, "/healthz/ready")
            #expect(ready.outcome == "503 recovering")
            #expect(ready.fields[.retryAfter] == "1")
            #expect(ready.isRoutine)
            #expect(try await !server.send(.get, "/v1/runs").isRoutine)
            try await server.runs.recover()
            #expect(try await server.send(.get, "/healthz/ready").status == 200)
        }
    }

    @Test func aStoppingServerSaysSo() async throws {
        try await withServer { server in
            try await server.makeRun()
            #expect(await server.runs.finish())
            let answer = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1))
            #expect(answer.outcome == "503 shutting-down")
            #expect(answer.fields[.retryAfter] == "1")
        }
    }

    @Test func aDatabaseThatTakesNoWritesRefusesTheStepAndKeepsTheState() async throws {
        try await withServer { server in
            try await server.makeRun()
            _ = try await server.send(.put, "/v1/runs/r/steps/1", gradients(1))
            let path = "/v1/runs/r/parameters/w/state/exp_avg"
            let before = try await server.send(.get, path).bytes
            try server.store.close()
            let answer = try await server.send(.put, "/v1/runs/r/steps/2", gradients(2))
            #expect(answer.outcome == "503 storage-unavailable")
            #expect(answer.fields[.retryAfter] == "1")
            #expect(try await server.send(.get, path).bytes == before)
            #expect(try await server.send(.get, "/v1/runs/r").json["step"] == 1)
            #expect(try await server.send(.get, "/healthz/ready").outcome == "503 storage-unavailable")
            #expect(try await server.send(.get, "/healthz/live").status == 200)
        }
    }

    @Test func aRunThatCannotBeRecoveredIsAloneInThat() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await TestServer(database: directory.appendingPathComponent("test.sqlite")) { store in
                _ = try store.createRun(name: "r", manifest: "{}")
                _ = try store.createRun(name: "good", manifest: TestServer.openManifest)
            }
            for (method, path) in AvailabilityTests.requests where method != .delete && path != "/v1/runs" {
                let body = method == .put || method == .post ? Array(TestServer.manifest.utf8) : nil
                let answer = try await server.send(method, path, body)
                #expect(answer.outcome == "503 run-damaged", "\(method) \(path)")
                #expect(answer.fields[.retryAfter] != nil)
            }
            #expect(try await server.send(.get, "/v1/runs/good").status == 200)
            #expect(try await server.send(.delete, "/v1/runs/r").status == 204)
            #expect(try await server.send(.get, "/v1/runs/r").outcome == "404 unknown-run")
        }
    }

    /// Every refusal of a run has the status of the contract; what may pass by itself says when to try again.
    @Test(arguments: TrainingError.Code.allCases)
    func everyRefusalHasItsStatus(code: TrainingError.Code) async throws {
        let expected =
            switch code {
            case .invalidRunName: 400
            case .unknownRun, .unknownParameter, .unknownTensor, .unknownCheckpoint, .weightsNotHosted: 404
            case .stepNotKept, .checkpointNeeded, .runExists, .epochFenced, .levelMixed, .alreadyApplied, .outOfOrder, .weightsRequired: 409
            case .invalidManifest, .unknownOption, .invalidOption, .optionNotTunable, .invalidParameterName, .undeclaredParameter,
                .bodyDiffers,
                .malformedBody,
                .wrongShape, .wrongLength, .wrongDType, .nonFiniteGradient, .nonFiniteWeight, .invalidStepOption, .emptyStep,
                .weightsIncomplete, .invalidState, .stateIncomplete, .layoutRequired:
                422
            case .storageDamaged: 500
            case .storageUnavailable, .commitUnknown, .recovering, .runDamaged, .shuttingDown: 503
            case .outOfMemory, .storageFull: 507
            }
        let answer = try await Answer(TrainingError(code, "Something happened.", [("parameter", "w")]).response)
        #expect(answer.outcome == "\(expected) \(code.rawValue)")
        #expect(try answer.json["parameter"] == "w")
        #expect((answer.fields[.retryAfter] != nil) == (expected == 503 || code == .storageFull))
    }
}

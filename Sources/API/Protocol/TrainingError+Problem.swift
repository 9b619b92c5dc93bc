import HTTPServer
import HTTPTypes
import StrictJSON
import Training

extension TrainingError {
    /// The refusal as clients see it.
    var problem: ProblemDetails {
        let kind = code.kind
        return ProblemDetails(status: kind.status, slug: code.rawValue, title: kind.title, detail: detail, members: fields)
    }

    var response: Response {
        var response = problem.response
        if let delay = code.retryDelay { response.headerFields[.retryAfter] = String(delay) }
        return response
    }
}

extension TrainingError.Code {
    /// The status and the title of each kind of problem; the title is the same every time (RFC 9457 section 3.1.3).
    var kind: (status: HTTPResponse.Status, title: String) {
        switch self {
        case .invalidManifest: (.unprocessableContent, "The manifest is not valid")
        case .unknownOption: (.unprocessableContent, "There is no such option")
        case .invalidOption: (.unprocessableContent, "An option has a wrong value")
        case .optionNotTunable: (.unprocessableContent, "What was patched cannot change")
        case .invalidRunName: (.badRequest, "Not a name for a run")
        case .invalidParameterName: (.unprocessableContent, "Not a name for a parameter")
        case .unknownRun: (.notFound, "There is no such run")
        case .unknownParameter: (.notFound, "There is no such parameter")
        case .undeclaredParameter: (.unprocessableContent, "The manifest does not list the parameter")
        case .unknownTensor: (.notFound, "There is no such tensor")
        case .unknownCheckpoint: (.notFound, "There is no such checkpoint")
        case .stepNotKept: (.conflict, "The step is not kept")
        case .checkpointNeeded: (.conflict, "The checkpoint is needed")
        case .runExists: (.conflict, "The run exists with another manifest")
        case .outOfMemory: (HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"), "The state exceeds the memory budget")
        case .epochFenced: (.conflict, "The run is in another epoch")
        case .levelMixed: (.conflict, "The run takes steps of the other kind")
        case .bodyDiffers: (.unprocessableContent, "The step was applied with other contents")
        case .alreadyApplied: (.conflict, "The step was applied before")
        case .outOfOrder: (.conflict, "The step is not the next one")
        case .malformedBody: (.unprocessableContent, "The body is not valid safetensors")
        case .wrongShape: (.unprocessableContent, "A tensor has the wrong shape")
        case .wrongLength: (.unprocessableContent, "The body has the wrong length")
        case .wrongDType: (.unprocessableContent, "A tensor has a dtype that is not taken")
        case .nonFiniteGradient: (.unprocessableContent, "A gradient is not finite")
        case .nonFiniteWeight: (.unprocessableContent, "A weight is not finite")
        case .invalidStepOption: (.unprocessableContent, "A step option has a wrong value")
        case .emptyStep: (.unprocessableContent, "The step is empty")
        case .weightsRequired: (.conflict, "The step needs hosted weights")
        case .weightsNotHosted: (.notFound, "The run hosts no weights")
        case .weightsIncomplete: (.unprocessableContent, "Weights are missing")
        case .invalidState: (.unprocessableContent, "The state cannot be continued")
        case .stateIncomplete: (.unprocessableContent, "Parameters are missing in the state")
        case .layoutRequired: (.unprocessableContent, "The layout of the state is not known")
        case .storageFull: (HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"), "The disk is full")
        case .storageDamaged: (.internalServerError, "What was stored cannot be read back")
        case .storageUnavailable: (.serviceUnavailable, "The database cannot be written")
        case .commitUnknown: (.serviceUnavailable, "It is not known whether the step is on disk")
        case .recovering: (.serviceUnavailable, "The server is recovering")
        case .runDamaged: (.serviceUnavailable, "The run could not be recovered")
        case .shuttingDown: (.serviceUnavailable, "The server is stopping")
        }
    }

    /// After how many seconds the same request may succeed; nil when it will not, as long as nobody changes something.
    var retryDelay: Int? {
        switch self {
        case .storageFull, .storageUnavailable, .commitUnknown, .recovering, .shuttingDown: 1
        case .runDamaged: 60
        default: nil
        }
    }
}

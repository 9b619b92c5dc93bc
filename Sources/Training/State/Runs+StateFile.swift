public import Memory
public import StrictJSON

extension Runs {
    /// The manifest of the run that a state file was exported from, or nil if the file does not say.
    ///
    /// - Throws: `malformed-body`.
    public static func manifest(inState body: AlignedBuffer) throws(TrainingError) -> JSONValue? {
        try TensorFile(ofState: body).stateMetadata?["manifest"]
    }
}

public import Memory
public import StrictJSON

extension Runs {
    /// The manifest of the run that a state file was exported from, or nil if the file does not say.
    ///
    /// - Throws: `malformed-body`.
    public static func manifest(inState body: AlignedBuffer) throws(TrainingError) -> JSONValue? {
        try TensorFile(ofState: body).stateMetadata?["manifest"]
    }

    /// Refuses what making a run from a manifest and importing a state into it would refuse, memory and disk aside.
    ///
    /// - Complexity: converts the whole state, and forgets it.
    public static func check(_ body: AlignedBuffer, for manifest: JSONValue) throws(TrainingError) {
        let manifest = try Manifest(manifest)
        var parameters = ParameterTable()
        for parameter in manifest.newParameters() { parameters.add(parameter) }
        _ = try StateImport(StateFile(reading: body), manifest: manifest, present: parameters).makeParameters()
    }
}

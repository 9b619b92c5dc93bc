import StrictJSON
import Testing

extension TestServer {
    /// Takes three steps of a new run named "run".
    ///
    /// - Returns: the body and the answer of the last one.
    @discardableResult
    func trainALittle() throws -> (body: [UInt8], answer: HTTPAnswer) {
        let connection = try connect()
        try connection.makeRun("run", ["optimizer": ["lr": 0.01]])
        let body = try [NamedTensor("w", [12, 8], seed: 1)].encoded()
        for step in 1...2 { #expect(try connection.putStep("run", step, body).status == 200) }
        return (body, try connection.putStep("run", 3, body))
    }
}

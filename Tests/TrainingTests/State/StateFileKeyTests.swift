import SOAP
import Safetensors
import Testing

@testable import Training

/// What a tensor of a state file is called.
struct StateFileKeyTests {
    @Test(arguments: [
        ("w.exp_avg", "w", "exp_avg"), ("a.b.factor.0", "a.b", "factor.0"), ("w.factor.1.basis.12", "w.factor.1", "basis.12"),
        ("exp_avg.exp_avg_sq", "exp_avg", "exp_avg_sq"), ("..exp_avg", ".", "exp_avg"), ("\u{600}.exp_avg", "\u{600}", "exp_avg"),
        ("factor.factor.0", "factor", "factor.0"), ("e\u{301}.basis.0", "e\u{301}", "basis.0"),
    ])
    func aStateTensorsNameIsSplitAtItsKey(_ text: String, _ name: String, _ key: String) throws {
        let (found, foundKey) = try #require(StateFileKey.split(text, .lather))
        #expect(TensorName(stringLiteral: found) == TensorName(stringLiteral: name) && foundKey == StateKey(name: key).map { .state($0) })
    }

    @Test(arguments: ["w", "w.", "w.factor", "w.factor.-1", "w.factor.01", "w.momentum"])
    func whatIsNoStateTensorsNameIsNotSplit(_ text: String) {
        #expect(StateFileKey.split(text, .lather) == nil)
    }
}

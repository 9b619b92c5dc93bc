import Testing

@testable import Training

struct GlobTests {
    @Test(arguments: [
        ("", "", true), ("", "a", false), ("*", "", true), ("*", "a/b.c", true), ("?", "a", true), ("?", "é", true), ("??", "é", false),
        ("?", "", false), ("*.bias", "layer.0.bias", true), ("*.bias", "layer.0.biases", false), ("*norm*", "model.layernorm.weight", true),
        ("a*b*c", "aXbYc", true), ("a*b*c", "aXcYb", false), ("a*", "ba", false), ("*a", "ab", false), ("a.b", "axb", false),
        ("[ab]", "a", false), ("[ab]", "[ab]", true), ("A", "a", false), ("\u{E9}", "e\u{301}", false), ("e?", "e\u{301}", true),
        ("*aab", "aaaaaab", true), ("a**b", "ab", true), ("a*?", "a", false), ("a*?", "ab", true),
    ])
    func aPatternFitsOrNot(_ pattern: String, _ name: String, _ fits: Bool) {
        #expect(Glob(pattern).matches(Array(name.utf8)) == fits)
    }

    @Test func aPatternMadeToBeSlowIsNot() {
        let pattern = String(repeating: "*a", count: 200) + "b"
        #expect(!Glob(pattern).matches(Array(repeating: UInt8(ascii: "a"), count: 512)))
    }
}

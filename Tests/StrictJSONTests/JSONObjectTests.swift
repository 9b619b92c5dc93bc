import StrictJSON
import Testing

@Suite struct JSONObjectTests {
    @Test func orderIsKept() throws {
        let object = try #require(try parse(#"{"z":1,"a":2,"m":3}"#).objectValue)
        #expect(object.map(\.name) == ["z", "a", "m"])
        #expect(object.map(\.value) == [1, 2, 3])
    }

    @Test func membersAreReplacedAppendedAndRemoved() {
        // Both below and above the size from which names are indexed.
        for count in [3, 40] {
            var object = JSONObject()
            for place in 0..<count { object["n\(place)"] = JSONValue(place) }
            object["n1"] = "new"
            #expect(object.count == count && object[1].name == "n1" && object["n1"] == "new")
            object["n0"] = JSONValue?.none
            object["absent"] = JSONValue?.none
            #expect(object.count == count - 1 && object["n0"] == nil && object["n1"] == "new")
            #expect(object["n\(count - 1)"] == JSONValue(count - 1))
            object["n0"] = .null
            #expect(object[count - 1].name == "n0" && object["n0"]?.isNull == true)
            while let first = object.first { object[first.name] = JSONValue?.none }
            #expect(object.isEmpty && object["n1"] == nil)
        }
    }

    @Test func equalityIgnoresOrderButNotBytes() throws {
        #expect(try parse(#"{"a":1,"b":[2]}"#) == parse(#"{"b":[2.0],"a":1e0}"#))
        #expect(try parse(#"{"a":1}"#) != parse(#"{"a":1,"b":2}"#))
        #expect(try parse(#"{"a":1}"#) != parse(#"{"b":1}"#))
        #expect(JSONValue.string("\u{E9}") != JSONValue.string("e\u{301}"))
        #expect((["\u{E9}": 1] as JSONValue) != ["e\u{301}": 1])
    }

    @Test func anObjectIsMadeOfMembers() {
        let object = JSONObject(uniqueNames: (0..<20).map { ("n\($0)", JSONValue($0)) })
        #expect(object.count == 20 && object[19].name == "n19" && object["n7"] == 7)
    }

    @Test func aDuplicateIsFoundInALargeObject() {
        let members = (0..<1000).map { "\"n\($0)\":0" }.joined(separator: ",")
        let error = #expect(throws: JSONError.self) { try parse("{\(members),\"n\\u0037\":0}") }
        #expect(error?.reason == .duplicateName && error?.name == "n7")
    }

    @Test func aLargeObjectIsNotQuadratic() throws {
        let count = 10_000
        let text = "{" + (0..<count).map { "\"layers.\($0).weight\":\($0)" }.joined(separator: ",") + "}"
        var object = try #require(try parse(text).objectValue)
        // Quadratic work would be 10^8 comparisons, tens of seconds in a debug build.
        let elapsed = ContinuousClock().measure {
            for place in 0..<count {
                #expect(object["layers.\(place).weight"]?.numberValue?.integer == place)
                object["layers.\(place).weight"] = .null
            }
        }
        #expect(elapsed < .seconds(5))
    }

    @Test func exactStringsHashByBytes() {
        #expect(Set(["\u{E9}", "e\u{301}", "\u{E9}"].map { ExactString($0) }).count == 2)
        #expect(ExactString("a\u{301}b").hashValue == ExactString(String(decoding: Array("a\u{301}b".utf8), as: UTF8.self)).hashValue)
    }
}

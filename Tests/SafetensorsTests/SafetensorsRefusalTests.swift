import Safetensors
import Testing

@Suite struct SafetensorsRefusalTests {
    typealias Slug = SafetensorsError.Slug

    /// Files whose framing is wrong.
    static let framing: [([UInt8], Slug)] = [
        ([], .truncatedHeader), ([2, 0, 0, 0, 0, 0, 0], .truncatedHeader), ([2, 0, 0, 0, 0, 0, 0, 0, 0x7B], .truncatedHeader),
        ([0, 0, 0, 0, 0, 0, 0, 0], .headerNotAnObject), ([UInt8](repeating: 0xFF, count: 20), .headerTooLarge),
        // 100,000,001 bytes of header, one more than the format allows.
        ([0x01, 0xE1, 0xF5, 0x05, 0, 0, 0, 0], .headerTooLarge), ([0x00, 0xE1, 0xF5, 0x05, 0, 0, 0, 0], .truncatedHeader),
        ([0, 0, 0, 0, 0, 0, 0, 0x80], .headerTooLarge),
        (file(" {}"), .headerNotAnObject), (file("[]"), .headerNotAnObject), (file("\u{FEFF}{}"), .headerNotAnObject),
        (file("{}\n"), .invalidPadding),
        (file("{}\0"), .invalidPadding),
        (file("{} \t "), .invalidPadding),
        (file("{}{}"), .invalidPadding),
        (file("{"), .invalidJSON),
        (file("{,}"), .invalidJSON),
        (file(#"{"a":NaN}"#), .invalidJSON),
        (file(#"{"\ud800":{}}"#), .invalidJSON),
        (file(#"{"a":[[[[[[[[[]]]]]]]]]}"#), .invalidJSON), ([5, 0, 0, 0, 0, 0, 0, 0] + [0x7B, 0x22, 0xFF, 0x22, 0x7D], .invalidJSON),
        (file("{}", dataByteCount: 1), .trailingBytes),
        (file(#"{"__metadata__":{"a":"","\u0061":""}}"#), .duplicateName),
        (file(#"{"__metadata__":{},"__metadata\u005f_":{}}"#), .duplicateName),
        (file(#"{"__metadata__":null}"#), .invalidMetadata), (file(#"{"__metadata__":[]}"#), .invalidMetadata),
        (file(#"{"__metadata__":{"a":"","b":1}}"#), .invalidMetadata), (file(#"{"__metadata__":{"a":null}}"#), .invalidMetadata),
    ]

    @Test(arguments: framing) func aFileWithWrongFramingIsRefused(bytes: [UInt8], slug: Slug) {
        let error = #expect(throws: SafetensorsError.self) { try read(bytes) { _ in } }
        #expect(error?.slug == slug && error?.tensor == nil && error?.detail.isEmpty == false)
    }

    /// What may stand as the entry of a tensor `t` with eight bytes of data, and why it may not.
    static let entries: [(String, Slug)] = [
        ("null", .invalidEntry), ("[]", .invalidEntry), ("{}", .invalidEntry),
        (#"{"dtype":"U8","shape":[8]}"#, .invalidEntry), (#"{"dtype":"U8","data_offsets":[0,8]}"#, .invalidEntry),
        (#"{"shape":[8],"data_offsets":[0,8]}"#, .invalidEntry),
        (#"{"dtype":"U8","shape":[8],"data_offsets":[0,8],"x":1}"#, .invalidEntry),
        (#"{"Dtype":"U8","shape":[8],"data_offsets":[0,8]}"#, .invalidEntry),
        (#"{"dtype":"U9","shape":[8],"data_offsets":[0,8]}"#, .unknownDType),
        (#"{"dtype":"u8","shape":[8],"data_offsets":[0,8]}"#, .unknownDType),
        (#"{"dtype":8,"shape":[8],"data_offsets":[0,8]}"#, .unknownDType),
        (#"{"dtype":null,"shape":[8],"data_offsets":[0,8]}"#, .unknownDType),
        (#"{"dtype":"U8","shape":8,"data_offsets":[0,8]}"#, .invalidShape),
        (#"{"dtype":"U8","shape":["8"],"data_offsets":[0,8]}"#, .invalidShape),
        (#"{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}"#, .invalidShape),
        (#"{"dtype":"U8","shape":[8.0],"data_offsets":[0,8]}"#, .invalidShape),
        (#"{"dtype":"U8","shape":[8e0],"data_offsets":[0,8]}"#, .invalidShape),
        (#"{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}"#, .invalidShape),
        (#"{"dtype":"U8","shape":[[8]],"data_offsets":[0,8]}"#, .invalidShape),
        (#"{"dtype":"U8","shape":null,"data_offsets":[0,8]}"#, .invalidShape),
        (#"{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,8]}"#, .invalidShape),
        (#"{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}"#, .sizeOverflow),
        (#"{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}"#, .sizeOverflow),
        (#"{"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}"#, .sizeOverflow),
        (#"{"dtype":"U8","shape":[8],"data_offsets":[0]}"#, .invalidOffsets),
        (#"{"dtype":"U8","shape":[8],"data_offsets":[0,8,8]}"#, .invalidOffsets),
        (#"{"dtype":"U8","shape":[8],"data_offsets":[8,0]}"#, .invalidOffsets),
        (#"{"dtype":"U8","shape":[8],"data_offsets":[-0,8]}"#, .invalidOffsets),
        (#"{"dtype":"U8","shape":[8],"data_offsets":[0,8.0]}"#, .invalidOffsets),
        (#"{"dtype":"U8","shape":[8],"data_offsets":[0,0.8e1]}"#, .invalidOffsets),
        (#"{"dtype":"U8","shape":[8],"data_offsets":{}}"#, .invalidOffsets),
        (#"{"dtype":"U8","shape":[8],"data_offsets":[9223372036854775800,9223372036854775808]}"#, .invalidOffsets),
        (#"{"dtype":"U8","shape":[8],"data_offsets":[0,7]}"#, .sizeMismatch),
        (#"{"dtype":"U16","shape":[8],"data_offsets":[0,8]}"#, .sizeMismatch),
        (#"{"dtype":"U8","shape":[],"data_offsets":[0,8]}"#, .sizeMismatch),
        (#"{"dtype":"U8","shape":[0],"data_offsets":[0,8]}"#, .sizeMismatch),
        (#"{"dtype":"U8","shape":[9],"data_offsets":[0,9]}"#, .truncatedData),
        (#"{"dtype":"U8","shape":[7],"data_offsets":[9223372036854775800,9223372036854775807]}"#, .truncatedData),
        (#"{"dtype":"U8","shape":[7],"data_offsets":[1,8]}"#, .hole), (#"{"dtype":"U8","shape":[0],"data_offsets":[8,8]}"#, .hole),
    ]

    @Test(arguments: entries) func aWrongEntryIsRefusedWithItsName(entry: String, slug: Slug) {
        let error = #expect(throws: SafetensorsError.self) { try read(file("{\"t\":\(entry)}", dataByteCount: 8)) { _ in } }
        #expect(error?.slug == slug && error?.tensor == "t" && error?.detail.isEmpty == false)
    }

    @Test(arguments: [#""dtype":"U8""#, #""dtyp\u0065":"U8""#]) func aRepeatedKeyOfAnEntryIsRefused(key: String) {
        let bytes = file(#"{"t":{"dtype":"U8",\#(key),"shape":[],"data_offsets":[0,1]}}"#, dataByteCount: 1)
        let error = #expect(throws: SafetensorsError.self) { try read(bytes) { _ in } }
        #expect(error?.slug == .duplicateName)
    }

    /// Two tensors by name and offsets, in eight bytes of data.
    static let pairs: [(String, ClosedRange<Int>, String, ClosedRange<Int>, Slug, String?)] = [
        ("a", 0...8, "a", 0...8, .duplicateName, nil), ("a", 0...4, #"\u0061"#, 4...8, .duplicateName, nil),
        ("a", 0...8, "b", 0...8, .overlap, "b"), ("a", 0...5, "b", 4...8, .overlap, "b"), ("b", 4...8, "a", 0...5, .overlap, "b"),
        ("a", 0...8, "b", 3...3, .overlap, "b"), ("a", 0...8, "b", 2...4, .overlap, "b"),
        ("a", 0...3, "b", 4...8, .hole, "b"), ("b", 5...8, "a", 0...4, .hole, "b"), ("a", 1...4, "b", 4...8, .hole, "a"),
        ("a", 0...4, "b", 4...7, .trailingBytes, nil), ("a", 0...4, "b", 4...9, .truncatedData, "b"),
        ("a", 0...8, "b", 9...9, .truncatedData, "b"),
    ]

    @Test(arguments: pairs)
    func tensorsThatDoNotCoverTheDataAreRefused(
        _ first: String, _ one: ClosedRange<Int>, _ second: String, _ two: ClosedRange<Int>, _ slug: Slug, _ tensor: String?
    ) {
        func entry(_ name: String, _ range: ClosedRange<Int>) -> String {
            #""\#(name)":{"dtype":"U8","shape":[\#(range.count - 1)],"data_offsets":[\#(range.lowerBound),\#(range.upperBound)]}"#
        }
        let bytes = file("{\(entry(first, one)),\(entry(second, two))}", dataByteCount: 8)
        let error = #expect(throws: SafetensorsError.self) { try read(bytes) { _ in } }
        #expect(error?.slug == slug && error?.tensor == tensor)
    }

    @Test(arguments: ["", #"\u0000"#, #"a\u0000b"#, String(repeating: "n", count: 513), String(repeating: "é", count: 257)])
    func aNameThatIsNoneIsRefused(name: String) {
        let bytes = file(#"{"\#(name)":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#, dataByteCount: 1)
        let error = #expect(throws: SafetensorsError.self) { try read(bytes) { _ in } }
        #expect(error?.slug == .invalidName)
        #expect((error?.tensor ?? "").unicodeScalars.count <= 512)
    }

    @Test func theLongestNameIsRead() throws {
        let name = String(repeating: "é", count: 256)
        let bytes = file(#"{"\#(name)":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#, dataByteCount: 1)
        #expect(try read(bytes) { $0.tensors.map(\.name.description) } == [name])
    }
}

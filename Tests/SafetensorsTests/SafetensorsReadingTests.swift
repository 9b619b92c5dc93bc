import Safetensors
import Testing

@Suite struct SafetensorsReadingTests {
    @Test func tensorsAreViewsOfTheGivenMemory() throws {
        let bytes = file(
            #"{"b":{"dtype":"F32","shape":[2,1],"data_offsets":[2,10]},"__metadata__":{"lr":"0.1"},"#
                + #""a":{"data_offsets":[0,2],"shape":[],"dtype":"BF16"}}   "#,
            dataByteCount: 10)
        try bytes.withUnsafeBytes { memory in
            let file = try SafetensorsFile(memory)
            #expect(file.tensors.map(\.name) == ["a", "b"])
            let b = try #require(file["b"])
            #expect(b.dtype == .f32 && b.shape == [2, 1] && b.elementCount == 2)
            #expect(b.byteOffset == memory.count - 8 && b.bytes.count == 8)
            #expect(b.bytes.baseAddress == memory.baseAddress.map { $0 + b.byteOffset })
            #expect(Array(b.bytes) == Array(2..<10))
            let a = try #require(file["a"])
            #expect(a.dtype == .bf16 && a.shape == [] && a.elementCount == 1 && Array(a.bytes) == [0, 1])
            #expect(file["c"] == nil)
            #expect(file.metadata("lr") == "0.1" && file.metadata("LR") == nil && file.metadata.count == 1)
        }
    }

    @Test(arguments: DType.allCases) func everyTypeIsReadByItsName(dtype: DType) throws {
        let size = 3 * dtype.byteCount
        let bytes = file(#"{"t":{"dtype":"\#(dtype.name)","shape":[3],"data_offsets":[0,\#(size)]}}"#, dataByteCount: size)
        #expect(try read(bytes) { $0.tensors.map(\.dtype) } == [dtype])
    }

    @Test func sizesAreThoseOfTheFormat() {
        let sizes = Dictionary(uniqueKeysWithValues: DType.allCases.map { ($0.name, $0.byteCount) })
        #expect(
            sizes == [
                "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1,
                "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
            ])
    }

    static let good = [
        file("{}"), file("{}      "), file("{ }"), file(#"{"__metadata__":{}}"#),
        file(#"{"a":{"dtype":"U8","shape":[2,0,3],"data_offsets":[0,0]}}"#),
        // Empty tensors at either end of another and beside each other.
        file(
            #"{"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"e":{"dtype":"U8","shape":[0],"data_offsets":[3,3]},"#
                + #""f":{"dtype":"F64","shape":[0],"data_offsets":[0,0]},"g":{"dtype":"F64","shape":[0],"data_offsets":[0,0]}}"#,
            dataByteCount: 3),
        file("{\n\"a\" : {\"dtype\": \"U8\", \"shape\": [ ], \"data_offsets\": [0, 1]}\n}", dataByteCount: 1),
    ]

    @Test(arguments: good) func unusualFilesAreRead(bytes: [UInt8]) {
        #expect(throws: Never.self) { try read(bytes) { _ in } }
    }

    @Test func emptyTensorsAtOnePlaceKeepTheOrderOfTheHeader() throws {
        let names = try read(SafetensorsReadingTests.good[5]) { file in file.tensors.map(\.name) }
        #expect(names == ["f", "g", "x", "e"])
    }

    @Test func namesThatDifferInBytesAreDifferentTensors() throws {
        let bytes = file(
            "{\"\u{E9}\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},\"e\u{301}\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[1,2]},"
                + "\"__metadata__\":{\"\u{E9}\":\"one\",\"e\u{301}\":\"two\"}}",
            dataByteCount: 2)
        try read(bytes) { file in
            #expect(file["\u{E9}"]?.bytes.first == 0 && file["e\u{301}"]?.bytes.first == 1)
            #expect(file.metadata("\u{E9}") == "one" && file.metadata("e\u{301}") == "two")
        }
    }

    @Test func alignmentIsReported() throws {
        // An array's storage is aligned to 16 bytes, so the length of the header decides.
        let text = #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
        for padding in 0..<4 {
            let bytes = file(text + String(repeating: " ", count: padding), dataByteCount: 4)
            try read(bytes) { file in
                #expect(file["a"]?.isAligned == ((bytes.count - 4) % 4 == 0))
                #expect(file["a"]?.bytes.loadUnaligned(as: UInt32.self) == 0x0302_0100)
            }
        }
    }

    @Test func aKnownHeaderIsReadAgainFromItsBytesAlone() throws {
        let text = #"{"b":{"dtype":"F32","shape":[2],"data_offsets":[2,10]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#
        let known = try read(file(text, dataByteCount: 10)) { $0.header }
        // The same again, in other memory and before other data.
        var bytes = file(text, dataByteCount: 10)
        bytes[bytes.count - 1] = 77
        try bytes.withUnsafeBytes { memory in
            let file = try SafetensorsFile(memory, known: known)
            #expect(file.tensors.map(\.name) == ["a", "b"] && file["b"]?.bytes.last == 77)
            #expect(file["a"]?.bytes.baseAddress == memory.baseAddress.map { $0 + memory.count - 10 })
        }
        // Another, of the same length or not, and what the same header does not fit.
        let other = file(text.replacing("F32", with: "I32"), dataByteCount: 10)
        #expect(try other.withUnsafeBytes { try SafetensorsFile($0, known: known).tensors[1].dtype } == .i32)
        #expect(try file("{}").withUnsafeBytes { try SafetensorsFile($0, known: known).tensors.isEmpty })
        for dataByteCount in [9, 11] {
            let bytes = file(text, dataByteCount: dataByteCount)
            #expect(throws: SafetensorsError.self) { try bytes.withUnsafeBytes { try SafetensorsFile($0, known: known) } }
        }
        #expect(throws: SafetensorsError.self) {
            try bytes.withUnsafeBytes { try SafetensorsFile($0, maximumHeaderByteCount: text.utf8.count - 1, known: known) }
        }
        let long = file(#"{"long":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#, dataByteCount: 1)
        let longHeader = try read(long) { $0.header }
        #expect(throws: SafetensorsError.self) {
            try long.withUnsafeBytes { try SafetensorsFile($0, maximumNameByteCount: 3, known: longHeader) }
        }
    }

    @Test func callersMayAllowLess() throws {
        let bytes = file(#"{"long":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#, dataByteCount: 1)
        try bytes.withUnsafeBytes { memory in
            _ = try SafetensorsFile(memory, maximumHeaderByteCount: memory.count - 9, maximumNameByteCount: 4)
            let header = #expect(throws: SafetensorsError.self) { try SafetensorsFile(memory, maximumHeaderByteCount: memory.count - 10) }
            #expect(header?.slug == .headerTooLarge)
            let name = #expect(throws: SafetensorsError.self) { try SafetensorsFile(memory, maximumNameByteCount: 3) }
            #expect(name?.slug == .invalidName && name?.tensor == "long")
        }
    }
}

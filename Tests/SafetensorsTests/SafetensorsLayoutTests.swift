import Safetensors
import Testing

@Suite struct SafetensorsLayoutTests {
    @Test func theBytesAreThoseOfTheFormat() throws {
        let layout = try SafetensorsLayout([TensorSpec(name: "a", dtype: .f32, shape: [2, 3])], metadata: [("k", "v")])
        let text = #"{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#
        #expect(layout.header == file(text + String(repeating: " ", count: 120 - text.utf8.count)))
        #expect(layout.header.count == 128 && layout.byteCount == 152 && layout.range(of: 0) == 128..<152)
    }

    static let layouts: [[TensorSpec]] = [
        [],
        [TensorSpec(name: "scalar", dtype: .f64, shape: [])],
        [
            TensorSpec(name: "z", dtype: .f32, shape: [3]), TensorSpec(name: "empty", dtype: .f32, shape: [0, 4]),
            TensorSpec(name: "a/b c\"\\\n", dtype: .bf16, shape: [1, 2, 3]), TensorSpec(name: "\u{E9}", dtype: .u8, shape: [1]),
            TensorSpec(name: "e\u{301}", dtype: .i64, shape: [2]), TensorSpec(name: "last", dtype: .f8e5m2, shape: [0]),
        ],
        DType.allCases.map { TensorSpec(name: TensorName($0.name) ?? "none", dtype: $0, shape: [2, 5]) },
        [TensorSpec(name: TensorName(String(repeating: "n", count: 512)) ?? "none", dtype: .i8, shape: [7])],
    ]

    @Test(arguments: layouts) func whatIsWrittenIsReadBack(tensors: [TensorSpec]) throws {
        let metadata = [(key: "\u{E9}", value: "1"), (key: "e\u{301}", value: "{\"x\": 2}"), (key: "", value: "")]
        let layout = try SafetensorsLayout(tensors, metadata: metadata)
        #expect(layout.header.count % SafetensorsLayout.alignment == 0)
        let bytes = file(layout)
        try read(bytes) { read in
            #expect(read.tensors.map(\.spec) == tensors)
            #expect(read.metadata.elementsEqual(metadata) { $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value })
            for (index, tensor) in read.tensors.enumerated() {
                let range = layout.range(of: index)
                #expect(range == tensor.byteOffset..<tensor.byteOffset + tensor.bytes.count)
                #expect(Array(tensor.bytes) == Array(bytes[range]))
            }
        }
        #expect(try SafetensorsLayout(tensors, metadata: metadata).header == layout.header)
    }

    @Test func aLayoutKnowsWhatItIsOf() throws {
        let tensors = [TensorSpec(name: "a", dtype: .f32, shape: [2, 3]), TensorSpec(name: "b", dtype: .f32, shape: [3])]
        let layout = try SafetensorsLayout(tensors, metadata: [("k", "v")])
        #expect(layout.isThat(of: tensors, metadata: [("k", "v")]))
        #expect(!layout.isThat(of: tensors, metadata: []) && !layout.isThat(of: tensors, metadata: [("k", "w")]))
        #expect(!layout.isThat(of: tensors, metadata: [("k", "v"), ("l", "v")]))
        for others in [
            [], [tensors[0]], tensors.reversed(), [tensors[0], TensorSpec(name: "c", dtype: .f32, shape: [3])],
            [tensors[0], TensorSpec(name: "b", dtype: .i32, shape: [3])], [tensors[0], TensorSpec(name: "b", dtype: .f32, shape: [1, 3])],
        ] { #expect(!layout.isThat(of: others, metadata: [("k", "v")])) }
    }

    static let bad: [([TensorSpec], SafetensorsError.Slug, String?)] = [
        ([TensorSpec(name: "a", dtype: .u8, shape: []), TensorSpec(name: "a", dtype: .f32, shape: [1])], .duplicateName, "a"),
        ([TensorSpec(name: "a", dtype: .u8, shape: [-1])], .sizeOverflow, "a"),
        ([TensorSpec(name: "a", dtype: .u8, shape: [0, -1])], .sizeOverflow, "a"),
        ([TensorSpec(name: "a", dtype: .u16, shape: [Int.max])], .sizeOverflow, "a"),
        ([TensorSpec(name: "a", dtype: .u8, shape: [Int.max]), TensorSpec(name: "b", dtype: .u8, shape: [1])], .sizeOverflow, "b"),
        ([TensorSpec(name: "a", dtype: .u8, shape: [Int.max])], .sizeOverflow, nil),
    ]

    @Test(arguments: bad) func whatCannotBeReadIsNotLaidOut(tensors: [TensorSpec], slug: SafetensorsError.Slug, tensor: String?) {
        let error = #expect(throws: SafetensorsError.self) { try SafetensorsLayout(tensors) }
        #expect(error?.slug == slug && error?.tensor == tensor)
    }

    @Test func aRepeatedKeyOfTheMetadataIsRefused() {
        let error = #expect(throws: SafetensorsError.self) { try SafetensorsLayout([], metadata: [("a", ""), ("a", "")]) }
        #expect(error?.slug == .duplicateName)
    }

    @Test func namesAreCheckedWhenTheyAreMade() {
        let long = String(repeating: "n", count: 513)
        for text in ["", "a\0", "__metadata__", long] {
            #expect(TensorName(text) == nil)
        }
        #expect(TensorName(long, maximumByteCount: 513)?.description == long)
        #expect(TensorName("\u{E9}" as String) != TensorName("e\u{301}" as String))
    }
}

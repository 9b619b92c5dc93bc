import Safetensors

/// A file with this header, spaces and all, and this many bytes of data.
func file(_ header: String, dataByteCount: Int = 0) -> [UInt8] {
    let text = Array(header.utf8)
    let length = withUnsafeBytes(of: UInt64(text.count).littleEndian, Array.init)
    return length + text + (0..<dataByteCount).map { UInt8(truncatingIfNeeded: $0) }
}

/// Reads a file and looks at it while its bytes stay where they are.
func read<Result>(_ bytes: [UInt8], _ body: (SafetensorsFile) -> Result) throws(SafetensorsError) -> Result {
    try bytes.withUnsafeBufferPointer { (bytes) throws(SafetensorsError) in
        body(try SafetensorsFile(UnsafeRawBufferPointer(bytes)))
    }
}

/// A file as the writer lays it out, with data that counts up.
func file(_ layout: SafetensorsLayout) -> [UInt8] {
    layout.header + (layout.header.count..<layout.byteCount).map { UInt8(truncatingIfNeeded: $0) }
}

extension SafetensorsFile {
    /// What a file's header says, and what it said it with. It holds nothing of the file's memory.
    public struct Header: Sendable {
        /// The header's text, as it came.
        public let text: [UInt8]
        private let dataByteCount: Int
        private let maximumNameByteCount: Int

        let metadata: [(key: String, value: String)]
        /// In the order of their data.
        let entries: [SafetensorsHeader.Entry]
        /// Of each entry.
        let positions: [TensorName: Int]

        init(reading text: UnsafeRawBufferPointer, dataByteCount: Int, maximumNameByteCount: Int) throws(SafetensorsError) {
            let header = try SafetensorsHeader(parsing: text, maximumNameByteCount: maximumNameByteCount)
            self.text = Array(text)
            self.dataByteCount = dataByteCount
            self.maximumNameByteCount = maximumNameByteCount
            metadata = header.metadata
            entries = try header.entriesCovering(dataByteCount: dataByteCount)
            positions = Dictionary(uniqueKeysWithValues: zip(entries.map(\.spec.name), entries.indices))
        }

        /// Whether reading this text, before so much data and with names of at most so many bytes, would give this header.
        func isThat(of text: UnsafeRawBufferPointer, dataByteCount: Int, maximumNameByteCount: Int) -> Bool {
            dataByteCount == self.dataByteCount && maximumNameByteCount == self.maximumNameByteCount && text.count == self.text.count
                && text.elementsEqual(self.text)
        }
    }
}

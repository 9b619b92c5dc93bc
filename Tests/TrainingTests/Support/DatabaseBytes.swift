import Foundation

/// A database file, or the WAL beside one, as bytes: to find a row in it and to damage it there.
///
/// https://www.sqlite.org/fileformat2.html, sections 1.6 (pages) and 4.1 (WAL).
struct DatabaseBytes {
    private static let pageSize = 65536
    var bytes: [UInt8]
    private let firstPage: Int
    private let pageDistance: Int

    /// - Parameter isWAL: whether the pages come behind a header, each in a frame.
    init(path: String, isWAL: Bool = false) throws {
        bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        (firstPage, pageDistance) = isWAL ? (32 + 24, 24 + DatabaseBytes.pageSize) : (0, DatabaseBytes.pageSize)
    }

    func write(to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    func flipped(_ index: Int, by mask: UInt8) -> DatabaseBytes {
        var copy = self
        copy.bytes[index] ^= mask
        return copy
    }

    /// Where a row lies: its sizes and its header, then its values.
    struct Row {
        let all: Range<Int>
        let values: Range<Int>
    }

    /// The last row of the file that holds `content`. Only rows that fit into a page.
    func row(holding content: [UInt8]) -> Row? {
        var found: Row?
        for page in stride(from: firstPage, to: bytes.count, by: pageDistance) {
            let end = min(page + DatabaseBytes.pageSize, bytes.count)
            var rest = page..<end
            while let place = Data(bytes[rest]).range(of: Data(content)).map({ $0.lowerBound + rest.lowerBound }) {
                if let cell = cell(at: place, page: page) { found = cell }
                rest = (place + 1)..<end
            }
        }
        return found
    }

    /// The cell of a leaf page that a place belongs to; nil for places that belong to none, such as those of deleted rows.
    private func cell(at place: Int, page: Int) -> Row? {
        let header = page == 0 ? 100 : page
        let isTable = bytes[header] == 0x0D
        guard isTable || bytes[header] == 0x0A else { return nil }
        let starts = (0..<number(at: header + 3)).map { page + number(at: header + 8 + 2 * $0) }
        guard let start = starts.filter({ $0 <= place }).max() else { return nil }
        var position = start
        let payload = varint(&position)
        if isTable { _ = varint(&position) }
        let end = position + payload
        guard place < end else { return nil }
        var afterHeaderSize = position
        return Row(all: start..<end, values: (position + varint(&afterHeaderSize))..<end)
    }

    private func number(at index: Int) -> Int { Int(bytes[index]) << 8 | Int(bytes[index + 1]) }

    private func varint(_ position: inout Int) -> Int {
        var value = 0
        repeat {
            value = value << 7 | Int(bytes[position] & 0x7F)
            position += 1
        } while bytes[position - 1] & 0x80 != 0
        return value
    }
}

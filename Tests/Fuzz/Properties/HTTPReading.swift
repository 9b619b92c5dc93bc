import HTTPServer

/// What a connection understands of bytes that arrive in portions: the server's own readers, with nobody who answers.
struct HTTPReading: Equatable {
    enum Event: Equatable {
        /// A head, and the place of its bytes with the empty lines before it.
        case head(RequestHead, Range<Int>)
        /// A body of an announced length, whole.
        case body(Range<Int>)
        /// A chunked body's data, and the place of all its bytes.
        case chunked([UInt8], Range<Int>)
        /// The end: what comes is not understood.
        case refused(HTTPError)
        /// The end, which must not be: the buffer is full, and nothing is understood or refused.
        case stuck
    }

    private(set) var events: [Event] = []

    /// - Parameter portions: how many bytes arrive at a time; the last one goes on to the end.
    init(of bytes: UnsafeRawBufferPointer, in portions: some Sequence<Int>, limits: HeadLimits) {
        var reader = Reader(limits: limits)
        var rest = bytes[...]
        do {
            for portion in portions where !rest.isEmpty {
                try reader.receive(rest.prefix(portion), &events)
                rest = rest.dropFirst(portion)
            }
            try reader.receive(rest, &events)
        } catch {
            events.append(.refused(error))
        }
    }

    private struct Reader: ~Copyable {
        private enum Phase {
            case head(HeadReader)
            case body(rest: Int)
            case chunks(ChunkDecoder)
        }

        private let limits: HeadLimits
        private var input: InputBuffer
        private var memo = HeadMemo()
        private var phase: Phase
        /// Of the chunked body that is being read.
        private var data: [UInt8] = []
        private var received = 0
        /// Where the part that is being read begins.
        private var start = 0

        init(limits: HeadLimits) {
            self.limits = limits
            input = InputBuffer(capacity: limits.bytes)
            phase = .head(HeadReader(limits: limits))
        }

        mutating func receive(_ bytes: Slice<UnsafeRawBufferPointer>, _ events: inout [Event]) throws(HTTPError) {
            var rest = bytes
            while !rest.isEmpty {
                let space = input.space()
                let count = min(space.count, rest.count)
                guard count > 0 else { return events.append(.stuck) }
                space.copyBytes(from: rest.prefix(count))
                input.filled(count)
                received += count
                rest = rest.dropFirst(count)
                while let event = try understand() { events.append(event) }
            }
        }

        /// The next part, when it is there whole.
        private mutating func understand() throws(HTTPError) -> Event? {
            switch phase {
            case .head(var reader):
                guard let head = try reader.read(&input, &memo) else {
                    phase = .head(reader)
                    return nil
                }
                switch head.framing {
                case .none: phase = .head(HeadReader(limits: limits))
                case .length(let length): phase = .body(rest: length)
                case .chunked: phase = .chunks(ChunkDecoder())
                }
                return .head(head, part())
            case .body(let rest):
                let count = min(rest, input.count)
                input.consume(count)
                phase = rest == count ? .head(HeadReader(limits: limits)) : .body(rest: rest - count)
                return rest == count ? .body(part()) : nil
            case .chunks(var decoder):
                try readChunks(&decoder)
                phase = decoder.isDone ? .head(HeadReader(limits: limits)) : .chunks(decoder)
                guard decoder.isDone else { return nil }
                defer { data = [] }
                return .chunked(data, part())
            }
        }

        private mutating func readChunks(_ decoder: inout ChunkDecoder) throws(HTTPError) {
            while !input.isEmpty, !decoder.isDone {
                input.consume(try decoder.readFraming(input.bytes))
                let moved = min(decoder.pendingData, input.count)
                guard moved > 0 else { continue }
                data += input.bytes.prefix(moved)
                input.consume(moved)
                decoder.moved(moved)
            }
        }

        /// The bytes since the last part.
        private mutating func part() -> Range<Int> {
            defer { start = received - input.count }
            return start..<received - input.count
        }
    }
}

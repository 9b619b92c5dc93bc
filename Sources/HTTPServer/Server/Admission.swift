import Memory

/// Counts connections, in all and by client address.
final class Admission: Sendable {
    private let limit: Int
    private let limitPerAddress: Int
    private let counts = Locked((all: 0, byAddress: [String: Int]()))

    init(limit: Int, limitPerAddress: Int) {
        self.limit = limit
        self.limitPerAddress = limitPerAddress
    }

    /// Admits one more connection, or answers what is in its way. Unix sockets are trusted with the whole number.
    func admit(_ address: String) -> ServerMetrics.ConnectionLimit? {
        counts.withLock { counts in
            guard counts.all < limit else { return .all }
            if address != "unix" {
                guard counts.byAddress[address, default: 0] < limitPerAddress else { return .address }
                counts.byAddress[address, default: 0] += 1
            }
            counts.all += 1
            return nil
        }
    }

    /// Notes that an admitted connection has ended.
    func leave(_ address: String) {
        counts.withLock { counts in
            counts.all -= 1
            guard let count = counts.byAddress[address] else { return }
            counts.byAddress[address] = count > 1 ? count - 1 : nil
        }
    }
}

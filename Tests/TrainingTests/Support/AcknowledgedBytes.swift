import Foundation

@testable import Storage

/// What lies beside a database about the records that were acknowledged, to be carried to a copy of it.
struct AcknowledgedBytes: Sendable {
    private let bytes: Data

    init(of database: String) throws {
        bytes = try Data(contentsOf: URL(fileURLWithPath: database + "-lock")).dropFirst(AcknowledgedRecords.identityByteCount)
    }

    /// Lays them beside a copy, as if it were the file that they are about.
    func write(for database: String) throws {
        try (Data(AcknowledgedRecords.identity(of: database)) + bytes).write(to: URL(fileURLWithPath: database + "-lock"))
    }
}

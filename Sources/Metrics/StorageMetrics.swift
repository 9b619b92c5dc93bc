/// What a store has done since it was opened, and how large its files are.
public struct StorageMetrics: Sendable {
    /// Seconds of each sync that made commits durable.
    public package(set) var syncs = Histogram.seconds
    /// How many commits each of those syncs served.
    public package(set) var commitsPerSync = Histogram(bounds: [1, 2, 3, 4, 6, 8, 12, 16, 32, 64])
    /// Syncs after which it was not known what the disk holds.
    public package(set) var failedSyncs = 0
    /// Records that were written to logs.
    public package(set) var logRecords = 0
    /// Their bytes: bodies and attributes.
    public package(set) var logBytes = 0
    /// Seconds from the beginning of each checkpoint to its completion; steps go on meanwhile.
    public package(set) var checkpoints = Histogram.seconds
    /// Bytes of the tensors in those checkpoints.
    public package(set) var checkpointBytes = 0
    /// How often the file has been read again from its device because it could not be relied on.
    public package(set) var reopenings = 0
    /// Whether it is to be read again before anything more is written to it.
    public package(set) var isInDoubt = false
    /// The database file now, in bytes.
    public package(set) var databaseBytes = 0
    /// Its write-ahead log now, in bytes; emptied space in it counts.
    public package(set) var walBytes = 0

    package init() {}
}

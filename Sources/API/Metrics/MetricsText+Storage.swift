import Metrics

extension MetricsText {
    /// The database: what was written, how long that took, and how large it is.
    mutating func add(_ storage: StorageMetrics) {
        add("lather_log_records_total", .counter, "Records written to the logs of runs.", storage.logRecords)
        add("lather_log_bytes_total", .counter, "Bytes of those records.", storage.logBytes)
        add("lather_sync_duration_seconds", "Syncs that made commits durable.", [([], storage.syncs)])
        add("lather_sync_commits", "How many commits each sync made durable.", [([], storage.commitsPerSync)])
        add("lather_failed_syncs_total", .counter, "Syncs after which it was not known what the disk holds.", storage.failedSyncs)
        add(
            "lather_checkpoint_duration_seconds", "Checkpoints from beginning to completion; steps go on meanwhile.",
            [([], storage.checkpoints)])
        add("lather_checkpoint_bytes_total", .counter, "Bytes of the tensors in those checkpoints.", storage.checkpointBytes)
        add("lather_database_bytes", .gauge, "The database file.", storage.databaseBytes)
        add("lather_wal_bytes", .gauge, "The write-ahead log beside it.", storage.walBytes)
        add(
            "lather_database_reopenings_total", .counter, "How often the database was read again from its device after a failure.",
            storage.reopenings)
        add(
            "lather_database_in_doubt", .gauge, "1 while the database is to be read again before it is written to.",
            storage.isInDoubt ? 1 : 0)
    }
}

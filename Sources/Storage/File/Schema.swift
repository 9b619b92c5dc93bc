import GRDB

/// The tables, and how an older file becomes a current one.
///
/// DESIGN. Four rules shape the tables.
///
/// - Numbers and blobs live in different tables: updating one column rewrites its whole row.
/// - What is dropped goes in two moves. One small transaction marks it (a run `deleted`, log up to `pruned_through`, a
///   checkpoint `dropped`), and from then on no query sees it; ``Store/sweep()`` removes the rows in bounded pieces, those of
///   the log up to `kept_after` only (see ``Store/recoveryPoints(of:)``).
/// - Nothing is computed with that has no digest: bodies and tensors have theirs beside them, a checkpoint's covers its header
///   and its tensors' rows, a log entry's its row, and a run's its row and its manifest.
/// - Ids of runs, checkpoints and tensors are never reused (AUTOINCREMENT), so a stale id finds nothing instead of
///   something else.
enum Schema {
    /// "LTHR", in the file's header: what tells our files from others.
    static let applicationID = 0x4C54_4852

    /// Position i brings a file from version i to version i + 1. A released migration is never edited.
    static let migrations: [@Sendable (Database) throws -> Void] = [
        { try $0.execute(sql: initial) },
        { try $0.execute(sql: digestsAndReserve) },
        { try $0.execute(sql: history) },
    ]

    private static let initial = """
        CREATE TABLE run (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            epoch INTEGER NOT NULL DEFAULT 0,
            is_ahead INTEGER NOT NULL DEFAULT 0,
            unfinished_recoveries INTEGER NOT NULL DEFAULT 0,
            pruned_through INTEGER NOT NULL DEFAULT 0,
            deleted INTEGER NOT NULL DEFAULT 0,
            created_at REAL NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX run_name ON run (name) WHERE deleted = 0;

        CREATE TABLE run_manifest (
            run INTEGER PRIMARY KEY REFERENCES run (id),
            json TEXT NOT NULL
        ) STRICT;

        CREATE TABLE log_entry (
            run INTEGER NOT NULL REFERENCES run (id),
            sequence INTEGER NOT NULL CHECK (sequence > 0),
            kind TEXT NOT NULL,
            parameter TEXT,
            step INTEGER NOT NULL,
            epoch INTEGER NOT NULL,
            attributes TEXT NOT NULL,
            body_digest BLOB NOT NULL CHECK (length(body_digest) = 32),
            previous_answer_digest BLOB CHECK (length(previous_answer_digest) = 32),
            byte_count INTEGER NOT NULL,
            part_count INTEGER NOT NULL,
            created_at REAL NOT NULL,
            PRIMARY KEY (run, sequence)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE log_part (
            run INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            ordinal INTEGER NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY (run, sequence, ordinal),
            FOREIGN KEY (run, sequence) REFERENCES log_entry (run, sequence)
        ) STRICT;

        CREATE TABLE checkpoint (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            run INTEGER NOT NULL REFERENCES run (id),
            state TEXT NOT NULL CHECK (state IN ('writing', 'complete', 'dropped')),
            step INTEGER NOT NULL,
            epoch INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            label TEXT,
            metadata TEXT NOT NULL,
            byte_count INTEGER NOT NULL DEFAULT 0,
            duration REAL NOT NULL DEFAULT 0,
            digest BLOB CHECK (length(digest) = 32),
            created_at REAL NOT NULL
        ) STRICT;
        CREATE INDEX checkpoint_run ON checkpoint (run);

        CREATE TABLE tensor (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            checkpoint INTEGER NOT NULL REFERENCES checkpoint (id),
            ordinal INTEGER NOT NULL,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            dtype TEXT NOT NULL,
            shape TEXT NOT NULL,
            byte_count INTEGER NOT NULL,
            part_count INTEGER NOT NULL,
            sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
            UNIQUE (checkpoint, ordinal)
        ) STRICT;

        CREATE TABLE tensor_part (
            tensor INTEGER NOT NULL REFERENCES tensor (id),
            ordinal INTEGER NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY (tensor, ordinal)
        ) STRICT;

        PRAGMA application_id = \(applicationID);
        """

    /// What version 1 wrote gets its digest now, and holds from here on.
    private static let digestsAndReserve = """
        ALTER TABLE log_entry ADD COLUMN digest BLOB CHECK (length(digest) = 32);
        \(signLog);

        ALTER TABLE run ADD COLUMN kept_after INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE run ADD COLUMN kept_from INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE run ADD COLUMN digest BLOB CHECK (length(digest) = 32);
        UPDATE run SET kept_after = pruned_through, kept_from = coalesce(
            (SELECT max(id) FROM checkpoint WHERE checkpoint.run = run.id AND state = 'complete'), 0);
        \(signRuns);
        """

    /// The primary key leads from a run to its rows in the order of steps, and they hold no blob of any size.
    private static let history = """
        CREATE TABLE history (
            run INTEGER NOT NULL REFERENCES run (id),
            first_step INTEGER NOT NULL,
            last_step INTEGER NOT NULL CHECK (last_step >= first_step),
            epoch INTEGER NOT NULL,
            point BLOB NOT NULL,
            digest BLOB NOT NULL CHECK (length(digest) = 32),
            PRIMARY KEY (run, first_step)
        ) STRICT, WITHOUT ROWID;
        """

    /// What the digest of a row of history covers.
    static let historyColumns = ["run", "first_step", "last_step", "epoch", "point"]

    /// What the digest of a log entry covers.
    static let logEntryColumns = [
        "run", "sequence", "kind", "parameter", "step", "epoch", "attributes", "body_digest", "previous_answer_digest", "byte_count",
        "part_count", "created_at",
    ]

    /// Gives every log entry the digest of what it says.
    static let signLog = "UPDATE log_entry SET digest = row_digest(\(logEntryColumns.joined(separator: ", ")))"

    /// What the digest of a run covers: its manifest too, but no mere note.
    static let runColumns = [
        "id", "name", "epoch", "is_ahead", "pruned_through", "kept_after", "kept_from", "deleted", "created_at", "json",
    ]

    /// Gives every run, or the one of a condition behind it, the digest of what its row and its manifest say.
    static let signRuns = """
        UPDATE run SET digest = row_digest(\(runColumns.dropLast().joined(separator: ", ")),
            (SELECT json FROM run_manifest WHERE run_manifest.run = run.id))
        """

    /// Brings the file to the current version, each migration in one transaction with its version number.
    static func migrate(_ queue: DatabaseQueue) throws {
        let found = try queue.read(version)
        for (index, migration) in migrations.enumerated().dropFirst(found) {
            try queue.write { db in
                try migration(db)
                KillPoint.reach(.inMigration)
                try db.execute(sql: "PRAGMA user_version = \(index + 1)")
            }
        }
    }

    /// Throws when the file does not define what this version does, word for word: no digest covers the definitions, and SQLite takes
    /// what it can read there. Nor does one cover the version itself: what a later one defines must not be there. What others have
    /// added, statistics for example, does no harm.
    static func requireDefinitions(ofVersion version: Int, in db: Database) throws {
        let found = try definitions(in: db)
        if version > 0 {
            let expected = try expectedDefinitions(version)
            let later = try expectedDefinitions(migrations.count).subtracting(expected)
            if expected.isSubset(of: found) && later.isDisjoint(with: found) { return }
        }
        throw StorageError.corrupt("The schema", "does not define the tables of version \(version)")
    }

    /// Every file has come by way of all versions, so there is one text for each.
    private static func expectedDefinitions(_ version: Int) throws -> Set<Row> {
        var configuration = Configuration()
        configuration.prepareDatabase { $0.add(function: RowDigest.function) }
        return try DatabaseQueue(configuration: configuration).write { db in
            for migration in migrations.prefix(version) { try migration(db) }
            return try definitions(in: db)
        }
    }

    private static func definitions(in db: Database) throws -> Set<Row> {
        try Row.fetchSet(db, sql: "SELECT type, name, tbl_name, sql FROM sqlite_schema")
    }

    static func version(_ db: Database) throws -> Int {
        try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    }
}

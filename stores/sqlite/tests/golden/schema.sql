PRAGMA application_id = 1650551148;
PRAGMA user_version = 2;
PRAGMA journal_mode = wal;

CREATE TABLE commit_key (
    key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 16),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE organization (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    root BLOB NOT NULL REFERENCES tree (root)
) STRICT, WITHOUT ROWID;

CREATE TABLE record (
    root BLOB NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    value TEXT,
    PRIMARY KEY (root, key),
    FOREIGN KEY (root, version) REFERENCES recorded (root, version)
) STRICT;

CREATE INDEX record_version ON record (root, version);

CREATE TABLE recorded (
    root BLOB NOT NULL REFERENCES tree (root),
    version INTEGER NOT NULL CHECK (version >= 1),
    key BLOB NOT NULL REFERENCES commit_key (key),
    part INTEGER NOT NULL CHECK (part IN (0, 1)),
    body TEXT NOT NULL,
    PRIMARY KEY (root, version),
    UNIQUE (key, part)
) STRICT;

CREATE TABLE snapshot (
    root BLOB NOT NULL PRIMARY KEY REFERENCES tree (root),
    version INTEGER NOT NULL CHECK (version >= 1),
    body BLOB NOT NULL
) STRICT;

CREATE TABLE tree (
    root BLOB NOT NULL PRIMARY KEY CHECK (length(root) = 16),
    head INTEGER NOT NULL CHECK (head >= 1)
) STRICT, WITHOUT ROWID;

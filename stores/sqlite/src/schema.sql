-- Each tree and the version that it is at.
CREATE TABLE tree (
    root BLOB NOT NULL PRIMARY KEY CHECK (length(root) = 16),
    head INTEGER NOT NULL CHECK (head >= 1)
) STRICT, WITHOUT ROWID;

-- Each commit's key, and what tells its content from another's.
CREATE TABLE commit_key (
    key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 16),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32)
) STRICT, WITHOUT ROWID;

-- Each commit's part in a tree: part 1 is the other tree of an attach or detach.
CREATE TABLE recorded (
    root BLOB NOT NULL REFERENCES tree (root),
    version INTEGER NOT NULL CHECK (version >= 1),
    key BLOB NOT NULL REFERENCES commit_key (key),
    part INTEGER NOT NULL CHECK (part IN (0, 1)),
    body TEXT NOT NULL,
    PRIMARY KEY (root, version),
    UNIQUE (key, part)
) STRICT;

-- Each record as it was last written, and by which version; without a value it is erased.
CREATE TABLE record (
    root BLOB NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    value TEXT,
    PRIMARY KEY (root, key),
    FOREIGN KEY (root, version) REFERENCES recorded (root, version)
) STRICT;

CREATE INDEX record_version ON record (root, version);

-- Each organization that there is or was, and the tree that it is in.
CREATE TABLE organization (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    root BLOB NOT NULL REFERENCES tree (root)
) STRICT, WITHOUT ROWID;

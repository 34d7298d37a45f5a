-- Each tree and the version that it is at. A commit locks its row. A fenced one takes none: it
-- is on its way to another database or has gone there, by its move of that number.
CREATE TABLE bailiwick.tree (
    root uuid NOT NULL PRIMARY KEY,
    head bigint NOT NULL,
    fenced boolean NOT NULL DEFAULT false,
    move_number bigint NOT NULL DEFAULT 0,
    CHECK (head >= 1 OR fenced AND head = 0)
);

-- Each commit's part in a tree, and the transaction that wrote it.
CREATE TABLE bailiwick.recorded (
    root uuid NOT NULL REFERENCES bailiwick.tree (root),
    version bigint NOT NULL CHECK (version >= 1),
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    body text NOT NULL,
    PRIMARY KEY (root, version)
);

CREATE INDEX recorded_feed ON bailiwick.recorded (transaction, root, version);

-- Each record as it was last written, and by which version; without a value it is erased.
CREATE TABLE bailiwick.record (
    root uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    value text,
    PRIMARY KEY (root, key),
    FOREIGN KEY (root, version) REFERENCES bailiwick.recorded (root, version)
);

CREATE INDEX record_version ON bailiwick.record (root, version);

-- Reference table: each commit's key, what tells its content from another's, and its receipt.
CREATE TABLE bailiwick.commit_key (
    key uuid NOT NULL PRIMARY KEY,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    root uuid NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    other_root uuid,
    other_version bigint CHECK (other_version >= 1),
    CHECK ((other_root IS NULL) = (other_version IS NULL))
);

-- Reference table: each organization that there is or was, and the tree that it is in.
CREATE TABLE bailiwick.organization (
    id uuid NOT NULL PRIMARY KEY,
    root uuid NOT NULL
);

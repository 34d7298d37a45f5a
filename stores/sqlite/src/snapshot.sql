-- A tree's state at one version, for a quick start; it can be thrown away at any time.
CREATE TABLE snapshot (
    root BLOB NOT NULL PRIMARY KEY REFERENCES tree (root),
    version INTEGER NOT NULL CHECK (version >= 1),
    body BLOB NOT NULL
) STRICT;

-- A tree's state at one version, for a quick start; it can be thrown away at any time. It is
-- compact already, and not worth compressing.
CREATE TABLE bailiwick.snapshot (
    root uuid NOT NULL PRIMARY KEY REFERENCES bailiwick.tree (root),
    version bigint NOT NULL CHECK (version >= 1),
    body bytea NOT NULL
);

ALTER TABLE bailiwick.snapshot ALTER body SET STORAGE EXTERNAL;

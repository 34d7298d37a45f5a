-- Where each tree is, and its last move.
CREATE TABLE IF NOT EXISTS bailiwick.place (
    root uuid NOT NULL PRIMARY KEY,
    shard bigint NOT NULL CHECK (shard BETWEEN 0 AND 4294967295),
    move_number bigint NOT NULL CHECK (move_number >= 0),
    moving_to bigint CHECK (moving_to BETWEEN 0 AND 4294967295),
    phase text CHECK (phase IN ('copying', 'clearing', 'returning')),
    CHECK ((moving_to IS NULL) = (phase IS NULL))
);

-- Each key that was claimed, how often, and the tree that it is kept with.
CREATE TABLE IF NOT EXISTS bailiwick.claimed_key (
    key uuid NOT NULL PRIMARY KEY,
    root uuid NOT NULL,
    claims bigint NOT NULL CHECK (claims >= 1)
);

-- Each organization that was claimed, and the key that did.
CREATE TABLE IF NOT EXISTS bailiwick.claimed_organization (
    id uuid NOT NULL PRIMARY KEY,
    key uuid NOT NULL
);

CREATE INDEX IF NOT EXISTS claimed_organization_key ON bailiwick.claimed_organization (key);

//! Every statement that a repository sends, with its tables in the namespace.

use crate::Namespace;

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident: $sql:literal;)*) => {
        /// The statements of one namespace.
        pub(crate) struct Statements {
            $($(#[$doc])* pub(crate) $name: String,)*
        }

        impl Statements {
            pub(crate) fn of(namespace: &Namespace) -> Self {
                Self { $($name: namespace.within($sql),)* }
            }
        }
    };
}

statements! {
    head: "SELECT head, fenced FROM bailiwick.tree WHERE root = $1";
    roots: "SELECT root FROM bailiwick.tree WHERE root > $1 AND head > 0 ORDER BY root LIMIT $2";
    root_of: "SELECT root FROM bailiwick.organization WHERE id = $1";
    receipt: "SELECT root, version, other_root, other_version, fingerprint FROM bailiwick.commit_key WHERE key = $1";
    commits: "SELECT root, version, body FROM bailiwick.recorded
              WHERE root = $1 AND version > $2 AND version <= $3 ORDER BY version";
    records: "SELECT key, value FROM bailiwick.record WHERE root = $1 AND version > $2 AND version <= $3";
    /// What every transaction up to `pg_snapshot_xmin` has written is there by now, and what
    /// a later one will write comes later.
    feed: "SELECT root, version, body, transaction::text AS number FROM bailiwick.recorded
           WHERE (transaction, root, version) > ($1::text::xid8, $2::uuid, $3::bigint)
             AND transaction < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY transaction, root, version LIMIT $4";
    feed_end: "SELECT pg_snapshot_xmin(pg_current_snapshot())::text";
    /// Of all rows: after a restore, those that were not read may be ahead as well.
    ahead: "SELECT greatest($1::text::xid8, (SELECT transaction FROM bailiwick.recorded ORDER BY transaction DESC LIMIT 1))
                   >= pg_snapshot_xmax(pg_current_snapshot())";
    /// A commit has no number before it has this lock, so none that waits has a lower one.
    renumber: "LOCK TABLE bailiwick.commit_key IN EXCLUSIVE MODE;
               UPDATE bailiwick.recorded SET transaction = pg_current_xact_id()";

    /// Waits for another commit under the same key to end.
    claim_key: "INSERT INTO bailiwick.commit_key (key, fingerprint, root, version, other_root, other_version)
                VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO NOTHING RETURNING pg_current_xact_id()::text";
    /// Of a key that is used. The lock is a write, so that the COMMIT after it waits for what
    /// a synchronous standby lacks of the first one.
    used_key: "SELECT root, version, other_root, other_version, fingerprint, pg_current_xact_id()::text
               FROM bailiwick.commit_key WHERE key = $1 FOR UPDATE";
    found: "INSERT INTO bailiwick.tree (root, head) VALUES ($1, $2) ON CONFLICT (root) DO NOTHING";
    advance: "UPDATE bailiwick.tree SET head = $2 WHERE root = $1 AND head = $3 AND NOT fenced";
    create: "INSERT INTO bailiwick.organization (id, root) SELECT * FROM unnest($1::uuid[], $2::uuid[])
             ON CONFLICT (id) DO NOTHING RETURNING id";
    relocate: "INSERT INTO bailiwick.organization (id, root) SELECT * FROM unnest($1::uuid[], $2::uuid[])
               ON CONFLICT (id) DO UPDATE SET root = excluded.root";
    record_commit: "INSERT INTO bailiwick.recorded (root, version, body) VALUES ($1, $2, $3)";
    write_records: "INSERT INTO bailiwick.record (root, key, version, value)
                    SELECT $1::uuid, key, $3::bigint, value FROM unnest($2::text[], $4::text[]) AS written (key, value)
                    ON CONFLICT (root, key) DO UPDATE SET version = excluded.version, value = excluded.value";
    /// Waits for the commits that are under way: they hold the row of their tree.
    fence: "INSERT INTO bailiwick.tree (root, head, fenced, move_number) VALUES ($1, 0, true, $2)
            ON CONFLICT (root) DO UPDATE SET fenced = true, move_number = excluded.move_number
            WHERE tree.move_number <= excluded.move_number RETURNING head";
    open: "UPDATE bailiwick.tree SET fenced = false, move_number = $2 WHERE root = $1 AND move_number <= $2";
    /// Locks the row of a tree that is fenced or not there.
    hold: "INSERT INTO bailiwick.tree (root, head, fenced, move_number) VALUES ($1, 0, true, $2)
           ON CONFLICT (root) DO UPDATE SET move_number = excluded.move_number
           WHERE tree.fenced AND tree.move_number <= excluded.move_number RETURNING head";
    set_head: "UPDATE bailiwick.tree SET head = $2 WHERE root = $1";
    snapshot: "SELECT version, body FROM bailiwick.snapshot WHERE root = $1";
    present_records: "SELECT key, value FROM bailiwick.record WHERE root = $1 AND value IS NOT NULL";
    /// Of a version that its tree is at, unless there is a later one.
    keep_snapshot: "INSERT INTO bailiwick.snapshot AS kept (root, version, body)
                    SELECT root, $2::bigint, $3::bytea FROM bailiwick.tree WHERE root = $1 AND head >= $2
                    ON CONFLICT (root) DO UPDATE SET version = excluded.version, body = excluded.body
                    WHERE excluded.version >= kept.version";
    clear_snapshot: "DELETE FROM bailiwick.snapshot WHERE root = $1";
    clear_records: "DELETE FROM bailiwick.record WHERE root = $1";
    clear_commits: "DELETE FROM bailiwick.recorded WHERE root = $1";
    clear_organizations: "DELETE FROM bailiwick.organization WHERE root = $1";
    carried_records: "SELECT key, value, version FROM bailiwick.record WHERE root = $1 AND version > $2 AND version <= $3";
    carried_keys: "SELECT root, version, other_root, other_version, fingerprint, key FROM bailiwick.commit_key
                   WHERE key = ANY($1)";
    carried_organizations: "SELECT id FROM bailiwick.organization WHERE root = $1 AND id = ANY($2)";
    import_key: "INSERT INTO bailiwick.commit_key (key, fingerprint, root, version, other_root, other_version)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO NOTHING";
    /// Nobody else prepares the read models meanwhile.
    read_model_lock: "SELECT 1 FROM bailiwick.bailiwick_schema FOR UPDATE";
    /// A tree whose rows are not those of its head.
    behind: "SELECT tree.root FROM bailiwick.tree LEFT JOIN bailiwick.read_tree USING (root)
             WHERE coalesce(read_tree.version, 0) <> tree.head LIMIT 1";
    lock_tree: "SELECT 1 FROM bailiwick.tree WHERE root = $1 FOR UPDATE";
    rows_at: "SELECT version FROM bailiwick.read_tree WHERE root = $1";
    rows_stand_at: "INSERT INTO bailiwick.read_tree (root, version) VALUES ($1, $2)
                    ON CONFLICT (root) DO UPDATE SET version = excluded.version";
    rows_nowhere: "DELETE FROM bailiwick.read_tree WHERE root = $1";

    /// The last one of a commit. It fails if an earlier one failed unseen, and tells whether
    /// the transaction is still the same.
    seal: "SELECT pg_current_xact_id_if_assigned()::text";
}

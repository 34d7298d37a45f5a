//! What goes wrong in a SQLite file.

use bailiwick::{InvalidId, OrganizationId, OutOfOrder, Version};

/// What goes wrong in a [`SqliteRepository`](crate::SqliteRepository).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// SQLite refused or failed.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file belongs to another application.
    #[error("the file belongs to another application (application_id {application_id}); it was left as it is")]
    Foreign {
        /// The application that it says it belongs to.
        application_id: i32,
    },
    /// A later version of this crate has written the file.
    #[error("the file has schema version {found}; this version of the crate reads up to {known}: upgrade it first")]
    LaterSchema {
        /// The version of the file.
        found: i32,
        /// The newest that is known here.
        known: i32,
    },
    /// A commit cannot be serialized.
    #[error("the commit cannot be serialized: {0}")]
    Encode(#[source] serde_json::Error),
    /// A stored commit cannot be read; perhaps a later version has written it (REP-6).
    #[error("commit {version} of tree {root} cannot be read: {error}")]
    UnreadableCommit {
        /// The tree.
        root: OrganizationId,
        /// The version that the commit made.
        version: Version,
        /// Why it cannot.
        #[source]
        error: serde_json::Error,
    },
    /// A stored record cannot be read. The error does not repeat it.
    #[error("record {key} of tree {root} cannot be read")]
    UnreadableRecord {
        /// The tree.
        root: OrganizationId,
        /// Its key, as it is stored.
        key: String,
    },
    /// A commit is missing between the first and the head.
    #[error("commit {version} of tree {root} is missing: restore the file from a backup")]
    Gap {
        /// The tree.
        root: OrganizationId,
        /// The version that is missing.
        version: Version,
    },
    /// The row of a commit holds another commit.
    #[error("the row of commit {version} of tree {root} holds commit {found} of tree {of}")]
    Misplaced {
        /// The tree of the row.
        root: OrganizationId,
        /// The version of the row.
        version: Version,
        /// The tree of the commit in it.
        of: OrganizationId,
        /// The version of the commit in it.
        found: Version,
    },
    /// An identifier in the file is nil.
    #[error("the file holds an identifier that is none: {0}")]
    Identifier(#[from] InvalidId),
    /// A later version of this crate has made the read models.
    #[error("the read models have shape {found}; this version of the crate knows up to {known}: upgrade it first")]
    LaterReadModels {
        /// The shape of the tables.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// The read models cannot follow: a commit was altered after it was decided, or the log
    /// holds what does not follow.
    #[error("the read models cannot follow: {0}")]
    OutOfOrder(#[from] OutOfOrder),
    /// Another connection reads or writes, so that what was erased could not be removed from
    /// the write-ahead log.
    #[error("another connection is using the file: erase what remains when it is done")]
    InUse,
}

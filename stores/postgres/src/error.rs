//! What goes wrong in a PostgreSQL database.

use bailiwick::{InvalidId, OrganizationId, OutOfOrder, Version};
use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::{Cursor, HookError, Namespace};

/// What goes wrong in a [`PostgresRepository`](crate::PostgresRepository).
///
/// It repeats the server's message and never its detail, which may hold a row and so what a
/// person is called.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The pool gave no connection: the server cannot be reached, or all are in use.
    #[error("no connection: {0}")]
    Pool(#[from] PoolError),
    /// The connection was lost, or something came that could not be understood.
    #[error("the connection failed: {0}")]
    Connection(#[source] tokio_postgres::Error),
    /// The server was told to give up: a statement took longer than `statement_timeout`, or
    /// somebody cancelled it.
    #[error("the server gave up: {message}")]
    Cancelled {
        /// What the server says.
        message: String,
    },
    /// A lock was held elsewhere for longer than `lock_timeout`.
    #[error("a lock is held elsewhere: {message}")]
    Locked {
        /// What the server says.
        message: String,
    },
    /// The server undid the transaction for the sake of others, each time it was tried.
    #[error("the server undid the transaction for the sake of others: {message}")]
    Contended {
        /// What the server says.
        message: String,
    },
    /// The server has no room left.
    #[error("the server has no room: {message}")]
    Full {
        /// What the server says.
        message: String,
    },
    /// The server only reads: it is a standby, or was told to.
    #[error("the server only reads: {message}")]
    ReadOnly {
        /// What the server says.
        message: String,
    },
    /// The server refused or failed otherwise.
    #[error("PostgreSQL {}: {message}", code.code())]
    Server {
        /// Its SQLSTATE.
        code: SqlState,
        /// What it says.
        message: String,
    },
    /// The server did not answer a COMMIT in time; see [`Options::commit_timeout`](crate::Options).
    #[error("the server did not answer the COMMIT in time")]
    NoAnswer,
    /// What the embedder writes with a commit failed.
    #[error("what was to be written with the commit failed: {0}")]
    Hook(#[source] HookError),
    /// What the embedder writes with a commit has ended its transaction.
    #[error("the hook has ended the transaction of the commit")]
    HookEndedTransaction,
    /// The namespace holds tables, and they are not of this crate.
    #[error("the namespace {namespace} belongs to another application; it was left as it is")]
    Foreign {
        /// The namespace.
        namespace: Namespace,
    },
    /// A later version of this crate has written the tables.
    #[error("the tables have schema version {found}; this version of the crate reads up to {known}: upgrade it first")]
    LaterSchema {
        /// The version of the tables.
        found: i32,
        /// The newest that is known here.
        known: i32,
    },
    /// A table is not as this crate has made it.
    #[error("the tables were changed: `{missing}` is missing")]
    SchemaChanged {
        /// The first column or key that is missing or otherwise.
        missing: String,
    },
    /// The tree is on its way to another database, or has gone there.
    #[error("tree {root} takes no commits here: it moves, or has moved, elsewhere")]
    Fenced {
        /// The tree.
        root: OrganizationId,
    },
    /// The call belongs to a move that a later one has overtaken, or the tree takes commits
    /// and so cannot be written over or cleared.
    #[error("the move of tree {root} is over, or it takes commits here")]
    Overtaken {
        /// The tree.
        root: OrganizationId,
    },
    /// What is to be imported does not follow from what is there.
    #[error("what is imported of tree {root} does not follow from version {head}")]
    DoesNotFollow {
        /// The tree.
        root: OrganizationId,
        /// The version that is there.
        head: Version,
    },
    /// The database cannot hold every text.
    #[error("the database holds text as {found}: create it with ENCODING 'UTF8'")]
    Encoding {
        /// Its encoding.
        found: String,
    },
    /// The server would acknowledge what a crash takes away.
    #[error("synchronous_commit is off for this user or database: a commit would be acknowledged before it is durable")]
    NotDurable,
    /// A commit cannot be serialized.
    #[error("the commit cannot be serialized: {0}")]
    Encode(#[source] serde_json::Error),
    /// A version is greater than any that the tables can hold.
    #[error("version {0} is greater than the tables can hold")]
    VersionTooGreat(Version),
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
    #[error("commit {version} of tree {root} is missing: restore the database from a backup")]
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
    /// A key is there without its receipt, or a number is below zero.
    #[error("the tables hold what no commit writes: {0}")]
    Corrupt(&'static str),
    /// An identifier in the tables is nil.
    #[error("the tables hold an identifier that is none: {0}")]
    Identifier(#[from] InvalidId),
    /// A later version of this crate has made the read models.
    #[error("the read models have shape {found}; this version of the crate knows up to {known}: upgrade it first")]
    LaterReadModels {
        /// The shape of the tables.
        found: i32,
        /// The newest that is known here.
        known: i32,
    },
    /// The read models cannot follow: a commit was altered after it was decided, or the log
    /// holds what does not follow.
    #[error("the read models cannot follow: {0}")]
    OutOfOrder(#[from] OutOfOrder),
    /// The place in the feed is one that this server has not come to: it was restored from a
    /// backup, or is a standby that was behind.
    #[error("the place {0} in the feed is ahead of the server: follow the feed from its start")]
    CursorAhead(Cursor),
}

impl PostgresError {
    /// Whether the server undid the transaction and the same may succeed at once.
    pub(crate) const fn is_contention(&self) -> bool {
        matches!(self, Self::Contended { .. })
    }

    /// Whether it ended while waiting for another transaction, or may have.
    pub(crate) const fn is_wait(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::Cancelled { .. })
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else { return Self::Connection(error) };
        let (code, message) = (told.code().clone(), told.message().to_owned());
        match code.code() {
            "57014" => Self::Cancelled { message },
            "55P03" => Self::Locked { message },
            "40001" | "40P01" => Self::Contended { message },
            "53100" => Self::Full { message },
            "25006" => Self::ReadOnly { message },
            _ => Self::Server { code, message },
        }
    }
}

//! How a repository is set up, and how long anything may take.

use std::time::Duration;

use tokio_postgres::Config;

use crate::Namespace;

/// How a repository is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where the tables are; `bailiwick` unless another is named.
    pub namespace: Namespace,
    /// How long to wait for the answer to a COMMIT, after which it is unknown whether it is
    /// there; 30 seconds unless told otherwise. This side stops listening, and cancels nothing:
    /// a server that is made to stop waiting for its synchronous standby acknowledges what
    /// that does not have.
    pub commit_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { namespace: Namespace::default(), commit_timeout: Duration::from_secs(30) }
    }
}

/// How long a connection may take over anything but a COMMIT. They are set as a connection
/// begins, so they are to be [applied](Self::apply) to the configuration of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, to each host; 5 seconds.
    pub connect: Duration,
    /// A statement (`statement_timeout`); 30 seconds.
    pub statement: Duration,
    /// The wait for a lock that another commit holds (`lock_timeout`); 10 seconds.
    pub lock: Duration,
    /// How long the server keeps a transaction whose client is silent
    /// (`idle_in_transaction_session_timeout`); 30 seconds.
    pub idle: Duration,
    /// How long what was sent may go unacknowledged by the other machine before the
    /// connection counts as lost (`tcp_user_timeout`); 30 seconds.
    pub unacknowledged: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let (short, long) = (Duration::from_secs(5), Duration::from_secs(30));
        Self { connect: short, statement: long, lock: Duration::from_secs(10), idle: long, unacknowledged: long }
    }
}

impl Timeouts {
    /// Sets them for connections of this configuration, beside what its options say already.
    ///
    /// ```
    /// use bailiwick_postgres::Timeouts;
    /// let mut config: tokio_postgres::Config = "host=/run/postgresql dbname=tenants".parse()?;
    /// Timeouts::default().apply(&mut config);
    /// assert!(config.get_options().is_some_and(|options| options.contains("-c lock_timeout=10000")));
    /// # Ok::<(), tokio_postgres::Error>(())
    /// ```
    pub fn apply(&self, config: &mut Config) {
        let ours = [
            ("statement_timeout", self.statement),
            ("lock_timeout", self.lock),
            ("idle_in_transaction_session_timeout", self.idle),
        ];
        let mut options = config.get_options().unwrap_or_default().to_owned();
        for (name, limit) in ours {
            // At least a millisecond, or it would be none at all.
            options += &format!(" -c {name}={}", limit.as_millis().max(1));
        }
        config.options(options.trim_start());
        config.connect_timeout(self.connect).tcp_user_timeout(self.unacknowledged);
    }
}

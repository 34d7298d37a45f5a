//! The feed: every commit of every tree, once each, in an order in which none is skipped.
//!
//! A reader that polls for numbers greater than the last one it saw skips what a slower
//! transaction with a lower number commits afterwards. So the feed is in the order of the
//! transactions, and shows a transaction only when every earlier one has ended
//! (`pg_snapshot_xmin`): nothing can come before what was shown.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use bailiwick::Recorded;
use deadpool_postgres::Object;
use uuid::Uuid;

use crate::statements::Statements;
use crate::{PostgresError, read};

/// A place in the [feed](crate::PostgresRepository::feed): after a commit, or at the start.
/// To be kept where what was read has its effect, as text.
///
/// ```
/// use bailiwick_postgres::Cursor;
/// let kept = Cursor::START.to_string();
/// assert_eq!(kept.parse::<Cursor>()?, Cursor::START);
/// # Ok::<(), bailiwick_postgres::InvalidCursor>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    transaction: u64,
    root: Uuid,
    version: u64,
}

/// It is not a [`Cursor`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in a feed: {0:?}")]
pub struct InvalidCursor(String);

impl Cursor {
    /// Before the first commit.
    pub const START: Self = Self { transaction: 0, root: Uuid::nil(), version: 0 };
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.transaction, self.root, self.version)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let read = || {
            let mut parts = text.split(':');
            let (transaction, root, version) = (parts.next()?, parts.next()?, parts.next()?);
            let read = Self {
                transaction: transaction.parse().ok()?,
                root: root.parse().ok()?,
                version: version.parse().ok()?,
            };
            parts.next().is_none().then_some(read)
        };
        read().ok_or_else(|| InvalidCursor(text.to_owned()))
    }
}

/// A stretch of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// The commits, those of one tree in the order of their versions and without gap. None
    /// means that there is nothing more for now.
    pub commits: Vec<Recorded>,
    /// Where to go on.
    pub next: Cursor,
}

pub(crate) async fn page(
    client: &Object,
    statements: &Statements,
    after: Cursor,
    limit: NonZeroU32,
) -> Result<FeedPage, PostgresError> {
    let number = i64::try_from(after.version).unwrap_or(i64::MAX);
    let transaction = after.transaction.to_string();
    let statement = client.prepare_cached(&statements.feed).await?;
    let rows = client.query(&statement, &[&transaction, &after.root, &number, &i64::from(limit.get())]).await?;
    let mut page = FeedPage { commits: Vec::new(), next: after };
    for row in &rows {
        let recorded = read::recorded(row)?;
        let transaction = row.try_get::<_, &str>(3)?.parse();
        page.next = Cursor {
            transaction: transaction.map_err(|_| PostgresError::Corrupt("a transaction that is no number"))?,
            root: recorded.root.uuid(),
            version: recorded.version.get(),
        };
        page.commits.push(recorded);
    }
    if page.commits.is_empty() {
        let statement = client.prepare_cached(&statements.ahead).await?;
        if client.query_one(&statement, &[&transaction]).await?.try_get(0)? {
            return Err(PostgresError::CursorAhead(after));
        }
    }
    Ok(page)
}

/// After every commit of a transaction below the first one that is under way.
pub(crate) async fn end(client: &Object, statements: &Statements) -> Result<Cursor, PostgresError> {
    let statement = client.prepare_cached(&statements.feed_end).await?;
    let first: Option<u64> = client.query_one(&statement, &[]).await?.try_get::<_, &str>(0)?.parse().ok();
    let before = first.and_then(|first| first.checked_sub(1));
    let transaction = before.ok_or(PostgresError::Corrupt("a transaction that is no number"))?;
    Ok(Cursor { transaction, root: Uuid::max(), version: u64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = Cursor { transaction: u64::MAX, root: Uuid::from_u128(7), version: 3 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "1", "1:2:3", "-1:00000000-0000-0000-0000-000000000007:3", &format!("{cursor}:")] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor(text.to_owned())));
        }
    }
}

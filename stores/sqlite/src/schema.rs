//! The schema: whose file it is, which version it has, and how a connection is set up.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::SqliteError;

/// `bail` in ASCII: marks a file as one of this crate.
const APPLICATION: i32 = 0x6261_696c;

/// What each schema version adds to the one before.
const VERSIONS: [&str; 2] = [include_str!("schema.sql"), include_str!("snapshot.sql")];
/// The newest schema version that is known here.
const KNOWN: i32 = 2;

/// How often a lock of another connection's is tried for, and how long to wait in between.
/// SQLite's own pauses grow, so that under load those who have waited longest come last.
const TRIES: i32 = 5_000;
const PAUSE: Duration = Duration::from_millis(1);

/// Sets a connection up, and an empty file with it.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), SqliteError> {
    connection.busy_handler(Some(wait))?;
    // Before anything is written: a file of another application stays as it is.
    let found = version(&*connection.transaction()?)?;
    write_ahead(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // GDP-3: what is erased is overwritten, and not merely let go.
    connection.pragma_update(None, "secure_delete", true)?;
    if found == KNOWN {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again under the lock: another process may have prepared it meanwhile.
    let found = version(&transaction)?;
    for (_, sql) in (0..).zip(VERSIONS).filter(|(before, _)| *before >= found) {
        transaction.execute_batch(sql)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", KNOWN)?;
    Ok(transaction.commit()?)
}

/// The schema version of the file; zero of an empty one. To be asked in a transaction, or one
/// half of the answer may be older than the other.
fn version(transaction: &Connection) -> Result<i32, SqliteError> {
    let number = |pragma| transaction.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application_id, found) = (number("application_id")?, number("user_version")?);
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application_id, found, tables) {
        (0, 0, 0) => Ok(0),
        (APPLICATION, 1..=KNOWN, _) => Ok(found),
        (APPLICATION, found, _) if found > KNOWN => Err(SqliteError::LaterSchema { found, known: KNOWN }),
        _ => Err(SqliteError::Foreign { application_id }),
    }
}

/// Switches the file to a write-ahead log. SQLite does not wait for the lock that this takes
/// if two connections do it at once, so it is waited for here.
fn write_ahead(connection: &Connection) -> Result<(), SqliteError> {
    let busy = |error: &rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if busy(&error) && wait(tries) => tries += 1,
            answer => return Ok(answer?),
        }
    }
}

/// Waits a little, unless it has been tried too often already.
fn wait(tries: i32) -> bool {
    std::thread::sleep(PAUSE);
    tries < TRIES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_durable_strict_and_clean() {
        let mut connection = Connection::open_in_memory().unwrap();
        prepare(&mut connection).unwrap();
        let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap();
        let full = 2;
        assert_eq!(number("synchronous"), full);
        assert_eq!(number("foreign_keys"), 1);
        assert_eq!(number("secure_delete"), 1);
        assert_eq!(number("user_version"), i64::from(KNOWN));
        assert_eq!(number("application_id"), i64::from(APPLICATION));
    }

    #[test]
    fn what_is_prepared_is_left_as_it_is() {
        let mut connection = Connection::open_in_memory().unwrap();
        prepare(&mut connection).unwrap();
        connection.execute("INSERT INTO tree (root, head) VALUES (zeroblob(16), 1)", []).unwrap();
        prepare(&mut connection).unwrap();
        let trees: i64 = connection.query_row("SELECT count(*) FROM tree", [], |row| row.get(0)).unwrap();
        assert_eq!(trees, 1);
    }
}

//! The tables: whose they are, which version they have, and how they come to be.
//!
//! Processes that start together wait for each other at the one row of `bailiwick_schema`.
//! Before it is there they collide in the server's own catalog, and the loser begins again.

use std::collections::BTreeSet;
use std::time::Duration;

use deadpool_postgres::{GenericClient, Object, Transaction};
use tokio_postgres::IsolationLevel;
use tokio_postgres::error::SqlState;

use crate::{Namespace, PostgresError};

/// What each schema version adds to the one before.
const VERSIONS: [&str; 2] = [include_str!("schema.sql"), include_str!("snapshot.sql")];
/// The newest schema version that is known here.
const KNOWN: i32 = 2;

/// How often the tables are made, when others do so at the same time and win.
pub(crate) const TRIES: u32 = 50;
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// Makes the tables if they are not there, and checks that they are as they should be.
pub(crate) async fn prepare(client: &mut Object, namespace: &Namespace) -> Result<(), PostgresError> {
    check_server(client).await?;
    for _ in 0..TRIES {
        // A database whose tables are there needs no right to make any.
        if found(client, namespace).await? == Some(KNOWN) {
            break;
        }
        match make(client, namespace).await {
            Err(error) if is_collision(&error) => tokio::time::sleep(PAUSE).await,
            made => made?,
        }
    }
    check(client, namespace).await
}

/// That the server holds every text, and what it acknowledges.
pub(crate) async fn check_server(client: &Object) -> Result<(), PostgresError> {
    let asked = "SELECT current_setting('server_encoding'), current_setting('synchronous_commit')";
    let row = client.query_one(asked, &[]).await?;
    let (found, synchronous): (String, &str) = (row.try_get(0)?, row.try_get(1)?);
    match (found.as_str(), synchronous) {
        ("UTF8", "off") => Err(PostgresError::NotDurable),
        ("UTF8", _) => Ok(()),
        _ => Err(PostgresError::Encoding { found }),
    }
}

/// The version of the tables, if there are any.
async fn found(client: &impl GenericClient, namespace: &Namespace) -> Result<Option<i32>, PostgresError> {
    let asked = "SELECT count(*), count(*) FILTER (WHERE relname = 'bailiwick_schema') FROM pg_class
                 WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p', 'v', 'm', 'f')";
    let row = client.query_one(asked, &[&namespace.as_str()]).await?;
    let (tables, ours): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if ours == 0 {
        let foreign = PostgresError::Foreign { namespace: namespace.clone() };
        return if tables == 0 { Ok(None) } else { Err(foreign) };
    }
    let asked = namespace.within("SELECT version FROM bailiwick.bailiwick_schema");
    let row = match client.query_opt(&asked, &[]).await {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => {
            return Err(PostgresError::SchemaChanged { missing: "bailiwick_schema.version".to_owned() });
        }
        row => row?,
    };
    let version = row.map(|row| row.try_get(0)).transpose()?;
    match version {
        Some(found) if found > KNOWN => Err(PostgresError::LaterSchema { found, known: KNOWN }),
        _ => Ok(version),
    }
}

/// Makes the tables that are not there, all or none, unless another process has done so meanwhile.
async fn make(client: &mut Object, namespace: &Namespace) -> Result<(), PostgresError> {
    let transaction = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?;
    let marker = "CREATE TABLE IF NOT EXISTS bailiwick.bailiwick_schema (
                      one boolean NOT NULL PRIMARY KEY CHECK (one),
                      version integer NOT NULL
                  );
                  INSERT INTO bailiwick.bailiwick_schema (one, version) VALUES (true, 0) ON CONFLICT (one) DO NOTHING;
                  SELECT version FROM bailiwick.bailiwick_schema FOR UPDATE;";
    if !namespace_exists(&transaction, namespace).await? {
        transaction.batch_execute(&format!("CREATE SCHEMA \"{namespace}\"")).await?;
    }
    transaction.batch_execute(&namespace.within(marker)).await?;
    let found = found(&transaction, namespace).await?.unwrap_or_default();
    for (_, sql) in (0..).zip(VERSIONS).filter(|(before, _)| *before >= found) {
        transaction.batch_execute(&namespace.within(sql)).await?;
    }
    let made = namespace.within("UPDATE bailiwick.bailiwick_schema SET version = $1");
    transaction.execute(&made, &[&KNOWN]).await?;
    Ok(transaction.commit().await?)
}

pub(crate) async fn namespace_exists(
    transaction: &Transaction<'_>,
    namespace: &Namespace,
) -> Result<bool, PostgresError> {
    let asked = "SELECT to_regnamespace($1) IS NOT NULL";
    Ok(transaction.query_one(asked, &[&namespace.as_str()]).await?.try_get(0)?)
}

/// Whether another process was making the same at the same time.
pub(crate) fn is_collision(error: &PostgresError) -> bool {
    let codes =
        [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_SCHEMA, SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT];
    error.is_contention() || matches!(error, PostgresError::Server { code, .. } if codes.contains(code))
}

/// That each column and each key is there that this crate relies on; more may be.
async fn check(client: &Object, namespace: &Namespace) -> Result<(), PostgresError> {
    let shape = client.query(include_str!("shape.sql"), &[&namespace.as_str()]).await?;
    let shape = shape.iter().map(|row| row.try_get(0)).collect::<Result<BTreeSet<&str>, _>>()?;
    match include_str!("shape.txt").lines().find(|line| !shape.contains(line)) {
        Some(missing) => Err(PostgresError::SchemaChanged { missing: missing.to_owned() }),
        None => Ok(()),
    }
}

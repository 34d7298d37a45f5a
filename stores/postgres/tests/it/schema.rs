//! How the tables come to be, and what is refused.

use bailiwick::{OrganizationId, Repository, Snapshot, Version};
use bailiwick_postgres::{Namespace, Options, PostgresError, PostgresRepository, Timeouts};
use tokio::task::JoinSet;

use crate::support::sample::{WHOLE, commit, tree};
use crate::support::{Database, pool};

async fn opened(database: &Database) -> Result<PostgresRepository, PostgresError> {
    PostgresRepository::open(pool(database.config(), Timeouts::default(), 2)).await
}

/// A database with one commit, and what this SQL made of it.
async fn changed_by(sql: &str) -> Option<(Database, Result<PostgresRepository, PostgresError>)> {
    let database = Database::new().await?;
    opened(&database).await.unwrap().commit(commit(1, 1)).await.unwrap();
    database.client().await.batch_execute(sql).await.unwrap();
    let opened = opened(&database).await;
    Some((database, opened))
}

#[tokio::test]
async fn the_tables_are_made_once_by_many_at_once() {
    for _ in 0..10 {
        let Some(database) = Database::new().await else { return };
        let mut opening = JoinSet::new();
        for number in 1..=16 {
            // A pool each, as processes have.
            let pool = pool(database.config(), Timeouts::default(), 1);
            opening.spawn(async move {
                let repository = PostgresRepository::open(pool).await?;
                repository.commit(commit(number, 1)).await.unwrap();
                Ok::<_, PostgresError>(())
            });
        }
        while let Some(opened) = opening.join_next().await {
            opened.unwrap().unwrap();
        }
        let repository = opened(&database).await.unwrap();
        assert_eq!(repository.roots(None, WHOLE).await.unwrap().len(), 16);
    }
}

#[tokio::test]
async fn what_is_made_is_left_as_it_is_and_needs_no_right_to_make_it() {
    let Some(database) = Database::new().await else { return };
    opened(&database).await.unwrap().commit(commit(1, 1)).await.unwrap();
    let role = format!("writer_of_{}", database.name);
    let client = database.client().await;
    let grant = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA bailiwick TO {role};
         GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA bailiwick TO {role}"
    );
    client.batch_execute(&grant).await.unwrap();
    let mut config = database.config();
    config.user(&role).password("secret");
    let repository = PostgresRepository::open(pool(config, Timeouts::default(), 2)).await.unwrap();
    repository.commit(commit(1, 2)).await.unwrap();
    assert_eq!(repository.head(tree(1)).await.unwrap(), Version::new(2));
    let drop_role = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    client.batch_execute(&drop_role).await.unwrap();
}

#[tokio::test]
async fn namespaces_are_kept_apart() {
    let Some(database) = Database::new().await else { return };
    let open = async |name: &str| {
        let options = Options { namespace: name.parse().unwrap(), ..Options::default() };
        PostgresRepository::open_with(pool(database.config(), Timeouts::default(), 2), options).await.unwrap()
    };
    let (one, other) = (open("one").await, open("other").await);
    one.commit(commit(1, 1)).await.unwrap();
    assert_eq!(other.head(tree(1)).await.unwrap(), Version::ZERO);
    assert_eq!(other.roots(None, WHOLE).await.unwrap(), Vec::<OrganizationId>::new());
    other.commit(commit(1, 1)).await.unwrap();
}

#[tokio::test]
async fn a_namespace_of_another_application_is_left_as_it_is() {
    let Some(database) = Database::new().await else { return };
    let client = database.client().await;
    client.batch_execute("CREATE SCHEMA bailiwick; CREATE TABLE bailiwick.cookie (name text)").await.unwrap();
    let ours = Namespace::default();
    let refused = opened(&database).await;
    assert!(matches!(refused, Err(PostgresError::Foreign { namespace }) if namespace == ours));
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'bailiwick'::regnamespace AND relkind = 'r'";
    assert_eq!(client.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 1);
    // An empty one that somebody made for it is not foreign.
    client.batch_execute("DROP TABLE bailiwick.cookie").await.unwrap();
    opened(&database).await.unwrap();
}

#[tokio::test]
async fn tables_of_a_later_version_are_refused() {
    let later = "UPDATE bailiwick.bailiwick_schema SET version = 3";
    let Some((_database, opened)) = changed_by(later).await else { return };
    assert!(matches!(opened, Err(PostgresError::LaterSchema { found: 3, known: 2 })));
}

// spec: REP-6
#[tokio::test]
async fn tables_of_the_first_version_are_brought_up_with_all_that_is_in_them() {
    // As they were before there were snapshots.
    let first = "DROP TABLE bailiwick.snapshot; UPDATE bailiwick.bailiwick_schema SET version = 1";
    let Some((database, repository)) = changed_by(first).await else { return };
    let repository = repository.unwrap();
    repository.commit(commit(1, 2)).await.unwrap();
    let snapshot = Snapshot::new(tree(1), Version::new(2), vec![0, 255, 39]);
    repository.keep_snapshot(snapshot.clone()).await.unwrap();
    let again = opened(&database).await.unwrap();
    assert_eq!(again.snapshot(tree(1)).await.unwrap().unwrap().snapshot, snapshot);
    assert_eq!(again.head(tree(1)).await.unwrap(), Version::new(2));
}

#[tokio::test]
async fn tables_that_were_changed_are_refused() {
    let changes = [
        ("DROP TABLE bailiwick.organization", "organization.id uuid not null"),
        ("ALTER TABLE bailiwick.record DROP COLUMN value", "record.value text"),
        ("ALTER TABLE bailiwick.tree ALTER head TYPE integer", "tree.head bigint not null"),
        ("ALTER TABLE bailiwick.tree ALTER head DROP NOT NULL", "tree.head bigint not null"),
        ("ALTER TABLE bailiwick.record DROP CONSTRAINT record_pkey", "record PRIMARY KEY (root, key)"),
        ("ALTER TABLE bailiwick.bailiwick_schema DROP COLUMN version", "bailiwick_schema.version"),
    ];
    for (sql, expected) in changes {
        let Some((_database, opened)) = changed_by(sql).await else { return };
        let Err(PostgresError::SchemaChanged { missing }) = opened else { panic!("{sql}: {opened:?}") };
        assert_eq!(missing, expected, "{sql}");
    }
}

#[tokio::test]
async fn what_an_embedder_adds_is_no_harm() {
    let added = "ALTER TABLE bailiwick.recorded ADD COLUMN seen boolean; CREATE TABLE bailiwick.outbox (id text);
                 CREATE INDEX by_head ON bailiwick.tree (head)";
    let Some((_database, opened)) = changed_by(added).await else { return };
    opened.unwrap().commit(commit(1, 2)).await.unwrap();
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_text_is_refused() {
    let ascii = "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0";
    let Some(database) = Database::with(ascii).await else { return };
    let refused = opened(&database).await;
    assert!(matches!(refused, Err(PostgresError::Encoding { found }) if found == "SQL_ASCII"));
}

#[tokio::test]
async fn a_database_that_acknowledges_too_early_is_refused() {
    let Some(database) = Database::new().await else { return };
    let off = format!("ALTER DATABASE {} SET synchronous_commit = off", database.name);
    database.client().await.batch_execute(&off).await.unwrap();
    assert!(matches!(opened(&database).await, Err(PostgresError::NotDurable)));
}

#[tokio::test]
async fn the_schema_is_that_of_the_golden_file() {
    let Some(database) = Database::new().await else { return };
    opened(&database).await.unwrap();
    let client = database.client().await;
    // Lest a user of that name see them without the namespace.
    client.batch_execute("SET search_path = pg_catalog").await.unwrap();
    let asked = "SELECT format('%s: %s', relname, line) FROM (
            SELECT attrelid AS oid, 1 AS kind, attnum::text AS number, format('%s %s%s%s', attname,
                format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' NOT NULL' END,
                ' DEFAULT ' || pg_get_expr(adbin, adrelid)) AS line
            FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0
            UNION ALL SELECT conrelid, 2, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype <> 'n'
            UNION ALL SELECT indrelid, 3, indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
        ) AS lines JOIN pg_class USING (oid)
        WHERE relnamespace = 'bailiwick'::regnamespace AND relkind = 'r'
        ORDER BY relname, kind, number";
    let rows = client.query(asked, &[]).await.unwrap();
    let found: String = rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect();
    // Tables that others have must be read by every later version: a change here is a new
    // schema version with a migration.
    assert_eq!(found, include_str!("../golden/schema.txt"));
}

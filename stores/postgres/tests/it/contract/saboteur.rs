//! What breaks a sentence that triggers on the tables cannot break: a server that forgets in
//! a crash, and a repository around the real one that answers or writes otherwise.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bailiwick::conformance::{Harness, HarnessError, Sentence};
use bailiwick::{Commit, CommitError, CommitKey, OrganizationId, Page, Receipt, Repository, Version};
use bailiwick_postgres::{Namespace, Options, PostgresError, PostgresRepository, Timeouts};
use tokio::runtime::Runtime;

use super::{InNamespaces, caught};
use crate::support::sample::key;
use crate::support::server::{Durable, Server};
use crate::support::{Database, connect, own_server, pool, runtime};

/// What is broken here.
pub(super) const BROKEN: [Sentence; 3] = [Sentence::R15, Sentence::R16, Sentence::R17];

/// A server that is killed and started again before each opening.
struct Killed<'s> {
    server: Server,
    runtime: Runtime,
    number: AtomicU32,
    sabotage: &'s str,
}

impl Killed<'_> {
    fn reopen(&self, namespace: &Namespace) -> Result<PostgresRepository, HarnessError> {
        let options = Options { namespace: namespace.clone(), ..Options::default() };
        let pool = pool(self.server.config(), Timeouts::default(), 16);
        Ok(self.runtime.block_on(PostgresRepository::open_with(pool, options))?)
    }
}

impl Harness for Killed<'_> {
    type Storage = Namespace;
    type Repository = PostgresRepository;

    fn storage(&self) -> Result<Namespace, HarnessError> {
        let namespace = format!("storage_{}", self.number.fetch_add(1, Ordering::Relaxed)).parse()?;
        drop(self.reopen(&namespace)?);
        let sabotage = format!("SET search_path = {namespace}; {}", self.sabotage);
        self.runtime.block_on(async { connect(&self.server.config()).await.batch_execute(&sabotage).await })?;
        Ok(namespace)
    }

    fn open(&self, namespace: &Namespace) -> Result<PostgresRepository, HarnessError> {
        self.server.kill();
        self.server.launch();
        self.reopen(namespace)
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

// spec: REP-7
#[test]
fn what_a_crash_of_the_server_takes_away_is_missed() {
    let Some(server) = own_server(Durable::Yes) else { return };
    let killed = Killed { server, runtime: runtime(), number: AtomicU32::new(0), sabotage: "" };
    Sentence::R15.check(&killed).unwrap();
    let unlogged = ["snapshot", "record", "recorded", "tree", "commit_key", "organization"];
    let unlogged: String = unlogged.iter().map(|table| format!("ALTER TABLE {table} SET UNLOGGED;")).collect();
    caught(Sentence::R15, &Killed { sabotage: &unlogged, ..killed }, &unlogged);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    /// A commit of two trees is two transactions.
    ByHalves,
    /// What failed is taken for not written, whenever it failed.
    AlwaysCertain,
}

/// The real repository, which something is wrong with.
struct Saboteur {
    inner: PostgresRepository,
    wrong: Wrong,
}

impl Saboteur {
    async fn write_by_halves(&self, commit: &Commit) -> Result<Receipt, CommitError<PostgresError>> {
        for (number, part) in (0..).zip(commit.parts()) {
            let mut part = part.clone();
            part.recorded.key = key(commit.key().uuid().as_u128() ^ number << 127);
            self.inner.commit(part.into()).await?;
        }
        Ok(commit.receipt())
    }
}

impl Repository for Saboteur {
    type Error = PostgresError;

    async fn commit(&self, commit: Commit) -> Result<Receipt, CommitError<PostgresError>> {
        match self.wrong {
            Wrong::Nothing => self.inner.commit(commit).await,
            Wrong::ByHalves => self.write_by_halves(&commit).await,
            Wrong::AlwaysCertain => self.inner.commit(commit).await.map_err(|error| match error {
                CommitError::Unknown(error) => CommitError::NotWritten(error),
                known => known,
            }),
        }
    }

    async fn receipt(&self, key: CommitKey) -> Result<Option<Receipt>, PostgresError> {
        self.inner.receipt(key).await
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, PostgresError> {
        self.inner.head(root).await
    }

    async fn read(&self, root: OrganizationId, after: Version, limit: NonZeroU32) -> Result<Page, PostgresError> {
        self.inner.read(root, after, limit).await
    }

    async fn root_of(&self, organization: OrganizationId) -> Result<Option<OrganizationId>, PostgresError> {
        self.inner.root_of(organization).await
    }

    async fn roots(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<OrganizationId>, PostgresError> {
        self.inner.roots(after, limit).await
    }
}

/// The saboteur on storage that, obstructed, writes a commit after nobody waits for it any more.
struct Sabotaged<'d> {
    namespaces: InNamespaces<'d>,
    wrong: Wrong,
}

impl Harness for Sabotaged<'_> {
    type Storage = Namespace;
    type Repository = Saboteur;

    fn storage(&self) -> Result<Namespace, HarnessError> {
        self.namespaces.storage()
    }

    fn open(&self, namespace: &Namespace) -> Result<Saboteur, HarnessError> {
        let options = Options { namespace: namespace.clone(), commit_timeout: Duration::from_millis(250) };
        Ok(Saboteur { inner: self.namespaces.open_with(options)?, wrong: self.wrong })
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        self.namespaces.drive(future)
    }

    fn obstruct(&self, namespace: &Namespace) -> Result<bool, HarnessError> {
        self.namespaces.execute(
            namespace,
            "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON recorded DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION linger()",
        )?;
        Ok(true)
    }

    /// Waits for the COMMIT that lingers, as it has the table.
    fn restore(&self, namespace: &Namespace) -> Result<(), HarnessError> {
        self.namespaces.execute(namespace, "DROP TRIGGER linger ON recorded; DROP FUNCTION linger()")
    }
}

// spec: REP-2
// spec: REP-7
#[test]
fn a_repository_that_writes_halves_or_is_always_certain_is_caught() {
    for (sentence, wrong) in [(Sentence::R16, Wrong::ByHalves), (Sentence::R17, Wrong::AlwaysCertain)] {
        for wrong in [Wrong::Nothing, wrong] {
            let Some(database) = runtime().block_on(Database::new()) else { return };
            let harness = Sabotaged { namespaces: InNamespaces::of(&database, ""), wrong };
            match wrong {
                Wrong::Nothing => sentence.check(&harness).unwrap(),
                _ => caught(sentence, &harness, &format!("{wrong:?}")),
            }
        }
    }
}

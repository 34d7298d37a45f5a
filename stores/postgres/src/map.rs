//! The map of a sharded repository, in a database.
//!
//! Locks are taken in one order: the key, organizations by their identifiers, trees by their
//! roots. A claim that finds what it read gone by the time it writes begins again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bailiwick::{
    ClaimRefusal, Claimed, CommitKey, MoveNumber, MovePhase, OrganizationId, ShardClaim, ShardId, ShardMap, ShardPlace,
    TreeMove,
};
use deadpool_postgres::{Object, Pool, Transaction};
use tokio_postgres::{IsolationLevel, Row};
use uuid::Uuid;

use crate::lease::Lease;
use crate::schema::{self, PAUSE, TRIES};
use crate::{Namespace, PostgresError};

/// The [`ShardMap`] of a [`ShardedRepository`](bailiwick::ShardedRepository) in a PostgreSQL
/// database, which may be that of a shard. Clones share the pool.
///
/// Each commit is one transaction here before it is one in its shard, and each read one
/// question; so the map belongs near those who commit, and on a server with a standby.
///
/// ```no_run
/// use bailiwick::{ShardId, ShardedRepository};
/// use bailiwick_postgres::{Namespace, Pool, PostgresRepository, PostgresShardMap};
///
/// # async fn open(map: Pool, eu: Pool, us: Pool) -> Result<(), Box<dyn std::error::Error>> {
/// let map = PostgresShardMap::open(map, "bailiwick_map".parse::<Namespace>()?).await?;
/// let shards = [
///     (ShardId::new(1), PostgresRepository::open(eu).await?),
///     (ShardId::new(2), PostgresRepository::open(us).await?),
/// ];
/// let repository = ShardedRepository::new(shards, map);
/// # let _ = repository; Ok(()) }
/// ```
#[derive(Clone)]
pub struct PostgresShardMap {
    pool: Pool,
    statements: Arc<Statements>,
}

struct Statements {
    places: String,
    place: String,
    replace: String,
    claim_key: String,
    tree_of: String,
    release_key: String,
    forget_key: String,
    forget_organizations: String,
    claim_organizations: String,
    held: String,
}

impl Statements {
    fn of(namespace: &Namespace) -> Self {
        let within = |sql: &str| namespace.within(sql);
        Self {
            places: within(
                "SELECT root, shard, move_number, moving_to, phase FROM bailiwick.place WHERE root = ANY($1)",
            ),
            place: within(
                "INSERT INTO bailiwick.place (root, shard, move_number) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
            ),
            replace: within(
                "UPDATE bailiwick.place SET shard = $6, move_number = $7, moving_to = $8, phase = $9
                 WHERE root = $1 AND shard = $2 AND move_number = $3
                   AND moving_to IS NOT DISTINCT FROM $4 AND phase IS NOT DISTINCT FROM $5",
            ),
            claim_key: within(
                "INSERT INTO bailiwick.claimed_key (key, root, claims) VALUES ($1, $2, 1)
                 ON CONFLICT (key) DO UPDATE SET claims = claimed_key.claims + 1 RETURNING root",
            ),
            tree_of: within("SELECT root FROM bailiwick.claimed_key WHERE key = $1"),
            release_key: within("SELECT claims FROM bailiwick.claimed_key WHERE key = $1 FOR UPDATE"),
            forget_key: within(
                "WITH fewer AS (UPDATE bailiwick.claimed_key SET claims = claims - 1 WHERE key = $1 AND claims > 1)
                 DELETE FROM bailiwick.claimed_key WHERE key = $1 AND claims = 1",
            ),
            forget_organizations: within("DELETE FROM bailiwick.claimed_organization WHERE key = $1"),
            claim_organizations: within(
                "INSERT INTO bailiwick.claimed_organization (id, key) SELECT id, $2 FROM unnest($1::uuid[]) AS id
                 ON CONFLICT (id) DO NOTHING RETURNING id",
            ),
            held: within("SELECT id, key FROM bailiwick.claimed_organization WHERE id = ANY($1)"),
        }
    }
}

impl PostgresShardMap {
    /// Opens the map in a namespace of its own, and makes its tables if they are not there;
    /// several processes may do so at once.
    ///
    /// [`PostgresError::Encoding`] and [`PostgresError::NotDurable`] as for a repository.
    pub async fn open(pool: Pool, namespace: Namespace) -> Result<Self, PostgresError> {
        let mut lease = Lease::default();
        let client = lease.of(&pool).await?;
        schema::check_server(client).await?;
        for attempt in 1..=TRIES {
            match make(client, &namespace).await {
                Err(error) if schema::is_collision(&error) && attempt < TRIES => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        lease.give_back();
        Ok(Self { pool, statements: Arc::new(Statements::of(&namespace)) })
    }

    /// One attempt at a claim; `None` if what it has read was gone when it wrote.
    async fn attempt(&self, claim: &ShardClaim) -> Result<Option<Claimed>, PostgresError> {
        let mut lease = Lease::default();
        let client = lease.of(&self.pool).await?;
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = begin.start().await?;
        let claimed = self.claim_in(&transaction, claim).await?;
        match claimed {
            Some(Ok(_)) => transaction.commit().await?,
            _ => transaction.rollback().await?,
        }
        lease.give_back();
        Ok(claimed)
    }

    async fn claim_in(&self, of: &Transaction<'_>, claim: &ShardClaim) -> Result<Option<Claimed>, PostgresError> {
        let Some(first) = claim.roots.first() else { return Ok(Some(Ok(Vec::new()))) };
        let statement = of.prepare_cached(&self.statements.claim_key).await?;
        let row = of.query_one(&statement, &[&claim.key.uuid(), &first.uuid()]).await?;
        let root = OrganizationId::new(row.try_get(0)?)?;
        if root != *first {
            return Ok(Some(Err(ClaimRefusal::KeyElsewhere { root })));
        }
        if !claim.created.is_empty() {
            match self.claim_organizations(of, claim).await? {
                Organizations::Claimed => {}
                Organizations::Held(refused) => return Ok(Some(Err(refused))),
                Organizations::Gone => return Ok(None),
            }
        }
        let known = places(of, &self.statements, &claim.roots).await?;
        let settled = match claim.settle(|root| known.get(&root).copied()) {
            Ok(settled) => settled,
            Err(refused) => return Ok(Some(Err(refused))),
        };
        let new: BTreeMap<_, _> = settled.iter().filter(|(root, _)| !known.contains_key(root)).copied().collect();
        for (root, place) in new {
            let statement = of.prepare_cached(&self.statements.place).await?;
            if of.execute(&statement, &[&root.uuid(), &i64::from(place.shard.get())]).await? == 0 {
                return Ok(None);
            }
        }
        Ok(Some(Ok(settled)))
    }

    async fn claim_organizations(
        &self,
        of: &Transaction<'_>,
        claim: &ShardClaim,
    ) -> Result<Organizations, PostgresError> {
        let wanted: BTreeSet<Uuid> = claim.created.iter().map(|organization| organization.uuid()).collect();
        let wanted: Vec<Uuid> = wanted.into_iter().collect();
        let statement = of.prepare_cached(&self.statements.claim_organizations).await?;
        let claimed = of.query(&statement, &[&wanted, &claim.key.uuid()]).await?;
        if claimed.len() == wanted.len() {
            return Ok(Organizations::Claimed);
        }
        let statement = of.prepare_cached(&self.statements.held).await?;
        let rows = of.query(&statement, &[&wanted]).await?;
        if rows.len() < wanted.len() {
            return Ok(Organizations::Gone);
        }
        let mut held = BTreeMap::new();
        for row in rows {
            held.insert(OrganizationId::new(row.try_get(0)?)?, CommitKey::new(row.try_get(1)?)?);
        }
        let held = claim.created.iter().find_map(|organization| {
            let by = held.get(organization).copied().filter(|by| *by != claim.key)?;
            Some(ClaimRefusal::OrganizationHeld { organization: *organization, by })
        });
        Ok(held.map_or(Organizations::Claimed, Organizations::Held))
    }
}

/// What has become of the organizations of a claim.
enum Organizations {
    Claimed,
    Held(ClaimRefusal),
    /// One that was held is no more.
    Gone,
}

async fn make(client: &mut Object, namespace: &Namespace) -> Result<(), PostgresError> {
    let transaction = client.transaction().await?;
    if !schema::namespace_exists(&transaction, namespace).await? {
        transaction.batch_execute(&format!("CREATE SCHEMA \"{namespace}\"")).await?;
    }
    let there = "SELECT to_regclass($1) IS NOT NULL";
    let index = format!("\"{namespace}\".claimed_organization_key");
    if !transaction.query_one(there, &[&index]).await?.try_get::<_, bool>(0)? {
        transaction.batch_execute(&namespace.within(include_str!("map.sql"))).await?;
    }
    Ok(transaction.commit().await?)
}

async fn places(
    of: &Transaction<'_>,
    statements: &Statements,
    roots: &[OrganizationId],
) -> Result<BTreeMap<OrganizationId, ShardPlace>, PostgresError> {
    let roots: Vec<Uuid> = roots.iter().map(|root| root.uuid()).collect();
    let statement = of.prepare_cached(&statements.places).await?;
    let rows = of.query(&statement, &[&roots]).await?;
    rows.iter().map(|row| Ok((OrganizationId::new(row.try_get(0)?)?, place_in(row)?))).collect()
}

fn place_in(row: &Row) -> Result<ShardPlace, PostgresError> {
    let shard = |number: i64| u32::try_from(number).map(ShardId::new);
    let wrong = || PostgresError::Corrupt("a place that is none");
    let number = u64::try_from(row.try_get::<_, i64>(2)?).map_err(|_| wrong())?;
    let moving = match (row.try_get::<_, Option<i64>>(3)?, row.try_get::<_, Option<&str>>(4)?) {
        (None, None) => None,
        (Some(to), Some(phase)) => {
            let phase = PHASES.iter().find(|(_, name)| *name == phase).ok_or_else(wrong)?.0;
            Some(TreeMove { to: shard(to).map_err(|_| wrong())?, phase })
        }
        _ => return Err(wrong()),
    };
    let shard = shard(row.try_get(1)?).map_err(|_| wrong())?;
    Ok(ShardPlace { shard, number: MoveNumber::new(number), moving })
}

const PHASES: [(MovePhase, &str); 3] =
    [(MovePhase::Copying, "copying"), (MovePhase::Clearing, "clearing"), (MovePhase::Returning, "returning")];

/// A shard, a number, and a move that is under way.
type Columns = (i64, i64, Option<i64>, Option<&'static str>);

/// A place as its columns hold it.
fn columns(place: ShardPlace) -> Result<Columns, PostgresError> {
    let number = i64::try_from(place.number.get());
    let number = number.map_err(|_| PostgresError::Corrupt("a move of too great a number"))?;
    let name = |phase| PHASES.iter().find(|(other, _)| *other == phase).map(|(_, name)| *name);
    let to = place.moving.map(|moving| i64::from(moving.to.get()));
    Ok((i64::from(place.shard.get()), number, to, place.moving.and_then(|moving| name(moving.phase))))
}

impl ShardMap for PostgresShardMap {
    type Error = PostgresError;

    async fn claim(&self, claim: &ShardClaim) -> Result<Claimed, PostgresError> {
        for attempt in 1..=TRIES {
            match self.attempt(claim).await {
                Ok(Some(claimed)) => return Ok(claimed),
                Ok(None) => {}
                Err(error) if error.is_contention() && attempt < TRIES => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error),
            }
        }
        Err(PostgresError::Contended { message: "others claimed and released the same meanwhile".to_owned() })
    }

    async fn release(&self, key: CommitKey) -> Result<(), PostgresError> {
        let mut lease = Lease::default();
        let client = lease.of(&self.pool).await?;
        let transaction = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?;
        let statement = transaction.prepare_cached(&self.statements.release_key).await?;
        let row = transaction.query_opt(&statement, &[&key.uuid()]).await?;
        if row.map(|row| row.try_get::<_, i64>(0)).transpose()? == Some(1) {
            let statement = transaction.prepare_cached(&self.statements.forget_organizations).await?;
            transaction.execute(&statement, &[&key.uuid()]).await?;
        }
        let statement = transaction.prepare_cached(&self.statements.forget_key).await?;
        transaction.execute(&statement, &[&key.uuid()]).await?;
        transaction.commit().await?;
        lease.give_back();
        Ok(())
    }

    async fn tree_of(&self, key: CommitKey) -> Result<Option<OrganizationId>, PostgresError> {
        let mut lease = Lease::default();
        let client = lease.of(&self.pool).await?;
        let statement = client.prepare_cached(&self.statements.tree_of).await?;
        let row = client.query_opt(&statement, &[&key.uuid()]).await?;
        lease.give_back();
        row.map(|row| Ok(OrganizationId::new(row.try_get(0)?)?)).transpose()
    }

    async fn places(&self, roots: &[OrganizationId]) -> Result<Vec<Option<ShardPlace>>, PostgresError> {
        let mut lease = Lease::default();
        let client = lease.of(&self.pool).await?;
        let asked: Vec<Uuid> = roots.iter().map(|root| root.uuid()).collect();
        let statement = client.prepare_cached(&self.statements.places).await?;
        let mut known = BTreeMap::new();
        for row in client.query(&statement, &[&asked]).await? {
            known.insert(OrganizationId::new(row.try_get(0)?)?, place_in(&row)?);
        }
        lease.give_back();
        Ok(roots.iter().map(|root| known.get(root).copied()).collect())
    }

    async fn replace(&self, root: OrganizationId, from: ShardPlace, to: ShardPlace) -> Result<bool, PostgresError> {
        let mut lease = Lease::default();
        let client = lease.of(&self.pool).await?;
        let statement = client.prepare_cached(&self.statements.replace).await?;
        let ((a, b, c, d), (e, f, g, h)) = (columns(from)?, columns(to)?);
        let replaced = client.execute(&statement, &[&root.uuid(), &a, &b, &c, &d, &e, &f, &g, &h]).await?;
        lease.give_back();
        Ok(replaced == 1)
    }
}

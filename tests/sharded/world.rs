//! Two shards, and commits to them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use bailiwick::{
    Actor, AgentSecret, Catalog, Changes, CommitKey, Context, CreateOrganization, DetachOrganization, Directory,
    Domain, Format, FoundTree, MemoryRepository, MemoryShardMap, Name, OrganizationEvent, OrganizationId, Page, Person,
    PrincipalId, Profile, Record, RecordKey, RecordSubscription, Recorded, Repository, Rules, ShardId,
    ShardedRepository, Slug, Timestamp, Version,
};

pub const A: ShardId = ShardId::new(1);
pub const B: ShardId = ShardId::new(2);

pub type Sharded = ShardedRepository<MemoryRepository, MemoryShardMap>;

pub fn organization(number: u128) -> OrganizationId {
    OrganizationId::from_u128(number).unwrap()
}

pub fn principal(number: u128) -> PrincipalId {
    PrincipalId::from_u128(number).unwrap()
}

pub fn key(number: u128) -> CommitKey {
    CommitKey::from_u128(number).unwrap()
}

pub fn sharded(place: fn(u128) -> ShardId) -> Sharded {
    let shards = [(A, MemoryRepository::new()), (B, MemoryRepository::new())];
    ShardedRepository::new(shards, MemoryShardMap::new()).placing(move |root| place(root.uuid().as_u128()))
}

/// A commit that makes this version of a tree; the first creates the organization of its root.
pub fn changes(root: u128, version: u64, with: u128) -> Changes {
    let name = Name::new(&format!("Tree {root}")).unwrap();
    let profile = Profile { slug: Slug::of(&name), name, region: None, tags: Default::default() };
    let created = OrganizationEvent::Created { organization: organization(root), parent: None, profile };
    let recorded = Recorded {
        format: Format,
        root: organization(root),
        version: Version::new(version),
        at: now(),
        actor: Actor::Operator(principal(1)),
        acting: None,
        key: key(with),
        correlation: None,
        operations: Vec::new(),
        events: if version == 1 { vec![created.into()] } else { Vec::new() },
    };
    Changes::new(recorded, Vec::new())
}

pub fn domain() -> Arc<Domain> {
    Arc::new(Domain { catalog: Catalog::new([]).unwrap(), rules: Rules::provider() })
}

pub fn now() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

pub const FABRIKAM: u128 = 1;
pub const NORTHWIND: u128 = 2;
pub const CONTOSO: u128 = 3;
pub const LITWARE: u128 = 4;
/// Whose name was erased, and whose was written anew.
pub const ERASED: &str = "Sentinel-erased";

fn by_operator(with: u128) -> Context {
    Context::operator(principal(99), now(), key(with))
}

pub fn by_ada(with: u128) -> Context {
    Context::principal(principal(10), organization(FABRIKAM), now(), key(with))
}

pub fn found(root: u128) -> FoundTree {
    let (owner, secret) = (principal(10), AgentSecret::from_entropy([7; 32]));
    FoundTree {
        root: organization(root),
        name: "Fabrikam".parse().unwrap(),
        owner,
        person: Person::named("Ada".parse().unwrap()),
        secret,
    }
}

/// A provider of three customers, of which one has left by a detach, and a log of several
/// pages in which a person was named, named otherwise, and erased.
pub async fn live<R: Repository>(directory: &Directory<R>) {
    let fabrikam = organization(FABRIKAM);
    directory.execute(fabrikam, &by_operator(1), &found(FABRIKAM)).await.unwrap();
    let plan = RecordSubscription::active(fabrikam, "Enterprise".parse().unwrap());
    directory.execute(fabrikam, &by_operator(2), &plan).await.unwrap();
    for (with, number) in [NORTHWIND, CONTOSO, LITWARE].into_iter().enumerate() {
        let name = format!("Customer {number}").parse().unwrap();
        let secret = AgentSecret::from_entropy([8; 32]);
        let create = CreateOrganization::new(organization(number), fabrikam, name, secret);
        directory.execute(fabrikam, &by_ada(3 + with as u128), &create).await.unwrap();
    }
    let detach = DetachOrganization { organization: organization(NORTHWIND), sever: true };
    directory.detach(fabrikam, &by_ada(6), &detach).await.unwrap();
    let repository = directory.repository();
    let someone = RecordKey::Person(principal(77));
    let head = repository.head(fabrikam).await.unwrap().get();
    for version in head + 1..=head + 300 {
        let mut changes = changes(FABRIKAM, version, 1_000 + u128::from(version));
        let named = |name: &str| Some(Record::Person(Person::named(name.parse().unwrap())));
        changes.records.extend(match version - head {
            10 | 20 => Some((someone, named(ERASED))),
            290 => Some((someone, None)),
            step if step % 7 == 0 => Some((RecordKey::Person(principal(u128::from(step))), named("Grace"))),
            _ => None,
        });
        repository.commit(changes.into()).await.unwrap();
    }
}

/// Everything that a repository answers about a tree.
pub async fn whole<R: Repository>(repository: &R, root: u128) -> Result<Page, R::Error> {
    let mut page = repository.read(organization(root), Version::ZERO, NonZeroU32::MAX).await?;
    page.records.sort_by_key(|(key, _)| *key);
    Ok(page)
}

/// What is to be the same wherever the trees are: their pages, the receipts of their keys, the
/// homes of their organizations, the list of them.
pub async fn everything<R: Repository>(repository: &R) -> (BTreeMap<u128, Page>, Vec<String>) {
    let mut pages = BTreeMap::new();
    for root in [FABRIKAM, NORTHWIND] {
        pages.insert(root, whole(repository, root).await.unwrap());
    }
    let mut told = Vec::new();
    for commit in pages.values().flat_map(|page: &Page| &page.commits) {
        told.push(format!("{:?}", repository.receipt(commit.key).await.unwrap()));
    }
    for number in [FABRIKAM, NORTHWIND, CONTOSO, LITWARE] {
        told.push(format!("{number} in {:?}", repository.root_of(organization(number)).await.unwrap()));
    }
    told.push(format!("{:?}", repository.roots(None, NonZeroU32::MAX).await.unwrap()));
    (pages, told)
}

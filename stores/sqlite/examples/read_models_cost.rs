//! How many commits a second a file takes, with read models and without.
//!
//! `cargo run --release -p bailiwick-sqlite --example read_models_cost`

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "it measures, and stops where it cannot")]

use std::sync::Arc;
use std::time::Instant;

use bailiwick::*;
use bailiwick_sqlite::SqliteRepository;
use pollster::block_on;

const ORGANIZATIONS: u128 = 500;
const MEMBERS: u128 = 1_000;
const COMMITS: u32 = 1_000;

fn main() {
    let domain = Arc::new(Domain { catalog: Catalog::new([]).unwrap(), rules: Rules::provider() });
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3 {
        for read_models in [false, true] {
            let path = folder.path().join(format!("{round}-{read_models}.sqlite"));
            let on_disk = measure(SqliteRepository::open(&path).unwrap(), read_models, &domain);
            let in_memory = measure(SqliteRepository::in_memory().unwrap(), read_models, &domain);
            let with = if read_models { "with" } else { "without" };
            let size = std::fs::metadata(&path).unwrap().len() / 1024;
            println!("{with} read models: {on_disk:.0} commits a second on disk, {in_memory:.0} in memory; {size} KiB");
        }
    }
}

/// Commits a second, once there is something in it.
fn measure(repository: SqliteRepository, read_models: bool, domain: &Arc<Domain>) -> f64 {
    let repository = if read_models { repository.with_read_models(domain.clone()).unwrap() } else { repository };
    let mut tree = grown(&repository, domain);
    let started = Instant::now();
    for number in 1..=COMMITS {
        join(&repository, &mut tree, MEMBERS + u128::from(number));
    }
    f64::from(COMMITS) / started.elapsed().as_secs_f64()
}

fn commit<C: Command>(repository: &SqliteRepository, tree: &mut OrganizationTree, context: Context, command: &C) {
    let changes = tree.decide(&context, command).map_err(|refusal| refusal.to_string()).unwrap().changes;
    tree.apply(&changes).unwrap();
    block_on(repository.commit(changes.into())).unwrap();
}

/// Ada at the root, with the next key.
fn ada(tree: &OrganizationTree) -> Context {
    let at = Timestamp::UNIX_EPOCH;
    let key = CommitKey::from_u128(u128::from(tree.version().next().get())).unwrap();
    Context::principal(PrincipalId::from_u128(1).unwrap(), tree.root(), at, key)
}

/// Somebody new joins the root.
fn join(repository: &SqliteRepository, tree: &mut OrganizationTree, number: u128) {
    let person = Person::named(format!("Person {number}").parse().unwrap());
    let add = AddMember::new(tree.root(), PrincipalId::from_u128(0x1_0000 + number).unwrap(), person);
    let context = ada(tree);
    commit(repository, tree, context, &add);
}

/// A root with many organizations below it, and many members.
fn grown(repository: &SqliteRepository, domain: &Arc<Domain>) -> OrganizationTree {
    let root = OrganizationId::from_u128(1).unwrap();
    let mut tree = OrganizationTree::empty(root, domain.clone());
    let by_operator = |tree: &OrganizationTree| Context {
        actor: Actor::Operator(PrincipalId::from_u128(9).unwrap()),
        acting: None,
        ..ada(tree)
    };
    let (owner, person) = (PrincipalId::from_u128(1).unwrap(), Person::named("Ada".parse().unwrap()));
    let secret = AgentSecret::from_entropy([7; 32]);
    let found = FoundTree { root, name: "Fabrikam".parse().unwrap(), owner, person, secret };
    let context = by_operator(&tree);
    commit(repository, &mut tree, context, &found);
    let context = by_operator(&tree);
    commit(repository, &mut tree, context, &RecordSubscription::active(root, "Enterprise".parse().unwrap()));
    for number in 1..=ORGANIZATIONS {
        let id = OrganizationId::from_u128(0x2_0000 + number).unwrap();
        let name = format!("Customer {number}").parse().unwrap();
        let create = CreateOrganization::new(id, root, name, AgentSecret::from_entropy([7; 32]));
        let context = ada(&tree);
        commit(repository, &mut tree, context, &create);
    }
    (1..=MEMBERS).for_each(|number| join(repository, &mut tree, number));
    tree
}

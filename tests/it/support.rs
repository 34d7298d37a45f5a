//! A small world for tests: a tree that commits at once, a clock that is set, ids by number.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bailiwick::*;

/// Noon of the first day; tests move on from here.
pub fn noon() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

pub fn minutes(minutes: i64) -> chrono::TimeDelta {
    chrono::TimeDelta::minutes(minutes)
}

pub fn days(days: i64) -> chrono::TimeDelta {
    chrono::TimeDelta::days(days)
}

pub fn organization(number: u128) -> OrganizationId {
    OrganizationId::from_u128(0x0a00_0000 + number).unwrap()
}

pub fn principal(number: u128) -> PrincipalId {
    PrincipalId::from_u128(0x0b00_0000 + number).unwrap()
}

pub fn group(number: u128) -> GroupId {
    GroupId::from_u128(0x0c00_0000 + number).unwrap()
}

pub fn link(number: u128) -> LinkId {
    LinkId::from_u128(0x0d00_0000 + number).unwrap()
}

pub fn role(number: u128) -> RoleId {
    RoleId::from_u128(0x0e00_0000 + number).unwrap()
}

pub fn invitation(number: u128) -> InvitationId {
    InvitationId::from_u128(0x0f00_0000 + number).unwrap()
}

pub fn project(number: u128) -> ProjectId {
    ProjectId::from_u128(0x1000_0000 + number).unwrap()
}

pub fn offer(number: u128) -> OfferId {
    OfferId::from_u128(0x1100_0000 + number).unwrap()
}

pub fn claim(name: &str) -> Claim {
    name.parse().unwrap()
}

pub fn privilege(name: &str) -> Privilege {
    Privilege::claim(name).unwrap()
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// A token that differs for each number.
pub fn token(number: u8) -> InvitationToken {
    InvitationToken::from_entropy([number; 32])
}

/// A secret for agents.
pub fn secret() -> AgentSecret {
    AgentSecret::from_entropy([9; 32])
}

/// The catalog of the tests: backups to view and restore, reports that need a capability.
pub fn catalog() -> Catalog {
    Catalog::new([
        ClaimDeclaration::view(claim("backups.view"), "See backups"),
        ClaimDeclaration::manage(claim("backups.restore"), "Restore backups").implying(claim("backups.view")),
        ClaimDeclaration::manage(claim("backups.delete"), "Delete backups").implying(claim("backups.view")),
        ClaimDeclaration::view(claim("reports.view"), "See reports").requiring("reporting".parse().unwrap()),
    ])
    .unwrap()
}

/// A tree whose commands are committed at once.
#[derive(Clone)]
pub struct World {
    pub tree: OrganizationTree,
    pub log: Vec<Changes>,
    pub at: Timestamp,
    keys: Cell<u128>,
}

/// The root of every [`World`].
pub fn root() -> OrganizationId {
    organization(1)
}

/// Its first owner.
pub fn ada() -> PrincipalId {
    principal(1)
}

/// Who runs the service.
pub fn operator() -> PrincipalId {
    principal(999)
}

impl World {
    /// A root *Fabrikam* owned by Ada, with an Enterprise subscription.
    pub fn new() -> Self {
        Self::with(Rules::provider())
    }

    /// The same under other rules.
    pub fn with(rules: Rules) -> Self {
        let mut world = Self::bare(rules);
        world.subscribe("Enterprise", Window::ALWAYS);
        world
    }

    /// The same without a subscription.
    pub fn bare(rules: Rules) -> Self {
        let domain = Arc::new(Domain { catalog: catalog(), rules });
        let tree = OrganizationTree::empty(root(), domain);
        let mut world = Self { tree, log: Vec::new(), at: noon(), keys: Cell::new(0) };
        let person = Person::named(name("Ada")).reachable_at(address("ada@fabrikam.example"));
        let found = FoundTree { root: root(), name: name("Fabrikam"), owner: ada(), person, secret: secret() };
        world.operate(&found).unwrap();
        world
    }

    /// A world on a tree that is there already, such as one that was detached.
    pub fn of(tree: OrganizationTree, at: Timestamp) -> Self {
        // Keys of its own: those of another world are in the same repository.
        let keys = Cell::new((tree.root().uuid().as_u128() << 64) + u128::from(tree.version().get()));
        Self { tree, log: Vec::new(), at, keys }
    }

    /// Another tree under the same rules, founded by the operator for `owner`.
    pub fn founded(root: OrganizationId, called: &str, owner: PrincipalId) -> Self {
        let domain = Arc::new(Domain { catalog: catalog(), rules: Rules::provider() });
        let mut world = Self::of(OrganizationTree::empty(root, domain), noon());
        let person = Person::named(name(called));
        world.operate(&FoundTree { root, name: name(called), owner, person, secret: secret() }).unwrap();
        world
    }

    pub fn subscribe(&mut self, plan: &str, term: Window) {
        let status = SubscriptionStatus::Active;
        let root = self.tree.root();
        self.operate(&RecordSubscription { root, plan: plan.parse().unwrap(), status, term }).unwrap();
    }

    pub fn key(&self) -> CommitKey {
        self.keys.set(self.keys.get() + 1);
        CommitKey::from_u128(0xfeed_0000 + self.keys.get()).unwrap()
    }

    pub fn context(&self, actor: PrincipalId, acting: OrganizationId) -> Context {
        Context::principal(actor, acting, self.at, self.key())
    }

    /// Decides, commits and applies a command by `actor`, acting from `acting`; checks that
    /// a refusal leaves the tree as it was, and that the tree is sound after.
    pub fn run<C: Command>(
        &mut self,
        actor: PrincipalId,
        acting: OrganizationId,
        command: &C,
    ) -> Result<C::Output, Refusal<C::Error>> {
        let context = self.context(actor, acting);
        self.run_in(&context, command)
    }

    /// The same as Ada, acting from the root.
    pub fn ada<C: Command>(&mut self, command: &C) -> Result<C::Output, Refusal<C::Error>> {
        self.run(ada(), self.tree.root(), command)
    }

    /// The same as the operator.
    pub fn operate<C: Command>(&mut self, command: &C) -> Result<C::Output, Refusal<C::Error>> {
        let context = Context::operator(operator(), self.at, self.key());
        self.run_in(&context, command)
    }

    /// The same as one who is not signed in to any organization.
    pub fn newcomer<C: Command>(&mut self, actor: PrincipalId, command: &C) -> Result<C::Output, Refusal<C::Error>> {
        let context = Context::newcomer(actor, self.at, self.key());
        self.run_in(&context, command)
    }

    pub fn run_in<C: Command>(&mut self, context: &Context, command: &C) -> Result<C::Output, Refusal<C::Error>> {
        let before = self.tree.clone();
        match self.tree.decide(context, command) {
            Ok(decided) => {
                self.commit(decided.changes);
                Ok(decided.output)
            }
            Err(refusal) => {
                assert!(self.tree == before, "a refusal changed the tree");
                Err(refusal)
            }
        }
    }

    /// Applies changes, keeps them in the log, and examines the tree.
    pub fn commit(&mut self, changes: Changes) {
        let mut anew = self.tree.clone();
        anew.apply(&Changes::new(changes.recorded.clone(), changes.records.clone())).unwrap();
        self.tree.apply(&changes).unwrap();
        assert!(self.tree == anew, "what was decided makes another state than what is stored");
        self.log.push(changes);
        let violations = self.tree.examine(self.at);
        assert!(violations.is_empty(), "{violations:?}");
    }

    /// The tree that the log makes, from nothing.
    pub fn replayed(&self) -> OrganizationTree {
        let commits: Vec<Recorded> = self.log.iter().map(|changes| changes.recorded.clone()).collect();
        let records = self.log.iter().flat_map(|changes| changes.records.clone());
        OrganizationTree::replay(self.tree.root(), self.tree.domain().clone(), &commits, records).unwrap()
    }

    pub fn pass(&mut self, time: chrono::TimeDelta) {
        self.at += time;
    }

    pub fn may(&self, who: PrincipalId, what: &str, place: OrganizationId) -> bool {
        self.tree.access().allows(who, place, &claim(what), self.at)
    }

    pub fn owns(&self, who: PrincipalId, place: OrganizationId) -> bool {
        self.tree.access().owns(who, place, self.at)
    }

    /// An organization under `parent`, created by Ada, who owns `parent`.
    pub fn child(&mut self, number: u128, parent: OrganizationId, called: &str) -> OrganizationId {
        let organization = organization(number);
        let create =
            CreateOrganization { organization, parent, name: name(called), slug: None, owner: None, secret: secret() };
        self.run(ada(), parent, &create).unwrap();
        organization
    }

    /// A user known at the root and a member of these organizations.
    pub fn user(&mut self, number: u128, called: &str, places: &[OrganizationId]) -> PrincipalId {
        let (principal, root) = (principal(number), self.tree.root());
        let person =
            Person::named(name(called)).reachable_at(address(&format!("{}@people.example", called.to_lowercase())));
        let join = AddMember { organization: root, principal, person: Some(person) };
        self.ada(&join).unwrap();
        for place in places.iter().filter(|place| **place != root) {
            self.run(ada(), *place, &AddMember { organization: *place, principal, person: None }).unwrap();
        }
        principal
    }

    /// A group that gives these privileges, owned by Ada.
    pub fn team(&mut self, number: u128, organization: OrganizationId, called: &str, gives: &[&str]) -> GroupId {
        let group = group(number);
        let gives = gives.iter().map(|name| privilege(name)).collect();
        self.run(ada(), organization, &CreateGroup { organization, group, name: name(called), gives, owner: ada() })
            .unwrap();
        group
    }

    pub fn join(&mut self, who: PrincipalId, group: GroupId) {
        let organization = self.tree.group(group).unwrap().organization();
        let add = AddGroupMember { organization, group, participant: Participant::Principal(who) };
        self.run(ada(), organization, &add).unwrap();
    }

    pub fn grant(&mut self, who: PrincipalId, what: &str, organization: OrganizationId) {
        let window = Window::ALWAYS;
        let grant = GrantPrivilege { organization, principal: who, privilege: privilege(what), window };
        self.run(ada(), organization, &grant).unwrap();
    }

    pub fn link(&mut self, number: u128, group: GroupId, target: OrganizationId, terms: LinkTerms) -> LinkId {
        let link = link(number);
        let source = self.tree.group(group).unwrap().organization();
        self.run(ada(), source, &LinkGroup { link, source, group, target, terms }).unwrap();
        link
    }
}

/// Checks that snapshots of the versions of a tree, loaded with the records as they are now and
/// caught up, are the tree; each is written as bytes in between.
pub fn snapshots_lead_to(tree: &OrganizationTree, log: &[Changes]) {
    let domain = tree.domain().clone();
    let records: BTreeMap<RecordKey, Option<Record>> =
        log.iter().flat_map(|changes| changes.records.iter().cloned()).collect();
    let records = || records.iter().filter_map(|(key, record)| Some((*key, record.clone()?)));
    for length in [0, log.len() / 3, log.len() * 2 / 3, log.len()] {
        let (before, after) = log.split_at(length);
        let before = before.iter().map(|changes| &changes.recorded);
        let before = OrganizationTree::replay(tree.root(), domain.clone(), before, []).unwrap();
        let written = before.snapshot().unwrap();
        let kept = Snapshot::new(written.root(), written.version(), written.bytes().to_vec());
        let mut loaded = OrganizationTree::from_snapshot(domain.clone(), &kept, records()).unwrap();
        assert_eq!(loaded.version(), before.version());
        after.iter().for_each(|changes| loaded.advance(&changes.recorded).unwrap());
        assert!(loaded == *tree, "from a snapshot at version {length} it is another tree");
    }
}

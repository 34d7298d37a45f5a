//! The work that the benches measure: made by a fixed seed, in two shapes.
//!
//! Each estate has 100 organizations in three levels (25 at the smallest size), 10 groups at
//! its top, and links from them downward. As a *forest* each estate is a tree; as *one tree*
//! all estates lie below one root.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    reason = "each bench uses its share of the work, and fails by panicking"
)]

use std::collections::{BTreeSet, HashMap, HashSet};
use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;

use bailiwick::{
    Actor, Catalog, Claim, ClaimDeclaration, Commit, CommitError, CommitKey, Domain, Event, Format, Grant, GrantEvent,
    GroupEvent, GroupId, LinkEvent, LinkId, LinkTerms, MemberEvent, Name, OrganizationEvent, OrganizationId,
    OrganizationTree, Page, Participant, PrincipalId, Privilege, Profile, Receipt, Recorded, Repository, Rules, Slug,
    Subscription, SubscriptionEvent, SubscriptionStatus, SupportEvent, SupportId, Timestamp, Version, Window,
};
use uuid::Uuid;

/// How many claims are handed out.
pub const CLAIMS: usize = 16;

/// How many events a commit has.
const COMMIT: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    S,
    M,
    L,
}

impl Size {
    pub const ALL: [Self; 3] = [Self::S, Self::M, Self::L];

    /// Estates, organizations in each, users in each, links in each.
    const fn numbers(self) -> (usize, usize, usize, usize) {
        match self {
            Self::S => (4, 25, 250, 62),
            Self::M => (100, 100, 1_000, 195),
            Self::L => (10_000, 100, 100, 200),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Forest,
    OneTree,
}

/// One question; `claim` is a position in [`World::claims`].
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub estate: usize,
    pub principal: PrincipalId,
    pub organization: OrganizationId,
    pub claim: usize,
}

pub struct Estate {
    /// Owns the top; asked about by nobody.
    pub owner: PrincipalId,
    pub organizations: Vec<(OrganizationId, Option<OrganizationId>)>,
    pub users: Vec<PrincipalId>,
    /// Each group with the claims that it gives.
    pub groups: Vec<(GroupId, Vec<usize>)>,
    pub direct: Vec<(PrincipalId, OrganizationId, usize)>,
    pub members: Vec<(PrincipalId, GroupId)>,
    pub links: Vec<(LinkId, GroupId, OrganizationId)>,
}

impl Estate {
    pub fn top(&self) -> OrganizationId {
        self.organizations[0].0
    }
}

pub struct World {
    pub claims: Vec<Claim>,
    pub domain: Arc<Domain>,
    pub estates: Vec<Estate>,
}

/// When everything is asked.
pub fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

struct Draw(fastrand::Rng);

impl Draw {
    fn random(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.0.u128(..).to_le_bytes()).into_uuid()
    }

    /// A version 7 one, as if made a moment after the last.
    fn sorted(&mut self, moment: u64) -> Uuid {
        let bytes = self.0.u128(..).to_le_bytes();
        let mut counter = [0; 10];
        counter.copy_from_slice(&bytes[..10]);
        uuid::Builder::from_unix_timestamp_millis(1_780_000_000_000 + moment, &counter).into_uuid()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.0.usize(..of.len())]
    }
}

impl World {
    pub fn new(size: Size) -> Self {
        let mut claims: Vec<Claim> = (0..CLAIMS).map(|n| format!("things.do_{n}").parse().unwrap()).collect();
        let mut declarations: Vec<_> =
            claims.iter().map(|claim| ClaimDeclaration::manage(claim.clone(), "Do it")).collect();
        // One more, of the kind that support access gives.
        claims.push("things.see".parse().unwrap());
        declarations.push(ClaimDeclaration::view(claims[CLAIMS].clone(), "See it"));
        let catalog = Catalog::new(declarations).unwrap();
        let domain = Arc::new(Domain { catalog, rules: Rules::provider() });
        let mut draw = Draw(fastrand::Rng::with_seed(20_260_601));
        let (estates, organizations, users, links) = size.numbers();
        let estates = (0..estates).map(|n| Estate::new(&mut draw, n, organizations, users, links)).collect();
        Self { claims, domain, estates }
    }

    pub fn organizations(&self) -> usize {
        self.estates.iter().map(|estate| estate.organizations.len()).sum()
    }

    /// Direct claims and group memberships.
    pub fn memberships(&self) -> usize {
        self.estates.iter().map(|estate| estate.direct.len() + estate.members.len()).sum()
    }

    /// The logs of the trees, each with its root.
    pub fn logs(&self, shape: Shape) -> Vec<(OrganizationId, Vec<Recorded>)> {
        match shape {
            Shape::Forest => self
                .estates
                .iter()
                .map(|estate| (estate.top(), self.commits(estate.top(), self.events(estate, None))))
                .collect(),
            Shape::OneTree => {
                let root = OrganizationId::from_u128(1).unwrap();
                let mut events = self.root_events(root);
                for estate in &self.estates {
                    events.extend(self.events(estate, Some(root)));
                }
                vec![(root, self.commits(root, events))]
            }
        }
    }

    pub fn trees(&self, shape: Shape) -> Vec<OrganizationTree> {
        let replay = |(root, log): (OrganizationId, Vec<Recorded>)| {
            OrganizationTree::replay(root, self.domain.clone(), &log, []).unwrap()
        };
        match shape {
            // One log at a time, lest all be in memory at once.
            Shape::Forest => self
                .estates
                .iter()
                .map(|estate| replay((estate.top(), self.commits(estate.top(), self.events(estate, None)))))
                .collect(),
            Shape::OneTree => self.logs(shape).into_iter().map(replay).collect(),
        }
    }

    fn commits(&self, root: OrganizationId, events: Vec<Event>) -> Vec<Recorded> {
        let mut events = events.into_iter().peekable();
        let mut log = Vec::new();
        while events.peek().is_some() {
            let version = Version::new(log.len() as u64 + 1);
            let key = CommitKey::from_u128(u128::from(version.get())).unwrap();
            let events = events.by_ref().take(COMMIT).collect();
            log.push(Recorded { version, key, events, ..self.commit(root) });
        }
        log
    }

    /// A commit of nothing yet.
    pub fn commit(&self, root: OrganizationId) -> Recorded {
        Recorded {
            format: Format,
            root,
            version: Version::new(1),
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            actor: Actor::Operator(PrincipalId::from_u128(u128::MAX).unwrap()),
            acting: None,
            key: CommitKey::from_u128(1).unwrap(),
            correlation: None,
            operations: Vec::new(),
            events: Vec::new(),
        }
    }

    fn events(&self, estate: &Estate, below: Option<OrganizationId>) -> Vec<Event> {
        let root = below.unwrap_or(estate.top());
        let mut events = if below.is_none() { self.root_events(root) } else { vec![created(estate.top(), below, 0)] };
        for (number, (id, parent)) in estate.organizations.iter().enumerate().skip(1) {
            events.push(created(*id, *parent, number));
        }
        for user in estate.users.iter().chain([&estate.owner]) {
            events.push(MemberEvent::UserKnown { principal: *user }.into());
            events.push(MemberEvent::Added { organization: root, principal: *user }.into());
            if below.is_some() {
                events.push(MemberEvent::Added { organization: estate.top(), principal: *user }.into());
            }
        }
        let owner = Grant { privilege: Privilege::OWNER, window: Window::ALWAYS };
        for (organization, _) in &estate.organizations[..11] {
            let (organization, principal) = (*organization, estate.owner);
            if organization != estate.top() {
                events.push(MemberEvent::Added { organization, principal }.into());
            }
            events.push(GrantEvent::Granted { organization, principal, grant: owner.clone() }.into());
        }
        let mut known = HashSet::new();
        for (user, organization, claim) in &estate.direct {
            let (organization, principal) = (*organization, *user);
            if organization != estate.top() && known.insert((organization, principal)) {
                events.push(MemberEvent::Added { organization, principal }.into());
            }
            let privilege = Privilege::from(self.claims[*claim].clone());
            let grant = Grant { privilege, window: Window::ALWAYS };
            events.push(GrantEvent::Granted { organization, principal, grant }.into());
        }
        for (group, gives) in &estate.groups {
            let gives: BTreeSet<Privilege> = gives.iter().map(|claim| self.claims[*claim].clone().into()).collect();
            let (name, owner) = (Name::new("Engineers").unwrap(), estate.owner);
            events.push(GroupEvent::Created { organization: estate.top(), group: *group, name, gives, owner }.into());
        }
        for (user, group) in &estate.members {
            let (organization, participant) = (estate.top(), Participant::Principal(*user));
            events
                .push(GroupEvent::MemberAdded { organization, group: *group, participant, self_granted: false }.into());
        }
        for (link, group, target) in &estate.links {
            let (source, terms, present) = (estate.top(), LinkTerms::target(), BTreeSet::from([*target]));
            events
                .push(LinkEvent::Linked { link: *link, source, group: *group, target: *target, terms, present }.into());
        }
        events
    }

    fn root_events(&self, root: OrganizationId) -> Vec<Event> {
        let plan = self.domain.rules.plans.keys().next().unwrap().clone();
        let since = "2026-01-01T00:00:00Z".parse().unwrap();
        let subscription = Subscription { plan, status: SubscriptionStatus::Active, term: Window::ALWAYS, since };
        vec![created(root, None, 0), SubscriptionEvent::Recorded { root, subscription }.into()]
    }

    /// Allowed questions by each plain way.
    pub fn ways(&self) -> [(&'static str, Vec<Ask>); 3] {
        let estates = || self.estates.iter().enumerate();
        let direct = estates().flat_map(|(estate, of)| {
            of.direct.iter().map(move |(principal, organization, claim)| Ask {
                estate,
                principal: *principal,
                organization: *organization,
                claim: *claim,
            })
        });
        let by_group = |(estate, of): (usize, &Estate), linked: bool| {
            let place = |group: GroupId| of.links.iter().find(|(_, other, _)| *other == group).map(|link| link.2);
            let ask = |(principal, group): &(PrincipalId, GroupId)| {
                let (_, gives) = of.groups.iter().find(|(id, _)| id == group)?;
                let organization = if linked { place(*group)? } else { of.top() };
                Some(Ask { estate, principal: *principal, organization, claim: gives[0] })
            };
            of.members.iter().filter_map(ask).collect::<Vec<_>>()
        };
        [
            ("a direct claim", few(direct.collect())),
            ("a group", few(estates().flat_map(|of| by_group(of, false)).collect())),
            ("a link", few(estates().flat_map(|of| by_group(of, true)).collect())),
        ]
    }

    /// Allowed questions by ways that need more: each is added to the tree for one person of
    /// each of the first estates.
    pub fn special_ways(&self, tree: &mut OrganizationTree) -> [(&'static str, Vec<Ask>); 4] {
        let mut draw = Draw(fastrand::Rng::with_seed(5));
        let mut ways: [(&'static str, Vec<Ask>); 4] = [
            ("a grant with an end", vec![]),
            ("a reach", vec![]),
            ("a nested group", vec![]),
            ("support access", vec![]),
        ];
        let root = tree.root();
        let mut events = Vec::new();
        for (number, estate) in self.estates.iter().enumerate().take(100) {
            let top = estate.top();
            let below = |n: usize| estate.organizations[n].0;
            let child = estate.organizations.iter().find(|(_, parent)| *parent == Some(below(1))).unwrap().0;
            let mut ask = |way: usize, principal, organization, claim| {
                ways[way].1.push(Ask { estate: number, principal, organization, claim });
            };
            let mut newcomer = |events: &mut Vec<Event>| {
                let principal = PrincipalId::new(draw.random()).unwrap();
                events.push(MemberEvent::UserKnown { principal }.into());
                events.extend([root, top].map(|organization| MemberEvent::Added { organization, principal }.into()));
                principal
            };
            let timed = newcomer(&mut events);
            let window = Window::until("2030-01-01T00:00:00Z".parse().unwrap());
            let grant = Grant { privilege: self.claims[0].clone().into(), window };
            events.push(GrantEvent::Granted { organization: top, principal: timed, grant }.into());
            ask(0, timed, top, 0);
            let (reaching, nested) = (newcomer(&mut events), newcomer(&mut events));
            let [outer, inner, wide] = [(); 3].map(|()| GroupId::new(draw.random()).unwrap());
            for (group, claim) in [(outer, Some(0)), (inner, None), (wide, Some(0))] {
                let gives = claim.map(|claim: usize| self.claims[claim].clone().into()).into_iter().collect();
                let (name, owner) = (Name::new("Special").unwrap(), estate.owner);
                events.push(GroupEvent::Created { organization: top, group, name, gives, owner }.into());
            }
            for (group, participant) in [
                (outer, Participant::Group(inner)),
                (inner, Participant::Principal(nested)),
                (wide, Participant::Principal(reaching)),
            ] {
                events.push(
                    GroupEvent::MemberAdded { organization: top, group, participant, self_granted: false }.into(),
                );
            }
            ask(2, nested, top, 0);
            let (link, terms) = (LinkId::new(draw.random()).unwrap(), LinkTerms::subtree().with_future());
            let (target, present) = (below(1), BTreeSet::from([below(1)]));
            events.push(LinkEvent::Linked { link, source: top, group: wide, target, terms, present }.into());
            ask(1, reaching, child, 0);
            let (support, engineer) = (draw.random(), PrincipalId::new(draw.random()).unwrap());
            let (support, until) = (SupportId::new(support).unwrap(), "2030-01-01T00:00:00Z".parse().unwrap());
            events.push(SupportEvent::Granted { organization: top, support, engineer, until }.into());
            ask(3, engineer, top, CLAIMS);
        }
        let log = self.commits(root, events);
        for mut commit in log {
            commit.version = tree.version().next();
            tree.advance(&commit).unwrap();
        }
        ways
    }

    /// Questions over the whole set, about half of them to be allowed.
    pub fn mixed(&self, count: usize) -> Vec<Ask> {
        let mut draw = Draw(fastrand::Rng::with_seed(7));
        (0..count).map(|_| self.ask(&mut draw)).collect()
    }

    /// A few hundred questions, again and again.
    pub fn hot(&self, count: usize) -> Vec<Ask> {
        let few = self.mixed(300);
        few.iter().cycle().take(count).copied().collect()
    }

    fn ask(&self, draw: &mut Draw) -> Ask {
        let estate = draw.0.usize(..self.estates.len());
        let of = &self.estates[estate];
        let ask = |principal, organization, claim| Ask { estate, principal, organization, claim };
        match draw.0.u8(..8) {
            // By a direct claim.
            0..2 => {
                let (user, organization, claim) = *draw.one(&of.direct);
                ask(user, organization, claim)
            }
            // By a group where it lives, or by a link of one.
            2..4 => {
                let (user, group) = *draw.one(&of.members);
                let (_, gives) = of.groups.iter().find(|(id, _)| *id == group).unwrap();
                let links: Vec<_> = of.links.iter().filter(|(_, linked, _)| *linked == group).collect();
                let place = if links.is_empty() || draw.0.bool() { of.top() } else { draw.one(&links).2 };
                ask(user, place, *draw.one(gives))
            }
            _ => ask(*draw.one(&of.users), draw.one(&of.organizations).0, draw.0.usize(..CLAIMS)),
        }
    }
}

impl Estate {
    fn new(draw: &mut Draw, number: usize, organizations: usize, users: usize, links: usize) -> Self {
        let moment = (number * 1_000) as u64;
        let ids: Vec<_> =
            (0..organizations as u64).map(|n| OrganizationId::new(draw.sorted(moment + n)).unwrap()).collect();
        let width = organizations / 10;
        let parent = |n: usize| match n {
            0 => None,
            n if n <= width => Some(ids[0]),
            n => Some(ids[1 + n % width]),
        };
        let organizations: Vec<_> = ids.iter().enumerate().map(|(n, id)| (*id, parent(n))).collect();
        let users: Vec<_> = (0..users).map(|_| PrincipalId::new(draw.random()).unwrap()).collect();
        let groups: Vec<_> = (0..10)
            .map(|n| {
                let gives = (0..3).map(|_| draw.0.usize(..CLAIMS)).collect();
                (GroupId::new(draw.sorted(moment + 500 + n)).unwrap(), gives)
            })
            .collect();
        let (mut direct, mut members) = (BTreeSet::new(), BTreeSet::new());
        for user in &users {
            for _ in 0..draw.0.usize(1..6) + usize::from(draw.0.u8(..10) < 3) {
                direct.insert((*user, draw.one(&ids).to_owned(), draw.0.usize(..CLAIMS)));
            }
            for _ in 0..draw.0.usize(0..5) {
                members.insert((*user, draw.one(&groups).0));
            }
        }
        let mut linked = BTreeSet::new();
        while linked.len() < links {
            linked.insert((draw.one(&groups).0, *draw.one(&ids[1..])));
        }
        let link = |(group, target)| (LinkId::new(draw.random()).unwrap(), group, target);
        let links = linked.into_iter().map(link).collect();
        let (direct, members) = (direct.into_iter().collect(), members.into_iter().collect());
        let owner = PrincipalId::new(draw.random()).unwrap();
        Self { owner, organizations, users, groups, direct, members, links }
    }
}

/// As many questions as stay in the caches.
fn few(asks: Vec<Ask>) -> Vec<Ask> {
    let step = asks.len().div_ceil(300);
    asks.into_iter().step_by(step).collect()
}

/// The sizes to measure: those that `BAILIWICK_BENCH` lists, or S and M.
pub fn sizes() -> Vec<Size> {
    let wanted = std::env::var("BAILIWICK_BENCH").unwrap_or("S,M".into());
    Size::ALL.into_iter().filter(|size| wanted.split(',').any(|name| name == format!("{size:?}"))).collect()
}

fn created(organization: OrganizationId, parent: Option<OrganizationId>, number: usize) -> Event {
    let slug = Slug::new(&format!("o{}", organization.uuid().simple())).unwrap();
    let name = Name::new(&format!("Organization {number}")).unwrap();
    let profile = Profile { name, slug, region: None, tags: BTreeSet::new() };
    OrganizationEvent::Created { organization, parent, profile }.into()
}

/// The logs of a forest as a repository, each made anew when it is read. Commits are taken
/// after a pause, as if a disk had to be waited for, and forgotten.
pub struct Logs<'w> {
    world: &'w World,
    estates: HashMap<OrganizationId, usize>,
    pause: std::time::Duration,
}

impl<'w> Logs<'w> {
    pub fn of(world: &'w World, pause: std::time::Duration) -> Self {
        let estates = world.estates.iter().enumerate().map(|(number, estate)| (estate.top(), number)).collect();
        Self { world, estates, pause }
    }
}

impl Repository for Logs<'_> {
    type Error = Infallible;

    async fn commit(&self, commit: Commit) -> Result<Receipt, CommitError<Infallible>> {
        std::thread::sleep(self.pause);
        Ok(commit.receipt())
    }

    async fn receipt(&self, _: CommitKey) -> Result<Option<Receipt>, Infallible> {
        Ok(None)
    }

    async fn head(&self, root: OrganizationId) -> Result<Version, Infallible> {
        Ok(self.read(root, Version::ZERO, NonZeroU32::MAX).await?.head)
    }

    async fn read(&self, root: OrganizationId, after: Version, _: NonZeroU32) -> Result<Page, Infallible> {
        let mut page = Page { commits: Vec::new(), records: Vec::new(), head: after };
        if after == Version::ZERO {
            let estate = &self.world.estates[self.estates[&root]];
            page.commits = self.world.commits(root, self.world.events(estate, None));
            page.head = Version::new(page.commits.len() as u64);
        }
        Ok(page)
    }

    async fn root_of(&self, _: OrganizationId) -> Result<Option<OrganizationId>, Infallible> {
        Ok(None)
    }

    async fn roots(&self, _: Option<OrganizationId>, _: NonZeroU32) -> Result<Vec<OrganizationId>, Infallible> {
        Ok(self.estates.keys().copied().collect())
    }
}

/// The simplest correct thing for these questions: nested maps and sets, keyed by UUID and by
/// the name of the claim. It knows direct claims, groups and links, and none of the other rules.
#[derive(Default)]
pub struct PlainMaps {
    pub direct: HashMap<Uuid, HashMap<Uuid, HashSet<String>>>,
    pub groups_of: HashMap<Uuid, HashSet<Uuid>>,
    pub active: HashMap<Uuid, HashSet<Uuid>>,
    pub gives: HashMap<Uuid, HashSet<String>>,
}

impl PlainMaps {
    pub fn of(world: &World) -> Self {
        let mut maps = Self::default();
        let claim = |claim: usize| world.claims[claim].to_string();
        for estate in &world.estates {
            for (user, organization, held) in &estate.direct {
                let places = maps.direct.entry(user.uuid()).or_default();
                places.entry(organization.uuid()).or_default().insert(claim(*held));
            }
            for (user, group) in &estate.members {
                maps.groups_of.entry(user.uuid()).or_default().insert(group.uuid());
            }
            for (group, gives) in &estate.groups {
                maps.active.entry(estate.top().uuid()).or_default().insert(group.uuid());
                maps.gives.insert(group.uuid(), gives.iter().map(|given| claim(*given)).collect());
            }
            for (_, group, target) in &estate.links {
                maps.active.entry(target.uuid()).or_default().insert(group.uuid());
            }
        }
        maps
    }

    pub fn allows(&self, principal: Uuid, organization: Uuid, claim: &str) -> bool {
        let held = self.direct.get(&principal).and_then(|places| places.get(&organization));
        if held.is_some_and(|held| held.contains(claim)) {
            return true;
        }
        let (Some(groups), Some(active)) = (self.groups_of.get(&principal), self.active.get(&organization)) else {
            return false;
        };
        let gives = |group: &Uuid| self.gives.get(group).is_some_and(|gives| gives.contains(claim));
        groups.iter().any(|group| active.contains(group) && gives(group))
    }
}

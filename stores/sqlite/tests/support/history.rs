//! Random histories of a tree, and what it answers: for the read models of each store.

#![allow(dead_code, reason = "each store uses a part of it")]
#![allow(clippy::indexing_slicing, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use bailiwick::*;

pub(crate) fn organization(number: u64) -> OrganizationId {
    OrganizationId::from_u128(0xa000 + u128::from(number)).unwrap()
}

pub(crate) fn principal(number: u64) -> PrincipalId {
    PrincipalId::from_u128(0xb000 + u128::from(number)).unwrap()
}

pub(crate) fn group(number: u64) -> GroupId {
    GroupId::from_u128(0xc000 + u128::from(number)).unwrap()
}

pub(crate) fn link(number: u64) -> LinkId {
    LinkId::from_u128(0xd000 + u128::from(number)).unwrap()
}

fn role(number: u64) -> RoleId {
    RoleId::from_u128(0xe000 + u128::from(number)).unwrap()
}

fn support(number: u64) -> SupportId {
    SupportId::from_u128(0xf000 + u128::from(number)).unwrap()
}

fn invitation(number: u64) -> InvitationId {
    InvitationId::from_u128(0x1_0000 + u128::from(number)).unwrap()
}

fn project(number: u64) -> ProjectId {
    ProjectId::from_u128(0x2_0000 + u128::from(number)).unwrap()
}

pub(crate) fn noon() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn minutes(minutes: u64) -> std::time::Duration {
    std::time::Duration::from_secs(minutes * 60)
}

pub(crate) fn root() -> OrganizationId {
    organization(1)
}

pub(crate) fn ada() -> PrincipalId {
    principal(1)
}

fn operator() -> PrincipalId {
    principal(999)
}

fn reporting() -> CapabilityName {
    "reporting".parse().unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Claims that imply and require, at two levels of names; a lapse suspends links, for one
/// domain at once and for one after a day.
pub(crate) fn domain(seed: u64) -> Arc<Domain> {
    let claim = |name: &str| name.parse::<Claim>().unwrap();
    let catalog = Catalog::new([
        ClaimDeclaration::view(claim("backups.view"), "See backups"),
        ClaimDeclaration::manage(claim("backups.files.restore"), "Restore files").implying(claim("backups.view")),
        ClaimDeclaration::manage(claim("backups.delete"), "Delete").implying(claim("backups.files.restore")),
        ClaimDeclaration::view(claim("reports.view"), "See reports").requiring(reporting()),
        ClaimDeclaration::manage(claim("reports.edit"), "Edit reports").implying(claim("reports.view")),
    ]);
    let rules = Rules::custom().levels(LevelLimit::new(4).unwrap());
    let rules = match seed % 3 {
        0 => rules,
        1 => rules.lapse(Lapse::Suspend),
        _ => rules.lapse(Lapse::Suspend).grace(Some(Period::seconds(3_600).unwrap())),
    };
    Arc::new(Domain { catalog: catalog.unwrap(), rules: rules.build().unwrap() })
}

/// A tree that changes at random, the same for the same seed.
pub(crate) struct History {
    pub(crate) tree: OrganizationTree,
    pub(crate) at: Timestamp,
    /// How often each command took effect.
    pub(crate) done: BTreeMap<&'static str, u32>,
    seed: u64,
    keys: u128,
    made: u64,
}

impl History {
    /// An empty tree, in a world of its own.
    pub(crate) fn new(seed: u64) -> Self {
        Self::of(root(), seed)
    }

    /// The same with another root.
    pub(crate) fn of(root: OrganizationId, seed: u64) -> Self {
        let tree = OrganizationTree::empty(root, domain(seed));
        let seed = seed ^ u64::try_from(root.uuid().as_u128()).unwrap() << 16;
        Self { tree, at: noon(), done: BTreeMap::new(), seed, keys: u128::from(seed) << 32, made: 0 }
    }

    /// One of so many, from 0 on.
    pub(crate) fn draw(&mut self, many: u64) -> u64 {
        // SplitMix64.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.seed;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % many
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        let index = self.draw(u64::try_from(of.len()).unwrap());
        of[usize::try_from(index).unwrap()].clone()
    }

    pub(crate) fn key(&mut self) -> CommitKey {
        self.keys += 1;
        CommitKey::from_u128(self.keys).unwrap()
    }

    fn decide<C: Command + Debug>(
        &mut self,
        kind: &'static str,
        actor: Actor,
        acting: Option<OrganizationId>,
        command: &C,
    ) -> Option<Changes> {
        let context = Context {
            actor,
            acting,
            at: self.at,
            key: self.key(),
            reason: Some("asked for".parse().unwrap()),
            correlation: None,
        };
        let changes = self.tree.decide(&context, command).ok()?.changes;
        *self.done.entry(kind).or_default() += 1;
        Some(changes)
    }

    fn operate<C: Command + Debug>(&mut self, kind: &'static str, command: &C) -> Option<Changes> {
        self.decide(kind, Actor::Operator(operator()), None, command)
    }

    fn ada<C: Command + Debug>(&mut self, kind: &'static str, acting: OrganizationId, command: &C) -> Option<Changes> {
        self.decide(kind, Actor::Principal(ada()), Some(acting), command)
    }

    /// The commits that every history begins with, given to `commit` one by one: Ada's root
    /// with a subscription and a capability, and a few who are members there.
    pub(crate) fn begin(&mut self, mut commit: impl FnMut(&mut Self, Changes)) {
        self.found("Fabrikam", &mut commit);
        let subscribe = RecordSubscription::active(root(), "Enterprise".parse().unwrap());
        let changes = self.operate("subscribe", &subscribe).unwrap();
        commit(self, changes);
        let assign = AssignCapability { organization: root(), capability: reporting(), until: None };
        let changes = self.operate("assign", &assign).unwrap();
        commit(self, changes);
        for number in 2..=4 {
            let person = Person::named(name(&format!("Person {number}")));
            let join = AddMember::new(root(), principal(number), person);
            let changes = self.ada("join root", root(), &join).unwrap();
            commit(self, changes);
        }
        for (number, parent) in [(2, 1), (3, 2), (4, 1)] {
            let changes = self.create(number, organization(parent)).unwrap();
            commit(self, changes);
        }
    }

    /// Founds the tree for Ada.
    pub(crate) fn found(&mut self, called: &str, mut commit: impl FnMut(&mut Self, Changes)) {
        let (person, secret) = (Person::named(name("Ada")), AgentSecret::from_entropy([9; 32]));
        let found = FoundTree { root: self.tree.root(), name: name(called), owner: ada(), person, secret };
        let changes = self.operate("found", &found).unwrap();
        commit(self, changes);
    }

    /// A group of the root that may restore files, with one member, linked to one below.
    pub(crate) fn staff(&mut self, mut commit: impl FnMut(&mut Self, Changes)) {
        let (group, restore) = (group(1), Privilege::claim("backups.files.restore").unwrap());
        let create = CreateGroup::new(root(), group, name("Restorers"), ada()).giving([restore]);
        let changes = self.ada("group", root(), &create).unwrap();
        commit(self, changes);
        let participant = Participant::Principal(principal(2));
        let changes = self.ada("enter", root(), &AddGroupMember { organization: root(), group, participant }).unwrap();
        commit(self, changes);
        let target = organization(3);
        let link = LinkGroup { link: link(1), source: root(), group, target, terms: LinkTerms::default() };
        let changes = self.ada("link", root(), &link).unwrap();
        commit(self, changes);
    }

    /// What chance rarely comes to: an exclusion with something below it, somebody suspended
    /// where their group lives or where it is linked, groups nested across organizations, a link
    /// that gives more than its group does by now, support that is asked for; and subscriptions
    /// of each kind at the end.
    pub(crate) fn corners(&mut self, mut commit: impl FnMut(&mut Self, Changes)) {
        let mut all = |history: &mut Self, changes: Option<Changes>| commit(history, changes.unwrap());
        let (top, middle, below) = (root(), organization(2), organization(3));
        let claim = |name: &str| Privilege::claim(name).unwrap();
        let changes = self.create(5, below);
        all(self, changes);
        let (role, claims) = (role(7), ["audit.view".parse().unwrap()].into());
        let define = DefineRole { organization: top, role, name: name("Auditor"), claims };
        let changes = self.ada("role", top, &define);
        all(self, changes);
        let audits = Privilege::Role(RoleRef::Defined(role));
        let until = Some(self.at + minutes(40));
        let assign = AssignCapability { organization: middle, capability: reporting(), until };
        let changes = self.ada("assign", top, &assign);
        all(self, changes);
        let join = AddMember::known(middle, principal(4));
        let changes = self.ada("join", middle, &join);
        all(self, changes);
        let narrowed = LinkTerms::target().giving_only([claim("backups.delete"), audits.clone()]);
        let narrowed = narrowed.during(Window::starting(self.at + minutes(5)));
        let wide = LinkTerms::subtree().with_future().except([below]).during(Window::until(self.at + minutes(20)));
        for (number, home, target, who, terms) in [
            (2, top, middle, 3, wide),
            (3, middle, below, 4, LinkTerms::target().with_future()),
            (4, top, organization(4), 3, narrowed),
            (7, top, middle, 2, LinkTerms::children()),
        ] {
            let (id, gives) = (group(number), [claim("backups.delete"), audits.clone()]);
            let create = CreateGroup::new(home, id, name("Team"), ada()).giving(gives);
            let changes = self.ada("group", home, &create);
            all(self, changes);
            let participant = Participant::Principal(principal(who));
            let changes = self.ada("enter", home, &AddGroupMember { organization: home, group: id, participant });
            all(self, changes);
            let make = LinkGroup { link: link(number), source: home, group: id, target, terms };
            let changes = self.ada("link", home, &make);
            all(self, changes);
        }
        for (number, home, gives) in [(5, top, "owner"), (6, middle, "groups.manage")] {
            let create = CreateGroup::new(home, group(number), name("Team"), ada()).giving([claim(gives)]);
            let changes = self.ada("group", home, &create);
            all(self, changes);
        }
        let (target, terms) = (organization(4), LinkTerms::default());
        let make = LinkGroup { link: link(5), source: top, group: group(5), target, terms };
        let changes = self.ada("link", top, &make);
        all(self, changes);
        for (home, outer, participant) in [
            (middle, 3, Participant::Group(group(2))),
            (middle, 6, Participant::Group(group(3))),
            (top, 5, Participant::Principal(principal(4))),
            (top, 4, Participant::Principal(principal(2))),
        ] {
            let enter = AddGroupMember { organization: home, group: group(outer), participant };
            let changes = self.ada("enter", home, &enter);
            all(self, changes);
        }
        let changes = self.ada("suspend", middle, &SuspendMember { organization: middle, principal: principal(4) });
        all(self, changes);
        let gives = [claim("backups.view"), claim("groups.view"), audits].into();
        let define = DefineGroup { organization: top, group: group(4), name: name("Team"), gives };
        let changes = self.ada("define group", top, &define);
        all(self, changes);
        let join = AddMember::known(organization(4), principal(2));
        let changes = self.ada("join", organization(4), &join);
        all(self, changes);
        let suspend = SuspendMember { organization: organization(4), principal: principal(2) };
        let changes = self.ada("suspend", organization(4), &suspend);
        all(self, changes);
        for (number, parent) in [(6, middle), (7, top)] {
            let changes = self.create(number, parent);
            all(self, changes);
        }
        let changes =
            self.ada("opt out", organization(6), &OptOutOfLink { organization: organization(6), link: link(2) });
        all(self, changes);
        let deactivate = DeactivateOrganization { organization: organization(7), with_descendants: false };
        let changes = self.ada("deactivate", top, &deactivate);
        all(self, changes);
        let (id, engineer, duration) = (support(2), principal(900), Period::seconds(3_600).unwrap());
        let grant = GrantSupport { support: id, organization: top, engineer, duration };
        let changes = self.ada("support", top, &grant);
        all(self, changes);
        let request = RequestSupport { support: support(1), organization: top, duration: None };
        let changes = self.operate("request support", &request);
        all(self, changes);
        let soon = Window::new(Some(self.at + minutes(10)), Some(self.at + minutes(30))).unwrap();
        let (active, past_due) = (SubscriptionStatus::Active, SubscriptionStatus::PastDue);
        for (plan, status, term) in [
            ("Professional", active, Window::ALWAYS),
            ("Enterprise", active, soon),
            ("Enterprise", past_due, Window::ALWAYS),
            ("Enterprise", active, Window::ALWAYS),
        ] {
            let plan = plan.parse().unwrap();
            let changes = self.operate("subscribe", &RecordSubscription { root: top, plan, status, term });
            all(self, changes);
        }
    }

    fn create(&mut self, number: u64, parent: OrganizationId) -> Option<Changes> {
        let secret = AgentSecret::from_entropy([9; 32]);
        let create = CreateOrganization::new(organization(number), parent, name(&format!("Place {number}")), secret);
        self.ada("create", parent, &create)
    }

    /// A command at random, and what it changes if it is not refused.
    pub(crate) fn step(&mut self) -> Option<Changes> {
        if self.draw(3) == 0 {
            self.at += minutes(self.seed % 40);
        }
        match self.draw(10) {
            0 | 1 => self.step_place(),
            2 | 3 => self.step_person(),
            4..=6 => self.step_group(),
            7 | 8 => self.step_link(),
            _ => self.step_paid(),
        }
    }

    fn place(&mut self) -> OrganizationId {
        let places: Vec<_> = self.tree.organizations().map(Organization::id).collect();
        self.one(&places)
    }

    fn person(&mut self) -> PrincipalId {
        let people: Vec<_> = self.tree.principals().collect();
        self.one(&people)
    }

    /// Some member like this, but not Ada, on whom all depends.
    fn member(&mut self, like: impl Fn(&Member) -> bool) -> Option<(OrganizationId, PrincipalId)> {
        let places = self.tree.organizations().map(Organization::id);
        let members = places.flat_map(|place| self.tree.members(place).map(move |(who, member)| (place, who, member)));
        let members: Vec<_> = members
            .filter(|(_, who, member)| *who != ada() && like(member))
            .map(|(place, who, _)| (place, who))
            .collect();
        if members.is_empty() { None } else { Some(self.one(&members)) }
    }

    fn groups(&self) -> Vec<GroupId> {
        self.tree.organizations().flat_map(|place| self.tree.groups(place.id())).map(Group::id).collect()
    }

    fn new_number(&mut self) -> u64 {
        self.made += 1;
        100 + self.made
    }

    /// Often always, else with a start or an end near by, at times between two microseconds.
    fn window(&mut self) -> Window {
        let start = self.at + minutes(self.draw(60)) + std::time::Duration::from_nanos(self.draw(3) * 500);
        let end = start + minutes(1 + self.draw(90)) + std::time::Duration::from_nanos(self.draw(3) * 500);
        match self.draw(5) {
            0 => Window::until(end),
            1 => Window::starting(start),
            2 => Window::new(Some(start), Some(end)).unwrap(),
            _ => Window::ALWAYS,
        }
    }

    fn roles(&self) -> Vec<RoleId> {
        self.tree.organizations().flat_map(|place| self.tree.roles_usable_in(place.id())).map(Role::id).collect()
    }

    fn privilege(&mut self) -> Privilege {
        let names = [
            "owner",
            "backups.view",
            "backups.*",
            "backups.files.*",
            "backups.delete",
            "reports.edit",
            "reports.view",
            "groups.*",
        ];
        let roles = self.roles();
        match self.draw(8) {
            0 => RoleRef::ManageOrganization.into(),
            1 => RoleRef::ManageMspCustomers.into(),
            2 | 3 if !roles.is_empty() => RoleRef::Defined(self.one(&roles)).into(),
            _ => Privilege::claim(self.one(&names)).unwrap(),
        }
    }

    fn privileges(&mut self) -> BTreeSet<Privilege> {
        (0..1 + self.draw(2)).map(|_| self.privilege()).collect()
    }

    fn step_place(&mut self) -> Option<Changes> {
        let (place, other, number) = (self.place(), self.place(), self.new_number());
        match self.draw(9) {
            0 | 1 => self.create(number, place),
            2 | 3 => {
                self.ada("move", root(), &MoveOrganization { organization: place, new_parent: other, sever: true })
            }
            4 if self.draw(3) == 0 => {
                self.ada("deactivate", root(), &DeactivateOrganization { organization: place, with_descendants: false })
            }
            5 | 6 => {
                let inactive = self.tree.organizations().find(|place| !place.is_itself_active()).map(Organization::id);
                self.ada("reactivate", root(), &ReactivateOrganization { organization: inactive? })
            }
            7 if self.draw(2) == 0 => {
                let evidence = Evidence::none(self.at);
                let delete = DeleteOrganization { organization: place, evidence, mode: DeletionMode::Hard };
                self.ada("delete", root(), &delete)
            }
            _ => {
                let tags = Some((0..self.draw(3)).map(|number| format!("tag-{number}").parse().unwrap()).collect());
                let edit = EditOrganization {
                    tags,
                    name: Some(name(&format!("Renamed {number}"))),
                    ..EditOrganization::of(place)
                };
                self.ada("edit", place, &edit)
            }
        }
    }

    fn step_person(&mut self) -> Option<Changes> {
        let (organization, principal) = (self.place(), self.person());
        match self.draw(12) {
            0..=2 => self.ada("join", organization, &AddMember::known(organization, principal)),
            3 => self.ada("suspend", organization, &SuspendMember { organization, principal }),
            4 => {
                let (organization, principal) = self.member(|member| member.is_suspended())?;
                self.ada("restore", organization, &RestoreMember { organization, principal })
            }
            5..=7 => {
                let (privilege, window) = (self.privilege(), self.window());
                self.ada("grant", organization, &GrantPrivilege { organization, principal, privilege, window })
            }
            8 => {
                let (organization, principal) = self.member(|member| !member.grants().is_empty())?;
                let privilege = self.tree.grants_of(organization, principal).first()?.privilege.clone();
                self.ada("revoke", organization, &RevokePrivilege { organization, principal, privilege })
            }
            9 if principal != ada() => self.ada("remove", organization, &RemoveMember { organization, principal }),
            10 => {
                let identity = self::principal(self.new_number());
                let person = Person::named(name("Robot"));
                self.ada("machine", organization, &CreateMachineIdentity { organization, identity, person })
            }
            11 if self.draw(3) == 0 && principal != ada() => {
                let erase = ErasePerson { root: root(), principal, successors: BTreeMap::new() };
                self.ada("erase", root(), &erase)
            }
            _ => {
                let number = self.new_number();
                let address = format!("p{number}@people.example").parse().unwrap();
                let person = Person::named(name(&format!("Person {number}"))).reachable_at(address);
                self.ada("join root", root(), &AddMember::new(root(), self::principal(number), person))
            }
        }
    }

    fn step_group(&mut self) -> Option<Changes> {
        let (place, groups, number) = (self.place(), self.groups(), self.new_number());
        if groups.len() < 2 {
            let create = CreateGroup::new(place, group(number), name("Team"), ada()).giving(self.privileges());
            return self.ada("group", place, &create);
        }
        let id = self.one(&groups);
        let organization = self.tree.group(id)?.organization();
        match self.draw(14) {
            0 | 1 => {
                let create = CreateGroup::new(place, group(number), name("Team"), ada()).giving(self.privileges());
                self.ada("group", place, &create)
            }
            2 => {
                let define = DefineGroup { organization, group: id, name: name("Crew"), gives: self.privileges() };
                self.ada("define group", organization, &define)
            }
            3..=5 => {
                let members: Vec<PrincipalId> = self.tree.members(organization).map(|(who, _)| who).collect();
                let participant = Participant::Principal(self.one(&members));
                self.ada("enter", organization, &AddGroupMember { organization, group: id, participant })
            }
            6 | 7 => {
                let near = self.tree.links_into(organization).map(Link::group);
                let near: Vec<_> =
                    self.tree.groups(organization).map(Group::id).chain(near).filter(|near| *near != id).collect();
                let participant = Participant::Group(if near.is_empty() { return None } else { self.one(&near) });
                self.ada("nest", organization, &AddGroupMember { organization, group: id, participant })
            }
            8 => {
                let participants: Vec<_> = self.tree.group(id)?.members().collect();
                let participant = *participants.first()?;
                self.ada("leave", organization, &RemoveGroupMember { organization, group: id, participant })
            }
            9 if self.draw(3) == 0 => self.ada("delete group", organization, &DeleteGroup { organization, group: id }),
            10 => {
                let id = role(number % 3);
                let claims = ["backups.*", "reports.view", "backups.delete"].map(|claim| claim.parse().unwrap());
                let claims = [self.one(&claims)].into();
                self.ada("role", place, &DefineRole { organization: place, role: id, name: name("Role"), claims })
            }
            11 => {
                let id = role(number % 3);
                let organization = self.tree.role(id)?.organization();
                self.ada("delete role", organization, &DeleteRole { organization, role: id })
            }
            12 => {
                let address = format!("i{number}@people.example").parse().unwrap();
                let token = InvitationToken::from_entropy([u8::try_from(number % 250).unwrap(); 32]);
                let invite = Invite::as_member(invitation(number), organization, id, address, &token);
                self.ada("invite", organization, &invite)
            }
            _ => {
                let create = CreateProject { organization: place, project: project(number), name: name("Project") };
                self.ada("project", place, &create)
            }
        }
    }

    fn terms(&mut self) -> LinkTerms {
        let exclusions = if self.draw(3) == 0 { [self.place()].into() } else { BTreeSet::new() };
        LinkTerms {
            gives: if self.draw(3) == 0 { LinkGives::Narrowed(self.privileges()) } else { LinkGives::Inherit },
            makes_owners: self.draw(2) == 0,
            reach: self.one(&[Reach::Target, Reach::Children, Reach::Subtree]),
            future: self.draw(2) == 0,
            exclusions,
            window: self.window(),
        }
    }

    fn step_link(&mut self) -> Option<Changes> {
        let links: Vec<_> =
            self.tree.organizations().flat_map(|place| self.tree.links_into(place.id())).map(Link::id).collect();
        if links.is_empty() || self.draw(3) == 0 {
            let (groups, target, terms, number) = (self.groups(), self.place(), self.terms(), self.new_number());
            if groups.is_empty() {
                return None;
            }
            let group = self.one(&groups);
            let source = self.tree.group(group)?.organization();
            return self.ada("link", source, &LinkGroup { link: link(number), source, group, target, terms });
        }
        let found = self.one(&links);
        let found = self.tree.link(found)?.clone();
        let (link, source, group, target) = (found.id(), found.source(), found.group(), found.target());
        match self.draw(6) {
            0 | 1 => {
                let terms = self.terms();
                self.ada("change link", source, &ChangeLink { source, group, target, terms })
            }
            2 | 3 => {
                let reached: Vec<_> = self.tree.reached(&found).collect();
                let organization = if reached.is_empty() { return None } else { self.one(&reached) };
                self.ada("opt out", organization, &OptOutOfLink { organization, link })
            }
            4 => {
                let organization = *found.opted_out().first()?;
                self.ada("opt in", organization, &OptInToLink { organization, link })
            }
            _ => self.ada("end link", source, &EndLink { organization: source, link }),
        }
    }

    fn step_paid(&mut self) -> Option<Changes> {
        let (organization, number) = (self.place(), self.new_number());
        match self.draw(7) {
            0 | 1 => {
                let until = if self.draw(2) == 0 { Some(self.at + minutes(1 + self.draw(90))) } else { None };
                let assign = AssignCapability { organization, capability: reporting(), until };
                match organization == root() {
                    true => self.operate("assign", &assign),
                    false => self.ada("assign", self.tree.organization(organization)?.parent()?, &assign),
                }
            }
            2 => {
                let withdraw = WithdrawCapability { organization, capability: reporting() };
                match organization == root() {
                    true => self.operate("withdraw", &withdraw),
                    false => self.ada("withdraw", self.tree.organization(organization)?.parent()?, &withdraw),
                }
            }
            3 => {
                let duration = Period::seconds(60 * i64::try_from(1 + self.draw(60)).unwrap()).unwrap();
                let engineer = principal(900 + self.draw(2));
                let grant = GrantSupport { support: support(number), organization, engineer, duration };
                self.ada("support", organization, &grant)
            }
            4 => {
                let places: Vec<_> = self.tree.organizations().map(Organization::id).collect();
                let active =
                    |place: &OrganizationId| Some((*place, *self.tree.support_status(*place, self.at).active.first()?));
                let (organization, support) = places.iter().find_map(active)?;
                self.ada("end support", organization, &EndSupport { organization, support })
            }
            5 => {
                let plan = "Enterprise".parse().unwrap();
                self.operate("subscribe", &RecordSubscription::active(root(), plan))
            }
            _ => {
                let statuses = [
                    SubscriptionStatus::Active,
                    SubscriptionStatus::Trial,
                    SubscriptionStatus::Active,
                    SubscriptionStatus::PastDue,
                    SubscriptionStatus::Cancelled,
                ];
                let plan = if self.draw(6) == 0 { "Professional" } else { "Enterprise" };
                let (status, term) = (self.one(&statuses), self.window());
                let plan = plan.parse().unwrap();
                self.operate("subscribe", &RecordSubscription { root: root(), plan, status, term })
            }
        }
    }
}

/// Who may do what where at an instant, as the tree says; Owner is the claim `owner`.
pub(crate) type Allowed = BTreeSet<(PrincipalId, OrganizationId, String)>;

pub(crate) fn allowed(tree: &OrganizationTree, at: Timestamp) -> Allowed {
    let claims: Vec<Claim> = tree.catalog().declarations().map(|declaration| declaration.name.clone()).collect();
    let engineers = [900, 901, 999].map(principal);
    let everyone: Vec<PrincipalId> = tree.principals().chain(engineers).collect();
    let mut allowed = Allowed::new();
    for place in tree.organizations().map(Organization::id) {
        for who in &everyone {
            let held = claims.iter().filter(|claim| tree.access().allows(*who, place, claim, at));
            allowed.extend(held.map(|claim| (*who, place, claim.to_string())));
            if tree.access().owns(*who, place, at) {
                allowed.insert((*who, place, "owner".to_owned()));
            }
        }
    }
    allowed
}

/// Instants at which something may begin or end, and a microsecond before each.
pub(crate) fn instants(tree: &OrganizationTree) -> BTreeSet<i64> {
    use bailiwick::rows::Row;
    let mut edges = BTreeSet::from([tree.at().timestamp_micros()]);
    for row in tree.rows() {
        let more = match row {
            Row::Grant(row) => vec![row.valid_from, row.valid_until],
            Row::Link(row) => vec![row.valid_from, row.valid_until],
            Row::Support(row) => vec![row.valid_from, row.valid_until],
            Row::Capability(row) => vec![row.valid_until],
            Row::Subscription(row) => vec![row.covers_from, row.lapses_at],
            _ => Vec::new(),
        };
        edges.extend(more.into_iter().map(|edge| edge.get()).filter(|edge| edge.unsigned_abs() < 1 << 62));
    }
    let hour = 3_600_000_000;
    edges.iter().flat_map(|edge| [*edge, edge - 1, edge + hour, edge + hour - 1]).collect()
}

/// The instant of so many microseconds since 1970.
pub(crate) fn instant(micros: i64) -> Timestamp {
    Timestamp::from_timestamp_micros(micros).unwrap()
}

//! The evaluator: who may do what where.
//!
//! [`Access::visit`] walks every route by which a principal holds anything in an organization;
//! explanations, lists and rosters stop it, or sum it up, as they need. A check goes the same
//! ways by a shorter walk over the dense index; the tests compare the two with each other and
//! with the state, so that they cannot disagree (CLM-7, CLM-8).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow::{self, Break, Continue};

use serde::{Deserialize, Serialize};

use super::catalog::{AccessKind, Catalog, ClaimDeclaration};
use super::claim::Claim;
use super::dense::Front;
use super::dense::organization::Place;
use super::dense::principal::Standing;
use super::dense::row::Holding;
use super::set::{ClaimSet, OWNER_BIT};
use crate::event::Version;
use crate::grant::{Grant, lasts};
use crate::group::Group;
use crate::id::{GroupId, OrganizationId, PrincipalId};
use crate::link::Link;
use crate::participant::Participant;
use crate::reach::LinkGives;
use crate::role::Privilege;
use crate::support::Support;
use crate::time::{Timestamp, Window, earlier};
use crate::tree::OrganizationTree;

/// Answers who may do what where in one tree, as it stands.
///
/// It keeps nothing: each answer is computed from the tree and `at` (CLM-11).
#[derive(Clone, Copy)]
pub struct Access<'a> {
    pub(super) tree: &'a OrganizationTree,
    /// What is read first of the tree, of itself or of a clone beside it.
    pub(super) front: &'a Front,
    pub(super) catalog: &'a Catalog,
    /// Whether an organization that is not effectively active answers as if it were.
    pub(super) dormant: bool,
    /// Whether a suspended member answers as if they were not.
    pub(super) suspended: bool,
    /// Whether each way through nested groups is a route of its own.
    every_path: bool,
}

/// The most ways through nested groups that an explanation looks at: groups nested in many
/// ways have more of them than there are groups.
const MOST_CHAINS: usize = 1_000;

/// One check: may this principal do this there?
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Question {
    /// Who.
    pub principal: PrincipalId,
    /// Where.
    pub organization: OrganizationId,
    /// What.
    pub claim: Claim,
}

/// An answer, and how long whoever keeps it may rely on it (CLM-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether they may.
    pub allowed: bool,
    /// The version of the tree that it was given on; a later version may answer otherwise.
    pub version: Version,
    /// The instant from which the same version may answer otherwise, if there is one.
    pub until: Option<Timestamp>,
}

/// What a route gives.
#[derive(Clone, Copy)]
pub(super) enum Gives<'a> {
    Privilege(&'a Privilege),
    Home(&'a Group),
    Linked(&'a Group, &'a Link),
    Support(&'a Support),
}

/// One way by which a principal holds something in an organization.
pub(super) struct Route<'r, 'a> {
    pub(super) gives: Gives<'a>,
    /// The groups from the one they are a member of to the one that is active there.
    pub(super) chain: &'r [GroupId],
    /// Until when it holds, if it ends by itself.
    pub(super) until: Option<Timestamp>,
}

/// What ends or begins by itself and was looked at.
pub(super) type Edges<'e> = &'e mut dyn FnMut(Window);

impl<'a> Access<'a> {
    pub(crate) fn new(tree: &'a OrganizationTree) -> Self {
        Self::by_front(tree, &tree.index.dense.front, tree.catalog())
    }

    /// The same, by a clone of the tree's front and by its catalog.
    pub(crate) const fn by_front(tree: &'a OrganizationTree, front: &'a Front, catalog: &'a Catalog) -> Self {
        Self { tree, front, catalog, dormant: false, suspended: false, every_path: false }
    }

    /// The same, with organizations that are not effectively active answering as if they
    /// were, or not.
    pub(crate) const fn dormant(self, dormant: bool) -> Self {
        Self { dormant, ..self }
    }

    /// The same, with suspended members answering as if they were not.
    pub(crate) const fn regardless_of_suspension(self) -> Self {
        Self { suspended: true, ..self }
    }

    /// The same, with each way through nested groups as a route of its own.
    pub(super) const fn every_path(self) -> Self {
        Self { every_path: true, ..self }
    }

    /// Whether a principal may do `claim` in `organization` at `at`. Everything that is not
    /// given by some path is denied, what does not exist included (CLM-7).
    pub fn allows(&self, principal: PrincipalId, organization: OrganizationId, claim: &Claim, at: Timestamp) -> bool {
        self.find(principal, organization).is_some_and(|found| self.allows_found(found, organization, claim, at))
    }

    /// The same; `None` unless both are known and the organization is there.
    #[inline]
    pub(crate) fn allows_if_there(
        &self,
        principal: PrincipalId,
        organization: OrganizationId,
        claim: &Claim,
        at: Timestamp,
    ) -> Option<bool> {
        let found = self.find(principal, organization).filter(|(_, place)| place.row.is_there())?;
        Some(self.allows_found(found, organization, claim, at))
    }

    #[inline(always)]
    fn allows_found(
        &self,
        (principal, place): (Standing<'a>, Place<'a>),
        organization: OrganizationId,
        claim: &Claim,
        at: Timestamp,
    ) -> bool {
        let Some((bit, requires)) = self.catalog.number_of(claim) else { return false };
        self.holds_at(principal, place, bit, at) && (!requires || self.provides_bit(organization, bit, at))
    }

    #[cold]
    fn provides_bit(self, organization: OrganizationId, bit: usize, at: Timestamp) -> bool {
        self.catalog.by_bit(bit).is_some_and(|declaration| self.provides(organization, declaration, at))
    }

    /// LIC-8: whether the capability that a claim requires, if any, is effective.
    pub(super) fn provides(&self, organization: OrganizationId, declaration: &ClaimDeclaration, at: Timestamp) -> bool {
        declaration.requires.as_ref().is_none_or(|capability| self.tree.is_capable(organization, capability, at))
    }

    /// Whether a principal owns an organization, directly or through a group.
    pub fn owns(&self, principal: PrincipalId, organization: OrganizationId, at: Timestamp) -> bool {
        self.holds(principal, organization, OWNER_BIT, at)
    }

    /// Whether a principal holds anything at all there.
    pub fn reaches(&self, principal: PrincipalId, organization: OrganizationId, at: Timestamp) -> bool {
        !self.claims(principal, organization, at).is_empty()
    }

    /// As [`Access::allows`], with the version and the instant until which it holds.
    pub fn check(&self, question: &Question, at: Timestamp) -> Decision {
        self.decide_along(question, at, &mut |_| {})
    }

    /// The same, with each route that was looked at.
    pub(super) fn decide_along(
        &self,
        question: &Question,
        at: Timestamp,
        each: &mut dyn FnMut(Route<'_, 'a>),
    ) -> Decision {
        let Question { principal, organization, claim } = question;
        let mut until = self.tree.subscription_change(at);
        let mut edge = |window: Window| until = earlier(until, window.next_change(at));
        let _: ControlFlow<()> = self.visit(*principal, *organization, at, &mut edge, &mut |route| {
            each(route);
            Continue(())
        });
        let capability = self.catalog.declaration(claim).and_then(|declaration| declaration.requires.as_ref());
        let change = capability.and_then(|capability| self.tree.capability_change(*organization, capability, at));
        Decision {
            allowed: self.allows(*principal, *organization, claim, at),
            version: self.tree.version(),
            until: earlier(until, change),
        }
    }

    /// How many bytes the index that checks read takes: edges by number, without the state
    /// that they were derived from.
    pub fn index_bytes(&self) -> usize {
        self.index().bytes()
    }

    /// Many checks in one call, answered in order.
    pub fn check_all<'q>(&self, questions: impl IntoIterator<Item = &'q Question>, at: Timestamp) -> Vec<bool> {
        let allows = |question: &Question| self.allows(question.principal, question.organization, &question.claim, at);
        questions.into_iter().map(allows).collect()
    }

    /// Everything that a principal may do in an organization.
    pub fn claims(&self, principal: PrincipalId, organization: OrganizationId, at: Timestamp) -> ClaimSet {
        let mut set = self.held(principal, organization, at);
        for (bit, declaration) in self.catalog.requiring() {
            if set.contains(bit) && !self.provides(organization, declaration, at) {
                set.remove(bit);
            }
        }
        set
    }

    /// Every organization where a principal may do `claim`, or anything at all.
    pub fn organizations(&self, principal: PrincipalId, claim: Option<&Claim>, at: Timestamp) -> Vec<OrganizationId> {
        let tree = self.tree;
        let mut candidates: BTreeSet<OrganizationId> = tree.memberships(principal).collect();
        candidates.extend(tree.index.supported_by(principal));
        for group in self.groups_above(principal) {
            candidates.extend(tree.groups.get(&group).map(|group| group.organization));
            candidates.extend(tree.links_of(group).flat_map(|link| tree.reached(link)));
        }
        candidates.into_iter().filter(|organization| self.has(principal, *organization, claim, at)).collect()
    }

    /// Everyone who may do `claim` in an organization, or anything at all.
    pub fn principals(&self, organization: OrganizationId, claim: Option<&Claim>, at: Timestamp) -> Vec<PrincipalId> {
        let tree = self.tree;
        let mut candidates: BTreeSet<PrincipalId> =
            tree.members(organization).map(|(principal, _)| principal).collect();
        candidates.extend(tree.support(organization).map(|support| support.engineer));
        let home = tree.index.groups(organization);
        let mut waiting: Vec<GroupId> = home.chain(tree.links_into(organization).map(|link| link.group)).collect();
        let mut seen: BTreeSet<GroupId> = waiting.iter().copied().collect();
        while let Some(group) = waiting.pop().and_then(|id| tree.groups.get(&id)) {
            for participant in &group.members {
                match participant {
                    Participant::Principal(principal) => {
                        candidates.insert(*principal);
                    }
                    Participant::Group(nested) if seen.insert(*nested) => waiting.push(*nested),
                    Participant::Group(_) => {}
                }
            }
        }
        candidates.into_iter().filter(|principal| self.has(*principal, organization, claim, at)).collect()
    }

    fn has(&self, principal: PrincipalId, organization: OrganizationId, claim: Option<&Claim>, at: Timestamp) -> bool {
        match claim {
            Some(claim) => self.allows(principal, organization, claim, at),
            None => self.reaches(principal, organization, at),
        }
    }

    /// What of `wanted` a principal does not hold there, or not until `until` (MEM-8).
    pub(crate) fn lacking(
        &self,
        principal: PrincipalId,
        organization: OrganizationId,
        wanted: &ClaimSet,
        until: Option<Timestamp>,
        at: Timestamp,
    ) -> ClaimSet {
        let mut lacking = wanted.without(&self.held_for_good(principal, organization));
        if lacking.is_empty() {
            return lacking;
        }
        let _: ControlFlow<()> = self.visit(principal, organization, at, &mut |_| {}, &mut |route| {
            if lasts(route.until, until) {
                lacking = lacking.without(&self.expand(&route.gives, organization));
            }
            if lacking.is_empty() { Break(()) } else { Continue(()) }
        });
        lacking
    }

    /// Whether a group that is active in an organization at `at` counts a principal there among
    /// its own, directly or through a group nested in it.
    pub fn is_in_group(
        &self,
        principal: PrincipalId,
        group: GroupId,
        organization: OrganizationId,
        at: Timestamp,
    ) -> bool {
        let found = self.visit(principal, organization, at, &mut |_| {}, &mut |route| match route.gives {
            Gives::Home(through) | Gives::Linked(through, _) if through.id() == group => Break(()),
            _ => Continue(()),
        });
        found.is_break()
    }

    /// Whether a route gives the claim numbered `bit`.
    pub(super) fn gives(&self, gives: &Gives<'_>, organization: OrganizationId, bit: usize) -> bool {
        let tree = self.tree;
        let any = |privileges: &BTreeSet<Privilege>| {
            privileges.iter().any(|privilege| tree.privilege_gives(privilege, organization, bit))
        };
        match gives {
            Gives::Privilege(privilege) => tree.privilege_gives(privilege, organization, bit),
            Gives::Home(group) => any(&group.gives),
            Gives::Support(_) => tree.catalog().by_bit(bit).is_some_and(|declared| declared.access == AccessKind::View),
            Gives::Linked(group, link) => {
                // GRP-2: Owner goes below, with all that it implies, only where the link says so.
                let passes = |privilege: &&Privilege| link.terms.makes_owners || **privilege != Privilege::OWNER;
                let passed = |privileges: &BTreeSet<Privilege>| {
                    privileges.iter().filter(passes).any(|privilege| tree.privilege_gives(privilege, organization, bit))
                };
                match &link.terms.gives {
                    LinkGives::Inherit => passed(&group.gives),
                    LinkGives::Narrowed(narrowed) => passed(narrowed) && any(&group.gives),
                }
            }
        }
    }

    /// Everything that a route gives.
    pub(super) fn expand(&self, gives: &Gives<'_>, organization: OrganizationId) -> ClaimSet {
        match gives {
            Gives::Privilege(privilege) => self.tree.expand([*privilege], organization),
            Gives::Home(group) => self.tree.expand(&group.gives, organization),
            Gives::Support(_) => self.catalog.views(),
            Gives::Linked(group, link) => self.tree.passed_on(&group.gives, link, organization),
        }
    }

    /// Walks every route by which a principal holds something in an organization, until
    /// `each` breaks. `edge` is told of every window that was looked at.
    pub(super) fn visit<B>(
        &self,
        principal: PrincipalId,
        organization: OrganizationId,
        at: Timestamp,
        edge: Edges<'_>,
        each: &mut dyn FnMut(Route<'_, 'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let tree = self.tree;
        // HIE-10: in an organization that is not effectively active every check denies.
        if !(self.dormant || tree.is_active(organization)) {
            return Continue(());
        }
        // SUP-1: an engineer of the operator's is not known to the tree.
        for (support, window) in tree.support_of(principal, organization) {
            edge(window);
            if window.contains(at) {
                each(Route { gives: Gives::Support(support), chain: &[], until: window.end() })?;
            }
        }
        if !self.index().standing(principal.uuid()).is_some_and(|standing| standing.is_known()) {
            return Continue(());
        }
        let holding = self.index().holding(organization, principal);
        // MEM-7: a suspended user is denied there, whatever the path.
        if !self.suspended && holding.is_some_and(Holding::is_suspended) {
            return Continue(());
        }
        let held = holding.filter(|holding| holding.set() != Some(Catalog::NOTHING));
        for grant in held.into_iter().flat_map(|_| tree.grants_of(organization, principal)) {
            edge(grant.window);
            if grant.window.contains(at) {
                each(Self::direct(grant))?;
            }
        }
        self.visit_groups(principal, organization, at, edge, each)
    }

    const fn direct(grant: &Grant) -> Route<'static, '_> {
        Route { gives: Gives::Privilege(&grant.privilege), chain: &[], until: grant.window.end() }
    }

    fn visit_groups<B>(
        &self,
        principal: PrincipalId,
        organization: OrganizationId,
        at: Timestamp,
        edge: Edges<'_>,
        each: &mut dyn FnMut(Route<'_, 'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let tree = self.tree;
        let path: Vec<OrganizationId> = tree.path(organization).collect();
        let counts = |home: OrganizationId| {
            self.index().holding(home, principal).is_some_and(|holding| self.suspended || !holding.is_suspended())
        };
        let direct = tree.groups_holding(Participant::Principal(principal));
        let direct = direct.filter(|id| tree.groups.get(id).is_some_and(|group| counts(group.organization)));
        let mut waiting: Vec<(Vec<GroupId>, Option<Timestamp>)> = direct.map(|group| (vec![group], None)).collect();
        let mut visited: BTreeMap<GroupId, Option<Timestamp>> = BTreeMap::new();
        let mut chains = MOST_CHAINS;
        while let Some((chain, until)) = waiting.pop() {
            let Some(group) = chain.last().and_then(|id| tree.groups.get(id)) else { continue };
            // Once is enough for what a group gives, unless this way lasts longer.
            let before = visited.get(&group.id).copied();
            let known = before.is_some_and(|before| lasts(before, until));
            chains = chains.saturating_sub(1);
            if known && (!self.every_path || chains == 0) {
                continue;
            }
            if !known {
                visited.insert(group.id, until);
            }
            if group.organization == organization {
                each(Route { gives: Gives::Home(group), chain: &chain, until })?;
            } else if path.contains(&group.organization) {
                for (link, end) in self.active_links(group.id, organization, at, edge) {
                    each(Route { gives: Gives::Linked(group, link), chain: &chain, until: earlier(until, end) })?;
                }
            }
            for outer in tree.groups_holding(Participant::Group(group.id)) {
                // GRP-3: cycles are refused when written; the walk is finite anyway.
                if chain.contains(&outer) {
                    continue;
                }
                if let Some(end) = self.nesting(group, outer, at, edge) {
                    let mut longer = chain.clone();
                    longer.push(outer);
                    waiting.push((longer, earlier(until, end)));
                }
            }
        }
        Continue(())
    }

    /// The links that make a group active in an organization at `at`, each with its end.
    fn active_links(
        &self,
        group: GroupId,
        organization: OrganizationId,
        at: Timestamp,
        edge: Edges<'_>,
    ) -> Vec<(&'a Link, Option<Timestamp>)> {
        let tree = self.tree;
        let stands = tree.links_stand(at);
        let mut active = Vec::new();
        for link in tree.links_reaching(group, organization) {
            edge(link.terms.window);
            if stands && link.terms.window.contains(at) {
                active.push((link, link.terms.window.end()));
            }
        }
        active
    }

    /// Whether a group counts as a member of `outer` at `at`, and until when: it is of the
    /// same organization, or linked there (GRP-3).
    fn nesting(&self, group: &Group, outer: GroupId, at: Timestamp, edge: Edges<'_>) -> Option<Option<Timestamp>> {
        let place = self.tree.groups.get(&outer)?.organization;
        if group.organization == place {
            return Some(None);
        }
        let ends = self.active_links(group.id, place, at, edge).into_iter().map(|(_, end)| end);
        ends.reduce(|a, b| if lasts(a, b) { a } else { b })
    }

    /// Every group that a principal is in, at whatever distance, whether it counts or not.
    pub(super) fn groups_above(&self, principal: PrincipalId) -> BTreeSet<GroupId> {
        let mut waiting: Vec<GroupId> = self.tree.groups_holding(Participant::Principal(principal)).collect();
        let mut seen: BTreeSet<GroupId> = waiting.iter().copied().collect();
        while let Some(group) = waiting.pop() {
            let outer = self.tree.groups_holding(Participant::Group(group));
            waiting.extend(outer.filter(|outer| seen.insert(*outer)));
        }
        seen
    }
}

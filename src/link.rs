//! Links: a group of an ancestor, made active in a descendant.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`LinkGroup`] | ownership of source, target and group | `Linked` |
//! | [`ChangeLink`] | the same | `Changed` |
//! | [`OptOutOfLink`], [`OptInToLink`] | ownership of the organization that is reached | `OptedOut`, `OptedIn` |
//! | [`EndLink`] | ownership of source or target | nestings that end, then `Ended` |
//!
//! What a link gives and how far are its [`LinkTerms`]. Rules: GRP-2, GRP-4 to GRP-6, GRP-8.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::group::GroupEvent;
use crate::id::{GroupId, LinkId, OrganizationId, PrincipalId};
use crate::participant::Participant;
use crate::project::unassign_group;
use crate::reach::{LinkGives, LinkTerms, Present, Terms};
use crate::refusal::{Precondition, list, rule_errors};
use crate::role::Privilege;
use crate::subscription::Feature;
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// A link as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    pub(crate) id: LinkId,
    pub(crate) source: OrganizationId,
    pub(crate) group: GroupId,
    pub(crate) target: OrganizationId,
    pub(crate) terms: Terms,
    /// What was in reach when the terms were set; all that is reached, unless `future`.
    pub(crate) present: Present,
    pub(crate) opted_out: BTreeSet<OrganizationId>,
}

impl Link {
    /// Its identifier.
    pub const fn id(&self) -> LinkId {
        self.id
    }

    /// The organization that the group lives in.
    pub const fn source(&self) -> OrganizationId {
        self.source
    }

    /// The group.
    pub const fn group(&self) -> GroupId {
        self.group
    }

    /// The organization that it goes to.
    pub const fn target(&self) -> OrganizationId {
        self.target
    }

    /// Its terms.
    pub fn terms(&self) -> &LinkTerms {
        &self.terms
    }

    /// The organizations whose owners opted out.
    pub const fn opted_out(&self) -> &BTreeSet<OrganizationId> {
        &self.opted_out
    }
}

/// Links a group to a descendant organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkGroup {
    /// The new link.
    pub link: LinkId,
    /// The organization that the group lives in.
    pub source: OrganizationId,
    /// The group.
    pub group: GroupId,
    /// A descendant of the source.
    pub target: OrganizationId,
    /// The terms.
    pub terms: LinkTerms,
}

impl Command for LinkGroup {
    /// The organizations that it reaches now.
    type Output = BTreeSet<OrganizationId>;
    type Error = LinkError;

    fn operation(&self) -> Operation {
        Operation::LinkGroup
    }

    fn subjects(&self) -> Subjects {
        Subjects::link(self.source, self.target).group(self.group)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Self::Output, LinkError> {
        let (tree, at) = (scene.tree, scene.at);
        let (link, source, group, target) = (self.link, self.source, self.group, self.target);
        tree.require(Feature::CrossOrganizationLinks, at)?;
        tree.group_in(source, group)?;
        tree.exists(target)?;
        // GRP-4: a link runs from an ancestor to one of its descendants.
        if source == target {
            return Err(LinkError::ToItself { organization: source });
        }
        if tree.is_ancestor(target, source) {
            return Err(LinkError::ToAncestor { from: source, to: target });
        }
        if !tree.is_ancestor(source, target) {
            return Err(LinkError::NotDownward { from: source, to: target });
        }
        // GRP-4: one link of a group to a target.
        if let Some(link) = tree.link_at(group, target) {
            return Err(LinkError::AlreadyLinked { link: link.id });
        }
        tree.fresh(link.uuid())?;
        let none = BTreeSet::new();
        let present = scene.check_terms(tree.group_in(source, group)?, target, &self.terms, &none)?;
        scene.emit(LinkEvent::Linked {
            link,
            source,
            group,
            target,
            terms: self.terms.clone(),
            present: present.clone(),
        });
        Ok(present)
    }
}

/// Gives a link other terms. Those who opted out stay out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeLink {
    /// The organization that the group lives in.
    pub source: OrganizationId,
    /// The group.
    pub group: GroupId,
    /// Where it is linked to.
    pub target: OrganizationId,
    /// The new terms, all of them.
    pub terms: LinkTerms,
}

impl Command for ChangeLink {
    /// The organizations that it reaches now.
    type Output = BTreeSet<OrganizationId>;
    type Error = LinkError;

    fn operation(&self) -> Operation {
        Operation::ChangeLink
    }

    fn subjects(&self) -> Subjects {
        Subjects::link(self.source, self.target).group(self.group)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Self::Output, LinkError> {
        let (tree, source, target) = (scene.tree, self.source, self.target);
        tree.require(Feature::CrossOrganizationLinks, scene.at)?;
        let group = tree.group_in(source, self.group)?;
        let found = tree.link_at(self.group, target).ok_or(Precondition::NotFound { what: "link" })?;
        let (link, opted_out) = (found.id, &found.opted_out);
        let present = scene.check_terms(group, target, &self.terms, opted_out)?;
        let reached = present.difference(opted_out).copied().collect();
        scene.emit(LinkEvent::Changed { link, source, target, terms: self.terms.clone(), present });
        Ok(reached)
    }
}

/// Ends a link, and the access it gave, at once (GRP-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndLink {
    /// The source or the target; the actor owns it.
    pub organization: OrganizationId,
    /// The link.
    pub link: LinkId,
}

impl Command for EndLink {
    type Output = ();
    type Error = LinkError;

    fn operation(&self) -> Operation {
        Operation::EndLink
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), LinkError> {
        let link = scene.tree.link(self.link);
        let link = link.filter(|link| link.source == self.organization || link.target == self.organization);
        end_link(scene, link.ok_or(Precondition::NotFound { what: "link" })?);
        Ok(())
    }
}

/// Ends a link, and the nestings that only it allowed (GRP-3).
pub(crate) fn end_link(scene: &mut Scene<'_>, link: &Link) {
    let (tree, participant) = (scene.tree, Participant::Group(link.group));
    let leans = |place: OrganizationId| {
        let mut others = tree.links_toward(link.group, place).filter(|other| other.id != link.id);
        let only = !others.any(|other| tree.is_in_reach(other, place));
        place != link.source && tree.is_in_reach(link, place) && only
    };
    // MEM-5: the group leaves the projects of what the link reached.
    unassign_group(scene, link.group, leans);
    for outer in tree.groups_holding(participant).filter_map(|id| tree.groups.get(&id)) {
        if leans(outer.organization) {
            scene.emit(GroupEvent::MemberRemoved { organization: outer.organization, group: outer.id, participant });
        }
    }
    scene.emit(LinkEvent::Ended { link: link.id, source: link.source, target: link.target });
}

/// HIE-6: nobody becomes an owner by moving. The organizations of a subtree that came into the
/// reach of a link that makes owners are opted out of it; their owners can opt in.
pub(crate) fn refuse_ownership(scene: &mut Scene<'_>, top: OrganizationId) {
    let (before, after) = (scene.tree, scene.preview());
    for organization in after.subtree(top) {
        let gained = after.links_into(organization).filter_map(|link| before.link(link.id));
        for link in gained.filter(|link| before.passes_ownership(link) && !before.is_in_reach(link, organization)) {
            scene.emit(LinkEvent::OptedOut { organization, link: link.id });
        }
    }
}

/// Takes an organization out of a link's reach, by its own owner alone (GRP-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptOutOfLink {
    /// The organization that is reached.
    pub organization: OrganizationId,
    /// The link.
    pub link: LinkId,
}

impl Command for OptOutOfLink {
    type Output = ();
    type Error = LinkError;

    fn operation(&self) -> Operation {
        Operation::OptOutOfLink
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), LinkError> {
        let (organization, link) = (self.organization, self.link);
        let found = scene.tree.link(link).filter(|link| scene.tree.is_in_reach(link, organization));
        found.ok_or(Precondition::NotFound { what: "link" })?;
        scene.emit(LinkEvent::OptedOut { organization, link });
        Ok(())
    }
}

/// Takes an opt-out back; the actor hands on what the link gives there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptInToLink {
    /// The organization that opted out.
    pub organization: OrganizationId,
    /// The link.
    pub link: LinkId,
}

impl Command for OptInToLink {
    type Output = ();
    type Error = LinkError;

    fn operation(&self) -> Operation {
        Operation::OptOutOfLink
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), LinkError> {
        let (organization, link) = (self.organization, self.link);
        scene.tree.require(Feature::CrossOrganizationLinks, scene.at)?;
        let found = scene.tree.link(link).filter(|link| link.opted_out.contains(&organization));
        found.ok_or(Precondition::NotFound { what: "link" })?;
        scene.emit(LinkEvent::OptedIn { organization, link });
        Ok(())
    }
}

/// What happened to a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LinkEvent {
    /// A group was linked.
    Linked {
        /// The link.
        link: LinkId,
        /// Where the group lives.
        source: OrganizationId,
        /// The group.
        group: GroupId,
        /// Where it is linked to.
        target: OrganizationId,
        /// On which terms.
        terms: LinkTerms,
        /// What they reach now.
        present: BTreeSet<OrganizationId>,
    },
    /// Its terms changed.
    Changed {
        /// The link.
        link: LinkId,
        /// Where the group lives.
        source: OrganizationId,
        /// Where it is linked to.
        target: OrganizationId,
        /// The new terms.
        terms: LinkTerms,
        /// What they reach now.
        present: BTreeSet<OrganizationId>,
    },
    /// An organization opted out.
    OptedOut {
        /// Which.
        organization: OrganizationId,
        /// Of which link.
        link: LinkId,
    },
    /// An organization took its opt-out back.
    OptedIn {
        /// Which.
        organization: OrganizationId,
        /// Of which link.
        link: LinkId,
    },
    /// It ended.
    Ended {
        /// The link.
        link: LinkId,
        /// Where the group lives.
        source: OrganizationId,
        /// Where it was linked to.
        target: OrganizationId,
    },
}

rule_errors! {
    /// Why a group was not linked, or a link not changed or ended.
    pub enum LinkError + Precondition {
        #[error("a group is active in its own organization {organization}: it needs no link there")]
        ToItself { organization: OrganizationId } = Conflict, "link.to_itself", "GRP-4";
        #[error("links run downward: {to} is above {from}")]
        ToAncestor { from: OrganizationId, to: OrganizationId } = Conflict, "link.to_ancestor", "GRP-4";
        #[error("links run downward: {to} is not below {from}")]
        NotDownward { from: OrganizationId, to: OrganizationId } = Conflict, "link.not_downward", "GRP-4";
        #[error("the group is linked there already by {link}: change that link instead")]
        AlreadyLinked { link: LinkId } = Conflict, "link.already_linked", "GRP-4";
        #[error("a link gives no more than its group does at home; too much: {}", list(claims))]
        Wider { claims: Vec<crate::Claim> } = Invalid, "link.wider", "GRP-2";
        #[error("the actor must own every organization that is reached; missing: {}", list(organizations))]
        ReachNotOwned { organizations: Vec<OrganizationId> } = Forbidden, "link.reach_not_owned", "GRP-8";
        #[error("{organization} is not below the target, so it cannot be excluded")]
        ExclusionOutside { organization: OrganizationId } = Invalid, "link.exclusion_outside", "GRP-8";
        #[error("the link would be over before it begins")]
        AlreadyOver = Invalid, "link.already_over", "GRP-8";
    }
}

impl LinkEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        match self {
            Self::Linked { link, source, group, target, terms, present } => tree.put_link(Link {
                id: *link,
                source: *source,
                group: *group,
                target: *target,
                terms: terms.clone().into(),
                present: present.iter().copied().collect(),
                opted_out: BTreeSet::new(),
            }),
            Self::Changed { link, terms, present, .. } => {
                tree.edit_link(*link, |link| {
                    (link.terms, link.present) = (terms.clone().into(), present.iter().copied().collect());
                });
            }
            Self::OptedOut { organization, link } => {
                tree.edit_link(*link, |link| {
                    link.opted_out.insert(*organization);
                });
            }
            Self::OptedIn { organization, link } => {
                tree.edit_link(*link, |link| {
                    link.opted_out.remove(organization);
                });
            }
            Self::Ended { link, .. } => tree.drop_link(*link),
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Linked { source, target, .. }
            | Self::Changed { source, target, .. }
            | Self::Ended { source, target, .. } => vec![*source, *target],
            Self::OptedOut { organization, .. } | Self::OptedIn { organization, .. } => vec![*organization],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// A link.
    pub fn link(&self, id: LinkId) -> Option<&Link> {
        let (group, target) = self.index.ends_of(id)?;
        self.link_at(group, target)
    }

    /// The link of a group to a target.
    pub(crate) fn link_at(&self, group: GroupId, target: OrganizationId) -> Option<&Link> {
        self.links.get(&(group, target)).map(Arc::as_ref)
    }

    /// The links of the groups that live in an organization, in the order of their identifiers.
    pub(crate) fn links_out(&self, organization: OrganizationId) -> Vec<&Link> {
        in_order(self.index.groups(organization).flat_map(|group| self.links_of(group)))
    }

    /// The links to an organization, in the order of their identifiers.
    pub(crate) fn links_in(&self, organization: OrganizationId) -> Vec<&Link> {
        let groups = self.index.dense.linked(organization);
        in_order(groups.filter_map(|group| self.link_at(group, organization)))
    }

    /// The links of a group, by target.
    pub fn links_of(&self, group: GroupId) -> impl Iterator<Item = &Link> {
        crate::table::under(&self.links, group).map(|(_, link)| link.as_ref())
    }

    /// The links into an organization, its ancestors' with their reach among them, whether
    /// they count now or not.
    pub fn links_into(&self, organization: OrganizationId) -> impl Iterator<Item = &Link> {
        self.path(organization)
            .flat_map(|target| self.links_in(target))
            .filter(move |link| self.is_in_reach(link, organization))
    }

    /// The links of a group whose target is the organization or an ancestor of it.
    pub(crate) fn links_toward(&self, group: GroupId, organization: OrganizationId) -> impl Iterator<Item = &Link> {
        self.path(organization).filter_map(move |target| self.link_at(group, target))
    }

    /// GRP-2: whether a link makes owners where it reaches.
    pub(crate) fn passes_ownership(&self, link: &Link) -> bool {
        let narrowed = match &link.terms.gives {
            LinkGives::Inherit => true,
            LinkGives::Narrowed(gives) => gives.contains(&Privilege::OWNER),
        };
        let carries = self.groups.get(&link.group).is_some_and(|group| group.gives.contains(&Privilege::OWNER));
        link.terms.makes_owners && narrowed && carries
    }

    /// GRP-5: whether a group is active in an organization: at home, or where a link that
    /// counts at `at` reaches.
    pub fn is_group_active(&self, group: GroupId, organization: OrganizationId, at: Timestamp) -> bool {
        let home = self.groups.get(&group).map(|group| group.organization);
        home == Some(organization)
            || (self.links_stand(at)
                && self.links_reaching(group, organization).any(|link| link.terms.window.contains(at)))
    }
}

fn in_order<'a>(links: impl Iterator<Item = &'a Link>) -> Vec<&'a Link> {
    let mut links: Vec<&Link> = links.collect();
    links.sort_unstable_by_key(|link| link.id);
    links
}

//! The terms of a link: what it gives, and how far it reaches.
//!
//! Rules: GRP-2, GRP-5, GRP-8, MEM-8.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::access::set::ClaimSet;
use crate::command::Scene;
use crate::group::Group;
use crate::id::{GroupId, OrganizationId};
use crate::link::{Link, LinkError};
use crate::refusal::Precondition;
use crate::role::Privilege;
use crate::time::{Timestamp, Window};
use crate::tree::OrganizationTree;

/// What a link gives in the organizations that it reaches (GRP-2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkGives {
    /// What the group gives at home.
    #[default]
    Inherit,
    /// Of what the group gives, only this.
    Narrowed(BTreeSet<Privilege>),
}

/// What was in reach of a link when its terms were set: nearly always its target alone, which
/// then takes no room elsewhere. Sorted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeSet<OrganizationId>", into = "BTreeSet<OrganizationId>")]
pub(crate) struct Present(SmallVec<[OrganizationId; 1]>);

impl Present {
    pub(crate) fn contains(&self, organization: &OrganizationId) -> bool {
        self.0.binary_search(organization).is_ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &OrganizationId> {
        self.0.iter()
    }
}

impl FromIterator<OrganizationId> for Present {
    fn from_iter<I: IntoIterator<Item = OrganizationId>>(organizations: I) -> Self {
        let mut organizations: SmallVec<[OrganizationId; 1]> = organizations.into_iter().collect();
        organizations.sort_unstable();
        organizations.dedup();
        Self(organizations)
    }
}

impl From<BTreeSet<OrganizationId>> for Present {
    fn from(organizations: BTreeSet<OrganizationId>) -> Self {
        organizations.into_iter().collect()
    }
}

impl From<Present> for BTreeSet<OrganizationId> {
    fn from(present: Present) -> Self {
        present.0.into_iter().collect()
    }
}

/// How far a link reaches (GRP-8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The target alone.
    #[default]
    Target,
    /// The target and its children.
    Children,
    /// The target and everything below it.
    Subtree,
}

/// The terms of a link. The default inherits, makes no owners, reaches the target alone and
/// has no end.
///
/// ```
/// use bailiwick::{LinkTerms, OrganizationId, Reach};
/// let all_but_one = LinkTerms::subtree().with_future().except([OrganizationId::from_u128(7)?]);
/// assert_eq!(all_but_one.reach, Reach::Subtree);
/// # Ok::<(), bailiwick::InvalidId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkTerms {
    /// What it gives.
    #[serde(default)]
    pub gives: LinkGives,
    /// Whether a group that carries Owner makes owners where it is linked.
    #[serde(default)]
    pub makes_owners: bool,
    /// How far it reaches.
    #[serde(default)]
    pub reach: Reach,
    /// Whether it reaches organizations that come later too.
    #[serde(default)]
    pub future: bool,
    /// Organizations below the target that it does not reach, nor anything below them. They
    /// always win.
    #[serde(default)]
    pub exclusions: BTreeSet<OrganizationId>,
    /// When it counts.
    #[serde(default)]
    pub window: Window,
}

/// The default, which nearly all links have.
static PLAIN: LinkTerms = LinkTerms {
    gives: LinkGives::Inherit,
    makes_owners: false,
    reach: Reach::Target,
    future: false,
    exclusions: BTreeSet::new(),
    window: Window::ALWAYS,
};

impl Default for LinkTerms {
    fn default() -> Self {
        PLAIN.clone()
    }
}

/// The terms of a link as they are kept: plain ones take no room, and links of a loaded tree share
/// others that are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "LinkTerms", into = "LinkTerms")]
pub(crate) struct Terms(Option<Arc<LinkTerms>>);

impl From<LinkTerms> for Terms {
    fn from(terms: LinkTerms) -> Self {
        Self((terms != PLAIN).then(|| terms.into()))
    }
}

impl From<Terms> for LinkTerms {
    fn from(terms: Terms) -> Self {
        terms.0.map_or_else(Self::default, Arc::unwrap_or_clone)
    }
}

impl Deref for Terms {
    type Target = LinkTerms;

    fn deref(&self) -> &LinkTerms {
        self.0.as_deref().unwrap_or(&PLAIN)
    }
}

impl LinkTerms {
    /// To the target alone.
    pub fn target() -> Self {
        Self::default()
    }

    /// To the target and its children, those that are there now.
    pub fn children() -> Self {
        Self { reach: Reach::Children, ..Self::default() }
    }

    /// To the target and everything below it that is there now.
    pub fn subtree() -> Self {
        Self { reach: Reach::Subtree, ..Self::default() }
    }

    /// The same, and to organizations that come later too.
    #[must_use]
    pub fn with_future(mut self) -> Self {
        self.future = true;
        self
    }

    /// The same, except for these and everything below them.
    #[must_use]
    pub fn except(mut self, organizations: impl IntoIterator<Item = OrganizationId>) -> Self {
        self.exclusions.extend(organizations);
        self
    }

    /// The same, giving only this of what the group gives at home.
    #[must_use]
    pub fn giving_only(mut self, privileges: impl IntoIterator<Item = Privilege>) -> Self {
        self.gives = LinkGives::Narrowed(privileges.into_iter().collect());
        self
    }

    /// The same, with a start or an end.
    #[must_use]
    pub const fn during(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// The same, making owners where the group carries Owner.
    #[must_use]
    pub const fn making_owners(mut self) -> Self {
        self.makes_owners = true;
        self
    }
}

impl Scene<'_> {
    /// Whether a link may have these terms; answers what they reach now, those who opted out
    /// among them.
    pub(crate) fn check_terms(
        &self,
        group: &Group,
        target: OrganizationId,
        terms: &LinkTerms,
        opted_out: &BTreeSet<OrganizationId>,
    ) -> Result<BTreeSet<OrganizationId>, LinkError> {
        let (tree, at) = (self.tree, self.at);
        if terms.window.is_over(at) {
            return Err(LinkError::AlreadyOver);
        }
        if let Some(organization) =
            terms.exclusions.iter().find(|organization| !tree.is_ancestor(target, **organization))
        {
            return Err(LinkError::ExclusionOutside { organization: *organization });
        }
        if let LinkGives::Narrowed(gives) = &terms.gives {
            tree.check_declared(target, gives)?;
            // GRP-2: at a link the same, or a narrower set.
            let wider = tree.expand(gives, target).without(&tree.expand(&group.gives, target));
            if !wider.is_empty() {
                return Err(LinkError::Wider { claims: tree.catalog().names(&wider).cloned().collect() });
            }
        }
        let present: BTreeSet<OrganizationId> = tree.in_reach(target, terms).collect();
        // GRP-8: the actor owns every organization that is reached, for as long as it lasts (MEM-8).
        let owner = tree.catalog().expand(&crate::Grantable::Owner);
        let owned = |organization: &OrganizationId| {
            self.actor().is_some_and(|actor| {
                tree.access().lacking(actor, *organization, &owner, terms.window.end(), at).is_empty()
            })
        };
        let organizations: Vec<OrganizationId> =
            present.difference(opted_out).copied().filter(|organization| !owned(organization)).collect();
        if organizations.is_empty() { Ok(present) } else { Err(LinkError::ReachNotOwned { organizations }) }
    }

    /// MEM-8: what is added to a group is handed on wherever the group is linked, too.
    pub(crate) fn may_widen_links(&self, group: GroupId, added: &BTreeSet<Privilege>) -> Result<(), Precondition> {
        let (tree, Some(actor)) = (self.tree, self.actor()) else { return Ok(()) };
        for link in tree.links_of(group) {
            for organization in tree.reached(link) {
                let wanted = tree.passed_on(added, link, organization);
                let missing = tree.access().lacking(actor, organization, &wanted, link.terms.window.end(), self.at);
                if !missing.is_empty() {
                    let claims = tree.catalog().names(&missing).cloned().map(crate::Grantable::Claim);
                    return Err(Precondition::HandsOnMore { claims: claims.collect() });
                }
            }
        }
        Ok(())
    }
}

impl OrganizationTree {
    /// What a link passes on, in an organization, of what its group gives: Owner, with all that
    /// it implies, only where the link says so (GRP-2).
    pub(crate) fn passed_on(&self, gives: &BTreeSet<Privilege>, link: &Link, organization: OrganizationId) -> ClaimSet {
        let passes = |privilege: &&Privilege| link.terms.makes_owners || **privilege != Privilege::OWNER;
        match &link.terms.gives {
            LinkGives::Inherit => self.expand(gives.iter().filter(passes), organization),
            LinkGives::Narrowed(narrowed) => {
                let passed = self.expand(narrowed.iter().filter(passes), organization);
                let beyond = passed.without(&self.expand(gives, organization));
                passed.without(&beyond)
            }
        }
    }

    /// The organizations that these terms reach from a target, before anyone opts out.
    pub(crate) fn in_reach<'a>(
        &'a self,
        target: OrganizationId,
        terms: &'a LinkTerms,
    ) -> impl Iterator<Item = OrganizationId> + 'a {
        let here = self.contains(target).then_some(target);
        let children = (terms.reach == Reach::Children).then(|| self.children(target));
        let below = (terms.reach == Reach::Subtree).then(|| self.descendants(target));
        let below = children.into_iter().flatten().chain(below.into_iter().flatten());
        here.into_iter().chain(below).filter(|id| !self.is_excluded(terms, *id))
    }

    /// GRP-8: exclusions always win, over everything below them too.
    fn is_excluded(&self, terms: &LinkTerms, organization: OrganizationId) -> bool {
        !terms.exclusions.is_empty() && self.path(organization).any(|id| terms.exclusions.contains(&id))
    }

    /// The organizations that a link reaches, whether it counts now or not.
    pub fn reached<'a>(&'a self, link: &'a Link) -> impl Iterator<Item = OrganizationId> + 'a {
        self.in_reach(link.target, &link.terms).filter(|organization| self.is_in_reach(link, *organization))
    }

    /// GRP-8: whether an organization lies in a link's reach: near enough, there when it was
    /// made unless it reaches future ones, not excluded, not opted out.
    pub(crate) fn is_in_reach(&self, link: &Link, organization: OrganizationId) -> bool {
        let Some(found) = self.organizations.get(&organization) else { return false };
        let near = match link.terms.reach {
            _ if organization == link.target => true,
            Reach::Target => false,
            Reach::Children => found.parent() == Some(link.target),
            Reach::Subtree => found.ancestors().contains(&link.target),
        };
        near && (link.terms.future || link.present.contains(&organization))
            && !self.is_excluded(&link.terms, organization)
            && !link.opted_out.contains(&organization)
    }

    /// The links of a group that reach an organization, whether they count now or not.
    pub(crate) fn links_reaching(&self, group: GroupId, organization: OrganizationId) -> impl Iterator<Item = &Link> {
        let above = self.path(organization).filter(|_| self.index.dense.reaching > 0);
        let targets = above.filter(move |target| *target != organization).chain([organization]);
        let links = targets.filter_map(move |target| self.link_at(group, target));
        links.filter(move |link| self.is_in_reach(link, organization))
    }

    /// GRP-8: the links whose reach a new child of `parent` is created into.
    pub(crate) fn links_reaching_child_of(&self, parent: OrganizationId, at: Timestamp) -> Vec<&Link> {
        let reaches = |link: &&Link| {
            let near = match link.terms.reach {
                Reach::Target => false,
                Reach::Children => link.target == parent,
                Reach::Subtree => true,
            };
            near && link.terms.future && !link.terms.window.is_over(at) && !self.is_excluded(&link.terms, parent)
        };
        self.path(parent).flat_map(|target| self.links_in(target)).filter(reaches).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_kept_only_where_they_are_not_plain() {
        for (terms, plain) in [(LinkTerms::target(), true), (LinkTerms::subtree(), false)] {
            let kept = Terms::from(terms.clone());
            assert_eq!((kept.0.is_none(), &*kept), (plain, &terms));
            let text = serde_json::to_string(&kept).unwrap();
            assert_eq!(text, serde_json::to_string(&terms).unwrap());
            assert_eq!(serde_json::from_str::<Terms>(&text).unwrap(), kept);
        }
    }
}

//! The edges of a tree's state by number, before they are rows.

use std::hash::Hash;
use std::sync::Arc;

use foldhash::fast::FixedState;
use indexmap::{IndexMap, IndexSet};
use smallvec::SmallVec;

use super::row::next;
use crate::grant::Grant;
use crate::id::{GroupId, OrganizationId, PrincipalId};
use crate::member::Member;
use crate::organization::Organization;
use crate::tree::OrganizationTree;

/// What leads where in a tree's state. Of each kind, what is there is numbered first, in the
/// order of the state, but the root before all other organizations; then what is referred to and
/// not there: in a log that was tampered with there is such (ERR-3).
#[derive(Default)]
pub(crate) struct Numbered {
    pub(crate) organizations: Vec<OrganizationId>,
    pub(crate) groups: Vec<GroupId>,
    pub(crate) principals: Vec<PrincipalId>,
    /// Ancestors from the root down, of many organizations at once.
    pub(crate) lineages: Vec<SmallVec<[u32; 8]>>,
    /// Which of these are above each organization that is there.
    pub(crate) above: Vec<usize>,
    /// Lists of grants that members share.
    pub(crate) grants: Vec<Arc<[Grant]>>,
    pub(crate) members: Vec<Membership>,
    /// Who is in a group themselves, and in which.
    pub(crate) participants: Vec<(u32, u32)>,
    /// Of each link, in their order: the group, and the target.
    pub(crate) links: Vec<(u32, u32)>,
}

/// Who is a member where, and which of the lists of grants they hold.
pub(crate) struct Membership {
    pub(crate) place: u32,
    pub(crate) who: u32,
    pub(crate) grants: usize,
    pub(crate) suspended: bool,
}

/// What is met, in that order, each once.
struct Met<I>(IndexSet<I, FixedState>);

impl<I: Copy + Eq + Hash> Met<I> {
    fn number(&mut self, id: I) -> u32 {
        next(self.0.insert_full(id).0)
    }
}

impl<I: Copy + Eq + Hash> FromIterator<I> for Met<I> {
    fn from_iter<T: IntoIterator<Item = I>>(ids: T) -> Self {
        Self(ids.into_iter().collect())
    }
}

impl Numbered {
    /// All of a tree's primary state.
    pub(crate) fn of(tree: &OrganizationTree) -> Self {
        let mut organizations: Met<_> = organizations(tree).map(Organization::id).collect();
        let mut groups: Met<_> = tree.groups.keys().copied().collect();
        let mut principals: Met<_> = tree.principals.keys().copied().collect();
        let mut lineages: IndexSet<&[OrganizationId], FixedState> = IndexSet::default();
        let above = self::organizations(tree).map(|below| lineages.insert_full(below.ancestors()).0).collect();
        let lineage = |above: &&[OrganizationId]| above.iter().map(|id| organizations.number(*id)).collect();
        let lineages = lineages.iter().map(lineage).collect();
        let mut grants: IndexMap<*const Grant, Arc<[Grant]>, FixedState> = IndexMap::default();
        let member = |((place, who), member): (&(_, _), &Member)| Membership {
            place: organizations.number(*place),
            who: principals.number(*who),
            grants: grants.insert_full(member.grants.as_ptr(), member.grants.clone()).0,
            suspended: member.suspended,
        };
        let members = tree.members.iter().map(member).collect();
        let within = tree.groups.values().flat_map(|group| group.members.iter().map(move |member| (member, group.id)));
        let participants = within.filter_map(|(member, group)| Some((member.principal()?, group)));
        let participants = participants.map(|(who, group)| (principals.number(who), groups.number(group))).collect();
        let links = tree.links.keys().map(|(group, target)| (groups.number(*group), organizations.number(*target)));
        let links = links.collect();
        Self {
            organizations: organizations.0.into_iter().collect(),
            groups: groups.0.into_iter().collect(),
            principals: principals.0.into_iter().collect(),
            lineages,
            above,
            grants: grants.into_values().collect(),
            members,
            participants,
            links,
        }
    }
}

/// All organizations in the order of their numbers: the root has the first, as in a tree that
/// grew, and the others follow by their identifiers.
pub(crate) fn organizations(tree: &OrganizationTree) -> impl Iterator<Item = &Organization> {
    let root = tree.organization(tree.root());
    let others = tree.organizations().filter(|organization| organization.id() != tree.root());
    root.into_iter().chain(others)
}

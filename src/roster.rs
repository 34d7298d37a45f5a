//! The roster: everyone with access to an organization, everyone invited, and why.
//!
//! Rules: ROS-1, INV-3 (look-alikes), INV-8.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::access::claim::Grantable;
use crate::access::explain::Path;
use crate::id::{GroupId, InvitationId, OrganizationId, PrincipalId};
use crate::participant::GroupRole;
use crate::time::Timestamp;
use crate::tree::OrganizationTree;
use crate::{AccessKind, Authority, Demand, Denial, Need, Operation, Place};

/// Who a line of a roster is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RosterSubject {
    /// Someone who has access, or is a member.
    Principal(PrincipalId),
    /// Someone who is invited.
    Invitation(InvitationId),
}

/// Where access comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// From the organization itself: membership, a grant, a role, a group of its own.
    Own,
    /// Through a link from above.
    Linked,
    /// Through support access.
    Support,
}

/// A line of a roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RosterLine {
    /// Who.
    pub subject: RosterSubject,
    /// What they are called, or the address that was invited; none once it is erased.
    pub label: Option<String>,
    /// Whether they are a member of the organization itself.
    pub is_member: bool,
    /// Whether they are suspended there.
    pub is_suspended: bool,
    /// What they may do there.
    pub claims: Vec<Grantable>,
    /// What gives it.
    pub paths: Vec<Path>,
    /// For one who is invited: the group, as what, and until when.
    pub invited: Option<(GroupId, GroupRole, Timestamp)>,
    /// Whether another line has an address that looks the same (INV-3).
    pub looks_alike: bool,
}

impl RosterLine {
    /// Where the access comes from; an invitation is the organization's own.
    pub fn origins(&self) -> impl Iterator<Item = Origin> + '_ {
        let linked = |path: &Path| matches!(path, Path::Group { link: Some(_), .. });
        let support = |path: &Path| matches!(path, Path::Support { .. });
        let own =
            self.is_member || self.invited.is_some() || self.paths.iter().any(|path| !linked(path) && !support(path));
        let below = self.paths.iter().any(linked);
        let looks = self.paths.iter().any(support);
        [(own, Origin::Own), (below, Origin::Linked), (looks, Origin::Support)]
            .into_iter()
            .filter(|(has, _)| *has)
            .map(|(_, origin)| origin)
    }

    fn groups(&self) -> impl Iterator<Item = GroupId> + '_ {
        let chains = self.paths.iter().flat_map(|path| match path {
            Path::Group { chain, .. } => chain.as_slice(),
            Path::Grant { .. } | Path::Support { .. } => &[],
        });
        chains.copied().chain(self.invited.map(|(group, _, _)| group))
    }
}

/// Which lines are wanted; what is `None` does not narrow (ROS-2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RosterFilter {
    /// Those with a claim of this kind.
    pub access: Option<AccessKind>,
    /// Those whom this group gives access, or invites.
    pub group: Option<GroupId>,
    /// Those whose access comes from there.
    pub origin: Option<Origin>,
    /// Those whose label holds this text, upper and lower case alike.
    pub text: Option<String>,
}

/// A page of a roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RosterPage {
    /// The lines, sorted by label, then by subject.
    pub lines: Vec<RosterLine>,
    /// How many lines there are in all that pass the filter.
    pub total: usize,
}

impl OrganizationTree {
    /// The roster of an organization for someone who may see it, by page (ROS-1). Addresses
    /// of the invited are shown to owners alone (INV-8).
    ///
    /// [`Denial`] unless the viewer holds `roster.view` there.
    pub fn roster(
        &self,
        viewer: PrincipalId,
        organization: OrganizationId,
        filter: &RosterFilter,
        skip: usize,
        limit: NonZeroU32,
        at: Timestamp,
    ) -> Result<RosterPage, Denial> {
        self.may_view(viewer, organization, "roster.view", Operation::ReviewAccess, at)?;
        let mut lines = self.roster_lines(organization, at);
        if !self.access().dormant(true).owns(viewer, organization, at) {
            // INV-8: the addresses of the invited are for owners alone.
            lines.iter_mut().filter(|line| line.invited.is_some()).for_each(|line| line.label = None);
            sort(&mut lines);
        }
        lines.retain(|line| self.passes(line, filter));
        let total = lines.len();
        let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        Ok(RosterPage { lines: lines.into_iter().skip(skip).take(limit).collect(), total })
    }

    /// Whether a claim to view is held where something is read; reading is possible in an
    /// organization that is not active too (HIE-10).
    pub(crate) fn may_view(
        &self,
        viewer: PrincipalId,
        organization: OrganizationId,
        claim: &'static str,
        operation: Operation,
        at: Timestamp,
    ) -> Result<(), Denial> {
        let allowed = crate::Claim::new(claim)
            .is_ok_and(|claim| self.access().dormant(true).allows(viewer, organization, &claim, at));
        match allowed {
            true => Ok(()),
            // ERR-1: one who sees the organization is told what would be needed.
            false if self.sees(viewer, organization, at) => {
                let demand = Demand { authority: Authority::Claim(claim), place: Place::Organization };
                let need = Need { demand, claim: None, organization: Some(organization) };
                Err(Denial::Forbidden { operation, ways: vec![vec![need]] })
            }
            false => Err(Denial::NotFound { operation }),
        }
    }

    /// Every line of a roster, whoever asks: for the operator, a review, or a report.
    pub fn roster_lines(&self, organization: OrganizationId, at: Timestamp) -> Vec<RosterLine> {
        let access = self.access().dormant(true);
        let mut people: std::collections::BTreeSet<PrincipalId> =
            access.principals(organization, None, at).into_iter().collect();
        people.extend(self.members(organization).map(|(principal, _)| principal));
        let present = people.into_iter().map(|principal| self.line_of(principal, organization, at));
        let invited = self.pending_invitations(organization, at).filter_map(|id| self.line_of_invitation(id, at));
        let mut lines: Vec<RosterLine> = present.chain(invited).collect();
        self.mark_look_alikes(&mut lines);
        sort(&mut lines);
        lines
    }

    fn line_of(&self, principal: PrincipalId, organization: OrganizationId, at: Timestamp) -> RosterLine {
        let access = self.access().dormant(true);
        let member = self.member(organization, principal);
        RosterLine {
            subject: RosterSubject::Principal(principal),
            label: self.person(principal).map(|person| person.name.to_string()),
            is_member: member.is_some(),
            is_suspended: member.is_some_and(|member| member.is_suspended()),
            claims: self.named(&access.claims(principal, organization, at)),
            paths: access.paths(principal, organization, at),
            invited: None,
            looks_alike: false,
        }
    }

    fn line_of_invitation(&self, id: InvitationId, at: Timestamp) -> Option<RosterLine> {
        let invitation = self.invitation(id)?;
        let crate::InvitationState::Pending { until } = invitation.state(at) else { return None };
        Some(RosterLine {
            subject: RosterSubject::Invitation(id),
            label: self.invitee(id).map(|address| address.typed().to_owned()),
            is_member: false,
            is_suspended: false,
            claims: Vec::new(),
            paths: Vec::new(),
            invited: Some((invitation.group(), invitation.role(), until)),
            looks_alike: false,
        })
    }

    /// INV-3: addresses that differ but look the same are marked.
    fn mark_look_alikes(&self, lines: &mut [RosterLine]) {
        let key = |line: &RosterLine| match line.subject {
            RosterSubject::Principal(principal) => self.person(principal).and_then(|person| person.address.as_ref()),
            RosterSubject::Invitation(id) => self.invitee(id),
        };
        let mut alike: BTreeMap<String, std::collections::BTreeSet<crate::address::AddressKey>> = BTreeMap::new();
        for address in lines.iter().filter_map(key) {
            alike.entry(address.key().skeleton()).or_default().insert(address.key().clone());
        }
        for line in lines.iter_mut() {
            let skeleton = key(line).map(|address| address.key().skeleton());
            line.looks_alike = skeleton.and_then(|skeleton| alike.get(&skeleton)).is_some_and(|keys| keys.len() > 1);
        }
    }

    fn passes(&self, line: &RosterLine, filter: &RosterFilter) -> bool {
        let of_kind = |kind: AccessKind| {
            line.claims.iter().any(|claim| match claim {
                Grantable::Claim(claim) => {
                    self.catalog().declaration(claim).is_some_and(|declared| declared.access == kind)
                }
                Grantable::Owner | Grantable::Family(_) => true,
            })
        };
        let holds = |text: &String| {
            line.label.as_ref().is_some_and(|label| label.to_lowercase().contains(&text.to_lowercase()))
        };
        filter.access.is_none_or(of_kind)
            && filter.group.is_none_or(|group| line.groups().any(|other| other == group))
            && filter.origin.is_none_or(|origin| line.origins().any(|other| other == origin))
            && filter.text.as_ref().is_none_or(holds)
    }
}

fn sort(lines: &mut [RosterLine]) {
    lines.sort_by(|a, b| (&a.label, a.subject).cmp(&(&b.label, b.subject)));
}

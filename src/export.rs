//! Export of what is known of a person.
//!
//! It covers the last 90 days, holds at most 10,000 records a section, says where it was cut,
//! and holds no passwords, secrets or tokens: it is built from fields chosen one by one, and
//! nothing is copied whole. Rules: GDP-2.

use serde::Serialize;

use crate::command::{Actor, Operation};
use crate::event::{Recorded, Version};
use crate::grant::Grant;
use crate::id::{GroupId, InvitationId, OrganizationId, PrincipalId, ProjectId};
use crate::index::Index;
use crate::invitation_state::InvitationState;
use crate::participant::{GroupRole, Participant};
use crate::person::{Person, Record, RecordKey};
use crate::refusal::Denial;
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// A section of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportSection<T> {
    /// The records, the latest first where they have a time.
    pub records: Vec<T>,
    /// How many there are in all.
    pub total: usize,
    /// Whether some were cut off.
    pub cut: bool,
}

impl<T> ExportSection<T> {
    fn of(mut records: Vec<T>, cap: usize) -> Self {
        let total = records.len();
        records.truncate(cap);
        Self { cut: records.len() < total, records, total }
    }
}

/// A membership, as exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportedMembership {
    /// Where.
    pub organization: OrganizationId,
    /// Since when.
    pub since: Timestamp,
    /// Whether it is suspended.
    pub suspended: bool,
    /// What is held directly.
    pub grants: Vec<Grant>,
}

/// A group, as exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportedGroup {
    /// Where it lives.
    pub organization: OrganizationId,
    /// Which.
    pub group: GroupId,
    /// As what.
    pub role: GroupRole,
}

/// An invitation, as exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportedInvitation {
    /// Which.
    pub invitation: InvitationId,
    /// To where.
    pub organization: OrganizationId,
    /// How it stands.
    pub state: InvitationState,
    /// When it was sent last.
    pub sent: Option<Timestamp>,
}

/// Something that the person did, or that was done to them, as exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportedActivity {
    /// The version of the tree that it made.
    pub version: Version,
    /// When.
    pub at: Timestamp,
    /// What.
    pub operations: Vec<Operation>,
    /// Whether they did it.
    pub by_them: bool,
    /// Why, if they did it and said so.
    pub reason: Option<String>,
}

/// What is known of a person.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Export {
    /// As of when.
    pub at: Timestamp,
    /// From when on their activity is covered.
    pub since: Timestamp,
    /// Who.
    pub principal: PrincipalId,
    /// What is known of them.
    pub person: Option<Person>,
    /// Where they are a member.
    pub memberships: ExportSection<ExportedMembership>,
    /// The groups that they are in, or own.
    pub groups: ExportSection<ExportedGroup>,
    /// Their projects.
    pub projects: ExportSection<ProjectId>,
    /// The invitations to their address.
    pub invitations: ExportSection<ExportedInvitation>,
    /// What they did, and what was done to them.
    pub activity: ExportSection<ExportedActivity>,
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Export({} at {})", self.principal, self.at)
    }
}

impl OrganizationTree {
    /// What is known of a person, for themself or an owner of the root; `commits` are those of
    /// this tree, of which the last 90 days are covered.
    ///
    /// [`Denial`] for anyone else, and for a person whom the tree does not know.
    pub fn export<'a>(
        &self,
        viewer: PrincipalId,
        principal: PrincipalId,
        commits: impl IntoIterator<Item = &'a Recorded>,
        at: Timestamp,
    ) -> Result<Export, Denial> {
        let allowed = viewer == principal || self.access().dormant(true).owns(viewer, self.root(), at);
        if !allowed || self.principal(principal).is_none() {
            return Err(Denial::NotFound { operation: Operation::ErasePerson });
        }
        let (since, cap) = (self.rules().export_period.before(at), self.rules().export_cap);
        Ok(Export {
            at,
            since,
            principal,
            person: self.person(principal).cloned(),
            memberships: ExportSection::of(self.exported_memberships(principal), cap),
            groups: ExportSection::of(self.exported_groups(principal), cap),
            projects: ExportSection::of(self.exported_projects(principal), cap),
            invitations: ExportSection::of(self.exported_invitations(principal, since, at), cap),
            activity: ExportSection::of(self.exported_activity(principal, commits, since), cap),
        })
    }

    fn exported_memberships(&self, principal: PrincipalId) -> Vec<ExportedMembership> {
        let membership = |organization| {
            let member = self.member(organization, principal)?;
            let (since, suspended, grants) = (member.since(), member.is_suspended(), member.grants().to_vec());
            Some(ExportedMembership { organization, since, suspended, grants })
        };
        self.memberships(principal).filter_map(membership).collect()
    }

    fn exported_groups(&self, principal: PrincipalId) -> Vec<ExportedGroup> {
        let member = self.groups_holding(Participant::Principal(principal)).map(|id| (id, GroupRole::Member));
        let owner = Index::row(&self.index.owned_groups, principal).map(|id| (*id, GroupRole::Owner));
        let group =
            |(group, role)| Some(ExportedGroup { organization: self.group(group)?.organization(), group, role });
        member.chain(owner).filter_map(group).collect()
    }

    fn exported_projects(&self, principal: PrincipalId) -> Vec<ProjectId> {
        let projects = self.memberships(principal).flat_map(|organization| self.projects(organization));
        projects
            .filter(|project| project.members().any(|member| member == principal))
            .map(|project| project.id())
            .collect()
    }

    fn exported_invitations(&self, principal: PrincipalId, since: Timestamp, at: Timestamp) -> Vec<ExportedInvitation> {
        let mut exported: Vec<ExportedInvitation> = self
            .invitations_of(principal)
            .map(|invitation| ExportedInvitation {
                invitation: invitation.id(),
                organization: invitation.organization(),
                state: invitation.state(at),
                sent: invitation.sendings().iter().map(|sending| sending.at).max(),
            })
            .filter(|invitation| invitation.sent.is_none_or(|sent| since <= sent))
            .collect();
        exported.sort_by_key(|invitation| std::cmp::Reverse(invitation.sent));
        exported
    }

    fn exported_activity<'a>(
        &self,
        principal: PrincipalId,
        commits: impl IntoIterator<Item = &'a Recorded>,
        since: Timestamp,
    ) -> Vec<ExportedActivity> {
        let activity = |commit: &Recorded| {
            let by_them = commit.actor == Actor::Principal(principal);
            let reason = match self.records.get(&RecordKey::Reason(commit.version)) {
                Some(Record::Reason { text, .. }) if by_them => Some(text.to_string()),
                _ => None,
            };
            ExportedActivity {
                version: commit.version,
                at: commit.at,
                operations: commit.operations.clone(),
                by_them,
                reason,
            }
        };
        let concerns = |commit: &&Recorded| {
            commit.actor == Actor::Principal(principal)
                || commit.events.iter().any(|event| event.principals().contains(&principal))
        };
        let within =
            commits.into_iter().filter(|commit| commit.root == self.root() && since <= commit.at).filter(concerns);
        let mut exported: Vec<ExportedActivity> = within.map(activity).collect();
        exported.sort_by_key(|activity| std::cmp::Reverse(activity.version));
        exported
    }
}

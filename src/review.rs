//! Access reviews: the roster as of an instant, who looked at each line, and what goes.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`ApplyReview`] | ownership | what is revoked, then `Reviewed` |
//!
//! Rules: ROS-2.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::explain::Path;
use crate::audit::{AuditEvent, ReviewedLine};
use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Version;
use crate::grant::GrantEvent;
use crate::group::GroupEvent;
use crate::id::{GroupId, InvitationId, LinkId, OrganizationId, PrincipalId, SupportId};
use crate::invitation::InvitationEvent;
use crate::invitation_state::InvitationStep;
use crate::participant::Participant;
use crate::refusal::rule_errors;
use crate::role::Privilege;
use crate::roster::{RosterLine, RosterSubject};
use crate::support::SupportEvent;
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// What a reviewer says of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The access stays.
    Keep,
    /// What the organization itself gives is to be revoked.
    Revoke,
}

/// A roster under review.
///
/// It is a value of its own: fill it in over days, then apply it in one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessReview {
    /// Whose roster.
    pub organization: OrganizationId,
    /// As of when.
    pub at: Timestamp,
    /// On which version of the tree.
    pub version: Version,
    /// The lines, each with who looked at it and what they said.
    pub lines: Vec<(RosterLine, Option<(PrincipalId, Verdict)>)>,
}

impl AccessReview {
    /// Writes down what a reviewer says of a line; answers whether there is such a line.
    pub fn judge(&mut self, subject: RosterSubject, reviewer: PrincipalId, verdict: Verdict) -> bool {
        let line = self.lines.iter_mut().find(|(line, _)| line.subject == subject);
        line.map(|(_, judged)| *judged = Some((reviewer, verdict))).is_some()
    }

    /// The lines that nobody looked at yet.
    pub fn open(&self) -> impl Iterator<Item = &RosterLine> {
        self.lines.iter().filter(|(_, judged)| judged.is_none()).map(|(line, _)| line)
    }
}

/// Applies a review: the lines to be revoked lose what the organization itself gives, in one
/// commit. What a link from above gives is answered, for the link is to be ended or opted
/// out of instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyReview {
    /// The review, every line of it judged.
    pub review: AccessReview,
}

impl Command for ApplyReview {
    /// The links that still give access to someone whose line was to be revoked.
    type Output = Vec<(PrincipalId, LinkId)>;
    type Error = ReviewError;

    fn operation(&self) -> Operation {
        Operation::ReviewAccess
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.review.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Self::Output, ReviewError> {
        let (tree, at, organization) = (scene.tree, scene.at, self.review.organization);
        let open = self.review.open().count();
        if open > 0 {
            return Err(ReviewError::Open { count: open });
        }
        let mut remaining = Vec::new();
        let mut reviewed = Vec::new();
        for (line, judged) in &self.review.lines {
            let Some((reviewer, verdict)) = *judged else { continue };
            // MEM-8: nobody reviews their own access.
            if line.subject == RosterSubject::Principal(reviewer) {
                return Err(ReviewError::OwnLine { principal: reviewer });
            }
            reviewed.push(ReviewedLine { subject: line.subject, reviewer, verdict });
            if verdict == Verdict::Revoke {
                match line.subject {
                    // CLM-4: one who is not an owner takes nothing from one who holds more.
                    RosterSubject::Principal(principal) => {
                        scene.may_take_from(organization, principal)?;
                        remaining.extend(revoke_all(scene, organization, principal));
                    }
                    RosterSubject::Invitation(id) => revoke_invitation(scene, organization, id),
                }
            }
        }
        let losing: BTreeSet<PrincipalId> = self.revoked().collect();
        let mut owners = tree.acting_owners(organization, at).peekable();
        if owners.peek().is_some() && owners.all(|owner| losing.contains(&owner)) {
            return Err(crate::Precondition::LastOwner { organizations: vec![organization] }.into());
        }
        let as_of = self.review.at;
        scene.emit(AuditEvent::Reviewed { organization, as_of, lines: reviewed });
        Ok(remaining)
    }
}

impl ApplyReview {
    fn revoked(&self) -> impl Iterator<Item = PrincipalId> + '_ {
        self.review.lines.iter().filter_map(|(line, judged)| match (line.subject, judged) {
            (RosterSubject::Principal(principal), Some((_, Verdict::Revoke))) => Some(principal),
            _ => None,
        })
    }
}

/// Revokes what an organization itself gives a principal; answers the links that remain.
fn revoke_all(
    scene: &mut Scene<'_>,
    organization: OrganizationId,
    principal: PrincipalId,
) -> Vec<(PrincipalId, LinkId)> {
    let (tree, at) = (scene.tree, scene.at);
    for grant in tree.grants_of(organization, principal) {
        let privilege: Privilege = grant.privilege.clone();
        scene.emit(GrantEvent::Revoked { organization, principal, privilege });
    }
    let participant = Participant::Principal(principal);
    let own: Vec<GroupId> = tree
        .groups(organization)
        .filter(|group| group.members().any(|member| member == participant))
        .map(|group| group.id())
        .collect();
    own.into_iter().for_each(|group| scene.emit(GroupEvent::MemberRemoved { organization, group, participant }));
    let looking = tree.support_of(principal, organization).filter(|(_, window)| window.contains(at));
    let looking: Vec<SupportId> = looking.map(|(support, _)| support.id()).collect();
    looking.into_iter().for_each(|support| scene.emit(SupportEvent::Ended { organization, support }));
    // What comes from above comes through a link: into the organization, or to a group there
    // that the linked one is nested in.
    let mut links = BTreeSet::new();
    for path in tree.access().paths(principal, organization, at) {
        let Path::Group { chain, link, .. } = path else { continue };
        links.extend(link);
        let above =
            chain.into_iter().filter(|id| tree.group(*id).is_some_and(|group| group.organization() != organization));
        for group in above.filter(|_| link.is_none()) {
            links.extend(
                tree.links_toward(group, organization)
                    .filter(|link| tree.is_in_reach(link, organization))
                    .map(|link| link.id()),
            );
        }
    }
    links.into_iter().map(|link| (principal, link)).collect()
}

fn revoke_invitation(scene: &mut Scene<'_>, organization: OrganizationId, invitation: InvitationId) {
    let pending = scene.tree.invitation(invitation).filter(|found| found.organization() == organization);
    if pending.is_some_and(|found| found.state.step(InvitationStep::Revoke, scene.at).is_ok()) {
        scene.emit(InvitationEvent::Revoked { organization, invitation });
    }
}

rule_errors! {
    /// Why a review was not applied.
    pub enum ReviewError + Precondition {
        #[error("{count} lines are not judged yet")]
        Open { count: usize } = Conflict, "review.open", "ROS-2";
        #[error("{principal} cannot review their own access: another owner must")]
        OwnLine { principal: PrincipalId } = Forbidden, "review.own_line", "MEM-8";
    }
}

impl OrganizationTree {
    /// The roster of an organization as of now, to be reviewed line by line (ROS-2).
    pub fn begin_review(&self, organization: OrganizationId, at: Timestamp) -> AccessReview {
        let lines = self.roster_lines(organization, at).into_iter().map(|line| (line, None)).collect();
        AccessReview { organization, at, version: self.version(), lines }
    }
}

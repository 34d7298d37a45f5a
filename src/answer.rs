//! The answers to an invitation.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`DeclineInvitation`] | the invited address | `Declined` |
//! | [`AcceptInvitation`] | the token and the invited address | `UserKnown`, `Added`, `MemberAdded` or `OwnerAdded`, `Accepted` |
//!
//! Rules: INV-5, INV-7, INV-8.

use crate::address::Address;
use crate::command::{Command, Operation, Scene, Subjects};
use crate::group::GroupEvent;
use crate::id::{GroupId, InvitationId, OrganizationId, PrincipalId};
use crate::invitation::{Invitation, InvitationError, InvitationEvent};
use crate::invitation_state::InvitationStep;
use crate::member::MemberEvent;
use crate::participant::{GroupRole, Participant};
use crate::person::{Person, Record, RecordKey};
use crate::principal::Principal;
use crate::refusal::Precondition;
use crate::token::InvitationToken;

/// Declines one's own invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclineInvitation {
    /// The invitation.
    pub invitation: InvitationId,
    /// The address that the service has verified for the actor; another one gets the answer
    /// of an invitation that does not exist (ERR-4).
    pub address: Address,
}

impl Command for DeclineInvitation {
    type Output = ();
    type Error = InvitationError;

    fn operation(&self) -> Operation {
        Operation::DeclineInvitation
    }

    fn subjects(&self) -> Subjects {
        Subjects::default()
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), InvitationError> {
        let (tree, invitation) = (scene.tree, self.invitation);
        let own = tree.invitee(invitation).is_some_and(|address| address.key() == self.address.key());
        let found = tree.invitations.get(&invitation).filter(|_| own);
        let found = found.ok_or(Precondition::NotFound { what: "invitation" })?;
        found.state.step(InvitationStep::Decline, scene.at)?;
        scene.emit(InvitationEvent::Declined { organization: found.organization, invitation });
        Ok(())
    }
}

/// Accepts an invitation: the actor becomes a member of the organization, and owner or
/// member of the group, in one commit (INV-7). The organization comes from the record.
pub struct AcceptInvitation {
    /// The token, as presented.
    pub token: InvitationToken,
    /// The actor's address.
    pub address: Address,
    /// Whether the service has verified that the address is the actor's.
    pub verified: bool,
    /// What the actor is called, if they are new to the tree.
    pub name: crate::Name,
}

impl Command for AcceptInvitation {
    /// Where they have come in.
    type Output = (OrganizationId, GroupId, GroupRole);
    type Error = InvitationError;

    fn operation(&self) -> Operation {
        Operation::AcceptInvitation
    }

    fn subjects(&self) -> Subjects {
        Subjects::default()
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Self::Output, InvitationError> {
        let (tree, at) = (scene.tree, scene.at);
        let missing = Precondition::NotFound { what: "invitation" };
        let found = tree.index.tokens.get(&self.token.hash()).and_then(|id| tree.invitations.get(id));
        let found = found.filter(|invitation| invitation.token.matches(&self.token)).ok_or(missing.clone())?;
        let by = scene.actor().ok_or(missing.clone())?;
        // INV-5: the token and the verified address must both match; another address is
        // refused without spending the invitation.
        let invited = tree.invitee(found.id).ok_or(missing)?;
        if invited.key() != self.address.key() {
            return Err(InvitationError::RecipientMismatch);
        }
        if !self.verified && !tree.rules().invitations.trust_unverified {
            return Err(InvitationError::Unverified);
        }
        let answer = (found.organization, found.group, found.role);
        let accepted = found.state.step(InvitationStep::Accept { by }, at)?;
        if accepted == found.state {
            return Ok(answer);
        }
        tree.judge_acceptance(found, by, at)?;
        self.come_in(scene, found, by)?;
        Ok(answer)
    }
}

impl AcceptInvitation {
    fn come_in(&self, scene: &mut Scene<'_>, found: &Invitation, by: PrincipalId) -> Result<(), InvitationError> {
        let (tree, organization) = (scene.tree, found.organization);
        match tree.principals.get(&by) {
            None => {
                tree.fresh(by.uuid())?;
                scene.emit(MemberEvent::UserKnown { principal: by });
            }
            Some(Principal::Machine { .. } | Principal::Erased) => {
                return Err(Precondition::NotFound { what: "user" }.into());
            }
            Some(Principal::User) => {}
        }
        let known = tree.person(by);
        if known.is_none_or(|person| person.address.is_none()) {
            let name = known.map_or_else(|| self.name.clone(), |person| person.name.clone());
            // INV-5: an address that nobody verified is not written down as one that was.
            let person = Person { name, address: self.verified.then(|| self.address.clone()) };
            scene.write(RecordKey::Person(by), Some(Record::Person(person)));
        }
        if !tree.is_member(organization, by) {
            scene.emit(MemberEvent::Added { organization, principal: by });
        }
        let group = tree.group_in(organization, found.group)?;
        if !group.has(by, found.role) {
            scene.emit(match found.role {
                GroupRole::Owner => GroupEvent::OwnerAdded { organization, group: group.id, owner: by },
                GroupRole::Member => {
                    let participant = Participant::Principal(by);
                    GroupEvent::MemberAdded { organization, group: group.id, participant, self_granted: false }
                }
            });
        }
        scene.emit(InvitationEvent::Accepted { organization, invitation: found.id, by, verified: self.verified });
        Ok(())
    }
}

//! Erasure of a person: what is known of them goes, what they did stays under a placeholder.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`ErasePerson`] | the operator, or ownership of the root | successions, everything that ends, then `Erased` |
//!
//! It cannot be undone. Names and addresses are only in records, so the log stays as it is
//! (GDP-3); a store is then asked to clean up what it keeps of old pages. Rules: GDP-1, GDP-4.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::grant::{Grant, GrantEvent};
use crate::group::GroupEvent;
use crate::id::{OrganizationId, PrincipalId};
use crate::index::Index;
use crate::invitation::InvitationEvent;
use crate::member::{Principal, end_membership};
use crate::person::{Record, RecordKey};
use crate::refusal::{Precondition, list, rule_errors};
use crate::role::Privilege;
use crate::time::Window;
use crate::tree::OrganizationTree;

/// What stands for a person who was erased.
pub const ERASED: &str = "erased person";

/// Erases a person from the whole tree. Repeating it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasePerson {
    /// The root of the tree.
    pub root: OrganizationId,
    /// The person.
    pub principal: PrincipalId,
    /// Who follows them where they are the last owner: active members there, who are users.
    pub successors: BTreeMap<OrganizationId, PrincipalId>,
}

impl Command for ErasePerson {
    type Output = ();
    type Error = ErasureError;

    fn operation(&self) -> Operation {
        Operation::ErasePerson
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.root)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), ErasureError> {
        let (tree, principal) = (scene.tree, self.principal);
        if self.root != tree.root() {
            return Err(Precondition::NotFound { what: "root" }.into());
        }
        match tree.principal(principal) {
            Some(Principal::Erased) => return Ok(()),
            Some(_) => {}
            None => return Err(Precondition::NotFound { what: "person" }.into()),
        }
        let places: Vec<OrganizationId> = tree.memberships(principal).collect();
        // Abuse case 94: what is under a legal hold is not erased.
        let held: Vec<OrganizationId> = places.iter().copied().filter(|place| tree.is_held(*place)).collect();
        if !held.is_empty() {
            return Err(ErasureError::LegalHold { organizations: held });
        }
        self.name_successors(scene, &places)?;
        self.pass_on_groups(scene);
        self.end_invitations(scene);
        places.into_iter().for_each(|place| end_membership(scene, place, principal));
        for key in tree.personal_records(principal) {
            scene.write(key, None);
        }
        scene.emit(ErasureEvent::Erased { principal });
        Ok(())
    }
}

impl ErasePerson {
    /// GDP-4: refused with the organizations that would be left without an owner, or done
    /// with a successor named for each.
    fn name_successors(&self, scene: &mut Scene<'_>, places: &[OrganizationId]) -> Result<(), ErasureError> {
        let (tree, at) = (scene.tree, scene.at);
        let Err(Precondition::LastOwner { organizations }) =
            tree.keep_owner(places.iter().copied(), self.principal, at)
        else {
            return Ok(());
        };
        let missing: Vec<OrganizationId> =
            organizations.iter().copied().filter(|place| !self.successors.contains_key(place)).collect();
        if !missing.is_empty() {
            return Err(Precondition::LastOwner { organizations: missing }.into());
        }
        for organization in organizations {
            let Some(successor) = self.successors.get(&organization).copied() else { continue };
            let able = successor != self.principal
                && tree.is_user(successor)
                && tree.is_active_member(organization, successor);
            if !able {
                return Err(ErasureError::CannotSucceed { organization, principal: successor });
            }
            let grant = Grant { privilege: Privilege::OWNER, window: Window::ALWAYS };
            scene.emit(GrantEvent::Granted { organization, principal: successor, grant });
        }
        Ok(())
    }

    /// GRP-1: a group keeps an owner: the successor, or else an owner of its organization.
    fn pass_on_groups(&self, scene: &mut Scene<'_>) {
        let (tree, at, principal) = (scene.tree, scene.at, self.principal);
        let owned = Index::row(&tree.index.owned_groups, principal).filter_map(|group| tree.groups.get(group));
        for group in owned.filter(|group| group.owners.len() == 1) {
            let organization = group.organization;
            let mut others = tree.acting_owners(organization, at).filter(|owner| *owner != principal);
            if let Some(owner) = self.successors.get(&organization).copied().or_else(|| others.next()) {
                scene.emit(GroupEvent::OwnerAdded { organization, group: group.id, owner });
            }
        }
    }

    /// Everything pending that went to their address ends, wherever it is.
    fn end_invitations(&self, scene: &mut Scene<'_>) {
        let (tree, at) = (scene.tree, scene.at);
        let Some(address) = tree.person(self.principal).and_then(|person| person.address.as_ref()) else { return };
        for invitation in tree.invitations_to(address.key()).filter(|invitation| invitation.is_pending(at)) {
            scene.emit(InvitationEvent::Revoked { organization: invitation.organization, invitation: invitation.id });
        }
    }
}

/// That a person was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ErasureEvent {
    /// Nothing is known of them any more.
    Erased {
        /// Who; the identifier stays, and is never used again.
        principal: PrincipalId,
    },
}

rule_errors! {
    /// Why a person was not erased.
    pub enum ErasureError + Precondition {
        #[error("a legal hold is on in {}: it must be lifted first", list(organizations))]
        LegalHold { organizations: Vec<OrganizationId> } = Conflict, "erasure.legal_hold", "GDP-4";
        #[error("{principal} cannot follow as owner of {organization}: a successor is an active member who is a user")]
        CannotSucceed { organization: OrganizationId, principal: PrincipalId } = Conflict, "erasure.cannot_succeed", "GDP-4";
    }
}

impl ErasureEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        let Self::Erased { principal } = self;
        tree.principals.insert(*principal, Principal::Erased);
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        Vec::new()
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        let Self::Erased { principal } = self;
        vec![*principal]
    }
}

impl OrganizationTree {
    /// What a principal is called, or what stands for them once they are erased.
    pub fn label(&self, principal: PrincipalId) -> &str {
        self.person(principal).map_or(ERASED, |person| person.name.as_str())
    }

    /// Every record that tells of a person: theirs, the invitations to their address, the
    /// reasons that they wrote or that name them.
    fn personal_records(&self, principal: PrincipalId) -> BTreeSet<RecordKey> {
        let person = self.person(principal);
        let address = person.and_then(|person| person.address.as_ref());
        let mut keys = BTreeSet::from([RecordKey::Person(principal)]);
        let invitations = address.into_iter().flat_map(|address| self.invitations_to(address.key()));
        keys.extend(invitations.map(|invitation| RecordKey::Invitee(invitation.id)));
        let mentions = |text: &str| {
            let text = text.to_lowercase();
            person.is_some_and(|person| text.contains(&person.name.as_str().to_lowercase()))
                || address.is_some_and(|address| text.contains(&address.typed().to_lowercase()))
        };
        keys.extend(self.records.iter().filter_map(|(key, record)| match record {
            Record::Reason { by, text } if *by == principal || mentions(text.as_str()) => Some(*key),
            _ => None,
        }));
        keys
    }
}

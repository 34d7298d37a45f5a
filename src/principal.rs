//! Principals: the users and machine identities that a tree knows.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`CreateMachineIdentity`] | `members.manage` | `IdentityCreated`, `Added` |
//!
//! Rules: MEM-1, MEM-2, GDP-1.

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::id::{OrganizationId, PrincipalId};
use crate::member::{MemberError, MemberEvent};
use crate::person::{Person, Record, RecordKey};
use crate::subscription::Feature;
use crate::tree::OrganizationTree;

/// A user, or a machine identity with the organization it was created in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Principal {
    /// A person.
    User,
    /// A service, a pipeline or the like.
    Machine {
        /// Where it was created (MEM-2).
        home: OrganizationId,
    },
    /// One who was a person and is erased; the identifier is never used again (GDP-1).
    Erased,
}

/// Creates a machine identity: at the root to be added below, or in a sub-organization,
/// where alone it is usable (MEM-2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateMachineIdentity {
    /// Where it is created; it is a member there.
    pub organization: OrganizationId,
    /// The new identity.
    pub identity: PrincipalId,
    /// What it is called, without an address.
    pub person: Person,
}

impl Command for CreateMachineIdentity {
    type Output = ();
    type Error = MemberError;

    fn operation(&self) -> Operation {
        Operation::CreateMachineIdentity
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), MemberError> {
        scene.tree.require(Feature::UserManagement, scene.at)?;
        scene.tree.fresh(self.identity.uuid())?;
        // MEM-2: an address is a person's; it decides who is invited and which seat is taken.
        if self.person.address.is_some() {
            return Err(MemberError::MachineAddress);
        }
        let (home, principal) = (self.organization, self.identity);
        scene.write(RecordKey::Person(principal), Some(Record::Person(self.person.clone())));
        scene.emit(MemberEvent::IdentityCreated { principal, home });
        scene.emit(MemberEvent::Added { organization: home, principal });
        Ok(())
    }
}

impl OrganizationTree {
    /// A user or machine identity known to the tree.
    pub fn principal(&self, id: PrincipalId) -> Option<Principal> {
        self.principals.get(&id).copied()
    }

    /// Everyone known to the tree.
    pub fn principals(&self) -> impl Iterator<Item = PrincipalId> + '_ {
        self.principals.keys().copied()
    }

    /// Whether one is a person who is known to the tree.
    pub(crate) fn is_user(&self, principal: PrincipalId) -> bool {
        matches!(self.principals.get(&principal), Some(Principal::User))
    }
}

//! Personal data: the erasable records that stand beside the log.
//!
//! Events carry identifiers and no personal data; what a person is called, where mail goes
//! and what somebody wrote as a reason lives in records that are written in the same commit
//! and can be erased without touching the log (GDP-3). A record's debug output shows
//! nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::event::Version;
use crate::id::{InvitationId, OrganizationId, PrincipalId};
use crate::name::{Description, Name, Reason};
use crate::secret::AgentSecret;

/// Whose or which record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKey {
    /// What is known of a user or machine identity.
    Person(PrincipalId),
    /// The address that an invitation went to.
    Invitee(InvitationId),
    /// The description of an organization.
    Description(OrganizationId),
    /// The secret by which the agents of an organization register.
    Secret(OrganizationId),
    /// The caller's reason for the commit that made this version.
    Reason(Version),
}

/// What is known of a person: the only struct with personal data of a principal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What they are called.
    pub name: Name,
    /// The address that the service has verified for them, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

impl Person {
    /// A person of this name, without an address.
    pub const fn named(name: Name) -> Self {
        Self { name, address: None }
    }

    /// The same, with a verified address.
    #[must_use]
    pub fn reachable_at(mut self, address: Address) -> Self {
        self.address = Some(address);
        self
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(…)")
    }
}

/// An erasable record.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// Of [`RecordKey::Person`].
    Person(Person),
    /// Of [`RecordKey::Invitee`].
    Invitee(Address),
    /// Of [`RecordKey::Description`].
    Description(Description),
    /// Of [`RecordKey::Secret`].
    Secret(AgentSecret),
    /// Of [`RecordKey::Reason`].
    Reason {
        /// Who wrote it.
        by: PrincipalId,
        /// What they wrote.
        text: Reason,
    },
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Person(_) => "Person(…)",
            Self::Invitee(_) => "Invitee(…)",
            Self::Description(_) => "Description(…)",
            Self::Secret(_) => "Secret(…)",
            Self::Reason { .. } => "Reason(…)",
        })
    }
}

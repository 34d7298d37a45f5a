//! Typed identifiers.
//!
//! Every identifier is a UUID that the caller chooses, so that a retried command names the
//! same thing. Nil is none and does not construct; an identifier once used in a tree is
//! never used in it again (HIE-7).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::{NonNilUuid, Uuid};

/// The text or number given is no identifier: it is nil, or no UUID at all (HIE-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an identifier is a UUID other than nil")]
pub struct InvalidId;

/// The least and the greatest value of an identifier, to scan all rows under a key.
pub(crate) trait Bounds {
    const MIN: Self;
    const MAX: Self;
}

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "Uuid", into = "Uuid")]
        pub struct $name(NonNilUuid);

        impl $name {
            /// The identifier with this UUID; [`InvalidId`] if it is nil.
            pub const fn new(uuid: Uuid) -> Result<Self, InvalidId> {
                match NonNilUuid::new(uuid) {
                    Some(uuid) => Ok(Self(uuid)),
                    None => Err(InvalidId),
                }
            }

            /// The identifier with these 128 bits; [`InvalidId`] if they are all zero.
            pub const fn from_u128(bits: u128) -> Result<Self, InvalidId> {
                Self::new(Uuid::from_u128(bits))
            }

            /// The UUID.
            pub const fn uuid(self) -> Uuid {
                self.0.get()
            }

            /// A new identifier from the system's randomness (feature `random`).
            #[cfg(feature = "random")]
            pub fn random() -> Self {
                loop {
                    if let Ok(id) = Self::new(Uuid::new_v4()) {
                        return id;
                    }
                }
            }
        }

        impl Bounds for $name {
            const MIN: Self = match Self::from_u128(1) { Ok(id) => id, Err(_) => unreachable!() };
            const MAX: Self = match Self::from_u128(u128::MAX) { Ok(id) => id, Err(_) => unreachable!() };
        }

        impl TryFrom<Uuid> for $name {
            type Error = InvalidId;
            fn try_from(uuid: Uuid) -> Result<Self, InvalidId> { Self::new(uuid) }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid { id.uuid() }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(Uuid::parse_str(text).map_err(|_| InvalidId)?)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )*};
}

identifiers! {
    /// An organization: a tenant. The identifier of a root is also that of its tree.
    OrganizationId;
    /// A user or a machine identity.
    PrincipalId;
    /// A security group.
    GroupId;
    /// A role defined at an organization.
    RoleId;
    /// A link of a group to a descendant organization.
    LinkId;
    /// An invitation of an address into a group.
    InvitationId;
    /// A project of an organization.
    ProjectId;
    /// An offer to attach a tree under another.
    OfferId;
    /// A resource of the embedder's that is shared downward.
    ResourceId;
    /// An access of the operator's support to an organization.
    SupportId;
    /// A location of an organization.
    LocationId;
    /// An agent of the embedder's.
    AgentId;
    /// A workflow definition of the embedder's.
    WorkflowId;
    /// An automation policy.
    PolicyId;
    /// The idempotency key of a commit: the same key takes effect once (REP-3).
    CommitKey;
}

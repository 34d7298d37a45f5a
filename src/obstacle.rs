//! What stands against a move, an attach or a detach, and what it would change (HIE-6).

use std::fmt;

use serde::Serialize;

use crate::id::{GroupId, LinkId, OrganizationId, PolicyId, PrincipalId, ResourceId, RoleId};
use crate::name::{CapabilityName, Slug};
use crate::settings::AuthenticationKind;

/// Something that stands against a move, an attach or a detach, or that it would change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// The new parent is the organization itself, or below it.
    WouldCycle,
    /// It is there already.
    AlreadyThere,
    /// The lowest organization of the subtree would be too deep (HIE-2).
    TooDeep {
        /// The limit.
        limit: u8,
        /// The level it would have.
        level: usize,
    },
    /// The tree that it would join has an organization of that slug.
    SlugTaken {
        /// The slug.
        slug: Slug,
    },
    /// The tree that it would join used that identifier for something else.
    IdTaken {
        /// How many identifiers.
        count: usize,
    },
    /// It has a subscription of its own that is not cancelled.
    Subscribed,
    /// Configuration that only a root has is still set (HIE-9).
    RootConfiguration {
        /// Which.
        kind: AuthenticationKind,
    },
    /// The plan there does not allow one more sub-organization.
    NoRoom,
    /// The new parent lacks the capability to manage sub-organizations (LIC-7).
    NotCapable {
        /// Which.
        capability: CapabilityName,
    },
    /// A link into the subtree would no longer run downward.
    Link {
        /// The link.
        link: LinkId,
    },
    /// A group nested in one of the subtree would no longer be active there.
    Nesting {
        /// The outer group.
        group: GroupId,
        /// The nested one.
        nested: GroupId,
    },
    /// A role defined outside would no longer be usable in the subtree.
    Role {
        /// The role.
        role: RoleId,
    },
    /// A capability assigned in the subtree is not effective at the new place.
    Capability {
        /// Where it is assigned.
        organization: OrganizationId,
        /// Which.
        capability: CapabilityName,
    },
    /// A resource shared into the subtree from outside it.
    Resource {
        /// Which.
        resource: ResourceId,
        /// With whom.
        organization: OrganizationId,
    },
    /// A machine identity created outside the subtree is a member in it.
    MachineIdentity {
        /// Which.
        principal: PrincipalId,
        /// Where.
        organization: OrganizationId,
    },
    /// A machine identity that stays behind is the only owner of a group: name another first.
    GroupOwner {
        /// The group.
        group: GroupId,
    },
    /// A link whose target stays reaches into the subtree, and no longer will.
    ReachLost {
        /// The link.
        link: LinkId,
    },
    /// A link of the new place will reach the subtree.
    ReachGained {
        /// The link.
        link: LinkId,
    },
    /// A policy from above will no longer apply to the organization.
    PolicyLost {
        /// The policy.
        policy: PolicyId,
    },
    /// A link of the new place would make owners there; those of the subtree are opted out of
    /// it in the same commit, since nobody becomes an owner by moving (HIE-6).
    OwnershipRefused {
        /// The link.
        link: LinkId,
    },
    /// A capability assigned in the tree that joins ends, since its new parent could not
    /// assign it (LIC-5).
    CapabilityLost {
        /// Where it is assigned.
        organization: OrganizationId,
        /// Which.
        capability: CapabilityName,
    },
    /// Someone owns an organization of the subtree through a group from outside it.
    OwnerThroughGroup {
        /// Who.
        principal: PrincipalId,
        /// What they own.
        organization: OrganizationId,
    },
}

impl Obstacle {
    /// Whether the caller can ask for it to be severed in the same commit.
    pub const fn is_severable(&self) -> bool {
        matches!(
            self,
            Self::Link { .. }
                | Self::Nesting { .. }
                | Self::Role { .. }
                | Self::Capability { .. }
                | Self::Resource { .. }
                | Self::MachineIdentity { .. }
        )
    }

    const fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::ReachLost { .. }
                | Self::ReachGained { .. }
                | Self::PolicyLost { .. }
                | Self::OwnershipRefused { .. }
                | Self::CapabilityLost { .. }
                | Self::OwnerThroughGroup { .. }
        )
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldCycle => f.write_str("the new parent lies in the subtree itself"),
            Self::AlreadyThere => f.write_str("it is there already"),
            Self::TooDeep { limit, level } => write!(f, "level {level} of at most {limit}"),
            Self::SlugTaken { slug } => write!(f, "slug `{slug}` is taken there"),
            Self::IdTaken { count } => write!(f, "{count} identifiers were used there before"),
            Self::Subscribed => f.write_str("a subscription of its own"),
            Self::RootConfiguration { kind } => write!(f, "{kind} is still configured"),
            Self::NoRoom => f.write_str("the plan there allows no more sub-organizations"),
            Self::NotCapable { capability } => write!(f, "the new parent lacks `{capability}`"),
            Self::Link { link } => write!(f, "link {link} would not run downward"),
            Self::Nesting { group, nested } => write!(f, "group {nested} could not stay nested in {group}"),
            Self::Role { role } => write!(f, "role {role} would not be usable"),
            Self::Capability { organization, capability } => {
                write!(f, "`{capability}` of {organization} would not be covered")
            }
            Self::Resource { resource, organization } => {
                write!(f, "resource {resource} is shared with {organization} from outside")
            }
            Self::MachineIdentity { principal, organization } => {
                write!(f, "machine identity {principal} of {organization} stays behind")
            }
            Self::GroupOwner { group } => {
                write!(f, "group {group} is owned only by a machine identity that stays behind")
            }
            Self::ReachLost { link } => write!(f, "link {link} will no longer reach it"),
            Self::ReachGained { link } => write!(f, "link {link} will reach it"),
            Self::PolicyLost { policy } => write!(f, "policy {policy} will no longer apply to it"),
            Self::OwnershipRefused { link } => write!(f, "link {link} would make owners of it, and is opted out of"),
            Self::CapabilityLost { organization, capability } => {
                write!(f, "`{capability}` of {organization} ends: the new parent cannot assign it")
            }
            Self::OwnerThroughGroup { principal, organization } => {
                write!(f, "{principal} will no longer own {organization} through a group from outside")
            }
        }
    }
}

/// What was found before a move, an attach or a detach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Preflight {
    /// What stands against it; those that are severable can be asked to be severed.
    pub blockers: Vec<Obstacle>,
    /// What will change with it.
    pub warnings: Vec<Obstacle>,
}

impl Preflight {
    pub(crate) fn of(mut found: Vec<Obstacle>) -> Self {
        found.sort();
        found.dedup();
        let (warnings, blockers) = found.into_iter().partition(Obstacle::is_warning);
        Self { blockers, warnings }
    }

    /// What remains in the way: all blockers, or those that cannot be severed.
    pub fn remaining(&self, sever: bool) -> Vec<Obstacle> {
        self.blockers.iter().filter(|obstacle| !(sever && obstacle.is_severable())).cloned().collect()
    }
}

//! Resources of the embedder's: which kinds flow down the tree and which stay.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`ShareResource`] | ownership of both organizations | `Shared` |
//! | [`UnshareResource`] | ownership of either | `Unshared` |
//!
//! Users, groups and machine identities flow down by commands of their own
//! ([`AddMember`](crate::AddMember), [`LinkGroup`](crate::LinkGroup)). Rules: MEM-6.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{OrganizationId, PrincipalId, ResourceId};
use crate::name::Tag;
use crate::refusal::{Precondition, rule_errors};
use crate::tree::OrganizationTree;

/// A kind of resource: one that the crate knows, or one of the embedder's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// People.
    User,
    /// Security groups.
    Group,
    /// Machine identities.
    MachineIdentity,
    /// Projects.
    Project,
    /// App connections.
    AppConnection,
    /// Gateways.
    Gateway,
    /// Relays.
    Relay,
    /// One of the embedder's own.
    Custom(Tag),
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
            Self::MachineIdentity => "machine identity",
            Self::Project => "project",
            Self::AppConnection => "app connection",
            Self::Gateway => "gateway",
            Self::Relay => "relay",
            Self::Custom(name) => name.as_str(),
        })
    }
}

/// Whether a kind of resource can be shared with a descendant (MEM-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Downward, and only explicitly.
    Down,
    /// Never: it stays where it was created.
    Stays,
}

/// A resource shared with a descendant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The embedder's identifier of it.
    pub resource: ResourceId,
    /// Its kind.
    pub kind: ResourceKind,
    /// Where it was created.
    pub source: OrganizationId,
    /// Where it can be used as well.
    pub target: OrganizationId,
}

/// Shares a resource of the embedder's with a descendant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareResource(pub Share);

impl Command for ShareResource {
    type Output = ();
    type Error = ResourceError;

    fn operation(&self) -> Operation {
        Operation::ShareResource
    }

    fn subjects(&self) -> Subjects {
        Subjects::link(self.0.source, self.0.target)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), ResourceError> {
        let Share { resource, kind, source, target } = &self.0;
        // MEM-6: a staying resource is not shared; a flowing one only downward.
        if scene.tree.flow_of(kind) == Flow::Stays {
            return Err(ResourceError::Stays { kind: kind.clone() });
        }
        if !scene.tree.is_ancestor(*source, *target) {
            return Err(ResourceError::NotDownward { from: *source, to: *target });
        }
        if scene.tree.shares.contains_key(&(*resource, *target)) {
            return Err(ResourceError::AlreadyShared { resource: *resource });
        }
        scene.emit(ResourceEvent::Shared { share: self.0.clone() });
        Ok(())
    }
}

/// Ends the sharing of a resource with a descendant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnshareResource {
    /// Which.
    pub resource: ResourceId,
    /// Where it was created.
    pub source: OrganizationId,
    /// Where it is no longer to be used.
    pub target: OrganizationId,
}

impl Command for UnshareResource {
    type Output = ();
    type Error = ResourceError;

    fn operation(&self) -> Operation {
        Operation::UnshareResource
    }

    fn subjects(&self) -> Subjects {
        Subjects::link(self.source, self.target)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), ResourceError> {
        let (resource, source, target) = (self.resource, self.source, self.target);
        let share = scene.tree.shares.get(&(resource, target)).filter(|share| share.source == source);
        share.ok_or(Precondition::NotFound { what: "shared resource" })?;
        scene.emit(ResourceEvent::Unshared { resource, source, target });
        Ok(())
    }
}

/// What happened to a shared resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ResourceEvent {
    /// It was shared.
    Shared {
        /// What, from where, with whom.
        share: Share,
    },
    /// It is no longer shared.
    Unshared {
        /// What.
        resource: ResourceId,
        /// From where.
        source: OrganizationId,
        /// With whom.
        target: OrganizationId,
    },
}

rule_errors! {
    /// Why a resource was not shared.
    pub enum ResourceError + Precondition {
        #[error("a {kind} stays where it was created")]
        Stays { kind: ResourceKind } = Conflict, "resource.stays", "MEM-6";
        #[error("{to} is not below {from}: a resource is shared downward only")]
        NotDownward { from: OrganizationId, to: OrganizationId } = Conflict, "resource.not_downward", "MEM-6";
        #[error("{resource} is shared there already")]
        AlreadyShared { resource: ResourceId } = Conflict, "resource.already_shared", "MEM-6";
    }
}

impl ResourceEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        match self {
            Self::Shared { share } => tree.put_share(share.clone()),
            Self::Unshared { resource, target, .. } => tree.drop_share(*resource, *target),
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Shared { share } => vec![share.source, share.target],
            Self::Unshared { source, target, .. } => vec![*source, *target],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// How a kind flows; one that was not declared stays (MEM-6).
    pub fn flow_of(&self, kind: &ResourceKind) -> Flow {
        match kind {
            ResourceKind::User | ResourceKind::Group | ResourceKind::MachineIdentity => Flow::Down,
            ResourceKind::Project | ResourceKind::AppConnection | ResourceKind::Gateway | ResourceKind::Relay => {
                Flow::Stays
            }
            ResourceKind::Custom(_) => self.rules().resources.get(kind).copied().unwrap_or(Flow::Stays),
        }
    }

    /// The resources shared with an organization.
    pub fn shared_with(&self, organization: OrganizationId) -> impl Iterator<Item = &Share> {
        self.index.shares_in(organization).filter_map(move |resource| self.shares.get(&(resource, organization)))
    }
}

//! Capabilities: what a parent passes down.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`AssignCapability`] | the operator at the root, else `capabilities.assign` in the parent | `Assigned` |
//! | [`WithdrawCapability`] | the same | `Withdrawn` |
//!
//! Rules: LIC-5 to LIC-7.

use serde::{Deserialize, Serialize};

use crate::command::{Actor, Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{OrganizationId, PrincipalId};
use crate::name::CapabilityName;
use crate::refusal::{Precondition, rule_errors};
use crate::time::{Period, Timestamp, earlier};
use crate::tree::OrganizationTree;

/// Assigns a capability to an organization, or renews it with another end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignCapability {
    /// Who gets it.
    pub organization: OrganizationId,
    /// Which one.
    pub capability: CapabilityName,
    /// Until when; `None` is without end. An end above still ends it below (LIC-6).
    pub until: Option<Timestamp>,
}

impl Command for AssignCapability {
    type Output = ();
    type Error = CapabilityError;

    fn operation(&self) -> Operation {
        Operation::AssignCapability
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), CapabilityError> {
        let (tree, at) = (scene.tree, scene.at);
        let organization = tree.find(self.organization)?;
        assigner(scene, self.organization)?;
        if let Some(until) = self.until.filter(|until| *until <= at) {
            return Err(CapabilityError::AlreadyOver { until });
        }
        // An end so far away that no period fits behind it is refused (abuse case 79).
        if let Some(until) = self.until {
            Period::LONGEST.after(until).map_err(Precondition::from)?;
        }
        if let Some(parent) = organization.parent() {
            // LIC-5: only a capability that is effective at the parent.
            if !tree.is_capable(parent, &self.capability, at) {
                return Err(CapabilityError::NotAtParent { parent, capability: self.capability.clone() });
            }
            // LIC-7: only an organization that is not itself managed lets others manage.
            if tree.rules().managing_capability.as_ref() == Some(&self.capability) && parent != tree.root() {
                return Err(CapabilityError::ManagedThemselves { parent });
            }
        }
        let (organization, capability, until) = (self.organization, self.capability.clone(), self.until);
        scene.emit(CapabilityEvent::Assigned { organization, capability, until });
        Ok(())
    }
}

/// Takes a capability away from an organization, and so from all below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithdrawCapability {
    /// Who loses it.
    pub organization: OrganizationId,
    /// Which one.
    pub capability: CapabilityName,
}

impl Command for WithdrawCapability {
    type Output = ();
    type Error = CapabilityError;

    fn operation(&self) -> Operation {
        Operation::AssignCapability
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), CapabilityError> {
        let organization = scene.tree.find(self.organization)?;
        assigner(scene, self.organization)?;
        if !organization.capabilities.contains_key(&self.capability) {
            return Err(CapabilityError::NotAssigned { capability: self.capability.clone() });
        }
        scene.emit(CapabilityEvent::Withdrawn { organization: self.organization, capability: self.capability.clone() });
        Ok(())
    }
}

/// LIC-5: at the root the operator assigns, below it the parent does.
fn assigner(scene: &Scene<'_>, organization: OrganizationId) -> Result<(), CapabilityError> {
    let by_operator = matches!(scene.context.actor, Actor::Operator(_));
    if by_operator == (organization == scene.tree.root()) {
        Ok(())
    } else {
        Err(CapabilityError::NotTheParent { organization })
    }
}

/// What happened to a capability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CapabilityEvent {
    /// It was assigned, or its end changed.
    Assigned {
        /// Who has it.
        organization: OrganizationId,
        /// Which one.
        capability: CapabilityName,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// It was taken away.
    Withdrawn {
        /// Who had it.
        organization: OrganizationId,
        /// Which one.
        capability: CapabilityName,
    },
}

rule_errors! {
    /// Why a capability was not assigned or withdrawn.
    pub enum CapabilityError + Precondition {
        #[error("`{capability}` is not effective at the parent {parent}: obtain it there first")]
        NotAtParent { parent: OrganizationId, capability: CapabilityName } = Conflict, "capability.not_at_parent", "LIC-5";
        #[error("the operator assigns to the root and a parent to its children; {organization} is neither's")]
        NotTheParent { organization: OrganizationId } = Forbidden, "capability.not_the_parent", "LIC-5";
        #[error("{parent} is itself managed by another organization; only the root lets others manage")]
        ManagedThemselves { parent: OrganizationId } = Conflict, "capability.managed_themselves", "LIC-7";
        #[error("{until} is not in the future")]
        AlreadyOver { until: Timestamp } = Invalid, "capability.already_over", "LIC-6";
        #[error("`{capability}` is not assigned there")]
        NotAssigned { capability: CapabilityName } = NotFound, "capability.not_assigned", "LIC-5";
    }
}

impl CapabilityEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        let id = match self {
            Self::Assigned { organization, .. } | Self::Withdrawn { organization, .. } => organization,
        };
        let Some(organization) = tree.organization_mut(*id) else { return };
        match self {
            Self::Assigned { capability, until, .. } => organization.capabilities.insert(capability.clone(), *until),
            Self::Withdrawn { capability, .. } => organization.capabilities.remove(capability),
        };
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Assigned { organization, .. } | Self::Withdrawn { organization, .. } => vec![*organization],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// Whether a capability is effective: assigned and unexpired at the organization and at
    /// every ancestor (LIC-6).
    pub fn is_capable(&self, organization: OrganizationId, capability: &CapabilityName, at: Timestamp) -> bool {
        self.lacking(organization, capability, at).is_none() && self.contains(organization)
    }

    /// The topmost organization on the path where a capability is not effective.
    pub(crate) fn lacking(
        &self,
        organization: OrganizationId,
        capability: &CapabilityName,
        at: Timestamp,
    ) -> Option<OrganizationId> {
        let effective = |id: &OrganizationId| {
            let assigned =
                self.organizations.get(id).and_then(|organization| organization.capabilities.get(capability));
            assigned.is_some_and(|until| until.is_none_or(|until| at < until))
        };
        self.path(organization).find(|id| !effective(id))
    }

    /// Until when a capability that is assigned along the whole path is effective: the
    /// earliest end on the path (LIC-6). `None` is without end.
    pub fn capability_end(&self, organization: OrganizationId, capability: &CapabilityName) -> Option<Timestamp> {
        let ends = self.path(organization).map(|id| {
            self.organizations.get(&id).and_then(|organization| *organization.capabilities.get(capability)?)
        });
        ends.reduce(earlier).flatten()
    }

    /// The next instant after `at` at which a capability changes by itself along the path.
    pub(crate) fn capability_change(
        &self,
        organization: OrganizationId,
        capability: &CapabilityName,
        at: Timestamp,
    ) -> Option<Timestamp> {
        let ends =
            self.path(organization).filter_map(|id| *self.organizations.get(&id)?.capabilities.get(capability)?);
        ends.filter(|end| *end > at).min()
    }
}

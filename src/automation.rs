//! Automation: what happens without approval, what stops it, and what an incident launches.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`SetKillSwitch`] | `organizations.edit` | `KillSwitchSet` |
//! | [`DefineWorkflow`] | `organizations.edit` | `WorkflowDefined` |
//! | [`BindIncidentWorkflow`] | `organizations.edit` | `WorkflowBound` |
//!
//! The automation level itself is a [`SettingKey::Automation`](crate::SettingKey::Automation).
//! Rules: SET-1 to SET-3.

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{OrganizationId, PrincipalId, WorkflowId};
use crate::name::Tag;
use crate::refusal::rule_errors;
use crate::setting::{SettingKey, SettingValue};
use crate::tree::OrganizationTree;

/// How much happens without approval (SET-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutomationLevel {
    /// Every action needs approval.
    #[default]
    Manual,
    /// Security and critical patches are approved by themselves; the rest needs approval.
    SemiAutomatic,
    /// Every action is approved by itself.
    FullyAutomatic,
}

/// What would be done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// A patch that closes a vulnerability.
    SecurityPatch,
    /// A critical patch.
    CriticalPatch,
    /// Any other patch.
    OtherPatch,
    /// A runbook.
    Runbook,
    /// The correction of a drift.
    DriftCorrection,
    /// What an alert sets off.
    AlertRemediation,
    /// One of the embedder's own.
    Custom(Tag),
}

/// Whether an action may happen by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// It may.
    Automatic,
    /// Someone must approve it.
    Needed,
    /// It must not, whatever the level: the kill switch of this organization is on (SET-2).
    Stopped(OrganizationId),
}

/// How urgent an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentPriority {
    /// The most urgent.
    P1,
    /// Urgent.
    P2,
    /// Not urgent.
    P3,
    /// To be done some time.
    P4,
}

/// From how many affected hosts on a P1 incident is a major one (SET-3).
pub const MAJOR_INCIDENT_HOSTS: u64 = 3;

/// Stops or allows all automatic action (SET-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetKillSwitch {
    /// The organization; at the root it covers the tree.
    pub organization: OrganizationId,
    /// Whether everything automatic is stopped.
    pub on: bool,
}

impl Command for SetKillSwitch {
    type Output = ();
    type Error = AutomationError;

    fn operation(&self) -> Operation {
        Operation::SetKillSwitch
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), AutomationError> {
        scene.emit(AutomationEvent::KillSwitchSet { organization: self.organization, on: self.on });
        Ok(())
    }
}

/// Says which workflow definitions an organization has, and whether each is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefineWorkflow {
    /// The organization.
    pub organization: OrganizationId,
    /// The definition, as the embedder knows it.
    pub workflow: WorkflowId,
    /// Whether it is active; a binding to one that is not launches nothing.
    pub active: bool,
}

impl Command for DefineWorkflow {
    type Output = ();
    type Error = AutomationError;

    fn operation(&self) -> Operation {
        Operation::DefineWorkflow
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), AutomationError> {
        let (organization, workflow, active) = (self.organization, self.workflow, self.active);
        scene.emit(AutomationEvent::WorkflowDefined { organization, workflow, active });
        Ok(())
    }
}

/// Binds the workflow that a major incident launches, or none (SET-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindIncidentWorkflow {
    /// The organization.
    pub organization: OrganizationId,
    /// One of its active workflow definitions; `None` disables it.
    pub workflow: Option<WorkflowId>,
}

impl Command for BindIncidentWorkflow {
    type Output = ();
    type Error = AutomationError;

    fn operation(&self) -> Operation {
        Operation::BindIncidentWorkflow
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), AutomationError> {
        let (organization, workflow) = (self.organization, self.workflow);
        let defined = scene.tree.find(organization)?;
        if let Some(workflow) = workflow.filter(|workflow| defined.workflows.get(workflow) != Some(&true)) {
            return Err(AutomationError::NotActive { workflow });
        }
        scene.emit(AutomationEvent::WorkflowBound { organization, workflow });
        Ok(())
    }
}

/// What happened to the automation of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AutomationEvent {
    /// The kill switch was set.
    KillSwitchSet {
        /// Where.
        organization: OrganizationId,
        /// Whether it is on.
        on: bool,
    },
    /// A workflow was defined.
    WorkflowDefined {
        /// Where.
        organization: OrganizationId,
        /// Which.
        workflow: WorkflowId,
        /// Whether it is active.
        active: bool,
    },
    /// The workflow of major incidents was bound.
    WorkflowBound {
        /// Where.
        organization: OrganizationId,
        /// Which; none is disabled.
        workflow: Option<WorkflowId>,
    },
}

rule_errors! {
    /// Why the automation of an organization was not changed.
    pub enum AutomationError + Precondition {
        #[error("workflow {workflow} is no active definition of the organization: define or activate it first")]
        NotActive { workflow: WorkflowId } = Conflict, "automation.not_active", "SET-3";
    }
}

impl AutomationEvent {
    const fn organization(&self) -> OrganizationId {
        match self {
            Self::KillSwitchSet { organization, .. }
            | Self::WorkflowDefined { organization, .. }
            | Self::WorkflowBound { organization, .. } => *organization,
        }
    }

    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        let Some(organization) = tree.organization_mut(self.organization()) else { return };
        match *self {
            Self::KillSwitchSet { on, .. } => organization.kill_switch = on,
            Self::WorkflowDefined { workflow, active, .. } => {
                organization.workflows.insert(workflow, active);
            }
            Self::WorkflowBound { workflow, .. } => organization.incident_workflow = workflow,
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        vec![self.organization()]
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// The automation level in force, inherited where it is not set.
    pub fn automation(&self, organization: OrganizationId) -> AutomationLevel {
        match self.setting(organization, &SettingKey::Automation).map(|setting| setting.value) {
            Some(SettingValue::Automation(level)) => level,
            _ => AutomationLevel::Manual,
        }
    }

    /// Whether an action may happen by itself, needs approval, or is stopped.
    pub fn approval(&self, organization: OrganizationId, action: &ActionKind) -> Approval {
        // SET-2: the kill switch comes before any level; at the root it covers the tree.
        let stopped = |id: &OrganizationId| self.organizations.get(id).is_some_and(|place| place.kill_switch);
        if let Some(by) = [self.root(), organization].into_iter().find(stopped) {
            return Approval::Stopped(by);
        }
        match (self.automation(organization), action) {
            _ if !self.is_active(organization) => Approval::Needed,
            (AutomationLevel::FullyAutomatic, _) => Approval::Automatic,
            (AutomationLevel::SemiAutomatic, ActionKind::SecurityPatch | ActionKind::CriticalPatch) => {
                Approval::Automatic
            }
            (AutomationLevel::SemiAutomatic | AutomationLevel::Manual, _) => Approval::Needed,
        }
    }

    /// The workflow that an incident asks to be launched: the bound one, for a P1 with three
    /// or more affected hosts, and nothing less (SET-3).
    pub fn incident_workflow(
        &self,
        organization: OrganizationId,
        priority: IncidentPriority,
        affected_hosts: u64,
    ) -> Option<WorkflowId> {
        let place = self.organizations.get(&organization)?;
        let bound = place.incident_workflow.filter(|workflow| place.workflows.get(workflow) == Some(&true))?;
        let major = priority == IncidentPriority::P1 && affected_hosts >= MAJOR_INCIDENT_HOSTS;
        (major && self.is_active(organization)).then_some(bound)
    }
}

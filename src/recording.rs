//! Recordings: what is captured, how long it is kept, and what holds it.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`GovernRecordings`] | `organizations.edit` | `Governed` |
//! | [`SetLegalHold`] | ownership | `HoldSet` |
//!
//! Rules: REC-1, REC-2.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{OrganizationId, PrincipalId};
use crate::name::Tag;
use crate::refusal::rule_errors;
use crate::time::{Period, Timestamp};
use crate::tree::OrganizationTree;

/// A kind of session data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// The screen.
    Screen,
    /// What is typed.
    Keystrokes,
    /// Commands and their output.
    Terminal,
    /// Files sent and fetched.
    FileTransfers,
    /// One of the embedder's own.
    Custom(Tag),
}

/// How an organization's recordings are governed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingPolicy {
    /// What session data is captured.
    pub captures: BTreeSet<Capture>,
    /// How long it is kept; `None` inherits the account's, which is the root's or else the
    /// rules' default.
    pub retention: Option<Period>,
}

/// Says what is captured and how long it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GovernRecordings {
    /// The organization.
    pub organization: OrganizationId,
    /// From now on.
    pub policy: RecordingPolicy,
}

impl Command for GovernRecordings {
    type Output = ();
    type Error = RecordingError;

    fn operation(&self) -> Operation {
        Operation::GovernRecordings
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), RecordingError> {
        scene.emit(RecordingEvent::Governed { organization: self.organization, policy: self.policy.clone() });
        Ok(())
    }
}

/// Puts a legal hold on an organization's recordings, or lifts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetLegalHold {
    /// The organization.
    pub organization: OrganizationId,
    /// Whether it holds.
    pub hold: bool,
}

impl Command for SetLegalHold {
    type Output = ();
    type Error = RecordingError;

    fn operation(&self) -> Operation {
        Operation::SetLegalHold
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), RecordingError> {
        let (organization, hold) = (self.organization, self.hold);
        if scene.tree.is_held(organization) == hold {
            return Err(RecordingError::HoldUnchanged { hold });
        }
        scene.emit(RecordingEvent::HoldSet { organization, hold });
        Ok(())
    }
}

/// What happened to the governance of recordings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RecordingEvent {
    /// What is captured and kept changed.
    Governed {
        /// Where.
        organization: OrganizationId,
        /// From now on.
        policy: RecordingPolicy,
    },
    /// A legal hold was put or lifted.
    HoldSet {
        /// Where.
        organization: OrganizationId,
        /// Whether it holds.
        hold: bool,
    },
}

rule_errors! {
    /// Why the governance of recordings was not changed.
    pub enum RecordingError + Precondition {
        #[error("the legal hold is {} already", if *hold { "on" } else { "off" })]
        HoldUnchanged { hold: bool } = Conflict, "recording.hold_unchanged", "REC-2";
    }
}

impl RecordingEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        let (Self::Governed { organization: id, .. } | Self::HoldSet { organization: id, .. }) = self;
        let Some(organization) = tree.organization_mut(*id) else { return };
        match self {
            Self::Governed { policy, .. } => organization.recordings = policy.clone(),
            Self::HoldSet { hold, .. } => organization.legal_hold = *hold,
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        let (Self::Governed { organization, .. } | Self::HoldSet { organization, .. }) = self;
        vec![*organization]
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

/// Who wants to delete a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingDeleter {
    /// A person, who needs `recordings.delete`.
    Principal(PrincipalId),
    /// The retention clean-up.
    Retention,
}

/// Why a recording may not be deleted (REC-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordingKept {
    /// A legal hold is on: nobody deletes it.
    #[error("a legal hold is on")]
    LegalHold,
    /// The clean-up does not delete it before this.
    #[error("it is kept until {until}")]
    Retained {
        /// Until when.
        until: Timestamp,
    },
    /// The principal lacks `recordings.delete`.
    #[error("`recordings.delete` is needed")]
    NotAllowed,
    /// There is no such organization.
    #[error("there is no such organization")]
    NotFound,
}

impl OrganizationTree {
    /// How an organization's recordings are governed.
    pub fn recording_policy(&self, organization: OrganizationId) -> Option<&RecordingPolicy> {
        self.organization(organization).map(|organization| &organization.recordings)
    }

    /// Whether a legal hold is on.
    pub fn is_held(&self, organization: OrganizationId) -> bool {
        self.organization(organization).is_some_and(|organization| organization.legal_hold)
    }

    /// How long an organization's recordings are kept: its own, else the account's (REC-1).
    pub fn retention(&self, organization: OrganizationId) -> Period {
        let own = |id| self.recording_policy(id).and_then(|policy| policy.retention);
        own(organization).or_else(|| own(self.root())).unwrap_or(self.rules().retention)
    }

    /// Whether a recording made at `made` may be deleted at `at`, and why not.
    pub fn may_delete_recording(
        &self,
        organization: OrganizationId,
        made: Timestamp,
        by: RecordingDeleter,
        at: Timestamp,
    ) -> Result<(), RecordingKept> {
        self.organization(organization).ok_or(RecordingKept::NotFound)?;
        // REC-2: while a legal hold is on, nothing deletes a recording.
        if self.is_held(organization) {
            return Err(RecordingKept::LegalHold);
        }
        match by {
            RecordingDeleter::Retention => {
                let until = self.retention(organization).after(made).unwrap_or(Timestamp::MAX_UTC);
                if until <= at { Ok(()) } else { Err(RecordingKept::Retained { until }) }
            }
            RecordingDeleter::Principal(principal) => {
                let claim = crate::Claim::new("recordings.delete");
                let allowed = claim.is_ok_and(|claim| self.access().allows(principal, organization, &claim, at));
                if allowed { Ok(()) } else { Err(RecordingKept::NotAllowed) }
            }
        }
    }
}

//! The states of an invitation, and the one function that steps between them (INV-2).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::PrincipalId;
use crate::invitation::InvitationError;
use crate::time::Timestamp;

/// How an invitation stands; what has passed its end answers as expired (INV-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum InvitationState {
    /// It can be accepted until its end.
    Pending {
        /// Its end.
        until: Timestamp,
    },
    /// It was accepted.
    Accepted {
        /// When.
        at: Timestamp,
        /// By whom.
        by: PrincipalId,
    },
    /// The invited person declined.
    Declined {
        /// When.
        at: Timestamp,
    },
    /// It was taken back.
    Revoked {
        /// When.
        at: Timestamp,
    },
    /// It ended by itself.
    Expired {
        /// When.
        at: Timestamp,
    },
}

impl fmt::Display for InvitationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending { until } => write!(f, "pending until {until}"),
            Self::Accepted { at, by } => write!(f, "accepted at {at} by {by}"),
            Self::Declined { at } => write!(f, "declined at {at}"),
            Self::Revoked { at } => write!(f, "revoked at {at}"),
            Self::Expired { at } => write!(f, "expired at {at}"),
        }
    }
}

/// What can be done to an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationStep {
    /// Send it again, with another end.
    Resend {
        /// The new end.
        until: Timestamp,
    },
    /// Accept it.
    Accept {
        /// Who.
        by: PrincipalId,
    },
    /// Decline it.
    Decline,
    /// Take it back.
    Revoke,
}

impl InvitationState {
    /// The state seen at `at`: a pending one is expired from its end on, without any job
    /// having run (INV-2).
    #[must_use]
    pub fn seen(self, at: Timestamp) -> Self {
        match self {
            Self::Pending { until } if until <= at => Self::Expired { at: until },
            state => state,
        }
    }

    /// The state after a step, or why there is no such step (INV-2). Total: it serves both
    /// deciding and applying.
    pub fn step(self, step: InvitationStep, at: Timestamp) -> Result<Self, InvitationError> {
        match (self.seen(at), step) {
            (Self::Pending { .. }, InvitationStep::Resend { until }) => Ok(Self::Pending { until }),
            (Self::Pending { .. }, InvitationStep::Accept { by }) => Ok(Self::Accepted { at, by }),
            (Self::Pending { .. }, InvitationStep::Decline) => Ok(Self::Declined { at }),
            (Self::Pending { .. }, InvitationStep::Revoke) => Ok(Self::Revoked { at }),
            (state @ Self::Accepted { by, .. }, InvitationStep::Accept { by: again }) if by == again => Ok(state),
            (Self::Accepted { .. }, InvitationStep::Accept { .. }) => Err(InvitationError::AlreadyUsed),
            (Self::Accepted { .. }, _) => Err(InvitationError::AlreadyAccepted),
            (Self::Declined { at }, _) => Err(InvitationError::Declined { at }),
            (Self::Revoked { at }, _) => Err(InvitationError::Revoked { at }),
            (Self::Expired { at }, _) => Err(InvitationError::Expired { at }),
        }
    }
}

//! The states of a support access (SUP-1, SUP-3).

use serde::{Deserialize, Serialize};

use crate::support::SupportError;
use crate::time::{Period, Timestamp};

/// How a support access stands; what has passed its end answers as over (SUP-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupportState {
    /// Asked for, until it lapses.
    Requested {
        /// For how long it was asked for.
        duration: Period,
        /// When the request lapses.
        lapses: Timestamp,
    },
    /// Given, until its end.
    Granted {
        /// From when.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// Refused by the customer.
    Denied {
        /// When.
        at: Timestamp,
    },
    /// Ended before its time.
    Ended {
        /// When.
        at: Timestamp,
    },
    /// Over by itself: a request that nobody answered, or a grant that ran out.
    Lapsed {
        /// When.
        at: Timestamp,
    },
}

/// What can be done to a support access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SupportStep {
    /// Approve the request.
    Approve {
        /// Until when the grant runs.
        until: Timestamp,
    },
    /// Deny the request.
    Deny,
    /// End the grant, or the request.
    End,
}

impl SupportState {
    /// The state seen at `at`.
    #[must_use]
    pub fn seen(self, at: Timestamp) -> Self {
        match self {
            Self::Requested { lapses: end, .. } | Self::Granted { until: end, .. } if end <= at => {
                Self::Lapsed { at: end }
            }
            state => state,
        }
    }

    /// The state after a step, or why there is no such step. Total: it serves both deciding
    /// and applying.
    pub fn step(self, step: SupportStep, at: Timestamp) -> Result<Self, SupportError> {
        match (self.seen(at), step) {
            (Self::Requested { .. }, SupportStep::Approve { until }) => Ok(Self::Granted { from: at, until }),
            (Self::Requested { .. }, SupportStep::Deny) => Ok(Self::Denied { at }),
            (Self::Requested { .. } | Self::Granted { .. }, SupportStep::End) => Ok(Self::Ended { at }),
            (Self::Granted { .. }, _) => Err(SupportError::AlreadyGranted),
            (Self::Denied { at } | Self::Ended { at } | Self::Lapsed { at }, _) => Err(SupportError::Over { at }),
        }
    }
}

//! The audit trail: who did what, when, from where, and why.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`RecordRefusal`] | nothing | `Refused` |
//!
//! The trail is the log itself: every commit is a [`Recorded`], filtered by
//! [`AuditFilter`]. Rules: AUD-1, AUD-3, ERR-4.

use serde::{Deserialize, Serialize};

use crate::command::{Actor, Command, Operation, Scene, Subjects};
use crate::event::{Recorded, Version};
use crate::id::{OrganizationId, PrincipalId};
use crate::name::{CorrelationId, Reason};
use crate::person::{Record, RecordKey};
use crate::refusal::{Refusal, RuleError, rule_errors};
use crate::review::Verdict;
use crate::roster::RosterSubject;
use crate::time::{Timestamp, Window};
use crate::tree::OrganizationTree;

/// Writes a refused operation into the trail. It changes nothing else (AUD-3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRefusal {
    operation: Operation,
    code: CorrelationId,
    rule: CorrelationId,
    organization: Option<OrganizationId>,
}

impl RecordRefusal {
    /// The refusal of `operation`, attempted on `organization`. The trail keeps that
    /// identifier even where the actor was told that there is no such thing (ERR-4).
    ///
    /// [`InvalidText`](crate::InvalidText) cannot occur for the crate's own errors, whose
    /// codes are short and plain.
    pub fn of<E: RuleError>(
        operation: Operation,
        organization: Option<OrganizationId>,
        refusal: &Refusal<E>,
    ) -> Result<Self, crate::InvalidText> {
        let (code, rule) = (CorrelationId::new(refusal.code())?, CorrelationId::new(refusal.rule())?);
        Ok(Self { operation, code, rule, organization })
    }
}

impl Command for RecordRefusal {
    type Output = ();
    type Error = AuditError;

    fn operation(&self) -> Operation {
        Operation::RecordRefusal
    }

    fn subjects(&self) -> Subjects {
        Subjects::default()
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), AuditError> {
        let Self { operation, code, rule, organization } = self.clone();
        let exists = organization.is_some_and(|id| scene.tree.organization(id).is_some());
        scene.emit(AuditEvent::Refused { operation, code, rule, organization, exists });
        Ok(())
    }
}

/// A line of an access review, as the trail keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewedLine {
    /// Whose access.
    pub subject: RosterSubject,
    /// Who looked at it.
    pub reviewer: PrincipalId,
    /// What they said.
    pub verdict: Verdict,
}

/// What is in the trail and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AuditEvent {
    /// An operation was refused.
    Refused {
        /// Which.
        operation: Operation,
        /// The stable name of the refusal.
        code: CorrelationId,
        /// The rule.
        rule: CorrelationId,
        /// The organization that was named.
        organization: Option<OrganizationId>,
        /// Whether there was such an organization.
        exists: bool,
    },
    /// An access review was applied.
    Reviewed {
        /// Whose roster.
        organization: OrganizationId,
        /// As of when.
        as_of: Timestamp,
        /// Every line, with who looked at it.
        lines: Vec<ReviewedLine>,
    },
}

rule_errors! {
    /// Why something was not written into the trail.
    pub enum AuditError + Precondition {}
}

impl AuditEvent {
    pub(crate) fn apply(&self, _: &mut OrganizationTree, _: &Recorded) {}

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Refused { organization, .. } => organization.iter().copied().collect(),
            Self::Reviewed { organization, .. } => vec![*organization],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        match self {
            Self::Refused { .. } => Vec::new(),
            Self::Reviewed { lines, .. } => {
                let subject = |line: &ReviewedLine| match line.subject {
                    RosterSubject::Principal(principal) => Some(principal),
                    RosterSubject::Invitation(_) => None,
                };
                lines.iter().flat_map(|line| subject(line).into_iter().chain([line.reviewer])).collect()
            }
        }
    }
}

/// Which commits are wanted; what is `None` does not narrow (AUD-1).
///
/// ```
/// use bailiwick::AuditFilter;
/// let invitations = AuditFilter { noun: Some("invitation".into()), ..AuditFilter::default() };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those that concern this organization, or were acted from it.
    pub organization: Option<OrganizationId>,
    /// Those by this principal, or that concern them.
    pub principal: Option<PrincipalId>,
    /// Those with an event of this noun, as in [`Event::noun`](crate::Event::noun).
    pub noun: Option<String>,
    /// Those that happened then.
    pub window: Window,
}

impl AuditFilter {
    /// Whether a commit is wanted.
    pub fn admits(&self, commit: &Recorded) -> bool {
        let by = match commit.actor {
            Actor::Principal(principal) | Actor::Operator(principal) => principal,
        };
        let concerns = |organization: OrganizationId| {
            commit.acting == Some(organization)
                || commit.events.iter().any(|event| event.organizations().contains(&organization))
        };
        let involves = |principal: PrincipalId| {
            by == principal || commit.events.iter().any(|event| event.principals().contains(&principal))
        };
        self.window.contains(commit.at)
            && self.organization.is_none_or(concerns)
            && self.principal.is_none_or(involves)
            && self.noun.as_ref().is_none_or(|noun| commit.events.iter().any(|event| event.noun() == noun))
    }
}

impl OrganizationTree {
    /// The reason that was given for the commit that made a version, unless it was erased.
    pub fn reason(&self, version: Version) -> Option<&Reason> {
        match self.records.get(&RecordKey::Reason(version)) {
            Some(Record::Reason { text, .. }) => Some(text),
            _ => None,
        }
    }
}

//! Support access: a customer lets the operator's engineers look, for a time.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`GrantSupport`] | `support.manage` | `Granted` |
//! | [`RequestSupport`] | the operator's engineer | `Requested` |
//! | [`ApproveSupport`], [`DenySupport`] | `support.manage` | `Approved`, `Denied` |
//! | [`EndSupport`] | `support.manage`, or the operator | `Ended` |
//! | [`StopAllSupport`] | ownership | `Ended`, for each |
//!
//! An engineer is a principal of the operator's and not known to the tree; one identifier
//! can stand for a whole team. What is given is every claim of the view kind and no other.
//! Rules: SUP-1 to SUP-5.

use serde::{Deserialize, Serialize};

use crate::command::{Actor, Command, Operation, Scene, Subjects};
use crate::event::{Event, Recorded, Version};
use crate::id::{OrganizationId, PrincipalId, SupportId};
use crate::name::Reason;
use crate::person::{Record, RecordKey};
use crate::refusal::{Precondition, rule_errors};
use crate::support_state::{SupportState, SupportStep};
use crate::time::{Period, Timestamp, Window};
use crate::tree::OrganizationTree;

/// Access of one engineer, or one team, to one organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Support {
    pub(crate) id: SupportId,
    pub(crate) organization: OrganizationId,
    pub(crate) engineer: PrincipalId,
    /// The version that granted or requested it, whose reason is theirs.
    pub(crate) made: Version,
    /// Who of the customer's answers for it, once it is granted.
    pub(crate) given_by: Option<PrincipalId>,
    pub(crate) state: SupportState,
}

impl Support {
    /// Its identifier.
    pub const fn id(&self) -> SupportId {
        self.id
    }

    /// The organization that can be looked at.
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// The operator's engineer, or team.
    pub const fn engineer(&self) -> PrincipalId {
        self.engineer
    }

    /// Who granted or approved it; it ends with their membership.
    pub const fn given_by(&self) -> Option<PrincipalId> {
        self.given_by
    }

    /// How it stands at `at`.
    pub fn state(&self, at: Timestamp) -> SupportState {
        self.state.seen(at)
    }

    /// When it gives access, if it was granted.
    pub(crate) const fn window(&self) -> Option<(Timestamp, Timestamp)> {
        match self.state {
            SupportState::Granted { from, until } => Some((from, until)),
            _ => None,
        }
    }

    fn is_open(&self, at: Timestamp) -> bool {
        matches!(self.state(at), SupportState::Requested { .. } | SupportState::Granted { .. })
    }
}

/// Lets an engineer, or a team, of the operator's look at an organization for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantSupport {
    /// The new access.
    pub support: SupportId,
    /// The organization.
    pub organization: OrganizationId,
    /// Who may look; not known to the tree.
    pub engineer: PrincipalId,
    /// For how long.
    pub duration: Period,
}

impl Command for GrantSupport {
    /// Until when.
    type Output = Timestamp;
    type Error = SupportError;

    fn operation(&self) -> Operation {
        Operation::GrantSupport
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Timestamp, SupportError> {
        let (tree, support, organization, engineer) = (scene.tree, self.support, self.organization, self.engineer);
        tree.fresh(support.uuid())?;
        // SUP-1: a support engineer is a user of the operator's, not of the tree.
        if tree.principal(engineer).is_some() {
            return Err(SupportError::OfTheTree { principal: engineer });
        }
        let until = tree.support_end(self.duration, scene.at)?;
        scene.emit(SupportEvent::Granted { organization, support, engineer, until });
        Ok(until)
    }
}

/// Asks for access to an organization; the engineer is the operator who acts, and the reason
/// that of the [`Context`](crate::Context).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestSupport {
    /// The new access.
    pub support: SupportId,
    /// The organization.
    pub organization: OrganizationId,
    /// For how long, from the approval; `None` is the rules' default.
    pub duration: Option<Period>,
}

impl Command for RequestSupport {
    /// When the request lapses.
    type Output = Timestamp;
    type Error = SupportError;

    fn operation(&self) -> Operation {
        Operation::RequestSupport
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Timestamp, SupportError> {
        let (tree, at, organization, support) = (scene.tree, scene.at, self.organization, self.support);
        tree.exists(organization)?;
        tree.fresh(support.uuid())?;
        let Actor::Operator(engineer) = scene.context.actor else { return Err(SupportError::NotAnEngineer) };
        if tree.principal(engineer).is_some() {
            return Err(SupportError::OfTheTree { principal: engineer });
        }
        // SUP-3: with a reason and a duration.
        if scene.context.reason.is_none() {
            return Err(SupportError::ReasonMissing);
        }
        let rules = &tree.rules().support;
        let duration = self.duration.unwrap_or(rules.duration);
        tree.support_end(duration, at)?;
        let lapses = rules.request_lifetime.after(at).map_err(Precondition::from)?;
        scene.emit(SupportEvent::Requested { organization, support, engineer, duration, lapses });
        Ok(lapses)
    }
}

/// Approves a request: the grant runs for the requested duration from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApproveSupport {
    /// The organization.
    pub organization: OrganizationId,
    /// The request.
    pub support: SupportId,
}

impl Command for ApproveSupport {
    /// Until when.
    type Output = Timestamp;
    type Error = SupportError;

    fn operation(&self) -> Operation {
        Operation::AnswerSupport
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Timestamp, SupportError> {
        let (organization, support, at) = (self.organization, self.support, scene.at);
        let found = scene.tree.support_in(organization, support)?;
        // SUP-5: nobody approves their own request.
        if scene.actor() == Some(found.engineer) {
            return Err(SupportError::OwnRequest);
        }
        let until = match found.state(at) {
            SupportState::Requested { duration, .. } => scene.tree.support_end(duration, at)?,
            _ => at,
        };
        found.state.step(SupportStep::Approve { until }, at)?;
        scene.emit(SupportEvent::Approved { organization, support, until });
        Ok(until)
    }
}

/// Denies a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenySupport {
    /// The organization.
    pub organization: OrganizationId,
    /// The request.
    pub support: SupportId,
}

impl Command for DenySupport {
    type Output = ();
    type Error = SupportError;

    fn operation(&self) -> Operation {
        Operation::AnswerSupport
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), SupportError> {
        let (organization, support) = (self.organization, self.support);
        scene.tree.support_in(organization, support)?.state.step(SupportStep::Deny, scene.at)?;
        scene.emit(SupportEvent::Denied { organization, support });
        Ok(())
    }
}

/// Ends one access, or takes a request back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndSupport {
    /// The organization.
    pub organization: OrganizationId,
    /// The access.
    pub support: SupportId,
}

impl Command for EndSupport {
    type Output = ();
    type Error = SupportError;

    fn operation(&self) -> Operation {
        Operation::EndSupport
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), SupportError> {
        let (organization, support) = (self.organization, self.support);
        scene.tree.support_in(organization, support)?.state.step(SupportStep::End, scene.at)?;
        scene.emit(SupportEvent::Ended { organization, support });
        Ok(())
    }
}

/// The emergency stop: ends every access to an organization at once, pending requests with
/// it, and what was approved in the same instant too (SUP-2, SUP-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopAllSupport {
    /// The organization.
    pub organization: OrganizationId,
}

impl Command for StopAllSupport {
    /// What ended.
    type Output = Vec<SupportId>;
    type Error = SupportError;

    fn operation(&self) -> Operation {
        Operation::StopAllSupport
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Vec<SupportId>, SupportError> {
        Ok(end_all_support(scene, self.organization))
    }
}

/// Ends what is open, each as its own event.
pub(crate) fn end_all_support(scene: &mut Scene<'_>, organization: OrganizationId) -> Vec<SupportId> {
    let (tree, at) = (scene.tree, scene.at);
    let open: Vec<SupportId> =
        tree.support(organization).filter(|support| support.is_open(at)).map(|support| support.id).collect();
    open.iter().for_each(|support| scene.emit(SupportEvent::Ended { organization, support: *support }));
    open
}

/// MEM-4: what a member let in goes with them (abuse case 86), each once.
pub(crate) fn end_support_given_by(scene: &mut Scene<'_>, organization: OrganizationId, principal: PrincipalId) {
    let (tree, at) = (scene.tree, scene.at);
    let given = tree.support(organization).filter(|support| support.given_by == Some(principal) && support.is_open(at));
    for id in given.map(|support| support.id) {
        let ends =
            |event: &Event| matches!(event, Event::Support(SupportEvent::Ended { support, .. }) if *support == id);
        if !scene.events.iter().any(ends) {
            scene.emit(SupportEvent::Ended { organization, support: id });
        }
    }
}

/// What happened to a support access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SupportEvent {
    /// It was given unasked.
    Granted {
        /// To what.
        organization: OrganizationId,
        /// Which.
        support: SupportId,
        /// To whom.
        engineer: PrincipalId,
        /// Until when.
        until: Timestamp,
    },
    /// It was asked for.
    Requested {
        /// To what.
        organization: OrganizationId,
        /// Which.
        support: SupportId,
        /// By whom.
        engineer: PrincipalId,
        /// For how long.
        duration: Period,
        /// When the request lapses.
        lapses: Timestamp,
    },
    /// The request was approved.
    Approved {
        /// To what.
        organization: OrganizationId,
        /// Which.
        support: SupportId,
        /// Until when it runs.
        until: Timestamp,
    },
    /// The request was denied.
    Denied {
        /// To what.
        organization: OrganizationId,
        /// Which.
        support: SupportId,
    },
    /// It was ended.
    Ended {
        /// To what.
        organization: OrganizationId,
        /// Which.
        support: SupportId,
    },
}

rule_errors! {
    /// Why support access was not given, asked for, answered or ended.
    pub enum SupportError + Precondition {
        #[error("{principal} is known to the tree: support access is for the operator's engineers")]
        OfTheTree { principal: PrincipalId } = Conflict, "support.of_the_tree", "SUP-1";
        #[error("only an engineer of the operator's asks for access")]
        NotAnEngineer = Forbidden, "support.not_an_engineer", "SUP-3";
        #[error("a request needs a reason")]
        ReasonMissing = Invalid, "support.reason_missing", "SUP-3";
        #[error("support access is given for {longest} seconds at the most")]
        TooLong { longest: i64 } = Invalid, "support.too_long", "SUP-5";
        #[error("nobody approves their own request")]
        OwnRequest = Forbidden, "support.own_request", "SUP-5";
        #[error("it was granted already")]
        AlreadyGranted = Conflict, "support.already_granted", "SUP-3";
        #[error("it was over at {at}")]
        Over { at: Timestamp } = Gone, "support.over", "SUP-3";
    }
}

impl SupportEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, commit: &Recorded) {
        let at = commit.at;
        match *self {
            Self::Granted { organization, support: id, engineer, until } => {
                let (made, given_by) = (commit.version, commit.actor.principal());
                let state = SupportState::Granted { from: at, until };
                tree.put_support(Support { id, organization, engineer, made, given_by, state });
            }
            Self::Requested { organization, support: id, engineer, duration, lapses } => {
                let state = SupportState::Requested { duration, lapses };
                tree.put_support(Support { id, organization, engineer, made: commit.version, given_by: None, state });
            }
            Self::Approved { support, until, .. } => {
                tree.step_support(support, SupportStep::Approve { until }, at);
                if let Some(support) = tree.supports.get_mut(&support) {
                    support.given_by = commit.actor.principal();
                }
            }
            Self::Denied { support, .. } => tree.step_support(support, SupportStep::Deny, at),
            Self::Ended { support, .. } => tree.step_support(support, SupportStep::End, at),
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Granted { organization, .. }
            | Self::Requested { organization, .. }
            | Self::Approved { organization, .. }
            | Self::Denied { organization, .. }
            | Self::Ended { organization, .. } => vec![*organization],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        match self {
            Self::Granted { engineer, .. } | Self::Requested { engineer, .. } => vec![*engineer],
            Self::Approved { .. } | Self::Denied { .. } | Self::Ended { .. } => Vec::new(),
        }
    }
}

/// Whether support access is active, and until when (SUP-2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SupportStatus {
    /// Until when the last of those that are active runs; none is active if `None`.
    pub active_until: Option<Timestamp>,
    /// Those that are active.
    pub active: Vec<SupportId>,
    /// Requests that wait for an answer.
    pub pending: Vec<SupportId>,
}

impl OrganizationTree {
    /// All support access to an organization, past and present.
    pub fn support(&self, organization: OrganizationId) -> impl Iterator<Item = &Support> {
        self.index.support(organization).filter_map(|id| self.supports.get(&id))
    }

    /// Whether support access to an organization is active at `at`, until when, and what
    /// waits for an answer.
    pub fn support_status(&self, organization: OrganizationId, at: Timestamp) -> SupportStatus {
        let mut status = SupportStatus::default();
        for support in self.support(organization) {
            match support.state(at) {
                SupportState::Granted { until, .. } => {
                    status.active_until = status.active_until.max(Some(until));
                    status.active.push(support.id);
                }
                SupportState::Requested { .. } => status.pending.push(support.id),
                _ => {}
            }
        }
        status
    }

    /// The reason that a support access was requested or granted with, for whoever is to
    /// approve it (SUP-3).
    pub fn support_reason(&self, id: SupportId) -> Option<&Reason> {
        match self.records.get(&RecordKey::Reason(self.supports.get(&id)?.made)) {
            Some(Record::Reason { text, .. }) => Some(text),
            _ => None,
        }
    }

    fn support_in(&self, organization: OrganizationId, id: SupportId) -> Result<&Support, Precondition> {
        let support = self.supports.get(&id).filter(|support| support.organization == organization);
        support.ok_or(Precondition::NotFound { what: "support access" })
    }

    /// SUP-5: a maximum duration can be set.
    fn support_end(&self, duration: Period, at: Timestamp) -> Result<Timestamp, SupportError> {
        let longest = self.rules().support.longest;
        if duration > longest {
            return Err(SupportError::TooLong { longest: longest.as_seconds() });
        }
        Ok(duration.after(at).map_err(Precondition::from)?)
    }

    fn step_support(&mut self, id: SupportId, step: SupportStep, at: Timestamp) {
        if let Some(mut support) = self.supports.get(&id).cloned()
            && let Ok(state) = support.state.step(step, at)
        {
            support.state = state;
            self.put_support(support);
        }
    }

    /// The support access that an engineer was granted to an organization, with its window.
    pub(crate) fn support_of(
        &self,
        engineer: PrincipalId,
        organization: OrganizationId,
    ) -> impl Iterator<Item = (&Support, Window)> {
        let given = self.index.supported.get(&(engineer, organization)).into_iter().flatten();
        given.filter_map(|id| self.supports.get(id)).filter_map(|support| {
            let (from, until) = support.window()?;
            Some((support, Window::new(Some(from), Some(until)).ok()?))
        })
    }
}

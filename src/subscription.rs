//! Subscriptions: what a root has paid for, and what its tree may therefore do.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`RecordSubscription`] | the operator | `Recorded` |
//!
//! Rules: LIC-1 to LIC-4, LIC-9, LIC-10.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{OrganizationId, PrincipalId};
use crate::name::{PlanName, Tag};
use crate::refusal::{Precondition, rule_errors};
use crate::rules::Lapse;
use crate::time::{Period, Timestamp, Window};
use crate::tree::OrganizationTree;

/// Something that a plan grants: one that the crate's rules need, or one of the embedder's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Organizations below the root.
    SubOrganizations,
    /// Members, machine identities, claims and roles.
    UserManagement,
    /// Security groups.
    SecurityGroups,
    /// Links of groups to descendants.
    CrossOrganizationLinks,
    /// Invitations.
    Invitations,
    /// One of the embedder's own.
    Custom(Tag),
}

impl Feature {
    /// Those that the crate's own rules need.
    pub const OWN: &'static [Self] = &[
        Self::SubOrganizations,
        Self::UserManagement,
        Self::SecurityGroups,
        Self::CrossOrganizationLinks,
        Self::Invitations,
    ];
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SubOrganizations => "sub-organizations",
            Self::UserManagement => "user management",
            Self::SecurityGroups => "security groups",
            Self::CrossOrganizationLinks => "cross-organization links",
            Self::Invitations => "invitations",
            Self::Custom(name) => name.as_str(),
        })
    }
}

/// What is counted against a plan, per organization (LIC-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageLimit {
    /// Members who are users, and pending invitations, which reserve theirs.
    Seats,
    /// Direct sub-organizations.
    SubOrganizations,
    /// Groups.
    Groups,
    /// Pending invitations.
    PendingInvitations,
}

impl fmt::Display for UsageLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seats => "seats",
            Self::SubOrganizations => "sub-organizations",
            Self::Groups => "groups",
            Self::PendingInvitations => "pending invitations",
        })
    }
}

/// How many of each an organization may have; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageLimits {
    /// Members who are users, and pending invitations.
    pub seats: Option<u64>,
    /// Direct sub-organizations.
    pub sub_organizations: Option<u64>,
    /// Groups.
    pub groups: Option<u64>,
    /// Pending invitations.
    pub pending_invitations: Option<u64>,
}

impl UsageLimits {
    const fn of(&self, limit: UsageLimit) -> Option<u64> {
        match limit {
            UsageLimit::Seats => self.seats,
            UsageLimit::SubOrganizations => self.sub_organizations,
            UsageLimit::Groups => self.groups,
            UsageLimit::PendingInvitations => self.pending_invitations,
        }
    }
}

/// A plan: a named set of features, with limits (LIC-2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What it grants.
    pub features: BTreeSet<Feature>,
    /// How much of it, per organization.
    pub limits: UsageLimits,
}

/// How a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// Being tried; grants what the plan grants.
    Trial,
    /// Paid; grants what the plan grants.
    Active,
    /// Unpaid; has lapsed.
    PastDue,
    /// Ended; has lapsed.
    Cancelled,
}

/// What a root has subscribed to (LIC-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// The plan, one of the [`Rules`](crate::Rules).
    pub plan: PlanName,
    /// How it stands.
    pub status: SubscriptionStatus,
    /// Start and end.
    pub term: Window,
    /// When that status was recorded; a grace period counts from here when it lapsed early.
    pub since: Timestamp,
}

impl Subscription {
    /// Whether it runs at `at`, paid or on trial and within its term.
    pub fn is_current(&self, at: Timestamp) -> bool {
        self.is_running() && self.term.contains(at)
    }

    /// Whether it is neither cancelled nor over: it stands in the way of leaving (DEL-2, HIE-5).
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.status != SubscriptionStatus::Cancelled && !self.term.is_over(at)
    }

    /// Whether it is paid or on trial, whatever its term.
    pub(crate) const fn is_running(&self) -> bool {
        matches!(self.status, SubscriptionStatus::Trial | SubscriptionStatus::Active)
    }
}

/// Records how a root's subscription stands, as billing knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSubscription {
    /// The root; a sub-organization inherits and holds none (LIC-1).
    pub root: OrganizationId,
    /// The plan.
    pub plan: PlanName,
    /// How it stands.
    pub status: SubscriptionStatus,
    /// Start and end.
    pub term: Window,
}

impl RecordSubscription {
    /// A paid subscription to a plan, without start and end.
    pub const fn active(root: OrganizationId, plan: PlanName) -> Self {
        Self { root, plan, status: SubscriptionStatus::Active, term: Window::ALWAYS }
    }

    /// The same, with a start or an end.
    #[must_use]
    pub const fn during(mut self, term: Window) -> Self {
        self.term = term;
        self
    }
}

impl Command for RecordSubscription {
    type Output = ();
    type Error = SubscriptionError;

    fn operation(&self) -> Operation {
        Operation::RecordSubscription
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.root)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), SubscriptionError> {
        let tree = scene.tree;
        tree.organization(self.root).ok_or(Precondition::NotFound { what: "organization" })?;
        // LIC-1: a subscription belongs to a root; no sub-organization holds one.
        if self.root != tree.root() {
            return Err(SubscriptionError::NotTheRoot { organization: self.root, root: tree.root() });
        }
        if !tree.rules().plans.contains_key(&self.plan) {
            return Err(SubscriptionError::UnknownPlan { plan: self.plan.clone() });
        }
        // An end so far away that no period fits behind it is refused (abuse case 79).
        if let Some(end) = self.term.end() {
            Period::LONGEST.after(end).map_err(Precondition::from)?;
        }
        let subscription =
            Subscription { plan: self.plan.clone(), status: self.status, term: self.term, since: scene.at };
        scene.emit(SubscriptionEvent::Recorded { root: self.root, subscription });
        Ok(())
    }
}

/// What happened to a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SubscriptionEvent {
    /// It was recorded as it stands.
    Recorded {
        /// The root.
        root: OrganizationId,
        /// How it stands.
        subscription: Subscription,
    },
}

rule_errors! {
    /// Why a subscription was not recorded.
    pub enum SubscriptionError + Precondition {
        #[error("a subscription belongs to the root {root}; {organization} inherits it")]
        NotTheRoot { organization: OrganizationId, root: OrganizationId } = Conflict, "subscription.not_the_root", "LIC-1";
        #[error("there is no plan `{plan}`: define it in the rules first")]
        UnknownPlan { plan: PlanName } = Invalid, "subscription.unknown_plan", "LIC-2";
    }
}

impl SubscriptionEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        let Self::Recorded { subscription, .. } = self;
        tree.put_subscription(Some(subscription.clone()));
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        let Self::Recorded { root, .. } = self;
        vec![*root]
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// The subscription that the whole tree lives on, if one is recorded (LIC-1).
    pub fn subscription(&self) -> Option<&Subscription> {
        self.subscription.as_deref()
    }

    /// Whether the subscription grants a feature at `at`, the grace period included. None on
    /// record grants nothing (LIC-10).
    pub fn grants(&self, feature: &Feature, at: Timestamp) -> bool {
        self.has_feature(feature) && self.coverage().is_some_and(|window| window.contains(at))
    }

    fn has_feature(&self, feature: &Feature) -> bool {
        let plan = self.subscription().and_then(|subscription| self.rules().plans.get(&subscription.plan));
        plan.is_some_and(|plan| plan.features.contains(feature))
    }

    /// When the subscription counts: while it runs, and for the grace period after a lapse.
    fn coverage(&self) -> Option<Window> {
        let (subscription, lapse) = (self.subscription()?, self.lapse_instant());
        let from = if subscription.is_running() { subscription.term.start() } else { lapse };
        Window::new(from, self.grace_end().or(lapse)).ok()
    }

    /// When the subscription lapses or lapsed: its end, or when it was recorded as past due
    /// or cancelled, if that was earlier.
    pub(crate) fn lapse_instant(&self) -> Option<Timestamp> {
        let subscription = self.subscription()?;
        match subscription.status {
            SubscriptionStatus::Trial | SubscriptionStatus::Active => subscription.term.end(),
            SubscriptionStatus::PastDue | SubscriptionStatus::Cancelled => {
                Some(subscription.term.end().map_or(subscription.since, |end| end.min(subscription.since)))
            }
        }
    }

    /// When the grace period ends, if there is one. A period beyond the calendar never ends
    /// within it.
    pub(crate) fn grace_end(&self) -> Option<Timestamp> {
        let lapse = self.lapse_instant()?;
        self.rules().grace.map(|grace| grace.after(lapse).unwrap_or(Timestamp::MAX_UTC))
    }

    /// The next instant after `at` at which what the subscription grants changes by itself.
    pub(crate) fn subscription_change(&self, at: Timestamp) -> Option<Timestamp> {
        let subscription = self.subscription()?;
        let edges = [subscription.term.start(), self.lapse_instant(), self.grace_end()];
        edges.into_iter().flatten().filter(|edge| *edge > at).min()
    }

    /// LIC-4: when links give access, which they do not after a lapse that suspends.
    pub(crate) fn links_window(&self) -> Option<Window> {
        match self.rules().lapse {
            Lapse::Freeze => Some(Window::ALWAYS),
            Lapse::Suspend => self.coverage().filter(|_| self.has_feature(&Feature::CrossOrganizationLinks)),
        }
    }

    pub(crate) fn links_stand(&self, at: Timestamp) -> bool {
        self.index.dense.links_stand_at(at)
    }

    /// LIC-3: each operation that needs a feature is refused without it.
    pub(crate) fn require(&self, feature: Feature, at: Timestamp) -> Result<(), Precondition> {
        if self.grants(&feature, at) {
            return Ok(());
        }
        let plan = self.subscription().map(|subscription| subscription.plan.clone());
        Err(Precondition::FeatureMissing { feature, plan, root: self.root() })
    }

    /// How much of a limit an organization uses at `at`.
    pub fn usage(&self, organization: OrganizationId, limit: UsageLimit, at: Timestamp) -> u64 {
        let count = match limit {
            UsageLimit::Seats => self.seats(organization, at),
            UsageLimit::SubOrganizations => self.children(organization).count(),
            UsageLimit::Groups => self.index.groups(organization).count(),
            UsageLimit::PendingInvitations => self.pending_invitations(organization, at).count(),
        };
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// LIC-9: one more of these must fit the plan.
    pub(crate) fn room(
        &self,
        organization: OrganizationId,
        limit: UsageLimit,
        at: Timestamp,
    ) -> Result<(), Precondition> {
        let plan = self.subscription().and_then(|subscription| self.rules().plans.get(&subscription.plan));
        let Some(allowed) = plan.and_then(|plan| plan.limits.of(limit)) else { return Ok(()) };
        let used = self.usage(organization, limit, at);
        if used < allowed { Ok(()) } else { Err(Precondition::LimitReached { organization, limit, allowed, used }) }
    }
}

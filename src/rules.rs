//! Rules: every limit, period and default in one place, each with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use crate::access::claim::Claim;
use crate::command::{Authority, Operation};
use crate::name::{CapabilityName, PlanName};
use crate::onboarding::Seed;
use crate::resource::{Flow, ResourceKind};
use crate::setting::{SettingKey, SettingValue};
use crate::settings::LevelLimit;
use crate::subscription::{Feature, Plan, UsageLimits};
use crate::time::Period;

/// What a lapse of the subscription does to access that was given (LIC-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    /// It stays, and nothing new that needs the feature can be given.
    Freeze,
    /// Access through links is denied too.
    Suspend,
}

/// What becomes of a command whose instant is before the last commit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockPolicy {
    /// It is refused.
    Refuse,
    /// It happens at the instant of the last commit.
    Hold,
}

/// Periods and caps of invitations (INV-2, INV-4, INV-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRules {
    /// How long one is pending unless its command says otherwise.
    pub lifetime: Period,
    /// The longest that a command may ask for: no invitation is for ever.
    pub longest: Period,
    /// The wait between two sendings to one address for one group, whatever became of the
    /// first.
    pub resend_wait: Period,
    /// The wait after the invited person declined.
    pub decline_wait: Period,
    /// Sendings a day to one address in the tree.
    pub daily_per_address: NonZeroU32,
    /// Sendings a day by one inviter.
    pub daily_per_inviter: NonZeroU32,
    /// Sendings a day in one organization.
    pub daily_per_organization: NonZeroU32,
    /// Pending invitations in one organization.
    pub pending_per_organization: NonZeroU32,
    /// Whether the token alone is trusted, so that an address the service has not verified
    /// gets through. Anyone who can read the mailbox's link can then accept as anyone.
    pub trust_unverified: bool,
}

impl Default for InvitationRules {
    fn default() -> Self {
        let count = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self {
            lifetime: Period::of_minutes(7 * DAY),
            longest: Period::of_minutes(90 * DAY),
            resend_wait: Period::of_minutes(10),
            decline_wait: Period::of_minutes(DAY),
            daily_per_address: count(10),
            daily_per_inviter: count(100),
            daily_per_organization: count(100),
            pending_per_organization: count(200),
            trust_unverified: false,
        }
    }
}

/// Durations of support access (SUP-3, SUP-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupportRules {
    /// What a request asks for unless it says otherwise.
    pub duration: Period,
    /// The longest that can be granted or asked for.
    pub longest: Period,
    /// How long a request waits for an answer.
    pub request_lifetime: Period,
}

impl Default for SupportRules {
    fn default() -> Self {
        Self {
            duration: Period::of_minutes(DAY),
            longest: Period::of_minutes(30 * DAY),
            request_lifetime: Period::of_minutes(7 * DAY),
        }
    }
}

const DAY: i64 = 24 * 60;

/// The limits, periods and defaults of a service.
///
/// Start from the set that is nearest and change what differs:
///
/// ```
/// use bailiwick::{Rules, LevelLimit};
/// let rules = Rules { levels: LevelLimit::new(5)?, ..Rules::provider() };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The levels of a new tree (HIE-2).
    pub levels: LevelLimit,
    /// Whether one who is no member of the root may be invited straight into a
    /// sub-organization, in a new tree (MEM-3).
    pub straight_invitations: bool,
    /// The capability without which an organization creates no children, if any (LIC-7).
    pub managing_capability: Option<CapabilityName>,
    /// The plans that there are (LIC-2).
    pub plans: BTreeMap<PlanName, Plan>,
    /// What a lapse does (LIC-4).
    pub lapse: Lapse,
    /// How long after its end a subscription still counts (LIC-4).
    pub grace: Option<Period>,
    /// Periods and caps of invitations.
    pub invitations: InvitationRules,
    /// How long an offer to attach stands (HIE-12).
    pub offer_lifetime: Period,
    /// How old the embedder's counts of blockers may be (DEL-2).
    pub evidence_age: Period,
    /// What becomes of an instant before the last commit's.
    pub clock: ClockPolicy,
    /// Durations of support access.
    pub support: SupportRules,
    /// How long recordings are kept unless the account says otherwise (REC-1).
    pub retention: Period,
    /// How much of a person's past an export covers (GDP-2).
    pub export_period: Period,
    /// How many records a section of an export holds (GDP-2).
    pub export_cap: usize,
    /// What is asked to be seeded when an organization is created (SET-6).
    pub seeds: BTreeSet<Seed>,
    /// The account's defaults of settings that nobody on the path sets (SET-5).
    pub settings: BTreeMap<SettingKey, SettingValue>,
    /// How the embedder's own kinds of resource flow (MEM-6).
    pub resources: BTreeMap<ResourceKind, Flow>,
    /// Rows of the authority table replaced by a claim: ownership or a claim of the crate's
    /// is then not asked for, the embedder's claim is (CLM-12).
    pub authority: BTreeMap<Operation, Claim>,
}

impl Default for Rules {
    /// As [`Rules::provider`].
    fn default() -> Self {
        Self::provider()
    }
}

impl Rules {
    /// The provider model: three levels, groups linked downward, newcomers invited straight
    /// into a customer, everything paid for by an Enterprise plan at the root. It follows
    /// the Duplicati console, with the roles of Flexera's managed service providers.
    pub fn provider() -> Self {
        Self {
            levels: LevelLimit::THREE,
            straight_invitations: true,
            managing_capability: None,
            plans: default_plans(),
            lapse: Lapse::Freeze,
            grace: None,
            invitations: InvitationRules::default(),
            offer_lifetime: Period::of_minutes(30 * DAY),
            evidence_age: Period::of_minutes(5),
            clock: ClockPolicy::Refuse,
            support: SupportRules::default(),
            retention: Period::of_minutes(90 * DAY),
            export_period: Period::of_minutes(90 * DAY),
            export_cap: 10_000,
            seeds: BTreeSet::from([Seed::DefaultAlerts, Seed::ComplianceData]),
            settings: BTreeMap::new(),
            resources: BTreeMap::new(),
            authority: BTreeMap::new(),
        }
    }

    /// The single level: one root, where everything is configured and everyone is known,
    /// and its sub-organizations, whose people come from the root alone. It follows
    /// Infisical.
    pub fn single_level() -> Self {
        Self { levels: LevelLimit::TWO, straight_invitations: false, ..Self::provider() }
    }

    /// A set of one's own, built step by step and checked at the end.
    ///
    /// ```
    /// use bailiwick::{Rules, LevelLimit, Operation};
    /// let rules = Rules::custom()
    ///     .levels(LevelLimit::new(4)?)
    ///     .authority(Operation::CreateOrganization, "organizations.create".parse()?)
    ///     .build()?;
    /// assert_eq!(rules.levels.get(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn custom() -> RulesBuilder {
        RulesBuilder { rules: Self::provider() }
    }

    /// Whether the parts fit together; see [`InvalidRules`].
    pub fn check(&self) -> Result<(), InvalidRules> {
        let claimable = |operation: &Operation| {
            let demands = operation.requirement().iter().copied().flatten();
            demands.into_iter().any(|demand| matches!(demand.authority, Authority::Owner | Authority::Claim(_)))
        };
        if let Some(operation) = self.authority.keys().find(|operation| !claimable(operation)) {
            return Err(InvalidRules::NotReplaceable(*operation));
        }
        if self.invitations.lifetime > self.invitations.longest {
            return Err(InvalidRules::InvitationLifetime);
        }
        Ok(())
    }
}

/// The default plans: Enterprise grants everything, the others nothing that the crate's
/// rules ask for (LIC-2).
fn default_plans() -> BTreeMap<PlanName, Plan> {
    let plan = |name: &str, features: BTreeSet<Feature>| {
        Some((PlanName::new(name).ok()?, Plan { features, limits: UsageLimits::default() }))
    };
    let all = Feature::OWN.iter().cloned().collect();
    [plan("Free", BTreeSet::new()), plan("Professional", BTreeSet::new()), plan("Enterprise", all)]
        .into_iter()
        .flatten()
        .collect()
}

/// Why a set of rules was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRules {
    /// The operation asks for no ownership and no claim that one's own could replace.
    #[error("to {0} asks for no ownership and no claim that another claim could replace")]
    NotReplaceable(Operation),
    /// Invitations would live longer by default than they may at the most.
    #[error("the lifetime of an invitation exceeds the longest that is allowed")]
    InvitationLifetime,
}

/// Builds [`Rules`], starting from the provider model.
#[derive(Clone, Debug)]
pub struct RulesBuilder {
    rules: Rules,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => { $(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: $type) -> Self {
            self.rules.$name = $name;
            self
        }
    )* };
}

impl RulesBuilder {
    setters! {
        /// The levels of a new tree.
        levels: LevelLimit;
        /// Whether newcomers may be invited straight into a sub-organization.
        straight_invitations: bool;
        /// The capability without which an organization creates no children.
        managing_capability: Option<CapabilityName>;
        /// What a lapse does.
        lapse: Lapse;
        /// How long after its end a subscription still counts.
        grace: Option<Period>;
        /// Periods and caps of invitations.
        invitations: InvitationRules;
        /// How long an offer to attach stands.
        offer_lifetime: Period;
        /// How old the embedder's counts of blockers may be.
        evidence_age: Period;
        /// Durations of support access.
        support: SupportRules;
        /// How long recordings are kept.
        retention: Period;
        /// What is asked to be seeded when an organization is created.
        seeds: BTreeSet<Seed>;
        /// The account's defaults of settings.
        settings: BTreeMap<SettingKey, SettingValue>;
        /// What becomes of an instant before the last commit's.
        clock: ClockPolicy;
    }

    /// A plan, added or replaced.
    #[must_use]
    pub fn plan(mut self, name: PlanName, plan: Plan) -> Self {
        self.rules.plans.insert(name, plan);
        self
    }

    /// How a kind of resource flows.
    #[must_use]
    pub fn resource(mut self, kind: ResourceKind, flow: Flow) -> Self {
        self.rules.resources.insert(kind, flow);
        self
    }

    /// A row of the authority table replaced by a claim.
    #[must_use]
    pub fn authority(mut self, operation: Operation, claim: Claim) -> Self {
        self.rules.authority.insert(operation, claim);
        self
    }

    /// The rules; [`InvalidRules`] where parts do not fit together.
    pub fn build(self) -> Result<Rules, InvalidRules> {
        self.rules.check().map(|()| self.rules)
    }
}

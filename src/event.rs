//! Events: what happened, as it is stored for ever.
//!
//! One variant a noun; each noun's own enum is in its file. A [`Recorded`] is one commit of
//! one tree. An unknown kind of event, an unknown field or an unknown format is an error
//! when it is read, never skipped (REP-6).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::command::{Actor, Context, Operation};
use crate::id::{CommitKey, InvitationId, OrganizationId, PrincipalId};
use crate::name::CorrelationId;
use crate::person::{Record, RecordKey};
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// How many commits a tree has seen. A tree that was never committed is at zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// Before the first commit.
    pub const ZERO: Self = Self(0);

    /// The version after so many commits.
    pub const fn new(commits: u64) -> Self {
        Self(commits)
    }

    /// The version after one more commit.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The version before the last commit.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// How many commits.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident($module:ident::$type:ident),)*) => {
        /// Something that happened in a tree, one variant a noun.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Event {
            $($(#[$doc])* $variant(crate::$module::$type),)*
        }

        impl Event {
            /// Changes the tree; total on a tree of the version that it was decided on.
            pub(crate) fn apply(&self, tree: &mut OrganizationTree, commit: &Recorded) {
                match self { $(Self::$variant(event) => event.apply(tree, commit),)* }
            }

            /// The organizations that it concerns.
            pub fn organizations(&self) -> Vec<OrganizationId> {
                match self { $(Self::$variant(event) => event.organizations(),)* }
            }

            /// The principals that it concerns.
            pub fn principals(&self) -> Vec<PrincipalId> {
                match self { $(Self::$variant(event) => event.principals(),)* }
            }

            /// Its noun, as in what is stored: `group`.
            pub const fn noun(&self) -> &'static str {
                match self { $(Self::$variant(_) => stringify!($module),)* }
            }
        }

        $(impl From<crate::$module::$type> for Event {
            fn from(event: crate::$module::$type) -> Self { Self::$variant(event) }
        })*
    };
}

events! {
    /// Of an organization and its place.
    Organization(organization::OrganizationEvent),
    /// Of the settings of the tree.
    Settings(settings::SettingsEvent),
    /// Of a deactivation, reactivation or deletion.
    Deletion(deletion::DeletionEvent),
    /// Of a subtree that joined or left.
    Transfer(transfer::TransferEvent),
    /// Of an offer to attach.
    Offer(offer::OfferEvent),
    /// Of the subscription.
    Subscription(subscription::SubscriptionEvent),
    /// Of a capability.
    Capability(capability::CapabilityEvent),
    /// Of a member or a machine identity.
    Member(member::MemberEvent),
    /// Of a grant.
    Grant(grant::GrantEvent),
    /// Of a role.
    Role(role::RoleEvent),
    /// Of a project.
    Project(project::ProjectEvent),
    /// Of a shared resource.
    Resource(resource::ResourceEvent),
    /// Of a setting of an organization.
    Setting(setting::SettingEvent),
    /// Of the automation of an organization.
    Automation(automation::AutomationEvent),
    /// Of the secret of an organization.
    Secret(secret::SecretEvent),
    /// Of what is seeded for an organization.
    Onboarding(onboarding::OnboardingEvent),
    /// Of a location.
    Location(location::LocationEvent),
    /// Of a policy.
    Policy(policy::PolicyEvent),
    /// Of support access.
    Support(support::SupportEvent),
    /// Of the governance of recordings.
    Recording(recording::RecordingEvent),
    /// Of the erasure of a person.
    Erasure(erasure::ErasureEvent),
    /// Of a group.
    Group(group::GroupEvent),
    /// Of a link.
    Link(link::LinkEvent),
    /// Of an invitation.
    Invitation(invitation::InvitationEvent),
    /// Of the audit trail itself.
    Audit(audit::AuditEvent),
}

/// The format of what is stored. One that a later version wrote does not decode (REP-6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Format;

impl Format {
    const CURRENT: u32 = 1;
}

impl TryFrom<u32> for Format {
    type Error = String;
    fn try_from(number: u32) -> Result<Self, String> {
        if number == Self::CURRENT {
            Ok(Self)
        } else {
            Err(format!("format {number} is not known; this version reads format {}", Self::CURRENT))
        }
    }
}

impl From<Format> for u32 {
    fn from(_: Format) -> u32 {
        Format::CURRENT
    }
}

/// One commit of one tree, as it is stored: who, from where, when, under which key, and
/// what changed (AUD-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The format that it is written in.
    pub format: Format,
    /// The tree.
    pub root: OrganizationId,
    /// The version that this commit made.
    pub version: Version,
    /// When it happened; never before the commit before.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// The organization that they acted from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting: Option<OrganizationId>,
    /// The key under which it takes effect once.
    pub key: CommitKey,
    /// What ties it to a request elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<CorrelationId>,
    /// The operations, in order.
    pub operations: Vec<Operation>,
    /// What changed, in order.
    pub events: Vec<Event>,
}

/// Identifies an effect for ever: sending twice what has the same one is sending once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectId {
    /// The tree.
    pub root: OrganizationId,
    /// The version whose commit asks for it.
    pub version: Version,
    /// Which event of that commit.
    pub event: u32,
}

/// Something to be done outside, once a commit is acknowledged (abuse case 22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Send the invitation to the address of its record, with the token that the caller
    /// made for this sending.
    SendInvitation(InvitationId),
    /// Do what is seeded for a new organization, and report how it went (SET-6).
    Seed(OrganizationId),
    /// Tell whoever runs the agents of the organization that each must register again (SET-4).
    RegisterAgentsAgain(OrganizationId),
}

impl Recorded {
    /// The commit that would come next, with nothing in it yet.
    pub(crate) fn of(tree: &OrganizationTree, context: &Context, at: Timestamp) -> Self {
        Self {
            format: Format,
            root: tree.root(),
            version: tree.version().next(),
            at,
            actor: context.actor,
            acting: context.acting,
            key: context.key,
            correlation: context.correlation.clone(),
            operations: Vec::new(),
            events: Vec::new(),
        }
    }

    /// What a committed record asks to be done outside, each with a stable identifier.
    pub fn effects(&self) -> impl Iterator<Item = (EffectId, Effect)> + '_ {
        (0_u32..).zip(&self.events).filter_map(|(event, happened)| {
            let effect = match happened {
                Event::Invitation(event) => event.sending().map(Effect::SendInvitation)?,
                Event::Onboarding(event) => event.asked().map(Effect::Seed)?,
                Event::Secret(event) => Effect::RegisterAgentsAgain(event.regenerated()),
                _ => return None,
            };
            Some((EffectId { root: self.root, version: self.version, event }, effect))
        })
    }
}

/// What one commit changes in one tree: the record of it, and the personal data written or
/// erased with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The commit as it will be stored.
    pub recorded: Recorded,
    /// Records written (`Some`) or erased (`None`).
    pub records: Vec<(RecordKey, Option<Record>)>,
    pub(crate) decided_on: DecidedOn,
}

/// The state that changes were decided on, and the one that they make of it if that is known
/// already. It is no part of them: changes with and without are the same.
#[derive(Clone, Default)]
pub(crate) struct DecidedOn(Option<Arc<(OrganizationTree, Option<Outcome>)>>);

/// What a draft came to, and by which changes: those beside it may have been altered since.
struct Outcome {
    recorded: Recorded,
    records: Vec<(RecordKey, Option<Record>)>,
    after: OrganizationTree,
}

impl PartialEq for DecidedOn {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for DecidedOn {}

impl fmt::Debug for DecidedOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Changes {
    /// Changes as they were stored, for a store that carries them over and for its own tests.
    pub fn new(recorded: Recorded, records: Vec<(RecordKey, Option<Record>)>) -> Self {
        Self { recorded, records, decided_on: DecidedOn::default() }
    }

    /// Changes that were decided on a state.
    pub(crate) fn decided(
        recorded: Recorded,
        records: Vec<(RecordKey, Option<Record>)>,
        before: OrganizationTree,
    ) -> Self {
        Self { recorded, records, decided_on: DecidedOn(Some(Arc::new((before, None)))) }
    }

    /// Changes of a draft that began at one state and came to another.
    pub(crate) fn drafted(
        recorded: Recorded,
        records: Vec<(RecordKey, Option<Record>)>,
        before: OrganizationTree,
        after: OrganizationTree,
    ) -> Self {
        let outcome = Outcome { recorded: recorded.clone(), records: records.clone(), after };
        Self { recorded, records, decided_on: DecidedOn(Some(Arc::new((before, Some(outcome))))) }
    }

    /// The same, of which nobody knows what state they were decided on.
    pub(crate) fn of_unknown_state(self) -> Self {
        Self { decided_on: DecidedOn::default(), ..self }
    }

    /// The state that they were decided on, if that is at hand.
    pub(crate) fn before(&self) -> Option<&OrganizationTree> {
        self.decided_on.0.as_deref().map(|(before, _)| before)
    }

    /// What they make of this very state, if a draft came to that before.
    pub(crate) fn after(&self, state: &OrganizationTree) -> Option<&OrganizationTree> {
        let (before, outcome) = self.decided_on.0.as_deref()?;
        let Outcome { recorded, records, after } = outcome.as_ref()?;
        let same = before.is_same_state(state) && *recorded == self.recorded && *records == self.records;
        same.then_some(after)
    }

    /// The version of the tree that they were decided on.
    pub const fn base(&self) -> Version {
        self.recorded.version.previous()
    }

    /// The tree.
    pub const fn root(&self) -> OrganizationId {
        self.recorded.root
    }
}

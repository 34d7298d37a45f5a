//! Organizations inside organizations.
//!
//! `bailiwick` is the domain of a service whose customers have customers: managed service
//! providers, enterprises with departments, vendors with partners. It answers who may do
//! what where, and why; how someone comes in; what a parent passes down; and how a customer
//! leaves cleanly. It does no input or output, reads no clock and draws no random number.
//!
//! ```
//! # use std::sync::Arc;
//! use bailiwick::*;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Once: the claims that there are, and the rules.
//! let catalog = Catalog::new([ClaimDeclaration::manage("backups.restore".parse()?, "Restore a backup")])?;
//! let domain = Arc::new(Domain { catalog, rules: Rules::provider() });
//!
//! // A root, founded by the operator for its first owner.
//! let (fabrikam, ada, operator) = (OrganizationId::from_u128(1)?, PrincipalId::from_u128(10)?, PrincipalId::from_u128(99)?);
//! let noon: Timestamp = "2026-01-01T12:00:00Z".parse()?;
//! let mut tree = OrganizationTree::empty(fabrikam, domain);
//! let found = FoundTree { root: fabrikam, name: "Fabrikam".parse()?, owner: ada, person: Person::named("Ada".parse()?), secret: AgentSecret::from_entropy([7; 32]) };
//! let decided = tree.decide(&Context::operator(operator, noon, CommitKey::from_u128(1)?), &found)?;
//! tree.apply(&decided.changes)?; // after the repository has committed them
//!
//! // Without a subscription nothing that needs one is possible, and the refusal says so.
//! let create = CreateOrganization {
//!     organization: OrganizationId::from_u128(2)?,
//!     parent: fabrikam,
//!     name: "Contoso".parse()?,
//!     slug: None,
//!     owner: None,
//!     secret: AgentSecret::from_entropy([8; 32]),
//! };
//! let context = Context::principal(ada, fabrikam, noon, CommitKey::from_u128(2)?);
//! let refused = tree.decide(&context, &create).unwrap_err();
//! assert_eq!(refused.code(), "subscription.feature_missing");
//! assert_eq!(refused.rule(), "LIC-3");
//!
//! // Who may, and why.
//! let restore: Claim = "backups.restore".parse()?;
//! assert!(tree.access().allows(ada, fabrikam, &restore, noon));
//! println!("{}", tree.access().explain(ada, fabrikam, &restore, noon));
//! # Ok(())
//! # }
//! ```
//!
//! # How it works
//!
//! A tree is an ordinary value. A [`Command`] is *decided* against it and gives [`Changes`]
//! or a [`Refusal`]; a [`Repository`] commits them at the version they were decided on; then
//! the tree *applies* them. A [`Directory`] does the three in a row over live trees. The
//! same changes, replayed, give the same tree.
//!
//! Every rule has an identifier, such as `GRP-4`, that stands beside the line that enforces
//! it, in the errors, and in `docs/rules.md`.

mod access;
mod address;
mod answer;
mod audit;
mod automation;
mod branch;
mod capability;
mod command;
mod cooldown;
mod deletion;
mod directory;
mod draft;
mod draw;
mod erasure;
mod event;
mod examine;
mod export;
mod forest;
mod founding;
mod grant;
mod group;
mod hex;
mod hierarchy;
mod id;
mod index;
mod invitation;
mod invitation_state;
mod label;
mod link;
mod listing;
mod location;
mod member;
mod name;
mod obstacle;
mod offer;
mod onboarding;
mod ordered;
mod organization;
mod participant;
mod person;
mod policy;
mod principal;
mod project;
mod reach;
mod recording;
mod refusal;
mod relocation;
pub mod repository;
mod resource;
mod review;
mod role;
mod roster;
pub mod rows;
mod rules;
mod schedule;
mod secret;
mod setting;
mod settings;
mod snapshot;
mod subscription;
mod support;
mod support_state;
mod table;
mod time;
mod token;
mod trail;
mod transfer;
mod tree;
mod used;

pub use access::catalog::{AccessKind, Catalog, ClaimDeclaration, InvalidCatalog};
pub use access::claim::{Claim, Grantable, InvalidClaim};
pub use access::evaluate::{Access, Decision, Question};
pub use access::explain::{Explanation, Path, Reached, Reason as DenialReason};
pub use access::handle::{ClaimHandle, OrganizationHandle, PrincipalHandle};
pub use access::set::ClaimSet;
pub use access::what_if::AccessChange;
pub use address::{Address, AddressKey, InvalidAddress};
pub use answer::{AcceptInvitation, DeclineInvitation};
pub use audit::{AuditError, AuditEvent, AuditFilter, RecordRefusal, ReviewedLine};
pub use automation::{
    ActionKind, Approval, AutomationError, AutomationEvent, AutomationLevel, BindIncidentWorkflow, DefineWorkflow,
    IncidentPriority, MAJOR_INCIDENT_HOSTS, SetKillSwitch,
};
pub use branch::Branch;
pub use capability::{AssignCapability, CapabilityError, CapabilityEvent, WithdrawCapability};
pub use command::{Actor, Authority, Command, Context, Demand, Operation, Place, Requirement, Scene, Subjects};
pub use cooldown::CapScope;
pub use deletion::{
    Blocker, BlockerKind, DeactivateOrganization, DeleteOrganization, DeletionError, DeletionEvent, DeletionMode,
    Evidence, ReactivateOrganization,
};
pub use directory::{Directory, DirectoryError, Done};
pub use draft::Draft;
pub use erasure::{ERASED, ErasePerson, ErasureError, ErasureEvent};
pub use event::{Changes, Effect, EffectId, Event, Format, Recorded, Version};
pub use examine::Violation;
pub use export::{Export, ExportSection, ExportedActivity, ExportedGroup, ExportedInvitation, ExportedMembership};
pub use forest::Reader;
pub use founding::{CreateOrganization, Created, FoundDetached, FoundTree};
pub use grant::{Grant, GrantError, GrantEvent, GrantPrivilege, RevokePrivilege};
pub use group::{
    AddGroupOwner, CreateGroup, DefineGroup, DeleteGroup, Group, GroupEnded, GroupError, GroupEvent, RemoveGroupOwner,
};
pub use id::{
    AgentId, CommitKey, GroupId, InvalidId, InvitationId, LinkId, LocationId, OfferId, OrganizationId, PolicyId,
    PrincipalId, ProjectId, ResourceId, RoleId, SupportId, WorkflowId,
};
pub use invitation::{
    Invitation, InvitationError, InvitationEvent, Invite, OtherRole, ResendInvitation, RevokeInvitation, Sending,
};
pub use invitation_state::{InvitationState, InvitationStep};
pub use link::{ChangeLink, EndLink, Link, LinkError, LinkEvent, LinkGroup, OptInToLink, OptOutOfLink};
pub use listing::{HostCounts, InvalidPageLimit, Listing, ListingCursor, ListingOrder, ListingPage, PageLimit};
pub use location::{
    DefineLocation, DeleteLocation, InvalidSubnet, Location, LocationError, LocationEvent, LocationKind,
    MakeDefaultLocation, Overlap, PinAgent, Subnet,
};
pub use member::{
    AddMember, Member, MemberError, MemberEvent, RemoveMember, RestoreMember, SuspendMember, TransferOwnership,
};
pub use name::{CapabilityName, CorrelationId, Description, InvalidText, Name, PlanName, Reason, Region, Slug, Tag};
pub use obstacle::{Obstacle, Preflight};
pub use offer::{Offer, OfferAttachment, OfferError, OfferEvent, OfferSide, WithdrawOffer};
pub use onboarding::{AskSeedAgain, OnboardingError, OnboardingEvent, ReportSeed, Seed, SeedOutcome, SeedStatus};
pub use organization::{Edit, EditOrganization, Organization, OrganizationError, OrganizationEvent, Profile};
pub use participant::{AddGroupMember, GroupRole, Participant, RemoveGroupMember};
pub use person::{Person, Record, RecordKey};
pub use policy::{
    DefinePolicy, DeletePolicy, EffectivePolicy, OverridePolicy, Policy, PolicyDefinition, PolicyError, PolicyEvent,
    PolicySettings, PolicyStatus, ReportPolicyStatus, Selector, SelectorDepth,
};
pub use principal::{CreateMachineIdentity, Principal};
pub use project::{
    AddProjectGroup, AddProjectMember, CreateProject, DeleteProject, Project, ProjectError, ProjectEvent,
    ProvisionProjectMember, RemoveProjectGroup, RemoveProjectMember,
};
pub use reach::{LinkGives, LinkTerms, Reach};
pub use recording::{
    Capture, GovernRecordings, RecordingDeleter, RecordingError, RecordingEvent, RecordingKept, RecordingPolicy,
    SetLegalHold,
};
pub use refusal::{Denial, Kind, Need, Precondition, Refusal, RuleError};
pub use relocation::{MoveOrganization, RelocationError};
#[cfg(feature = "conformance")]
pub use repository::conformance;
pub use repository::{
    BoxError, BoxFuture, BoxedRepository, Carried, ClaimRefusal, Claimed, Commit, CommitError, CommitRefusal,
    DynRepository, Fingerprint, KeptSnapshot, MemoryError, MemoryRepository, MemoryShardMap, MoveNumber, MovePhase,
    Page, Placement, Portable, Receipt, Repository, ShardClaim, ShardId, ShardMap, ShardPlace, ShardedError,
    ShardedRepository, TreeMove,
};
pub use resource::{Flow, ResourceError, ResourceEvent, ResourceKind, Share, ShareResource, UnshareResource};
pub use review::{AccessReview, ApplyReview, ReviewError, Verdict};
pub use role::{DefineRole, DeleteRole, Privilege, Role, RoleError, RoleEvent, RoleRef};
pub use roster::{Origin, RosterFilter, RosterLine, RosterPage, RosterSubject};
pub use rules::{ClockPolicy, InvalidRules, InvitationRules, Lapse, Rules, RulesBuilder, SupportRules};
pub use schedule::{Timed, Transition};
pub use secret::{AgentSecret, RegenerateSecret, SecretError, SecretEvent};
pub use setting::{
    ChangeSetting, EffectiveSetting, LockSetting, Setting, SettingError, SettingEvent, SettingKey, SettingSource,
    SettingValue,
};
pub use settings::{
    AuthenticationKind, ChangeTreeSettings, ConfigureAuthentication, InvalidLevelLimit, LevelLimit, SettingsError,
    SettingsEvent, TreeSettings,
};
pub use snapshot::{Snapshot, SnapshotError};
pub use subscription::{
    Feature, Plan, RecordSubscription, Subscription, SubscriptionError, SubscriptionEvent, SubscriptionStatus,
    UsageLimit, UsageLimits,
};
pub use support::{
    ApproveSupport, DenySupport, EndSupport, GrantSupport, RequestSupport, StopAllSupport, Support, SupportError,
    SupportEvent, SupportStatus,
};
pub use support_state::{SupportState, SupportStep};
pub use time::{InvalidTime, Period, Timestamp, Window};
pub use token::{InvalidToken, InvitationToken, TokenHash};
pub use transfer::{AttachOrganization, DetachOrganization, Joint, TransferEvent};
pub use tree::{Decided, Domain, OrganizationTree, OutOfOrder};

/// The code in the README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct ReadmeDoctests;

//! Deactivation and deletion: how a customer leaves cleanly.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`DeactivateOrganization`] | `organizations.deactivate`, or `customers.deactivate` in the parent | `Deactivated` |
//! | [`ReactivateOrganization`] | ownership | `Reactivated` |
//! | [`DeleteOrganization`], soft | ownership | `Deactivated` |
//! | [`DeleteOrganization`], hard | ownership and `organizations.hard_delete` | everything that ends, then `Deleted` |
//!
//! Rules: HIE-10, DEL-1 to DEL-5.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::capability::CapabilityEvent;
use crate::command::{Actor, Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::grant::GrantEvent;
use crate::group::end_group;
use crate::id::{OrganizationId, PrincipalId};
use crate::invitation::InvitationEvent;
use crate::link::end_link;
use crate::member::MemberEvent;
use crate::name::Tag;
use crate::offer::OfferEvent;
use crate::person::RecordKey;
use crate::policy::PolicyEvent;
use crate::project::ProjectEvent;
use crate::refusal::{list, rule_errors};
use crate::resource::ResourceEvent;
use crate::role::{RoleEvent, sever_role};
use crate::support::end_all_support;
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// Something outside that keeps an organization from being deleted (DEL-2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockerKind {
    /// A subscription that is not over. The crate knows it.
    ActiveSubscription,
    /// Child organizations. The crate knows them.
    ChildOrganizations,
    /// Hosts.
    Hosts,
    /// Backup reports.
    BackupReports,
    /// Connected agents.
    ConnectedAgents,
    /// Registered machines.
    RegisteredMachines,
    /// Client encryption keys.
    ClientEncryptionKeys,
    /// Connection strings.
    ConnectionStrings,
    /// Client backup configurations.
    ClientBackupConfigurations,
    /// Recordings under legal hold.
    HeldRecordings,
    /// One of the embedder's own.
    Custom(Tag),
}

impl BlockerKind {
    /// Those that the embedder must count for every deletion.
    pub const COUNTED: &'static [Self] = &[
        Self::Hosts,
        Self::BackupReports,
        Self::ConnectedAgents,
        Self::RegisteredMachines,
        Self::ClientEncryptionKeys,
        Self::ConnectionStrings,
        Self::ClientBackupConfigurations,
        Self::HeldRecordings,
    ];
}

impl fmt::Display for BlockerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ActiveSubscription => "active subscription",
            Self::ChildOrganizations => "child organizations",
            Self::Hosts => "hosts",
            Self::BackupReports => "backup reports",
            Self::ConnectedAgents => "connected agents",
            Self::RegisteredMachines => "registered machines",
            Self::ClientEncryptionKeys => "client encryption keys",
            Self::ConnectionStrings => "connection strings",
            Self::ClientBackupConfigurations => "client backup configurations",
            Self::HeldRecordings => "recordings under legal hold",
            Self::Custom(name) => name.as_str(),
        })
    }
}

/// What the embedder counted outside, and when. Every kind of [`BlockerKind::COUNTED`] must
/// be in it; what is not counted is not known to be none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// When it was counted.
    pub as_of: Timestamp,
    /// How many of each there are.
    pub counts: BTreeMap<BlockerKind, u64>,
}

impl Evidence {
    /// That there is none of any kind that the crate names, as counted at `as_of`.
    pub fn none(as_of: Timestamp) -> Self {
        Self { as_of, counts: BlockerKind::COUNTED.iter().cloned().map(|kind| (kind, 0)).collect() }
    }

    /// The same, with so many of a kind.
    #[must_use]
    pub fn with(mut self, kind: BlockerKind, count: u64) -> Self {
        self.counts.insert(kind, count);
        self
    }
}

/// A kind of blocker, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// What.
    pub kind: BlockerKind,
    /// How many.
    pub count: u64,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.count, self.kind)
    }
}

/// Deactivates an organization: nothing in it, nor below it, is allowed until it is active
/// again (HIE-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeactivateOrganization {
    /// The organization.
    pub organization: OrganizationId,
    /// Whether it may have active organizations below it, which then rest as well.
    pub with_descendants: bool,
}

impl Command for DeactivateOrganization {
    type Output = ();
    type Error = DeletionError;

    fn operation(&self) -> Operation {
        Operation::DeactivateOrganization
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), DeletionError> {
        let (tree, organization) = (scene.tree, self.organization);
        let active = tree.descendants(organization).filter(|id| tree.is_active(*id)).count();
        // HIE-10: deactivating one with active descendants must be asked for as such.
        if active > 0 && !self.with_descendants {
            return Err(DeletionError::ActiveDescendants { count: active });
        }
        scene.emit(DeletionEvent::Deactivated { organization });
        Ok(())
    }
}

/// Reactivates an organization as it was (DEL-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReactivateOrganization {
    /// The organization.
    pub organization: OrganizationId,
}

impl Command for ReactivateOrganization {
    type Output = ();
    type Error = DeletionError;

    fn operation(&self) -> Operation {
        Operation::ReactivateOrganization
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), DeletionError> {
        let organization = self.organization;
        if scene.tree.find(organization)?.is_itself_active() {
            return Err(DeletionError::AlreadyActive { organization });
        }
        scene.emit(DeletionEvent::Reactivated { organization });
        Ok(())
    }
}

/// Whether a deletion can be taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionMode {
    /// The organization is deactivated, and can be reactivated.
    #[default]
    Soft,
    /// It is removed for good.
    Hard,
}

/// Deletes an organization that nothing blocks. A hard deletion ends everything in it in one
/// commit that names each (DEL-4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteOrganization {
    /// The organization; not the one that the actor acts from (DEL-1).
    pub organization: OrganizationId,
    /// What is outside.
    pub evidence: Evidence,
    /// Whether it can be taken back.
    pub mode: DeletionMode,
}

impl DeleteOrganization {
    /// A deletion that can be taken back: the organization is deactivated.
    pub const fn soft(organization: OrganizationId, evidence: Evidence) -> Self {
        Self { organization, evidence, mode: DeletionMode::Soft }
    }

    /// A deletion for good.
    pub const fn hard(organization: OrganizationId, evidence: Evidence) -> Self {
        Self { organization, evidence, mode: DeletionMode::Hard }
    }
}

impl Command for DeleteOrganization {
    type Output = ();
    type Error = DeletionError;

    fn operation(&self) -> Operation {
        match self.mode {
            DeletionMode::Soft => Operation::DeleteOrganization,
            DeletionMode::Hard => Operation::HardDeleteOrganization,
        }
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), DeletionError> {
        let (tree, at, organization) = (scene.tree, scene.at, self.organization);
        tree.exists(organization)?;
        // DEL-1: not the organization one is acting from, nor one above it.
        match (scene.context.acting, scene.context.actor) {
            (Some(acting), _) if acting == organization || tree.is_ancestor(organization, acting) => {
                return Err(DeletionError::ActingFrom { organization });
            }
            (None, Actor::Principal(_)) => return Err(crate::Precondition::NoActingOrganization.into()),
            _ => {}
        }
        self.check_evidence(tree, at)?;
        let blockers = tree.blockers(organization, &self.evidence, at);
        if !blockers.is_empty() {
            return Err(DeletionError::Blocked { blockers });
        }
        match self.mode {
            DeletionMode::Soft if !tree.find(organization)?.is_itself_active() => {
                return Err(DeletionError::AlreadyInactive { organization });
            }
            DeletionMode::Soft => scene.emit(DeletionEvent::Deactivated { organization }),
            DeletionMode::Hard => end_organization(scene, organization),
        }
        Ok(())
    }
}

impl DeleteOrganization {
    /// DEL-2: the embedder says how many there are, and as of when.
    fn check_evidence(&self, tree: &OrganizationTree, at: Timestamp) -> Result<(), DeletionError> {
        let Evidence { as_of, counts } = &self.evidence;
        let oldest = tree.rules().evidence_age.before(at);
        if *as_of < oldest || *as_of > at {
            return Err(DeletionError::StaleEvidence { as_of: *as_of, oldest });
        }
        let missing: Vec<BlockerKind> =
            BlockerKind::COUNTED.iter().filter(|kind| !counts.contains_key(kind)).cloned().collect();
        if missing.is_empty() { Ok(()) } else { Err(DeletionError::MissingEvidence { kinds: missing }) }
    }
}

/// DEL-4: everything that lives in an organization ends with it, each as its own event.
fn end_organization(scene: &mut Scene<'_>, organization: OrganizationId) {
    let (tree, at) = (scene.tree, scene.at);
    let links = tree.links_in(organization).into_iter();
    links.for_each(|link| end_link(scene, link));
    tree.groups(organization).for_each(|group| {
        end_group(scene, group);
    });
    // Those of its groups have ended with them.
    let others = tree.pending_invitations(organization, at);
    let ended: Vec<_> = others.filter(|id| !scene.has_revoked(*id)).collect();
    ended.into_iter().for_each(|invitation| scene.emit(InvitationEvent::Revoked { organization, invitation }));
    for project in tree.index.projects(organization) {
        scene.emit(ProjectEvent::Deleted { organization, project });
    }
    for share in tree.shares.values().filter(|share| share.target == organization) {
        let (resource, source, target) = (share.resource, share.source, share.target);
        scene.emit(ResourceEvent::Unshared { resource, source, target });
    }
    for offer in tree.index.offers(organization) {
        scene.emit(OfferEvent::Withdrawn { organization, offer });
    }
    for policy in tree.index.policies(organization) {
        scene.emit(PolicyEvent::Deleted { organization, policy });
    }
    end_all_support(scene, organization);
    for role in tree.index.roles(organization) {
        sever_role(scene, role, |id| id == organization);
        scene.emit(RoleEvent::Deleted { organization, role });
    }
    if let Some(found) = tree.organization(organization) {
        for capability in found.capabilities().keys().cloned() {
            scene.emit(CapabilityEvent::Withdrawn { organization, capability });
        }
    }
    for (principal, member) in tree.members(organization) {
        for grant in member.grants() {
            scene.emit(GrantEvent::Revoked { organization, principal, privilege: grant.privilege.clone() });
        }
        scene.emit(MemberEvent::Removed { organization, principal });
    }
    let addresses: Vec<RecordKey> = tree.index.invitations(organization).map(RecordKey::Invitee).collect();
    addresses
        .into_iter()
        .chain([RecordKey::Description(organization), RecordKey::Secret(organization)])
        .for_each(|key| scene.write(key, None));
    scene.emit(DeletionEvent::Deleted { organization });
}

/// What happened to an organization's being there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DeletionEvent {
    /// It was deactivated.
    Deactivated {
        /// Which.
        organization: OrganizationId,
    },
    /// It was reactivated.
    Reactivated {
        /// Which.
        organization: OrganizationId,
    },
    /// It was removed for good, after everything in it.
    Deleted {
        /// Which.
        organization: OrganizationId,
    },
}

rule_errors! {
    /// Why an organization was not deactivated, reactivated or deleted.
    pub enum DeletionError + Precondition {
        #[error("{count} active organizations lie below: ask for them to rest as well")]
        ActiveDescendants { count: usize } = Conflict, "deletion.active_descendants", "HIE-10";
        #[error("{organization} is active already")]
        AlreadyActive { organization: OrganizationId } = Conflict, "deletion.already_active", "DEL-5";
        #[error("{organization} is deactivated already")]
        AlreadyInactive { organization: OrganizationId } = Conflict, "deletion.already_inactive", "DEL-3";
        #[error("one acts from {organization} or from below it: switch to another organization first")]
        ActingFrom { organization: OrganizationId } = Conflict, "deletion.acting_from", "DEL-1";
        #[error("in the way: {}", list(blockers))]
        Blocked { blockers: Vec<Blocker> } = Conflict, "deletion.blocked", "DEL-2";
        #[error("the counts of {as_of} are not from between {oldest} and now: count again")]
        StaleEvidence { as_of: Timestamp, oldest: Timestamp } = Conflict, "deletion.stale_evidence", "DEL-2";
        #[error("not counted: {}", list(kinds))]
        MissingEvidence { kinds: Vec<BlockerKind> } = Invalid, "deletion.missing_evidence", "DEL-2";
    }
}

impl DeletionEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        match self {
            Self::Deactivated { organization } => tree.set_active(*organization, false),
            Self::Reactivated { organization } => tree.set_active(*organization, true),
            Self::Deleted { organization } => {
                let ended: Vec<_> = tree.index.invitations(*organization).collect();
                ended.into_iter().for_each(|invitation| tree.drop_invitation(invitation));
                let supports: Vec<_> = tree.index.support(*organization).collect();
                supports.into_iter().for_each(|support| tree.drop_support(support));
                let above: Vec<_> = tree.ancestors(*organization).collect();
                tree.drop_organization(*organization);
                tree.forget_unselected(above);
            }
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Deactivated { organization }
            | Self::Reactivated { organization }
            | Self::Deleted { organization } => {
                vec![*organization]
            }
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// Everything that keeps an organization from being deleted, with counts (DEL-2). The
    /// crate knows of the subscription and the children; the rest is the embedder's evidence.
    pub fn blockers(&self, organization: OrganizationId, evidence: &Evidence, at: Timestamp) -> Vec<Blocker> {
        let subscribed =
            organization == self.root() && self.subscription().is_some_and(|subscription| subscription.is_open(at));
        let children = u64::try_from(self.children(organization).count()).unwrap_or(u64::MAX);
        let known =
            [(BlockerKind::ActiveSubscription, u64::from(subscribed)), (BlockerKind::ChildOrganizations, children)];
        // DEL-2: what the crate knows it counts itself, whatever the evidence says.
        let outside = evidence.counts.iter().map(|(kind, count)| (kind.clone(), *count));
        let outside = outside.filter(|(kind, _)| known.iter().all(|(own, _)| own != kind));
        let all = known.iter().cloned().chain(outside).filter(|(_, count)| *count > 0);
        all.map(|(kind, count)| Blocker { kind, count }).collect()
    }
}

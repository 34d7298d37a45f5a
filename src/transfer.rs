//! Detaching a subtree into a tree of its own, and attaching a tree under another.
//!
//! | asked of | with | requires | emits |
//! |---|---|---|---|
//! | [`OrganizationTree::found_detached`](crate::OrganizationTree::found_detached) | [`FoundDetached`] | ownership of the acting organization | the new tree's `Created`, `Granted` |
//! | [`OrganizationTree::detach`](crate::OrganizationTree::detach) | [`DetachOrganization`] | ownership of it and its parent | what is severed, `Departed`; `Arrived` in the new tree |
//! | [`OrganizationTree::attach`](crate::OrganizationTree::attach) | [`AttachOrganization`] | ownership of it and its new parent | `Arrived`; `Departed` in the tree that ends |
//!
//! Nothing else reads or changes two trees (HIE-7). Both are written in one atomic commit,
//! or neither is. Rules: HIE-4 to HIE-7, HIE-12.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::branch::Branch;
use crate::capability::CapabilityEvent;
use crate::command::{Command, Context, Operation, Place, Scene, Subjects};
use crate::event::{Changes, Recorded, Version};
use crate::founding::{FoundDetached, NewRoot};
use crate::id::{OrganizationId, PrincipalId};
use crate::link::refuse_ownership;
use crate::obstacle::{Obstacle, Preflight};
use crate::offer::{Offer, OfferEvent};
use crate::organization::OrganizationError;
use crate::person::{Record, RecordKey};
use crate::refusal::{Precondition, Refusal};
use crate::relocation::{RelocationError, sever};
use crate::repository::Commit;
use crate::settings::{SettingsEvent, TreeSettings};
use crate::subscription::Feature;
use crate::support::end_all_support;
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// What two trees decide together: one commit, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joint {
    /// Written all or nothing; each part is then applied to its tree.
    pub commit: Commit,
    /// What was found; its severable blockers were severed.
    pub preflight: Preflight,
}

/// Detaches an organization, with everything below it, into a tree of its own (HIE-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetachOrganization {
    /// The organization; it becomes a root.
    pub organization: OrganizationId,
    /// Whether links and the rest that would break are severed in the same commit.
    pub sever: bool,
}

impl Command for DetachOrganization {
    type Output = (Preflight, Branch);
    type Error = RelocationError;

    fn operation(&self) -> Operation {
        Operation::DetachOrganization
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(Preflight, Branch), RelocationError> {
        let (tree, organization) = (scene.tree, self.organization);
        let preflight = tree.preflight_detach(organization, scene.at)?;
        let obstacles = preflight.remaining(self.sever);
        if !obstacles.is_empty() {
            return Err(RelocationError::Blocked { obstacles });
        }
        sever(scene, organization, &preflight);
        let branch = scene.preview().branch(organization);
        scene.leave(&branch, TransferEvent::Departed { organization, under: None });
        Ok((preflight, branch))
    }
}

/// Attaches a tree, whole and with all its identifiers, under an organization of another
/// (HIE-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttachOrganization {
    /// The root of the tree that ends.
    pub organization: OrganizationId,
    /// Its new parent, in the tree that goes on.
    pub new_parent: OrganizationId,
}

/// What happened to a subtree that joined or left a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TransferEvent {
    /// It joined, or began, this tree.
    Arrived {
        /// Its new parent; none for a tree that begins.
        under: Option<OrganizationId>,
        /// Everything in it.
        branch: Box<Branch>,
        /// The version and instant at which its own tree ended, if it had one.
        former: Option<(Version, Timestamp)>,
    },
    /// It left this tree, which ends if it was all of it.
    Departed {
        /// Its top.
        organization: OrganizationId,
        /// Its new parent in another tree; none if it begins one of its own.
        under: Option<OrganizationId>,
    },
}

impl TransferEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        match self {
            Self::Arrived { under, branch, former } => {
                let above = under.map_or_else(|| [].into(), |parent| tree.path_to(parent));
                tree.graft(branch, &above);
                if let Some(top) = branch.top().and_then(|top| tree.organization_mut(top)) {
                    top.former = *former;
                }
            }
            Self::Departed { organization, .. } => {
                let above: Vec<_> = tree.ancestors(*organization).collect();
                tree.prune(*organization);
                tree.forget_unselected(above);
                if *organization == tree.root() {
                    tree.put_subscription(None);
                    tree.settings = TreeSettings::of(tree.rules());
                }
            }
        }
    }

    /// The organizations that came with it.
    pub(crate) fn arrived(&self) -> impl Iterator<Item = OrganizationId> + '_ {
        let branch = match self {
            Self::Arrived { branch, .. } => Some(branch),
            Self::Departed { .. } => None,
        };
        branch.into_iter().flat_map(|branch| branch.organizations())
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Arrived { under, .. } => under.iter().copied().chain(self.arrived()).collect(),
            Self::Departed { organization, .. } => vec![*organization],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        match self {
            Self::Arrived { branch, .. } => branch.principals().collect(),
            Self::Departed { .. } => Vec::new(),
        }
    }
}

impl Scene<'_> {
    /// The departure of a branch, and the erasure of what goes with it and nobody here needs.
    fn leave(&mut self, branch: &Branch, departure: TransferEvent) {
        let tree = self.tree;
        // Abuse case 86: support access is to an organization of this tree, and ends with that.
        branch.organizations().for_each(|organization| {
            end_all_support(self, organization);
        });
        for principal in tree.only_in(branch) {
            self.write(RecordKey::Person(principal), None);
        }
        let invitees = branch.invitations.iter().map(|invitation| RecordKey::Invitee(invitation.id));
        let kept = branch.organizations().flat_map(|id| [RecordKey::Description(id), RecordKey::Secret(id)]);
        let gone: Vec<RecordKey> = invitees.chain(kept).filter(|key| tree.records.contains_key(key)).collect();
        gone.into_iter().for_each(|key| self.write(key, None));
        self.emit(departure);
    }

    pub(crate) fn into_changes(self, operation: Operation) -> Changes {
        let mut recorded = Recorded::of(self.tree, self.context, self.at);
        recorded.operations.push(operation);
        recorded.events = self.events;
        let reason = self.context.reason.clone().map(|reason| {
            (RecordKey::Reason(recorded.version), Some(Record::Reason { by: self.context.actor.id(), text: reason }))
        });
        let records = reason.into_iter().chain(self.records).collect();
        Changes::decided(recorded, records, self.tree.clone())
    }
}

impl OrganizationTree {
    /// Founds a tree of one's own from within this one (HIE-4). The actor owns the acting
    /// organization and becomes the owner of the new root; the trees share nothing, and this
    /// one does not change.
    pub fn found_detached(
        &self,
        context: &Context,
        command: &FoundDetached,
    ) -> Result<Changes, Refusal<OrganizationError>> {
        let rule = |precondition| Refusal::Rule(OrganizationError::from(precondition));
        let acting = context.acting.ok_or_else(|| rule(Precondition::NoActingOrganization))?;
        let at = self.time(context).map_err(rule)?;
        let here = Scene::new(self, context, at);
        here.authorize(Operation::FoundDetached, &Subjects::organization(acting))?;
        if !self.is_active(acting) {
            return Err(rule(Precondition::Inactive { organization: acting }));
        }
        // CLM-5: the first owner is a person; a machine identity is none in a new tree either.
        let owner = here.actor().filter(|actor| self.is_user(*actor));
        let owner = owner.ok_or(Refusal::Rule(OrganizationError::NoOwner))?;
        self.fresh(command.root.uuid()).map_err(rule)?;
        let empty = Self::empty(command.root, self.domain().clone());
        let outside = Context { acting: None, ..context.clone() };
        let mut scene = Scene::new(&empty, &outside, at);
        let new = NewRoot {
            root: command.root,
            name: &command.name,
            owner,
            person: self.person(owner),
            secret: &command.secret,
        };
        new.decide(&mut scene).map_err(Refusal::Rule)?;
        Ok(scene.into_changes(Operation::FoundDetached))
    }

    /// What a detach would meet and change (HIE-6).
    pub fn preflight_detach(&self, organization: OrganizationId, at: Timestamp) -> Result<Preflight, RelocationError> {
        if self.find(organization)?.parent().is_none() {
            return Err(RelocationError::IsRoot { organization });
        }
        let mut found = self.leanings(organization, &BTreeSet::new(), at);
        // LIC-5: at a root the operator assigns; what a parent assigned stays behind.
        let assigned = self.assigned_below(organization);
        found.extend(assigned.map(|(organization, capability)| Obstacle::Capability { organization, capability }));
        Ok(Preflight::of(found))
    }

    /// Detaches a subtree into a tree of its own. Nobody becomes an owner by it.
    pub fn detach(&self, context: &Context, command: &DetachOrganization) -> Result<Joint, Refusal<RelocationError>> {
        let (scene, (preflight, branch)) = self.judge(context, command)?;
        let at = scene.at;
        let former = self.organization(command.organization).and_then(|organization| organization.former);
        let (version, last) = former.unwrap_or((Version::ZERO, Timestamp::MIN_UTC));
        let begun = Self::resumed(command.organization, self.domain().clone(), version, last);
        let outside = Context { acting: None, ..context.clone() };
        let mut there = Scene::new(&begun, &outside, at);
        for (key, record) in self.records_of(&branch) {
            there.write(key, Some(record));
        }
        let (root, settings) = (command.organization, &self.settings);
        there.emit(SettingsEvent::LevelsLimited { root, levels: settings.levels });
        there.emit(SettingsEvent::StraightInvitationsSet { root, allowed: settings.straight_invitations });
        there.emit(TransferEvent::Arrived { under: None, branch: Box::new(branch), former: None });
        let operation = Operation::DetachOrganization;
        let mut arrival = there.into_changes(operation);
        if former.is_some() {
            // The tree that ended there still knows its people, and this is not its state.
            arrival = arrival.of_unknown_state();
        }
        Ok(Joint { commit: Commit::joint(scene.into_changes(operation), arrival), preflight })
    }

    /// What an attach of `other` under `new_parent` would meet and change (HIE-5).
    pub fn preflight_attach(
        &self,
        other: &Self,
        new_parent: OrganizationId,
        at: Timestamp,
    ) -> Result<Preflight, RelocationError> {
        self.exists(new_parent)?;
        other.exists(other.root())?;
        let mut found = self.placement_obstacles(new_parent, other.depth(), at);
        // HIE-5: every reason at once.
        if other.subscription().is_some_and(|subscription| subscription.is_open(at)) {
            found.push(Obstacle::Subscribed);
        }
        found.extend(other.settings().authentication.keys().map(|kind| Obstacle::RootConfiguration { kind: *kind }));
        let taken = other.index.slugs.keys().filter(|slug| self.index.slugs.contains_key(*slug));
        found.extend(taken.map(|slug| Obstacle::SlugTaken { slug: slug.clone() }));
        let people = |id: &uuid::Uuid| PrincipalId::new(*id).is_ok_and(|id| self.is_user(id) && other.is_user(id));
        // HIE-7: nothing that is there takes an identifier that was used here. What both used
        // and neither has any more, as after a detach, is in nobody's way.
        let clash = other.present().filter(|id| self.has_used(*id) && !self.departed.contains(id) && !people(id));
        match clash.count() {
            0 => {}
            count => found.push(Obstacle::IdTaken { count }),
        }
        let gained = self.links_reaching_child_of(new_parent, at).into_iter();
        found.extend(gained.map(|link| self.reach_gained(link)));
        // LIC-5: what the operator or the former root assigned, and the new parent could not.
        for (organization, capability) in other.assigned_below(other.root()) {
            if !self.covers(new_parent, organization == other.root(), &capability, at) {
                found.push(Obstacle::CapabilityLost { organization, capability });
            }
        }
        Ok(Preflight::of(found))
    }

    /// Attaches another tree under an organization of this one; the actor owns both.
    pub fn attach(
        &self,
        other: &Self,
        context: &Context,
        command: &AttachOrganization,
    ) -> Result<Joint, Refusal<RelocationError>> {
        let rule = |error: Precondition| Refusal::Rule(RelocationError::from(error));
        let (here, there) = self.sides(other, context).map_err(rule)?;
        let operation = Operation::AttachOrganization;
        here.authorize_side(operation, Place::NewParent, command.new_parent)?;
        there.authorize_side(operation, Place::Organization, command.organization)?;
        self.attach_authorized(other, context, command, None)
    }

    /// Both sides of an attach, at the instant that counts for both.
    pub(crate) fn sides<'a>(
        &'a self,
        other: &'a Self,
        context: &'a Context,
    ) -> Result<(Scene<'a>, Scene<'a>), Precondition> {
        let at = self.time(context)?.max(other.time(context)?);
        Ok((Scene::new(self, context, at), Scene::new(other, context, at)))
    }

    /// The attach itself, once both sides agree; `offer` is the one that was accepted, which
    /// is in one tree or the other.
    pub(crate) fn attach_authorized(
        &self,
        other: &Self,
        context: &Context,
        command: &AttachOrganization,
        offer: Option<&Offer>,
    ) -> Result<Joint, Refusal<RelocationError>> {
        let rule = |error: Precondition| Refusal::Rule(RelocationError::from(error));
        let (mut here, mut there) = self.sides(other, context).map_err(rule)?;
        let (organization, parent, at) = (command.organization, command.new_parent, here.at);
        if organization != other.root() {
            return Err(Refusal::Rule(RelocationError::NotRoot { organization }));
        }
        for (tree, id) in [(self, parent), (other, organization)] {
            if !tree.is_active(id) {
                return Err(rule(Precondition::Inactive { organization: id }));
            }
        }
        self.require(Feature::SubOrganizations, at).map_err(rule)?;
        let preflight = self.preflight_attach(other, parent, at).map_err(Refusal::Rule)?;
        let obstacles = preflight.remaining(false);
        if !obstacles.is_empty() {
            return Err(Refusal::Rule(RelocationError::Blocked { obstacles }));
        }
        if let Some(offer) = offer {
            let side = if other.offers.contains_key(&offer.id) { &mut there } else { &mut here };
            side.emit(OfferEvent::Accepted { organization: offer.organization, offer: offer.id });
        }
        for obstacle in &preflight.warnings {
            if let Obstacle::CapabilityLost { organization, capability } = obstacle {
                let (organization, capability) = (*organization, capability.clone());
                there.emit(CapabilityEvent::Withdrawn { organization, capability });
            }
        }
        let branch = there.preview().branch(organization);
        for (key, record) in other.records_of(&branch) {
            if !self.records.contains_key(&key) {
                here.write(key, Some(record));
            }
        }
        there.leave(&branch, TransferEvent::Departed { organization, under: Some(parent) });
        let former = Some((other.version().next(), at));
        here.emit(TransferEvent::Arrived { under: Some(parent), branch: Box::new(branch), former });
        refuse_ownership(&mut here, organization);
        let operation = if offer.is_some() { Operation::AcceptOffer } else { Operation::AttachOrganization };
        let commit = Commit::joint(here.into_changes(operation), there.into_changes(operation));
        Ok(Joint { commit, preflight })
    }
}

//! Organizations: what one is, and editing it.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`EditOrganization`] | `organizations.edit`, or `customers.edit` in the parent | `Edited` |
//!
//! Rules: HIE-1, HIE-2, HIE-7, HIE-8.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{OrganizationId, PrincipalId, WorkflowId};
use crate::location::Locations;
use crate::name::{CapabilityName, Description, Name, Region, Slug, Tag};
use crate::onboarding::{Seed, SeedStatus};
use crate::person::{Record, RecordKey};
use crate::recording::RecordingPolicy;
use crate::refusal::{Precondition, rule_errors};
use crate::setting::Settings;
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// What an organization is called and where it belongs; its description is a
/// [`Record`](crate::Record).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name.
    pub name: Name,
    /// Its short name, unique in the tree (HIE-8).
    pub slug: Slug,
    /// Its region, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<Tag>,
}

/// An organization: a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    pub(crate) id: OrganizationId,
    /// From the root down to the parent; empty at the root.
    pub(crate) ancestors: Arc<[OrganizationId]>,
    pub(crate) profile: Profile,
    pub(crate) active: bool,
    pub(crate) created: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) capabilities: BTreeMap<CapabilityName, Option<Timestamp>>,
    pub(crate) locations: Locations,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) settings: Settings,
    #[serde(default)]
    pub(crate) kill_switch: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) workflows: BTreeMap<WorkflowId, bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) incident_workflow: Option<WorkflowId>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) seeds: BTreeMap<Seed, SeedStatus>,
    #[serde(default)]
    pub(crate) recordings: RecordingPolicy,
    #[serde(default)]
    pub(crate) legal_hold: bool,
    /// The version and instant at which it stopped being a root of its own, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) former: Option<(crate::Version, Timestamp)>,
}

impl Organization {
    /// One that was just created: active, with a default location, nothing set.
    pub(crate) fn new(
        id: OrganizationId,
        ancestors: Arc<[OrganizationId]>,
        profile: Profile,
        created: Timestamp,
    ) -> Self {
        Self {
            id,
            ancestors,
            active: true,
            created,
            capabilities: BTreeMap::new(),
            locations: Locations::of(id, &profile.name),
            settings: BTreeMap::new(),
            kill_switch: false,
            workflows: BTreeMap::new(),
            incident_workflow: None,
            seeds: BTreeMap::new(),
            recordings: RecordingPolicy::default(),
            legal_hold: false,
            former: None,
            profile,
        }
    }

    /// Its identifier.
    pub const fn id(&self) -> OrganizationId {
        self.id
    }

    /// Its parent; a root has none (HIE-1).
    pub fn parent(&self) -> Option<OrganizationId> {
        self.ancestors.last().copied()
    }

    /// Its ancestors, from the root down to its parent.
    pub fn ancestors(&self) -> &[OrganizationId] {
        &self.ancestors
    }

    /// Its level, counted from 1 at the root.
    pub fn level(&self) -> usize {
        self.ancestors.len().saturating_add(1)
    }

    /// Its name.
    pub const fn name(&self) -> &Name {
        &self.profile.name
    }

    /// Its short name.
    pub const fn slug(&self) -> &Slug {
        &self.profile.slug
    }

    /// Its region, if any.
    pub const fn region(&self) -> Option<&Region> {
        self.profile.region.as_ref()
    }

    /// Its tags.
    pub const fn tags(&self) -> &BTreeSet<Tag> {
        &self.profile.tags
    }

    /// When it was created.
    pub const fn created(&self) -> Timestamp {
        self.created
    }

    /// Whether it is itself active; see
    /// [`OrganizationTree::is_active`](crate::OrganizationTree::is_active) for its ancestors too.
    pub const fn is_itself_active(&self) -> bool {
        self.active
    }

    /// The capabilities assigned to it, each with its end (LIC-5).
    pub const fn capabilities(&self) -> &BTreeMap<CapabilityName, Option<Timestamp>> {
        &self.capabilities
    }
}

/// What becomes of one value in an edit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Edit<T> {
    /// It stays.
    #[default]
    Keep,
    /// It becomes this.
    Set(T),
    /// It becomes none.
    Clear,
}

impl<T> From<Option<T>> for Edit<T> {
    /// To become exactly this: a value, or none.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Clear, Self::Set)
    }
}

impl<T: Clone> Edit<T> {
    fn of(&self, old: Option<T>) -> Option<T> {
        match self {
            Self::Keep => old,
            Self::Set(new) => Some(new.clone()),
            Self::Clear => None,
        }
    }
}

/// Changes what an organization is called and described as. A rename leaves the slug as it
/// is unless asked (HIE-8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditOrganization {
    /// The organization.
    pub organization: OrganizationId,
    /// A new name.
    pub name: Option<Name>,
    /// A new slug; clearing derives it from the name.
    pub slug: Edit<Slug>,
    /// A new region.
    pub region: Edit<Region>,
    /// New tags, all of them.
    pub tags: Option<BTreeSet<Tag>>,
    /// A new description.
    pub description: Edit<Description>,
}

impl EditOrganization {
    /// An edit that keeps everything, to be filled in.
    pub const fn of(organization: OrganizationId) -> Self {
        Self { organization, name: None, slug: Edit::Keep, region: Edit::Keep, tags: None, description: Edit::Keep }
    }
}

impl Command for EditOrganization {
    type Output = ();
    type Error = OrganizationError;

    fn operation(&self) -> Operation {
        Operation::EditOrganization
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), OrganizationError> {
        let tree = scene.tree;
        let old = &tree.find(self.organization)?.profile;
        let name = self.name.clone().unwrap_or_else(|| old.name.clone());
        let slug = match &self.slug {
            Edit::Keep => old.slug.clone(),
            Edit::Set(slug) if *slug == old.slug => old.slug.clone(),
            Edit::Set(slug) => tree.choose_slug(&name, Some(slug))?,
            Edit::Clear if Slug::of(&name) == old.slug => old.slug.clone(),
            Edit::Clear => tree.choose_slug(&name, None)?,
        };
        let region = self.region.of(old.region.clone());
        let tags = self.tags.clone().unwrap_or_else(|| old.tags.clone());
        let profile = Profile { name, slug, region, tags };
        if profile != *old {
            scene.emit(OrganizationEvent::Edited { organization: self.organization, profile });
        }
        let key = RecordKey::Description(self.organization);
        match &self.description {
            Edit::Keep => {}
            Edit::Set(description) => scene.write(key, Some(Record::Description(description.clone()))),
            Edit::Clear => scene.write(key, None),
        }
        Ok(())
    }
}

/// What happened to an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OrganizationEvent {
    /// It was founded or created.
    Created {
        /// The organization.
        organization: OrganizationId,
        /// Its parent; none for a root.
        parent: Option<OrganizationId>,
        /// What it is called.
        profile: Profile,
    },
    /// It was renamed, tagged, or placed in a region.
    Edited {
        /// The organization.
        organization: OrganizationId,
        /// What it is called now.
        profile: Profile,
    },
    /// It was moved under another parent, with everything below it (HIE-6).
    Moved {
        /// The organization.
        organization: OrganizationId,
        /// Its new parent.
        parent: OrganizationId,
    },
}

rule_errors! {
    /// Why an organization was not founded, created or edited.
    pub enum OrganizationError + Precondition {
        #[error("a sub-organization is created under the organization one acts from: switch to {parent} first")]
        NotActingFrom { parent: OrganizationId } = Conflict, "organization.not_acting_from", "HIE-3";
        #[error("the tree is limited to {limit} levels; level {level} was asked for")]
        TooDeep { limit: u8, level: usize } = Conflict, "organization.too_deep", "HIE-2";
        #[error("the slug `{slug}` is taken in this tree: choose another")]
        SlugTaken { slug: Slug } = Conflict, "organization.slug_taken", "HIE-8";
        #[error("{parent} lacks the capability `{capability}` to manage sub-organizations")]
        NotCapable { parent: OrganizationId, capability: CapabilityName } = Forbidden, "organization.not_capable", "LIC-7";
        #[error("the first owner must be named where the creator is not a user")]
        NoOwner = Invalid, "organization.no_owner", "CLM-5";
    }
}

impl OrganizationEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, commit: &Recorded) {
        match self {
            Self::Created { organization, parent, profile } => {
                let ancestors = parent.map_or_else(|| [].into(), |parent| tree.path_to(parent));
                tree.put_organization(Organization::new(*organization, ancestors, profile.clone(), commit.at));
            }
            Self::Edited { organization, profile } => {
                if let Some(mut changed) = tree.organization(*organization).cloned() {
                    let (retagged, above) = (changed.profile.tags != profile.tags, changed.ancestors.clone());
                    changed.profile = profile.clone();
                    tree.put_organization(changed);
                    if retagged {
                        tree.forget_unselected(above.iter().copied());
                    }
                }
            }
            Self::Moved { organization, parent } => {
                let (before, above): (Vec<_>, _) = (tree.ancestors(*organization).collect(), tree.path_to(*parent));
                tree.rebase(*organization, &above);
                tree.forget_unselected(before);
            }
        }
    }

    /// The organization that this created, if it did.
    pub(crate) const fn created(&self) -> Option<OrganizationId> {
        match self {
            Self::Created { organization, .. } => Some(*organization),
            Self::Edited { .. } | Self::Moved { .. } => None,
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Created { organization, parent, .. } => parent.iter().chain([organization]).copied().collect(),
            Self::Edited { organization, .. } => vec![*organization],
            Self::Moved { organization, parent } => vec![*organization, *parent],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// An organization of this tree. One of another tree and one that does not exist answer
    /// alike (HIE-7).
    pub fn organization(&self, id: OrganizationId) -> Option<&Organization> {
        self.organizations.get(&id).map(Arc::as_ref)
    }

    /// Whether there is such an organization.
    pub(crate) fn contains(&self, id: OrganizationId) -> bool {
        self.index.dense.place(id.uuid()).is_some_and(|place| place.row.is_there())
    }

    /// Every organization, in the order of their identifiers.
    pub fn organizations(&self) -> impl Iterator<Item = &Organization> {
        self.organizations.values().map(Arc::as_ref)
    }

    /// The organization with this slug (HIE-8).
    pub fn by_slug(&self, slug: &Slug) -> Option<&Organization> {
        self.organization(*self.index.slugs.get(slug)?)
    }

    /// What an organization is for, if it was said.
    pub fn description(&self, id: OrganizationId) -> Option<&Description> {
        match self.records.get(&RecordKey::Description(id)) {
            Some(Record::Description(description)) => Some(description),
            _ => None,
        }
    }

    pub(crate) fn find(&self, id: OrganizationId) -> Result<&Organization, Precondition> {
        self.organization(id).ok_or(Precondition::NotFound { what: "organization" })
    }

    pub(crate) fn exists(&self, id: OrganizationId) -> Result<(), Precondition> {
        if self.contains(id) { Ok(()) } else { Err(Precondition::NotFound { what: "organization" }) }
    }

    /// HIE-2: the number of levels is limited.
    pub(crate) fn check_level(&self, level: usize) -> Result<(), OrganizationError> {
        if self.settings.levels.allows(level) {
            Ok(())
        } else {
            Err(OrganizationError::TooDeep { limit: self.settings.levels.get(), level })
        }
    }

    /// HIE-8: the slug asked for if it is free, or one derived from the name that is.
    pub(crate) fn choose_slug(&self, name: &Name, asked: Option<&Slug>) -> Result<Slug, OrganizationError> {
        let free = |slug: &Slug| !self.index.slugs.contains_key(slug);
        if let Some(slug) = asked {
            return if free(slug) {
                Ok(slug.clone())
            } else {
                Err(OrganizationError::SlugTaken { slug: slug.clone() })
            };
        }
        let derived = Slug::of(name);
        let numbered = (2..).map(|number| derived.numbered(number));
        std::iter::once(derived.clone())
            .chain(numbered)
            .find(free)
            .ok_or(OrganizationError::SlugTaken { slug: derived })
    }

    /// Gives an organization and everything below it a new path.
    pub(crate) fn rebase(&mut self, organization: OrganizationId, above: &[OrganizationId]) {
        let subtree: Vec<OrganizationId> = self.subtree(organization).collect();
        let cut = self.organizations.get(&organization).map_or(0, |top| top.ancestors.len());
        for id in subtree {
            let Some(mut moved) = self.organization(id).cloned() else { continue };
            moved.ancestors = above.iter().chain(moved.ancestors.iter().skip(cut)).copied().collect();
            self.put_organization(moved);
        }
    }
}

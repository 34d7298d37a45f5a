//! How an organization begins: founded as a root, or created below one.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`FoundTree`] | the operator | `Created`, `Granted` |
//! | [`FoundDetached`] | ownership of the acting organization | `Created`, `Granted` |
//! | [`CreateOrganization`] | ownership of the parent, which is the acting organization | `Created`, `Granted` |
//!
//! Rules: HIE-1, HIE-3, HIE-4, HIE-8, CLM-5.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::access::claim::Grantable;
use crate::command::{Actor, Command, Operation, Scene, Subjects};
use crate::grant::{Grant, GrantEvent};
use crate::id::{LinkId, OrganizationId, PrincipalId};
use crate::link::Link;
use crate::member::MemberEvent;
use crate::name::{Name, Slug};
use crate::onboarding::{OnboardingEvent, SeedStatus};
use crate::organization::{OrganizationError, OrganizationEvent, Profile};
use crate::person::{Person, Record, RecordKey};
use crate::refusal::Precondition;
use crate::role::Privilege;
use crate::secret::AgentSecret;
use crate::subscription::{Feature, UsageLimit};
use crate::time::Window;

/// Founds a root and with it a tree; decided on
/// [`OrganizationTree::empty`](crate::OrganizationTree::empty).
///
/// ```
/// # use std::sync::Arc;
/// use bailiwick::{AgentSecret, Catalog, Context, CommitKey, Domain, FoundTree, OrganizationId, OrganizationTree, Person, PrincipalId, Rules};
/// let domain = Arc::new(Domain { catalog: Catalog::new([])?, rules: Rules::provider() });
/// let root = OrganizationId::from_u128(1)?;
/// let ada = PrincipalId::from_u128(10)?;
/// let operator = PrincipalId::from_u128(99)?;
/// let context = Context::operator(operator, "2026-01-01T00:00:00Z".parse()?, CommitKey::from_u128(1)?);
/// let mut tree = OrganizationTree::empty(root, domain);
/// let founded = tree.decide(&context, &FoundTree {
///     root,
///     name: "Fabrikam".parse()?,
///     owner: ada,
///     person: Person::named("Ada".parse()?),
///     secret: AgentSecret::from_entropy([7; 32]),
/// })?;
/// tree.apply(&founded.changes)?;
/// assert!(tree.access().owns(ada, root, context.at));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTree {
    /// The root, which is also the identifier of the tree.
    pub root: OrganizationId,
    /// Its name.
    pub name: Name,
    /// Its first owner.
    pub owner: PrincipalId,
    /// What is known of them.
    pub person: Person,
    /// The secret by which its agents register (SET-4).
    pub secret: AgentSecret,
}

impl Command for FoundTree {
    type Output = ();
    type Error = OrganizationError;

    fn operation(&self) -> Operation {
        Operation::FoundTree
    }

    fn subjects(&self) -> Subjects {
        Subjects::default()
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), OrganizationError> {
        let new = NewRoot {
            root: self.root,
            name: &self.name,
            owner: self.owner,
            person: Some(&self.person),
            secret: &self.secret,
        };
        new.decide(scene)
    }
}

/// Founds a tree of one's own from within another; decided on
/// [`OrganizationTree::empty`](crate::OrganizationTree::empty) by
/// [`OrganizationTree::found_detached`](crate::OrganizationTree::found_detached) (HIE-4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundDetached {
    /// The new root.
    pub root: OrganizationId,
    /// Its name.
    pub name: Name,
    /// The secret by which its agents register (SET-4).
    pub secret: AgentSecret,
}

/// A root as both ways of founding one make it.
pub(crate) struct NewRoot<'a> {
    pub(crate) root: OrganizationId,
    pub(crate) name: &'a Name,
    pub(crate) owner: PrincipalId,
    pub(crate) person: Option<&'a Person>,
    pub(crate) secret: &'a AgentSecret,
}

impl NewRoot<'_> {
    pub(crate) fn decide(&self, scene: &mut Scene<'_>) -> Result<(), OrganizationError> {
        if self.root != scene.tree.root() || scene.tree.version() != crate::Version::ZERO {
            return Err(Precondition::IdAlreadyUsed { id: self.root.uuid() }.into());
        }
        let profile =
            Profile { name: self.name.clone(), slug: Slug::of(self.name), region: None, tags: BTreeSet::new() };
        scene.emit(OrganizationEvent::Created { organization: self.root, parent: None, profile });
        scene.emit(MemberEvent::UserKnown { principal: self.owner });
        if let Some(person) = self.person {
            scene.write(RecordKey::Person(self.owner), Some(Record::Person(person.clone())));
        }
        first_owner(scene, self.root, self.owner);
        onboard(scene, self.root, self.secret);
        Ok(())
    }
}

/// CLM-5: the creator, or a named user, is the first owner.
fn first_owner(scene: &mut Scene<'_>, organization: OrganizationId, owner: PrincipalId) {
    scene.emit(MemberEvent::Added { organization, principal: owner });
    let grant = Grant { privilege: Privilege::Claim(Grantable::Owner), window: Window::ALWAYS };
    scene.emit(GrantEvent::Granted { organization, principal: owner, grant });
}

/// SET-4, SET-6: its secret, and what the embedder is asked to seed. The default location
/// comes with the organization.
fn onboard(scene: &mut Scene<'_>, organization: OrganizationId, secret: &AgentSecret) {
    scene.write(RecordKey::Secret(organization), Some(Record::Secret(secret.clone())));
    for seed in scene.tree.rules().seeds.iter().cloned() {
        scene.emit(OnboardingEvent::Seeded { organization, seed, status: SeedStatus::Asked });
    }
}

/// Creates a sub-organization under the acting organization (HIE-3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateOrganization {
    /// The new organization.
    pub organization: OrganizationId,
    /// Its parent, which must be the acting organization.
    pub parent: OrganizationId,
    /// Its name.
    pub name: Name,
    /// Its slug; `None` derives one from the name, with a number behind it if that is taken.
    pub slug: Option<Slug>,
    /// Its first owner, a user who is a member of the root or of the parent; `None` is the
    /// creator.
    pub owner: Option<PrincipalId>,
    /// The secret by which its agents register (SET-4).
    pub secret: AgentSecret,
}

/// What the creator of an organization is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// The slug that it got.
    pub slug: Slug,
    /// The links whose reach it was created into (GRP-8); its owners can opt out of each.
    pub reached_by: Vec<LinkId>,
}

impl CreateOrganization {
    /// An organization of this name under its parent, owned by its creator, with a slug
    /// derived from the name.
    pub const fn new(organization: OrganizationId, parent: OrganizationId, name: Name, secret: AgentSecret) -> Self {
        Self { organization, parent, name, slug: None, owner: None, secret }
    }

    /// The same, with another user of the tree as its first owner.
    #[must_use]
    pub fn owned_by(mut self, owner: PrincipalId) -> Self {
        self.owner = Some(owner);
        self
    }

    /// The same, with this slug.
    #[must_use]
    pub fn with_slug(mut self, slug: Slug) -> Self {
        self.slug = Some(slug);
        self
    }
}

impl Command for CreateOrganization {
    type Output = Created;
    type Error = OrganizationError;

    fn operation(&self) -> Operation {
        Operation::CreateOrganization
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.parent)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Created, OrganizationError> {
        let (tree, at) = (scene.tree, scene.at);
        let parent = tree.find(self.parent)?;
        // HIE-3: it is created under the acting organization, which must be the parent.
        if scene.context.acting != Some(self.parent) {
            return Err(OrganizationError::NotActingFrom { parent: self.parent });
        }
        tree.fresh(self.organization.uuid())?;
        tree.require(Feature::SubOrganizations, at)?;
        tree.room(self.parent, UsageLimit::SubOrganizations, at)?;
        if let Some(capability) = &tree.rules().managing_capability {
            // LIC-7: where the rules say so, one without the capability creates no children.
            if !tree.is_capable(self.parent, capability, at) {
                return Err(OrganizationError::NotCapable { parent: self.parent, capability: capability.clone() });
            }
        }
        tree.check_level(parent.level().saturating_add(1))?;
        let owner = match (self.owner, scene.context.actor) {
            (Some(owner), _) => owner,
            (None, Actor::Principal(creator)) if tree.is_user(creator) => creator,
            (None, _) => return Err(OrganizationError::NoOwner),
        };
        // MEM-1: one who is named is of the root or of the parent; a person who is known in
        // another branch alone answers like one who does not exist (ERR-4).
        let near = [tree.root(), self.parent].into_iter().any(|place| tree.is_member(place, owner));
        if !tree.is_user(owner) || !(near || scene.actor() == Some(owner)) {
            return Err(Precondition::NotFound { what: "user" }.into());
        }
        let slug = tree.choose_slug(&self.name, self.slug.as_ref())?;
        let reached_by = tree.links_reaching_child_of(self.parent, at).into_iter().map(Link::id).collect();
        let profile = Profile { name: self.name.clone(), slug: slug.clone(), region: None, tags: BTreeSet::new() };
        let (organization, parent) = (self.organization, Some(self.parent));
        scene.emit(OrganizationEvent::Created { organization, parent, profile });
        first_owner(scene, organization, owner);
        onboard(scene, organization, &self.secret);
        Ok(Created { slug, reached_by })
    }
}

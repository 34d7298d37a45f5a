//! The tree: an ordinary value that decides commands and applies their changes.
//!
//! `decide` is a plain function of `&tree`; only it makes [`Changes`], and only `apply`
//! changes a tree. The same changes, replayed, give the same tree.

use std::sync::Arc;

use uuid::Uuid;

use crate::access::evaluate::Access;
use crate::command::{Command, Context, Operation, Scene};
use crate::draft::Draft;
use crate::event::{Changes, Recorded, Version};
use crate::group::Group;
use crate::id::{
    GroupId, InvitationId, OfferId, OrganizationId, PolicyId, PrincipalId, ProjectId, ResourceId, RoleId, SupportId,
};
use crate::index::Index;
use crate::invitation::Invitation;
use crate::link::Link;
use crate::member::Member;
use crate::offer::Offer;
use crate::ordered::{OrdMap, OrdSet};
use crate::organization::Organization;
use crate::person::{Person, Record, RecordKey};
use crate::policy::Policy;
use crate::principal::Principal;
use crate::project::Project;
use crate::refusal::{Precondition, Refusal};
use crate::resource::Share;
use crate::role::Role;
use crate::rules::{ClockPolicy, Rules};
use crate::settings::TreeSettings;
use crate::subscription::Subscription;
use crate::support::Support;
use crate::time::Timestamp;
use crate::{Catalog, Denial};

/// What an embedder decides once: the claims that there are, and the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The claims.
    pub catalog: Catalog,
    /// The limits, periods and defaults.
    pub rules: Rules,
}

/// A root organization with everything below it: the boundary of isolation and consistency.
///
/// Cloning one costs next to nothing, however large it is, so a reader keeps a consistent
/// snapshot without a lock. Two are equal if they are the same state of the same tree, under the
/// same domain.
#[derive(Clone, PartialEq)]
pub struct OrganizationTree {
    pub(crate) domain: Arc<Domain>,
    pub(crate) root: OrganizationId,
    pub(crate) version: Version,
    pub(crate) at: Timestamp,
    pub(crate) settings: TreeSettings,
    pub(crate) subscription: Option<Arc<Subscription>>,
    pub(crate) organizations: OrdMap<OrganizationId, Arc<Organization>>,
    pub(crate) principals: OrdMap<PrincipalId, Principal>,
    pub(crate) members: OrdMap<(OrganizationId, PrincipalId), Member>,
    pub(crate) roles: OrdMap<RoleId, Role>,
    pub(crate) groups: OrdMap<GroupId, Arc<Group>>,
    /// A group is linked to a target once (GRP-4).
    pub(crate) links: OrdMap<(GroupId, OrganizationId), Arc<Link>>,
    pub(crate) invitations: OrdMap<InvitationId, Invitation>,
    pub(crate) projects: OrdMap<ProjectId, Project>,
    pub(crate) offers: OrdMap<OfferId, Offer>,
    pub(crate) shares: OrdMap<(ResourceId, OrganizationId), Share>,
    pub(crate) policies: OrdMap<PolicyId, Policy>,
    pub(crate) supports: OrdMap<SupportId, Support>,
    pub(crate) records: OrdMap<RecordKey, Record>,
    /// Identifiers that were used here, though nothing may be there that has them (HIE-7).
    pub(crate) spent: OrdSet<Uuid>,
    /// Those of them that left with a subtree, and may come back with it.
    pub(crate) departed: OrdSet<Uuid>,
    pub(crate) index: Index,
    pub(crate) state: State,
}

/// Which state a tree is in: the same in clones, until one is changed. Equal states can differ
/// in it.
#[derive(Clone, Default)]
pub(crate) struct State(Arc<()>);

impl PartialEq for State {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::fmt::Debug for OrganizationTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "OrganizationTree({} at version {}, {} organizations)",
            self.root,
            self.version,
            self.organizations.len()
        )
    }
}

/// What a decided command gives: its changes, to be committed, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided<T> {
    /// To be committed, then applied.
    pub changes: Changes,
    /// What the command answers.
    pub output: T,
}

/// The changes do not fit the tree: they belong to another one, or to another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("changes of tree {root} to version {version} do not follow tree {tree} at version {at}")]
pub struct OutOfOrder {
    /// The tree that the changes belong to.
    pub root: OrganizationId,
    /// The version that they make.
    pub version: Version,
    /// The tree that they were given to.
    pub tree: OrganizationId,
    /// The version that it is at.
    pub at: Version,
}

impl OrganizationTree {
    /// A tree before its first commit; [`FoundTree`](crate::FoundTree) is decided on it, and
    /// stored commits are replayed on it.
    pub fn empty(root: OrganizationId, domain: Arc<Domain>) -> Self {
        let mut tree = Self {
            settings: TreeSettings::of(&domain.rules),
            domain,
            root,
            version: Version::ZERO,
            at: Timestamp::MIN_UTC,
            subscription: None,
            organizations: OrdMap::new(),
            principals: OrdMap::new(),
            members: OrdMap::new(),
            roles: OrdMap::new(),
            groups: OrdMap::new(),
            links: OrdMap::new(),
            invitations: OrdMap::new(),
            projects: OrdMap::new(),
            offers: OrdMap::new(),
            shares: OrdMap::new(),
            policies: OrdMap::new(),
            supports: OrdMap::new(),
            records: OrdMap::new(),
            spent: OrdSet::new(),
            departed: OrdSet::new(),
            index: Index::default(),
            state: State::default(),
        };
        tree.put_subscription(None);
        tree
    }

    /// The same, for a tree that had commits before it became part of another one.
    pub(crate) fn resumed(root: OrganizationId, domain: Arc<Domain>, version: Version, at: Timestamp) -> Self {
        Self { version, at, ..Self::empty(root, domain) }
    }

    /// The tree that these commits and records make (REP-6, AUD-2).
    ///
    /// [`OutOfOrder`] if a commit is missing, repeated, or of another tree.
    pub fn replay<'a>(
        root: OrganizationId,
        domain: Arc<Domain>,
        commits: impl IntoIterator<Item = &'a Recorded>,
        records: impl IntoIterator<Item = (RecordKey, Option<Record>)>,
    ) -> Result<Self, OutOfOrder> {
        let mut tree = Self::empty(root, domain);
        for commit in commits {
            tree.advance(commit)?;
        }
        records.into_iter().for_each(|(key, record)| tree.put_record(key, record));
        Ok(tree)
    }

    /// The root; also the identifier of the tree.
    pub const fn root(&self) -> OrganizationId {
        self.root
    }

    /// How many commits it has seen.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// When the last of them happened.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// What the embedder decided once.
    pub const fn domain(&self) -> &Arc<Domain> {
        &self.domain
    }

    /// The claims that there are.
    pub fn catalog(&self) -> &Catalog {
        &self.domain.catalog
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.domain.rules
    }

    /// Asks who may do what where, and why.
    pub fn access(&self) -> Access<'_> {
        Access::new(self)
    }

    /// Decides one command: its changes, or why not. The tree stays as it is.
    pub fn decide<C: Command>(&self, context: &Context, command: &C) -> Result<Decided<C::Output>, Refusal<C::Error>> {
        let mut draft = self.draft(context.clone());
        let output = draft.run(command)?;
        Ok(Decided { changes: draft.finish(), output })
    }

    /// Starts a draft: several commands, each seeing the ones before, in one commit.
    pub fn draft(&self, context: Context) -> Draft {
        Draft::new(self.clone(), context)
    }

    /// Authority first, then the rules; what was decided is left in the scene.
    pub(crate) fn judge<'a, C: Command>(
        &'a self,
        context: &'a Context,
        command: &C,
    ) -> Result<(Scene<'a>, C::Output), Refusal<C::Error>> {
        let rule = |precondition: Precondition| Refusal::Rule(C::Error::from(precondition));
        let at = self.time(context).map_err(rule)?;
        let mut scene = Scene::new(self, context, at);
        let (operation, subjects) = (command.operation(), command.subjects());
        self.acts_from_here(&scene, operation)?;
        scene.authorize(operation, &subjects)?;
        // HIE-10: in an organization that is not effectively active nothing else is possible.
        if !operation.reaches_inactive() {
            let named = [subjects.organization, subjects.source, subjects.target, subjects.new_parent];
            // ERR-4: it is told of those that the actor sees; the others answer as not there.
            let seen = |id: &OrganizationId| scene.actor().is_none_or(|actor| self.sees(actor, *id, scene.at));
            let mut inactive = named.into_iter().flatten().filter(|id| self.contains(*id) && !self.is_active(*id));
            let inactive = inactive.find(seen);
            if let Some(organization) = inactive {
                return Err(rule(Precondition::Inactive { organization }));
            }
        }
        let output = command.decide(&mut scene).map_err(Refusal::Rule)?;
        Ok((scene, output))
    }

    /// The instant that counts: never before the last commit's.
    pub(crate) fn time(&self, context: &Context) -> Result<Timestamp, Precondition> {
        match self.rules().clock {
            _ if context.at >= self.at => Ok(context.at),
            ClockPolicy::Hold => Ok(self.at),
            ClockPolicy::Refuse => Err(Precondition::ClockWentBack { at: context.at, last: self.at }),
        }
    }

    /// HIE-7: the acting organization is one of this tree that the actor sees.
    fn acts_from_here(&self, scene: &Scene<'_>, operation: Operation) -> Result<(), Denial> {
        match (scene.context.acting, scene.actor()) {
            (Some(acting), Some(actor)) if !self.sees(actor, acting, scene.at) => Err(Denial::NotFound { operation }),
            _ => Ok(()),
        }
    }

    /// Whether another is this one, or a clone of it that was not changed since.
    pub(crate) fn is_same_state(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state.0, &other.state.0)
    }

    /// Applies committed changes. It costs nearly nothing on the very state that they were
    /// decided on.
    ///
    /// [`OutOfOrder`] if they do not follow this tree's version; then nothing is changed.
    pub fn apply(&mut self, changes: &Changes) -> Result<(), OutOfOrder> {
        if let Some(after) = changes.after(self) {
            *self = after.clone();
            return Ok(());
        }
        self.advance(&changes.recorded)?;
        changes.records.iter().for_each(|(key, record)| self.put_record(*key, record.clone()));
        Ok(())
    }

    /// Applies one commit as it was stored, without its records.
    pub fn advance(&mut self, recorded: &Recorded) -> Result<(), OutOfOrder> {
        let (tree, at) = (self.root, self.version);
        if recorded.root != tree || recorded.version != at.next() {
            return Err(OutOfOrder { root: recorded.root, version: recorded.version, tree, at });
        }
        recorded.events.iter().for_each(|event| event.apply(self, recorded));
        (self.version, self.at) = (recorded.version, recorded.at);
        self.state = State::default();
        Ok(())
    }

    /// Writes or erases a record, as a repository gives it with a page.
    pub fn absorb(&mut self, key: RecordKey, record: Option<Record>) {
        self.put_record(key, record);
        self.state = State::default();
    }

    /// What is known of a principal, unless it was erased.
    pub fn person(&self, principal: PrincipalId) -> Option<&Person> {
        match self.records.get(&RecordKey::Person(principal)) {
            Some(Record::Person(person)) => Some(person),
            _ => None,
        }
    }
}

//! Commands: who asks, when, and what they must hold to be answered.
//!
//! Each command is a plain struct with an error type of its own. What its actor must hold
//! is a row of one table (CLM-12), [`Operation::requirement`]; an embedder replaces a row's
//! requirement by a claim in [`Rules::authority`](crate::Rules::authority).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::{Event, Recorded};
use crate::id::{CommitKey, GroupId, OrganizationId, PrincipalId};
use crate::name::{CorrelationId, Reason};
use crate::person::{Record, RecordKey};
use crate::refusal::{Denial, Need, Precondition, RuleError};
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A user or a machine identity of the tree, as the embedder authenticated them.
    Principal(PrincipalId),
    /// One who runs the service, as the embedder authenticated them.
    Operator(PrincipalId),
}

impl Actor {
    /// The principal, if it is not the operator.
    pub const fn principal(self) -> Option<PrincipalId> {
        match self {
            Self::Principal(principal) => Some(principal),
            Self::Operator(_) => None,
        }
    }
}

impl Actor {
    /// Whoever it is, as the embedder knows them.
    pub const fn id(self) -> PrincipalId {
        match self {
            Self::Principal(id) | Self::Operator(id) => id,
        }
    }
}

/// Who asks, from where, when, and under which key (AUD-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Who asks.
    pub actor: Actor,
    /// The organization that they are signed in to. There is no ambient one: a command that
    /// needs it is refused without.
    pub acting: Option<OrganizationId>,
    /// The instant at which it happens.
    pub at: Timestamp,
    /// The key of the commit: the same key takes effect once (REP-3).
    pub key: CommitKey,
    /// Why, in the actor's words; kept as an erasable record.
    pub reason: Option<Reason>,
    /// What ties the commit to a request elsewhere.
    pub correlation: Option<CorrelationId>,
}

impl Context {
    /// A principal acting from the organization that they are signed in to.
    pub const fn principal(actor: PrincipalId, acting: OrganizationId, at: Timestamp, key: CommitKey) -> Self {
        Self { actor: Actor::Principal(actor), acting: Some(acting), at, key, reason: None, correlation: None }
    }

    /// A person who is not signed in to any organization: they accept or decline.
    pub const fn newcomer(actor: PrincipalId, at: Timestamp, key: CommitKey) -> Self {
        Self { actor: Actor::Principal(actor), acting: None, at, key, reason: None, correlation: None }
    }

    /// The operator of the service.
    pub const fn operator(operator: PrincipalId, at: Timestamp, key: CommitKey) -> Self {
        Self { actor: Actor::Operator(operator), acting: None, at, key, reason: None, correlation: None }
    }

    /// The same, with the actor's reason.
    #[must_use]
    pub fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The same, tied to a request elsewhere.
    #[must_use]
    pub fn correlated(mut self, correlation: CorrelationId) -> Self {
        self.correlation = Some(correlation);
        self
    }
}

/// What is demanded of the actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// To be the operator of the service.
    Operator,
    /// To be the principal that the command is about.
    Oneself,
    /// To own the organization, directly or through a group.
    Owner,
    /// To be an owner of the group.
    GroupOwner,
    /// To hold this claim of the crate's in the organization.
    Claim(&'static str),
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("the operator"),
            Self::Oneself => f.write_str("oneself"),
            Self::Owner => f.write_str("ownership"),
            Self::GroupOwner => f.write_str("group ownership"),
            Self::Claim(claim) => write!(f, "`{claim}`"),
        }
    }
}

/// Which of the things that a command names a demand is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The organization that the command is about.
    Organization,
    /// The parent of that organization, as it stands.
    Parent,
    /// The parent that it is to have.
    NewParent,
    /// The organization that a link comes from.
    Source,
    /// The organization that a link goes to.
    Target,
    /// The root of the tree.
    Root,
    /// The group that the command is about.
    Group,
    /// The principal that the command is about.
    Principal,
    /// The service itself.
    Service,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Organization => "the organization",
            Self::Parent => "its parent",
            Self::NewParent => "the new parent",
            Self::Source => "the source",
            Self::Target => "the target",
            Self::Root => "the root",
            Self::Group => "the group",
            Self::Principal => "the member",
            Self::Service => "the service",
        })
    }
}

/// One demand: an authority at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Demand {
    /// What is demanded.
    pub authority: Authority,
    /// Where.
    pub place: Place,
}

/// What an operation requires: any one of these ways, each of them whole. No way at all
/// means that the operation judges by itself (a token, an address).
pub type Requirement = &'static [&'static [Demand]];

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident, $sentence:literal, $rule:literal, [$([$($authority:ident $(($claim:literal))? @ $place:ident),+]),*];)*) => {
        /// Every operation that changes a tree: the rows of the authority table (CLM-12).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Operation {
            $(#[doc = concat!("To ", $sentence, " (", $rule, ").")] $name,)*
        }

        impl Operation {
            /// Every operation, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What the actor must hold, unless the embedder replaced the row.
            pub const fn requirement(self) -> Requirement {
                match self {
                    $(Self::$name => &[$(&[$(Demand { authority: Authority::$authority $(($claim))?, place: Place::$place }),+]),*],)*
                }
            }

            /// The rule that the row comes from.
            pub const fn rule(self) -> &'static str {
                match self { $(Self::$name => $rule,)* }
            }

            const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

operations! {
    FoundTree, "found a root", "HIE-1", [[Operator @ Service]];
    FoundDetached, "found a detached organization", "HIE-4", [[Owner @ Organization]];
    CreateOrganization, "create a sub-organization", "HIE-3", [[Owner @ Organization]];
    EditOrganization, "edit an organization", "HIE-8", [[Claim("organizations.edit") @ Organization], [Claim("customers.edit") @ Parent]];
    ChangeTreeSettings, "change the settings of the tree", "HIE-2", [[Owner @ Root]];
    ConfigureAuthentication, "configure authentication", "HIE-9", [[Owner @ Organization]];
    DeactivateOrganization, "deactivate an organization", "HIE-10", [[Claim("organizations.deactivate") @ Organization], [Claim("customers.deactivate") @ Parent]];
    ReactivateOrganization, "reactivate an organization", "DEL-5", [[Owner @ Organization]];
    MoveOrganization, "move an organization", "HIE-6", [[Owner @ Organization, Owner @ Parent, Owner @ NewParent]];
    DetachOrganization, "detach an organization", "HIE-6", [[Owner @ Organization, Owner @ Parent]];
    AttachOrganization, "attach an organization", "HIE-5", [[Owner @ Organization, Owner @ NewParent]];
    OfferAttachment, "offer an attachment", "HIE-12", [[Owner @ Organization]];
    AcceptOffer, "accept an offer", "HIE-12", [[Owner @ Organization]];
    DeclineOffer, "decline an offer", "HIE-12", [[Owner @ Organization]];
    WithdrawOffer, "withdraw an offer", "HIE-12", [[Owner @ Organization]];
    DeleteOrganization, "delete an organization", "DEL-1", [[Owner @ Organization], [Operator @ Service]];
    HardDeleteOrganization, "remove an organization for good", "DEL-3", [[Owner @ Organization, Claim("organizations.hard_delete") @ Organization], [Operator @ Service]];
    RecordSubscription, "record a subscription", "LIC-1", [[Operator @ Service]];
    AssignCapability, "assign a capability", "LIC-5", [[Operator @ Service], [Claim("capabilities.assign") @ Parent]];
    AddMember, "add a member", "MEM-1", [[Claim("members.manage") @ Organization]];
    RemoveMember, "remove a member", "MEM-4", [[Claim("members.manage") @ Organization], [Oneself @ Principal]];
    SuspendMember, "suspend a member", "MEM-7", [[Claim("members.manage") @ Organization]];
    RestoreMember, "restore a member", "MEM-7", [[Claim("members.manage") @ Organization]];
    TransferOwnership, "transfer ownership", "MEM-7", [[Owner @ Organization]];
    CreateMachineIdentity, "create a machine identity", "MEM-2", [[Claim("members.manage") @ Organization]];
    CreateProject, "create a project", "MEM-5", [[Claim("projects.manage") @ Organization]];
    ChangeProjectMembers, "choose the members of a project", "MEM-5", [[Claim("projects.manage") @ Organization]];
    LeaveProject, "remove a member from a project", "MEM-5", [[Claim("projects.manage") @ Organization], [Oneself @ Principal]];
    ProvisionProjectMember, "bring a new person into a project", "MEM-5", [[Claim("projects.provision") @ Organization]];
    DeleteProject, "delete a project", "MEM-5", [[Claim("projects.manage") @ Organization]];
    ShareResource, "share a resource downward", "MEM-6", [[Owner @ Source, Owner @ Target]];
    UnshareResource, "end the sharing of a resource", "MEM-6", [[Owner @ Source], [Owner @ Target]];
    Grant, "grant a claim or role", "CLM-4", [[Claim("claims.grant") @ Organization]];
    Revoke, "revoke a claim or role", "CLM-4", [[Claim("claims.grant") @ Organization], [Oneself @ Principal]];
    DefineRole, "define a role", "CLM-3", [[Claim("roles.manage") @ Organization]];
    DeleteRole, "delete a role", "CLM-3", [[Claim("roles.manage") @ Organization]];
    ChangeSetting, "change or lock a setting", "SET-5", [[Claim("organizations.edit") @ Organization]];
    SetKillSwitch, "set the kill switch", "SET-2", [[Claim("organizations.edit") @ Organization]];
    DefineWorkflow, "define a workflow", "SET-3", [[Claim("organizations.edit") @ Organization]];
    BindIncidentWorkflow, "bind the workflow of major incidents", "SET-3", [[Claim("organizations.edit") @ Organization]];
    RegenerateSecret, "see or regenerate the secret", "SET-4", [[Claim("organizations.edit") @ Organization]];
    ReportSeed, "report how a seed went", "SET-6", [[Operator @ Service]];
    AskSeedAgain, "ask for a seed again", "SET-6", [[Claim("organizations.edit") @ Organization], [Operator @ Service]];
    ChangeLocations, "change locations", "LOC-1", [[Claim("organizations.edit") @ Organization]];
    ManagePolicies, "define, adjust or delete a policy", "POL-2", [[Claim("policies.manage") @ Organization]];
    ReportPolicyStatus, "report how a policy stands", "POL-3", [[Operator @ Service]];
    GrantSupport, "grant support access", "SUP-1", [[Claim("support.manage") @ Organization]];
    RequestSupport, "request support access", "SUP-3", [[Operator @ Service]];
    AnswerSupport, "approve or deny a support request", "SUP-3", [[Claim("support.manage") @ Organization]];
    EndSupport, "end support access", "SUP-2", [[Claim("support.manage") @ Organization], [Operator @ Service]];
    StopAllSupport, "stop all support access", "SUP-5", [[Owner @ Organization]];
    GovernRecordings, "govern recordings", "REC-1", [[Claim("organizations.edit") @ Organization]];
    SetLegalHold, "put or lift a legal hold", "REC-2", [[Owner @ Organization]];
    ErasePerson, "erase or export a person", "GDP-1", [[Operator @ Service], [Owner @ Root]];
    CreateGroup, "create a group", "GRP-1", [[Claim("groups.manage") @ Organization]];
    DefineGroup, "define what a group gives", "GRP-2", [[Claim("groups.manage") @ Organization]];
    ChangeGroupOwners, "choose the owners of a group", "GRP-1", [[GroupOwner @ Group], [Claim("groups.manage") @ Organization]];
    AddGroupMember, "add a member to a group", "GRP-1", [[GroupOwner @ Group]];
    RemoveGroupMember, "remove a member from a group", "GRP-1", [[GroupOwner @ Group], [Claim("groups.manage") @ Organization], [Oneself @ Principal]];
    DeleteGroup, "delete a group", "GRP-7", [[Claim("groups.manage") @ Organization]];
    LinkGroup, "link a group", "GRP-4", [[Owner @ Source, Owner @ Target, GroupOwner @ Group]];
    ChangeLink, "change a link", "GRP-8", [[Owner @ Source, Owner @ Target, GroupOwner @ Group]];
    EndLink, "end a link", "GRP-6", [[Owner @ Organization]];
    OptOutOfLink, "opt out of a link", "GRP-8", [[Owner @ Organization]];
    Invite, "invite into a group", "INV-1", [[Owner @ Organization, GroupOwner @ Group]];
    ResendInvitation, "resend an invitation", "INV-8", [[Owner @ Organization]];
    RevokeInvitation, "revoke an invitation", "INV-8", [[Owner @ Organization]];
    DeclineInvitation, "decline an invitation", "INV-8", [];
    AcceptInvitation, "accept an invitation", "INV-5", [];
    ReviewAccess, "review who has access", "ROS-2", [[Owner @ Organization]];
    RecordRefusal, "record a refused operation", "AUD-3", [];
}

impl Operation {
    /// Whether it is possible in an organization that is not effectively active: only
    /// reactivation and deletion are (HIE-10).
    pub const fn reaches_inactive(self) -> bool {
        matches!(
            self,
            Self::ReactivateOrganization
                | Self::DeleteOrganization
                | Self::HardDeleteOrganization
                | Self::RecordSubscription
        )
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// What a command names, for the authority table to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) new_parent: Option<OrganizationId>,
    pub(crate) source: Option<OrganizationId>,
    pub(crate) target: Option<OrganizationId>,
    pub(crate) group: Option<GroupId>,
    pub(crate) principal: Option<PrincipalId>,
}

impl Subjects {
    pub(crate) fn organization(organization: OrganizationId) -> Self {
        Self { organization: Some(organization), ..Self::default() }
    }

    pub(crate) fn link(source: OrganizationId, target: OrganizationId) -> Self {
        Self { organization: Some(source), source: Some(source), target: Some(target), ..Self::default() }
    }

    pub(crate) fn group(mut self, group: GroupId) -> Self {
        self.group = Some(group);
        self
    }

    pub(crate) fn principal(mut self, principal: PrincipalId) -> Self {
        self.principal = Some(principal);
        self
    }

    pub(crate) fn under(mut self, new_parent: OrganizationId) -> Self {
        self.new_parent = Some(new_parent);
        self
    }
}

/// Something that can be asked of a tree. The crate's own structs implement it; give one to
/// [`OrganizationTree::decide`], [`Draft::run`](crate::Draft::run) or
/// [`Directory::execute`](crate::Directory::execute).
pub trait Command {
    /// What is answered beside the changes.
    type Output;
    /// Why the domain refuses it.
    type Error: RuleError + From<Precondition>;

    /// The row of the authority table.
    fn operation(&self) -> Operation;

    /// What the command names.
    fn subjects(&self) -> Subjects;

    /// The rules, once authority is established; called by the tree.
    fn decide(&self, scene: &mut Scene<'_>) -> Result<Self::Output, Self::Error>;
}

/// A tree, a context, and what has been decided so far: what a command's rules see.
pub struct Scene<'a> {
    pub(crate) tree: &'a OrganizationTree,
    pub(crate) context: &'a Context,
    pub(crate) at: Timestamp,
    pub(crate) events: Vec<Event>,
    pub(crate) records: Vec<(RecordKey, Option<Record>)>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(tree: &'a OrganizationTree, context: &'a Context, at: Timestamp) -> Self {
        Self { tree, context, at, events: Vec::new(), records: Vec::new() }
    }

    pub(crate) fn emit(&mut self, event: impl Into<Event>) {
        self.events.push(event.into());
    }

    pub(crate) fn write(&mut self, key: RecordKey, record: Option<Record>) {
        self.records.push((key, record));
    }

    /// The tree as it would be after what has been decided so far.
    pub(crate) fn preview(&self) -> OrganizationTree {
        let mut tree = self.tree.clone();
        let commit = Recorded::of(self.tree, self.context, self.at);
        self.events.iter().for_each(|event| event.apply(&mut tree, &commit));
        self.records.iter().for_each(|(key, record)| tree.put_record(*key, record.clone()));
        tree
    }

    /// The acting principal; the operator has none.
    pub(crate) fn actor(&self) -> Option<PrincipalId> {
        self.context.actor.principal()
    }

    /// The rows of the authority table: one way must be met whole (CLM-12).
    pub(crate) fn authorize(&self, operation: Operation, subjects: &Subjects) -> Result<(), Denial> {
        let requirement = operation.requirement();
        let ways: Vec<Vec<Need>> = requirement.iter().map(|way| self.unmet(operation, way, subjects)).collect();
        if ways.is_empty() || ways.iter().any(Vec::is_empty) {
            return Ok(());
        }
        // ERR-4: what one may not see and what does not exist answer alike.
        let named = [subjects.organization, subjects.source, subjects.target, subjects.new_parent];
        let hidden = |organization: OrganizationId| {
            self.actor().is_some_and(|actor| !self.tree.sees(actor, organization, self.at))
        };
        if named.into_iter().flatten().any(hidden) {
            return Err(Denial::NotFound { operation });
        }
        Err(Denial::Forbidden { operation, ways: self.visible(ways) })
    }

    /// ERR-1: a need is told without the organization where the actor cannot see that.
    fn visible(&self, mut ways: Vec<Vec<Need>>) -> Vec<Vec<Need>> {
        for need in ways.iter_mut().flatten() {
            need.organization =
                need.organization.filter(|id| self.actor().is_some_and(|actor| self.tree.sees(actor, *id, self.at)));
        }
        ways
    }

    /// The demands of an operation at one place, for the two sides of an attach, each in its
    /// own tree.
    pub(crate) fn authorize_side(&self, operation: Operation, place: Place, id: OrganizationId) -> Result<(), Denial> {
        let subjects = Subjects { organization: Some(id), new_parent: Some(id), ..Subjects::default() };
        let way: Vec<Demand> =
            operation.requirement().iter().copied().flatten().filter(|demand| demand.place == place).copied().collect();
        let unmet = self.unmet(operation, &way, &subjects);
        if !self.actor().is_some_and(|actor| self.tree.sees(actor, id, self.at)) {
            return Err(Denial::NotFound { operation });
        }
        if unmet.is_empty() { Ok(()) } else { Err(Denial::Forbidden { operation, ways: vec![unmet] }) }
    }

    fn unmet(&self, operation: Operation, way: &[Demand], subjects: &Subjects) -> Vec<Need> {
        let replaced = self.tree.rules().authority.get(&operation);
        let need = |demand: &Demand| {
            let claim = replaced.filter(|_| matches!(demand.authority, Authority::Owner | Authority::Claim(_)));
            Need { demand: *demand, claim: claim.cloned(), organization: self.locate(demand.place, subjects) }
        };
        way.iter().map(need).filter(|need| !self.meets(need, subjects)).collect()
    }

    fn locate(&self, place: Place, subjects: &Subjects) -> Option<OrganizationId> {
        match place {
            Place::Organization => subjects.organization,
            Place::Parent => self.tree.organization(subjects.organization?)?.parent(),
            Place::NewParent => subjects.new_parent,
            Place::Source => subjects.source,
            Place::Target => subjects.target,
            Place::Root => Some(self.tree.root()),
            Place::Group | Place::Principal | Place::Service => None,
        }
    }

    fn meets(&self, need: &Need, subjects: &Subjects) -> bool {
        let Some(actor) = self.actor() else {
            return need.demand.authority == Authority::Operator;
        };
        // HIE-10 is judged once authority is known, so that owners are told what is inactive.
        let access = self.tree.access().dormant(true);
        let holds =
            |claim: &crate::Claim| need.organization.is_some_and(|place| access.allows(actor, place, claim, self.at));
        match (need.demand.authority, &need.claim) {
            (Authority::Operator, _) => false,
            (Authority::Oneself, _) => subjects.principal == Some(actor),
            (Authority::GroupOwner, _) => subjects.group.is_some_and(|group| self.tree.owns_group(actor, group)),
            (Authority::Owner | Authority::Claim(_), Some(claim)) => holds(claim),
            (Authority::Owner, None) => need.organization.is_some_and(|place| access.owns(actor, place, self.at)),
            (Authority::Claim(name), None) => crate::Claim::new(name).is_ok_and(|claim| holds(&claim)),
        }
    }
}

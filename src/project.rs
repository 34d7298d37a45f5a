//! Projects: visible where they were created, and nowhere else.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`CreateProject`] | `projects.manage` | `Created` |
//! | [`AddProjectMember`] | `projects.manage` | `MemberAdded` |
//! | [`ProvisionProjectMember`] | `projects.provision`, at a root | `UserKnown`, `Added`, `MemberAdded` |
//! | [`RemoveProjectMember`] | `projects.manage`, or oneself | `MemberRemoved` |
//! | [`AddProjectGroup`] | `projects.manage` | `GroupAdded` |
//! | [`RemoveProjectGroup`] | `projects.manage` | `GroupRemoved` |
//! | [`DeleteProject`] | `projects.manage` | `Deleted` |
//!
//! Rules: MEM-5.

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{GroupId, OrganizationId, PrincipalId, ProjectId};
use crate::member::{AddMember, MemberError};
use crate::name::Name;
use crate::ordered::OrdSet;
use crate::person::Person;
use crate::refusal::{Precondition, rule_errors};
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// A project of one organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    pub(crate) id: ProjectId,
    pub(crate) organization: OrganizationId,
    pub(crate) name: Name,
    pub(crate) members: OrdSet<PrincipalId>,
    #[serde(default, skip_serializing_if = "OrdSet::is_empty")]
    pub(crate) groups: OrdSet<GroupId>,
}

impl Project {
    /// Its identifier.
    pub const fn id(&self) -> ProjectId {
        self.id
    }

    /// Where it was created.
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// Its name.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Its members, all members of the organization.
    pub fn members(&self) -> impl Iterator<Item = PrincipalId> + '_ {
        self.members.iter().copied()
    }

    /// Its groups, of the organization or linked there; they count while they are active there.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> + '_ {
        self.groups.iter().copied()
    }
}

/// Creates a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateProject {
    /// Where.
    pub organization: OrganizationId,
    /// The new project.
    pub project: ProjectId,
    /// Its name.
    pub name: Name,
}

impl Command for CreateProject {
    type Output = ();
    type Error = ProjectError;

    fn operation(&self) -> Operation {
        Operation::CreateProject
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), ProjectError> {
        scene.tree.fresh(self.project.uuid())?;
        let (organization, project, name) = (self.organization, self.project, self.name.clone());
        scene.emit(ProjectEvent::Created { organization, project, name });
        Ok(())
    }
}

/// Adds a member of the organization to a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddProjectMember {
    /// Where the project is.
    pub organization: OrganizationId,
    /// The project.
    pub project: ProjectId,
    /// Who.
    pub principal: PrincipalId,
}

impl Command for AddProjectMember {
    type Output = ();
    type Error = ProjectError;

    fn operation(&self) -> Operation {
        Operation::ChangeProjectMembers
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), ProjectError> {
        let (organization, project, principal) = (self.organization, self.project, self.principal);
        let found = scene.tree.project_in(organization, project)?;
        // MEM-5: its members must be members of that organization first.
        scene.tree.member_of(organization, principal)?;
        if found.members.contains(&principal) {
            return Err(ProjectError::AlreadyMember { principal });
        }
        scene.emit(ProjectEvent::MemberAdded { organization, project, principal });
        Ok(())
    }
}

/// Brings a new person straight into a project of the root: they become known, a member of
/// the root and a member of the project in one commit (MEM-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionProjectMember {
    /// The root.
    pub organization: OrganizationId,
    /// The project.
    pub project: ProjectId,
    /// The new person.
    pub principal: PrincipalId,
    /// What is known of them.
    pub person: Person,
}

impl Command for ProvisionProjectMember {
    type Output = ();
    type Error = ProjectError;

    fn operation(&self) -> Operation {
        Operation::ProvisionProjectMember
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), ProjectError> {
        let (organization, project, principal) = (self.organization, self.project, self.principal);
        scene.tree.project_in(organization, project)?;
        if organization != scene.tree.root() {
            return Err(ProjectError::NotTheRoot { organization });
        }
        let join = AddMember { organization, principal, person: Some(self.person.clone()) };
        join.decide(scene).map_err(|error| match error {
            MemberError::Precondition(shared) => ProjectError::from(shared),
            _ => ProjectError::AlreadyMember { principal },
        })?;
        scene.emit(ProjectEvent::MemberAdded { organization, project, principal });
        Ok(())
    }
}

/// Removes a member from a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoveProjectMember {
    /// Where the project is.
    pub organization: OrganizationId,
    /// The project.
    pub project: ProjectId,
    /// Who.
    pub principal: PrincipalId,
}

impl Command for RemoveProjectMember {
    type Output = ();
    type Error = ProjectError;

    fn operation(&self) -> Operation {
        Operation::LeaveProject
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization).principal(self.principal)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), ProjectError> {
        let (organization, project, principal) = (self.organization, self.project, self.principal);
        if !scene.tree.project_in(organization, project)?.members.contains(&principal) {
            return Err(ProjectError::NoMember { principal });
        }
        scene.emit(ProjectEvent::MemberRemoved { organization, project, principal });
        Ok(())
    }
}

/// Assigns a group to a project: whoever is in it is in the project, while the group is
/// active there (MEM-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddProjectGroup {
    /// Where the project is.
    pub organization: OrganizationId,
    /// The project.
    pub project: ProjectId,
    /// A group of the organization, or one that an ancestor has linked there.
    pub group: GroupId,
}

impl Command for AddProjectGroup {
    type Output = ();
    type Error = ProjectError;

    fn operation(&self) -> Operation {
        Operation::ChangeProjectMembers
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), ProjectError> {
        let (organization, project, group) = (self.organization, self.project, self.group);
        let found = scene.tree.project_in(organization, project)?;
        // MEM-5: what flows down is added to the organization first.
        if !scene.tree.is_group_active(group, organization, scene.at) {
            return Err(Precondition::NotFound { what: "group" }.into());
        }
        if found.groups.contains(&group) {
            return Err(ProjectError::AlreadyAssigned { group });
        }
        scene.emit(ProjectEvent::GroupAdded { organization, project, group });
        Ok(())
    }
}

/// Takes a group off a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoveProjectGroup {
    /// Where the project is.
    pub organization: OrganizationId,
    /// The project.
    pub project: ProjectId,
    /// The group.
    pub group: GroupId,
}

impl Command for RemoveProjectGroup {
    type Output = ();
    type Error = ProjectError;

    fn operation(&self) -> Operation {
        Operation::ChangeProjectMembers
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), ProjectError> {
        let (organization, project, group) = (self.organization, self.project, self.group);
        if !scene.tree.project_in(organization, project)?.groups.contains(&group) {
            return Err(ProjectError::NotAssigned { group });
        }
        scene.emit(ProjectEvent::GroupRemoved { organization, project, group });
        Ok(())
    }
}

/// Takes a group off the projects of the organizations chosen, where it ends.
pub(crate) fn unassign_group(scene: &mut Scene<'_>, group: GroupId, chosen: impl Fn(OrganizationId) -> bool) {
    let assigned = scene.tree.projects.values().filter(|project| project.groups.contains(&group));
    for project in assigned.filter(|project| chosen(project.organization)) {
        scene.emit(ProjectEvent::GroupRemoved { organization: project.organization, project: project.id, group });
    }
}

/// Deletes a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteProject {
    /// Where it is.
    pub organization: OrganizationId,
    /// The project.
    pub project: ProjectId,
}

impl Command for DeleteProject {
    type Output = ();
    type Error = ProjectError;

    fn operation(&self) -> Operation {
        Operation::DeleteProject
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), ProjectError> {
        scene.tree.project_in(self.organization, self.project)?;
        scene.emit(ProjectEvent::Deleted { organization: self.organization, project: self.project });
        Ok(())
    }
}

/// What happened to a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProjectEvent {
    /// It was created.
    Created {
        /// Where.
        organization: OrganizationId,
        /// Which.
        project: ProjectId,
        /// Its name.
        name: Name,
    },
    /// Someone became a member.
    MemberAdded {
        /// Where the project is.
        organization: OrganizationId,
        /// Which.
        project: ProjectId,
        /// Who.
        principal: PrincipalId,
    },
    /// Someone is no longer a member.
    MemberRemoved {
        /// Where the project is.
        organization: OrganizationId,
        /// Which.
        project: ProjectId,
        /// Who.
        principal: PrincipalId,
    },
    /// A group was assigned to it.
    GroupAdded {
        /// Where the project is.
        organization: OrganizationId,
        /// Which.
        project: ProjectId,
        /// The group.
        group: GroupId,
    },
    /// A group was taken off it.
    GroupRemoved {
        /// Where the project is.
        organization: OrganizationId,
        /// Which.
        project: ProjectId,
        /// The group.
        group: GroupId,
    },
    /// It was deleted.
    Deleted {
        /// Where it was.
        organization: OrganizationId,
        /// Which.
        project: ProjectId,
    },
}

rule_errors! {
    /// Why a project was not created, changed or deleted.
    pub enum ProjectError + Precondition {
        #[error("{principal} is a member already")]
        AlreadyMember { principal: PrincipalId } = Conflict, "project.already_member", "MEM-5";
        #[error("{principal} is no member of the project")]
        NoMember { principal: PrincipalId } = NotFound, "project.no_member", "MEM-5";
        #[error("group {group} is assigned to the project already")]
        AlreadyAssigned { group: GroupId } = Conflict, "project.already_assigned", "MEM-5";
        #[error("group {group} is not assigned to the project")]
        NotAssigned { group: GroupId } = NotFound, "project.not_assigned", "MEM-5";
        #[error("only a project of the root brings in new people; {organization} is not the root")]
        NotTheRoot { organization: OrganizationId } = Conflict, "project.not_the_root", "MEM-5";
    }
}

impl ProjectEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        match self {
            Self::Created { organization, project, name } => {
                let (id, organization) = (*project, *organization);
                tree.put_project(Project {
                    id,
                    organization,
                    name: name.clone(),
                    members: OrdSet::new(),
                    groups: OrdSet::new(),
                });
            }
            Self::MemberAdded { project, principal, .. } => {
                if let Some(project) = tree.projects.get_mut(project) {
                    project.members.insert(*principal);
                }
            }
            Self::MemberRemoved { project, principal, .. } => {
                if let Some(project) = tree.projects.get_mut(project) {
                    project.members.remove(principal);
                }
            }
            Self::GroupAdded { project, group, .. } => {
                if let Some(project) = tree.projects.get_mut(project) {
                    project.groups.insert(*group);
                }
            }
            Self::GroupRemoved { project, group, .. } => {
                if let Some(project) = tree.projects.get_mut(project) {
                    project.groups.remove(group);
                }
            }
            Self::Deleted { project, .. } => tree.drop_project(*project),
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Created { organization, .. }
            | Self::MemberAdded { organization, .. }
            | Self::MemberRemoved { organization, .. }
            | Self::GroupAdded { organization, .. }
            | Self::GroupRemoved { organization, .. }
            | Self::Deleted { organization, .. } => vec![*organization],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        match self {
            Self::MemberAdded { principal, .. } | Self::MemberRemoved { principal, .. } => vec![*principal],
            Self::Created { .. } | Self::GroupAdded { .. } | Self::GroupRemoved { .. } | Self::Deleted { .. } => {
                Vec::new()
            }
        }
    }
}

impl OrganizationTree {
    /// The projects of an organization; nobody else's are visible there (MEM-5).
    pub fn projects(&self, organization: OrganizationId) -> impl Iterator<Item = &Project> {
        self.index.projects(organization).filter_map(|id| self.projects.get(&id))
    }

    /// Whether one is in a project at `at`: as its member, or through a group of it that is
    /// active there; one who is suspended is not.
    pub fn is_in_project(&self, principal: PrincipalId, project: ProjectId, at: Timestamp) -> bool {
        let Some(project) = self.projects.get(&project) else { return false };
        let (access, organization) = (self.access(), project.organization);
        let direct = project.members.contains(&principal) && self.is_active_member(organization, principal);
        let mut groups = project.groups.iter();
        self.is_active(organization)
            && (direct || groups.any(|group| access.is_in_group(principal, *group, organization, at)))
    }

    fn project_in(&self, organization: OrganizationId, id: ProjectId) -> Result<&Project, Precondition> {
        let project = self.projects.get(&id).filter(|project| project.organization == organization);
        project.ok_or(Precondition::NotFound { what: "project" })
    }
}

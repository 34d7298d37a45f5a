//! Projects: visible where they were created, and nowhere else.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`CreateProject`] | `projects.manage` | `Created` |
//! | [`AddProjectMember`] | `projects.manage` | `MemberAdded` |
//! | [`ProvisionProjectMember`] | `projects.provision`, at a root | `UserKnown`, `Added`, `MemberAdded` |
//! | [`RemoveProjectMember`] | `projects.manage`, or oneself | `MemberRemoved` |
//! | [`DeleteProject`] | `projects.manage` | `Deleted` |
//!
//! Rules: MEM-5.

use imbl::OrdSet;
use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{OrganizationId, PrincipalId, ProjectId};
use crate::member::{AddMember, MemberError};
use crate::name::Name;
use crate::person::Person;
use crate::refusal::{Precondition, rule_errors};
use crate::tree::OrganizationTree;

/// A project of one organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    pub(crate) id: ProjectId,
    pub(crate) organization: OrganizationId,
    pub(crate) name: Name,
    pub(crate) members: OrdSet<PrincipalId>,
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
        #[error("only a project of the root brings in new people; {organization} is not the root")]
        NotTheRoot { organization: OrganizationId } = Conflict, "project.not_the_root", "MEM-5";
    }
}

impl ProjectEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        match self {
            Self::Created { organization, project, name } => {
                let (id, organization) = (*project, *organization);
                tree.put_project(Project { id, organization, name: name.clone(), members: OrdSet::new() });
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
            Self::Deleted { project, .. } => tree.drop_project(*project),
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Created { organization, .. }
            | Self::MemberAdded { organization, .. }
            | Self::MemberRemoved { organization, .. }
            | Self::Deleted { organization, .. } => vec![*organization],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        match self {
            Self::MemberAdded { principal, .. } | Self::MemberRemoved { principal, .. } => vec![*principal],
            Self::Created { .. } | Self::Deleted { .. } => Vec::new(),
        }
    }
}

impl OrganizationTree {
    /// The projects of an organization; nobody else's are visible there (MEM-5).
    pub fn projects(&self, organization: OrganizationId) -> impl Iterator<Item = &Project> {
        self.index.projects(organization).filter_map(|id| self.projects.get(&id))
    }

    fn project_in(&self, organization: OrganizationId, id: ProjectId) -> Result<&Project, Precondition> {
        let project = self.projects.get(&id).filter(|project| project.organization == organization);
        project.ok_or(Precondition::NotFound { what: "project" })
    }
}

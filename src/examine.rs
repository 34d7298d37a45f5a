//! Examination: every invariant of a loaded tree, each violation with what would mend it
//! (AUD-5).

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::access::dense::numbered::Numbered;
use crate::id::{
    GroupId, InvitationId, LinkId, OrganizationId, PolicyId, PrincipalId, ProjectId, ResourceId, RoleId, SupportId,
};
use crate::index::Index;
use crate::location::Subnet;
use crate::name::Slug;
use crate::organization::Organization;
use crate::participant::Participant;
use crate::principal::Principal;
use crate::role::{Privilege, RoleRef};
use crate::setting::SettingKey;
use crate::support_state::SupportState;
use crate::time::Timestamp;
use crate::tree::OrganizationTree;

/// Something that no accepted command leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Violation {
    /// The path of an organization is not that of its parent and the parent itself.
    Path {
        /// Which.
        organization: OrganizationId,
    },
    /// An organization is deeper than the tree allows (HIE-2).
    TooDeep {
        /// Which.
        organization: OrganizationId,
    },
    /// An organization has no owner who can act (CLM-5).
    NoOwner {
        /// Which.
        organization: OrganizationId,
    },
    /// A member is not known to the tree, or of an organization that is not there (MEM-1).
    StrayMember {
        /// Where.
        organization: OrganizationId,
        /// Who.
        principal: PrincipalId,
    },
    /// A group has no owner (GRP-1).
    NoGroupOwner {
        /// Which.
        group: GroupId,
    },
    /// A group holds someone who is no member of the organization it lives in (MEM-1).
    StrayParticipant {
        /// Which group.
        group: GroupId,
        /// Who.
        participant: Participant,
    },
    /// A group is nested in itself, at some distance (GRP-3).
    GroupCycle {
        /// Which.
        group: GroupId,
    },
    /// A link does not run from an ancestor to a descendant, or from where its group lives
    /// (GRP-4).
    LinkNotDownward {
        /// Which.
        link: LinkId,
    },
    /// A role is leaned on where it is not usable (CLM-3).
    StrayRole {
        /// Which.
        role: RoleId,
        /// Where.
        organization: OrganizationId,
    },
    /// A project has a member who is no member of its organization (MEM-5).
    StrayProjectMember {
        /// Which project.
        project: ProjectId,
        /// Who.
        principal: PrincipalId,
    },
    /// A machine identity of a sub-organization is a member elsewhere (MEM-2).
    StrayIdentity {
        /// Which.
        principal: PrincipalId,
        /// Where.
        organization: OrganizationId,
    },
    /// A resource is shared other than downward (MEM-6).
    ShareNotDownward {
        /// Which.
        resource: ResourceId,
        /// With whom.
        target: OrganizationId,
    },
    /// A pending invitation is into a group that does not live in its organization (INV-1).
    StrayInvitation {
        /// Which.
        invitation: InvitationId,
    },
    /// The default location, or the location of a pinned agent, is not there (LOC-3).
    StrayLocation {
        /// Where.
        organization: OrganizationId,
    },
    /// A support engineer is known to the tree (SUP-1).
    SupportOfTheTree {
        /// Which access.
        support: SupportId,
    },
    /// Two organizations have the same slug (HIE-8).
    SlugTwice {
        /// Which.
        slug: Slug,
    },
    /// A subnet belongs to two locations of an organization (LOC-2).
    SubnetTwice {
        /// Where.
        organization: OrganizationId,
        /// Which.
        subnet: Subnet,
    },
    /// An incident is bound to a workflow that the organization has not (SET-3).
    StrayWorkflow {
        /// Where.
        organization: OrganizationId,
    },
    /// A setting has a value that is none for it (SET-5).
    StraySetting {
        /// Where.
        organization: OrganizationId,
        /// Which.
        key: SettingKey,
    },
    /// A policy is of an organization that is not there, or adjusted for one that is not
    /// below it (POL-2).
    StrayPolicy {
        /// Which.
        policy: PolicyId,
    },
    /// Support access is to an organization that is not there (DEL-4).
    StraySupport {
        /// Which.
        support: SupportId,
    },
    /// Something is still known of a person who was erased (GDP-1).
    Remembered {
        /// Who.
        principal: PrincipalId,
    },
    /// The index differs from what the state gives.
    Index,
}

impl Violation {
    /// The rule that is broken.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Path { .. } => "HIE-1",
            Self::TooDeep { .. } => "HIE-2",
            Self::NoOwner { .. } => "CLM-5",
            Self::StrayMember { .. } | Self::StrayParticipant { .. } => "MEM-1",
            Self::NoGroupOwner { .. } => "GRP-1",
            Self::GroupCycle { .. } => "GRP-3",
            Self::LinkNotDownward { .. } => "GRP-4",
            Self::StrayRole { .. } => "CLM-3",
            Self::StrayProjectMember { .. } => "MEM-5",
            Self::StrayIdentity { .. } => "MEM-2",
            Self::ShareNotDownward { .. } => "MEM-6",
            Self::StrayInvitation { .. } => "INV-1",
            Self::StrayLocation { .. } => "LOC-3",
            Self::SupportOfTheTree { .. } => "SUP-1",
            Self::SlugTwice { .. } => "HIE-8",
            Self::SubnetTwice { .. } => "LOC-2",
            Self::StrayWorkflow { .. } => "SET-3",
            Self::StraySetting { .. } => "SET-5",
            Self::StrayPolicy { .. } => "POL-2",
            Self::StraySupport { .. } => "DEL-4",
            Self::Remembered { .. } => "GDP-1",
            Self::Index => "REP-6",
        }
    }

    /// What would mend it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Path { .. } => "restore the tree from its log",
            Self::TooDeep { .. } => "raise the limit of levels, or move the organization up",
            Self::NoOwner { .. } => "grant Owner to a member, without an end",
            Self::StrayMember { .. } => "remove the member",
            Self::NoGroupOwner { .. } => "add an owner to the group",
            Self::StrayParticipant { .. } => "remove them from the group, or add them to the organization",
            Self::GroupCycle { .. } => "remove one nesting of the circle",
            Self::LinkNotDownward { .. } => "end the link",
            Self::StrayRole { .. } => "revoke the role there",
            Self::StrayProjectMember { .. } => "remove them from the project, or add them to the organization",
            Self::StrayIdentity { .. } => "remove it from that organization",
            Self::ShareNotDownward { .. } => "end the sharing",
            Self::StrayInvitation { .. } => "revoke the invitation",
            Self::StrayLocation { .. } => "make a location that is there the default, or unpin the agent",
            Self::SupportOfTheTree { .. } => "end the support access",
            Self::SlugTwice { .. } => "give one of the organizations another slug",
            Self::SubnetTwice { .. } => "take the subnet from one of the locations",
            Self::StrayWorkflow { .. } => "bind another workflow, or none",
            Self::StraySetting { .. } => "set or clear the setting",
            Self::StrayPolicy { .. } => "delete the policy, or take its adjustment back",
            Self::StraySupport { .. } => "end the support access",
            Self::Remembered { .. } => "erase the record from the store",
            Self::Index => "load the tree again",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self:?}; {}", self.rule(), self.remedy())
    }
}

impl OrganizationTree {
    /// Checks every invariant; an empty answer is a sound tree.
    pub fn examine(&self, at: Timestamp) -> Vec<Violation> {
        let mut found = Vec::new();
        self.examine_organizations(at, &mut found);
        self.examine_members(&mut found);
        self.examine_groups(&mut found);
        for link in self.links.values() {
            let lives = self.group(link.group()).is_some_and(|group| group.organization() == link.source());
            if !lives || !self.is_ancestor(link.source(), link.target()) {
                found.push(Violation::LinkNotDownward { link: link.id() });
            }
        }
        self.examine_belongings(at, &mut found);
        for support in self.supports.values() {
            let active = matches!(support.state(at), SupportState::Granted { .. } | SupportState::Requested { .. });
            if active && matches!(self.principal(support.engineer()), Some(Principal::User | Principal::Machine { .. }))
            {
                found.push(Violation::SupportOfTheTree { support: support.id() });
            }
        }
        self.examine_things(&mut found);
        if Index::derive(self, &Numbered::of(self)) != self.index {
            found.push(Violation::Index);
        }
        found
    }

    fn examine_organizations(&self, at: Timestamp, found: &mut Vec<Violation>) {
        for organization in self.organizations() {
            let id = organization.id();
            let sound = match organization.parent() {
                None => id == self.root(),
                Some(parent) => {
                    let above = organization.ancestors().split_last().map(|(_, above)| above);
                    self.organization(parent).map(|parent| parent.ancestors()) == above
                }
            };
            if !sound {
                found.push(Violation::Path { organization: id });
            }
            if !self.settings().levels.allows(organization.level()) {
                found.push(Violation::TooDeep { organization: id });
            }
            let locations = &organization.locations;
            let pinned = locations.pins.values().all(|location| locations.all.contains_key(location));
            if !pinned || !locations.all.contains_key(&locations.default) {
                found.push(Violation::StrayLocation { organization: id });
            }
            if self.acting_owners(id, at).next().is_none() {
                found.push(Violation::NoOwner { organization: id });
            }
        }
    }

    fn examine_things(&self, found: &mut Vec<Violation>) {
        let mut slugs = BTreeSet::new();
        let twice = self.organizations().map(Organization::slug).filter(|slug| !slugs.insert((*slug).clone()));
        found.extend(twice.map(|slug| Violation::SlugTwice { slug: slug.clone() }));
        for organization in self.organizations() {
            let id = organization.id();
            let bound = organization.incident_workflow;
            if bound.is_some_and(|workflow| !organization.workflows.contains_key(&workflow)) {
                found.push(Violation::StrayWorkflow { organization: id });
            }
            let unfit = organization.settings.iter().filter(|(key, setting)| !setting.value.suits(key));
            found.extend(unfit.map(|(key, _)| Violation::StraySetting { organization: id, key: key.clone() }));
            let mut seen = BTreeSet::new();
            let subnets = organization.locations.all.values().flat_map(|location| &location.subnets);
            let twice = subnets.filter(|subnet| !seen.insert(**subnet));
            found.extend(twice.map(|subnet| Violation::SubnetTwice { organization: id, subnet: *subnet }));
        }
        let policies = self.policies.values().filter(|policy| {
            let below = |id: &OrganizationId| self.is_ancestor(policy.organization(), *id);
            self.organization(policy.organization()).is_none() || !policy.overrides.keys().all(below)
        });
        found.extend(policies.map(|policy| Violation::StrayPolicy { policy: policy.id() }));
        let supports = self.supports.values().filter(|support| self.organization(support.organization()).is_none());
        found.extend(supports.map(|support| Violation::StraySupport { support: support.id() }));
        let remembered = self.principals().filter(|id| self.principal(*id) == Some(Principal::Erased));
        let remembered = remembered.filter(|id| self.person(*id).is_some() || self.memberships(*id).next().is_some());
        found.extend(remembered.map(|principal| Violation::Remembered { principal }));
    }

    fn examine_members(&self, found: &mut Vec<Violation>) {
        for ((organization, principal), member) in &self.members {
            if self.organization(*organization).is_none() || self.principal(*principal).is_none() {
                found.push(Violation::StrayMember { organization: *organization, principal: *principal });
            }
            if let Some(Principal::Machine { home }) = self.principal(*principal)
                && home != self.root()
                && home != *organization
            {
                found.push(Violation::StrayIdentity { principal: *principal, organization: *organization });
            }
            self.examine_roles(*organization, member.grants().iter().map(|grant| &grant.privilege), found);
        }
    }

    fn examine_groups(&self, found: &mut Vec<Violation>) {
        for group in self.groups.values() {
            let (id, home) = (group.id(), group.organization());
            if group.owners().next().is_none() {
                found.push(Violation::NoGroupOwner { group: id });
            }
            let owners = group.owners().map(Participant::Principal);
            for participant in owners.chain(group.members()) {
                let sound = match participant {
                    Participant::Principal(principal) => self.member(home, principal).is_some(),
                    Participant::Group(nested) => self.group(nested).is_some_and(|nested| {
                        nested.organization() == home || self.is_ancestor(nested.organization(), home)
                    }),
                };
                if !sound {
                    found.push(Violation::StrayParticipant { group: id, participant });
                }
            }
            let nested = group.members().filter_map(|participant| match participant {
                Participant::Group(nested) => Some(nested),
                Participant::Principal(_) => None,
            });
            if nested.into_iter().any(|nested| self.holds_group(nested, id)) {
                found.push(Violation::GroupCycle { group: id });
            }
            self.examine_roles(home, group.gives(), found);
        }
    }

    fn examine_belongings(&self, at: Timestamp, found: &mut Vec<Violation>) {
        for project in self.projects.values() {
            let stray = project.members().filter(|principal| self.member(project.organization(), *principal).is_none());
            found.extend(stray.map(|principal| Violation::StrayProjectMember { project: project.id(), principal }));
        }
        for (resource, target) in self.shares.iter().filter_map(|((resource, target), share)| {
            (!self.is_ancestor(share.source, share.target)).then_some((*resource, *target))
        }) {
            found.push(Violation::ShareNotDownward { resource, target });
        }
        for invitation in self.invitations.values().filter(|invitation| invitation.is_pending(at)) {
            let lives = |group: &crate::Group| group.organization() == invitation.organization();
            if !self.group(invitation.group()).is_some_and(lives) {
                found.push(Violation::StrayInvitation { invitation: invitation.id() });
            }
        }
    }

    fn examine_roles<'a>(
        &self,
        organization: OrganizationId,
        privileges: impl IntoIterator<Item = &'a Privilege>,
        found: &mut Vec<Violation>,
    ) {
        for privilege in privileges {
            if let Privilege::Role(RoleRef::Defined(role)) = privilege
                && !self.is_usable(*role, organization)
            {
                found.push(Violation::StrayRole { role: *role, organization });
            }
        }
    }
}

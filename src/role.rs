//! Roles: named sets of claims, defined at an organization and usable there and below.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`DefineRole`] | `roles.manage` | `Defined` |
//! | [`DeleteRole`] | `roles.manage` | what leaned on it, then `Deleted` |
//!
//! Rules: CLM-3, CLM-4.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::access::catalog::Catalog;
use crate::access::claim::{Claim, Grantable};
use crate::access::set::ClaimSet;
use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::grant::GrantEvent;
use crate::group::GroupEvent;
use crate::id::{OrganizationId, PrincipalId, RoleId};
use crate::link::LinkEvent;
use crate::name::Name;
use crate::reach::{LinkGives, LinkTerms};
use crate::refusal::{Precondition, rule_errors};
use crate::subscription::Feature;
use crate::tree::OrganizationTree;

/// A role: one of the two that are always there, or one that was defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleRef {
    /// *Manage organization*: every claim but Owner.
    ManageOrganization,
    /// *Manage MSP customers*: create sub-organizations, and edit, deactivate and assign
    /// capabilities to direct children, without being an owner of them.
    ManageMspCustomers,
    /// A role that was defined.
    Defined(RoleId),
}

impl RoleRef {
    pub(crate) const CUSTOMERS: [&str; 4] =
        ["organizations.create", "customers.edit", "customers.deactivate", "capabilities.assign"];

    /// What a ready-made role stands for; a defined one says so itself.
    pub(crate) fn expand(self, catalog: &Catalog) -> ClaimSet {
        match self {
            Self::ManageOrganization => catalog.all_but_owner(),
            Self::ManageMspCustomers => catalog.customers().clone(),
            Self::Defined(_) => ClaimSet::new(),
        }
    }
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ManageOrganization => f.write_str("Manage organization"),
            Self::ManageMspCustomers => f.write_str("Manage MSP customers"),
            Self::Defined(role) => write!(f, "role {role}"),
        }
    }
}

/// What can be given to a member or written into a group: a claim or a role.
///
/// ```
/// use bailiwick::{Privilege, RoleRef};
/// let claim = Privilege::claim("backups.*")?;
/// let role = Privilege::Role(RoleRef::ManageOrganization);
/// # Ok::<(), bailiwick::InvalidClaim>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privilege {
    /// Owner, a claim, or a family of claims.
    Claim(Grantable),
    /// A role.
    Role(RoleRef),
}

impl Privilege {
    /// Tenant ownership.
    pub const OWNER: Self = Self::Claim(Grantable::Owner);

    /// The claim or family of this name; [`InvalidClaim`](crate::InvalidClaim) if it is none.
    pub fn claim(name: &str) -> Result<Self, crate::InvalidClaim> {
        name.parse().map(Self::Claim)
    }
}

impl From<Grantable> for Privilege {
    fn from(grantable: Grantable) -> Self {
        Self::Claim(grantable)
    }
}

impl From<Claim> for Privilege {
    fn from(claim: Claim) -> Self {
        Self::Claim(claim.into())
    }
}

impl From<RoleRef> for Privilege {
    fn from(role: RoleRef) -> Self {
        Self::Role(role)
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim(grantable) => grantable.fmt(f),
            Self::Role(role) => role.fmt(f),
        }
    }
}

/// A role that was defined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    pub(crate) id: RoleId,
    pub(crate) organization: OrganizationId,
    pub(crate) name: Name,
    pub(crate) claims: BTreeSet<Grantable>,
}

impl Role {
    /// Its identifier.
    pub const fn id(&self) -> RoleId {
        self.id
    }

    /// The organization where it is defined; it is usable there and below.
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// Its name.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Its claims.
    pub const fn claims(&self) -> &BTreeSet<Grantable> {
        &self.claims
    }
}

/// Defines a role, or changes one that is defined there: what it gives changes at once for
/// everyone who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefineRole {
    /// Where it is defined.
    pub organization: OrganizationId,
    /// The role: a new identifier, or that of the role to change.
    pub role: RoleId,
    /// Its name.
    pub name: Name,
    /// Its claims; not Owner, which is granted and never part of a role.
    pub claims: BTreeSet<Grantable>,
}

impl Command for DefineRole {
    type Output = ();
    type Error = RoleError;

    fn operation(&self) -> Operation {
        Operation::DefineRole
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), RoleError> {
        let tree = scene.tree;
        if self.claims.contains(&Grantable::Owner) {
            return Err(RoleError::CarriesOwner);
        }
        let privileges: BTreeSet<Privilege> = self.claims.iter().cloned().map(Privilege::Claim).collect();
        tree.check_declared(self.organization, &privileges)?;
        // CLM-4: one who is not an owner hands on only what they hold.
        scene.may_hand_on(self.organization, &privileges)?;
        let old = tree.roles.get(&self.role).filter(|role| role.organization == self.organization);
        // LIC-4: after a lapse a role is narrowed and not widened.
        if !old.is_some_and(|role| self.claims.is_subset(&role.claims)) {
            tree.require(Feature::UserManagement, scene.at)?;
        }
        match tree.roles.get(&self.role) {
            None => tree.fresh(self.role.uuid())?,
            Some(role) if role.organization != self.organization => {
                return Err(Precondition::NotFound { what: "role" }.into());
            }
            // MEM-8: nor by widening a role that they have themselves.
            Some(role) => {
                scene.may_hand_on(self.organization, &role.claims.iter().cloned().map(Privilege::Claim).collect())?
            }
        }
        let (organization, role) = (self.organization, self.role);
        scene.emit(RoleEvent::Defined { organization, role, name: self.name.clone(), claims: self.claims.clone() });
        // MEM-8: nor by widening one that gives them something below, where they hold less.
        if let Some(actor) = scene.actor().filter(|_| old.is_some()) {
            let after = scene.preview();
            let gains = |place: &OrganizationId| {
                let (old, new) = (tree.access(), after.access());
                !new.claims(actor, *place, scene.at).is_subset(&old.claims(actor, *place, scene.at))
            };
            if after.access().organizations(actor, None, scene.at).iter().any(gains) {
                return Err(Precondition::OwnAccess { principal: actor }.into());
            }
        }
        Ok(())
    }
}

/// Deletes a role. Grants, groups and links lose it in the same commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteRole {
    /// Where it is defined.
    pub organization: OrganizationId,
    /// The role.
    pub role: RoleId,
}

impl Command for DeleteRole {
    type Output = ();
    type Error = RoleError;

    fn operation(&self) -> Operation {
        Operation::DeleteRole
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), RoleError> {
        let tree = scene.tree;
        let role = tree.roles.get(&self.role).filter(|role| role.organization == self.organization);
        let role = role.ok_or(Precondition::NotFound { what: "role" })?;
        // CLM-4: one who is not an owner takes nothing from those who hold more.
        scene.may_hand_on(self.organization, &role.claims.iter().cloned().map(Privilege::Claim).collect())?;
        sever_role(scene, self.role, |_| true);
        scene.emit(RoleEvent::Deleted { organization: self.organization, role: self.role });
        Ok(())
    }
}

/// Takes a role from every grant, group and link that leans on it, in the organizations
/// chosen.
pub(crate) fn sever_role(scene: &mut Scene<'_>, role: RoleId, chosen: impl Fn(OrganizationId) -> bool) {
    let tree = scene.tree;
    let privilege = Privilege::Role(RoleRef::Defined(role));
    for ((organization, principal), member) in
        tree.members.iter().filter(|((organization, _), _)| chosen(*organization))
    {
        if member.grants.iter().any(|grant| grant.privilege == privilege) {
            let (organization, principal, privilege) = (*organization, *principal, privilege.clone());
            scene.emit(GrantEvent::Revoked { organization, principal, privilege });
        }
    }
    let without = |gives: &BTreeSet<Privilege>| gives.iter().filter(|other| **other != privilege).cloned().collect();
    for group in tree.groups.values().filter(|group| chosen(group.organization) && group.gives.contains(&privilege)) {
        let (organization, name, gives) = (group.organization, group.name.clone(), without(&group.gives));
        scene.emit(GroupEvent::Defined { organization, group: group.id, name, gives });
    }
    for link in tree.links.values().filter(|link| chosen(link.target)) {
        if let LinkGives::Narrowed(gives) = &link.terms.gives
            && gives.contains(&privilege)
        {
            let terms = LinkTerms { gives: LinkGives::Narrowed(without(gives)), ..link.terms().clone() };
            let (present, source, target) = (link.present.clone().into(), link.source, link.target);
            scene.emit(LinkEvent::Changed { link: link.id, source, target, terms, present });
        }
    }
}

/// What happened to a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RoleEvent {
    /// It was defined, or defined anew.
    Defined {
        /// Where.
        organization: OrganizationId,
        /// The role.
        role: RoleId,
        /// Its name.
        name: Name,
        /// Its claims.
        claims: BTreeSet<Grantable>,
    },
    /// It was deleted.
    Deleted {
        /// Where it was defined.
        organization: OrganizationId,
        /// The role.
        role: RoleId,
    },
}

rule_errors! {
    /// Why a role was not defined or deleted.
    pub enum RoleError + Precondition {
        #[error("Owner is granted to a person and never part of a role")]
        CarriesOwner = Invalid, "role.carries_owner", "CLM-3";
    }
}

impl RoleEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        match self {
            Self::Defined { organization, role, name, claims } => {
                let (id, organization) = (*role, *organization);
                tree.put_role(Role { id, organization, name: name.clone(), claims: claims.clone() });
            }
            Self::Deleted { role, .. } => tree.drop_role(*role),
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Defined { organization, .. } | Self::Deleted { organization, .. } => vec![*organization],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// A role that was defined.
    pub fn role(&self, id: RoleId) -> Option<&Role> {
        self.roles.get(&id)
    }

    /// The roles usable in an organization: its own and its ancestors'.
    pub fn roles_usable_in(&self, organization: OrganizationId) -> impl Iterator<Item = &Role> {
        self.path(organization).flat_map(|id| self.index.roles(id)).filter_map(|id| self.roles.get(&id))
    }

    /// CLM-2, CLM-3: every privilege is declared, and every role usable in the organization.
    pub(crate) fn check_declared(
        &self,
        organization: OrganizationId,
        privileges: &BTreeSet<Privilege>,
    ) -> Result<(), Precondition> {
        for privilege in privileges {
            match privilege {
                Privilege::Claim(claim) if self.catalog().undeclared([claim]).is_some() => {
                    return Err(Precondition::UndeclaredClaim { claim: claim.clone() });
                }
                Privilege::Role(RoleRef::Defined(role)) if !self.is_usable(*role, organization) => {
                    return Err(Precondition::NotFound { what: "role" });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// CLM-3: a role is usable where it is defined and below.
    pub(crate) fn is_usable(&self, role: RoleId, organization: OrganizationId) -> bool {
        self.roles
            .get(&role)
            .is_some_and(|role| role.organization == organization || self.is_ancestor(role.organization, organization))
    }

    /// Whether a privilege gives the claim numbered `bit` in an organization.
    pub(crate) fn privilege_gives(&self, privilege: &Privilege, organization: OrganizationId, bit: usize) -> bool {
        let catalog = self.catalog();
        match privilege {
            Privilege::Claim(grantable) => catalog.gives(grantable, bit),
            Privilege::Role(RoleRef::ManageOrganization) => bit != crate::access::set::OWNER_BIT,
            Privilege::Role(RoleRef::ManageMspCustomers) => catalog.customers().contains(bit),
            Privilege::Role(RoleRef::Defined(role)) => {
                self.is_usable(*role, organization)
                    && self
                        .roles
                        .get(role)
                        .is_some_and(|role| role.claims.iter().any(|claim| catalog.gives(claim, bit)))
            }
        }
    }

    /// Everything that these privileges give in an organization.
    pub(crate) fn expand<'a>(
        &self,
        privileges: impl IntoIterator<Item = &'a Privilege>,
        organization: OrganizationId,
    ) -> ClaimSet {
        let mut set = ClaimSet::new();
        let catalog = self.catalog();
        for privilege in privileges {
            match privilege {
                Privilege::Claim(grantable) => set.extend(&catalog.expand(grantable)),
                Privilege::Role(RoleRef::Defined(role)) => {
                    let role = self.roles.get(role).filter(|role| self.is_usable(role.id, organization));
                    role.into_iter().flat_map(|role| &role.claims).for_each(|claim| set.extend(&catalog.expand(claim)));
                }
                Privilege::Role(ready_made) => set.extend(&ready_made.expand(catalog)),
            }
        }
        set
    }
}

//! Grants: claims and roles that a member holds directly, with a start and an end.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`GrantPrivilege`] | `claims.grant` | `Granted` |
//! | [`RevokePrivilege`] | `claims.grant`, or oneself | `Revoked` |
//!
//! Rules: CLM-4 to CLM-6, MEM-8.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{OrganizationId, PrincipalId};
use crate::refusal::{Precondition, rule_errors};
use crate::role::Privilege;
use crate::subscription::Feature;
use crate::time::{Timestamp, Window, ends_no_later};
use crate::tree::OrganizationTree;

/// What a member holds directly, and when it counts (CLM-6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// A claim or a role.
    pub privilege: Privilege,
    /// When it counts.
    #[serde(default)]
    pub window: Window,
}

/// Gives a member a claim or a role. Granted again, its window becomes the new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantPrivilege {
    /// Where it counts, and nowhere else (CLM-1).
    pub organization: OrganizationId,
    /// To whom; a member there.
    pub principal: PrincipalId,
    /// What.
    pub privilege: Privilege,
    /// When it counts.
    pub window: Window,
}

impl GrantPrivilege {
    /// From now on, without end.
    pub const fn new(organization: OrganizationId, principal: PrincipalId, privilege: Privilege) -> Self {
        Self { organization, principal, privilege, window: Window::ALWAYS }
    }

    /// The same, with a start or an end.
    #[must_use]
    pub const fn during(mut self, window: Window) -> Self {
        self.window = window;
        self
    }
}

impl Command for GrantPrivilege {
    type Output = ();
    type Error = GrantError;

    fn operation(&self) -> Operation {
        Operation::Grant
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), GrantError> {
        let (tree, at) = (scene.tree, scene.at);
        tree.require(Feature::UserManagement, at)?;
        let member = tree.member_of(self.organization, self.principal)?;
        if self.window.is_over(at) {
            return Err(GrantError::AlreadyOver);
        }
        let privileges = BTreeSet::from([self.privilege.clone()]);
        tree.check_declared(self.organization, &privileges)?;
        scene.may_hand_on_until(self.organization, &privileges, self.window.end())?;
        if scene.actor() == Some(self.principal) {
            scene.may_serve_oneself(self.organization, self.principal)?;
        }
        if let Some(grant) = member.grants.iter().find(|grant| grant.privilege == self.privilege) {
            if grant.window == self.window {
                return Err(GrantError::AlreadyGranted);
            }
            scene.may_take_from(self.organization, self.principal)?;
        }
        // CLM-5: the last owner's claim is given no end, nor a start that is still to come.
        let weakened = self.window.end().is_some() || !self.window.contains(at);
        if self.privilege == Privilege::OWNER && weakened {
            tree.keep_owner([self.organization], self.principal, at)?;
        }
        let grant = Grant { privilege: self.privilege.clone(), window: self.window };
        scene.emit(GrantEvent::Granted { organization: self.organization, principal: self.principal, grant });
        Ok(())
    }
}

/// Takes a claim or a role from a member, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokePrivilege {
    /// Where.
    pub organization: OrganizationId,
    /// From whom.
    pub principal: PrincipalId,
    /// What.
    pub privilege: Privilege,
}

impl Command for RevokePrivilege {
    type Output = ();
    type Error = GrantError;

    fn operation(&self) -> Operation {
        Operation::Revoke
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization).principal(self.principal)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), GrantError> {
        let member = scene.tree.member_of(self.organization, self.principal)?;
        if !member.grants.iter().any(|grant| grant.privilege == self.privilege) {
            return Err(GrantError::NotGranted);
        }
        scene.may_take_from(self.organization, self.principal)?;
        if self.privilege == Privilege::OWNER {
            scene.tree.keep_owner([self.organization], self.principal, scene.at)?;
        }
        let (organization, principal, privilege) = (self.organization, self.principal, self.privilege.clone());
        scene.emit(GrantEvent::Revoked { organization, principal, privilege });
        Ok(())
    }
}

/// What happened to a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum GrantEvent {
    /// It was given, or its window changed.
    Granted {
        /// Where.
        organization: OrganizationId,
        /// To whom.
        principal: PrincipalId,
        /// What, and when it counts.
        grant: Grant,
    },
    /// It was taken away.
    Revoked {
        /// Where.
        organization: OrganizationId,
        /// From whom.
        principal: PrincipalId,
        /// What.
        privilege: Privilege,
    },
}

rule_errors! {
    /// Why a privilege was not granted or revoked.
    pub enum GrantError + Precondition {
        #[error("the grant would be over before it begins")]
        AlreadyOver = Invalid, "grant.already_over", "CLM-6";
        #[error("they hold exactly that already")]
        AlreadyGranted = Conflict, "grant.already_granted", "CLM-4";
        #[error("they hold no such grant there")]
        NotGranted = NotFound, "grant.not_granted", "CLM-4";
    }
}

impl GrantEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        let (organization, principal, privilege) = match self {
            Self::Granted { organization, principal, grant } => (*organization, *principal, &grant.privilege),
            Self::Revoked { organization, principal, privilege } => (*organization, *principal, privilege),
        };
        tree.edit_member(organization, principal, |member| {
            let others = member.grants.iter().filter(|grant| grant.privilege != *privilege);
            let mut grants: Vec<Grant> = others.cloned().collect();
            if let Self::Granted { grant, .. } = self {
                let place = grants.partition_point(|other| other.privilege < *privilege);
                grants.insert(place, grant.clone());
            }
            member.grants = grants.into();
        });
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Granted { organization, .. } | Self::Revoked { organization, .. } => vec![*organization],
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        match self {
            Self::Granted { principal, .. } | Self::Revoked { principal, .. } => vec![*principal],
        }
    }
}

impl Scene<'_> {
    /// The same without an end; see [`Scene::may_hand_on_until`].
    pub(crate) fn may_hand_on(
        &self,
        organization: OrganizationId,
        privileges: &BTreeSet<Privilege>,
    ) -> Result<(), Precondition> {
        self.may_hand_on_until(organization, privileges, None)
    }

    /// CLM-4, MEM-8: one hands on only what one holds oneself, for no longer than one holds
    /// it; and only an owner hands on Owner.
    pub(crate) fn may_hand_on_until(
        &self,
        organization: OrganizationId,
        privileges: &BTreeSet<Privilege>,
        until: Option<Timestamp>,
    ) -> Result<(), Precondition> {
        let Some(actor) = self.actor() else { return Ok(()) };
        let tree = self.tree;
        let wanted = tree.expand(privileges, organization);
        let missing = tree.access().lacking(actor, organization, &wanted, until, self.at);
        if missing.is_empty() {
            return Ok(());
        }
        let owner = missing.is_owner().then_some(crate::Grantable::Owner);
        let claims = tree.catalog().names(&missing).cloned().map(crate::Grantable::Claim);
        Err(Precondition::HandsOnMore { claims: owner.into_iter().chain(claims).collect() })
    }

    /// CLM-4: one who is not an owner takes nothing from one who holds more.
    pub(crate) fn may_take_from(
        &self,
        organization: OrganizationId,
        principal: PrincipalId,
    ) -> Result<(), Precondition> {
        let Some(actor) = self.actor().filter(|actor| *actor != principal) else { return Ok(()) };
        let access = self.tree.access().dormant(true);
        let held = access.regardless_of_suspension().claims(principal, organization, self.at);
        if access.owns(actor, organization, self.at) || held.is_subset(&access.claims(actor, organization, self.at)) {
            Ok(())
        } else {
            Err(Precondition::HoldsMore { organization, principal })
        }
    }

    /// MEM-8: nobody adds to their own access but one who owns the organization anyway.
    pub(crate) fn may_serve_oneself(
        &self,
        organization: OrganizationId,
        actor: PrincipalId,
    ) -> Result<(), Precondition> {
        if self.tree.access().owns(actor, organization, self.at) {
            Ok(())
        } else {
            Err(Precondition::OwnAccess { principal: actor })
        }
    }
}

impl OrganizationTree {
    /// The owners who count for CLM-5: users who hold Owner directly and without an end,
    /// active members, not erased.
    pub fn acting_owners(&self, organization: OrganizationId, at: Timestamp) -> impl Iterator<Item = PrincipalId> + '_ {
        let members = crate::table::under(&self.members, organization);
        let owner = move |grant: &Grant| {
            grant.privilege == Privilege::OWNER && grant.window.end().is_none() && grant.window.contains(at)
        };
        members
            .filter(move |(principal, member)| {
                !member.suspended && member.grants.iter().any(owner) && self.is_user(*principal)
            })
            .map(|(principal, _)| principal)
    }

    /// CLM-5: what would take the last owner of any of these organizations is refused, and
    /// the refusal lists them all.
    pub(crate) fn keep_owner(
        &self,
        organizations: impl IntoIterator<Item = OrganizationId>,
        without: PrincipalId,
        at: Timestamp,
    ) -> Result<(), Precondition> {
        let last = |organization: &OrganizationId| {
            let mut owners = self.acting_owners(*organization, at).peekable();
            owners.peek().is_some() && owners.all(|owner| owner == without)
        };
        let organizations: Vec<OrganizationId> = organizations.into_iter().filter(last).collect();
        if organizations.is_empty() { Ok(()) } else { Err(Precondition::LastOwner { organizations }) }
    }

    /// The grants of a member, in the order of their privileges.
    pub fn grants_of(&self, organization: OrganizationId, principal: PrincipalId) -> &[Grant] {
        self.members.get(&(organization, principal)).map_or(&[], |member| &member.grants)
    }
}

/// Whether `held` lasts as long as `until`.
pub(crate) fn lasts(held: Option<Timestamp>, until: Option<Timestamp>) -> bool {
    ends_no_later(until, held)
}

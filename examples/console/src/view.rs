//! What one caller may see of one organization, at one instant. Routes and pages read through
//! it, so that none of them shows more than another.

use std::collections::BTreeSet;
use std::fmt::Display;

use bailiwick::{
    Actor, Authority, Claim, Demand, Denial, Event, Explanation, Grantable, Group, Invitation, InvitationId, Link,
    Need, Operation, Organization, OrganizationId, OrganizationTree, Place, PrincipalId, Recorded, RosterSubject,
    Timestamp,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::identity::Caller;
use crate::problem::Problem;

/// A tree as one caller sees it, from one organization.
pub(crate) struct View {
    pub(crate) tree: OrganizationTree,
    pub(crate) organization: OrganizationId,
    pub(crate) viewer: PrincipalId,
    pub(crate) at: Timestamp,
    is_operator: bool,
}

/// Something that is told: a sentence with names, and the same with identifiers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Told {
    /// For people.
    pub(crate) text: String,
    /// For programs.
    #[schema(value_type = Object)]
    what: Value,
}

impl View {
    /// `None` if the caller may not see that the organization exists (ERR-4).
    pub(crate) fn new(
        tree: OrganizationTree,
        caller: &Caller,
        organization: OrganizationId,
        at: Timestamp,
    ) -> Option<Self> {
        let view = Self { tree, organization, viewer: caller.principal, at, is_operator: caller.is_operator };
        view.sees(organization).then_some(view)
    }

    /// Whether they may know of an organization; the operator knows of all.
    pub(crate) fn sees(&self, organization: OrganizationId) -> bool {
        let exists = self.tree.organization(organization).is_some();
        exists && (self.is_operator || self.tree.sees(self.viewer, organization, self.at))
    }

    /// Whether they hold a claim of the library's in an organization.
    pub(crate) fn may(&self, claim: &'static str, organization: OrganizationId) -> bool {
        Claim::new(claim).is_ok_and(|claim| match self.tree.is_active(organization) {
            true => self.tree.access().allows(self.viewer, organization, &claim, self.at),
            false => self.holds_at_rest(organization, &claim.into()),
        })
    }

    /// Whether they own the organization, and so may see whom it has invited (INV-8).
    pub(crate) fn owns(&self) -> bool {
        match self.tree.is_active(self.organization) {
            true => self.tree.access().owns(self.viewer, self.organization, self.at),
            false => self.holds_at_rest(self.organization, &Grantable::Owner),
        }
    }

    /// HIE-10: where an organization rests every check denies, and reading is possible. The
    /// roster says what one holds there nevertheless.
    fn holds_at_rest(&self, organization: OrganizationId, what: &Grantable) -> bool {
        let lines = self.tree.roster_lines(organization, self.at);
        let own = lines.iter().find(|line| line.subject == RosterSubject::Principal(self.viewer));
        own.is_some_and(|line| line.claims.contains(what))
    }

    /// Refuses one who lacks a claim that it takes to look, saying which.
    pub(crate) fn require(&self, claim: &'static str) -> Result<(), Problem> {
        if self.may(claim, self.organization) {
            return Ok(());
        }
        let demand = Demand { authority: Authority::Claim(claim), place: Place::Organization };
        let need = Need { demand, claim: None, organization: Some(self.organization) };
        let denial = Denial::Forbidden { operation: Operation::ReviewAccess, ways: vec![vec![need]] };
        Err(Problem::denied(denial, self.at))
    }

    /// The audit trail is for auditors, and for the operator.
    pub(crate) fn require_audit(&self) -> Result<(), Problem> {
        if self.is_operator { Ok(()) } else { self.require("audit.view") }
    }

    /// The organization that is looked at.
    pub(crate) fn subject(&self) -> Result<&Organization, Problem> {
        self.tree.organization(self.organization).ok_or_else(Problem::not_found)
    }

    /// Those directly below one that they see, by name.
    pub(crate) fn children(&self, organization: OrganizationId) -> Vec<&Organization> {
        let seen = self.tree.children(organization).filter(|child| self.sees(*child));
        let mut children: Vec<_> = seen.filter_map(|child| self.tree.organization(child)).collect();
        children.sort_by_key(|child| child.name());
        children
    }

    /// The groups that live there, for those who may see groups.
    pub(crate) fn groups(&self, organization: OrganizationId) -> Vec<&Group> {
        let mut groups: Vec<_> = match self.may("groups.view", organization) {
            true => self.tree.groups(organization).collect(),
            false => Vec::new(),
        };
        groups.sort_by_key(|group| group.name());
        groups
    }

    /// The links that go there, for those who may see groups.
    pub(crate) fn links(&self, organization: OrganizationId) -> Vec<&Link> {
        match self.may("groups.view", organization) {
            true => self.tree.links_into(organization).collect(),
            false => Vec::new(),
        }
    }

    /// Everyone whom they may ask about: themselves, and whoever is on a roster that they see.
    pub(crate) fn acquaintances(&self) -> BTreeSet<PrincipalId> {
        let tree = &self.tree;
        let rosters =
            Claim::new("roster.view").map(|claim| tree.access().organizations(self.viewer, Some(&claim), self.at));
        let on_roster = rosters.into_iter().flatten().flat_map(|place| {
            let members = tree.members(place).map(|(principal, _)| principal);
            members.chain(tree.access().principals(place, None, self.at))
        });
        on_roster.chain([self.viewer]).collect()
    }

    /// Whether an event is theirs to read: one of this organization, or only of ones they see.
    pub(crate) fn concerns(&self, event: &Event) -> bool {
        let organizations = event.organizations();
        organizations.contains(&self.organization) || organizations.into_iter().all(|other| self.sees(other))
    }

    /// Why someone may do something here, or why not. One about whom they may not ask is as one
    /// who does not exist (ERR-4).
    pub(crate) fn explain(&self, principal: PrincipalId, claim: &Claim) -> Result<Explanation, Problem> {
        if principal != self.viewer && !self.acquaintances().contains(&principal) {
            return Err(Problem::not_found());
        }
        Ok(self.tree.access().explain(principal, self.organization, claim, self.at))
    }

    /// An invitation of the organization, for its owners.
    pub(crate) fn invitation(&self, id: InvitationId) -> Result<&Invitation, Problem> {
        let found = self.tree.invitation(id).filter(|found| found.organization() == self.organization && self.owns());
        found.ok_or_else(Problem::not_found)
    }

    /// Who committed something, by name.
    pub(crate) fn actor(&self, commit: &Recorded) -> String {
        match commit.actor {
            Actor::Operator(_) => "the operator".to_owned(),
            Actor::Principal(principal) => self.tree.name_of(principal).unwrap_or_else(|| "a newcomer".to_owned()),
        }
    }

    /// What something is called, or its identifier if nothing is known of it any more.
    pub(crate) fn name(&self, id: impl Into<Uuid>) -> String {
        let id = id.into();
        self.tree.name_of(id).unwrap_or_else(|| id.to_string())
    }

    /// A sentence of the library's with names, and the same for programs.
    pub(crate) fn tell(&self, what: &(impl Display + Serialize)) -> Told {
        Told { text: self.tree.with_names(what), what: serde_json::to_value(what).unwrap_or_default() }
    }
}

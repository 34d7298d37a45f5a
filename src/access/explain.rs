//! Explanations: every path that gives an answer, or every reason against it (CLM-9).

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow::{self, Continue};

use serde::Serialize;

use super::claim::Claim;
use super::evaluate::{Access, Decision, Gives, Question, Route};
use crate::id::{GroupId, LinkId, OrganizationId, PrincipalId, SupportId};
use crate::name::CapabilityName;
use crate::participant::Participant;
use crate::principal::Principal;
use crate::role::Privilege;
use crate::time::{Timestamp, Window};

/// One way by which something is held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Path {
    /// By a grant in the organization itself.
    Grant {
        /// The claim or role granted.
        privilege: Privilege,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// By a group.
    Group {
        /// From the group that they are a member of, through those that it is nested in, to
        /// the group that is active there.
        chain: Vec<GroupId>,
        /// The link that makes it active there; none where it lives.
        link: Option<LinkId>,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// By support access, which gives what is of the view kind alone.
    Support {
        /// Which.
        support: SupportId,
        /// Until when.
        until: Option<Timestamp>,
    },
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = match self {
            Self::Grant { privilege, until } => {
                write!(f, "by the grant of {privilege}")?;
                until
            }
            Self::Support { support, until } => {
                write!(f, "by support access {support}")?;
                until
            }
            Self::Group { chain, link, until } => {
                f.write_str("as a member of ")?;
                for (position, group) in chain.iter().enumerate() {
                    write!(f, "{}group {group}", if position == 0 { "" } else { ", nested in " })?;
                }
                if let Some(link) = link {
                    write!(f, ", through link {link}")?;
                }
                until
            }
        };
        match until {
            Some(until) => write!(f, ", until {until}"),
            None => Ok(()),
        }
    }
}

/// Why an answer is no, and what would be needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no such organization in this tree.
    UnknownOrganization,
    /// There is no such principal in this tree.
    UnknownPrincipal,
    /// The claim is not declared.
    UndeclaredClaim,
    /// The organization, or this ancestor of it, is deactivated.
    Inactive {
        /// The topmost one.
        organization: OrganizationId,
    },
    /// They are suspended there, or in the organization that their group lives in.
    Suspended {
        /// Where.
        organization: OrganizationId,
    },
    /// They hold the claim, but a capability that it requires is not effective.
    MissingCapability {
        /// Which.
        capability: CapabilityName,
        /// The topmost organization on the path that lacks it.
        organization: OrganizationId,
    },
    /// A grant would give it at another time.
    OutsideGrant {
        /// The claim or role granted.
        privilege: Privilege,
        /// When it counts.
        window: Window,
    },
    /// Support access gives claims of the view kind and no other.
    SupportViewsOnly {
        /// Which.
        support: SupportId,
    },
    /// Support access was given for another time.
    OutsideSupport {
        /// Which.
        support: SupportId,
        /// When it counts.
        window: Window,
    },
    /// A group of theirs would give it, but no link of it counts there now.
    GroupNotActive {
        /// The group.
        group: GroupId,
    },
    /// The subscription has lapsed, and links give no access meanwhile.
    LinksSuspended,
    /// No path gives it.
    NoPath,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOrganization => f.write_str("there is no such organization"),
            Self::UnknownPrincipal => f.write_str("there is no such principal"),
            Self::UndeclaredClaim => f.write_str("the claim is not declared: add it to the catalog"),
            Self::Inactive { organization } => write!(f, "{organization} is deactivated: an owner must reactivate it"),
            Self::Suspended { organization } => {
                write!(f, "they are suspended in {organization}: they must be restored")
            }
            Self::MissingCapability { capability, organization } => {
                write!(f, "`{capability}` is not effective in {organization}: it must be assigned or renewed there")
            }
            Self::OutsideGrant { privilege, window } => {
                write!(f, "the grant of {privilege} counts")?;
                window.start().map_or(Ok(()), |from| write!(f, " from {from}"))?;
                window.end().map_or(Ok(()), |until| write!(f, " until {until}"))?;
                f.write_str(" only")
            }
            Self::SupportViewsOnly { .. } => f.write_str("support access lets one view, and nothing else"),
            Self::OutsideSupport { window, .. } => {
                f.write_str("support access was given")?;
                window.start().map_or(Ok(()), |from| write!(f, " from {from}"))?;
                window.end().map_or(Ok(()), |until| write!(f, " until {until}"))?;
                f.write_str(" only: it must be requested again")
            }
            Self::GroupNotActive { group } => write!(f, "group {group} is not active there: it must be linked"),
            Self::LinksSuspended => {
                f.write_str("links are suspended since the subscription lapsed: it must be renewed")
            }
            Self::NoPath => f.write_str("nothing gives it: a grant, a role or a group must"),
        }
    }
}

/// An answer with all that leads to it; for a person to read and a program to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What was asked.
    pub question: Question,
    /// The answer, as [`Access::check`] gives it.
    pub decision: Decision,
    /// Every path that gives it, where it is allowed.
    pub paths: Vec<Path>,
    /// Every reason against it, where it is not.
    pub reasons: Vec<Reason>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Question { principal, organization, claim } = &self.question;
        let may = if self.decision.allowed { "may" } else { "may not" };
        write!(f, "{principal} {may} {claim} in {organization}")?;
        self.paths.iter().try_for_each(|path| write!(f, "\n  {path}"))?;
        self.reasons.iter().try_for_each(|reason| write!(f, "\n  {reason}"))
    }
}

/// What a principal still has in an organization, and through what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Where.
    pub organization: OrganizationId,
    /// Through what.
    pub paths: Vec<Path>,
}

impl<'a> Access<'a> {
    /// Every path that gives a claim, or every reason against it.
    pub fn explain(
        &self,
        principal: PrincipalId,
        organization: OrganizationId,
        claim: &Claim,
        at: Timestamp,
    ) -> Explanation {
        let question = Question { principal, organization, claim: claim.clone() };
        let (mut paths, mut reasons) = (Vec::new(), Vec::new());
        let bit = self.catalog.bit(claim);
        let decision = self.every_path().decide_along(&question, at, &mut |route| {
            if bit.is_some_and(|bit| self.gives(&route.gives, organization, bit)) {
                paths.push(path(&route));
            }
        });
        if decision.allowed {
            paths.sort();
        } else {
            paths.clear();
            reasons = self.reasons_against(&question, at);
        }
        Explanation { question, decision, paths, reasons }
    }

    /// Every path by which a principal holds anything in an organization.
    pub fn paths(&self, principal: PrincipalId, organization: OrganizationId, at: Timestamp) -> Vec<Path> {
        let mut paths = Vec::new();
        let _: ControlFlow<()> = self.every_path().visit(principal, organization, at, &mut |_| {}, &mut |route| {
            paths.push(path(&route));
            Continue(())
        });
        paths.sort();
        paths
    }

    /// Every organization that a principal has anything in, and through what.
    pub fn everything_of(&self, principal: PrincipalId, at: Timestamp) -> Vec<Reached> {
        let organizations = self.organizations(principal, None, at);
        let reached = |organization| Reached { organization, paths: self.paths(principal, organization, at) };
        organizations.into_iter().map(reached).collect()
    }

    fn reasons_against(&self, question: &Question, at: Timestamp) -> Vec<Reason> {
        let tree = self.tree;
        let Question { principal, organization, claim } = question;
        if tree.organization(*organization).is_none() {
            return vec![Reason::UnknownOrganization];
        }
        if matches!(tree.principal(*principal), None | Some(Principal::Erased))
            && tree.support_of(*principal, *organization).next().is_none()
        {
            return vec![Reason::UnknownPrincipal];
        }
        let Some(bit) = tree.catalog().bit(claim) else { return vec![Reason::UndeclaredClaim] };
        let mut reasons = Vec::new();
        if let Some(organization) = tree.inactive_on_path(*organization) {
            reasons.push(Reason::Inactive { organization });
        }
        let awake = self.dormant(true);
        let held = awake.regardless_of_suspension().holds(*principal, *organization, bit, at);
        let resting = held && !awake.holds(*principal, *organization, bit, at);
        let suspended = tree.memberships(*principal).filter(|place| {
            let relevant = place == organization || (resting && tree.is_ancestor(*place, *organization));
            relevant && tree.member(*place, *principal).is_some_and(|member| member.suspended)
        });
        reasons.extend(suspended.map(|organization| Reason::Suspended { organization }));
        if let Some(capability) =
            tree.catalog().declaration(claim).and_then(|declaration| declaration.requires.as_ref())
            && let Some(lacking) = tree.lacking(*organization, capability, at)
        {
            reasons.push(Reason::MissingCapability { capability: capability.clone(), organization: lacking });
        }
        // What would give it at another time, or elsewhere, is told only where nothing does.
        if !held {
            let given = reasons.len();
            for grant in tree.grants_of(*organization, *principal) {
                if !grant.window.contains(at) && tree.privilege_gives(&grant.privilege, *organization, bit) {
                    reasons.push(Reason::OutsideGrant { privilege: grant.privilege.clone(), window: grant.window });
                }
            }
            for (support, window) in tree.support_of(*principal, *organization) {
                reasons.push(if window.contains(at) {
                    Reason::SupportViewsOnly { support: support.id() }
                } else {
                    Reason::OutsideSupport { support: support.id(), window }
                });
            }
            reasons.extend(self.idle_groups(question, bit, at));
            if reasons.len() == given {
                reasons.push(Reason::NoPath);
            }
        }
        reasons
    }

    /// Groups of theirs that would give the claim, or lead to one that does, if they were
    /// active there.
    fn idle_groups(&self, question: &Question, bit: usize, at: Timestamp) -> Vec<Reason> {
        let (tree, organization) = (self.tree, question.organization);
        let gives = |group: &crate::Group| {
            group.gives.iter().any(|privilege| tree.privilege_gives(privilege, organization, bit))
        };
        let mut idle = BTreeSet::new();
        for group in self.groups_above(question.principal).iter().filter_map(|id| tree.groups.get(id)) {
            let above = tree.is_ancestor(group.organization, organization);
            if above && !tree.is_group_active(group.id, organization, at) {
                let outer = tree.groups_holding(Participant::Group(group.id));
                let leads = outer.filter_map(|id| tree.groups.get(&id)).any(|outer| {
                    outer.organization == organization
                        && (gives(outer) || self.leads_to(outer.id, organization, &gives))
                });
                if gives(group) || leads {
                    idle.insert(group.id);
                }
            }
        }
        let reason = |group: GroupId| {
            let linked = tree.links_reaching(group, organization).next().is_some();
            if linked && !tree.links_stand(at) { Reason::LinksSuspended } else { Reason::GroupNotActive { group } }
        };
        idle.into_iter().map(reason).collect()
    }

    /// Whether a group is nested, at some distance, in one of that organization that gives it.
    fn leads_to(&self, group: GroupId, organization: OrganizationId, gives: &impl Fn(&crate::Group) -> bool) -> bool {
        let tree = self.tree;
        let own = tree.groups(organization).filter(|outer| gives(outer));
        own.into_iter().any(|outer| tree.holds_group(outer.id, group))
    }
}

fn path(route: &Route<'_, '_>) -> Path {
    let (chain, until) = (route.chain.to_vec(), route.until);
    match route.gives {
        Gives::Privilege(privilege) => Path::Grant { privilege: privilege.clone(), until },
        Gives::Support(support) => Path::Support { support: support.id(), until },
        Gives::Home(_) => Path::Group { chain, link: None, until },
        Gives::Linked(_, link) => Path::Group { chain, link: Some(link.id()), until },
    }
}

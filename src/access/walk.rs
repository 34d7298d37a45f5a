//! The walk of a check: from a principal's row and an organization's, by number and without
//! allocating, to whatever gives something.
//!
//! It goes the same ways as [`Access::visit`], which also says which way it was. What a row
//! marks as more than a word can say is asked of the state.

use std::ops::ControlFlow::{self, Break, Continue};

use smallvec::SmallVec;
use uuid::Uuid;

use super::dense::DenseIndex;
use super::dense::organization::Place;
use super::dense::principal::Standing;
use super::dense::row::{NONE, Way};
use super::evaluate::{Access, Gives};
use super::set::ClaimSet;
use crate::id::{GroupId, OrganizationId, PrincipalId};
use crate::time::Timestamp;

/// Something that is held.
pub(super) enum Gift<'a> {
    /// A set of privileges.
    Set(u32),
    /// What a link gives of the set that its group gives.
    Narrowed { to: u32, of: u32 },
    /// What the state gives.
    State(Gives<'a>),
}

impl<'a> Access<'a> {
    pub(super) const fn index(&self) -> &'a DenseIndex {
        &self.tree.index.dense
    }

    /// Whether a principal holds the claim numbered `bit` there, whatever it requires.
    #[inline(always)]
    pub(super) fn holds_at(&self, principal: Standing<'a>, place: Place<'a>, bit: usize, at: Timestamp) -> bool {
        if !self.dormant
            && !self.suspended
            && let Some(holds) = self.index().holds(self.front, self.catalog, principal, place, bit, at)
        {
            return holds;
        }
        self.walks_to(principal, place, bit, at)
    }

    #[inline(never)]
    fn walks_to(self, principal: Standing<'a>, place: Place<'a>, bit: usize, at: Timestamp) -> bool {
        let each = |gift| if self.gift_gives(&gift, place, bit) { Break(()) } else { Continue(()) };
        self.walk(principal, place, at, each).is_break()
    }

    pub(super) fn holds(
        &self,
        principal: PrincipalId,
        organization: OrganizationId,
        bit: usize,
        at: Timestamp,
    ) -> bool {
        let found = self.find(principal, organization);
        found.is_some_and(|(principal, place)| self.holds_at(principal, place, bit, at))
    }

    #[inline(always)]
    pub(super) fn find(
        &self,
        principal: PrincipalId,
        organization: OrganizationId,
    ) -> Option<(Standing<'a>, Place<'a>)> {
        self.index().rows(self.front, principal, organization)
    }

    /// Everything that a principal holds there, whatever it requires.
    pub(super) fn held(&self, principal: PrincipalId, organization: OrganizationId, at: Timestamp) -> ClaimSet {
        let mut held = ClaimSet::new();
        let Some((principal, place)) = self.find(principal, organization) else { return held };
        let _: ControlFlow<()> = self.walk(principal, place, at, |gift| {
            match gift {
                Gift::Set(set) => self.extend_by(&mut held, set, place),
                Gift::Narrowed { to, of } => {
                    let (mut narrowed, mut given) = (ClaimSet::new(), ClaimSet::new());
                    self.extend_by(&mut narrowed, to, place);
                    self.extend_by(&mut given, of, place);
                    held.extend(&narrowed.without(&narrowed.without(&given)));
                }
                Gift::State(gives) => held.extend(&self.expand(&gives, organization)),
            }
            Continue(())
        });
        held
    }

    /// What a principal holds there directly and without an end, as rows have it.
    pub(super) fn held_for_good(&self, principal: PrincipalId, organization: OrganizationId) -> ClaimSet {
        let mut held = ClaimSet::new();
        if let Some((principal, place)) = self.find(principal, organization)
            && principal.is_known()
            && self.answers(place)
            && let Some(holding) = principal.holding(place.number())
            && (self.suspended || !holding.is_suspended())
            && let Some(set) = holding.set()
        {
            self.extend_by(&mut held, set, place);
        }
        held
    }

    fn extend_by(&self, held: &mut ClaimSet, set: u32, place: Place<'_>) {
        let (catalog, index) = (self.catalog, self.index());
        held.extend(&index.sets.claims(catalog, set));
        for role in index.sets.roles(catalog, set).iter().filter_map(|role| index.role_rows.get(*role)) {
            if is_usable(role.home, place) {
                held.extend(&role.claims);
            }
        }
    }

    #[inline]
    fn gift_gives(&self, gift: &Gift<'a>, place: Place<'_>, bit: usize) -> bool {
        match gift {
            Gift::Set(set) => self.set_gives(*set, place, bit),
            Gift::Narrowed { to, of } => self.set_gives(*to, place, bit) && self.set_gives(*of, place, bit),
            Gift::State(gives) => {
                let organization = OrganizationId::new(place.row.id());
                organization.is_ok_and(|organization| self.gives(gives, organization, bit))
            }
        }
    }

    #[inline]
    fn set_gives(&self, set: u32, place: Place<'_>, bit: usize) -> bool {
        let catalog = self.catalog;
        let gives = self.index().sets.gives(catalog, set, bit);
        gives.unwrap_or_else(|| self.roles_give(self.index().sets.roles(catalog, set), place, bit))
    }

    fn roles_give(&self, roles: &[u32], place: Place<'_>, bit: usize) -> bool {
        roles
            .iter()
            .filter_map(|role| self.index().role_rows.get(*role))
            .any(|role| role.claims.contains(bit) && is_usable(role.home, place))
    }

    /// HIE-10: whether an organization answers, being there and effectively active.
    #[inline]
    fn answers(&self, place: Place<'_>) -> bool {
        let index = self.index();
        let inactive = |number: &u32| index.above.get(*number).is_some_and(|row| row.inactive);
        let path = || place.ancestors().iter().chain([&place.row.number]);
        self.dormant || (place.row.is_there() && (index.inactive == 0 || !path().any(inactive)))
    }

    /// Walks everything that a principal holds in an organization, until `each` breaks.
    #[inline]
    fn walk<B>(
        &self,
        principal: Standing<'a>,
        place: Place<'a>,
        at: Timestamp,
        mut each: impl FnMut(Gift<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if !self.answers(place) {
            return Continue(());
        }
        if principal.is_engineer() {
            self.walk_support(principal, place, at, &mut each)?;
        }
        let direct = principal.holding(place.number());
        // MEM-7: a suspended user is denied there, whatever the path.
        if !principal.is_known() || (!self.suspended && direct.is_some_and(|holding| holding.is_suspended())) {
            return Continue(());
        }
        match direct.map(|holding| holding.set()) {
            Some(Some(set)) => each(Gift::Set(set))?,
            Some(None) => self.walk_grants(principal, place, at, &mut each)?,
            None => {}
        }
        for group in principal.groups() {
            if self.index().nestings == 0 {
                self.walk_group(group, principal, place, at, &mut each)?;
            } else if self.counts(group, principal) {
                self.walk_nest(group, place, at, &mut each)?;
            }
        }
        Continue(())
    }

    #[cold]
    fn walk_support<B>(
        &self,
        principal: Standing<'_>,
        place: Place<'_>,
        at: Timestamp,
        each: &mut impl FnMut(Gift<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let Some((engineer, organization)) = ids(principal, place) else { return Continue(()) };
        let given = self.tree.support_of(engineer, organization).filter(|(_, window)| window.contains(at));
        given.map(|(support, _)| Gift::State(Gives::Support(support))).try_for_each(each)
    }

    /// Grants of which one has a start or an end.
    fn walk_grants<B>(
        &self,
        principal: Standing<'_>,
        place: Place<'_>,
        at: Timestamp,
        each: &mut impl FnMut(Gift<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let Some((principal, organization)) = ids(principal, place) else { return Continue(()) };
        let member = self.tree.members.get(&(organization, principal));
        let grants = member.into_iter().flat_map(|member| member.grants()).filter(|grant| grant.window.contains(at));
        grants.map(|grant| Gift::State(Gives::Privilege(&grant.privilege))).try_for_each(each)
    }

    /// MEM-1: a group counts for those who are members, and not suspended, where it lives.
    #[inline]
    fn counts(&self, group: u32, principal: Standing<'_>) -> bool {
        let home = self.front.groups.get(group).and_then(|row| principal.holding(row.home));
        home.is_some_and(|holding| self.suspended || !holding.is_suspended())
    }

    /// What a group gives there, to one of its members by themselves.
    #[inline]
    fn walk_group<B>(
        &self,
        group: u32,
        principal: Standing<'_>,
        place: Place<'a>,
        at: Timestamp,
        each: &mut impl FnMut(Gift<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if (place.may_have(group) || self.index().reaching > 0) && self.counts(group, principal) {
            self.walk_active(group, place, at, each)?;
        }
        Continue(())
    }

    /// What a group and those that it is nested in give there.
    fn walk_nest<B>(
        &self,
        group: u32,
        place: Place<'a>,
        at: Timestamp,
        each: &mut impl FnMut(Gift<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut seen: SmallVec<[u32; 24]> = SmallVec::new();
        seen.push(group);
        let mut next = 0;
        while let Some(group) = seen.get(next).copied() {
            next = next.saturating_add(1);
            self.walk_active(group, place, at, each)?;
            let index = self.index();
            let outer = self.front.groups.get(group).map(|row| row.outer(&index.lists)).unwrap_or_default();
            for outer in outer {
                if !seen.contains(outer) && self.is_nested(group, *outer, at) {
                    seen.push(*outer);
                }
            }
        }
        Continue(())
    }

    /// GRP-3: whether a group counts as a member of another: it lives there too, or is linked
    /// there.
    fn is_nested(&self, group: u32, outer: u32, at: Timestamp) -> bool {
        let index = self.index();
        let (Some(row), Some(outer)) = (self.front.groups.get(group), self.front.groups.get(outer)) else {
            return false;
        };
        if row.home == outer.home {
            return row.home != NONE;
        }
        let Some(place) = index.above.get(outer.home).and_then(|home| index.place(home.id)) else { return false };
        let mut any = |_: Gift<'a>| Break(());
        let active = place.active(group);
        active.is_some_and(|way| self.walk_linked(group, way, place.row.id(), place, at, &mut any).is_break())
            || self.walk_reach(group, place, at, &mut any).is_break()
    }

    /// What a group gives there, by living there or by its links.
    #[inline]
    fn walk_active<B>(
        &self,
        group: u32,
        place: Place<'a>,
        at: Timestamp,
        each: &mut impl FnMut(Gift<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let Some(row) = self.front.groups.get(group).filter(|row| row.home != NONE) else { return Continue(()) };
        if row.home == place.number() {
            return each(Gift::Set(row.gives));
        }
        // GRP-4: a link counts below where its group lives.
        if !place.ancestors().contains(&row.home) {
            return Continue(());
        }
        if let Some(way) = place.active(group) {
            self.walk_linked(group, way, place.row.id(), place, at, each)?;
        }
        self.walk_reach(group, place, at, each)
    }

    /// What a link of a group to `target` gives in `place`, which it reaches.
    #[inline]
    fn walk_linked<B>(
        &self,
        group: u32,
        way: Way,
        target: Uuid,
        place: Place<'a>,
        at: Timestamp,
        each: &mut impl FnMut(Gift<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let index = self.index();
        // LIC-4: after a lapse that suspends, links give nothing.
        let (Some(row), true) = (self.front.groups.get(group), index.links_stand_at(at)) else {
            return Continue(());
        };
        match way {
            Way::Inherit => each(Gift::Set(row.passes)),
            Way::MakesOwners => each(Gift::Set(row.gives)),
            Way::Narrowed(to) => each(Gift::Narrowed { to, of: row.gives }),
            Way::Ask => {
                let group = index.groups.id(group).unwrap_or_default();
                self.walk_link(group, target, place.row.id(), at, each)
            }
        }
    }

    /// What the links of a group to an organization above give there, by their reach (GRP-8).
    fn walk_reach<B>(
        &self,
        group: u32,
        place: Place<'a>,
        at: Timestamp,
        each: &mut impl FnMut(Gift<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let index = self.index();
        if index.reaching == 0 {
            return Continue(());
        }
        let Some((parent, _)) = place.ancestors().split_last() else { return Continue(()) };
        for above in place.ancestors() {
            let Some(target) = index.above.get(*above) else { continue };
            let Some(bond) = target.reaching(group) else { continue };
            if bond.children_only && above != parent {
                continue;
            }
            self.walk_linked(group, bond.way, target.id, place, at, each)?;
        }
        Continue(())
    }

    /// What a link that a word does not describe gives there.
    #[cold]
    fn walk_link<B>(
        &self,
        group: Uuid,
        target: Uuid,
        place: Uuid,
        at: Timestamp,
        each: &mut impl FnMut(Gift<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let ids = (GroupId::new(group), OrganizationId::new(target), OrganizationId::new(place));
        let (Ok(group), Ok(target), Ok(organization)) = ids else { return Continue(()) };
        let tree = self.tree;
        let link = tree.links.get(&(group, target));
        let counts = link.filter(|link| link.terms.window.contains(at) && tree.is_in_reach(link, organization));
        match (counts, tree.groups.get(&group)) {
            (Some(link), Some(group)) => each(Gift::State(Gives::Linked(group, link))),
            _ => Continue(()),
        }
    }
}

/// What rows stand for; only those that are in use are found.
fn ids(principal: Standing<'_>, place: Place<'_>) -> Option<(PrincipalId, OrganizationId)> {
    Some((PrincipalId::new(principal.id()).ok()?, OrganizationId::new(place.row.id()).ok()?))
}

/// CLM-3: whether a role that lives at `home` is usable in an organization.
#[inline]
fn is_usable(home: u32, place: Place<'_>) -> bool {
    home != NONE && (home == place.number() || place.ancestors().contains(&home))
}

//! The rows of the dense index: what a check reads, each mostly in two cache lines.

use uuid::Uuid;

use super::numbers::Row;
use super::words::Words;
use crate::access::set::ClaimSet;

/// No number.
pub(crate) const NONE: u32 = u32::MAX;

/// How a principal holds something directly: a set of privileges, unless it must be asked of
/// the member because a grant of theirs has a start or an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holding(u32);

impl Holding {
    const SUSPENDED: u32 = 1 << 31;
    const TIMED: u32 = 1 << 30;

    /// Of a set; its number is far below the marks.
    pub(crate) const fn new(set: Option<u32>, suspended: bool) -> Self {
        let how = match set {
            Some(set) => set,
            None => Self::TIMED,
        };
        Self(if suspended { how | Self::SUSPENDED } else { how })
    }

    pub(crate) const fn is_suspended(self) -> bool {
        self.0 & Self::SUSPENDED != 0
    }

    /// The set; none where the member must be asked.
    pub(crate) const fn set(self) -> Option<u32> {
        if self.0 & Self::TIMED == 0 { Some(self.0 & !Self::SUSPENDED) } else { None }
    }
}

/// How a group is active in an organization, or below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It lives there.
    Home,
    /// By a link that has an end, exclusions or the like: the link must be asked.
    Ask,
    /// By a link that inherits, without Owner.
    Inherit,
    /// By a link that inherits, Owner included.
    MakesOwners,
    /// By a link that gives only this set of what the group gives.
    Narrowed(u32),
}

/// A way, and whether it reaches the children alone; packed into a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arc {
    pub(crate) way: Way,
    pub(crate) children_only: bool,
}

impl Arc {
    const CHILDREN_ONLY: u32 = 1 << 31;
    const KINDS: u32 = 4;

    const fn pack(self) -> u32 {
        let way = match self.way {
            Way::Home => 0,
            Way::Ask => 1,
            Way::Inherit => 2,
            Way::MakesOwners => 3,
            Way::Narrowed(set) => set.saturating_add(Self::KINDS),
        };
        if self.children_only { way | Self::CHILDREN_ONLY } else { way }
    }

    #[inline]
    const fn unpack(word: u32) -> Self {
        let way = match word & !Self::CHILDREN_ONLY {
            0 => Way::Home,
            1 => Way::Ask,
            2 => Way::Inherit,
            3 => Way::MakesOwners,
            set => Way::Narrowed(set.saturating_sub(Self::KINDS)),
        };
        Self { way, children_only: word & Self::CHILDREN_ONLY != 0 }
    }
}

/// How many words so many pairs take.
#[inline]
fn words_of(pairs: u32) -> usize {
    usize::try_from(pairs).unwrap_or(usize::MAX).saturating_mul(2)
}

/// Pairs sorted by their first half, within a longer list.
fn search(pairs: &[u32], first: u32) -> Result<usize, usize> {
    let (pairs, _) = pairs.as_chunks::<2>();
    pairs.binary_search_by_key(&first, |[key, _]| *key)
}

#[inline]
fn second(pairs: &[u32], first: u32) -> Option<u32> {
    let (pairs, _) = pairs.as_chunks::<2>();
    if pairs.len() > 8 {
        let found = pairs.binary_search_by_key(&first, |[key, _]| *key).ok()?;
        return pairs.get(found).map(|[_, second]| *second);
    }
    pairs.iter().find(|[key, _]| *key == first).map(|[_, second]| *second)
}

/// A principal: where they are a member, and which groups they are in.
#[derive(Clone, Debug, Default)]
pub(crate) struct PrincipalRow {
    id: Uuid,
    /// Whether they are known to the tree and not erased.
    pub(crate) known: bool,
    /// Whether they are an engineer with support access to some organization.
    pub(crate) engineer: bool,
    memberships: u32,
    /// Pairs of organization and holding, then groups; each part sorted.
    words: Words,
}

impl Row for PrincipalRow {
    fn id(&self) -> Uuid {
        self.id
    }
    fn of(id: Uuid) -> Self {
        Self { id, ..Self::default() }
    }
}

impl PrincipalRow {
    #[inline]
    fn groups_from(&self) -> usize {
        words_of(self.memberships)
    }

    #[inline]
    fn pairs(&self) -> &[u32] {
        self.words.as_slice().get(..self.groups_from()).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn holding(&self, organization: u32) -> Option<Holding> {
        second(self.pairs(), organization).map(Holding)
    }

    pub(crate) fn memberships(&self) -> impl Iterator<Item = (u32, Holding)> + '_ {
        self.pairs().as_chunks::<2>().0.iter().map(|[organization, holding]| (*organization, Holding(*holding)))
    }

    #[inline]
    pub(crate) fn groups(&self) -> &[u32] {
        self.words.as_slice().get(self.groups_from()..).unwrap_or_default()
    }

    pub(crate) fn set_membership(&mut self, organization: u32, holding: Option<Holding>) {
        let found = search(self.pairs(), organization);
        let (Ok(place) | Err(place)) = found;
        let start = place.saturating_mul(2);
        let end = start.saturating_add(if found.is_ok() { 2 } else { 0 });
        match holding {
            Some(Holding(holding)) => self.words.splice(start..end, &[organization, holding]),
            None => self.words.splice(start..end, &[]),
        }
        match (found.is_ok(), holding.is_some()) {
            (false, true) => self.memberships = self.memberships.saturating_add(1),
            (true, false) => self.memberships = self.memberships.saturating_sub(1),
            _ => {}
        }
    }

    pub(crate) fn set_group(&mut self, group: u32, is_in: bool) {
        let from = self.groups_from();
        match (self.groups().binary_search(&group), is_in) {
            (Err(place), true) => {
                let place = from.saturating_add(place);
                self.words.splice(place..place, &[group]);
            }
            (Ok(place), false) => {
                let place = from.saturating_add(place);
                self.words.splice(place..place.saturating_add(1), &[]);
            }
            _ => {}
        }
    }
}

/// An organization: what is above it, and which groups are active there or below.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrganizationRow {
    id: Uuid,
    /// Whether it is there: neither removed nor departed.
    pub(crate) there: bool,
    /// Whether it was itself deactivated.
    pub(crate) inactive: bool,
    ancestors: u16,
    active: u32,
    /// The ancestors from the root down; then pairs of a group and how it is active; then
    /// pairs of a group and how a link to here reaches further down. Pairs are sorted.
    words: Words,
}

impl Row for OrganizationRow {
    fn id(&self) -> Uuid {
        self.id
    }
    fn of(id: Uuid) -> Self {
        Self { id, ..Self::default() }
    }
}

impl OrganizationRow {
    #[inline]
    fn active_from(&self) -> usize {
        usize::from(self.ancestors)
    }

    #[inline]
    fn reaching_from(&self) -> usize {
        self.active_from().saturating_add(words_of(self.active))
    }

    #[inline]
    pub(crate) fn ancestors(&self) -> &[u32] {
        self.words.as_slice().get(..self.active_from()).unwrap_or_default()
    }

    #[inline]
    fn active_pairs(&self) -> &[u32] {
        self.words.as_slice().get(self.active_from()..self.reaching_from()).unwrap_or_default()
    }

    #[inline]
    fn reaching_pairs(&self) -> &[u32] {
        self.words.as_slice().get(self.reaching_from()..).unwrap_or_default()
    }

    /// How a group is active there, its own links alone.
    #[inline]
    pub(crate) fn active(&self, group: u32) -> Option<Way> {
        second(self.active_pairs(), group).map(|word| Arc::unpack(word).way)
    }

    /// How a link of a group to here reaches further down.
    #[inline]
    pub(crate) fn reaching(&self, group: u32) -> Option<Arc> {
        second(self.reaching_pairs(), group).map(Arc::unpack)
    }

    pub(crate) fn set_ancestors(&mut self, ancestors: &[u32]) {
        self.words.splice(0..self.active_from(), ancestors);
        // Levels are limited far below this (HIE-2).
        self.ancestors = u16::try_from(ancestors.len()).unwrap_or(u16::MAX);
    }

    pub(crate) fn set_active(&mut self, group: u32, way: Option<Way>) {
        let arc = way.map(|way| Arc { way, children_only: false });
        let (from, found) = (self.active_from(), search(self.active_pairs(), group));
        self.set_pair(from, found, group, arc);
        match (found.is_ok(), way.is_some()) {
            (false, true) => self.active = self.active.saturating_add(1),
            (true, false) => self.active = self.active.saturating_sub(1),
            _ => {}
        }
    }

    /// Whether one was there before.
    pub(crate) fn set_reaching(&mut self, group: u32, arc: Option<Arc>) -> bool {
        let (from, found) = (self.reaching_from(), search(self.reaching_pairs(), group));
        self.set_pair(from, found, group, arc);
        found.is_ok()
    }

    fn set_pair(&mut self, from: usize, found: Result<usize, usize>, group: u32, arc: Option<Arc>) {
        let (Ok(place) | Err(place)) = found;
        let start = from.saturating_add(place.saturating_mul(2));
        let end = start.saturating_add(if found.is_ok() { 2 } else { 0 });
        match arc {
            Some(arc) => self.words.splice(start..end, &[group, arc.pack()]),
            None => self.words.splice(start..end, &[]),
        }
    }

    /// The pairs, for a comparison.
    pub(crate) fn arcs(&self) -> impl Iterator<Item = (u32, Arc)> + '_ {
        let pairs = self.active_pairs().as_chunks::<2>().0.iter().chain(self.reaching_pairs().as_chunks::<2>().0);
        pairs.map(|[group, word]| (*group, Arc::unpack(*word)))
    }
}

/// A group: where it lives, what it gives, and what it is nested in.
#[derive(Clone, Debug)]
pub(crate) struct GroupRow {
    id: Uuid,
    /// Where it lives; none if it is not there.
    pub(crate) home: u32,
    /// What it gives at home.
    pub(crate) gives: u32,
    /// What it gives below, where a link makes no owners (GRP-2).
    pub(crate) passes: u32,
    /// The groups that hold it.
    outer: Words,
}

impl Default for GroupRow {
    fn default() -> Self {
        Self { id: Uuid::nil(), home: NONE, gives: 0, passes: 0, outer: Words::default() }
    }
}

impl Row for GroupRow {
    fn id(&self) -> Uuid {
        self.id
    }
    fn of(id: Uuid) -> Self {
        Self { id, ..Self::default() }
    }
}

impl GroupRow {
    #[inline]
    pub(crate) fn outer(&self) -> &[u32] {
        self.outer.as_slice()
    }

    /// Whether anything changed.
    pub(crate) fn set_outer(&mut self, outer: u32, is_in: bool) -> bool {
        match (self.outer().binary_search(&outer), is_in) {
            (Err(place), true) => self.outer.splice(place..place, &[outer]),
            (Ok(place), false) => self.outer.splice(place..place.saturating_add(1), &[]),
            _ => return false,
        }
        true
    }
}

/// A defined role: where it lives, and which claims it carries.
#[derive(Clone, Debug)]
pub(crate) struct RoleRow {
    id: Uuid,
    /// Where it lives; none if it is not there.
    pub(crate) home: u32,
    pub(crate) claims: ClaimSet,
}

impl Default for RoleRow {
    fn default() -> Self {
        Self { id: Uuid::nil(), home: NONE, claims: ClaimSet::new() }
    }
}

impl Row for RoleRow {
    fn id(&self) -> Uuid {
        self.id
    }
    fn of(id: Uuid) -> Self {
        Self { id, ..Self::default() }
    }
}

/// What a set of privileges stands for: claims, and roles that count where they are usable.
#[derive(Clone, Debug, Default)]
pub(crate) struct SetRow {
    pub(crate) claims: ClaimSet,
    pub(crate) roles: Words,
}

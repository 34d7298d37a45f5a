//! The rows of the dense index: what a check reads, each mostly in two cache lines.

use uuid::Uuid;

use super::trie::Row;
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
    /// The empty set, which is always the first.
    const NOTHING: Self = Self(0);

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
pub(crate) struct Bond {
    pub(crate) way: Way,
    pub(crate) children_only: bool,
}

impl Bond {
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

/// Pairs sorted by their first half.
type Pairs = [[u32; 2]];

/// The pairs at the beginning of a list.
#[inline]
fn split_pairs(words: &[u32], pairs: u32) -> (&Pairs, &[u32]) {
    let (pairs, rest) = words.split_at_checked(words_of(pairs)).unwrap_or((words, &[]));
    (pairs.as_chunks::<2>().0, rest)
}

fn search(pairs: &Pairs, first: u32) -> Result<usize, usize> {
    pairs.binary_search_by_key(&first, |[key, _]| *key)
}

#[inline]
fn has(sorted: &[u32], word: u32) -> bool {
    if sorted.len() > 16 { sorted.binary_search(&word).is_ok() } else { sorted.contains(&word) }
}

#[inline]
fn second(pairs: &Pairs, first: u32) -> Option<u32> {
    if pairs.len() > 8 {
        let found = search(pairs, first).ok()?;
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
    holding: u32,
    bare: u32,
    /// Pairs of an organization and what is held there; then the organizations where nothing
    /// is; then groups. Each part is sorted.
    words: Words<15>,
}

impl Row for PrincipalRow {
    #[inline]
    fn id(&self) -> Uuid {
        self.id
    }
    fn of(id: Uuid) -> Self {
        Self { id, ..Self::default() }
    }
    fn bytes(&self) -> usize {
        self.words.bytes()
    }
}

/// A principal's row, taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Standing<'a> {
    pub(crate) row: &'a PrincipalRow,
    held: &'a Pairs,
    bare: &'a [u32],
    pub(crate) groups: &'a [u32],
}

impl<'a> Standing<'a> {
    /// What they hold where they are a member and hold something.
    #[inline]
    pub(crate) fn holding(&self, organization: u32) -> Option<Holding> {
        second(self.held, organization).map(Holding)
    }

    /// Whether they are a member, and not suspended.
    #[inline]
    pub(crate) fn takes_part(&self, organization: u32, even_suspended: bool) -> bool {
        has(self.bare, organization)
            || self.holding(organization).is_some_and(|holding| even_suspended || !holding.is_suspended())
    }

    pub(crate) fn memberships(&self) -> impl Iterator<Item = (u32, Holding)> + 'a {
        let held = self.held.iter().map(|[place, holding]| (*place, Holding(*holding)));
        held.chain(self.bare.iter().map(|place| (*place, Holding::NOTHING)))
    }
}

impl PrincipalRow {
    #[inline]
    pub(crate) fn standing(&self) -> Standing<'_> {
        let (held, rest) = split_pairs(self.words.as_slice(), self.holding);
        let bare = usize::try_from(self.bare).unwrap_or(usize::MAX);
        let (bare, groups) = rest.split_at_checked(bare).unwrap_or((rest, &[]));
        Standing { row: self, held, bare, groups }
    }

    fn bare_from(&self) -> usize {
        words_of(self.holding)
    }

    fn groups_from(&self) -> usize {
        self.bare_from().saturating_add(usize::try_from(self.bare).unwrap_or(usize::MAX))
    }

    pub(crate) fn set_membership(&mut self, organization: u32, holding: Option<Holding>) {
        if let Ok(place) = search(self.standing().held, organization) {
            let start = place.saturating_mul(2);
            self.words.splice(start..start.saturating_add(2), &[]);
            self.holding = self.holding.saturating_sub(1);
        } else if let Ok(place) = self.standing().bare.binary_search(&organization) {
            let start = self.bare_from().saturating_add(place);
            self.words.splice(start..start.saturating_add(1), &[]);
            self.bare = self.bare.saturating_sub(1);
        }
        match holding {
            Some(Holding::NOTHING) => {
                let (Ok(place) | Err(place)) = self.standing().bare.binary_search(&organization);
                let start = self.bare_from().saturating_add(place);
                self.words.splice(start..start, &[organization]);
                self.bare = self.bare.saturating_add(1);
            }
            Some(Holding(holding)) => {
                let (Ok(place) | Err(place)) = search(self.standing().held, organization);
                let start = place.saturating_mul(2);
                self.words.splice(start..start, &[organization, holding]);
                self.holding = self.holding.saturating_add(1);
            }
            None => {}
        }
    }

    pub(crate) fn set_group(&mut self, group: u32, is_in: bool) {
        let from = self.groups_from();
        match (self.standing().groups.binary_search(&group), is_in) {
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

/// An organization: what is above it, and which groups are active there.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrganizationRow {
    id: Uuid,
    /// The number that stands for it in other rows, once it has one.
    pub(crate) number: Option<u32>,
    /// Whether it is there: neither removed nor departed.
    pub(crate) there: bool,
    ancestors: u16,
    /// The ancestors from the root down, then pairs of a group and how it is active, sorted.
    words: Words<9>,
}

impl Row for OrganizationRow {
    #[inline]
    fn id(&self) -> Uuid {
        self.id
    }
    fn of(id: Uuid) -> Self {
        Self { id, ..Self::default() }
    }
    fn bytes(&self) -> usize {
        self.words.bytes()
    }
}

/// An organization's row, taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) row: &'a OrganizationRow,
    pub(crate) number: u32,
    /// From the root down.
    pub(crate) ancestors: &'a [u32],
    active: &'a Pairs,
}

impl Place<'_> {
    /// How a group is active there, its own links alone.
    #[inline]
    pub(crate) fn active(&self, group: u32) -> Option<Way> {
        second(self.active, group).map(|word| Bond::unpack(word).way)
    }

    pub(crate) fn active_pairs(&self) -> impl Iterator<Item = (u32, Bond)> + '_ {
        unpacked(self.active)
    }
}

impl OrganizationRow {
    #[inline]
    pub(crate) fn place(&self) -> Place<'_> {
        let words = self.words.as_slice();
        let (ancestors, active) = words.split_at_checked(usize::from(self.ancestors)).unwrap_or((words, &[]));
        Place { row: self, number: self.number.unwrap_or(NONE), ancestors, active: active.as_chunks::<2>().0 }
    }

    pub(crate) fn set_ancestors(&mut self, ancestors: &[u32]) {
        self.words.splice(0..usize::from(self.ancestors), ancestors);
        // Levels are limited far below this (HIE-2).
        self.ancestors = u16::try_from(ancestors.len()).unwrap_or(u16::MAX);
    }

    pub(crate) fn set_active(&mut self, group: u32, way: Option<Way>) {
        let (from, bond) = (usize::from(self.ancestors), way.map(|way| Bond { way, children_only: false }));
        let found = search(self.place().active, group);
        set_pair(&mut self.words, from, found, group, bond);
    }
}

/// What an organization is to those below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct AboveRow {
    pub(crate) id: Uuid,
    /// Whether it was itself deactivated.
    pub(crate) inactive: bool,
    /// Pairs of a group and how a link to here reaches further down, sorted.
    reaching: Words<1>,
}

impl AboveRow {
    pub(crate) fn of(id: Uuid) -> Self {
        Self { id, ..Self::default() }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.reaching.bytes()
    }

    #[inline]
    fn pairs(&self) -> &Pairs {
        self.reaching.as_slice().as_chunks::<2>().0
    }

    /// How a link of a group to here reaches further down.
    #[inline]
    pub(crate) fn reaching(&self, group: u32) -> Option<Bond> {
        second(self.pairs(), group).map(Bond::unpack)
    }

    /// Whether one was there before.
    pub(crate) fn set_reaching(&mut self, group: u32, bond: Option<Bond>) -> bool {
        let found = search(self.pairs(), group);
        set_pair(&mut self.reaching, 0, found, group, bond);
        found.is_ok()
    }

    pub(crate) fn reaching_pairs(&self) -> impl Iterator<Item = (u32, Bond)> + '_ {
        unpacked(self.pairs())
    }
}

fn set_pair<const N: usize>(
    words: &mut Words<N>,
    from: usize,
    found: Result<usize, usize>,
    group: u32,
    bond: Option<Bond>,
) {
    let (Ok(place) | Err(place)) = found;
    let start = from.saturating_add(place.saturating_mul(2));
    let end = start.saturating_add(if found.is_ok() { 2 } else { 0 });
    match bond {
        Some(bond) => words.splice(start..end, &[group, bond.pack()]),
        None => words.splice(start..end, &[]),
    }
}

fn unpacked(pairs: &Pairs) -> impl Iterator<Item = (u32, Bond)> + '_ {
    pairs.iter().map(|[group, word]| (*group, Bond::unpack(*word)))
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
    outer: Words<3>,
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
    fn bytes(&self) -> usize {
        self.outer.bytes()
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
    pub(crate) roles: Words<3>,
}

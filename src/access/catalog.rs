//! The catalog: every claim that can be granted, declared by the embedder (CLM-2).

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::claim::{Claim, Grantable, InvalidClaim};
use super::set::{ClaimSet, OWNER_BIT};
use crate::name::CapabilityName;
use crate::role::{Privilege, RoleRef};

/// What a claim lets one do to what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessKind {
    /// See it.
    View,
    /// Change it.
    Manage,
}

/// A claim as declared: what it is for, what it implies, what it requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimDeclaration {
    /// Its name.
    pub name: Claim,
    /// A sentence for whoever is about to grant it.
    pub description: String,
    /// View or manage.
    pub access: AccessKind,
    /// The claims that come with it, directly.
    pub implies: Vec<Claim>,
    /// The capability that must be effective where it is used, if any (LIC-8).
    pub requires: Option<CapabilityName>,
}

impl ClaimDeclaration {
    /// A claim to see something.
    pub fn view(name: Claim, description: &str) -> Self {
        Self::of_kind(name, description, AccessKind::View)
    }

    /// A claim to change something.
    pub fn manage(name: Claim, description: &str) -> Self {
        Self::of_kind(name, description, AccessKind::Manage)
    }

    fn of_kind(name: Claim, description: &str, access: AccessKind) -> Self {
        Self { name, description: description.into(), access, implies: Vec::new(), requires: None }
    }

    /// The same, implying `claim` as well.
    #[must_use]
    pub fn implying(mut self, claim: Claim) -> Self {
        self.implies.push(claim);
        self
    }

    /// The same, requiring `capability` (LIC-8).
    #[must_use]
    pub fn requiring(mut self, capability: CapabilityName) -> Self {
        self.requires = Some(capability);
        self
    }
}

/// Why a catalog could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCatalog {
    /// A name is no claim.
    #[error(transparent)]
    Name(#[from] InvalidClaim),
    /// A claim is declared twice, or is one of the crate's own.
    #[error("the claim `{0}` is declared twice")]
    Twice(Claim),
    /// A claim implies one that is not declared.
    #[error("`{claim}` implies `{implied}`, which is not declared")]
    Undeclared {
        /// The claim that implies.
        claim: Claim,
        /// The claim that is missing.
        implied: Claim,
    },
    /// Implications run in a circle; each claim of it is named.
    #[error("implications run in a circle through {}", crate::refusal::list(claims))]
    Cycle {
        /// The claims of the circle.
        claims: Vec<Claim>,
    },
}

/// Every claim that can be granted, with what each implies, closed and numbered.
///
/// ```
/// use bailiwick::{Catalog, ClaimDeclaration};
/// let catalog = Catalog::new([
///     ClaimDeclaration::view("backups.view".parse()?, "See backups"),
///     ClaimDeclaration::manage("backups.restore".parse()?, "Restore a backup")
///         .implying("backups.view".parse()?),
/// ])?;
/// assert!(catalog.declares(&"backups.restore".parse()?));
/// assert!(catalog.declares(&"groups.manage".parse()?), "the crate's own are always there");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    claims: IndexMap<Claim, Entry>,
    /// Where each claim is, by the hash of its name: half empty, and probed in order.
    places: Box<[Option<Spot>]>,
    /// What the ready-made role for customers stands for.
    customers: ClaimSet,
    /// What each numbered set gives: nothing, Owner, then each claim by itself.
    given: Box<[u64]>,
    /// How many words of it a set takes.
    pub(super) row: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    declaration: ClaimDeclaration,
    /// The claim with all that it implies, at whatever distance.
    closure: ClaimSet,
}

/// What a check needs of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    claim: Claim,
    bit: u32,
    /// Whether it requires a capability (LIC-8).
    requires: bool,
}

/// The crate's own claims: name, description, access, implied.
const OWN: &[(&str, &str, AccessKind, &[&str])] = &[
    ("organizations.view", "See the organization and that those below it exist", AccessKind::View, &[]),
    ("organizations.create", "Create sub-organizations", AccessKind::Manage, &["organizations.view"]),
    (
        "organizations.edit",
        "Rename and describe the organization, change its settings and secret",
        AccessKind::Manage,
        &["organizations.view"],
    ),
    ("organizations.deactivate", "Deactivate the organization", AccessKind::Manage, &["organizations.view"]),
    ("organizations.hard_delete", "Remove an organization for good", AccessKind::Manage, &["organizations.view"]),
    ("customers.edit", "Rename and describe direct children", AccessKind::Manage, &["organizations.view"]),
    ("customers.deactivate", "Deactivate direct children", AccessKind::Manage, &["organizations.view"]),
    ("capabilities.assign", "Assign capabilities to direct children", AccessKind::Manage, &["organizations.view"]),
    ("members.view", "See who is a member", AccessKind::View, &[]),
    ("members.manage", "Add, suspend, restore and remove members", AccessKind::Manage, &["members.view"]),
    ("claims.grant", "Hand on claims and roles that one holds", AccessKind::Manage, &["members.view"]),
    ("roles.manage", "Define roles", AccessKind::Manage, &[]),
    ("groups.view", "See groups and their links", AccessKind::View, &[]),
    ("groups.manage", "Create, define and delete groups", AccessKind::Manage, &["groups.view"]),
    ("projects.view", "See projects", AccessKind::View, &[]),
    ("projects.manage", "Create projects and choose their members", AccessKind::Manage, &["projects.view"]),
    ("projects.provision", "Bring a new person into a project of the root", AccessKind::Manage, &["projects.view"]),
    ("policies.manage", "Apply policies to organizations below", AccessKind::Manage, &["organizations.view"]),
    ("support.manage", "Grant, approve and end support access", AccessKind::Manage, &[]),
    ("recordings.delete", "Delete recordings that no hold keeps", AccessKind::Manage, &[]),
    ("roster.view", "See everyone with access, and why", AccessKind::View, &["members.view", "groups.view"]),
    ("audit.view", "Read the audit trail", AccessKind::View, &[]),
];

impl Catalog {
    /// A catalog of these claims and the crate's own.
    ///
    /// [`InvalidCatalog`] names a claim declared twice, an implied one that is not declared,
    /// or a circle of implications.
    pub fn new(declarations: impl IntoIterator<Item = ClaimDeclaration>) -> Result<Self, InvalidCatalog> {
        let mut claims = IndexMap::new();
        for declaration in own()?.into_iter().chain(declarations) {
            let name = declaration.name.clone();
            let entry = Entry { declaration, closure: ClaimSet::new() };
            if claims.insert(name.clone(), entry).is_some() {
                return Err(InvalidCatalog::Twice(name));
            }
        }
        let places = places(&claims);
        // One bit for Owner, and one for what is no claim.
        let row = claims.len().saturating_add(2).div_ceil(ClaimSet::WORD);
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        let mut catalog = Self { claims, places, customers: ClaimSet::new(), given: Box::default(), row };
        let closures = catalog.closures()?;
        for (entry, closure) in catalog.claims.values_mut().zip(closures) {
            entry.closure = closure;
        }
        for name in RoleRef::CUSTOMERS {
            catalog.customers.extend(&catalog.expand(&Grantable::Claim(Claim::new(name)?)));
        }
        catalog.given = catalog.given();
        Ok(catalog)
    }

    fn given(&self) -> Box<[u64]> {
        let (nothing, owner) = (ClaimSet::new(), self.expand(&Grantable::Owner));
        let sets = [&nothing, &owner].into_iter().chain(self.claims.values().map(|entry| &entry.closure));
        sets.flat_map(|set| self.words(set)).collect()
    }

    /// The words of a set, as many as any has.
    pub(super) fn words(&self, set: &ClaimSet) -> impl Iterator<Item = u64> + use<> {
        (0..self.row).zip(set.words().collect::<Vec<_>>().into_iter().chain(std::iter::repeat(0))).map(|(_, word)| word)
    }

    /// The bit after those of all claims, which says of a set that it has roles besides.
    pub(super) fn roles_bit(&self) -> usize {
        self.claims.len().saturating_add(1)
    }

    /// The word of a set that a bit is in, and the bit in the word.
    #[inline(always)]
    pub(super) fn word_of(&self, bit: usize) -> (u32, u64) {
        (u32::try_from(bit / ClaimSet::WORD).unwrap_or(u32::MAX), 1 << (bit % ClaimSet::WORD))
    }

    /// The closure of each claim, in order: added to until nothing changes.
    fn closures(&self) -> Result<Vec<ClaimSet>, InvalidCatalog> {
        let direct = self.direct_implications()?;
        let mut closures = direct.clone();
        loop {
            let before = closures.clone();
            for closure in &mut closures {
                let reached: Vec<usize> = closure.bits().collect();
                for claim in reached.into_iter().filter_map(|bit| before.get(bit.wrapping_sub(1))) {
                    closure.extend(claim);
                }
            }
            if closures == before {
                break;
            }
        }
        // CLM-2: implications are checked for cycles when the catalog is built.
        let circle: Vec<Claim> = (self.claims.keys().zip(&closures).enumerate())
            .filter(|(index, (_, closure))| closure.contains(index.saturating_add(1)))
            .map(|(_, (claim, _))| claim.clone())
            .collect();
        if !circle.is_empty() {
            return Err(InvalidCatalog::Cycle { claims: circle });
        }
        for (index, closure) in closures.iter_mut().enumerate() {
            closure.insert(index.saturating_add(1));
        }
        Ok(closures)
    }

    fn direct_implications(&self) -> Result<Vec<ClaimSet>, InvalidCatalog> {
        let implied = |claim: &Claim, implies: &[Claim]| {
            let mut set = ClaimSet::new();
            for implied in implies {
                let bit = self
                    .bit(implied)
                    .ok_or_else(|| InvalidCatalog::Undeclared { claim: claim.clone(), implied: implied.clone() })?;
                set.insert(bit);
            }
            Ok(set)
        };
        self.claims.iter().map(|(claim, entry)| implied(claim, &entry.declaration.implies)).collect()
    }

    /// Every declaration, the crate's own first, then the embedder's, in order.
    pub fn declarations(&self) -> impl Iterator<Item = &ClaimDeclaration> {
        self.claims.values().map(|entry| &entry.declaration)
    }

    /// The declaration of a claim.
    pub fn declaration(&self, claim: &Claim) -> Option<&ClaimDeclaration> {
        self.numbered(claim).map(|(_, declaration)| declaration)
    }

    /// Whether a claim is declared.
    pub fn declares(&self, claim: &Claim) -> bool {
        self.claims.contains_key(claim)
    }

    /// The first of these that names nothing declared; a family must have a claim below it.
    pub fn undeclared<'a>(&self, grantables: impl IntoIterator<Item = &'a Grantable>) -> Option<&'a Grantable> {
        grantables.into_iter().find(|grantable| match grantable {
            Grantable::Owner => false,
            Grantable::Claim(claim) => !self.declares(claim),
            Grantable::Family(family) => !self.claims.keys().any(|claim| claim.is_below(family)),
        })
    }

    /// The claims of a set by name, in the catalog's order, without Owner.
    pub fn names<'a>(&'a self, set: &'a ClaimSet) -> impl Iterator<Item = &'a Claim> {
        self.claims
            .keys()
            .enumerate()
            .filter(|(index, _)| set.contains(index.saturating_add(1)))
            .map(|(_, claim)| claim)
    }

    /// What a grantable stands for, with everything implied. What is not declared is nothing.
    pub fn expand(&self, grantable: &Grantable) -> ClaimSet {
        match grantable {
            // CLM-3: Owner implies every claim.
            Grantable::Owner => ClaimSet::first(self.claims.len().saturating_add(1)),
            Grantable::Claim(claim) => self.claims.get(claim).map(|entry| entry.closure.clone()).unwrap_or_default(),
            Grantable::Family(family) => {
                let mut set = ClaimSet::new();
                let below = self.claims.iter().filter(|(claim, _)| claim.is_below(family));
                below.for_each(|(_, entry)| set.extend(&entry.closure));
                set
            }
        }
    }

    /// Whether a grantable gives the claim numbered `bit`, without building its set.
    pub(crate) fn gives(&self, grantable: &Grantable, bit: usize) -> bool {
        match grantable {
            Grantable::Owner => true,
            Grantable::Claim(claim) => self.claims.get(claim).is_some_and(|entry| entry.closure.contains(bit)),
            Grantable::Family(family) => {
                self.claims.iter().any(|(claim, entry)| claim.is_below(family) && entry.closure.contains(bit))
            }
        }
    }

    /// Every claim but Owner.
    pub(crate) fn all_but_owner(&self) -> ClaimSet {
        let mut set = self.expand(&Grantable::Owner);
        set.remove(OWNER_BIT);
        set
    }

    pub(crate) const fn customers(&self) -> &ClaimSet {
        &self.customers
    }

    /// Every claim of the view kind, and no other (SUP-1).
    pub(crate) fn views(&self) -> ClaimSet {
        let mut set = ClaimSet::new();
        let views = self.claims.values().enumerate().filter(|(_, entry)| entry.declaration.access == AccessKind::View);
        views.for_each(|(index, _)| set.insert(index.saturating_add(1)));
        set
    }

    /// The number of the set of nothing.
    pub(crate) const NOTHING: u32 = 0;

    /// The number of the set of this privilege alone, if that is Owner or a declared claim.
    pub(crate) fn set_of(&self, privilege: &Privilege) -> Option<u32> {
        let bit = match privilege {
            Privilege::Claim(Grantable::Owner) => OWNER_BIT,
            Privilege::Claim(Grantable::Claim(claim)) => self.bit(claim)?,
            _ => return None,
        };
        u32::try_from(bit.saturating_add(1)).ok()
    }

    /// How many sets have numbers here, which are below this one.
    pub(crate) fn sets(&self) -> u32 {
        u32::try_from(self.claims.len().saturating_add(2)).unwrap_or(u32::MAX)
    }

    /// Whether a set that has its number here gives the claim numbered `bit`.
    #[inline(always)]
    pub(crate) fn set_gives(&self, set: u32, bit: usize) -> Option<bool> {
        let (word, bit) = self.word_of(bit);
        let word = set.checked_mul(self.row)?.checked_add(word)?;
        Some(self.given.get(usize::try_from(word).ok()?)? & bit != 0)
    }

    /// What a set that has its number here gives.
    pub(crate) fn set(&self, set: u32) -> Option<ClaimSet> {
        let row = |set: u32| usize::try_from(set.checked_mul(self.row)?).ok();
        Some(ClaimSet::of(self.given.get(row(set)?..row(set.checked_add(1)?)?)?))
    }

    pub(crate) fn bit(&self, claim: &Claim) -> Option<usize> {
        self.numbered(claim).map(|(bit, _)| bit)
    }

    /// The claims that require a capability.
    pub(crate) fn requiring(&self) -> impl Iterator<Item = (usize, &ClaimDeclaration)> {
        let numbered = self.claims.values().enumerate();
        let numbered = numbered.map(|(index, entry)| (index.saturating_add(1), &entry.declaration));
        numbered.filter(|(_, declaration)| declaration.requires.is_some())
    }

    /// The number of a claim, and its declaration.
    pub(crate) fn numbered(&self, claim: &Claim) -> Option<(usize, &ClaimDeclaration)> {
        let (bit, _) = self.number_of(claim)?;
        Some((bit, self.by_bit(bit)?))
    }

    /// The number of a claim, and whether it requires a capability.
    #[inline(always)]
    pub(crate) fn number_of(&self, claim: &Claim) -> Option<(usize, bool)> {
        self.spot(claim, Claim::is_shared_with).or_else(|| self.number_of_name(claim))
    }

    /// The same, of one whose name was read elsewhere.
    #[inline(never)]
    fn number_of_name(&self, claim: &Claim) -> Option<(usize, bool)> {
        self.spot(claim, Claim::eq)
    }

    #[inline(always)]
    fn spot(&self, claim: &Claim, is: impl Fn(&Claim, &Claim) -> bool) -> Option<(usize, bool)> {
        let mask = self.places.len().wrapping_sub(1);
        let mut place = start(claim, mask);
        loop {
            let spot = self.places.get(place)?.as_ref()?;
            if is(&spot.claim, claim) {
                return Some((usize::try_from(spot.bit).ok()?, spot.requires));
            }
            place = place.wrapping_add(1) & mask;
        }
    }

    pub(crate) fn by_bit(&self, bit: usize) -> Option<&ClaimDeclaration> {
        self.claims.get_index(bit.checked_sub(1)?).map(|(_, entry)| &entry.declaration)
    }
}

#[inline]
fn start(claim: &Claim, mask: usize) -> usize {
    usize::try_from(claim.hash & u64::from(u32::MAX)).unwrap_or_default() & mask
}

fn places(claims: &IndexMap<Claim, Entry>) -> Box<[Option<Spot>]> {
    let mut places = vec![None; claims.len().saturating_mul(2).next_power_of_two()];
    let mask = places.len().wrapping_sub(1);
    for (bit, (claim, entry)) in (1..).zip(claims) {
        let mut place = start(claim, mask);
        while places.get(place).is_some_and(Option::is_some) {
            place = place.wrapping_add(1) & mask;
        }
        if let Some(free) = places.get_mut(place) {
            *free = Some(Spot { claim: claim.clone(), bit, requires: entry.declaration.requires.is_some() });
        }
    }
    places.into()
}

fn own() -> Result<Vec<ClaimDeclaration>, InvalidClaim> {
    let declare = |(name, description, access, implies): &(&str, &str, AccessKind, &[&str])| {
        let mut declaration = ClaimDeclaration::of_kind(Claim::new(name)?, description, *access);
        declaration.implies = implies.iter().map(|name| Claim::new(name)).collect::<Result<_, _>>()?;
        Ok(declaration)
    };
    OWN.iter().map(declare).collect()
}

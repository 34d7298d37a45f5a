//! The check of a plain case, by rows alone: without support access, inactive organizations,
//! reach beyond a target, nested groups, lists elsewhere, and whatever a word cannot say.
//!
//! What it does not answer is walked.

use super::organization::{OrganizationRow, Place};
use super::principal::{PrincipalRow, Standing};
use super::row::{GroupRow, Holding, Way};
use super::{DenseIndex, Front};
use crate::access::catalog::Catalog;
use crate::time::Timestamp;

impl DenseIndex {
    /// Whether a principal holds the claim numbered `bit` there; none where rows do not say.
    // Inlined by force, as what leads here: to hand the rows on costs as much as to read them.
    #[inline(always)]
    pub(crate) fn holds(
        &self,
        front: &Front,
        catalog: &Catalog,
        who: Standing<'_>,
        place: Place<'_>,
        bit: usize,
        at: Timestamp,
    ) -> Option<bool> {
        let (who, place) = (who.row, place.row);
        if front.special || !who.is_plain() || !place.is_plain() {
            return None;
        }
        let direct = who.holding(place.number);
        if let Some(direct) = direct {
            // MEM-7: a suspended user is denied there, whatever the path.
            if direct.is_suspended() {
                return Some(false);
            }
            if self.sets.gives(catalog, direct.set()?, bit)? {
                return Some(true);
            }
        }
        if who.among & place.among != 0 {
            for group in who.groups().filter(|group| place.may_have(*group)) {
                let row = front.groups.get(group)?;
                if self.holds_by((group, row), catalog, (who, direct), place, bit, at)? {
                    return Some(true);
                }
            }
        }
        Some(false)
    }

    /// The same, by one of their groups.
    // Not inlined, lest what few groups need is reckoned for all questions.
    #[inline(never)]
    fn holds_by(
        &self,
        (group, row): (u32, &GroupRow),
        catalog: &Catalog,
        (who, direct): (&PrincipalRow, Option<Holding>),
        place: &OrganizationRow,
        bit: usize,
        at: Timestamp,
    ) -> Option<bool> {
        let lives_there = row.home == place.number;
        let (given, home) = if lives_there {
            (row.gives, direct)
        } else {
            let given = match place.active(group) {
                None => return Some(false),
                Some(Way::Inherit) => row.passes,
                Some(Way::MakesOwners) => row.gives,
                Some(Way::Narrowed(_) | Way::Ask) => return None,
            };
            (given, who.holding(row.home))
        };
        // MEM-1: a group counts for those who are members, and not suspended, where it lives.
        if home.is_none_or(|holding| holding.is_suspended()) {
            return Some(false);
        }
        let in_row = if given == row.gives { row.has(catalog.word_of(bit)) } else { None };
        let gives = match in_row {
            Some(true) => true,
            Some(false) if row.has(catalog.word_of(catalog.roles_bit())) == Some(false) => false,
            _ => self.sets.gives(catalog, given, bit)?,
        };
        if !gives {
            return Some(false);
        }
        // GRP-4: a link counts below where its group lives. LIC-4: while links stand.
        Some(lives_there || (place.is_below(row.home) && self.links_stand_at(at)))
    }
}

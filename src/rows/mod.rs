//! Rows: what a tree says, as plain tables that can be joined in SQL.
//!
//! A store may keep them beside its log, in the same transaction as each commit. They are a
//! function of the tree ([`OrganizationTree::rows`]) and of the domain ([`Domain::rows`]), so
//! they can be thrown away and made anew; [`RowChanges::between`] says what differs between
//! two states of a tree, at the cost of what differs and not of the whole.
//!
//! Nothing in them changes by itself: what starts and ends does so by its columns
//! `valid_from` and `valid_until`, which are compared with the instant that one asks for.
//!
//! ```
//! # use std::sync::Arc;
//! use bailiwick::rows::{Row, RowChanges};
//! # use bailiwick::*;
//! # let domain = Arc::new(Domain { catalog: Catalog::new([])?, rules: Rules::provider() });
//! # let (root, owner) = (OrganizationId::from_u128(1)?, PrincipalId::from_u128(2)?);
//! # let found = FoundTree { root, name: "Fabrikam".parse()?, owner, person: Person::named("Ada".parse()?), secret: AgentSecret::from_entropy([7; 32]) };
//! # let context = Context::operator(PrincipalId::from_u128(9)?, "2026-01-01T12:00:00Z".parse()?, CommitKey::from_u128(1)?);
//! let mut tree = OrganizationTree::empty(root, domain);
//! let before = tree.clone();
//! tree.apply(&tree.decide(&context, &found)?.changes)?;
//! let changes = RowChanges::between(&before, &tree);
//! assert!(changes.written.iter().any(|row| matches!(row, Row::Member(member) if member.principal_id == owner)));
//! assert_eq!(changes.written.len(), tree.rows().len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod derive;
mod kinds;
mod table;

use std::collections::BTreeMap;

use crate::event::Changes;
use crate::ordered::{Difference, OrdMap, OrdSet};
use crate::tree::{Domain, OrganizationTree, OutOfOrder};

pub use kinds::*;
pub use table::{Column, ColumnKind, Instant, Personal, Table, Value};

/// What differs between two states of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowChanges {
    /// Rows that are there no more; none with the key of one that is written.
    pub gone: Vec<Row>,
    /// Rows that are new, or have taken the place of the one with their key.
    pub written: Vec<Row>,
}

impl OrganizationTree {
    /// Everything that it says, as rows.
    pub fn rows(&self) -> Vec<Row> {
        RowChanges::between(&Self::empty(self.root(), self.domain().clone()), self).written
    }
}

impl Domain {
    /// What privileges stand for and what a lapse does, as rows.
    pub fn rows(&self) -> Vec<Row> {
        derive::domain(self)
    }
}

impl Changes {
    /// The rows that these changes write and delete, if the state that they were decided on
    /// is at hand: it is in what a draft or an attach has given, and not in what was put
    /// together by hand.
    ///
    /// [`OutOfOrder`] if the changes have been altered since and do not follow that state.
    pub fn rows(&self) -> Result<Option<RowChanges>, OutOfOrder> {
        let Some(before) = self.before() else { return Ok(None) };
        let mut after = before.clone();
        after.apply(self)?;
        Ok(Some(RowChanges::between(before, &after)))
    }
}

impl RowChanges {
    /// What has to be done to the rows of `before`, so that they are those of `after`.
    ///
    /// Both are states of one tree. It costs what has changed, as long as one comes from the
    /// other; otherwise both are read whole.
    pub fn between(before: &OrganizationTree, after: &OrganizationTree) -> Self {
        let mut changes = Self::default();
        if before.subscription() != after.subscription() {
            changes.settle(derive::subscription(before), derive::subscription(after));
        }
        changes.each(&before.organizations, &after.organizations, |_, organization| derive::organization(organization));
        changes.each(&before.principals, &after.principals, |id, principal| derive::principal(*id, *principal));
        changes.each(&before.records, &after.records, |key, record| derive::record(*key, record));
        changes.each(&before.members, &after.members, |key, member| derive::member(*key, member));
        changes.each(&before.roles, &after.roles, |_, role| derive::role(role));
        changes.each(&before.groups, &after.groups, |_, group| derive::group(group));
        changes.each_of(&before.groups, &after.groups, |group| &group.owners, |id, owner| derive::owner(*id, *owner));
        changes.each_of(
            &before.groups,
            &after.groups,
            |group| &group.members,
            |id, participant| derive::participant(*id, *participant),
        );
        changes.each(&before.links, &after.links, |_, link| derive::link(link));
        changes.each(&before.invitations, &after.invitations, |_, invitation| derive::invitation(invitation));
        changes.each(&before.supports, &after.supports, |_, support| derive::support(support));
        changes.each(&before.projects, &after.projects, |_, project| derive::project(project));
        let projects = (&before.projects, &after.projects);
        changes.each_of(
            projects.0,
            projects.1,
            |project| &project.members,
            |project_id, member| ProjectMemberRow { project_id: *project_id, principal_id: *member }.into(),
        );
        changes.each_of(
            projects.0,
            projects.1,
            |project| &project.groups,
            |project_id, group| ProjectGroupRow { project_id: *project_id, group_id: *group }.into(),
        );
        changes
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.written.is_empty()
    }

    /// The rows of whatever differs between two maps.
    fn each<K: Ord + Clone, V: Clone + PartialEq>(
        &mut self,
        before: &OrdMap<K, V>,
        after: &OrdMap<K, V>,
        rows: impl Fn(&K, &V) -> Vec<Row>,
    ) {
        for difference in before.differences(after) {
            match difference {
                Difference::New(key, value) => self.written.extend(rows(key, value)),
                Difference::Gone(key, value) => self.gone.extend(rows(key, value)),
                Difference::Changed { key, old, new } => self.settle(rows(key, old), rows(key, new)),
            }
        }
    }

    /// The rows of whatever differs between two maps, in a set that each value has: a group
    /// of many members costs no more than those who came and went.
    fn each_of<K: Ord + Clone, V: Clone + PartialEq, M: Ord + Clone>(
        &mut self,
        before: &OrdMap<K, V>,
        after: &OrdMap<K, V>,
        set: impl Fn(&V) -> &OrdSet<M>,
        row: impl Fn(&K, &M) -> Row,
    ) {
        for difference in before.differences(after) {
            match difference {
                Difference::New(key, value) => self.written.extend(set(value).iter().map(|one| row(key, one))),
                Difference::Gone(key, value) => self.gone.extend(set(value).iter().map(|one| row(key, one))),
                Difference::Changed { key, old, new } => {
                    for (one, is_in) in set(old).differences(set(new)) {
                        let rows = if is_in { &mut self.written } else { &mut self.gone };
                        rows.push(row(key, one));
                    }
                }
            }
        }
    }

    /// The rows of one thing as it was and as it is.
    fn settle(&mut self, old: Vec<Row>, new: Vec<Row>) {
        let keyed = |rows: Vec<Row>| -> BTreeMap<(&'static str, Vec<Value>), Row> {
            rows.into_iter().map(|row| ((row.table().name, row.key()), row)).collect()
        };
        let mut old = keyed(old);
        for (key, row) in keyed(new) {
            if old.remove(&key).as_ref() != Some(&row) {
                self.written.push(row);
            }
        }
        self.gone.extend(old.into_values());
    }
}

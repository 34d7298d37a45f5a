//! Sample commits, and what a tree of them must read as.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use chrono::TimeDelta;

use super::Failure;
use crate::branch::Branch;
use crate::command::{Actor, Operation};
use crate::event::{Changes, Format, Recorded, Version};
use crate::id::{Bounds, CommitKey, OrganizationId, PrincipalId};
use crate::name::{Name, Slug};
use crate::organization::{Organization, OrganizationEvent, Profile};
use crate::person::{Person, Record, RecordKey};
use crate::repository::{Commit, Page};
use crate::time::Timestamp;
use crate::transfer::TransferEvent;

/// The organization, and tree, of this number.
pub(super) fn organization(number: u128) -> OrganizationId {
    OrganizationId::from_u128(number).unwrap_or(OrganizationId::MIN)
}

/// The principal of this number.
pub(super) fn principal(number: u128) -> PrincipalId {
    PrincipalId::from_u128(number).unwrap_or(PrincipalId::MIN)
}

/// The commit key of this number.
pub(super) fn key(number: u128) -> CommitKey {
    CommitKey::from_u128(number).unwrap_or(CommitKey::MIN)
}

/// The key of the record of the person of this number.
pub(super) fn person(number: u128) -> RecordKey {
    RecordKey::Person(principal(number))
}

/// A text of a sample; one that is not valid is the suite's own mistake.
pub(super) fn valid<T, E: std::error::Error + Send + Sync + 'static>(text: Result<T, E>) -> Result<T, Failure> {
    text.map_err(|error| Failure::Harness(error.into()))
}

fn profile(name: &str) -> Result<Profile, Failure> {
    let name = valid(Name::new(name))?;
    Ok(Profile { slug: Slug::of(&name), name, region: None, tags: BTreeSet::new() })
}

/// One tree's part of a commit.
#[derive(Clone)]
pub(super) struct Sample(pub(super) Changes);

impl Sample {
    /// The commit that makes this version of a tree: the first founds it, and a later one
    /// renames it. The key is of this tree and version alone.
    pub(super) fn of(root: u128, version: u64) -> Result<Self, Failure> {
        let (id, profile) = (organization(root), profile(&format!("Tree {root} at {version}"))?);
        let (operation, event) = match version {
            1 => (Operation::FoundTree, OrganizationEvent::Created { organization: id, parent: None, profile }),
            _ => (Operation::EditOrganization, OrganizationEvent::Edited { organization: id, profile }),
        };
        let recorded = Recorded {
            format: Format,
            root: id,
            version: Version::new(version),
            at: Timestamp::UNIX_EPOCH + TimeDelta::days(20_000),
            actor: Actor::Operator(principal(1)),
            acting: None,
            key: key((root << 64) | u128::from(version)),
            correlation: None,
            operations: vec![operation],
            events: vec![event.into()],
        };
        Ok(Self(Changes::new(recorded, Vec::new())))
    }

    /// The first so many commits of a tree.
    pub(super) fn tree(root: u128, versions: u64) -> Result<Vec<Self>, Failure> {
        (1..=versions).map(|version| Self::of(root, version)).collect()
    }

    /// The same, under another key.
    pub(super) fn under(mut self, key: CommitKey) -> Self {
        self.0.recorded.key = key;
        self
    }

    /// The same, renaming the root as well.
    pub(super) fn renaming(mut self, name: &str) -> Result<Self, Failure> {
        let event = OrganizationEvent::Edited { organization: self.root(), profile: profile(name)? };
        self.0.recorded.events.push(event.into());
        Ok(self)
    }

    /// The same, creating a sub-organization as well.
    pub(super) fn creating(mut self, number: u128) -> Result<Self, Failure> {
        let (organization, parent, profile) =
            (organization(number), Some(self.root()), profile(&format!("Part {number}"))?);
        self.0.recorded.events.push(OrganizationEvent::Created { organization, parent, profile }.into());
        Ok(self)
    }

    /// The same, and an organization arrives from another tree.
    pub(super) fn receiving(mut self, number: u128) -> Result<Self, Failure> {
        let profile = profile(&format!("Part {number}"))?;
        let top = Organization::new(organization(number), [].into(), profile, self.0.recorded.at);
        let branch = Box::new(Branch { organizations: vec![top], ..Branch::default() });
        self.0.recorded.events.push(TransferEvent::Arrived { under: None, branch, former: None }.into());
        Ok(self)
    }

    /// The same, calling a person so.
    pub(super) fn naming(self, number: u128, name: &str) -> Result<Self, Failure> {
        let name = valid(Name::new(name))?;
        Ok(self.writing(person(number), Record::Person(Person::named(name))))
    }

    /// The same, writing a record.
    pub(super) fn writing(mut self, key: RecordKey, record: Record) -> Self {
        self.0.records.push((key, Some(record)));
        self
    }

    /// The same, erasing a record.
    pub(super) fn erasing(mut self, key: RecordKey) -> Self {
        self.0.records.push((key, None));
        self
    }

    pub(super) fn root(&self) -> OrganizationId {
        self.0.root()
    }

    pub(super) fn version(&self) -> Version {
        self.0.recorded.version
    }

    pub(super) fn key(&self) -> CommitKey {
        self.0.recorded.key
    }

    /// The commit of this alone.
    pub(super) fn commit(&self) -> Commit {
        self.0.clone().into()
    }

    /// The commit of this and of another tree's part under the same key.
    pub(super) fn joint(&self, other: &Self) -> Commit {
        Commit::joint(self.0.clone(), other.0.clone())
    }
}

/// The page that the contract demands of a tree of these commits.
pub(super) fn page_of(tree: &[Sample], after: Version, limit: NonZeroU32) -> Page {
    let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
    let shown: Vec<_> = tree.iter().filter(|sample| sample.version() > after).take(limit).collect();
    let mut last = BTreeMap::new();
    for sample in tree {
        last.extend(sample.0.records.iter().map(|(key, record)| (*key, (sample.version(), record))));
    }
    let is_shown = |version: Version| shown.iter().any(|sample| sample.version() == version);
    let records = last.into_iter().filter(|(_, (version, _))| is_shown(*version));
    Page {
        commits: shown.iter().map(|sample| sample.0.recorded.clone()).collect(),
        records: records.map(|(key, (_, record))| (key, record.clone())).collect(),
        head: tree.last().map(Sample::version).unwrap_or_default(),
    }
}

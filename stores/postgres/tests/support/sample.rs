//! Sample commits.

use std::num::NonZeroU32;

use bailiwick::{
    Actor, Changes, Commit, CommitKey, Format, Name, OrganizationEvent, OrganizationId, Person, PrincipalId, Profile,
    Record, RecordKey, Recorded, Slug, Timestamp, Version,
};

pub(crate) const WHOLE: NonZeroU32 = NonZeroU32::MAX;

/// The organization, and tree, of this number.
pub(crate) fn tree(number: u128) -> OrganizationId {
    OrganizationId::from_u128(number).unwrap()
}

pub(crate) fn key(number: u128) -> CommitKey {
    CommitKey::from_u128(number).unwrap()
}

pub(crate) fn person() -> RecordKey {
    RecordKey::Person(PrincipalId::from_u128(1).unwrap())
}

pub(crate) fn named(name: &str) -> Option<Record> {
    Some(Record::Person(Person::named(Name::new(name).unwrap())))
}

/// What makes this version of a tree, under a key of this tree and version alone, with a
/// record; the first creates the organization of its root.
pub(crate) fn changes(number: u128, version: u64) -> Changes {
    let root = tree(number);
    let name = Name::new(&format!("Tree {number}")).unwrap();
    let profile = Profile { slug: Slug::of(&name), name, region: None, tags: Default::default() };
    let created = OrganizationEvent::Created { organization: root, parent: None, profile };
    let recorded = Recorded {
        format: Format,
        root,
        version: Version::new(version),
        at: Timestamp::UNIX_EPOCH,
        actor: Actor::Operator(PrincipalId::from_u128(1).unwrap()),
        acting: None,
        key: key(number << 64 | u128::from(version)),
        correlation: None,
        operations: Vec::new(),
        events: if version == 1 { vec![created.into()] } else { Vec::new() },
    };
    Changes::new(recorded, vec![(person(), named("Ada"))])
}

/// The same as a commit.
pub(crate) fn commit(number: u128, version: u64) -> Commit {
    changes(number, version).into()
}

//! The sentences on snapshots, R19 to R21. A repository that keeps none keeps them all.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::sample::{Sample, organization, page_of, person};
use super::subject::{Subject, Trial, expect, text};
use super::{Failure, Harness};
use crate::event::Version;
use crate::person::{Record, RecordKey};
use crate::repository::KeptSnapshot;
use crate::snapshot::Snapshot;

/// A snapshot as a repository sees it: bytes of any kind, among them those that text, numbers
/// and compression take for something else.
fn sample(root: u128, version: u64, length: usize) -> Snapshot {
    let bytes = (0_u8..=u8::MAX).cycle().take(length).chain(root.to_le_bytes()).chain(version.to_le_bytes());
    Snapshot::new(organization(root), Version::new(version), bytes.collect())
}

/// What may be answered: one of these snapshots, or none.
fn one_of<H: Harness>(
    subject: &Subject<'_, H>,
    when: &str,
    root: u128,
    expected: &Snapshot,
) -> Result<Option<KeptSnapshot>, Failure> {
    let kept = subject.snapshot(when, organization(root))?;
    if let Some(kept) = &kept {
        let found = &kept.snapshot;
        expect(when, expected, found)?;
        expect(&format!("{when}: its bytes"), &expected.bytes(), &found.bytes())?;
    }
    Ok(kept)
}

fn commits<H: Harness>(subject: &Subject<'_, H>, tree: &[Sample]) -> Result<(), Failure> {
    tree.iter().try_for_each(|sample| subject.accepts("a commit", &sample.commit()))
}

/// R19: of two trees, short and long, replaced, after more commits, and opened again; none
/// where none was given.
pub(super) fn whole_or_none<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let none = |subject: &Subject<'_, H>, when: &str, root: u128| {
        expect(when, &false, &subject.snapshot(when, organization(root))?.is_some())
    };
    none(&subject, "a snapshot of a tree that is not there", 1)?;
    for root in [1, 2] {
        commits(&subject, &Sample::tree(root, 3)?)?;
    }
    none(&subject, "a snapshot that was never kept", 1)?;
    let other = sample(2, 2, 100);
    subject.keep_snapshot("a snapshot", &other)?;
    let mut last = sample(1, 1, 0);
    for (version, length) in [(1, 0), (2, 3_000_000), (3, 300), (3, 70_000)] {
        last = sample(1, version, length);
        subject.keep_snapshot("a snapshot", &last)?;
        one_of(&subject, &format!("a snapshot of {length} bytes"), 1, &last)?;
        one_of(&subject, "the snapshot of another tree", 2, &other)?;
    }
    subject.accepts("a commit", &Sample::of(1, 4)?.commit())?;
    one_of(&subject, "a snapshot after one more commit", 1, &last)?;
    drop(subject);
    let subject = trial.open()?;
    one_of(&subject, "a snapshot when it is opened again", 1, &last)?;
    one_of(&subject, "the other snapshot when it is opened again", 2, &other).map(drop)
}

/// R20: of records that were written before the snapshot and after it, replaced and erased,
/// beside a tree that calls the same people otherwise.
pub(super) fn present_records<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let before = [
        Sample::of(1, 1)?.naming(1, "Ada")?.naming(2, "Sentinel-replaced")?.naming(3, "Sentinel-erased")?,
        Sample::of(1, 2)?.naming(4, "Sentinel-erased-before")?,
        Sample::of(1, 3)?.erasing(person(4)),
    ];
    let after = [Sample::of(1, 4)?.naming(2, "Grace")?.erasing(person(3)), Sample::of(1, 5)?.naming(5, "Barbara")?];
    commits(&subject, &before)?;
    commits(&subject, &[Sample::of(2, 1)?.naming(1, "Another")?.naming(6, "Another")?])?;
    let snapshot = sample(1, 3, 100);
    subject.keep_snapshot("a snapshot", &snapshot)?;
    let stands = |subject: &Subject<'_, H>, when: &str, tree: &[Sample]| {
        let Some(kept) = one_of(subject, when, 1, &snapshot)? else { return Ok(()) };
        let present = page_of(tree, Version::ZERO, NonZeroU32::MAX).records;
        let present: BTreeMap<RecordKey, Record> =
            present.into_iter().filter_map(|(key, record)| Some((key, record?))).collect();
        let expected: Vec<_> = present.into_iter().collect();
        let mut found = kept.records;
        found.sort_by_key(|(key, _)| *key);
        expect(&format!("{when}: the records beside it"), &text(&expected)?, &text(&found)?)
    };
    stands(&subject, "a snapshot", &before)?;
    commits(&subject, &after)?;
    let whole = [&before[..], &after[..]].concat();
    stands(&subject, "a snapshot after more commits", &whole)?;
    drop(subject);
    stands(&trial.open()?, "a snapshot after more commits, opened again", &whole)
}

/// R21: of a tree that is not there, of a version that it is not at, an earlier one after a
/// later one, and another one of the same version.
pub(super) fn no_version_before_or_ahead<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    commits(&subject, &Sample::tree(1, 3)?)?;
    for (root, version) in [(9, 1), (1, 4)] {
        let when = format!("a snapshot of tree {root} at version {version}, where it is not");
        subject.keep_snapshot(&when, &sample(root, version, 10))?;
        expect(&when, &false, &subject.snapshot(&when, organization(root))?.is_some())?;
    }
    subject.keep_snapshot("a snapshot", &sample(1, 2, 100))?;
    if subject.snapshot("a snapshot", organization(1))?.is_none() {
        return Ok(());
    }
    let steps = [
        ("one that is ahead", sample(1, 4, 10), sample(1, 2, 100)),
        ("an earlier one", sample(1, 1, 10), sample(1, 2, 100)),
        ("another one of the same version", sample(1, 2, 50), sample(1, 2, 50)),
        ("a later one", sample(1, 3, 10), sample(1, 3, 10)),
    ];
    for (which, given, expected) in steps {
        subject.keep_snapshot(which, &given)?;
        let when = format!("a snapshot after {which} was given");
        let kept = one_of(&subject, &when, 1, &expected)?;
        expect(&format!("{when}: that it is there"), &true, &kept.is_some())?;
    }
    Ok(())
}

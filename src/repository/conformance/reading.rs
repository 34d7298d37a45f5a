//! The sentences on what is read: R6 to R11, R13 to R15 and R18.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use chrono::TimeDelta;

use super::sample::{Sample, key, organization, page_of, person, principal, valid};
use super::subject::{Subject, Trial, compare, expect, text};
use super::{Failure, Harness};
use crate::address::Address;
use crate::event::Version;
use crate::id::{Bounds, InvitationId, OrganizationId};
use crate::name::{CorrelationId, Description, Name, Reason};
use crate::person::{Person, Record, RecordKey};
use crate::repository::Page;

/// Limits to read by: fewer than there are, exactly as many, and more.
fn limits() -> impl Iterator<Item = NonZeroU32> {
    [1, 2, 3, 7, 1_000, u32::MAX].into_iter().filter_map(NonZeroU32::new)
}

/// That a tree reads so by every page, from before its first commit to after its last.
fn pages_hold<H: Harness>(subject: &Subject<'_, H>, tree: &[Sample]) -> Result<(), Failure> {
    let Some(root) = tree.first().map(Sample::root) else { return Ok(()) };
    let afters = (0..tree.len() as u64 + 3).chain([u64::from(u32::MAX) + 1, u64::MAX]).map(Version::new);
    for (after, limit) in afters.flat_map(|after| limits().map(move |limit| (after, limit))) {
        let when = format!("at most {limit} commits after version {after} of {}", tree.len());
        compare(&when, &page_of(tree, after, limit), &subject.page(&when, root, after, limit)?)?;
    }
    Ok(())
}

/// R6 (abuse 109): every page of a tree of seven commits, records and second trees among
/// them.
pub(super) fn pages_without_gap<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let mut tree = Vec::new();
    for version in 1..=7 {
        let sample = Sample::of(2, version)?.naming(u128::from(version % 3), "Ada")?;
        subject.accepts("a commit", &sample.commit())?;
        subject.accepts("a commit of a neighbour", &Sample::of(1, version)?.commit())?;
        subject.accepts("a commit of a neighbour", &Sample::of(3, version)?.commit())?;
        tree.push(sample);
        pages_hold(&subject, &tree)?;
    }
    Ok(())
}

/// R7 (abuse 103): text that storage folds, trims, normalizes, escapes or cuts, instants to
/// the nanosecond, and identifiers at their bounds.
pub(super) fn to_the_letter<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let longest = "𝕬".repeat(Description::LIMIT);
    let names = [
        "alice",
        "Alice",
        "ALICE",
        "e\u{301}lan",
        "\u{e9}lan",
        "straße",
        "STRASSE",
        "quac\u{212a}",
        "quack",
        "mıke",
        "two  spaces",
        "no\u{a0}break",
        "it's \"quoted\" \\ `so`",
        "%s {0} $1 ?1 :a --;",
        "<b>&amp;</b>",
        "null",
        "0012.50",
        "😀👩",
        "اسم",
        "ﬁ",
        "Ａ",
        "\u{10fffd}",
    ];
    let mut tree = Vec::new();
    for (version, name) in (1..).zip(names) {
        let mut sample = Sample::of(1, version)?.renaming(name)?.naming(u128::from(version), name)?;
        sample.0.recorded.at += TimeDelta::nanoseconds(123_456_789);
        sample.0.recorded.acting = Some(OrganizationId::MAX);
        tree.push(sample);
    }
    let texts = ["line\nline\ttab", "a\n\n\nb", "{\"json\": [\"\\u0041\"]}", longest.as_str()];
    for (version, prose) in (tree.len() as u64 + 1..).zip(texts) {
        let mut sample = Sample::of(1, version)?
            .writing(
                RecordKey::Reason(Version::new(version)),
                Record::Reason { by: principal(1), text: valid(Reason::new(prose))? },
            )
            .writing(
                RecordKey::Description(organization(u128::from(version))),
                Record::Description(valid(Description::new(prose))?),
            );
        sample.0.recorded.correlation = Some(valid(CorrelationId::new(&format!("Trace-{version}/aA==")))?);
        tree.push(sample);
    }
    for (number, address) in (1..).zip(["Alice+Tag@Example.ORG", "alice+tag@example.org", "i@bücher.example"]) {
        let invitation = InvitationId::from_u128(number).unwrap_or(InvitationId::MIN);
        let person = Person::named(valid(Name::new("Alice"))?).reachable_at(valid(Address::new(address))?);
        let sample = Sample::of(1, tree.len() as u64 + 1)?
            .writing(RecordKey::Invitee(invitation), Record::Invitee(valid(Address::new(address))?))
            .writing(RecordKey::Person(principal(u128::MAX - number)), Record::Person(person));
        tree.push(sample);
    }
    for sample in &tree {
        subject.accepts("a commit of awkward text", &sample.commit())?;
    }
    subject.holds("awkward text", &tree)?;

    let neighbours = [1 << 5, 1 << 64, 1 << 127, u128::MAX - 1, u128::MAX];
    for number in neighbours {
        subject
            .accepts("a tree with an identifier near another's", &Sample::of(number, 1)?.under(key(number)).commit())?;
    }
    for number in neighbours {
        subject.holds("identifiers near each other", &[Sample::of(number, 1)?.under(key(number))])?;
    }
    drop(subject);
    trial.open()?.holds("awkward text, opened again", &tree)
}

/// R8: written, written again, erased, written after that, and twice in one commit.
pub(super) fn records_with_their_page<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let tree = [
        Sample::of(1, 1)?.naming(1, "Ada")?.naming(2, "Grace")?.naming(3, "Edsger")?,
        Sample::of(1, 2)?.naming(1, "Ada Lovelace")?,
        Sample::of(1, 3)?.erasing(person(2)).erasing(person(4)),
        Sample::of(1, 4)?.naming(5, "First")?.naming(5, "Then")?.naming(6, "Barbara")?.erasing(person(6)),
        Sample::of(1, 5)?.erasing(person(3)),
        Sample::of(1, 6)?.naming(3, "Edsger W.")?,
        Sample::of(1, 7)?,
    ];
    for sample in &tree {
        subject.accepts("a commit with records", &sample.commit())?;
    }
    pages_hold(&subject, &tree)?;
    drop(subject);
    pages_hold(&trial.open()?, &tree)
}

/// R9: a value that was replaced and one that was erased are in no answer.
pub(super) fn nothing_of_the_erased<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let tree = [
        Sample::of(1, 1)?.naming(1, "Sentinel-erased")?.naming(2, "Sentinel-replaced")?.naming(3, "Kept")?,
        Sample::of(1, 2)?.naming(2, "Grace")?,
        Sample::of(1, 3)?.erasing(person(1)),
    ];
    let subject = trial.open()?;
    for sample in &tree {
        subject.accepts("a commit with records", &sample.commit())?;
    }
    drop(subject);
    let subject = trial.open()?;
    for after in (0..4).map(Version::new) {
        for limit in limits() {
            let when = format!("at most {limit} commits after version {after}, searched for what was erased");
            let Page { commits, records, .. } = subject.page(&when, organization(1), after, limit)?;
            let page = text(&(commits, records))?;
            expect(
                &when,
                &None,
                &["Sentinel-erased", "Sentinel-replaced"].into_iter().find(|word| page.contains(word)),
            )?;
        }
    }
    let whole = text(&subject.page("the whole tree", organization(1), Version::ZERO, NonZeroU32::MAX)?.records)?;
    expect("whether what was not erased is there", &true, &whole.contains("Kept"))
}

/// R10: in an empty repository, and beside trees; a sub-organization is no tree.
pub(super) fn absent_tree<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let absent = |when: &str, number| {
        let root = organization(number);
        expect(&format!("{when}: its head"), &Version::ZERO, &subject.head(when, root)?)?;
        let empty = page_of(&[], Version::ZERO, NonZeroU32::MIN);
        for after in [Version::ZERO, Version::new(5), Version::new(u64::MAX)] {
            compare(when, &empty, &subject.page(when, root, after, NonZeroU32::MAX)?)?;
        }
        Ok(())
    };
    absent("a tree in an empty repository", 1)?;
    subject.accepts("a commit", &Sample::of(1, 1)?.creating(2)?.naming(1, "Ada")?.commit())?;
    absent("a tree that is not there", 3)?;
    absent("a sub-organization, which is no tree", 2)
}

/// R11: trees that have records, versions and neighbouring identifiers in common.
pub(super) fn trees_apart<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let mut trees = [const { Vec::new() }; 3];
    for version in 1..=4 {
        for (root, tree) in (1..).zip(&mut trees) {
            let mut sample = Sample::of(root, version)?;
            // Each tree names the same person in its own way, and one erases them.
            sample = if root == 2 && version == 3 {
                sample.erasing(person(1))
            } else if version % 2 == 1 {
                sample.naming(1, &format!("Ada of tree {root} at {version}"))?
            } else {
                sample
            };
            subject.accepts("a commit of one of three trees", &sample.commit())?;
            tree.push(sample);
        }
    }
    trees.iter().try_for_each(|tree| pages_hold(&subject, tree))
}

/// R13: of roots, of sub-organizations, of what moved to another tree and on; and of none.
pub(super) fn tree_of_an_organization<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let is_in = |subject: &Subject<'_, H>, when: &str, number, root: Option<u128>| {
        expect(when, &root.map(organization), &subject.root_of(when, organization(number))?)
    };
    is_in(&subject, "an organization in an empty repository", 1, None)?;
    subject.accepts("a commit", &Sample::of(1, 1)?.creating(50)?.creating(51)?.commit())?;
    subject.accepts("a commit", &Sample::of(2, 1)?.creating(60)?.commit())?;
    for (number, root) in [(1, Some(1)), (50, Some(1)), (51, Some(1)), (2, Some(2)), (60, Some(2)), (3, None)] {
        is_in(&subject, &format!("organization {number}"), number, root)?;
    }
    // Attached: tree 2 with its organization 60 comes under tree 1.
    let left = Sample::of(2, 2)?;
    let joined = Sample::of(1, 2)?.under(left.key()).receiving(2)?.receiving(60)?;
    subject.accepts("an attach", &joined.joint(&left))?;
    // Detached: organization 50 becomes a tree.
    let left = Sample::of(1, 3)?;
    let mut own = Sample::of(50, 1)?.under(left.key()).receiving(50)?;
    own.0.recorded.events.drain(..1);
    subject.accepts("a detach", &left.joint(&own))?;
    drop(subject);

    let subject = trial.open()?;
    for (number, root) in [(1, 1), (2, 1), (60, 1), (50, 50), (51, 1)] {
        is_in(&subject, &format!("organization {number} after an attach and a detach"), number, Some(root))?;
    }
    Ok(())
}

/// R14: founded in another order, with sub-organizations among them, by every page.
pub(super) fn trees_in_order<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let numbers = [9, 1 << 127, 3, u128::MAX - 1, 256, 1 << 64];
    for (position, number) in (100..).zip(numbers) {
        let founding = Sample::of(number, 1)?.under(key(position)).creating(position)?;
        subject.accepts("a commit that founds a tree", &founding.commit())?;
        subject.accepts("its second commit", &Sample::of(number, 2)?.under(key(100 + position)).commit())?;
    }
    let mut all = numbers.map(organization);
    all.sort();
    let afters =
        [1, 3, 4, 9, 256, 1 << 64, 1 << 127, u128::MAX - 1, u128::MAX].map(|number| Some(organization(number)));
    for after in afters.into_iter().chain([None]) {
        for limit in limits() {
            let when = format!("at most {limit} trees after {after:?}");
            let limited = usize::try_from(limit.get()).unwrap_or(usize::MAX);
            let expected: Vec<_> = all.into_iter().filter(|root| Some(*root) > after).take(limited).collect();
            expect(&when, &expected, &subject.roots(&when, after, limit)?)?;
        }
    }
    Ok(())
}

/// R15: asked at once, and after each of several openings.
pub(super) fn acknowledged_is_there<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let (mut tree, mut other) = (Vec::new(), Vec::new());
    for version in 1..=4 {
        let subject = trial.open()?;
        let one = Sample::of(1, version)?.naming(1, &format!("Ada {version}"))?.creating(50 + u128::from(version))?;
        let second = Sample::of(2, version)?.under(one.key()).erasing(person(1));
        let commit = one.joint(&second);
        subject.accepts("a commit", &commit)?;
        tree.push(one);
        other.push(second);
        let shows = |subject: Subject<'_, H>, when: &str| {
            subject.holds(when, &tree)?;
            subject.holds(when, &other)?;
            expect(when, &Some(commit.receipt()), &subject.receipt(when, commit.key())?)?;
            for placement in commit.placements() {
                expect(when, &Some(placement.root), &subject.root_of(when, placement.organization)?)?;
            }
            let roots: BTreeSet<_> = subject.roots(when, None, NonZeroU32::MAX)?.into_iter().collect();
            expect(when, &BTreeSet::from([organization(1), organization(2)]), &roots)
        };
        shows(subject, "read as soon as it is acknowledged")?;
        shows(trial.open()?, "read after it is opened again")?;
    }
    Ok(())
}

/// R18: of one tree and of two, under keys that differ in one bit; none for what was
/// refused.
pub(super) fn receipts<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let alone = Sample::of(1, 1)?.under(key(1 << 80));
    let second = Sample::of(1, 2)?.under(key(1 << 81));
    let joint = second.joint(&Sample::of(2, 1)?.under(second.key()));
    let refused = Sample::of(1, 2)?.under(key(1 << 82));
    expect("a key in an empty repository", &None, &subject.receipt("a key in an empty repository", alone.key())?)?;
    subject.accepts("a commit", &alone.commit())?;
    subject.accepts("a commit of two trees", &joint)?;
    // Whether it is refused is R2's to say.
    let _ = subject.send(&refused.commit());
    drop(subject);

    let subject = trial.open()?;
    let cases = [
        ("the key of a commit", alone.key(), Some(alone.commit().receipt())),
        ("the key of a commit of two trees", joint.key(), Some(joint.receipt())),
        ("the key of a refused commit", refused.key(), None),
        ("a key that differs in one bit", key(1 << 80 | 1), None),
        ("the identifier of a tree", key(1), None),
    ];
    for (when, key, receipt) in cases {
        expect(when, &receipt, &subject.receipt(when, key)?)?;
    }
    Ok(())
}

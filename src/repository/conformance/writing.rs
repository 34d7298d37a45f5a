//! The sentences on what is written: R1 to R5, R12, R16 and R17.

use super::sample::{Sample, key, organization, person};
use super::subject::{Answer, Subject, Trial, expect};
use super::{Failure, Harness};
use crate::event::Version;
use crate::repository::{Commit, CommitError, CommitRefusal};

/// Threads in a race, and how often it is run.
const RACERS: u64 = 8;
const ROUNDS: u64 = 8;

/// R1: one tree and two, few events and many.
pub(super) fn written_whole<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let first = Sample::of(1, 1)?.renaming("Twice in one commit")?.naming(1, "Ada")?.naming(2, "Grace")?;
    subject.accepts("the first commit of a tree", &first.commit())?;
    subject.holds("after the first commit", std::slice::from_ref(&first))?;

    let mut second = Sample::of(1, 2)?.erasing(person(1));
    for number in 0..500 {
        second = second.creating(10_000 + number)?.naming(10_000 + number, &format!("Member {number}"))?;
    }
    subject.accepts("a commit of 501 events and records", &second.commit())?;
    subject.holds("after a commit of 501 events and records", &[first.clone(), second.clone()])?;

    let third = Sample::of(1, 3)?.naming(3, "Edsger")?;
    let other = Sample::of(2, 1)?.under(third.key()).naming(3, "Barbara")?;
    subject.accepts("a commit of two trees", &third.joint(&other))?;
    subject.holds("the first of two trees", &[first, second, third])?;
    subject.holds("the second of two trees", &[other])
}

/// R2 (abuse 104): decided on a version too early or too late, and by several at once.
pub(super) fn conflict_leaves_nothing<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let tree = [Sample::of(1, 1)?.naming(1, "Ada")?, Sample::of(1, 2)?];
    for sample in &tree {
        subject.accepts("a commit on the present version", &sample.commit())?;
    }
    for version in [2, 4, 100] {
        let when = format!("a commit to version {version} of a tree at version 2");
        let stray = Sample::of(1, version)?.under(key(77)).creating(50)?.erasing(person(1)).naming(2, "Nobody")?;
        let (root, expected) = (stray.root(), stray.version().previous());
        let refusal = CommitRefusal::Conflict { root, expected, found: Version::new(2) };
        subject.refuses(&when, &stray.commit(), refusal)?;
        subject.holds(&format!("after {when} was refused"), &tree)?;
        subject.lacks(&format!("after {when} was refused"), &stray.commit())?;
    }
    let again = Sample::of(1, 3)?.under(key(77)).creating(50)?;
    subject.accepts("the refused commit, decided again under its key", &again.commit())?;

    let mut tree = tree.into_iter().chain([again]).collect::<Vec<_>>();
    for version in 4..4 + ROUNDS {
        let rival = |racer| {
            Sample::of(1, version)?.under(key(u128::from(1_000 * version + racer))).naming(1, &format!("Racer {racer}"))
        };
        let rivals = (0..RACERS).map(rival).collect::<Result<Vec<_>, _>>()?;
        let commits: Vec<Commit> = rivals.iter().map(Sample::commit).collect();
        let when = "several threads committing on one version";
        let winner = one_winner(&subject, when, &commits, &subject.race(when, &commits)?, is_conflict)?;
        tree.extend(rivals.into_iter().nth(winner));
        subject.holds(when, &tree)?;
    }
    Ok(())
}

fn is_conflict(refusal: &CommitRefusal) -> bool {
    matches!(refusal, CommitRefusal::Conflict { .. })
}

fn is_taken(refusal: &CommitRefusal) -> bool {
    matches!(refusal, CommitRefusal::OrganizationTaken { .. })
}

/// The one commit of a race that is there; every answer must fit that, and a refusal be one
/// that `fits`. A store may give up on a loser without comparing versions, as databases do
/// that serialize transactions.
fn one_winner<H: Harness>(
    subject: &Subject<'_, H>,
    when: &str,
    commits: &[Commit],
    answers: &[Answer<H>],
    fits: fn(&CommitRefusal) -> bool,
) -> Result<usize, Failure> {
    let mut winners = Vec::new();
    for (position, (commit, answer)) in commits.iter().zip(answers).enumerate() {
        let there = subject.receipt(when, commit.key())?.is_some();
        match answer {
            Ok(receipt) => expect(&format!("{when}: the receipt of the winner"), &commit.receipt(), receipt)?,
            Err(CommitError::Refused(refusal)) if !fits(refusal) => {
                expect(when, &"a refusal that names what the winner did".to_owned(), &refusal.to_string())?;
            }
            Err(_) => {}
        }
        // Of an answer that is neither, the key alone tells.
        if !matches!(answer, Err(CommitError::Unknown(_))) {
            expect(
                &format!("{when}: whether a commit is there that was acknowledged or not"),
                &answer.is_ok(),
                &there,
            )?;
        }
        winners.extend(there.then_some(position));
    }
    expect(&format!("{when}: commits that are there"), &1, &winners.len())?;
    Ok(winners.first().copied().unwrap_or_default())
}

/// R3: both sides fit, and either of them conflicts.
pub(super) fn both_trees_or_neither<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let (mut left, mut right) = (Sample::tree(1, 2)?, Sample::tree(2, 2)?);
    for sample in left.iter().chain(&right) {
        subject.accepts("a commit of one tree", &sample.commit())?;
    }
    let part = |root, version| Sample::of(root, version).map(|sample| sample.under(key(77)));
    let cases = [("first", part(1, 2)?, part(2, 3)?), ("second", part(1, 3)?, part(2, 2)?)];
    for (side, one, other) in cases {
        let one = one.naming(1, "Ada")?.creating(50)?;
        let other = other.naming(1, "Ada")?;
        let stray = if side == "first" { &one } else { &other };
        let (root, expected) = (stray.root(), stray.version().previous());
        for commit in [one.joint(&other), other.joint(&one)] {
            let when = format!("a commit of two trees, of which the {side} has moved on");
            subject.refuses(&when, &commit, CommitRefusal::Conflict { root, expected, found: Version::new(2) })?;
            subject.holds(&format!("{when}: the first tree"), &left)?;
            subject.holds(&format!("{when}: the second tree"), &right)?;
            subject.lacks(&when, &commit)?;
        }
    }
    // Both orders at once: stores that lock tree by tree meet here.
    for version in 3..3 + ROUNDS {
        let when = "two threads committing the same two trees";
        let pair = |key| Ok::<_, Failure>((Sample::of(1, version)?.under(key), Sample::of(2, version)?.under(key)));
        let pairs = [pair(key(u128::from(1_000 * version)))?, pair(key(u128::from(1_000 * version + 1)))?];
        let [(a, b), (c, d)] = &pairs;
        let commits = [a.joint(b), d.joint(c)];
        let winner = one_winner(&subject, when, &commits, &subject.race(when, &commits)?, is_conflict)?;
        if let Some((one, other)) = pairs.into_iter().nth(winner) {
            left.push(one);
            right.push(other);
        }
        subject.holds(when, &left)?;
        subject.holds(when, &right)?;
    }
    Ok(())
}

/// R4: at once, after the tree has moved on, after it was opened again, and by several.
pub(super) fn sent_again<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let first = Sample::of(1, 1)?.naming(1, "Ada")?.creating(50)?;
    let second = Sample::of(1, 2)?.erasing(person(1));
    let other = Sample::of(2, 1)?.under(second.key());
    let (alone, joint) = (first.commit(), second.joint(&other));
    subject.accepts("a commit", &alone)?;
    subject.accepts("the same commit, sent again", &alone)?;
    subject.accepts("a commit of two trees", &joint)?;
    subject.accepts("a commit of two trees, sent again", &joint)?;
    subject.accepts("an earlier commit, sent again after a later one", &alone)?;
    drop(subject);

    let subject = trial.open()?;
    subject.accepts("a commit, sent again to a repository opened again", &alone)?;
    subject.accepts("a commit of two trees, sent again to a repository opened again", &joint)?;
    // A name that the second commit erased would be back, had the first been written again.
    subject.holds("after commits were sent again: the first tree", &[first, second])?;
    subject.holds("after commits were sent again: the second tree", &[other])?;

    for round in 0..ROUNDS {
        let (when, sample) = ("several threads sending the same commit", Sample::of(u128::from(100 + round), 1)?);
        let commits: Vec<Commit> = (0..RACERS).map(|_| sample.commit()).collect();
        for answer in subject.race(when, &commits)? {
            match answer {
                Ok(receipt) => expect(when, &sample.commit().receipt(), &receipt)?,
                Err(CommitError::Refused(refusal)) => expect(when, &"a receipt".to_owned(), &refusal.to_string())?,
                // A store may give up on one of two at once; whoever sent it sends it again.
                Err(_) => subject.accepts(when, &sample.commit())?,
            }
        }
        subject.holds(when, &[sample])?;
    }
    Ok(())
}

/// R5 (abuse 106): other events, other records, another tree.
pub(super) fn key_reused<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let first = Sample::of(1, 1)?.naming(1, "Ada")?;
    let reused = first.key();
    subject.accepts("a commit", &first.commit())?;
    let next = Sample::of(1, 2)?.under(reused);
    let others = [
        ("other events", first.clone().creating(50)?.commit()),
        ("another record", first.clone().naming(2, "Grace")?.commit()),
        ("an erasure", Sample::of(1, 1)?.erasing(person(1)).commit()),
        ("the next version", next.commit()),
        ("another tree", Sample::of(2, 1)?.under(reused).commit()),
        ("a second tree", first.joint(&Sample::of(2, 1)?.under(reused))),
    ];
    for (content, commit) in others {
        let when = format!("a key used again for {content}");
        subject.refuses(&when, &commit, CommitRefusal::KeyReused { key: reused })?;
        subject.holds(&when, std::slice::from_ref(&first))?;
        expect(&format!("{when}: head of the other tree"), &Version::ZERO, &subject.head(&when, organization(2))?)?;
        expect(&format!("{when}: the receipt"), &Some(first.commit().receipt()), &subject.receipt(&when, reused)?)?;
    }
    Ok(())
}

/// R12: used in this tree, as a tree, in another tree, by several at once; and moved.
pub(super) fn organization_taken<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let first = Sample::of(1, 1)?.creating(50)?;
    let second = Sample::of(2, 1)?;
    for sample in [&first, &second] {
        subject.accepts("a commit that creates organizations", &sample.commit())?;
    }
    let taken = |number| CommitRefusal::OrganizationTaken { organization: organization(number) };
    let cases = [
        ("a second time in its tree", Sample::of(1, 2)?.naming(1, "Ada")?.creating(51)?.creating(50)?, 50),
        ("in a second tree", Sample::of(2, 2)?.creating(50)?, 50),
        ("by the number of a root", Sample::of(2, 2)?.creating(1)?, 1),
        ("as a root", Sample::of(50, 1)?, 50),
    ];
    for (how, stray, number) in cases {
        let when = format!("an organization created {how}");
        subject.refuses(&when, &stray.commit(), taken(number))?;
        subject.holds(&format!("{when}: the first tree"), std::slice::from_ref(&first))?;
        subject.holds(&format!("{when}: the second tree"), std::slice::from_ref(&second))?;
        expect(&format!("{when}: its receipt"), &None, &subject.receipt(&when, stray.key())?)?;
        expect(&format!("{when}: what it created beside"), &None, &subject.root_of(&when, organization(51))?)?;
    }

    let departed = Sample::of(1, 2)?;
    let arrived = Sample::of(2, 2)?.under(departed.key()).receiving(50)?;
    let when = "an organization that moved to another tree";
    subject.accepts(when, &departed.joint(&arrived))?;
    expect(when, &Some(organization(2)), &subject.root_of(when, organization(50))?)?;
    subject.refuses("created again in the tree that it left", &Sample::of(1, 3)?.creating(50)?.commit(), taken(50))?;

    for round in 0..ROUNDS {
        let (when, new) = ("several threads creating one organization in a tree each", u128::from(1_000_000 + round));
        let rival = |racer| Sample::of(u128::from(1_000 * (round + 1) + racer), 1)?.creating(new);
        let rivals = (0..RACERS).map(rival).collect::<Result<Vec<_>, _>>()?;
        let commits: Vec<Commit> = rivals.iter().map(Sample::commit).collect();
        let winner = one_winner(&subject, when, &commits, &subject.race(when, &commits)?, is_taken)?;
        let root = rivals.get(winner).map(Sample::root);
        expect(when, &root, &subject.root_of(when, organization(new))?)?;
    }
    Ok(())
}

/// R16 (abuse 107): dropped after no poll, after one, after two, until it has answered.
pub(super) fn dropped_half_way<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let subject = trial.open()?;
    let mut sent = Vec::new();
    for polls in 0_u32.. {
        let when = format!("a commit of two trees, dropped after {polls} polls");
        let left = Sample::of(1_000 + u128::from(polls), 1)?.naming(1, "Ada")?;
        let right =
            Sample::of(5_000_000 + u128::from(polls), 1)?.under(left.key()).creating(9_000_000 + u128::from(polls))?;
        let answered = subject.send_and_drop(&left.joint(&right), polls).is_some();
        all_or_nothing(&subject, &when, &left, &right)?;
        // A transaction left open would swallow this one and what follows.
        let next = Sample::of(9_000 + u128::from(polls), 1)?;
        subject.accepts(&format!("the commit after {when}"), &next.commit())?;
        subject.accepts(&format!("sent again: {when}"), &left.joint(&right))?;
        sent.push([vec![left], vec![right], vec![next]]);
        if answered {
            break;
        }
    }
    drop(subject);

    let subject = trial.open()?;
    for tree in sent.iter().flatten() {
        subject.holds("after commits were dropped half way and the repository was opened again", tree)?;
    }
    Ok(())
}

/// That both trees of a commit are there, or neither. What goes on in the background may
/// finish between two questions, so the first tree is asked again.
fn all_or_nothing<H: Harness>(
    subject: &Subject<'_, H>,
    when: &str,
    left: &Sample,
    right: &Sample,
) -> Result<(), Failure> {
    loop {
        let before = subject.head(when, left.root())?;
        let other = subject.head(when, right.root())?;
        if before == subject.head(when, left.root())? {
            return expect(&format!("{when}: versions of the two trees"), &(before, before), &(before, other));
        }
    }
}

/// R17: on storage that works, and on storage that the harness obstructs.
pub(super) fn not_written_is_certain<H: Harness>(trial: &Trial<'_, H>) -> Result<(), Failure> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (version, obstructed) in [(1, false), (2, true), (3, false)] {
        let when = if obstructed { "a commit to obstructed storage" } else { "a commit" };
        let one = Sample::of(1, version)?.naming(1, "Ada")?.creating(u128::from(50 + version))?;
        let other = Sample::of(2, version)?.under(one.key()).naming(1, "Grace")?;
        let commit = one.joint(&other);
        let subject = trial.open()?;
        if obstructed {
            trial.harness.obstruct(&trial.storage).map_err(Failure::Harness)?;
        }
        let answer = subject.send(&commit);
        if obstructed {
            trial.harness.restore(&trial.storage).map_err(Failure::Harness)?;
        }
        let certain = matches!(answer, Err(CommitError::NotWritten(_)));
        if certain {
            subject.lacks(&format!("after {when} was answered with NotWritten"), &commit)?;
        }
        drop(subject);

        let subject = trial.open()?;
        if certain {
            let when = format!("after {when} was answered with NotWritten, and the repository opened again");
            subject.lacks(&when, &commit)?;
            subject.holds(&when, &left)?;
            subject.holds(&when, &right)?;
        }
        subject.accepts(&format!("{when}, sent until it is acknowledged"), &commit)?;
        left.push(one);
        right.push(other);
        subject.holds(when, &left)?;
        subject.holds(when, &right)?;
    }
    Ok(())
}

//! REC: what is captured, how long it is kept, and what holds it.

use std::collections::BTreeSet;

use bailiwick::*;

use crate::support::*;
use crate::things::*;

fn keep(organization: OrganizationId, retention: Option<Period>) -> GovernRecordings {
    GovernRecordings { organization, policy: RecordingPolicy { captures: BTreeSet::new(), retention } }
}

fn cleaned(world: &World, place: OrganizationId, made: Timestamp) -> Result<(), RecordingKept> {
    world.tree.may_delete_recording(place, made, RecordingDeleter::Retention, world.at)
}

fn deleted(world: &World, place: OrganizationId, who: PrincipalId) -> Result<(), RecordingKept> {
    world.tree.may_delete_recording(place, world.at, RecordingDeleter::Principal(who), world.at)
}

// spec: REC-1
#[test]
fn what_is_captured_is_set_for_each_organization() {
    let (mut world, contoso, store) = World::three_levels();
    let captures = BTreeSet::from([Capture::Screen, Capture::Terminal, Capture::Custom(tag("clipboard"))]);
    let policy = RecordingPolicy { captures: captures.clone(), retention: None };
    world.run(ada(), contoso, &GovernRecordings { organization: contoso, policy }).unwrap();
    assert_eq!(world.tree.recording_policy(contoso).unwrap().captures, captures);
    for place in [root(), store] {
        assert_eq!(world.tree.recording_policy(place).unwrap().captures, BTreeSet::new());
    }
    assert_eq!(world.tree.recording_policy(organization(99)), None);
    let bob = world.user(20, "Bob", &[contoso]);
    forbidden(world.run(bob, contoso, &keep(contoso, None)));
    world.grant(bob, "organizations.edit", contoso);
    world.run(bob, contoso, &keep(contoso, None)).unwrap();
}

// spec: REC-1
#[test]
fn retention_is_its_own_else_the_accounts_else_ninety_days() {
    let (mut world, contoso, store) = World::three_levels();
    let retentions =
        |world: &World| [root(), contoso, store].map(|place| world.tree.retention(place).as_seconds() / 86_400);
    assert_eq!(retentions(&world), [90, 90, 90]);
    world.ada(&keep(root(), Some(hours(24 * 30)))).unwrap();
    assert_eq!(retentions(&world), [30, 30, 30]);
    world.run(ada(), contoso, &keep(contoso, Some(hours(24 * 365)))).unwrap();
    assert_eq!(retentions(&world), [30, 365, 30], "it overrides the account's for itself alone");
    world.run(ada(), contoso, &keep(contoso, None)).unwrap();
    assert_eq!(retentions(&world), [30, 30, 30]);
    let other = World::with(Rules { retention: hours(24), ..Rules::provider() });
    assert_eq!(other.tree.retention(root()), hours(24));
}

// spec: REC-1
// abuse: 13
// abuse: 88
#[test]
fn a_retention_of_zero_or_a_century_cannot_be_said() {
    for seconds in [0, -1, i64::MIN] {
        assert_eq!(Period::seconds(seconds), Err(InvalidTime::NotPositive));
        assert!(serde_json::from_value::<Period>(seconds.into()).is_err());
    }
    for seconds in [100 * 365 * 86_400, Period::LONGEST.as_seconds() + 1, i64::MAX] {
        assert_eq!(Period::seconds(seconds), Err(InvalidTime::TooLong));
    }
    assert_eq!(Period::new(chrono::TimeDelta::milliseconds(999)), Err(InvalidTime::NotPositive));
    assert_eq!(Period::new(chrono::TimeDelta::MAX), Err(InvalidTime::TooLong));
    assert!(serde_json::from_str::<RecordingPolicy>(r#"{"captures":[],"retention":0}"#).is_err());
    assert_eq!(serde_json::from_str::<RecordingPolicy>(r#"{"captures":[],"retention":null}"#).unwrap().retention, None);
}

// spec: REC-2
#[test]
fn a_recording_is_cleaned_up_when_its_time_is_over_and_not_before() {
    let mut world = World::new();
    let made = world.at;
    let until = made + days(90);
    world.at = until - chrono::TimeDelta::nanoseconds(1);
    assert_eq!(cleaned(&world, root(), made), Err(RecordingKept::Retained { until }));
    world.at = until;
    assert_eq!(cleaned(&world, root(), made), Ok(()));
    let future = world.at + days(1);
    assert_eq!(cleaned(&world, root(), future), Err(RecordingKept::Retained { until: future + days(90) }));
    // However far away, nothing overflows.
    assert_eq!(cleaned(&world, root(), DOOMSDAY), Err(RecordingKept::Retained { until: DOOMSDAY }));
    assert_eq!(cleaned(&world, root(), Timestamp::MIN_UTC), Ok(()));
    assert_eq!(cleaned(&world, organization(99), made), Err(RecordingKept::NotFound));
}

// spec: REC-2
#[test]
fn a_person_deletes_with_the_claim_and_not_without() {
    let (mut world, contoso, _) = World::three_levels();
    let bob = world.user(20, "Bob", &[contoso]);
    assert_eq!(deleted(&world, contoso, ada()), Ok(()));
    assert_eq!(deleted(&world, contoso, bob), Err(RecordingKept::NotAllowed));
    assert_eq!(deleted(&world, contoso, principal(77)), Err(RecordingKept::NotAllowed));
    world.grant(bob, "recordings.delete", contoso);
    assert_eq!(deleted(&world, contoso, bob), Ok(()));
    assert_eq!(deleted(&world, root(), bob), Err(RecordingKept::NotAllowed));
}

// spec: REC-2
#[test]
fn while_a_legal_hold_is_on_nobody_and_nothing_deletes() {
    let (mut world, contoso, store) = World::three_levels();
    let ancient = world.at - days(1_000);
    let hold = |hold| SetLegalHold { organization: contoso, hold };
    world.run(ada(), contoso, &hold(true)).unwrap();
    assert!(world.tree.is_held(contoso));
    assert_eq!(cleaned(&world, contoso, ancient), Err(RecordingKept::LegalHold));
    assert_eq!(deleted(&world, contoso, ada()), Err(RecordingKept::LegalHold));
    assert_eq!(deleted(&world, contoso, principal(77)), Err(RecordingKept::LegalHold));
    for place in [root(), store] {
        assert_eq!(cleaned(&world, place, ancient), Ok(()), "another's is not held");
    }
    assert_eq!(rule(world.run(ada(), contoso, &hold(true))), RecordingError::HoldUnchanged { hold: true });
    // A shorter retention does not get around it.
    world.run(ada(), contoso, &keep(contoso, Some(hours(1)))).unwrap();
    assert_eq!(cleaned(&world, contoso, ancient), Err(RecordingKept::LegalHold));
    let bob = world.user(20, "Bob", &[contoso]);
    world.grant(bob, "organizations.edit", contoso);
    forbidden(world.run(bob, contoso, &hold(false)));
    world.run(ada(), contoso, &hold(false)).unwrap();
    assert_eq!(cleaned(&world, contoso, ancient), Ok(()));
    assert_eq!(rule(world.run(ada(), contoso, &hold(false))), RecordingError::HoldUnchanged { hold: false });
}

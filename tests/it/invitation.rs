//! INV: how someone comes in.

use std::num::NonZeroU32;

use bailiwick::*;

use crate::support::*;

const EVE: &str = "eve@people.example";

fn eve() -> PrincipalId {
    principal(50)
}

/// An invitation of `to` as a member, numbered together with its token.
fn invite(number: u8, organization: OrganizationId, group: GroupId, to: &str) -> Invite {
    Invite {
        invitation: invitation(u128::from(number)),
        organization,
        group,
        address: address(to),
        role: GroupRole::Member,
        token: token(number).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    }
}

fn accept(number: u8, from: &str) -> AcceptInvitation {
    AcceptInvitation { token: token(number), address: address(from), verified: true, name: name("Newcomer") }
}

fn resend(number: u8, group: GroupId, with: u8) -> ResendInvitation {
    ResendInvitation {
        organization: root(),
        group,
        invitation: invitation(u128::from(number)),
        token: token(with).hash(),
        lifetime: None,
    }
}

fn revoke(number: u8) -> RevokeInvitation {
    RevokeInvitation { organization: root(), invitation: invitation(u128::from(number)) }
}

fn decline(number: u8, from: &str) -> DeclineInvitation {
    DeclineInvitation { invitation: invitation(u128::from(number)), address: address(from) }
}

/// A world with a group of the root that Ada owns.
fn desk() -> (World, GroupId) {
    desk_with(Rules::provider())
}

fn desk_with(rules: Rules) -> (World, GroupId) {
    let mut world = World::with(rules);
    let team = world.team(1, root(), "Backup operators", &["backups.restore"]);
    (world, team)
}

fn rules(invitations: InvitationRules) -> Rules {
    Rules { invitations, ..Rules::provider() }
}

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

impl World {
    fn state(&self, number: u8) -> InvitationState {
        self.tree.invitation(invitation(u128::from(number))).unwrap().state(self.at)
    }

    fn enter(&mut self, number: u8) -> Result<(OrganizationId, GroupId, GroupRole), Refusal<InvitationError>> {
        self.newcomer(eve(), &accept(number, EVE))
    }
}

fn rule<T: std::fmt::Debug>(result: Result<T, Refusal<InvitationError>>) -> InvitationError {
    result.unwrap_err().into_rule().expect("a rule refuses it")
}

// spec: INV-1
#[test]
fn an_invitation_calls_an_address_into_one_group_in_the_role_it_was_sent_with() {
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    let owner = Invite { role: GroupRole::Owner, ..invite(2, root(), team, "olga@people.example") };
    world.ada(&owner).unwrap();
    let sent = world.tree.invitation(invitation(1)).unwrap();
    assert_eq!((sent.group(), sent.role(), sent.inviter()), (team, GroupRole::Member, ada()));
    assert_eq!(world.enter(1).unwrap(), (root(), team, GroupRole::Member));
    let olga = principal(51);
    let answer = world.newcomer(olga, &accept(2, "olga@people.example")).unwrap();
    assert_eq!(answer, (root(), team, GroupRole::Owner));
    assert!(world.may(eve(), "backups.restore", root()));
    assert!(!world.may(olga, "backups.restore", root()), "an owner of the group gains nothing by it");
    assert!(world.tree.owns_group(olga, team) && !world.tree.owns_group(eve(), team));
}

// spec: INV-1
#[test]
fn the_inviter_owns_both_the_group_and_the_organization() {
    let (mut world, team) = desk();
    let bob = world.user(2, "Bob", &[]);
    let carol = world.user(3, "Carol", &[]);
    world.grant(bob, "owner", root());
    world.ada(&AddGroupOwner { organization: root(), group: team, owner: carol }).unwrap();
    let need = |authority, place, organization| Need { demand: Demand { authority, place }, claim: None, organization };
    let group = need(Authority::GroupOwner, Place::Group, None);
    let organization = need(Authority::Owner, Place::Organization, Some(root()));
    for (who, missing) in [(bob, group), (carol, organization)] {
        let refusal = world.run(who, root(), &invite(1, root(), team, EVE)).unwrap_err();
        let operation = Operation::Invite;
        assert_eq!(refusal, Refusal::Denied(Denial::Forbidden { operation, ways: vec![vec![missing]] }));
    }
}

// spec: INV-1
#[test]
fn the_subscription_has_to_grant_invitations() {
    let (mut world, team) = desk();
    world.subscribe("Professional", Window::ALWAYS);
    let refused = rule(world.ada(&invite(1, root(), team, EVE)));
    let missing = Precondition::FeatureMissing {
        feature: Feature::Invitations,
        plan: Some("Professional".parse().unwrap()),
        root: root(),
    };
    assert_eq!(refused, InvitationError::Precondition(missing));
}

// spec: INV-2
#[test]
fn there_are_four_steps_and_no_way_out_of_a_final_state() {
    let (at, later) = (noon(), noon() + days(1));
    let (by, other) = (principal(1), principal(2));
    let steps = [
        InvitationStep::Resend { until: later + days(7) },
        InvitationStep::Accept { by },
        InvitationStep::Decline,
        InvitationStep::Revoke,
    ];
    let pending = InvitationState::Pending { until: later };
    let reached = steps.map(|step| pending.step(step, at).unwrap());
    assert_eq!(
        reached,
        [
            InvitationState::Pending { until: later + days(7) },
            InvitationState::Accepted { at, by },
            InvitationState::Declined { at },
            InvitationState::Revoked { at },
        ]
    );
    for (state, refusal) in [
        (InvitationState::Declined { at }, InvitationError::Declined { at }),
        (InvitationState::Revoked { at }, InvitationError::Revoked { at }),
        (InvitationState::Expired { at }, InvitationError::Expired { at }),
        (InvitationState::Pending { until: at }, InvitationError::Expired { at }),
    ] {
        for step in steps {
            assert_eq!(state.step(step, later), Err(refusal.clone()), "{state:?} {step:?}");
        }
    }
    let accepted = InvitationState::Accepted { at, by };
    for step in [steps[0], steps[2], steps[3]] {
        assert_eq!(accepted.step(step, later), Err(InvitationError::AlreadyAccepted));
    }
    assert_eq!(accepted.step(InvitationStep::Accept { by: other }, later), Err(InvitationError::AlreadyUsed));
    assert_eq!(accepted.step(InvitationStep::Accept { by }, later), Ok(accepted), "again is harmless");
}

// spec: INV-2
// abuse: 14
#[test]
fn a_pending_invitation_is_expired_from_its_end_on_without_any_job() {
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    let end = noon() + days(7);
    assert_eq!(world.state(1), InvitationState::Pending { until: end });
    let mut before = world.clone();
    before.at = end - chrono::TimeDelta::nanoseconds(1);
    assert!(before.clone().enter(1).is_ok(), "until just before its end");
    assert_eq!(before.tree.pending_invitations(root(), before.at).count(), 1);
    world.at = end;
    assert_eq!(world.state(1), InvitationState::Expired { at: end });
    assert_eq!(world.tree.pending_invitations(root(), end).count(), 0);
    assert!(world.tree.roster_lines(root(), end).iter().all(|line| line.invited.is_none()));
    assert_eq!(world.tree.usage(root(), UsageLimit::PendingInvitations, end), 0);
    assert_eq!(world.tree.usage(root(), UsageLimit::Seats, end), 1, "its seat is free again");
    assert_eq!(rule(world.enter(1)), InvitationError::Expired { at: end });
    assert_eq!(rule(world.ada(&revoke(1))), InvitationError::Expired { at: end });
    assert_eq!(rule(world.ada(&resend(1, team, 2))), InvitationError::Expired { at: end });
    assert_eq!(rule(world.newcomer(eve(), &decline(1, EVE))), InvitationError::Expired { at: end });
}

// spec: INV-2
// abuse: 13
// abuse: 14
#[test]
fn a_lifetime_is_neither_zero_nor_above_the_longest_and_never_replaced_by_a_default() {
    assert_eq!(Period::seconds(0), Err(InvalidTime::NotPositive));
    assert_eq!(Period::new(chrono::TimeDelta::milliseconds(-1)), Err(InvalidTime::NotPositive));
    assert_eq!(Period::new(chrono::TimeDelta::milliseconds(999)), Err(InvalidTime::NotPositive), "no rounding up");
    assert_eq!(Period::seconds(i64::MAX), Err(InvalidTime::TooLong));
    let ten_years = Period::LONGEST_DAYS * 86_400;
    assert!(Period::seconds(ten_years).is_ok());
    assert_eq!(Period::seconds(ten_years + 1), Err(InvalidTime::TooLong));
    let (mut world, team) = desk();
    let lasting =
        |period: i64| Invite { lifetime: Some(Period::seconds(period).unwrap()), ..invite(1, root(), team, EVE) };
    let longest = 90 * 86_400;
    assert_eq!(rule(world.ada(&lasting(longest + 1))), InvitationError::LifetimeTooLong { longest });
    world.clone().ada(&lasting(longest)).unwrap();
    world.ada(&lasting(1)).unwrap();
    assert_eq!(world.state(1), InvitationState::Pending { until: noon() + chrono::TimeDelta::seconds(1) });
    let rules = InvitationRules {
        lifetime: Period::seconds(10).unwrap(),
        longest: Period::seconds(9).unwrap(),
        ..InvitationRules::default()
    };
    assert_eq!(Rules::custom().invitations(rules).build().unwrap_err(), InvalidRules::InvitationLifetime);
}

// spec: INV-3
// abuse: 4
#[test]
fn a_second_pending_one_for_the_same_address_and_group_is_a_duplicate_that_names_the_first() {
    let (mut world, team) = desk();
    let other = world.team(2, root(), "Auditors", &[]);
    world.ada(&invite(1, root(), team, "Alice@X.example")).unwrap();
    world.pass(days(1));
    for same in ["alice@x.example", "ALICE@x.EXAMPLE", "Alice@X.example"] {
        let refused = rule(world.ada(&invite(2, root(), team, same)));
        assert_eq!(refused, InvitationError::Duplicate { invitation: invitation(1) });
    }
    world.ada(&invite(2, root(), other, "alice@x.example")).unwrap();
    let accepted = world.newcomer(eve(), &accept(1, "alice@x.example"));
    assert!(accepted.is_ok(), "the case does not stand in the way of accepting");
}

// spec: INV-3
// abuse: 5
// abuse: 7
#[test]
fn addresses_are_compared_with_ascii_folded_and_the_domain_in_ascii_and_nothing_beyond() {
    let same = |a: &str, b: &str| address(a).key() == address(b).key();
    assert!(same("Alice@Example.ORG", "alice@example.org"));
    assert!(same("i@bücher.example", "i@xn--bcher-kva.example"));
    assert!(same("i@BÜCHER.example", "i@bücher.example"));
    assert!(!same("quac\u{212A}@x.example", "quack@x.example"), "the Kelvin sign is no k");
    assert!(!same("m\u{131}ke@x.example", "mike@x.example"), "a dotless i is no i");
    assert!(!same("a+b@x.example", "a@x.example"), "plus-addresses are different");
    assert!(!same("a.b@x.example", "ab@x.example"));
}

// spec: INV-3
// abuse: 5
#[test]
fn look_alikes_are_marked_in_the_roster_and_the_address_is_kept_as_typed() {
    let (mut world, team) = desk();
    let typed =
        ["quac\u{212A}@x.example", "QuacK@x.example", "alone@x.example", "i@apple.example", "i@\u{430}pple.example"];
    for (number, to) in (1..).zip(typed) {
        world.ada(&invite(number, root(), team, to)).unwrap();
    }
    let lines = world.tree.roster_lines(root(), world.at);
    let marked = |to: &str| lines.iter().find(|line| line.label.as_deref() == Some(to)).expect(to).looks_alike;
    assert_eq!(typed.map(marked), [true, true, false, true, true]);
    assert_eq!(world.tree.invitee(invitation(2)).unwrap().typed(), "QuacK@x.example", "where mail goes");
}

// spec: INV-3
// abuse: 8
#[test]
fn what_is_no_address_is_refused_when_parsed() {
    let long = format!("{}@x.example", "a".repeat(10_000));
    let deep = format!("a@{}example", "x.".repeat(5_000));
    let bad = [
        "",
        " ",
        "@",
        "a@",
        "@x.example",
        "a b@x.example",
        " a@x.example",
        "a@x.example ",
        "a@x.example\n",
        "a\u{0}@x.example",
        "a\u{200B}@x.example",
        "a@x\u{200D}.example",
        "\u{FEFF}a@x.example",
        "a\u{7}@x.example",
        "a@b@x.example",
        "\"a@b\"@x.example",
        "a\u{A0}@x.example",
        "a\u{202E}@x.example",
        "a@x.example.",
        "a@-x.example",
        "a@x..example",
        "A <a@x.example>",
        "a@[127.0.0.1]",
        &long,
        &deep,
    ];
    for text in bad {
        assert!(text.parse::<Address>().is_err(), "{:?}", text.chars().take(40).collect::<String>());
    }
    assert_eq!("a b@x.example".parse::<Address>(), Err(InvalidAddress::Character));
    assert_eq!("a@b@x.example".parse::<Address>(), Err(InvalidAddress::Form));
}

// spec: INV-4
#[test]
fn the_waits_and_caps_are_settings_with_these_defaults() {
    let defaults = InvitationRules::default();
    let seconds = [defaults.resend_wait, defaults.decline_wait, defaults.lifetime].map(Period::as_seconds);
    assert_eq!(seconds, [600, 86_400, 7 * 86_400]);
    let caps = [
        defaults.daily_per_address,
        defaults.daily_per_inviter,
        defaults.daily_per_organization,
        defaults.pending_per_organization,
    ];
    assert_eq!(caps.map(NonZeroU32::get), [10, 100, 100, 200]);
    let wait = Period::seconds(30).unwrap();
    let (mut world, team) = desk_with(rules(InvitationRules { resend_wait: wait, ..defaults }));
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    let from = noon() + chrono::TimeDelta::seconds(30);
    assert_eq!(rule(world.ada(&resend(1, team, 2))), InvitationError::CoolingDown { from });
    world.at = from;
    world.ada(&resend(1, team, 2)).unwrap();
}

// spec: INV-4
// abuse: 19
#[test]
fn sending_again_waits_ten_minutes_from_the_last_sending_whatever_became_of_it() {
    let (world, team) = desk();
    let from = noon() + minutes(10);
    let sent = {
        let mut world = world.clone();
        world.ada(&invite(1, root(), team, EVE)).unwrap();
        world
    };
    let short = Period::seconds(60).unwrap();
    type End = fn(&mut World);
    let ends: [End; 3] = [
        |world| world.ada(&revoke(1)).unwrap(),
        |world| {
            world.enter(1).unwrap();
        },
        |world| world.pass(chrono::TimeDelta::zero()),
    ];
    for (which, end) in ends.iter().enumerate() {
        let mut world = sent.clone();
        end(&mut world);
        world.at = from - chrono::TimeDelta::nanoseconds(1);
        let again = Invite { role: GroupRole::Owner, other_role: OtherRole::Replace, ..invite(2, root(), team, EVE) };
        let refused = rule(world.ada(&again));
        assert_eq!(refused, InvitationError::CoolingDown { from }, "{which}");
        world.at = from;
        world.ada(&again).unwrap();
    }
    let mut expired = world.clone();
    expired.ada(&Invite { lifetime: Some(short), ..invite(1, root(), team, EVE) }).unwrap();
    expired.pass(minutes(1));
    let again = invite(2, root(), team, EVE);
    assert_eq!(rule(expired.ada(&again)), InvitationError::CoolingDown { from });
    expired.at = from;
    expired.ada(&again).unwrap();
}

// spec: INV-4
// abuse: 19
#[test]
fn inviting_anew_after_a_decline_waits_a_day_and_after_a_revocation_no_longer_than_ten_minutes() {
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    let mut revoked = world.clone();
    world.pass(minutes(30));
    world.newcomer(eve(), &decline(1, EVE)).unwrap();
    let from = world.at + days(1);
    for at in [world.at, from - chrono::TimeDelta::nanoseconds(1)] {
        world.at = at;
        assert_eq!(rule(world.ada(&invite(2, root(), team, EVE))), InvitationError::DeclinedRecently { from });
    }
    world.at = from;
    world.ada(&invite(2, root(), team, EVE)).unwrap();
    revoked.pass(minutes(9));
    revoked.ada(&revoke(1)).unwrap();
    revoked.pass(minutes(1));
    revoked.ada(&invite(2, root(), team, EVE)).unwrap();
}

// spec: INV-4
// abuse: 20
#[test]
fn one_address_gets_ten_messages_a_day_in_the_whole_tree() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let start = world.at;
    for number in 1..=11_u8 {
        let place = if number % 2 == 0 { root() } else { contoso };
        let team = world.team(u128::from(number), place, "Team", &[]);
        let send = invite(number, place, team, EVE);
        if number == 11 {
            let from = start + days(1);
            let capped = InvitationError::DailyCap { scope: CapScope::Address, cap: 10, from };
            assert_eq!(rule(world.run(ada(), place, &send)), capped);
            world.at = from - chrono::TimeDelta::nanoseconds(1);
            assert_eq!(rule(world.run(ada(), place, &send)), capped);
            world.at = from;
        }
        world.run(ada(), place, &send).unwrap();
        world.pass(minutes(1));
    }
}

// spec: INV-4
// abuse: 20
#[test]
fn one_inviter_has_a_daily_cap_in_the_whole_tree_that_another_does_not_share() {
    let caps = InvitationRules { daily_per_inviter: count(2), ..InvitationRules::default() };
    let (mut world, team) = desk_with(rules(caps));
    let contoso = world.child(2, root(), "Contoso");
    let below = world.team(2, contoso, "Below", &[]);
    let bob = world.user(2, "Bob", &[]);
    world.grant(bob, "owner", root());
    world.ada(&AddGroupOwner { organization: root(), group: team, owner: bob }).unwrap();
    world.ada(&invite(1, root(), team, "one@x.example")).unwrap();
    world.pass(minutes(5));
    world.run(ada(), contoso, &invite(2, contoso, below, "two@x.example")).unwrap();
    let from = noon() + days(1);
    let capped = InvitationError::DailyCap { scope: CapScope::Inviter, cap: 2, from };
    assert_eq!(rule(world.ada(&invite(3, root(), team, "three@x.example"))), capped);
    world.run(bob, root(), &invite(3, root(), team, "three@x.example")).unwrap();
    world.pass(minutes(30));
    assert_eq!(rule(world.ada(&resend(1, team, 4))), capped, "resending counts as well");
    world.at = from;
    world.ada(&resend(1, team, 4)).unwrap();
    let from = noon() + minutes(5) + days(1);
    let capped = InvitationError::DailyCap { scope: CapScope::Inviter, cap: 2, from };
    assert_eq!(rule(world.ada(&invite(5, root(), team, "five@x.example"))), capped, "the next one to free up");
}

// spec: INV-4
// abuse: 20
#[test]
fn one_organization_has_a_daily_cap_whoever_sends() {
    let caps = InvitationRules { daily_per_organization: count(1), ..InvitationRules::default() };
    let (mut world, team) = desk_with(rules(caps));
    let bob = world.user(2, "Bob", &[]);
    world.grant(bob, "owner", root());
    world.ada(&AddGroupOwner { organization: root(), group: team, owner: bob }).unwrap();
    let contoso = world.child(2, root(), "Contoso");
    let below = world.team(2, contoso, "Below", &[]);
    world.ada(&invite(1, root(), team, "one@x.example")).unwrap();
    let from = noon() + days(1);
    let capped = InvitationError::DailyCap { scope: CapScope::Organization, cap: 1, from };
    assert_eq!(rule(world.run(bob, root(), &invite(2, root(), team, "two@x.example"))), capped);
    world.run(ada(), contoso, &invite(2, contoso, below, "two@x.example")).unwrap();
    world.at = from;
    world.run(bob, root(), &invite(3, root(), team, "three@x.example")).unwrap();
}

// spec: INV-4
// abuse: 20
#[test]
fn an_organization_holds_so_many_pending_and_is_told_from_when_one_more() {
    let caps = InvitationRules { pending_per_organization: count(2), ..InvitationRules::default() };
    let (mut world, team) = desk_with(rules(caps));
    let brief = Some(Period::seconds(3_600).unwrap());
    world.ada(&invite(1, root(), team, "one@x.example")).unwrap();
    world.ada(&Invite { lifetime: brief, ..invite(2, root(), team, "two@x.example") }).unwrap();
    let from = noon() + chrono::TimeDelta::hours(1);
    let third = invite(3, root(), team, "three@x.example");
    let full = InvitationError::TooManyPending { organization: root(), cap: 2, from };
    assert_eq!(rule(world.ada(&third)), full);
    let mut freed = world.clone();
    freed.ada(&revoke(1)).unwrap();
    freed.ada(&third).unwrap();
    world.at = from - chrono::TimeDelta::nanoseconds(1);
    assert_eq!(rule(world.ada(&third)), full);
    world.at = from;
    world.ada(&third).unwrap();
}

// spec: INV-4
// spec: INV-5
// abuse: 23
#[test]
fn resending_keeps_the_identity_and_makes_a_new_token_and_end_and_the_old_one_dies() {
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    world.pass(days(6));
    world.ada(&resend(1, team, 2)).unwrap();
    assert_eq!(world.state(1), InvitationState::Pending { until: world.at + days(7) });
    assert_eq!(world.tree.pending_invitations(root(), world.at).collect::<Vec<_>>(), [invitation(1)]);
    assert_eq!(world.tree.invitation(invitation(1)).unwrap().sendings().len(), 2);
    let void = InvitationError::Precondition(Precondition::NotFound { what: "invitation" });
    assert_eq!(rule(world.enter(1)), void, "the old token is dead");
    world.pass(minutes(10));
    for used in [1, 2] {
        assert_eq!(rule(world.ada(&resend(1, team, used))), InvitationError::TokenReused, "and stays dead");
        assert_eq!(
            rule(world.ada(&Invite { token: token(used).hash(), ..invite(3, root(), team, "new@x.example") })),
            InvitationError::TokenReused
        );
    }
    assert!(world.enter(2).is_ok());
}

// spec: INV-4
#[test]
fn a_dead_invitation_locks_nobody_out() {
    let (mut world, team) = desk();
    for round in 1..=5_u8 {
        world.ada(&invite(round, root(), team, EVE)).unwrap();
        world.ada(&revoke(round)).unwrap();
        world.pass(minutes(10));
    }
    world.ada(&invite(6, root(), team, EVE)).unwrap();
    world.enter(6).unwrap();
}

// spec: INV-5
// abuse: 1
#[test]
fn another_address_is_refused_and_does_not_spend_the_invitation() {
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    let wrong = world.newcomer(principal(60), &accept(1, "mallory@people.example"));
    assert_eq!(rule(wrong), InvitationError::RecipientMismatch);
    assert!(matches!(world.state(1), InvitationState::Pending { .. }));
    assert_eq!(world.tree.principal(principal(60)), None);
    world.enter(1).unwrap();
}

// spec: INV-5
// abuse: 2
#[test]
fn an_unverified_address_is_refused_unless_a_setting_trusts_the_token_and_then_the_trail_says_so() {
    let unverified = || AcceptInvitation { verified: false, ..accept(1, EVE) };
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    assert_eq!(rule(world.newcomer(eve(), &unverified())), InvitationError::Unverified);
    world.enter(1).unwrap();
    let accepted = |world: &World| world.log.last().unwrap().recorded.events.last().unwrap().clone();
    let event = |verified| {
        Event::from(InvitationEvent::Accepted { organization: root(), invitation: invitation(1), by: eve(), verified })
    };
    assert_eq!(accepted(&world), event(true));
    assert!(world.tree.person(eve()).unwrap().address.is_some());

    let (mut trusting, team) =
        desk_with(rules(InvitationRules { trust_unverified: true, ..InvitationRules::default() }));
    trusting.ada(&invite(1, root(), team, EVE)).unwrap();
    let mismatch = AcceptInvitation { verified: false, ..accept(1, "mallory@people.example") };
    assert_eq!(rule(trusting.newcomer(eve(), &mismatch)), InvitationError::RecipientMismatch);
    trusting.newcomer(eve(), &unverified()).unwrap();
    assert_eq!(accepted(&trusting), event(false), "its use is audited");
    assert_eq!(trusting.tree.person(eve()).unwrap().address, None, "and it is not kept as a verified address");
}

// spec: INV-5
// abuse: 25
// abuse: 26
#[test]
fn a_token_is_256_bits_kept_as_a_hash_and_accepts_where_its_record_says() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let litware = world.child(3, root(), "Litware");
    let team = world.team(1, contoso, "Team", &["backups.view"]);
    world.run(ada(), contoso, &invite(1, contoso, team, EVE)).unwrap();
    let secret = token(1).reveal();
    assert_eq!(secret.len(), 64, "256 bits in hexadecimal digits");
    let hash = String::from(token(1).hash());
    assert_ne!(hash, secret);
    let log = serde_json::to_string(&world.log.iter().map(|changes| &changes.recorded).collect::<Vec<_>>()).unwrap();
    assert!(!log.contains(&secret) && log.contains(&hash));
    let shown = format!("{:?} {:?}", world.tree.invitation(invitation(1)), world.log);
    assert!(!shown.contains(&secret) && !shown.contains(&hash));
    let lines = serde_json::to_string(&world.tree.roster_lines(contoso, world.at)).unwrap();
    assert!(!lines.contains(&secret) && !lines.contains(&hash));
    // A stranger who names another organization does not get further: the command takes none.
    let guess = AcceptInvitation { token: token(9), ..accept(1, EVE) };
    let void = InvitationError::Precondition(Precondition::NotFound { what: "invitation" });
    assert_eq!(rule(world.newcomer(eve(), &guess)), void);
    assert_eq!(world.enter(1).unwrap().0, contoso);
    assert!(world.tree.member(litware, eve()).is_none() && world.tree.member(root(), eve()).is_none());
    // The token type has neither of these; were one added, this would no longer compile.
    trait Secret {
        const HIDDEN: bool = true;
    }
    impl<T> Secret for T {}
    struct Shows<T>(std::marker::PhantomData<T>);
    #[allow(dead_code)]
    impl<T: std::fmt::Debug> Shows<T> {
        const HIDDEN: bool = false;
    }
    struct Prints<T>(std::marker::PhantomData<T>);
    #[allow(dead_code)]
    impl<T: std::fmt::Display> Prints<T> {
        const HIDDEN: bool = false;
    }
    struct Stores<T>(std::marker::PhantomData<T>);
    #[allow(dead_code)]
    impl<T: serde::Serialize> Stores<T> {
        const HIDDEN: bool = false;
    }
    const { assert!(Shows::<InvitationToken>::HIDDEN) };
    const { assert!(Prints::<InvitationToken>::HIDDEN) };
    const { assert!(Stores::<InvitationToken>::HIDDEN) };
    const { assert!(!Shows::<InvitationId>::HIDDEN, "the probe can tell") };
}

// spec: INV-5
// abuse: 10
#[test]
fn accepting_twice_makes_one_membership_and_another_person_finds_it_used() {
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    let first = world.enter(1).unwrap();
    let tree = world.tree.clone();
    assert_eq!(world.enter(1).unwrap(), first, "the same person again succeeds");
    assert!(world.log.last().unwrap().recorded.events.is_empty(), "and nothing happens");
    assert_eq!(tree.members(root()).count(), world.tree.members(root()).count());
    let twin = world.newcomer(principal(61), &accept(1, EVE));
    assert_eq!(rule(twin), InvitationError::AlreadyUsed);
    assert_eq!(world.tree.member(root(), principal(61)), None);
}

// spec: INV-2
// abuse: 11
#[test]
fn acceptance_and_revocation_are_put_in_order() {
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    let mut first = world.clone();
    first.ada(&revoke(1)).unwrap();
    assert_eq!(rule(first.enter(1)), InvitationError::Revoked { at: noon() });
    world.enter(1).unwrap();
    assert_eq!(rule(world.ada(&revoke(1))), InvitationError::AlreadyAccepted);
    assert!(world.may(eve(), "backups.restore", root()));
}

// spec: INV-6
// abuse: 28
#[test]
fn acceptance_finds_the_organization_and_its_ancestors_active_and_names_what_is_not() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let team = world.team(1, contoso, "Team", &[]);
    world.run(ada(), contoso, &invite(1, contoso, team, EVE)).unwrap();
    for (place, acting) in [(contoso, root()), (root(), root())] {
        let mut world = world.clone();
        let rest = DeactivateOrganization { organization: place, with_descendants: true };
        world.run(ada(), acting, &rest).unwrap();
        let inactive = InvitationError::Precondition(Precondition::Inactive { organization: contoso });
        assert_eq!(rule(world.enter(1)), inactive);
        assert!(matches!(world.state(1), InvitationState::Pending { .. }));
        world.run(ada(), acting, &ReactivateOrganization { organization: place }).unwrap();
        world.enter(1).unwrap();
    }
    let evidence = Evidence::none(world.at);
    let delete = DeleteOrganization { organization: contoso, evidence, mode: DeletionMode::Hard };
    world.ada(&delete).unwrap();
    assert_eq!(world.tree.pending_invitations(contoso, world.at).count(), 0);
    assert_eq!(world.tree.invitations_to(address(EVE).key()).count(), 0);
    let void = InvitationError::Precondition(Precondition::NotFound { what: "invitation" });
    assert_eq!(rule(world.enter(1)), void);
}

// spec: INV-6
#[test]
fn acceptance_finds_the_group_the_subscription_and_room() {
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    let mut gone = world.clone();
    gone.ada(&DeleteGroup { organization: root(), group: team }).unwrap();
    assert_eq!(rule(gone.enter(1)), InvitationError::Revoked { at: noon() });
    let mut unpaid = world.clone();
    unpaid.subscribe("Enterprise", Window::until(noon() + days(1)));
    unpaid.pass(days(1));
    let missing = Precondition::FeatureMissing {
        feature: Feature::Invitations,
        plan: Some("Enterprise".parse().unwrap()),
        root: root(),
    };
    assert_eq!(rule(unpaid.enter(1)), InvitationError::Precondition(missing));
    unpaid.at -= chrono::TimeDelta::nanoseconds(1);
    unpaid.enter(1).unwrap();
}

fn seats(seats: u64) -> Rules {
    let limits = UsageLimits { seats: Some(seats), ..UsageLimits::default() };
    let plan = Plan { features: Feature::OWN.iter().cloned().collect(), limits };
    Rules::custom().plan("Small".parse().unwrap(), plan).build().unwrap()
}

// spec: INV-6
// abuse: 29
#[test]
fn a_pending_invitation_reserves_its_seat_and_a_limit_that_shrank_is_named() {
    let (mut world, team) = desk_with(seats(2));
    world.subscribe("Small", Window::ALWAYS);
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    let full = |used| {
        let limit = UsageLimit::Seats;
        InvitationError::Precondition(Precondition::LimitReached { organization: root(), limit, allowed: 2, used })
    };
    assert_eq!(rule(world.ada(&invite(2, root(), team, "late@x.example"))), full(2));
    let add = AddMember { organization: root(), principal: principal(70), person: None };
    let refused = world.ada(&add).unwrap_err().into_rule();
    assert!(matches!(refused, Some(MemberError::Precondition(Precondition::LimitReached { used: 2, .. }))));
    let mut shrunk = world.clone();
    shrunk.subscribe("Enterprise", Window::ALWAYS);
    shrunk.ada(&invite(2, root(), team, "late@x.example")).unwrap();
    shrunk.subscribe("Small", Window::ALWAYS);
    assert_eq!(rule(shrunk.enter(1)), full(3));
    world.enter(1).unwrap();
    assert_eq!(world.tree.usage(root(), UsageLimit::Seats, world.at), 2, "accepting takes no further seat");
}

// spec: INV-6
#[test]
fn a_suspended_user_does_not_accept() {
    let (mut world, team) = desk();
    let bob = world.user(2, "Bob", &[]);
    world.ada(&invite(1, root(), team, "bob@people.example")).unwrap();
    world.ada(&SuspendMember { organization: root(), principal: bob }).unwrap();
    let refused = rule(world.newcomer(bob, &accept(1, "bob@people.example")));
    assert_eq!(refused, InvitationError::Suspended { principal: bob });
    world.ada(&RestoreMember { organization: root(), principal: bob }).unwrap();
    world.newcomer(bob, &accept(1, "bob@people.example")).unwrap();
}

// spec: INV-6
// abuse: 16
// abuse: 17
#[test]
fn acceptance_finds_the_inviter_still_entitled() {
    let mut world = World::new();
    let bob = world.user(2, "Bob", &[]);
    world.grant(bob, "owner", root());
    let team = world.team(1, root(), "Owners", &["owner"]);
    world.ada(&AddGroupOwner { organization: root(), group: team, owner: bob }).unwrap();
    world.run(bob, root(), &invite(1, root(), team, EVE)).unwrap();
    let revoke_owner = RevokePrivilege { organization: root(), principal: bob, privilege: Privilege::OWNER };
    let mut lost = world.clone();
    lost.ada(&revoke_owner).unwrap();
    assert_eq!(rule(lost.enter(1)), InvitationError::InviterNoLongerEntitled);
    let above = lost.run(bob, root(), &invite(2, root(), team, "x@x.example")).unwrap_err();
    assert!(matches!(above, Refusal::Denied(Denial::Forbidden { operation: Operation::Invite, .. })));
    let mut left = world.clone();
    left.run(bob, root(), &RemoveMember { organization: root(), principal: bob }).unwrap();
    assert_eq!(rule(left.enter(1)), InvitationError::InviterNoLongerEntitled);
    let mut suspended = world.clone();
    suspended.ada(&SuspendMember { organization: root(), principal: bob }).unwrap();
    assert_eq!(rule(suspended.enter(1)), InvitationError::InviterNoLongerEntitled);
    let mut groupless = world.clone();
    groupless.ada(&RemoveGroupOwner { organization: root(), group: team, owner: bob }).unwrap();
    assert_eq!(rule(groupless.enter(1)), InvitationError::InviterNoLongerEntitled);
    let mut resent = lost.clone();
    resent.pass(minutes(10));
    resent.ada(&resend(1, team, 5)).unwrap();
    resent.enter(5).unwrap();
    assert!(resent.owns(eve(), root()), "one who is entitled sent it again");
}

// spec: INV-6
// spec: CLM-12
#[test]
fn the_inviter_is_judged_by_the_row_that_the_embedder_put_in_its_place() {
    let rules = Rules::custom().authority(Operation::Invite, claim("members.manage")).build().unwrap();
    let (mut world, team) = desk_with(rules);
    let bob = world.user(2, "Bob", &[]);
    world.grant(bob, "members.manage", root());
    world.ada(&AddGroupOwner { organization: root(), group: team, owner: bob }).unwrap();
    world.run(bob, root(), &invite(1, root(), team, EVE)).unwrap();
    let mut lost = world.clone();
    let privilege = privilege("members.manage");
    lost.ada(&RevokePrivilege { organization: root(), principal: bob, privilege }).unwrap();
    assert_eq!(rule(lost.enter(1)), InvitationError::InviterNoLongerEntitled);
    world.enter(1).unwrap();
}

// spec: INV-7
#[test]
fn accepting_makes_a_member_of_the_organization_and_gives_the_role_in_one_commit() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let team = world.team(1, contoso, "Team", &["backups.view"]);
    world.run(ada(), contoso, &invite(1, contoso, team, EVE)).unwrap();
    let version = world.tree.version();
    world.enter(1).unwrap();
    assert_eq!(world.tree.version(), version.next());
    assert!(world.tree.member(contoso, eve()).is_some());
    assert!(world.may(eve(), "backups.view", contoso));
    assert_eq!(world.tree.access().organizations(eve(), None, world.at), [contoso], "there and nowhere else");
    assert!(world.replayed() == world.tree);
}

// spec: INV-7
// abuse: 32
#[test]
fn inviting_one_who_has_that_role_is_refused_and_accepting_as_one_does_no_harm() {
    let (mut world, team) = desk();
    let bob = world.user(2, "Bob", &[]);
    world.ada(&invite(1, root(), team, "bob@people.example")).unwrap();
    world.join(bob, team);
    world.pass(days(1));
    let refused = rule(world.ada(&invite(2, root(), team, "BOB@people.example")));
    assert_eq!(refused, InvitationError::AlreadyHasRole { principal: bob });
    let before = world.tree.group(team).cloned();
    world.newcomer(bob, &accept(1, "bob@people.example")).unwrap();
    assert_eq!(world.tree.group(team).cloned(), before);
    assert_eq!(world.tree.members(root()).filter(|(who, _)| *who == bob).count(), 1);
    let owner = Invite { role: GroupRole::Owner, ..invite(3, root(), team, "bob@people.example") };
    world.ada(&owner).unwrap();
    world.newcomer(bob, &accept(3, "bob@people.example")).unwrap();
    world.pass(days(1));
    let owner = Invite { role: GroupRole::Owner, ..invite(4, root(), team, "bob@people.example") };
    assert_eq!(rule(world.ada(&owner)), InvitationError::AlreadyHasRole { principal: bob });
}

// spec: INV-8
#[test]
fn owners_see_revoke_and_resend_the_pending_ones_of_their_organization() {
    let (mut world, team) = desk();
    let bob = world.user(2, "Bob", &[]);
    world.grant(bob, "owner", root());
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    world.pass(minutes(10));
    let page = world.tree.roster(bob, root(), &RosterFilter::default(), 0, count(10), world.at).unwrap();
    assert!(page.lines.iter().any(|line| line.label.as_deref() == Some(EVE)));
    world.run(bob, root(), &resend(1, team, 2)).unwrap();
    world.clone().enter(2).unwrap();
    world.run(bob, root(), &revoke(1)).unwrap();
    let carol = world.user(3, "Carol", &[]);
    for refusal in
        [world.run(carol, root(), &revoke(1)).unwrap_err(), world.run(carol, root(), &resend(1, team, 3)).unwrap_err()]
    {
        assert!(matches!(refusal, Refusal::Denied(Denial::Forbidden { .. })), "{refusal}");
    }
    let contoso = world.child(2, root(), "Contoso");
    let elsewhere = RevokeInvitation { organization: contoso, invitation: invitation(1) };
    let void = InvitationError::Precondition(Precondition::NotFound { what: "invitation" });
    assert_eq!(rule(world.run(ada(), contoso, &elsewhere)), void, "not of their organization");
}

// spec: INV-8
#[test]
fn the_invited_see_and_decline_their_own_and_nobody_elses() {
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    world.ada(&invite(2, root(), team, "olga@people.example")).unwrap();
    let own: Vec<InvitationId> =
        world.tree.invitations_to(address("EVE@people.example").key()).map(Invitation::id).collect();
    assert_eq!(own, [invitation(1)]);
    let others = rule(world.newcomer(eve(), &decline(2, EVE)));
    let none = rule(world.newcomer(eve(), &decline(99, EVE)));
    assert_eq!(others, InvitationError::Precondition(Precondition::NotFound { what: "invitation" }));
    assert_eq!(others, none);
    world.newcomer(eve(), &decline(1, EVE)).unwrap();
    assert_eq!(world.state(1), InvitationState::Declined { at: noon() });
    assert_eq!(rule(world.enter(1)), InvitationError::Declined { at: noon() });
}

// spec: INV-8
// abuse: 26
#[test]
fn no_address_is_shown_to_one_who_is_no_owner() {
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    world.ada(&invite(2, root(), team, "aaa@people.example")).unwrap();
    let bob = world.user(2, "Bob", &[]);
    world.grant(bob, "roster.view", root());
    let see = |who, filter: &RosterFilter| world.tree.roster(who, root(), filter, 0, count(10), world.at).unwrap();
    let page = see(bob, &RosterFilter::default());
    let shown = serde_json::to_string(&page).unwrap();
    assert!(!shown.contains('@'), "{shown}");
    assert_eq!(page.lines.iter().filter(|line| line.invited.is_some()).count(), 2, "that they are invited is");
    let text = RosterFilter { text: Some("eve@".into()), ..RosterFilter::default() };
    assert_eq!((see(bob, &text).total, see(ada(), &text).total), (0, 1), "nor told by filtering");
    let order: Vec<RosterSubject> =
        page.lines.iter().filter(|line| line.invited.is_some()).map(|line| line.subject).collect();
    let expected = [1, 2].map(|number| RosterSubject::Invitation(invitation(number)));
    assert_eq!(order, expected, "nor by the order of the lines");
}

// spec: INV-9
#[test]
fn many_addresses_are_invited_in_one_call_with_an_answer_for_each() {
    let (mut world, team) = desk();
    let bob = world.user(2, "Bob", &[]);
    world.join(bob, team);
    let many = [
        invite(1, root(), team, "one@x.example"),
        invite(2, root(), team, "ONE@x.example"),
        invite(3, root(), team, "bob@people.example"),
        invite(4, root(), team, "four@x.example"),
    ];
    let context = world.context(ada(), root());
    let mut draft = world.tree.draft(context);
    let answers: Vec<_> = draft
        .run_each(&many)
        .into_iter()
        .map(|answer| answer.map_err(|refusal| refusal.into_rule().unwrap()))
        .collect();
    assert_eq!(
        answers,
        [
            Ok(()),
            Err(InvitationError::Duplicate { invitation: invitation(1) }),
            Err(InvitationError::AlreadyHasRole { principal: bob }),
            Ok(()),
        ]
    );
    world.commit(draft.finish());
    let pending: Vec<InvitationId> = world.tree.pending_invitations(root(), world.at).collect();
    assert_eq!(pending, [invitation(1), invitation(4)], "in one commit");
}

// spec: INV-10
// abuse: 23
#[test]
fn the_other_role_replaces_the_pending_one_or_is_refused_as_the_caller_says() {
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    world.pass(minutes(10));
    let owner = Invite { role: GroupRole::Owner, ..invite(2, root(), team, EVE) };
    let pending = InvitationError::OtherRolePending { invitation: invitation(1), role: GroupRole::Member };
    assert_eq!(rule(world.ada(&owner)), pending);
    let replace = Invite { other_role: OtherRole::Replace, ..owner };
    let same = Invite { role: GroupRole::Member, ..replace.clone() };
    assert_eq!(rule(world.ada(&same)), InvitationError::Duplicate { invitation: invitation(1) });
    let before = world.tree.version();
    world.ada(&replace).unwrap();
    assert_eq!(world.tree.version(), before.next(), "in the same commit");
    assert_eq!(world.tree.pending_invitations(root(), world.at).collect::<Vec<_>>(), [invitation(2)]);
    assert_eq!(rule(world.enter(1)), InvitationError::Revoked { at: world.at }, "the old token is dead");
    assert_eq!(world.enter(2).unwrap(), (root(), team, GroupRole::Owner));
    assert!(world.tree.owns_group(eve(), team) && !world.may(eve(), "backups.restore", root()));
}

// spec: INV-10
#[test]
fn replacing_takes_neither_a_further_seat_nor_a_further_pending_place() {
    let caps = InvitationRules { pending_per_organization: count(1), ..InvitationRules::default() };
    let (mut world, team) = desk_with(Rules { invitations: caps, ..seats(2) });
    world.subscribe("Small", Window::ALWAYS);
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    world.pass(minutes(10));
    let replace = Invite { role: GroupRole::Owner, other_role: OtherRole::Replace, ..invite(2, root(), team, EVE) };
    world.ada(&replace).unwrap();
    world.enter(2).unwrap();
}

// abuse: 22
#[test]
fn what_is_to_be_sent_comes_from_the_committed_record_under_an_identifier_that_stays() {
    let (mut world, team) = desk();
    world.ada(&invite(1, root(), team, EVE)).unwrap();
    let recorded = world.log.last().unwrap().recorded.clone();
    let effects: Vec<_> = recorded.effects().collect();
    let [(id, Effect::SendInvitation(sent))] = effects[..] else { panic!("{effects:?}") };
    assert_eq!((sent, id.root, id.version), (invitation(1), root(), world.tree.version()));
    let again: Recorded = serde_json::from_str(&serde_json::to_string(&recorded).unwrap()).unwrap();
    assert_eq!(again.effects().collect::<Vec<_>>(), effects, "read back, it is the same effect");
    world.pass(minutes(10));
    world.ada(&resend(1, team, 2)).unwrap();
    let later: Vec<_> = world.log.last().unwrap().recorded.effects().collect();
    assert_ne!(later[0].0, id, "another sending is another effect");
    let refused = world.ada(&resend(1, team, 3));
    assert!(refused.is_err() && world.log.len() as u64 == world.tree.version().get(), "a refusal sends nothing");
}

// spec: MEM-3
#[test]
fn where_the_tree_says_so_only_members_of_the_root_are_invited_and_that_is_judged_again() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let team = world.team(1, contoso, "Team", &[]);
    world.user(2, "Bob", &[]);
    world.run(ada(), contoso, &invite(1, contoso, team, EVE)).unwrap();
    world.ada(&ChangeTreeSettings { root: root(), levels: None, straight_invitations: Some(false) }).unwrap();
    assert_eq!(rule(world.enter(1)), InvitationError::RootMembersOnly);
    let stranger = invite(2, contoso, team, "stranger@x.example");
    assert_eq!(rule(world.run(ada(), contoso, &stranger)), InvitationError::RootMembersOnly);
    world.run(ada(), contoso, &invite(3, contoso, team, "bob@people.example")).unwrap();
    world.newcomer(principal(2), &accept(3, "bob@people.example")).unwrap();
    let above = world.team(2, root(), "Above", &[]);
    world.ada(&invite(4, root(), above, "stranger@x.example")).unwrap();
}

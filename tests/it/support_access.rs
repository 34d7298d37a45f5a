//! SUP: what a customer lets the operator's engineers see.

use std::collections::BTreeMap;

use bailiwick::*;

use crate::support::*;
use crate::things::*;

fn grant(number: u128, organization: OrganizationId, duration: Period) -> GrantSupport {
    GrantSupport { support: access(number), organization, engineer: engineer(), duration }
}

fn request(number: u128, organization: OrganizationId, duration: Option<Period>) -> RequestSupport {
    RequestSupport { support: access(number), organization, duration }
}

fn approve(number: u128, organization: OrganizationId) -> ApproveSupport {
    ApproveSupport { organization, support: access(number) }
}

fn deny(number: u128, organization: OrganizationId) -> DenySupport {
    DenySupport { organization, support: access(number) }
}

fn end(number: u128, organization: OrganizationId) -> EndSupport {
    EndSupport { organization, support: access(number) }
}

fn stop(organization: OrganizationId) -> StopAllSupport {
    StopAllSupport { organization }
}

/// Contoso and its administrator Carol, who owns nothing.
fn world() -> (World, OrganizationId, PrincipalId) {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let carol = world.user(20, "Carol", &[contoso]);
    world.grant(carol, "support.manage", contoso);
    (world, contoso, carol)
}

fn ended(world: &World, number: u128, place: OrganizationId) -> SupportState {
    world.tree.support(place).find(|support| support.id() == access(number)).unwrap().state(world.at)
}

// spec: SUP-1
// abuse: 80
#[test]
fn an_administrator_lets_the_team_look_for_a_time_and_it_ends_by_itself() {
    let (mut world, contoso, carol) = world();
    assert!(!world.may(engineer(), "backups.view", contoso));
    let until = world.run(carol, contoso, &grant(1, contoso, hours(2))).unwrap();
    assert_eq!(until, world.at + chrono::TimeDelta::hours(2));
    assert!(world.may(engineer(), "backups.view", contoso));
    assert!(!world.may(engineer(), "backups.view", root()), "of that organization alone");
    let (granted, views) = (world.at, claim("backups.view"));
    let may = |at| world.tree.access().allows(engineer(), contoso, &views, at);
    assert!(may(until - chrono::TimeDelta::nanoseconds(1)) && !may(until));
    assert!(!may(granted - chrono::TimeDelta::nanoseconds(1)), "nor before it was given");
    let question = Question { principal: engineer(), organization: contoso, claim: views.clone() };
    let decision = world.tree.access().check(&question, granted);
    assert_eq!((decision.allowed, decision.until), (true, Some(until)));
    assert_eq!(world.tree.access().principals(contoso, Some(&views), until), [ada()]);
    assert_eq!(world.tree.access().organizations(engineer(), None, granted), [contoso]);
    assert_eq!(world.tree.access().organizations(engineer(), None, until), []);
    let told = world.tree.access().explain(engineer(), contoso, &views, until);
    assert!(matches!(told.reasons[..], [DenialReason::OutsideSupport { .. }]), "{told}");
    assert_eq!(ended(&world, 1, contoso).seen(until), SupportState::Lapsed { at: until });
}

// spec: SUP-1
// abuse: 53
#[test]
fn every_claim_of_the_view_kind_is_given_and_no_other() {
    let (mut world, contoso, carol) = world();
    world.run(carol, contoso, &grant(1, contoso, hours(2))).unwrap();
    for place in [root(), contoso] {
        world.assign(place, reporting(), None).unwrap();
    }
    let catalog = catalog();
    for declared in catalog.declarations() {
        let view = declared.access == AccessKind::View;
        assert_eq!(world.may(engineer(), declared.name.as_str(), contoso), view, "{}", declared.name);
    }
    let set = world.tree.access().claims(engineer(), contoso, world.at);
    let views = catalog.declarations().filter(|declared| declared.access == AccessKind::View);
    assert_eq!(catalog.names(&set).count(), views.count());
    assert!(!world.owns(engineer(), contoso));
    let told = world.tree.access().explain(engineer(), contoso, &claim("backups.restore"), world.at);
    assert!(told.reasons.contains(&DenialReason::SupportViewsOnly { support: access(1) }), "{told}");
    // And so nothing can be done with it.
    forbidden(world.run(engineer(), contoso, &grant(2, contoso, hours(2))));
    forbidden(world.run(engineer(), contoso, &SetLegalHold { organization: contoso, hold: true }));
    assert!(world.tree.agent_secret(engineer(), contoso, world.at).is_err());
    // A view that needs a capability needs it here too (LIC-8).
    world.ada(&WithdrawCapability { organization: contoso, capability: reporting() }).unwrap();
    assert!(!world.may(engineer(), "reports.view", contoso));
}

// spec: SUP-1
#[test]
fn an_engineer_is_nobody_of_the_tree_and_never_becomes_one() {
    let (mut world, contoso, carol) = world();
    let known = SupportError::OfTheTree { principal: carol };
    let insider = GrantSupport { engineer: carol, ..grant(1, contoso, hours(2)) };
    assert_eq!(rule(world.ada(&insider)), known);
    let context = Context::operator(carol, world.at, world.key()).because(because("to look"));
    assert_eq!(rule(world.run_in(&context, &request(1, contoso, None))), known);
    world.run(carol, contoso, &grant(1, contoso, hours(2))).unwrap();
    let join = AddMember { organization: root(), principal: engineer(), person: None };
    assert_eq!(code(world.ada(&join)), "id.already_used");
    let person = Person::named(name("Robot"));
    let machine = CreateMachineIdentity { organization: contoso, identity: engineer(), person };
    assert_eq!(code(world.run(ada(), contoso, &machine)), "id.already_used");
    assert_eq!(world.tree.principal(engineer()), None);
}

// spec: SUP-2
#[test]
fn the_status_says_whether_it_is_active_and_until_when() {
    let (mut world, contoso, carol) = world();
    let status = |world: &World| world.tree.support_status(contoso, world.at);
    assert_eq!(status(&world), SupportStatus::default());
    let short = world.run(carol, contoso, &grant(1, contoso, hours(1))).unwrap();
    let long = world.run(carol, contoso, &grant(2, contoso, hours(3))).unwrap();
    world.engineer(&request(3, contoso, None), "to look").unwrap();
    let active = vec![access(1), access(2)];
    assert_eq!(status(&world), SupportStatus { active_until: Some(long), active, pending: vec![access(3)] });
    world.at = short;
    assert_eq!(status(&world).active, [access(2)]);
    world.at = long;
    assert_eq!((status(&world).active_until, status(&world).active), (None, vec![]));
    assert_eq!(world.tree.support_status(organization(99), world.at), SupportStatus::default());
}

// spec: SUP-2
#[test]
fn access_can_be_ended_by_either_side_and_only_once() {
    let (mut world, contoso, carol) = world();
    world.run(carol, contoso, &grant(1, contoso, hours(2))).unwrap();
    world.run(carol, contoso, &grant(2, contoso, hours(2))).unwrap();
    world.run(carol, contoso, &end(1, contoso)).unwrap();
    assert!(world.may(engineer(), "backups.view", contoso), "the other one stands");
    world.operate(&end(2, contoso)).unwrap();
    assert!(!world.may(engineer(), "backups.view", contoso));
    assert_eq!(rule(world.run(carol, contoso, &end(1, contoso))), SupportError::Over { at: world.at });
    // A request is taken back in the same way; one that lapsed is over.
    world.engineer(&request(3, contoso, None), "to look").unwrap();
    world.operate(&end(3, contoso)).unwrap();
    let until = world.run(carol, contoso, &grant(4, contoso, hours(2))).unwrap();
    world.at = until;
    assert_eq!(rule(world.run(carol, contoso, &end(4, contoso))), SupportError::Over { at: until });
    // Of another organization, or of none.
    world.run(carol, contoso, &grant(5, contoso, hours(2))).unwrap();
    assert_eq!(code(world.ada(&end(5, root()))), "not_found");
    assert_eq!(code(world.run(carol, contoso, &end(99, contoso))), "not_found");
    let dora = world.user(21, "Dora", &[contoso]);
    forbidden(world.run(dora, contoso, &end(5, contoso)));
}

// spec: SUP-2
// abuse: 85
#[test]
fn the_emergency_end_stops_all_and_older_requests_are_dead() {
    let (mut world, contoso, carol) = world();
    world.run(carol, contoso, &grant(1, contoso, hours(2))).unwrap();
    world.engineer(&request(2, contoso, None), "to look").unwrap();
    world.engineer(&request(3, contoso, None), "to look again").unwrap();
    world.run(carol, contoso, &approve(3, contoso)).unwrap();
    world.run(ada(), root(), &grant(4, root(), hours(2))).unwrap();
    let stopped = world.run(ada(), contoso, &stop(contoso)).unwrap();
    assert_eq!(stopped, [access(1), access(2), access(3)]);
    assert!(!world.may(engineer(), "backups.view", contoso));
    assert_eq!(world.tree.support_status(contoso, world.at), SupportStatus::default());
    assert!(world.may(engineer(), "backups.view", root()), "another organization's stands");
    let over = SupportError::Over { at: world.at };
    assert_eq!(rule(world.run(carol, contoso, &approve(2, contoso))), over);
    assert_eq!(rule(world.run(carol, contoso, &deny(2, contoso))), over);
    world.pass(minutes(1));
    assert_eq!(rule(world.run(ada(), contoso, &approve(2, contoso))), over);
    assert_eq!(world.run(ada(), contoso, &stop(contoso)).unwrap(), []);
    // Asked for and granted anew, it is possible again.
    world.engineer(&request(5, contoso, None), "to look").unwrap();
    world.run(carol, contoso, &approve(5, contoso)).unwrap();
    assert!(world.may(engineer(), "backups.view", contoso));
}

// spec: SUP-3
#[test]
fn an_engineer_asks_with_a_reason_for_a_day_unless_told_otherwise() {
    let (mut world, contoso, carol) = world();
    assert_eq!(rule(world.operate(&request(1, contoso, None))), SupportError::ReasonMissing);
    hidden_or_forbidden(world.run(carol, contoso, &request(1, contoso, None)));
    let lapses = world.engineer(&request(1, contoso, None), "Backups fail since Monday").unwrap();
    assert_eq!(lapses, world.at + days(7));
    world.engineer(&request(2, contoso, Some(hours(2))), "and more").unwrap();
    let status = world.tree.support_status(contoso, world.at);
    assert_eq!((status.pending, status.active_until), (vec![access(1), access(2)], None));
    assert!(!world.may(engineer(), "backups.view", contoso), "asked for is not given");
    let reason = world.tree.support_reason(access(1)).unwrap();
    assert_eq!(reason.as_str(), "Backups fail since Monday");
    assert_eq!(world.tree.support_reason(access(99)), None);

    // The grant runs for what was asked for, from the approval and not from the request.
    world.pass(days(3));
    assert_eq!(world.run(carol, contoso, &approve(1, contoso)).unwrap(), world.at + days(1));
    let until = world.run(carol, contoso, &approve(2, contoso)).unwrap();
    assert_eq!(until, world.at + chrono::TimeDelta::hours(2));
    assert!(world.may(engineer(), "backups.view", contoso));
    assert_eq!(rule(world.run(carol, contoso, &approve(1, contoso))), SupportError::AlreadyGranted);
    assert_eq!(rule(world.run(carol, contoso, &deny(1, contoso))), SupportError::AlreadyGranted);
    assert_eq!(code(world.engineer(&request(1, contoso, None), "again")), "id.already_used");
    assert_eq!(code(world.engineer(&request(9, organization(99), None), "again")), "not_found");
}

fn hidden_or_forbidden<T: std::fmt::Debug, E: RuleError>(result: Result<T, Refusal<E>>) {
    assert!(matches!(result, Err(Refusal::Denied(_))), "{result:?}");
}

// spec: SUP-3
#[test]
fn a_denied_request_gives_nothing_and_a_request_lapses_by_itself() {
    let (mut world, contoso, carol) = world();
    world.engineer(&request(1, contoso, None), "to look").unwrap();
    let lapses = world.engineer(&request(2, contoso, None), "to look").unwrap();
    world.run(carol, contoso, &deny(1, contoso)).unwrap();
    assert_eq!(rule(world.run(carol, contoso, &approve(1, contoso))), SupportError::Over { at: world.at });
    assert_eq!(ended(&world, 1, contoso), SupportState::Denied { at: world.at });
    world.at = lapses - chrono::TimeDelta::nanoseconds(1);
    assert_eq!(world.tree.support_status(contoso, world.at).pending, [access(2)]);
    world.at = lapses;
    assert_eq!(world.tree.support_status(contoso, world.at).pending, []);
    let over = SupportError::Over { at: lapses };
    assert_eq!(rule(world.run(carol, contoso, &approve(2, contoso))), over);
    assert_eq!(rule(world.run(carol, contoso, &deny(2, contoso))), over);
    assert_eq!(rule(world.run(carol, contoso, &end(2, contoso))), over);
    assert!(!world.may(engineer(), "backups.view", contoso));
    assert_eq!(code(world.run(carol, contoso, &approve(99, contoso))), "not_found");
    let dora = world.user(21, "Dora", &[contoso]);
    forbidden(world.run(dora, contoso, &approve(2, contoso)));
    forbidden(world.run(dora, contoso, &deny(2, contoso)));
}

// spec: SUP-4
// spec: AUD-1
#[test]
fn every_change_is_in_the_audit_trail() {
    let (mut world, contoso, carol) = world();
    let before = world.log.len();
    world.run(carol, contoso, &grant(1, contoso, hours(2))).unwrap();
    world.engineer(&request(2, contoso, None), "to look").unwrap();
    world.run(carol, contoso, &approve(2, contoso)).unwrap();
    world.engineer(&request(3, contoso, None), "to look").unwrap();
    world.run(carol, contoso, &deny(3, contoso)).unwrap();
    world.run(carol, contoso, &end(1, contoso)).unwrap();
    world.run(ada(), contoso, &stop(contoso)).unwrap();
    let of =
        |noun: &str| AuditFilter { noun: Some(noun.into()), organization: Some(contoso), ..AuditFilter::default() };
    let trail: Vec<&Recorded> =
        world.log.iter().map(|changes| &changes.recorded).filter(|commit| of("support").admits(commit)).collect();
    assert_eq!(trail.len(), 7);
    assert_eq!(trail.first().unwrap().version, world.log[before].recorded.version);
    let by: Vec<Actor> = trail.iter().map(|commit| commit.actor).collect();
    let (customer, operator) = (Actor::Principal(carol), Actor::Operator(engineer()));
    assert_eq!(by, [customer, operator, customer, operator, customer, customer, Actor::Principal(ada())]);
    let events: Vec<&Event> = trail.iter().flat_map(|commit| &commit.events).collect();
    let (organization, id) = (contoso, engineer());
    let first_end = world.at + chrono::TimeDelta::hours(2);
    let (day, week) = (world.at + days(1), world.at + days(7));
    let duration = hours(24);
    let expected = [
        SupportEvent::Granted { organization, support: access(1), engineer: id, until: first_end },
        SupportEvent::Requested { organization, support: access(2), engineer: id, duration, lapses: week },
        SupportEvent::Approved { organization, support: access(2), until: day },
        SupportEvent::Requested { organization, support: access(3), engineer: id, duration, lapses: week },
        SupportEvent::Denied { organization, support: access(3) },
        SupportEvent::Ended { organization, support: access(1) },
        SupportEvent::Ended { organization, support: access(2) },
    ]
    .map(Event::from);
    assert_eq!(events, expected.iter().collect::<Vec<_>>());
}

// spec: SUP-5
// abuse: 83
#[test]
fn nobody_approves_their_own_request() {
    // Even where whoever looks may answer requests.
    let replaced = BTreeMap::from([(Operation::AnswerSupport, claim("backups.view"))]);
    let mut world = World::with(Rules { authority: replaced, ..Rules::provider() });
    world.ada(&grant(1, root(), hours(2))).unwrap();
    world.engineer(&request(2, root(), Some(hours(700))), "to stay").unwrap();
    assert_eq!(rule(world.run(engineer(), root(), &approve(2, root()))), SupportError::OwnRequest);
    // As the operator they answer nothing at all.
    hidden_or_forbidden(world.engineer(&approve(2, root()), "myself"));
    world.ada(&approve(2, root())).unwrap();
}

// spec: SUP-5
// abuse: 88
// abuse: 13
#[test]
fn a_duration_has_an_upper_bound_and_zero_is_none() {
    let support = SupportRules { longest: hours(48), ..SupportRules::default() };
    let mut world = World::with(Rules { support, ..Rules::provider() });
    let too_long = SupportError::TooLong { longest: 48 * 3_600 };
    for duration in [hours(49), Period::LONGEST] {
        assert_eq!(rule(world.ada(&grant(1, root(), duration))), too_long);
        assert_eq!(rule(world.engineer(&request(1, root(), Some(duration)), "to look")), too_long);
    }
    world.ada(&grant(1, root(), hours(48))).unwrap();
    assert_eq!(Period::seconds(0), Err(InvalidTime::NotPositive));
    assert_eq!(Period::seconds(100 * 365 * 86_400), Err(InvalidTime::TooLong));
    // At the end of the calendar there is no time left for one.
    world.at = DOOMSDAY - minutes(1);
    assert_eq!(code(world.ada(&grant(2, root(), hours(1)))), "time.invalid");
    assert_eq!(code(world.engineer(&request(2, root(), Some(hours(1))), "to look")), "time.invalid");
    // By default, thirty days.
    let mut world = World::new();
    assert!(matches!(rule(world.ada(&grant(1, root(), hours(24 * 30 + 1)))), SupportError::TooLong { .. }));
}

// spec: SUP-5
#[test]
fn the_emergency_end_is_for_owners_and_ends_what_is_approved_in_the_same_instant() {
    let (mut world, contoso, carol) = world();
    world.engineer(&request(1, contoso, None), "to look").unwrap();
    forbidden(world.run(carol, contoso, &stop(contoso)));
    hidden_or_forbidden(world.operate(&stop(contoso)));
    // Both are decided on the same version: whichever is committed second is decided again.
    let by = |world: &World, who| world.context(who, contoso);
    let approval = world.tree.decide(&by(&world, carol), &approve(1, contoso)).unwrap().changes;
    let stopping = world.tree.decide(&by(&world, ada()), &stop(contoso)).unwrap().changes;
    let mut first = world.clone();
    first.commit(approval.clone());
    assert!(first.tree.apply(&stopping).is_err());
    assert_eq!(first.run(ada(), contoso, &stop(contoso)).unwrap(), [access(1)]);
    assert!(!first.may(engineer(), "backups.view", contoso));
    let mut second = world.clone();
    second.commit(stopping);
    assert!(second.tree.apply(&approval).is_err());
    let refused = rule(second.run(carol, contoso, &approve(1, contoso)));
    assert_eq!(refused, SupportError::Over { at: second.at });
    // And in one commit, in either order.
    let mut draft = world.tree.draft(by(&world, ada()));
    draft.run(&approve(1, contoso)).unwrap();
    draft.run(&stop(contoso)).unwrap();
    assert!(draft.run(&approve(1, contoso)).is_err());
    world.commit(draft.finish());
    assert!(!world.may(engineer(), "backups.view", contoso));
}

// spec: SUP-5
// abuse: 77
#[test]
fn support_is_ended_without_a_licence() {
    let (mut world, contoso, carol) = world();
    world.run(carol, contoso, &grant(1, contoso, hours(2))).unwrap();
    world.engineer(&request(2, contoso, None), "to look").unwrap();
    world.engineer(&request(3, contoso, None), "to look").unwrap();
    world.subscribe("Free", Window::ALWAYS);
    world.run(carol, contoso, &end(1, contoso)).unwrap();
    world.run(carol, contoso, &deny(2, contoso)).unwrap();
    assert_eq!(world.run(ada(), contoso, &stop(contoso)).unwrap(), [access(3)]);
}

// abuse: 86
// spec: MEM-4
#[test]
fn a_grant_ends_with_the_supporter_the_approver_and_a_move_to_another_tree() {
    let (mut world, contoso, carol) = world();
    // The supporter leaves the operator, who ends all of theirs.
    world.run(carol, contoso, &grant(1, contoso, hours(2))).unwrap();
    for place in world.tree.access().organizations(engineer(), None, world.at) {
        for support in world.tree.support_status(place, world.at).active {
            world.operate(&EndSupport { organization: place, support }).unwrap();
        }
    }
    assert_eq!(world.tree.access().organizations(engineer(), None, world.at), []);
    // The approver is removed, from there or from the whole tree.
    world.engineer(&request(2, contoso, None), "to look").unwrap();
    world.run(carol, contoso, &approve(2, contoso)).unwrap();
    world.run(ada(), contoso, &grant(3, contoso, hours(2))).unwrap();
    world.run(ada(), contoso, &RemoveMember { organization: contoso, principal: carol }).unwrap();
    assert_eq!(world.tree.support_status(contoso, world.at).active, [access(3)], "another's stands");
    world.ada(&end(3, contoso)).unwrap();
    let dora = world.user(21, "Dora", &[]);
    let team = world.team(1, root(), "Helpers", &["support.manage", "organizations.view"]);
    world.join(dora, team);
    world.link(1, team, contoso, LinkTerms::default());
    world.run(dora, contoso, &grant(4, contoso, hours(2))).unwrap();
    assert!(world.may(engineer(), "backups.view", contoso));
    world.ada(&RemoveMember { organization: root(), principal: dora }).unwrap();
    assert!(!world.may(engineer(), "backups.view", contoso));
    // A request of theirs to nobody, a deactivated organization gives nothing.
    world.ada(&grant_by_ada(5, contoso)).unwrap();
    world.ada(&DeactivateOrganization { organization: contoso, with_descendants: false }).unwrap();
    assert!(!world.may(engineer(), "backups.view", contoso));
    world.ada(&ReactivateOrganization { organization: contoso }).unwrap();
    assert!(world.may(engineer(), "backups.view", contoso), "as it was (DEL-5)");
    // Into a tree of its own: it ends here, and nothing of it is there.
    let context = world.context(ada(), root());
    let joint = world.tree.detach(&context, &DetachOrganization { organization: contoso, sever: true }).unwrap();
    let parts: Vec<Changes> = joint.commit.parts().cloned().collect();
    let ends = |changes: &Changes| {
        let ended = SupportEvent::Ended { organization: contoso, support: access(5) };
        changes.recorded.events.contains(&ended.into())
    };
    assert!(ends(&parts[0]));
    world.commit(parts[0].clone());
    let mut other = OrganizationTree::empty(contoso, world.tree.domain().clone());
    other.apply(&parts[1]).unwrap();
    for tree in [&world.tree, &other] {
        assert!(!tree.access().reaches(engineer(), contoso, world.at));
        assert_eq!(tree.support_status(contoso, world.at), SupportStatus::default());
    }
}

fn grant_by_ada(number: u128, place: OrganizationId) -> GrantSupport {
    grant(number, place, hours(2))
}

// abuse: 86
#[test]
fn a_move_within_the_tree_keeps_it_and_deletion_ends_it() {
    let (mut world, contoso, carol) = world();
    let adatum = world.child(4, root(), "Adatum");
    world.run(carol, contoso, &grant(1, contoso, hours(2))).unwrap();
    let there = MoveOrganization { organization: contoso, new_parent: adatum, sever: false };
    world.ada(&there).unwrap();
    assert!(world.may(engineer(), "backups.view", contoso));
    let hard = DeletionMode::Hard;
    let delete = DeleteOrganization { organization: contoso, evidence: Evidence::none(world.at), mode: hard };
    world.ada(&delete).unwrap();
    let ended = SupportEvent::Ended { organization: contoso, support: access(1) };
    assert!(world.log.last().unwrap().recorded.events.contains(&ended.into()), "named in the commit (DEL-4)");
    assert_eq!(world.tree.access().organizations(engineer(), None, world.at), []);
}

// spec: SUP-3
#[test]
fn an_instant_before_the_last_commit_is_refused() {
    let (mut world, contoso, carol) = world();
    world.engineer(&request(1, contoso, None), "to look").unwrap();
    world.at -= minutes(1);
    let last = world.at + minutes(1);
    let refused = rule(world.run(carol, contoso, &approve(1, contoso)));
    assert_eq!(refused, Precondition::ClockWentBack { at: world.at, last }.into());
}

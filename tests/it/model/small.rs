//! Small scopes, exhaustively: every tree of up to four organizations, every combination of
//! owning and of reach, every state and step, every edge, every way to lose the last owner.

use std::collections::BTreeSet;

use bailiwick::*;

use super::naive::{NEVER, Naive, PLAIN};
use crate::support::*;

/// Every tree of up to four organizations, each as the parents of 2, 3 and 4.
fn shapes() -> Vec<Vec<u128>> {
    let mut all = vec![vec![]];
    let mut last = all.clone();
    for size in 2..=4 {
        last =
            last.iter().flat_map(|shape| (1..size).map(move |parent| [shape.clone(), vec![parent]].concat())).collect();
        all.extend(last.clone());
    }
    all
}

fn four_levels() -> Rules {
    Rules::custom().levels(LevelLimit::new(4).unwrap()).build().unwrap()
}

fn build(shape: &[u128]) -> World {
    let mut world = World::with(four_levels());
    for (number, parent) in (2..).zip(shape) {
        world.child(number, organization(*parent), "Customer");
    }
    world
}

fn path(shape: &[u128], mut number: u128) -> Vec<u128> {
    let mut path = vec![number];
    while number > 1 {
        number = shape[usize::try_from(number).unwrap() - 2];
        path.push(number);
    }
    path
}

/// What the events of a world's log say.
fn model_of(world: &World) -> Naive {
    let domain = world.tree.domain();
    let mut model = Naive::new(world.tree.root(), &domain.catalog, &domain.rules);
    world.log.iter().for_each(|changes| model.fold(changes));
    model
}

#[test]
fn there_is_one_shape_for_each_choice_of_parents() {
    assert_eq!(shapes().len(), 1 + 1 + 2 + 6);
}

// spec: GRP-4
#[test]
fn every_link_in_every_small_tree_is_made_or_refused_for_its_own_reason() {
    let (mut made, mut refused) = (0, 0);
    for shape in shapes() {
        let size = u128::try_from(shape.len()).unwrap() + 1;
        for source in 1..=size {
            let mut world = build(&shape);
            let team = world.team(1, organization(source), "Team", &["backups.view"]);
            for target in 1..=size {
                let (from, to) = (organization(source), organization(target));
                let make = LinkGroup {
                    link: link(target),
                    source: from,
                    group: team,
                    target: to,
                    terms: LinkTerms::default(),
                };
                let answer = world.run(ada(), from, &make);
                let expected = if source == target {
                    Some(LinkError::ToItself { organization: from })
                } else if path(&shape, source).contains(&target) {
                    Some(LinkError::ToAncestor { from, to })
                } else if !path(&shape, target).contains(&source) {
                    Some(LinkError::NotDownward { from, to })
                } else {
                    None
                };
                match expected {
                    Some(error) => {
                        assert_eq!(answer.unwrap_err().into_rule(), Some(error), "{shape:?} {source} to {target}");
                        refused += 1;
                    }
                    None => {
                        assert_eq!(answer, Ok([to].into()), "{shape:?} {source} to {target}");
                        // A second one of the same group to the same target.
                        let again = LinkGroup { link: link(target + 50), ..make };
                        let error = world.run(ada(), from, &again).unwrap_err().into_rule();
                        assert_eq!(error, Some(LinkError::AlreadyLinked { link: link(target) }));
                        made += 1;
                    }
                }
            }
            // An organization of another tree answers like one that does not exist.
            let (from, to) = (organization(source), organization(99));
            let make = LinkGroup { link: link(90), source: from, group: team, target: to, terms: LinkTerms::default() };
            let refusal = world.run(ada(), from, &make).unwrap_err();
            assert!(matches!(refusal, Refusal::Denied(Denial::NotFound { .. })), "{refusal}");
        }
    }
    // Each tree has as many pairs downward as its organizations have ancestors in all.
    assert_eq!((made, refused), (1 + (2 + 3) + (3 + 4 + 4 + 4 + 5 + 6), 1 + 3 + 13 + 70));
}

// spec: GRP-4
// abuse: 55
#[test]
fn only_one_who_owns_source_target_and_group_links_them() {
    for owned in 0..8_u8 {
        let [source, target, chooses] = [owned & 1 != 0, owned & 2 != 0, owned & 4 != 0];
        let mut world = build(&[1]);
        let below = organization(2);
        let grace = world.user(2, "Grace", &[below]);
        let team = world.team(1, root(), "Team", &["backups.view"]);
        if source {
            world.grant(grace, "owner", root());
        }
        if target {
            world.grant(grace, "owner", below);
        }
        if chooses {
            let add = AddGroupOwner { organization: root(), group: team, owner: grace };
            world.ada(&add).unwrap();
        }
        let make = LinkGroup { link: link(1), source: root(), group: team, target: below, terms: LinkTerms::default() };
        let answer = world.run(grace, root(), &make);
        if owned == 7 {
            assert_eq!(answer, Ok([below].into()));
            continue;
        }
        let Err(Refusal::Denied(Denial::Forbidden { ways, .. })) = answer else { panic!("{owned}: {answer:?}") };
        let missing: Vec<Place> = ways[0].iter().map(|need| need.demand.place).collect();
        let expected = [(source, Place::Source), (target, Place::Target), (chooses, Place::Group)];
        assert_eq!(missing, expected.into_iter().filter(|(owns, _)| !owns).map(|(_, place)| place).collect::<Vec<_>>());
    }
}

// spec: GRP-8
// spec: GRP-5
#[test]
fn every_reach_with_every_exclusion_and_opt_out_reaches_what_the_rules_say() {
    // 1 ─ 2 ─ 3 ─ 4, and 5 beside 3; later 6 below 2, and 7 below 3.
    let shape = [1, 2, 3, 2, 2, 3];
    let mut checked = 0;
    for reach in [Reach::Target, Reach::Children, Reach::Subtree] {
        for future in [false, true] {
            for excluded in [None, Some(3), Some(4), Some(5), Some(6)] {
                for out in [None, Some(2), Some(3), Some(4), Some(7)] {
                    let mut world = build(&shape[..4]);
                    let grace = world.user(2, "Grace", &[]);
                    let team = world.team(1, root(), "Team", &["backups.view"]);
                    world.join(grace, team);
                    let later = excluded == Some(6);
                    if later {
                        world.child(6, organization(2), "Customer");
                    }
                    let exclusions = excluded.into_iter().map(organization).collect();
                    let terms = LinkTerms { reach, future, exclusions, ..LinkTerms::default() };
                    let made = world.link(1, team, organization(2), terms);
                    if !later {
                        world.child(6, organization(2), "Customer");
                    }
                    world.child(7, organization(3), "Customer");
                    let reached = |number: u128| {
                        let path = path(&shape, number);
                        let distance = path.iter().position(|above| *above == 2);
                        let near = distance.is_some_and(|distance| match reach {
                            Reach::Target => distance == 0,
                            Reach::Children => distance <= 1,
                            Reach::Subtree => true,
                        });
                        let present = number <= 5 || (number == 6 && later);
                        near && (future || present) && !excluded.is_some_and(|excluded| path.contains(&excluded))
                    };
                    if let Some(out) = out {
                        let place = organization(out);
                        let opt_out = OptOutOfLink { organization: place, link: made };
                        let answer = world.run(ada(), place, &opt_out);
                        assert_eq!(answer.is_ok(), reached(out), "{reach:?} {future} {excluded:?} {out}");
                    }
                    let model = model_of(&world);
                    for number in 1..=7 {
                        let place = organization(number);
                        let expected = reached(number) && out != Some(number) || number == 1;
                        let case = format!("{number}: {reach:?} {future} {excluded:?} {out:?}");
                        assert_eq!(world.may(grace, "backups.view", place), expected, "{case}");
                        assert_eq!(model.allows(grace, place, &claim("backups.view"), world.at), expected, "{case}");
                        checked += 1;
                    }
                }
            }
        }
    }
    assert_eq!(checked, 3 * 2 * 5 * 5 * 7);
}

/// What an invitation is brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brought {
    Pending,
    Accepted,
    Declined,
    Revoked,
    Expired,
}

// spec: INV-2
// spec: INV-5
// abuse: 10
// abuse: 11
// abuse: 23
#[test]
fn every_state_of_an_invitation_takes_every_step_or_says_why_not() {
    use Brought::{Accepted, Declined, Expired, Pending, Revoked};
    let bob = principal(50);
    for state in [Pending, Accepted, Declined, Revoked, Expired] {
        for step in ["resend", "accept", "another accepts", "an older token", "decline", "revoke"] {
            let mut world = World::new();
            let team = world.team(1, root(), "Team", &["backups.view"]);
            let (to, id) = (address("bob@people.example"), invitation(1));
            let invite = Invite {
                invitation: id,
                organization: root(),
                group: team,
                address: to.clone(),
                role: GroupRole::Member,
                token: token(1).hash(),
                lifetime: None,
                other_role: OtherRole::Refuse,
            };
            world.ada(&invite).unwrap();
            world.pass(minutes(10));
            let resend = |secret: u8| ResendInvitation {
                organization: root(),
                group: team,
                invitation: id,
                token: token(secret).hash(),
                lifetime: None,
            };
            world.ada(&resend(2)).unwrap();
            let end = world.at + days(7);
            let accept = |secret: u8| AcceptInvitation {
                token: token(secret),
                address: to.clone(),
                verified: true,
                name: name("Bob"),
            };
            world.pass(minutes(10));
            let revoke = RevokeInvitation { organization: root(), invitation: id };
            let decline = DeclineInvitation { invitation: id, address: to.clone() };
            match state {
                Pending => world.at = end - chrono::TimeDelta::nanoseconds(1),
                Accepted => drop(world.newcomer(bob, &accept(2)).unwrap()),
                Declined => world.newcomer(bob, &decline).unwrap(),
                Revoked => world.ada(&revoke).unwrap(),
                Expired => world.at = end,
            }
            let happened = world.at;
            if state != Pending && state != Expired {
                world.pass(minutes(10));
            }
            let version = world.tree.version();
            let error = match step {
                "resend" => world.ada(&resend(3)).map_err(|refusal| refusal.into_rule().unwrap()).err(),
                "accept" => world.newcomer(bob, &accept(2)).map_err(|refusal| refusal.into_rule().unwrap()).err(),
                "another accepts" => {
                    world.newcomer(principal(51), &accept(2)).map_err(|refusal| refusal.into_rule().unwrap()).err()
                }
                "an older token" => {
                    world.newcomer(bob, &accept(1)).map_err(|refusal| refusal.into_rule().unwrap()).err()
                }
                "decline" => world.newcomer(bob, &decline).map_err(|refusal| refusal.into_rule().unwrap()).err(),
                _ => world.ada(&revoke).map_err(|refusal| refusal.into_rule().unwrap()).err(),
            };
            let gone = Precondition::NotFound { what: "invitation" };
            let expected = match (state, step) {
                (_, "an older token") => Some(gone.into()),
                (Pending, _) | (Accepted, "accept") => None,
                (Accepted, "another accepts") => Some(InvitationError::AlreadyUsed),
                (Accepted, _) => Some(InvitationError::AlreadyAccepted),
                (Declined, _) => Some(InvitationError::Declined { at: happened }),
                (Revoked, _) => Some(InvitationError::Revoked { at: happened }),
                (Expired, _) => Some(InvitationError::Expired { at: end }),
            };
            assert_eq!(error, expected, "{state:?}: {step}");
            let accepted = matches!((state, step), (Accepted, _) | (Pending, "accept" | "another accepts"));
            let members: Vec<Participant> = world.tree.group(team).unwrap().members().collect();
            let who = if state == Pending && step == "another accepts" { principal(51) } else { bob };
            let expected: Vec<Participant> = accepted.then_some(Participant::Principal(who)).into_iter().collect();
            assert_eq!(members, expected, "{state:?}: {step}");
            assert!(error.is_none() || world.tree.version() == version);
            let model = model_of(&world);
            let letter = model.letter(id).unwrap();
            assert_eq!(world.tree.invitation(id).unwrap().state(world.at), model.state(letter, world.at));
        }
    }
}

// spec: HIE-2
// spec: HIE-6
// abuse: 64
#[test]
fn every_move_in_every_small_tree_lands_or_is_blocked_for_its_own_reasons() {
    let mut seen = BTreeSet::new();
    for shape in shapes() {
        let size = u128::try_from(shape.len()).unwrap() + 1;
        let levels = |shape: &[u128]| (1..=size).map(|number| path(shape, number).len()).max().unwrap();
        for limit in levels(&shape)..=4 {
            let mut world = build(&shape);
            let levels = Some(LevelLimit::new(u8::try_from(limit).unwrap()).unwrap());
            let limits = ChangeTreeSettings { root: root(), levels, straight_invitations: None };
            world.ada(&limits).unwrap();
            for (top, parent) in (1..=size).flat_map(|top| (1..=size).map(move |parent| (top, parent))) {
                let mut world = world.clone();
                let (from, to) = (organization(top), organization(parent));
                let relocate = MoveOrganization { organization: from, new_parent: to, sever: false };
                let answer = world.ada(&relocate);
                let below = |number: u128| path(&shape, number).contains(&top);
                if top == 1 {
                    // A root has no parent, so nobody owns that.
                    assert!(matches!(answer, Err(Refusal::Denied(_))), "{answer:?}");
                    seen.insert("root");
                    continue;
                }
                let height = (1..=size).filter(|number| below(*number)).map(|number| path(&shape, number).len()).max();
                let height = height.unwrap() - path(&shape, top).len() + 1;
                let level = path(&shape, parent).len() + height;
                let mut obstacles = Vec::new();
                if below(parent) {
                    obstacles.push(Obstacle::WouldCycle);
                    seen.insert("circle");
                } else {
                    if shape[usize::try_from(top).unwrap() - 2] == parent {
                        obstacles.push(Obstacle::AlreadyThere);
                        seen.insert("there already");
                    }
                    if level > limit {
                        obstacles.push(Obstacle::TooDeep { limit: u8::try_from(limit).unwrap(), level });
                        seen.insert("too deep");
                    }
                }
                if obstacles.is_empty() {
                    assert!(answer.is_ok(), "{shape:?} within {limit}: {top} under {parent}: {answer:?}");
                    assert_eq!(world.tree.organization(from).unwrap().parent(), Some(to));
                    assert!(world.tree.depth() <= limit);
                    seen.insert("lands");
                } else {
                    let error = answer.unwrap_err().into_rule();
                    assert_eq!(error, Some(RelocationError::Blocked { obstacles }), "{shape:?}: {top} under {parent}");
                }
            }
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["circle", "lands", "root", "there already", "too deep"]);
}

// spec: CLM-6
// spec: CLM-11
#[test]
fn a_grant_counts_from_exactly_its_start_until_exactly_its_end() {
    let tick = chrono::TimeDelta::nanoseconds(1);
    let edges = [None, Some(-60), Some(0), Some(60), Some(120)];
    let mut made = 0;
    for from in edges {
        for until in edges {
            let mut world = World::new();
            let grace = world.user(2, "Grace", &[]);
            let at = |edge: Option<i64>| edge.map(|edge| noon() + minutes(edge));
            let Ok(window) = Window::new(at(from), at(until)) else { continue };
            let grant =
                GrantPrivilege { organization: root(), principal: grace, privilege: privilege("backups.view"), window };
            let answer = world.ada(&grant);
            if until.is_some_and(|until| until <= 0) {
                assert_eq!(answer.unwrap_err().into_rule(), Some(GrantError::AlreadyOver));
                continue;
            }
            answer.unwrap();
            made += 1;
            let question = Question { principal: grace, organization: root(), claim: claim("backups.view") };
            let model = model_of(&world);
            for edge in [0, 60, 120] {
                for instant in [noon() + minutes(edge) - tick, noon() + minutes(edge), noon() + minutes(edge) + tick] {
                    let expected =
                        at(from).is_none_or(|from| from <= instant) && at(until).is_none_or(|until| instant < until);
                    let decision = world.tree.access().check(&question, instant);
                    assert_eq!(decision.allowed, expected, "[{from:?}, {until:?}) at {instant}");
                    assert_eq!(model.allows(grace, root(), &question.claim, instant), expected);
                    let next = [at(from), at(until)].into_iter().flatten().filter(|edge| *edge > instant).min();
                    assert_eq!(decision.until, next, "[{from:?}, {until:?}) at {instant}");
                }
            }
        }
    }
    assert_eq!(made, 5 + 3 + 4);
}

fn last_owner(places: &[OrganizationId]) -> Option<Precondition> {
    Some(Precondition::LastOwner { organizations: places.to_vec() })
}

// spec: CLM-5
// abuse: 37
// abuse: 38
// abuse: 62
#[test]
fn no_way_takes_the_last_owner_and_each_is_open_once_there_is_another() {
    let below = organization(2);
    // Grace owns through a group, a machine directly, Heidi until an end, Ivan is suspended:
    // none of them counts.
    let begin = |another: bool| {
        let mut world = build(&[1]);
        let [grace, heidi, ivan] =
            [(2, "Grace"), (3, "Heidi"), (4, "Ivan")].map(|(number, called)| world.user(number, called, &[below]));
        let team = world.team(1, below, "Owners", &["owner"]);
        world.join(grace, team);
        let machine = principal(20);
        let create =
            CreateMachineIdentity { organization: below, identity: machine, person: Person::named(name("Robot")) };
        world.run(ada(), below, &create).unwrap();
        world.grant(machine, "owner", below);
        let window = Window::until(noon() + days(1));
        let grant = GrantPrivilege { organization: below, principal: heidi, privilege: Privilege::OWNER, window };
        world.run(ada(), below, &grant).unwrap();
        world.grant(ivan, "owner", below);
        world.run(ada(), below, &SuspendMember { organization: below, principal: ivan }).unwrap();
        // The group would be left without an owner, which is another rule.
        world.run(ada(), below, &AddGroupOwner { organization: below, group: team, owner: grace }).unwrap();
        if another {
            let judy = world.user(5, "Judy", &[root(), below]);
            world.grant(judy, "owner", below);
            world.grant(judy, "owner", root());
        }
        (world, grace)
    };
    macro_rules! refused {
        ($error:ident, $places:expr, $who:expr, $from:expr, $command:expr) => {{
            let (mut world, grace) = begin(false);
            let who: fn(PrincipalId) -> PrincipalId = $who;
            let answer = world.run(who(grace), $from, &$command);
            let error = answer.unwrap_err().into_rule();
            assert_eq!(error, last_owner($places).map($error::Precondition), "{}", stringify!($command));
            assert_eq!(world.tree.acting_owners(below, world.at).collect::<Vec<_>>(), [ada()]);
            let (mut world, grace) = begin(true);
            world.run(who(grace), $from, &$command).unwrap();
            let owners: Vec<PrincipalId> = world.tree.acting_owners(below, world.at).collect();
            assert_eq!(owners, [principal(5)], "{}", stringify!($command));
            assert_eq!(model_of(&world).acting_owners(below, world.at), owners);
        }};
    }
    let grant = |window| GrantPrivilege { organization: below, principal: ada(), privilege: Privilege::OWNER, window };
    let revoke = RevokePrivilege { organization: below, principal: ada(), privilege: Privilege::OWNER };
    let suspend = SuspendMember { organization: below, principal: ada() };
    let oneself: fn(PrincipalId) -> PrincipalId = |_| ada();
    let grace: fn(PrincipalId) -> PrincipalId = |grace| grace;
    for who in [oneself, grace] {
        refused!(GrantError, &[below], who, below, revoke);
        refused!(MemberError, &[below], who, below, suspend);
        refused!(MemberError, &[below], who, below, RemoveMember { organization: below, principal: ada() });
        refused!(GrantError, &[below], who, below, grant(Window::until(noon() + days(7))));
    }
    refused!(GrantError, &[below], grace, below, grant(Window::starting(noon() + minutes(1))));
    // Removal from the root names every organization that it would strip.
    refused!(MemberError, &[root(), below], oneself, root(), RemoveMember { organization: root(), principal: ada() });

    // Ownership goes to no one who cannot act.
    let (mut world, _) = begin(false);
    for (to, error) in [
        (principal(20), MemberError::CannotOwn { principal: principal(20) }),
        (principal(4), MemberError::CannotOwn { principal: principal(4) }),
        (ada(), MemberError::NoOwnershipToTransfer),
    ] {
        let transfer = TransferOwnership { organization: below, to };
        assert_eq!(world.run(ada(), below, &transfer).unwrap_err().into_rule(), Some(error));
    }
    // A review strips nobody of the last owner either.
    for another in [false, true] {
        let (mut world, grace) = begin(another);
        let mut review = world.tree.begin_review(below, world.at);
        let subjects: Vec<RosterSubject> = review.lines.iter().map(|(line, _)| line.subject).collect();
        for subject in subjects {
            let own = subject == RosterSubject::Principal(ada());
            let verdict = if own { Verdict::Revoke } else { Verdict::Keep };
            review.judge(subject, if own { grace } else { ada() }, verdict);
        }
        let answer = world.run(grace, below, &ApplyReview { review });
        if another {
            answer.unwrap();
        } else {
            let error = answer.unwrap_err().into_rule();
            assert_eq!(error, last_owner(&[below]).map(ReviewError::Precondition));
        }
    }
    // The group that Grace owns through goes, and with it nobody who counted.
    let (mut world, grace) = begin(false);
    world.run(grace, below, &DeleteGroup { organization: below, group: group(1) }).unwrap();
    assert_eq!(world.tree.acting_owners(below, world.at).collect::<Vec<_>>(), [ada()]);
    assert!(!world.owns(grace, below));
}

// spec: GRP-1
#[test]
fn owning_a_group_gives_nothing_that_it_gives_its_members() {
    for owns in [false, true] {
        for is_member in [false, true] {
            let mut world = build(&[1]);
            let grace = world.user(2, "Grace", &[]);
            let team = world.team(1, root(), "Team", &["backups.view"]);
            if owns {
                world.ada(&AddGroupOwner { organization: root(), group: team, owner: grace }).unwrap();
            }
            if is_member {
                world.join(grace, team);
            }
            world.link(1, team, organization(2), LinkTerms::default());
            let model = model_of(&world);
            for place in [root(), organization(2)] {
                assert_eq!(world.may(grace, "backups.view", place), is_member);
                let held = model.held(grace, place, world.at, PLAIN);
                assert_eq!(held.contains(&true), is_member);
            }
        }
    }
}

// spec: GRP-2
// spec: MEM-8
#[test]
fn a_link_asks_of_its_group_no_more_than_it_passes_on() {
    // Grace owns the root, where the group lives, and nothing below.
    let gives = |names: &[&str]| -> BTreeSet<Privilege> { names.iter().map(|name| privilege(name)).collect() };
    let all = [&["owner"][..], &["backups.view"], &["owner", "backups.view"], &["reports.view"]];
    for narrowed in [None, Some(all[0]), Some(all[1]), Some(all[2])] {
        for makes_owners in [false, true] {
            for added in all {
                let mut world = build(&[1]);
                let grace = world.user(2, "Grace", &[]);
                world.grant(grace, "owner", root());
                let team = world.team(1, root(), "Team", &["owner", "backups.view"]);
                let terms = LinkTerms {
                    gives: narrowed.map_or(LinkGives::Inherit, |names| LinkGives::Narrowed(gives(names))),
                    makes_owners,
                    ..LinkTerms::default()
                };
                world.link(1, team, organization(2), terms.clone());
                let define = |gives| DefineGroup { organization: root(), group: team, name: name("Team"), gives };
                world.ada(&define(gives(&["groups.view"]))).unwrap();
                let model = model_of(&world);
                let privileges: Vec<Privilege> = gives(added).into_iter().collect();
                let passed = model.passed_on(&privileges, &terms, organization(2));
                let answer = world.run(grace, root(), &define(gives(added)));
                let case = format!("{added:?} by {narrowed:?}, owners {makes_owners}: {answer:?}");
                assert_eq!(answer.is_ok(), !passed.contains(&true), "{case}");
                assert!(!model.lasting(grace, organization(2), NEVER, world.at).contains(&true), "{case}");
            }
        }
    }
}

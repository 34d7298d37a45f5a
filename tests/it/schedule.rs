//! AUD-4: what changes by itself, and when.

use bailiwick::*;

use crate::support::*;
use crate::things::*;

/// One of everything that ends by itself, each at its own time, in order.
fn world() -> (World, Vec<Transition>) {
    let mut world = World::with(Rules { grace: Some(hours(24 * 10)), ..Rules::provider() });
    let start = world.at;
    let contoso = world.child(2, root(), "Contoso");
    let bob = world.user(20, "Bob", &[contoso]);
    let privilege = privilege("backups.view");
    let window = Window::until(start + days(2));
    let grant = GrantPrivilege { organization: contoso, principal: bob, privilege: privilege.clone(), window };
    world.run(ada(), contoso, &grant).unwrap();
    let team = world.team(1, root(), "Team", &["backups.view"]);
    world.link(1, team, contoso, LinkTerms { window: Window::until(start + days(3)), ..LinkTerms::default() });
    let invite = Invite {
        invitation: invitation(1),
        organization: root(),
        group: team,
        address: address("new@x.org"),
        role: GroupRole::Member,
        token: token(1).hash(),
        lifetime: Some(hours(24 * 4)),
        other_role: OtherRole::Refuse,
    };
    world.ada(&invite).unwrap();
    world.assign(root(), reporting(), Some(start + days(5))).unwrap();
    world.assign(contoso, reporting(), Some(start + days(6))).unwrap();
    let grant = GrantSupport { support: access(1), organization: contoso, engineer: engineer(), duration: hours(24) };
    world.run(ada(), contoso, &grant).unwrap();
    let request = RequestSupport { support: access(2), organization: contoso, duration: None };
    world.engineer(&request, "to look").unwrap();
    let offer = OfferAttachment {
        offer: offer(1),
        organization: root(),
        counterpart: organization(50),
        side: OfferSide::Joining,
    };
    world.ada(&offer).unwrap();
    world.subscribe("Enterprise", Window::until(start + days(40)));
    let ends = |day, organization, what| Transition { at: start + days(day), organization, what, starts: false };
    let expected = vec![
        ends(1, contoso, Timed::Support(access(1))),
        ends(2, contoso, Timed::Grant { principal: bob, privilege }),
        ends(3, contoso, Timed::Link(link(1))),
        ends(4, root(), Timed::Invitation(invitation(1))),
        ends(5, root(), Timed::Capability(reporting())),
        ends(6, contoso, Timed::Capability(reporting())),
        ends(7, contoso, Timed::SupportRequest(access(2))),
        ends(30, root(), Timed::Offer(self::offer(1))),
        ends(40, root(), Timed::Subscription),
        ends(50, root(), Timed::Grace),
    ];
    (world, expected)
}

// spec: AUD-4
#[test]
fn a_tree_tells_when_it_next_changes_by_itself() {
    let (world, expected) = world();
    let (mut at, mut found) = (world.at, Vec::new());
    while let Some(next) = world.tree.next_transition(at) {
        at = next.at;
        found.push(next);
    }
    assert_eq!(found, expected);
    assert_eq!(world.tree.next_transition(DOOMSDAY), None);
    assert_eq!(world.tree.next_transition(Timestamp::MIN_UTC), Some(expected[0].clone()));
}

// spec: AUD-4
#[test]
fn people_are_told_of_what_ends_thirty_seven_and_one_days_before() {
    let (world, expected) = world();
    for (position, transition) in expected.iter().enumerate() {
        for before in [30, 7, 1] {
            // A job that runs once a day, and each time tells of what ends on that day.
            let today = transition.at - days(before);
            let told = world.tree.endings(today + days(before), today + days(before + 1));
            assert_eq!(told.first(), Some(transition), "{position}");
        }
    }
    assert_eq!(world.tree.endings(world.at, world.at + days(51)), expected);
    // The period is half-open, and one that is empty or turned round holds nothing.
    let first = expected[0].at;
    assert_eq!(world.tree.endings(world.at, first), []);
    assert_eq!(world.tree.endings(first, first), []);
    assert_eq!(world.tree.endings(DOOMSDAY, Timestamp::MIN_UTC), []);
}

// spec: AUD-4
#[test]
fn what_starts_is_told_of_and_what_has_ended_otherwise_is_not() {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let bob = world.user(20, "Bob", &[contoso]);
    let (from, until) = (world.at + days(1), world.at + days(2));
    let window = Window::new(Some(from), Some(until)).unwrap();
    let privilege = privilege("backups.view");
    let grant = GrantPrivilege { organization: contoso, principal: bob, privilege: privilege.clone(), window };
    world.run(ada(), contoso, &grant).unwrap();
    let next = world.tree.next_transition(world.at).unwrap();
    assert_eq!((next.at, next.starts, next.organization), (from, true, contoso));
    assert_eq!(next.what, Timed::Grant { principal: bob, privilege: privilege.clone() });
    assert_eq!(world.tree.endings(from, until), [], "a start is no end");
    assert!(!world.tree.next_transition(from).unwrap().starts);

    let grant = GrantSupport { support: access(1), organization: contoso, engineer: engineer(), duration: hours(1) };
    world.run(ada(), contoso, &grant).unwrap();
    let request = RequestSupport { support: access(2), organization: contoso, duration: None };
    world.engineer(&request, "to look").unwrap();
    world.assign(root(), reporting(), Some(until)).unwrap();
    world.run(ada(), contoso, &StopAllSupport { organization: contoso }).unwrap();
    world.operate(&WithdrawCapability { organization: root(), capability: reporting() }).unwrap();
    world.run(ada(), contoso, &RevokePrivilege { organization: contoso, principal: bob, privilege }).unwrap();
    assert_eq!(world.tree.next_transition(world.at), None);
    assert_eq!(world.tree.endings(world.at, DOOMSDAY), []);
}

//! ROS: the roster and reviews of access.

use std::num::NonZeroU32;

use bailiwick::*;

use crate::support::*;

fn limit(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn all() -> RosterFilter {
    RosterFilter::default()
}

/// A customer with members, an own group, a linked one, a nested one, and invitations.
struct Customer {
    world: World,
    contoso: OrganizationId,
    bob: PrincipalId,
    carol: PrincipalId,
    dan: PrincipalId,
    own: GroupId,
    linked: GroupId,
    link: LinkId,
}

fn customer() -> Customer {
    let mut world = World::new();
    let contoso = world.child(2, root(), "Contoso");
    let bob = world.user(2, "Bob", &[contoso]);
    let carol = world.user(3, "Carol", &[]);
    let dan = world.user(4, "Dan", &[contoso]);
    world.grant(bob, "owner", contoso);
    let own = world.team(1, contoso, "Own", &["backups.view"]);
    world.join(dan, own);
    world.grant(dan, "backups.restore", contoso);
    let linked = world.team(2, root(), "Linked", &["groups.view"]);
    world.join(carol, linked);
    let link = world.link(1, linked, contoso, LinkTerms::default());
    let invite = Invite {
        invitation: invitation(1),
        organization: contoso,
        group: own,
        address: address("eve@people.example"),
        role: GroupRole::Member,
        token: token(1).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    };
    world.run(ada(), contoso, &invite).unwrap();
    Customer { world, contoso, bob, carol, dan, own, linked, link }
}

impl Customer {
    fn page(&self, filter: &RosterFilter) -> RosterPage {
        self.world.tree.roster(self.bob, self.contoso, filter, 0, limit(100), self.world.at).unwrap()
    }

    fn names(&self, filter: &RosterFilter) -> Vec<String> {
        let page = self.page(filter);
        assert_eq!(page.total, page.lines.len());
        page.lines.into_iter().filter_map(|line| line.label).collect()
    }
}

// spec: ROS-1
// spec: INV-8
#[test]
fn an_owner_gets_one_roster_of_all_with_access_and_all_pending_with_what_is_behind_each() {
    let case = customer();
    let page = case.page(&all());
    assert_eq!(case.names(&all()), ["Ada", "Bob", "Carol", "Dan", "eve@people.example"], "sorted");
    let line = |who: &str| page.lines.iter().find(|line| line.label.as_deref() == Some(who)).unwrap();
    assert_eq!(line("Bob").paths, [Path::Grant { privilege: Privilege::OWNER, until: None }]);
    assert_eq!(line("Bob").claims.first(), Some(&Grantable::Owner));
    let through = Path::Group { chain: vec![case.linked], link: Some(case.link), until: None };
    assert_eq!((line("Carol").paths.clone(), line("Carol").is_member), (vec![through], false));
    assert_eq!(line("Carol").origins().collect::<Vec<_>>(), [Origin::Linked]);
    let paths = &line("Dan").paths;
    assert!(paths.contains(&Path::Grant { privilege: privilege("backups.restore"), until: None }));
    assert!(paths.contains(&Path::Group { chain: vec![case.own], link: None, until: None }));
    let eve = line("eve@people.example");
    assert_eq!(eve.subject, RosterSubject::Invitation(invitation(1)));
    assert_eq!(eve.invited, Some((case.own, GroupRole::Member, noon() + days(7))));
    assert!(eve.claims.is_empty() && !eve.is_member);
    serde_json::to_string(&page).unwrap();
}

// spec: ROS-1
// abuse: 97
#[test]
fn a_roster_is_paged_with_the_total_and_no_page_is_out_of_range() {
    let case = customer();
    let page =
        |skip, size| case.world.tree.roster(case.bob, case.contoso, &all(), skip, limit(size), case.world.at).unwrap();
    let whole = page(0, 100).lines;
    let pages: Vec<RosterLine> = (0..5).step_by(2).flat_map(|skip| page(skip, 2).lines).collect();
    assert_eq!(pages, whole, "pages neither skip nor repeat");
    assert_eq!(page(1, 2).total, 5);
    for skip in [5, usize::MAX] {
        let beyond = page(skip, u32::MAX);
        assert_eq!((beyond.lines.len(), beyond.total), (0, 5));
    }
}

// spec: ROS-1
// spec: ERR-1
#[test]
fn a_roster_is_refused_to_one_who_may_not_see_it_and_hidden_from_a_stranger() {
    let case = customer();
    let look = |who, place| case.world.tree.roster(who, place, &all(), 0, limit(1), case.world.at).unwrap_err();
    let need = Need {
        demand: Demand { authority: Authority::Claim("roster.view"), place: Place::Organization },
        claim: None,
        organization: Some(case.contoso),
    };
    let operation = Operation::ReviewAccess;
    assert_eq!(look(case.dan, case.contoso), Denial::Forbidden { operation, ways: vec![vec![need]] });
    let hidden = Denial::NotFound { operation };
    assert_eq!(look(principal(99), case.contoso), hidden);
    assert_eq!(look(case.bob, organization(99)), hidden, "as one that is not there");
}

// spec: ROS-2
#[test]
fn a_roster_is_filtered_by_access_group_origin_and_text() {
    let mut case = customer();
    let reporting: CapabilityName = "reporting".parse().unwrap();
    case.world.operate(&AssignCapability { organization: root(), capability: reporting.clone(), until: None }).unwrap();
    let contoso = case.contoso;
    case.world.ada(&AssignCapability { organization: contoso, capability: reporting, until: None }).unwrap();
    let by = |access| RosterFilter { access: Some(access), ..all() };
    assert_eq!(case.names(&by(AccessKind::Manage)), ["Ada", "Bob", "Dan"]);
    assert_eq!(case.names(&by(AccessKind::View)), ["Ada", "Bob", "Carol", "Dan"]);
    let in_group = |group| RosterFilter { group: Some(group), ..all() };
    assert_eq!(case.names(&in_group(case.own)), ["Dan", "eve@people.example"], "invited ones too");
    assert_eq!(case.names(&in_group(case.linked)), ["Carol"]);
    let from = |origin| RosterFilter { origin: Some(origin), ..all() };
    assert_eq!(case.names(&from(Origin::Linked)), ["Carol"]);
    assert_eq!(case.names(&from(Origin::Own)), ["Ada", "Bob", "Dan", "eve@people.example"]);
    let text = |text: &str| RosterFilter { text: Some(text.into()), ..all() };
    assert_eq!(case.names(&text("D")), ["Ada", "Dan"], "upper and lower case alike");
    assert_eq!(case.names(&text("EVE@")), ["eve@people.example"]);
    let both = RosterFilter { text: Some("a".into()), origin: Some(Origin::Linked), ..all() };
    assert_eq!(case.names(&both), ["Carol"]);
}

fn judge(case: &Customer, revoked: &[RosterSubject]) -> AccessReview {
    let mut review = case.world.tree.begin_review(case.contoso, case.world.at);
    let subjects: Vec<RosterSubject> = review.lines.iter().map(|(line, _)| line.subject).collect();
    for subject in subjects {
        let reviewer = if subject == RosterSubject::Principal(case.bob) { ada() } else { case.bob };
        let verdict = if revoked.contains(&subject) { Verdict::Revoke } else { Verdict::Keep };
        assert!(review.judge(subject, reviewer, verdict));
    }
    review
}

// spec: ROS-2
// spec: AUD-1
#[test]
fn a_review_is_the_roster_of_an_instant_and_one_commit_carries_out_what_it_revokes() {
    let mut case = customer();
    case.world.pass(days(1));
    let revoked = [
        RosterSubject::Principal(case.dan),
        RosterSubject::Principal(case.carol),
        RosterSubject::Invitation(invitation(1)),
    ];
    let review = judge(&case, &revoked);
    assert_eq!((review.at, review.version), (case.world.at, case.world.tree.version()));
    assert_eq!(review.open().count(), 0);
    assert!(!review.clone().judge(RosterSubject::Principal(principal(99)), case.bob, Verdict::Keep), "no such line");
    let version = case.world.tree.version();
    let lines = review.lines.len();
    let (bob, contoso) = (case.bob, case.contoso);
    let remaining = case.world.run(bob, contoso, &ApplyReview { review }).unwrap();
    assert_eq!(remaining, [(case.carol, case.link)], "the link from above is to be ended instead");
    assert_eq!(case.world.tree.version(), version.next());
    assert!(case.world.tree.access().claims(case.dan, contoso, case.world.at).is_empty());
    assert!(case.world.tree.member(contoso, case.dan).is_some(), "they stay a member, with nothing");
    assert!(case.world.may(case.carol, "groups.view", contoso));
    assert_eq!(case.world.tree.pending_invitations(contoso, case.world.at).count(), 0);
    let recorded = case.world.log.last().unwrap().recorded.clone();
    let Some(Event::Audit(AuditEvent::Reviewed { as_of, lines: reviewed, .. })) = recorded.events.last() else {
        panic!("the trail says who looked at each line")
    };
    assert_eq!((*as_of, reviewed.len()), (case.world.at, lines));
    for who in [case.dan, case.bob, ada()] {
        let filter = AuditFilter { principal: Some(who), noun: Some("audit".into()), ..AuditFilter::default() };
        assert!(filter.admits(&recorded), "by whom it concerns and who looked");
    }
}

// spec: ROS-2
#[test]
fn a_review_reports_the_link_behind_a_group_that_is_nested_in_one_of_the_organization() {
    let mut case = customer();
    let (contoso, own, linked) = (case.contoso, case.own, case.linked);
    let nest = AddGroupMember { organization: contoso, group: own, participant: Participant::Group(linked) };
    case.world.run(ada(), contoso, &nest).unwrap();
    let narrow = LinkTerms { gives: LinkGives::Narrowed([].into()), ..LinkTerms::default() };
    let change = ChangeLink { source: root(), group: linked, target: contoso, terms: narrow };
    case.world.ada(&change).unwrap();
    let review = judge(&case, &[RosterSubject::Principal(case.carol)]);
    let remaining = case.world.run(case.bob, contoso, &ApplyReview { review }).unwrap();
    assert!(case.world.may(case.carol, "backups.view", contoso));
    assert_eq!(remaining, [(case.carol, case.link)]);
}

// spec: ROS-2
#[test]
fn a_review_is_refused_while_lines_are_open_and_nobody_judges_their_own() {
    let mut case = customer();
    let (bob, contoso) = (case.bob, case.contoso);
    let review = case.world.tree.begin_review(contoso, case.world.at);
    let refused = case.world.run(bob, contoso, &ApplyReview { review }).unwrap_err();
    assert_eq!(refused.into_rule(), Some(ReviewError::Open { count: 5 }));
    let mut review = judge(&case, &[]);
    review.judge(RosterSubject::Principal(bob), bob, Verdict::Keep);
    let refused = case.world.run(bob, contoso, &ApplyReview { review }).unwrap_err();
    assert_eq!(refused.into_rule(), Some(ReviewError::OwnLine { principal: bob }));
    let review = judge(&case, &[]);
    let refused = case.world.run(case.dan, contoso, &ApplyReview { review }).unwrap_err();
    assert!(matches!(refused, Refusal::Denied(Denial::Forbidden { operation: Operation::ReviewAccess, .. })));
}

// spec: ROS-2
// spec: CLM-5
#[test]
fn a_review_never_revokes_the_last_owner() {
    let mut case = customer();
    let (bob, contoso) = (case.bob, case.contoso);
    let both = [RosterSubject::Principal(bob), RosterSubject::Principal(ada())];
    let review = judge(&case, &both);
    let refused = case.world.run(bob, contoso, &ApplyReview { review }).unwrap_err();
    let last = Precondition::LastOwner { organizations: vec![contoso] };
    assert_eq!(refused.into_rule(), Some(ReviewError::Precondition(last)));
    let review = judge(&case, &both[1..]);
    case.world.run(bob, contoso, &ApplyReview { review }).unwrap();
    assert!(!case.world.owns(ada(), contoso));
}

// spec: CLM-4
#[test]
fn a_review_by_one_who_is_no_owner_takes_nothing_from_one_who_holds_more() {
    let rules = Rules::custom().authority(Operation::ReviewAccess, claim("roster.view")).build().unwrap();
    let mut world = World::with(rules);
    let bob = world.user(2, "Bob", &[]);
    let carol = world.user(3, "Carol", &[]);
    world.grant(bob, "roster.view", root());
    world.grant(carol, "owner", root());
    let mut review = world.tree.begin_review(root(), world.at);
    for subject in [ada(), bob, carol].map(RosterSubject::Principal) {
        let (by, verdict) = match subject {
            RosterSubject::Principal(who) if who == carol => (bob, Verdict::Revoke),
            RosterSubject::Principal(who) if who == bob => (ada(), Verdict::Keep),
            _ => (bob, Verdict::Keep),
        };
        assert!(review.judge(subject, by, verdict));
    }
    let refused = world.run(bob, root(), &ApplyReview { review }).unwrap_err();
    let more = Precondition::HoldsMore { organization: root(), principal: carol };
    assert_eq!(refused.into_rule(), Some(ReviewError::Precondition(more)));
}

//! Duplicati, user management.

use std::collections::BTreeSet;

use bailiwick::*;

use crate::harness::Aside::*;
use crate::harness::*;
use crate::support::*;

pub fn document() -> Document {
    Document { title: "Duplicati: user management", lines: lines() }
}

fn lines() -> Vec<Line> {
    vec![
        aside("How providers and enterprises use user management", Summary),
        step("Manage multiple tenants by combining hierarchy, users and groups", &["HIE-3", "MEM-1", "GRP-5"], || {
            let mut world = World::new();
            let customers: Vec<_> =
                (2..5).map(|number| world.child(number, root(), &format!("Customer {number}"))).collect();
            let bea = world.user(2, "Bea", &[]);
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.join(bea, crew);
            for (number, customer) in (1..).zip(&customers) {
                world.link(number, crew, *customer, LinkTerms::default());
            }
            let reached = world.tree.access().organizations(bea, Some(&claim("backups.restore")), world.at);
            assert_eq!(reached, [vec![root()], customers].concat());
        }),
        aside("This article explains how to set this up", Summary),
        step("User management and security groups are an Enterprise feature", &["LIC-2", "LIC-3"], || {
            let mut world = World::bare(Rules::provider());
            world.subscribe("Professional", Window::ALWAYS);
            let person = Some(Person::named(name("Bea")));
            let add = AddMember { organization: root(), principal: principal(2), person };
            assert_eq!(code(world.ada(&add)), "subscription.feature_missing");
            let group = CreateGroup {
                organization: root(),
                group: group(1),
                name: name("Crew"),
                gives: BTreeSet::new(),
                owner: ada(),
            };
            assert_eq!(code(world.ada(&group)), "subscription.feature_missing");
            world.subscribe("Enterprise", Window::ALWAYS);
            world.ada(&add).unwrap();
            world.ada(&group).unwrap();
        }),
        aside("Contact sales or support for a trial or license", Contact),
        step("Each root is fully isolated and shares nothing across its boundary", &["HIE-7"], || {
            let mut world = World::new();
            let crew = world.team(1, root(), "Crew", &["backups.view"]);
            let woodgrove = detached(&world, 9, "Woodgrove");
            let there = code(world.ada(&linking(1, root(), crew, organization(9))));
            let nowhere = code(world.ada(&linking(1, root(), crew, organization(77))));
            assert_eq!((there, nowhere), ("not_found", "not_found"), "another tree answers like nothing");
            assert!(woodgrove.group(crew).is_none());
            assert!(!woodgrove.access().reaches(ada(), root(), world.at));
        }),
        step("Sub-organizations are isolated too, but the license is inherited", &["CLM-1", "LIC-1"], || {
            let mut world = World::new();
            let (contoso, bea) = (world.child(2, root(), "Contoso"), world.user(2, "Bea", &[]));
            world.ada(&giving(bea, Privilege::OWNER, root())).unwrap();
            assert!(!world.owns(bea, contoso) && !world.may(bea, "backups.view", contoso));
            world.team(1, contoso, "Crew", &["backups.view"]);
        }),
        step("Invites and linking go top-down, from a parent group to a child", &["GRP-4", "INV-1"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.link(1, crew, contoso, LinkTerms::default());
            world.ada(&inviting(1, root(), crew, "cleo@people.example", GroupRole::Member)).unwrap();
            world.newcomer(principal(3), &accepting(1, "cleo@people.example", "Cleo")).unwrap();
            assert!(world.may(principal(3), "backups.restore", contoso), "one invitation above, access below");
            let theirs = world.team(2, contoso, "Theirs", &["backups.view"]);
            assert_eq!(code(world.run(ada(), contoso, &linking(2, contoso, theirs, root()))), "link.to_ancestor");
        }),
        step("Claims are tied to an organization; Owner represents ownership", &["CLM-1", "CLM-3"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            let bea = world.user(2, "Bea", &[contoso]);
            world.grant(bea, "backups.restore", contoso);
            assert!(world.may(bea, "backups.restore", contoso) && !world.may(bea, "backups.restore", root()));
            world.run(ada(), contoso, &giving(bea, Privilege::OWNER, contoso)).unwrap();
            assert!(world.owns(bea, contoso) && world.may(bea, "backups.delete", contoso), "every claim");
            assert!(!world.owns(bea, root()));
        }),
        step("Groups hold owners and members", &["GRP-1"], || {
            let mut world = World::new();
            let bea = world.user(2, "Bea", &[]);
            let crew = world.team(1, root(), "Crew", &["backups.view"]);
            world.join(bea, crew);
            let found = world.tree.group(crew).unwrap();
            assert_eq!(found.owners().collect::<Vec<_>>(), [ada()]);
            assert_eq!(found.members().collect::<Vec<_>>(), [Participant::Principal(bea)]);
            let last = RemoveGroupOwner { organization: root(), group: crew, owner: ada() };
            assert_eq!(code(world.ada(&last)), "group.last_owner");
        }),
        step("Owners control membership; members get permissions where it is active", &["GRP-1", "GRP-5"], || {
            let mut world = World::new();
            let (contoso, woodgrove) = (world.child(2, root(), "Contoso"), world.child(3, root(), "Woodgrove"));
            let (bea, cleo) = (world.user(2, "Bea", &[]), world.user(3, "Cleo", &[]));
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.ada(&AddGroupOwner { organization: root(), group: crew, owner: bea }).unwrap();
            let add = AddGroupMember { organization: root(), group: crew, participant: Participant::Principal(cleo) };
            world.run(bea, root(), &add).unwrap();
            let link = world.link(1, crew, contoso, LinkTerms::default());
            let reached =
                |world: &World| world.tree.access().organizations(cleo, Some(&claim("backups.restore")), world.at);
            assert_eq!(reached(&world), [root(), contoso]);
            assert!(!world.may(cleo, "backups.restore", woodgrove));
            world.ada(&EndLink { organization: root(), link }).unwrap();
            assert_eq!(reached(&world), [root()]);
        }),
        step("Owners add and remove users, but do not gain the group's claims", &["GRP-1"], || {
            let mut world = World::new();
            let (bea, cleo) = (world.user(2, "Bea", &[]), world.user(3, "Cleo", &[]));
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.ada(&AddGroupOwner { organization: root(), group: crew, owner: bea }).unwrap();
            let participant = Participant::Principal(cleo);
            world.run(bea, root(), &AddGroupMember { organization: root(), group: crew, participant }).unwrap();
            world.run(bea, root(), &RemoveGroupMember { organization: root(), group: crew, participant }).unwrap();
            assert!(!world.may(bea, "backups.restore", root()));
            let herself =
                AddGroupMember { organization: root(), group: crew, participant: Participant::Principal(bea) };
            assert_eq!(code(world.run(bea, root(), &herself)), "claim.hands_on_more");
        }),
        step("Members gain permissions, but not to add or remove members", &["GRP-1"], || {
            let mut world = World::new();
            let (bea, cleo) = (world.user(2, "Bea", &[]), world.user(3, "Cleo", &[]));
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.join(bea, crew);
            assert!(world.may(bea, "backups.restore", root()));
            let participant = Participant::Principal(cleo);
            let add = AddGroupMember { organization: root(), group: crew, participant };
            assert_eq!(code(world.run(bea, root(), &add)), "forbidden");
            world.join(cleo, crew);
            let remove = RemoveGroupMember { organization: root(), group: crew, participant };
            assert_eq!(code(world.run(bea, root(), &remove)), "forbidden");
        }),
        step("Users can be both owner and member of a group", &["GRP-1"], || {
            let mut world = World::new();
            let bea = world.user(2, "Bea", &[]);
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.join(bea, crew);
            world.ada(&AddGroupOwner { organization: root(), group: crew, owner: bea }).unwrap();
            assert!(world.tree.owns_group(bea, crew) && world.may(bea, "backups.restore", root()));
        }),
        step("Organization owners invite into a group with a role, owner or member", &["INV-1", "INV-7"], || {
            for (number, role) in [(1, GroupRole::Owner), (2, GroupRole::Member)] {
                let mut world = World::new();
                let crew = world.team(1, root(), "Crew", &["backups.restore"]);
                world.ada(&inviting(number, root(), crew, "cleo@people.example", role)).unwrap();
                let given = world.newcomer(principal(3), &accepting(number, "cleo@people.example", "Cleo")).unwrap();
                assert_eq!(given, (root(), crew, role));
                assert_eq!(world.tree.owns_group(principal(3), crew), role == GroupRole::Owner);
                assert_eq!(world.may(principal(3), "backups.restore", root()), role == GroupRole::Member);
            }
        }),
        step("The inviter owns the group and its organization, under Enterprise", &["INV-1", "LIC-3"], || {
            for owned in 0..4 {
                let mut world = World::new();
                let bea = world.user(2, "Bea", &[]);
                let crew = world.team(1, root(), "Crew", &["backups.restore"]);
                if owned & 1 != 0 {
                    world.ada(&giving(bea, Privilege::OWNER, root())).unwrap();
                }
                if owned & 2 != 0 {
                    world.ada(&AddGroupOwner { organization: root(), group: crew, owner: bea }).unwrap();
                }
                let invite = inviting(1, root(), crew, "cleo@people.example", GroupRole::Member);
                let answer = code(world.tree.decide(&world.context(bea, root()), &invite));
                assert_eq!(answer, if owned == 3 { "done" } else { "forbidden" }, "owned: {owned:02b}");
                world.subscribe("Professional", Window::ALWAYS);
                assert_eq!(code(world.ada(&invite)), "subscription.feature_missing");
            }
        }),
        step("Pending invitations are tracked with their intended roles", &["INV-2", "ROS-1"], || {
            let mut world = World::new();
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.ada(&inviting(1, root(), crew, "cleo@people.example", GroupRole::Owner)).unwrap();
            let until = world.at + days(7);
            assert_eq!(
                roster(&world, ada(), root())["cleo@people.example"].invited,
                Some((crew, GroupRole::Owner, until))
            );
            assert_eq!(
                world.tree.invitation(invitation(1)).unwrap().state(until),
                InvitationState::Expired { at: until }
            );
        }),
        step("Owners list users, pending invitations, and the groups behind them", &["ROS-1"], || {
            let mut world = World::new();
            let (contoso, bea) = (world.child(2, root(), "Contoso"), world.user(2, "Bea", &[]));
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.join(bea, crew);
            let link = world.link(1, crew, contoso, LinkTerms::default());
            let theirs = world.team(2, contoso, "Theirs", &["backups.view"]);
            let invite = inviting(1, contoso, theirs, "cleo@contoso.example", GroupRole::Member);
            world.run(ada(), contoso, &invite).unwrap();
            let roster = roster(&world, ada(), contoso);
            assert_eq!(roster.keys().collect::<Vec<_>>(), ["Ada", "Bea", "cleo@contoso.example"]);
            let through = Path::Group { chain: vec![crew], link: Some(link), until: None };
            assert_eq!(roster["Bea"].paths, [through]);
            let denied =
                world.tree.roster(bea, contoso, &RosterFilter::default(), 0, 100.try_into().unwrap(), world.at);
            assert!(denied.is_err(), "for owners");
        }),
        step("Link, and the same owners and members manage resources across tenants", &["GRP-4", "GRP-5"], || {
            let mut world = World::new();
            let (contoso, woodgrove) = (world.child(2, root(), "Contoso"), world.child(3, root(), "Woodgrove"));
            let (bea, cleo) = (world.user(2, "Bea", &[]), world.user(3, "Cleo", &[]));
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.link(1, crew, contoso, LinkTerms::default());
            world.link(2, crew, woodgrove, LinkTerms::default());
            world.ada(&AddGroupOwner { organization: root(), group: crew, owner: bea }).unwrap();
            let participant = Participant::Principal(cleo);
            world.run(bea, root(), &AddGroupMember { organization: root(), group: crew, participant }).unwrap();
            for place in [root(), contoso, woodgrove] {
                assert!(world.may(cleo, "backups.restore", place), "one roster, no rebuilding");
            }
        }),
        step("Linking requires owning both organizations and the source group", &["GRP-4"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            let bea = world.user(2, "Bea", &[contoso]);
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            let link = linking(1, root(), crew, contoso);
            world.ada(&giving(bea, Privilege::OWNER, root())).unwrap();
            world.ada(&AddGroupOwner { organization: root(), group: crew, owner: bea }).unwrap();
            let refusal = world.run(bea, root(), &link).unwrap_err();
            let Refusal::Denied(denial) = refusal else { panic!("{refusal}") };
            assert_eq!(denial.needs().concat().len(), 1, "what is missing is said: {denial}");
            world.run(ada(), contoso, &giving(bea, Privilege::OWNER, contoso)).unwrap();
            world.run(bea, root(), &link).unwrap();
        }),
        step("Only from a parent downward; horizontal and self-links are blocked", &["GRP-4"], || {
            let mut world = World::new();
            let (contoso, woodgrove) = (world.child(2, root(), "Contoso"), world.child(3, root(), "Woodgrove"));
            let crew = world.team(1, contoso, "Crew", &["backups.restore"]);
            assert_eq!(code(world.run(ada(), contoso, &linking(1, contoso, crew, woodgrove))), "link.not_downward");
            assert_eq!(code(world.run(ada(), contoso, &linking(1, contoso, crew, contoso))), "link.to_itself");
        }),
        step("Create the hierarchy; cross-tenant links need Enterprise at the root", &["HIE-3", "LIC-3"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.subscribe("Professional", Window::ALWAYS);
            let refusal = world.ada(&linking(1, root(), crew, contoso)).unwrap_err();
            assert_eq!((refusal.code(), refusal.kind()), ("subscription.feature_missing", Kind::PaymentRequired));
            world.subscribe("Enterprise", Window::ALWAYS);
            world.link(1, crew, contoso, LinkTerms::default());
        }),
        step("Build groups in the parent: administrators own, operators are members", &["GRP-1"], || {
            let mut world = World::new();
            let (boss, operator) = (world.user(2, "Bea", &[]), world.user(3, "Cleo", &[]));
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.ada(&AddGroupOwner { organization: root(), group: crew, owner: boss }).unwrap();
            world.join(operator, crew);
            assert!(world.tree.owns_group(boss, crew) && !world.may(boss, "backups.restore", root()), "manages");
            assert!(!world.tree.owns_group(operator, crew) && world.may(operator, "backups.restore", root()));
        }),
        step("Link groups, verifying each target is a true child", &["GRP-4"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            assert!(world.tree.is_ancestor(root(), contoso));
            world.link(1, crew, contoso, LinkTerms::default());
            assert_eq!(code(world.ada(&linking(2, root(), crew, contoso))), "link.already_linked");
            assert_eq!(code(world.ada(&linking(2, root(), crew, organization(77)))), "not_found");
        }),
        step(
            "Invite into the right roles, honoring duplicate and cooldown protections",
            &["INV-3", "INV-4", "INV-7"],
            || {
                let mut world = World::new();
                let contoso = world.child(2, root(), "Contoso");
                let crew = world.team(1, contoso, "Crew", &["backups.restore"]);
                let to_cleo = |number, to| inviting(number, contoso, crew, to, GroupRole::Member);
                world.run(ada(), contoso, &to_cleo(1, "Cleo@Contoso.example")).unwrap();
                let again = world.run(ada(), contoso, &to_cleo(2, "cleo@contoso.example")).unwrap_err();
                assert_eq!(again.into_rule(), Some(InvitationError::Duplicate { invitation: invitation(1) }));
                world
                    .run(ada(), contoso, &RevokeInvitation { organization: contoso, invitation: invitation(1) })
                    .unwrap();
                let from = world.at + minutes(10);
                world.pass(minutes(9));
                let soon = world.run(ada(), contoso, &to_cleo(2, "cleo@contoso.example")).unwrap_err();
                assert_eq!(soon.into_rule(), Some(InvitationError::CoolingDown { from }));
                world.pass(minutes(1));
                world.run(ada(), contoso, &to_cleo(2, "cleo@contoso.example")).unwrap();
                world.newcomer(principal(3), &accepting(2, "cleo@contoso.example", "Cleo")).unwrap();
                assert!(world.may(principal(3), "backups.restore", contoso));
            },
        ),
        step("Review access regularly: users, invitations, and linked groups", &["ROS-1", "ROS-2"], || {
            let mut world = World::new();
            let (contoso, bea) = (world.child(2, root(), "Contoso"), world.user(2, "Bea", &[]));
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.join(bea, crew);
            let link = world.link(1, crew, contoso, LinkTerms::default());
            world.run(ada(), contoso, &giving(ada(), privilege("backups.view"), contoso)).unwrap();
            let dora = world.user(4, "Dora", &[contoso]);
            world.run(ada(), contoso, &giving(dora, Privilege::OWNER, contoso)).unwrap();
            let mut review = world.tree.begin_review(contoso, world.at);
            let subjects: Vec<RosterSubject> = review.open().map(|line| line.subject).collect();
            assert_eq!(subjects.len(), 3);
            for subject in subjects {
                let own = subject == RosterSubject::Principal(dora);
                let verdict = if subject == RosterSubject::Principal(bea) { Verdict::Revoke } else { Verdict::Keep };
                assert!(review.judge(subject, if own { ada() } else { dora }, verdict));
            }
            let beyond = world.run(ada(), contoso, &ApplyReview { review }).unwrap();
            assert_eq!(beyond, [(bea, link)], "what only the parent can end is named");
        }),
        step(
            "Access scales across tenants, ownership clear and audit trails intact",
            &["CLM-5", "AUD-1", "AUD-2"],
            || {
                let mut world = World::new();
                let (contoso, bea) = (world.child(2, root(), "Contoso"), world.user(2, "Bea", &[]));
                let crew = world.team(1, root(), "Crew", &["backups.restore"]);
                world.join(bea, crew);
                world.link(1, crew, contoso, LinkTerms::default());
                for place in [root(), contoso] {
                    assert_eq!(world.tree.acting_owners(place, world.at).collect::<Vec<_>>(), [ada()]);
                }
                assert!(world.replayed() == world.tree, "the trail tells everything");
                let linked = AuditFilter { noun: Some("link".to_owned()), ..AuditFilter::default() };
                assert_eq!(world.log.iter().filter(|changes| linked.admits(&changes.recorded)).count(), 1);
            },
        ),
    ]
}

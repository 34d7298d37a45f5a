//! Duplicati, organization management.

use std::collections::BTreeSet;

use bailiwick::*;

use crate::harness::Aside::*;
use crate::harness::*;
use crate::support::*;

pub fn document() -> Document {
    Document { title: "Duplicati: organization management", lines: lines() }
}

fn lines() -> Vec<Line> {
    vec![
        aside("Guidance for MSPs and enterprises using organizations", Summary),
        step("Organizations are similar to tenants in other systems", &["CLM-1", "HIE-7"], || {
            let mut world = World::new();
            let (contoso, woodgrove) = (world.child(2, root(), "Contoso"), world.child(3, root(), "Woodgrove"));
            let bea = world.user(2, "Bea", &[contoso]);
            world.grant(bea, "backups.*", contoso);
            assert!(world.may(bea, "backups.restore", contoso));
            assert!(!world.may(bea, "backups.restore", woodgrove));
        }),
        step(
            "MSPs isolate tenants, delegate access, and safely offboard customers",
            &["CLM-1", "GRP-4", "DEL-4"],
            || {
                let mut world = World::new();
                let (contoso, bea) = (world.child(2, root(), "Contoso"), world.user(2, "Bea", &[]));
                world.grant(bea, "backups.restore", root());
                assert!(!world.may(bea, "backups.restore", contoso), "isolated");
                let crew = world.team(1, root(), "Crew", &["backups.restore"]);
                world.join(bea, crew);
                world.link(1, crew, contoso, LinkTerms::default());
                assert!(world.may(bea, "backups.restore", contoso), "delegated");
                world.ada(&deleting(&world, contoso, DeletionMode::Hard)).unwrap();
                assert!(!world.may(bea, "backups.restore", contoso), "off-boarded");
                assert!(world.may(bea, "backups.restore", root()));
            },
        ),
        step("The console enforces depth and licensing limits", &["HIE-2", "LIC-3", "LIC-9"], || {
            let mut world = World::new();
            let second = world.child(2, root(), "Second");
            let third = world.child(3, second, "Third");
            assert_eq!(code(world.run(ada(), third, &create(4, third, "Fourth"))), "organization.too_deep");
            world.subscribe("Professional", Window::ALWAYS);
            assert_eq!(code(world.ada(&create(5, root(), "Fifth"))), "subscription.feature_missing");
            let features = Feature::OWN.iter().cloned().collect();
            let limits = UsageLimits { sub_organizations: Some(1), ..UsageLimits::default() };
            let rules = Rules::custom().plan("Enterprise".parse().unwrap(), Plan { features, limits }).build().unwrap();
            let mut world = World::with(rules);
            world.child(2, root(), "Second");
            assert_eq!(code(world.ada(&create(3, root(), "Third"))), "subscription.limit_reached");
        }),
        aside("The description is targeted at MSPs but applies to larger organizations", Summary),
        step("Root organization: created without a parent", &["HIE-1"], || {
            let world = World::new();
            let fabrikam = world.tree.organization(root()).unwrap();
            assert_eq!((fabrikam.parent(), fabrikam.level(), world.tree.root()), (None, 1, root()));
        }),
        step("MSP staff sign in to the root and operate downstream from it", &["GRP-5", "AUD-1"], || {
            let mut world = World::new();
            let (contoso, bea) = (world.child(2, root(), "Contoso"), world.user(2, "Bea", &[]));
            let staff = world.team(1, root(), "Staff", &["organizations.edit"]);
            world.join(bea, staff);
            world.link(1, staff, contoso, LinkTerms::default());
            let rename = EditOrganization { name: Some(name("Contoso Ltd")), ..EditOrganization::of(contoso) };
            world.run(bea, root(), &rename).unwrap();
            assert_eq!(world.log.last().unwrap().recorded.acting, Some(root()));
            assert_eq!(world.tree.organization(contoso).unwrap().name(), &name("Contoso Ltd"));
        }),
        step("Sub-organization: created under a parent, for a customer or site", &["HIE-1", "HIE-3"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            let site = world.child(3, contoso, "Contoso Berlin");
            assert_eq!(world.tree.children(root()).collect::<Vec<_>>(), [contoso]);
            assert_eq!(world.tree.children(contoso).collect::<Vec<_>>(), [site]);
        }),
        step("Each sub-organization handles references to root and parent", &["HIE-1"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            let site = world.child(3, contoso, "Contoso Berlin");
            let found = world.tree.organization(site).unwrap();
            assert_eq!((found.ancestors().first(), found.parent()), (Some(&root()), Some(contoso)));
        }),
        step("The hierarchy is limited to three levels", &["HIE-2"], || {
            let mut world = World::new();
            let second = world.child(2, root(), "Second");
            let third = world.child(3, second, "Third");
            let refusal = world.run(ada(), third, &create(4, third, "Fourth")).unwrap_err();
            assert_eq!(refusal.into_rule(), Some(OrganizationError::TooDeep { limit: 3, level: 4 }));
        }),
        step("Detached: without parent or shared root, a completely new tree", &["HIE-4"], || {
            let world = World::new();
            let tree = detached(&world, 9, "Contoso");
            let contoso = tree.organization(organization(9)).unwrap();
            assert_eq!((contoso.parent(), tree.root()), (None, organization(9)));
            assert!(tree.access().owns(ada(), organization(9), world.at));
            assert!(world.tree.organization(organization(9)).is_none(), "nothing is shared");
        }),
        step("For an isolated tenant, before being linked to a broader tree", &["HIE-5", "HIE-7"], || {
            let mut world = World::new();
            let mut contoso = detached(&world, 9, "Contoso");
            let rename = EditOrganization { name: Some(name("Seen")), ..EditOrganization::of(organization(9)) };
            assert_eq!(code(world.ada(&rename)), "not_found", "isolated until then");
            let attach = AttachOrganization { organization: organization(9), new_parent: root() };
            let joint = world.tree.attach(&contoso, &world.context(ada(), root()), &attach).unwrap();
            for part in joint.commit.parts() {
                if part.root() == root() { world.commit(part.clone()) } else { contoso.apply(part).unwrap() }
            }
            assert_eq!(world.tree.organization(organization(9)).unwrap().parent(), Some(root()));
            assert!(contoso.organization(organization(9)).is_none());
        }),
        step("Each root needs its own payment configuration", &["LIC-1"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            assert!(detached(&world, 9, "Woodgrove").subscription().is_none());
            assert!(world.tree.subscription().is_some());
            let own = RecordSubscription {
                root: contoso,
                plan: "Enterprise".parse().unwrap(),
                status: SubscriptionStatus::Active,
                term: Window::ALWAYS,
            };
            assert_eq!(code(world.operate(&own)), "subscription.not_the_root");
        }),
        step("Creating and managing organizations is an Enterprise feature", &["LIC-2", "LIC-3"], || {
            let mut world = World::bare(Rules::provider());
            for (plan, expected) in [("Free", false), ("Professional", false), ("Enterprise", true)] {
                world.subscribe(plan, Window::ALWAYS);
                let created = code(world.tree.decide(&world.context(ada(), root()), &create(2, root(), "Contoso")));
                assert_eq!(created, if expected { "done" } else { "subscription.feature_missing" }, "{plan}");
            }
        }),
        aside("Contact sales or support for an Enterprise license or trial", Contact),
        step("The operator must be an owner of the current organization", &["HIE-3"], || {
            let mut world = World::new();
            let bea = world.user(2, "Bea", &[]);
            world.ada(&giving(bea, Privilege::Role(RoleRef::ManageOrganization), root())).unwrap();
            assert_eq!(code(world.run(bea, root(), &create(2, root(), "Contoso"))), "forbidden");
            world.ada(&giving(bea, Privilege::OWNER, root())).unwrap();
            world.run(bea, root(), &create(2, root(), "Contoso")).unwrap();
        }),
        step("Only Enterprise-level subscriptions can create sub-organizations", &["LIC-2", "LIC-3"], || {
            let mut world = World::bare(Rules::provider());
            world.subscribe("Professional", Window::ALWAYS);
            let refusal = world.ada(&create(2, root(), "Contoso")).unwrap_err();
            let (feature, plan) = (Feature::SubOrganizations, Some("Professional".parse().unwrap()));
            let missing = Precondition::FeatureMissing { feature, plan, root: root() };
            assert_eq!(refusal.into_rule(), Some(OrganizationError::Precondition(missing)));
        }),
        step("Create while signed in to the MSP root or an existing parent", &["HIE-3"], || {
            let mut world = World::new();
            world.run(ada(), root(), &create(2, root(), "Contoso")).unwrap();
            world.run(ada(), organization(2), &create(3, organization(2), "Berlin")).unwrap();
            assert_eq!(world.tree.path(organization(3)).count(), 3);
        }),
        step("It is created under the current one: switch to the parent before", &["HIE-3"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            let berlin = create(3, contoso, "Berlin");
            assert_eq!(code(world.run(ada(), root(), &berlin)), "organization.not_acting_from");
            world.run(ada(), contoso, &berlin).unwrap();
        }),
        step("To start a fresh tree, a detached organization uses its own root", &["HIE-4"], || {
            let mut world = World::new();
            assert_eq!(detached(&world, 9, "Contoso").root(), organization(9));
            let bea = world.user(2, "Bea", &[]);
            let found = FoundDetached { root: organization(8), name: name("Bea's"), secret: secret() };
            assert_eq!(code(world.tree.found_detached(&world.context(bea, root()), &found)), "forbidden");
        }),
        step("Provide the customer name and confirm creation", &["HIE-8"], || {
            let mut world = World::new();
            let created = world.ada(&create(2, root(), "  Contoso Ltd  ")).unwrap();
            assert_eq!(created.slug.as_str(), "contoso-ltd");
            assert_eq!(world.tree.organization(organization(2)).unwrap().name().as_str(), "Contoso Ltd");
        }),
        step("Parent and root are recorded automatically; back to the list", &["HIE-1", "LST-1"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            assert_eq!(world.tree.path(contoso).collect::<Vec<_>>(), [root(), contoso]);
            assert_eq!(listed(&world, ada(), &Listing::default()), [contoso, root()], "by name");
        }),
        aside("The screen for creating an organization looks like this", Screenshot),
        step("Groups can be linked only downward, to descendants", &["GRP-4"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            let (berlin, woodgrove) = (world.child(3, contoso, "Berlin"), world.child(4, root(), "Woodgrove"));
            let crew = world.team(1, contoso, "Crew", &["backups.view"]);
            for (target, expected) in
                [(root(), "link.to_ancestor"), (contoso, "link.to_itself"), (woodgrove, "link.not_downward")]
            {
                assert_eq!(code(world.run(ada(), contoso, &linking(1, contoso, crew, target))), expected);
            }
            world.run(ada(), contoso, &linking(1, contoso, crew, berlin)).unwrap();
            assert!(world.tree.is_group_active(crew, berlin, world.at));
        }),
        step("You must own the source, the target, and the group itself", &["GRP-4"], || {
            for owned in 0..8_u128 {
                let mut world = World::new();
                let contoso = world.child(2, root(), "Contoso");
                let crew = world.team(1, root(), "Crew", &["backups.view"]);
                let bea = world.user(2, "Bea", &[contoso]);
                if owned & 1 != 0 {
                    world.ada(&giving(bea, Privilege::OWNER, root())).unwrap();
                }
                if owned & 2 != 0 {
                    world.run(ada(), contoso, &giving(bea, Privilege::OWNER, contoso)).unwrap();
                }
                if owned & 4 != 0 {
                    world.ada(&AddGroupOwner { organization: root(), group: crew, owner: bea }).unwrap();
                }
                let answer = code(world.run(bea, root(), &linking(1, root(), crew, contoso)));
                assert_eq!(answer, if owned == 7 { "done" } else { "forbidden" }, "owned: {owned:03b}");
            }
        }),
        step("Shared roles are exposed selectively, without cross-tenant access", &["GRP-2", "GRP-5"], || {
            let mut world = World::new();
            let (contoso, woodgrove) = (world.child(2, root(), "Contoso"), world.child(3, root(), "Woodgrove"));
            let robot = principal(50);
            let person = Person::named(name("Nightly run"));
            world.ada(&CreateMachineIdentity { organization: root(), identity: robot, person }).unwrap();
            let automation = world.team(1, root(), "Automation", &["backups.restore", "backups.delete"]);
            world.join(robot, automation);
            let gives = LinkGives::Narrowed(BTreeSet::from([privilege("backups.restore")]));
            world.link(1, automation, contoso, LinkTerms { gives, ..LinkTerms::default() });
            assert!(world.may(robot, "backups.restore", contoso));
            assert!(!world.may(robot, "backups.delete", contoso), "selectively");
            assert!(!world.may(robot, "backups.restore", woodgrove), "no other tenant");
        }),
        aside("An example setup of a multi-level enterprise", Screenshot),
        step("From the organizations list, pick the customer to remove", &["LST-1"], || {
            let mut world = World::new();
            let (contoso, bea) = (world.child(2, root(), "Contoso"), world.user(2, "Bea", &[]));
            let search = Listing { search: Some("conto".to_owned()), ..Listing::default() };
            assert_eq!(listed(&world, ada(), &search), [contoso]);
            assert_eq!(listed(&world, bea, &search), [], "for those who may see it");
        }),
        step("Not the one you operate from; you must own the target", &["DEL-1"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            let delete = deleting(&world, contoso, DeletionMode::Soft);
            assert_eq!(code(world.run(ada(), contoso, &delete)), "deletion.acting_from");
            let bea = world.user(2, "Bea", &[contoso]);
            world.ada(&giving(bea, Privilege::OWNER, root())).unwrap();
            assert_eq!(code(world.run(bea, root(), &delete)), "forbidden", "owning the parent is not enough");
            world.run(ada(), root(), &delete).unwrap();
        }),
        step("Deletion is blocked by subscriptions, children, customer resources", &["DEL-2"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            world.child(3, contoso, "Berlin");
            let mut evidence = Evidence::none(world.at);
            for kind in BlockerKind::COUNTED {
                evidence = evidence.with(kind.clone(), 2);
            }
            let delete = DeleteOrganization { organization: contoso, evidence, mode: DeletionMode::Soft };
            let Some(DeletionError::Blocked { blockers }) = world.ada(&delete).unwrap_err().into_rule() else {
                panic!("not blocked")
            };
            let kinds: BTreeSet<BlockerKind> = blockers.into_iter().map(|blocker| blocker.kind).collect();
            let mut expected: BTreeSet<BlockerKind> = BlockerKind::COUNTED.iter().cloned().collect();
            expected.insert(BlockerKind::ChildOrganizations);
            assert_eq!(kinds, expected, "every one at once");
            let root_itself = world.tree.blockers(root(), &Evidence::none(world.at), world.at);
            assert!(root_itself.iter().any(|blocker| blocker.kind == BlockerKind::ActiveSubscription));
        }),
        step("Remove or migrate these items first", &["DEL-2", "HIE-6"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            let berlin = world.child(3, contoso, "Berlin");
            let delete = deleting(&world, contoso, DeletionMode::Soft);
            assert_eq!(code(world.ada(&delete)), "deletion.blocked");
            world.ada(&MoveOrganization { organization: berlin, new_parent: root(), sever: false }).unwrap();
            world.ada(&delete).unwrap();
            assert_eq!(world.tree.organization(berlin).unwrap().parent(), Some(root()));
        }),
        step("Once prerequisites are cleared, run the delete action", &["DEL-3"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            world.ada(&deleting(&world, contoso, DeletionMode::Soft)).unwrap();
            assert!(!world.tree.is_active(contoso));
        }),
        step("It revokes accounts and what is not directly user managed", &["DEL-4"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            let bea = world.user(2, "Bea", &[contoso]);
            let robot = principal(50);
            let person = Person::named(name("Robot"));
            world
                .run(ada(), contoso, &CreateMachineIdentity { organization: contoso, identity: robot, person })
                .unwrap();
            let crew = world.team(1, contoso, "Crew", &["backups.restore"]);
            world.join(bea, crew);
            world.join(robot, crew);
            let invite = inviting(1, contoso, crew, "cleo@contoso.example", GroupRole::Member);
            world.run(ada(), contoso, &invite).unwrap();
            assert!(world.tree.admits_agent(contoso, &secret()));
            world.ada(&deleting(&world, contoso, DeletionMode::Hard)).unwrap();
            assert!(!world.may(bea, "backups.restore", contoso) && !world.may(robot, "backups.restore", contoso));
            assert!(!world.tree.admits_agent(contoso, &secret()), "the secret of its agents is dead");
            assert!(world.tree.group(crew).is_none());
            let late = world.newcomer(principal(7), &accepting(1, "cleo@contoso.example", "Cleo"));
            assert!(late.is_err(), "and so is the invitation");
            let commit = &world.log.last().unwrap().recorded;
            let named: BTreeSet<&str> = commit.events.iter().map(Event::noun).collect();
            assert!(named.is_superset(&["deletion", "grant", "group", "invitation", "member"].into()), "{named:?}");
        }),
        step("Without the flag each customer anchors to the MSP root", &["LIC-1", "LST-1"], || {
            let mut world = World::new();
            let contoso = world.child(2, root(), "Contoso");
            assert!(world.tree.grants(&Feature::SubOrganizations, world.at));
            world.run(ada(), contoso, &create(3, contoso, "Berlin")).unwrap();
            assert_eq!(world.tree.list(ada(), &Listing::default(), world.at).total, 3, "one report");
            let mut detached = detached(&world, 9, "Woodgrove");
            let context = world.context(ada(), organization(9));
            let refused = on(&mut detached, &context, &create(10, organization(9), "Paris"));
            assert_eq!(code(refused), "subscription.feature_missing", "one licence, of that root");
        }),
        step("Link MSP-owned groups down to the customers that require them", &["GRP-5"], || {
            let mut world = World::new();
            let (contoso, woodgrove) = (world.child(2, root(), "Contoso"), world.child(3, root(), "Woodgrove"));
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.link(1, crew, contoso, LinkTerms::default());
            assert!(world.tree.is_group_active(crew, contoso, world.at));
            assert!(!world.tree.is_group_active(crew, woodgrove, world.at));
        }),
        step("Clear, then delete to revoke linked access keys automatically", &["DEL-4", "GRP-5"], || {
            let mut world = World::new();
            let (contoso, bea) = (world.child(2, root(), "Contoso"), world.user(2, "Bea", &[]));
            let crew = world.team(1, root(), "Crew", &["backups.restore"]);
            world.join(bea, crew);
            let link = world.link(1, crew, contoso, LinkTerms::default());
            world.ada(&deleting(&world, contoso, DeletionMode::Hard)).unwrap();
            assert!(world.tree.link(link).is_none());
            assert_eq!(world.tree.access().organizations(bea, Some(&claim("backups.restore")), world.at), [root()]);
        }),
    ]
}

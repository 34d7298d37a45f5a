//! Infisical, sub-organizations.

use std::collections::BTreeSet;

use bailiwick::*;

use crate::harness::Aside::*;
use crate::harness::*;
use crate::support::*;

pub fn document() -> Document {
    Document { title: "Infisical: sub-organizations", lines: lines() }
}

/// A root with two departments, one level down.
fn departments() -> (World, OrganizationId, OrganizationId) {
    let mut world = World::with(Rules::single_level());
    let (engineering, sales) = (world.child(2, root(), "Engineering"), world.child(3, root(), "Sales"));
    (world, engineering, sales)
}

fn start(world: &mut World, number: u128, organization: OrganizationId, called: &str) -> ProjectId {
    let project = project(number);
    world.run(ada(), organization, &CreateProject { organization, project, name: name(called) }).unwrap();
    project
}

fn joining(organization: OrganizationId, project: ProjectId, principal: PrincipalId) -> AddProjectMember {
    AddProjectMember { organization, project, principal }
}

fn machine(organization: OrganizationId, number: u128) -> CreateMachineIdentity {
    CreateMachineIdentity { organization, identity: principal(number), person: Person::named(name("Pipeline")) }
}

fn adding(organization: OrganizationId, principal: PrincipalId) -> AddMember {
    AddMember { organization, principal, person: None }
}

fn sharing(number: u128, kind: ResourceKind, source: OrganizationId, target: OrganizationId) -> ShareResource {
    let resource = ResourceId::from_u128(0x1300_0000 + number).unwrap();
    ShareResource(Share { resource, kind, source, target })
}

fn projects(world: &World, organization: OrganizationId) -> Vec<ProjectId> {
    world.tree.projects(organization).map(Project::id).collect()
}

fn lines() -> Vec<Line> {
    vec![
        aside("Skip to main content", Reference),
        step("Sub-organizations is a paid feature", &["LIC-3"], || {
            let mut world = World::bare(Rules::single_level());
            let refusal = world.ada(&create(2, root(), "Engineering")).unwrap_err();
            assert_eq!(refusal.kind(), Kind::PaymentRequired);
        }),
        step("It is available under the Enterprise tier", &["LIC-2"], || {
            let mut world = World::bare(Rules::single_level());
            world.subscribe("Professional", Window::ALWAYS);
            assert_eq!(code(world.ada(&create(2, root(), "Engineering"))), "subscription.feature_missing");
            world.subscribe("Enterprise", Window::ALWAYS);
            world.ada(&create(2, root(), "Engineering")).unwrap();
        }),
        aside("Self-hosting: contact sales to purchase a license", Contact),
        step("They allow you to create child organizations within a root", &["HIE-3"], || {
            let (world, engineering, sales) = departments();
            assert_eq!(world.tree.children(root()).collect::<Vec<_>>(), [engineering, sales]);
        }),
        step(
            "Its own projects, members, settings; shared authentication and billing",
            &["MEM-1", "MEM-5", "SET-5", "HIE-9", "LIC-1"],
            || {
                let (mut world, engineering, sales) = departments();
                let bea = world.user(2, "Bea", &[engineering]);
                let project = start(&mut world, 1, engineering, "Compiler");
                let level = Some(SettingValue::Automation(AutomationLevel::FullyAutomatic));
                let set = ChangeSetting { organization: engineering, key: SettingKey::Automation, value: level };
                world.run(ada(), engineering, &set).unwrap();
                assert_eq!((projects(&world, engineering), projects(&world, sales)), (vec![project], vec![]));
                assert!(world.tree.member(engineering, bea).is_some() && world.tree.member(sales, bea).is_none());
                assert_eq!(world.tree.automation(engineering), AutomationLevel::FullyAutomatic);
                assert_eq!(world.tree.automation(sales), AutomationLevel::Manual);
                let sso = ConfigureAuthentication {
                    organization: root(),
                    kind: AuthenticationKind::Sso,
                    configuration: Some("okta".parse().unwrap()),
                };
                world.ada(&sso).unwrap();
                assert_eq!(world.tree.settings().authentication.len(), 1, "one for the tree");
                assert!(world.tree.grants(&Feature::SubOrganizations, world.at), "paid for at the root");
            },
        ),
        aside("Sub-organizations are ideal when you need to", Summary),
        step("Segment by business unit: independent project spaces", &["MEM-5"], || {
            let (mut world, engineering, sales) = departments();
            let (compiler, leads) =
                (start(&mut world, 1, engineering, "Compiler"), start(&mut world, 2, sales, "Leads"));
            assert_eq!((projects(&world, engineering), projects(&world, sales)), (vec![compiler], vec![leads]));
        }),
        step("Delegate administration: team leads without root-level access", &["CLM-1", "CLM-3"], || {
            let (mut world, engineering, sales) = departments();
            let lead = world.user(2, "Bea", &[engineering]);
            world.run(ada(), engineering, &giving(lead, Privilege::OWNER, engineering)).unwrap();
            let project = CreateProject { organization: engineering, project: project(1), name: name("Compiler") };
            world.run(lead, engineering, &project).unwrap();
            assert_eq!(world.tree.access().organizations(lead, None, world.at), [engineering]);
            assert!(!world.owns(lead, root()) && !world.owns(lead, sales));
        }),
        step("Isolated between teams, while sharing a common user directory", &["MEM-1", "MEM-5", "MEM-6"], || {
            let (mut world, engineering, sales) = departments();
            let bea = world.user(2, "Bea", &[engineering, sales]);
            assert_eq!(world.tree.memberships(bea).collect::<Vec<_>>(), [root(), engineering, sales], "one person");
            let compiler = start(&mut world, 1, engineering, "Compiler");
            assert_eq!(code(world.run(ada(), sales, &joining(sales, compiler, bea))), "not_found", "isolated");
            let gateway = sharing(1, ResourceKind::Gateway, engineering, sales);
            assert_eq!(code(world.run(ada(), engineering, &gateway)), "resource.stays");
        }),
        step("Sub-organizations work like regular organizations", &["CLM-12", "HIE-8"], || {
            let (mut world, engineering, _) = departments();
            let bea = world.user(2, "Bea", &[engineering]);
            for (number, place) in (1..).zip([root(), engineering]) {
                let crew = world.team(number, place, "Crew", &["backups.view"]);
                world.join(bea, crew);
                start(&mut world, number, place, "Project");
                let region = Edit::Set("EU".parse().unwrap());
                world.run(ada(), place, &EditOrganization { region, ..EditOrganization::of(place) }).unwrap();
                assert!(world.may(bea, "backups.view", place));
            }
        }),
        step("Visually and functionally, there is little difference", &["CLM-12"], || {
            let (world, engineering, _) = departments();
            let claims = |place| world.tree.access().claims(ada(), place, world.at);
            assert_eq!(claims(root()), claims(engineering), "the same claims mean the same");
        }),
        step("One level of nesting: root to sub-organizations", &["HIE-2"], || {
            let (world, ..) = departments();
            assert_eq!((world.tree.settings().levels.get(), world.tree.depth()), (2, 2));
        }),
        step("Sub-organizations cannot create their own sub-organizations", &["HIE-2"], || {
            let (mut world, engineering, _) = departments();
            let refusal = world.run(ada(), engineering, &create(4, engineering, "Tools")).unwrap_err();
            assert_eq!(refusal.into_rule(), Some(OrganizationError::TooDeep { limit: 2, level: 3 }));
        }),
        step("Authentication at root level only", &["HIE-9"], || {
            let (mut world, engineering, _) = departments();
            let kind = AuthenticationKind::Sso;
            let at_sub = ConfigureAuthentication {
                organization: engineering,
                kind,
                configuration: Some("okta".parse().unwrap()),
            };
            let refusal = world.run(ada(), engineering, &at_sub).unwrap_err();
            assert_eq!(refusal.into_rule(), Some(SettingsError::NotTheRoot { kind, organization: engineering }));
        }),
        step("SSO, SCIM, and identity configuration happens at the root", &["HIE-9"], || {
            let (mut world, ..) = departments();
            let kinds = [AuthenticationKind::Sso, AuthenticationKind::Scim, AuthenticationKind::IdentityProvider];
            for kind in kinds {
                let configuration = Some("configured-elsewhere".parse().unwrap());
                world.ada(&ConfigureAuthentication { organization: root(), kind, configuration }).unwrap();
            }
            assert!(world.tree.settings().authentication.keys().eq(&kinds));
        }),
        step("Resources flow downward", &["MEM-6"], || {
            let (mut world, engineering, sales) = departments();
            let kind = ResourceKind::Custom("runner".parse().unwrap());
            let rules = Rules { levels: LevelLimit::TWO, ..Rules::provider() };
            let rules = Rules { resources: [(kind.clone(), Flow::Down)].into(), ..rules };
            let mut flowing = World::with(rules);
            let below = flowing.child(2, root(), "Engineering");
            flowing.ada(&sharing(1, kind.clone(), root(), below)).unwrap();
            assert_eq!(flowing.tree.shared_with(below).count(), 1);
            let upward = sharing(2, kind.clone(), below, root());
            assert_eq!(code(flowing.run(ada(), below, &upward)), "resource.not_downward");
            assert_eq!(world.tree.flow_of(&ResourceKind::Group), Flow::Down);
            assert_eq!(code(world.run(ada(), engineering, &sharing(1, kind, engineering, sales))), "resource.stays");
        }),
        step(
            "Users, groups, machine identities must be explicitly added before use",
            &["MEM-1", "MEM-2", "GRP-5"],
            || {
                let (mut world, engineering, _) = departments();
                let (bea, robot) = (world.user(2, "Bea", &[]), principal(50));
                world.ada(&machine(root(), 50)).unwrap();
                let crew = world.team(1, root(), "Crew", &["backups.view"]);
                let grant = |who| giving(who, privilege("backups.view"), engineering);
                for who in [bea, robot] {
                    assert_eq!(code(world.run(ada(), engineering, &grant(who))), "member.missing");
                    world.run(ada(), engineering, &adding(engineering, who)).unwrap();
                    world.run(ada(), engineering, &grant(who)).unwrap();
                    assert!(world.may(who, "backups.view", engineering));
                }
                assert!(!world.tree.is_group_active(crew, engineering, world.at));
                world.link(1, crew, engineering, LinkTerms::default());
                assert!(world.tree.is_group_active(crew, engineering, world.at));
            },
        ),
        step("Resources stay where they're created", &["MEM-5", "MEM-6"], || {
            let (mut world, engineering, _) = departments();
            for (number, kind) in (1..).zip([
                ResourceKind::Project,
                ResourceKind::AppConnection,
                ResourceKind::Gateway,
                ResourceKind::Relay,
                ResourceKind::Custom("vault".parse().unwrap()),
            ]) {
                assert_eq!(world.tree.flow_of(&kind), Flow::Stays);
                assert_eq!(code(world.ada(&sharing(number, kind, root(), engineering))), "resource.stays");
            }
        }),
        step("Those of a sub-organization are invisible to root and other subs", &["MEM-5"], || {
            let (mut world, engineering, sales) = departments();
            start(&mut world, 1, engineering, "Compiler");
            assert_eq!((projects(&world, root()), projects(&world, sales)), (vec![], vec![]));
            let crew = world.team(1, engineering, "Crew", &["backups.view"]);
            for place in [root(), sales] {
                assert_eq!(world.tree.groups(place).count(), 0);
                assert!(!world.tree.is_group_active(crew, place, world.at));
            }
        }),
        step("Users of the root can be added to sub-organizations", &["MEM-1"], || {
            let (mut world, engineering, _) = departments();
            let bea = world.user(2, "Bea", &[]);
            world.run(ada(), engineering, &adding(engineering, bea)).unwrap();
            assert!(world.tree.member(engineering, bea).is_some());
            assert_eq!(code(world.run(ada(), engineering, &adding(engineering, principal(77)))), "not_found");
        }),
        step("Groups of the root can be added to sub-organizations", &["GRP-4", "MEM-6"], || {
            let (mut world, engineering, _) = departments();
            let crew = world.team(1, root(), "Crew", &["backups.view"]);
            let link = world.link(1, crew, engineering, LinkTerms::default());
            assert_eq!(world.tree.links_into(engineering).map(Link::id).collect::<Vec<_>>(), [link]);
        }),
        step("Machine identities of the root can be added to sub-organizations", &["MEM-2"], || {
            let (mut world, engineering, _) = departments();
            world.ada(&machine(root(), 50)).unwrap();
            world.run(ada(), engineering, &adding(engineering, principal(50))).unwrap();
            assert!(world.tree.member(engineering, principal(50)).is_some());
        }),
        step("App connections, gateways, and relays are specific to each one", &["MEM-6"], || {
            let (mut world, engineering, sales) = departments();
            for kind in [ResourceKind::AppConnection, ResourceKind::Gateway, ResourceKind::Relay] {
                for target in [engineering, sales] {
                    assert_eq!(code(world.ada(&sharing(1, kind.clone(), root(), target))), "resource.stays");
                }
            }
        }),
        step("Each organization, root or sub, manages their own", &["MEM-6", "CLM-1"], || {
            let catalog =
                || Catalog::new([ClaimDeclaration::manage(claim("gateways.manage"), "Manage gateways")]).unwrap();
            let (world, engineering, _) = departments();
            let domain = Domain { catalog: catalog(), rules: world.tree.rules().clone() };
            let commits: Vec<Recorded> = world.log.iter().map(|changes| changes.recorded.clone()).collect();
            let mut tree = OrganizationTree::replay(root(), domain.into(), &commits, []).unwrap();
            let bea = principal(2);
            let person = Some(Person::named(name("Bea")));
            let add = AddMember { organization: root(), principal: bea, person };
            on(&mut tree, &world.context(ada(), root()), &add).unwrap();
            let context = world.context(ada(), engineering);
            on(&mut tree, &context, &adding(engineering, bea)).unwrap();
            let context = world.context(ada(), engineering);
            on(&mut tree, &context, &giving(bea, privilege("gateways.manage"), engineering)).unwrap();
            let manages = |place| tree.access().allows(bea, place, &claim("gateways.manage"), world.at);
            assert!(manages(engineering) && !manages(root()));
        }),
        step("Projects are scoped to the organization where they are created", &["MEM-5"], || {
            let (mut world, engineering, _) = departments();
            let compiler = start(&mut world, 1, engineering, "Compiler");
            assert_eq!(world.tree.projects(engineering).next().unwrap().organization(), engineering);
            let delete = DeleteProject { organization: root(), project: compiler };
            assert_eq!(code(world.ada(&delete)), "not_found", "not even the root reaches in");
        }),
        step("Users only see projects relevant to their scope of work", &["MEM-5", "CLM-1"], || {
            let (mut world, engineering, sales) = departments();
            let bea = world.user(2, "Bea", &[engineering, sales]);
            world.grant(bea, "projects.view", engineering);
            assert_eq!(world.tree.access().organizations(bea, Some(&claim("projects.view")), world.at), [engineering]);
        }),
        step("In a root: you see only root organization projects", &["MEM-5"], || {
            let (mut world, engineering, _) = departments();
            let (intranet, _) =
                (start(&mut world, 1, root(), "Intranet"), start(&mut world, 2, engineering, "Compiler"));
            assert_eq!(projects(&world, root()), [intranet]);
        }),
        step("In a sub-organization: you see only that sub's projects", &["MEM-5"], || {
            let (mut world, engineering, sales) = departments();
            start(&mut world, 1, root(), "Intranet");
            start(&mut world, 2, sales, "Leads");
            let compiler = start(&mut world, 3, engineering, "Compiler");
            assert_eq!(projects(&world, engineering), [compiler]);
        }),
        step("Users exist at the root, where authentication is configured", &["MEM-1", "MEM-3", "HIE-9"], || {
            let (mut world, engineering, _) = departments();
            let person = Some(Person::named(name("Bea")).reachable_at(address("bea@people.example")));
            let below = AddMember { organization: engineering, principal: principal(2), person };
            assert_eq!(code(world.run(ada(), engineering, &below)), "not_found", "they are not begun below");
            let crew = world.team(1, engineering, "Crew", &["backups.view"]);
            let invite = inviting(1, engineering, crew, "cleo@people.example", GroupRole::Member);
            assert_eq!(code(world.run(ada(), engineering, &invite)), "invitation.root_members_only");
            world.user(3, "Cleo", &[]);
            world.run(ada(), engineering, &invite).unwrap();
        }),
        step("Sub-organizations add users from the root for access to projects", &["MEM-1", "MEM-5"], || {
            let (mut world, engineering, _) = departments();
            let bea = world.user(2, "Bea", &[engineering]);
            let compiler = start(&mut world, 1, engineering, "Compiler");
            world.run(ada(), engineering, &joining(engineering, compiler, bea)).unwrap();
            assert_eq!(world.tree.projects(engineering).next().unwrap().members().collect::<Vec<_>>(), [bea]);
        }),
        step("Root: projects can invite any user from the organization", &["MEM-5"], || {
            let (mut world, ..) = departments();
            let (bea, cleo) = (world.user(2, "Bea", &[]), world.user(3, "Cleo", &[]));
            let intranet = start(&mut world, 1, root(), "Intranet");
            for who in [bea, cleo] {
                world.ada(&joining(root(), intranet, who)).unwrap();
            }
            assert_eq!(world.tree.projects(root()).next().unwrap().members().collect::<Vec<_>>(), [bea, cleo]);
        }),
        step("Root: projects provision new users directly, given the permission", &["MEM-5"], || {
            let (mut world, engineering, _) = departments();
            let bea = world.user(2, "Bea", &[]);
            let intranet = start(&mut world, 1, root(), "Intranet");
            let provision = ProvisionProjectMember {
                organization: root(),
                project: intranet,
                principal: principal(3),
                person: Person::named(name("Cleo")).reachable_at(address("cleo@people.example")),
            };
            world.grant(bea, "projects.manage", root());
            assert_eq!(code(world.run(bea, root(), &provision)), "forbidden");
            world.grant(bea, "projects.provision", root());
            world.run(bea, root(), &provision).unwrap();
            assert!(world.tree.member(root(), principal(3)).is_some());
            let compiler = start(&mut world, 2, engineering, "Compiler");
            let below = ProvisionProjectMember {
                organization: engineering,
                project: compiler,
                principal: principal(4),
                ..provision
            };
            assert_eq!(code(world.run(ada(), engineering, &below)), "project.not_the_root");
        }),
        step("Sub: projects only see users added to the sub-organization", &["MEM-1", "MEM-5"], || {
            let (mut world, engineering, _) = departments();
            let bea = world.user(2, "Bea", &[engineering]);
            world.user(3, "Cleo", &[]);
            let seen: Vec<PrincipalId> = world.tree.members(engineering).map(|(principal, _)| principal).collect();
            assert_eq!(seen, [ada(), bea]);
        }),
        step("Sub: users must be added before they can join projects", &["MEM-5"], || {
            let (mut world, engineering, _) = departments();
            let cleo = world.user(3, "Cleo", &[]);
            let compiler = start(&mut world, 1, engineering, "Compiler");
            let join = joining(engineering, compiler, cleo);
            assert_eq!(code(world.run(ada(), engineering, &join)), "member.missing");
            world.run(ada(), engineering, &adding(engineering, cleo)).unwrap();
            world.run(ada(), engineering, &join).unwrap();
        }),
        aside("Machine identities represent services, pipelines, or processes", Definition),
        step("Created at the root and shared, or created within a sub-organization", &["MEM-2"], || {
            let (mut world, engineering, sales) = departments();
            world.ada(&machine(root(), 50)).unwrap();
            world.run(ada(), engineering, &adding(engineering, principal(50))).unwrap();
            world.run(ada(), engineering, &machine(engineering, 51)).unwrap();
            assert_eq!(world.tree.principal(principal(51)), Some(Principal::Machine { home: engineering }));
            assert_eq!(code(world.run(ada(), sales, &adding(sales, principal(51)))), "not_found", "there only");
        }),
        step("Root: projects can link machine identities directly", &["MEM-2", "MEM-5"], || {
            let (mut world, ..) = departments();
            world.ada(&machine(root(), 50)).unwrap();
            let intranet = start(&mut world, 1, root(), "Intranet");
            world.ada(&joining(root(), intranet, principal(50))).unwrap();
        }),
        step("Sub: root-level machine identities must be added first", &["MEM-2", "MEM-5"], || {
            let (mut world, engineering, _) = departments();
            world.ada(&machine(root(), 50)).unwrap();
            let compiler = start(&mut world, 1, engineering, "Compiler");
            let join = joining(engineering, compiler, principal(50));
            assert_eq!(code(world.run(ada(), engineering, &join)), "member.missing");
            world.run(ada(), engineering, &adding(engineering, principal(50))).unwrap();
            world.run(ada(), engineering, &join).unwrap();
        }),
        step("Sub: they can also create their own machine identities", &["MEM-2"], || {
            let (mut world, engineering, _) = departments();
            let lead = world.user(2, "Bea", &[engineering]);
            world.run(ada(), engineering, &giving(lead, Privilege::OWNER, engineering)).unwrap();
            world.run(lead, engineering, &machine(engineering, 51)).unwrap();
            let compiler = start(&mut world, 1, engineering, "Compiler");
            world.run(lead, engineering, &joining(engineering, compiler, principal(51))).unwrap();
        }),
        step("Groups let you manage access for multiple users at once", &["GRP-1", "GRP-2"], || {
            let (mut world, ..) = departments();
            let people = [world.user(2, "Bea", &[]), world.user(3, "Cleo", &[]), world.user(4, "Dora", &[])];
            let crew = world.team(1, root(), "Crew", &["backups.view"]);
            people.into_iter().for_each(|who| world.join(who, crew));
            let gives = BTreeSet::from([privilege("backups.restore")]);
            world.ada(&DefineGroup { organization: root(), group: crew, name: name("Crew"), gives }).unwrap();
            assert!(people.into_iter().all(|who| world.may(who, "backups.restore", root())));
        }),
        step("Root groups can be shared; sub-organizations create their own", &["GRP-1", "GRP-4"], || {
            let (mut world, engineering, _) = departments();
            let shared = world.team(1, root(), "Shared", &["backups.view"]);
            world.link(1, shared, engineering, LinkTerms::default());
            let own = world.team(2, engineering, "Own", &["backups.view"]);
            assert_eq!(world.tree.groups(engineering).map(Group::id).collect::<Vec<_>>(), [own]);
            assert!(world.tree.is_group_active(shared, engineering, world.at));
        }),
        step("Root organization groups can be added to sub-organizations", &["GRP-4"], || {
            let (mut world, engineering, sales) = departments();
            let bea = world.user(2, "Bea", &[]);
            let crew = world.team(1, root(), "Crew", &["backups.view"]);
            world.join(bea, crew);
            world.link(1, crew, engineering, LinkTerms::default());
            assert!(world.may(bea, "backups.view", engineering) && !world.may(bea, "backups.view", sales));
        }),
        step("Once added, the group is available to all projects there", &["GRP-5", "MEM-5"], || {
            let (mut world, engineering, sales) = departments();
            let bea = world.user(2, "Bea", &[]);
            let crew = world.team(1, root(), "Crew", &["backups.view"]);
            world.join(bea, crew);
            let (compiler, linker) =
                (start(&mut world, 1, engineering, "Compiler"), start(&mut world, 2, engineering, "Linker"));
            let leads = start(&mut world, 3, sales, "Leads");
            let assign = |organization, project| AddProjectGroup { organization, project, group: crew };
            assert_eq!(
                code(world.run(ada(), engineering, &assign(engineering, compiler))),
                "not_found",
                "not added yet"
            );
            world.link(1, crew, engineering, LinkTerms::default());
            for project in [compiler, linker] {
                world.run(ada(), engineering, &assign(engineering, project)).unwrap();
                assert!(world.tree.is_in_project(bea, project, world.at));
            }
            assert_eq!(code(world.run(ada(), sales, &assign(sales, leads))), "not_found", "there alone");
        }),
        step("Sub-organizations create groups with users or nested groups", &["GRP-3"], || {
            let (mut world, engineering, _) = departments();
            let (bea, cleo) = (world.user(2, "Bea", &[engineering]), world.user(3, "Cleo", &[engineering]));
            let (outer, inner) =
                (world.team(1, engineering, "Outer", &["backups.view"]), world.team(2, engineering, "Inner", &[]));
            world.join(bea, outer);
            world.join(cleo, inner);
            let nest = |outer, inner| AddGroupMember {
                organization: engineering,
                group: outer,
                participant: Participant::Group(inner),
            };
            world.run(ada(), engineering, &nest(outer, inner)).unwrap();
            assert!(world.may(bea, "backups.view", engineering) && world.may(cleo, "backups.view", engineering));
            assert_eq!(code(world.run(ada(), engineering, &nest(inner, outer))), "group.would_cycle");
        }),
        aside("Click the organization tab, then the button for a new one", Interface),
        step("Enter a name; it becomes the slug used in API calls", &["HIE-8"], || {
            let mut world = World::with(Rules::single_level());
            let created = world.ada(&create(2, root(), "Growth & Sales")).unwrap();
            let slug = created.slug;
            assert_eq!(world.tree.by_slug(&slug).unwrap().id(), organization(2));
            assert_eq!(slug.as_str(), "growth-sales");
        }),
        step("You are automatically assigned as admin of the new one", &["CLM-5", "HIE-3"], || {
            let mut world = World::with(Rules::single_level());
            world.ada(&create(2, root(), "Engineering")).unwrap();
            assert!(world.owns(ada(), organization(2)));
            assert_eq!(world.tree.acting_owners(organization(2), world.at).collect::<Vec<_>>(), [ada()]);
        }),
        aside("Creating and adding in pictures", Screenshot),
        step("To use root resources, first switch to the sub-organization", &["MEM-1", "AUD-1"], || {
            let (mut world, engineering, _) = departments();
            let bea = world.user(2, "Bea", &[]);
            world.run(ada(), engineering, &adding(engineering, bea)).unwrap();
            assert_eq!(world.log.last().unwrap().recorded.acting, Some(engineering));
        }),
        aside("Go to access control: users, groups, or machine identities", Interface),
        step("Add from organization: select the resources to include", &["MEM-1", "INV-9"], || {
            let (mut world, engineering, _) = departments();
            world.ada(&machine(root(), 50)).unwrap();
            let selected = [world.user(2, "Bea", &[]), world.user(3, "Cleo", &[]), principal(50)];
            let mut draft = world.tree.draft(world.context(ada(), engineering));
            let commands = selected.map(|who| adding(engineering, who));
            assert!(draft.run_each(&commands).iter().all(Result::is_ok));
            world.commit(draft.finish());
            assert!(selected.iter().all(|who| world.tree.member(engineering, *who).is_some()), "in one commit");
        }),
        step("Once added, these resources can be assigned to projects there", &["MEM-5"], || {
            let (mut world, engineering, _) = departments();
            world.ada(&machine(root(), 50)).unwrap();
            let (bea, cleo) = (world.user(2, "Bea", &[engineering]), world.user(3, "Cleo", &[]));
            world.run(ada(), engineering, &adding(engineering, principal(50))).unwrap();
            let crew = world.team(1, root(), "Crew", &[]);
            world.join(cleo, crew);
            let link = world.link(1, crew, engineering, LinkTerms::default());
            let project = start(&mut world, 1, engineering, "Compiler");
            for who in [bea, principal(50)] {
                world.run(ada(), engineering, &joining(engineering, project, who)).unwrap();
            }
            let assign = AddProjectGroup { organization: engineering, project, group: crew };
            world.run(ada(), engineering, &assign).unwrap();
            for who in [bea, cleo, principal(50)] {
                assert!(world.tree.is_in_project(who, project, world.at));
            }
            world.ada(&EndLink { organization: root(), link }).unwrap();
            assert!(!world.tree.is_in_project(cleo, project, world.at), "for as long as it is added");
        }),
    ]
}

//! LST: listing the organizations that someone can see.

use std::collections::BTreeSet;

use bailiwick::*;

use crate::support::*;

fn page(world: &World, listing: &Listing) -> ListingPage {
    world.tree.list(ada(), listing, world.at)
}

fn names(world: &World, listing: &Listing) -> Vec<String> {
    let name = |id: &OrganizationId| world.tree.organization(*id).unwrap().name().to_string();
    page(world, listing).organizations.iter().map(name).collect()
}

fn of(order: ListingOrder) -> Listing {
    Listing { order, ..Listing::default() }
}

fn few(limit: u64) -> Listing {
    Listing { limit: PageLimit::new(limit).unwrap(), ..Listing::default() }
}

/// Fabrikam with *beta*, *Alpha* and *gamma* under it and *Delta* under *beta*, created in
/// that order, a minute apart.
fn world() -> World {
    let mut world = World::new();
    let created = [(2, root(), "beta"), (3, root(), "Alpha"), (4, root(), "gamma"), (5, organization(2), "Delta")];
    for (number, parent, called) in created {
        world.pass(minutes(1));
        world.child(number, parent, called);
    }
    world
}

fn edit(world: &mut World, number: u128, region: Option<&str>, description: Option<&str>) {
    let place = organization(number);
    let edit = EditOrganization {
        region: region.map_or(Edit::Keep, |region| Edit::Set(region.parse().unwrap())),
        description: description.map_or(Edit::Keep, |text| Edit::Set(text.parse().unwrap())),
        ..EditOrganization::of(place)
    };
    world.run(ada(), place, &edit).unwrap();
}

// spec: LST-1
#[test]
fn a_page_holds_a_hundred_by_default_and_a_thousand_at_most() {
    let mut world = World::new();
    for number in 2..=105 {
        world.child(number, root(), &format!("Customer {number:03}"));
    }
    let first = page(&world, &Listing::default());
    assert_eq!((first.organizations.len(), first.total), (100, 105));
    assert!(first.next.is_some());
    let rest = page(&world, &Listing { skip: 100, ..Listing::default() });
    assert_eq!((rest.organizations.len(), rest.total, rest.next.clone()), (5, 105, None));
    let all: BTreeSet<_> = first.organizations.iter().chain(&rest.organizations).collect();
    assert_eq!(all.len(), 105);
    let wide = Listing { limit: PageLimit::new(1_000).unwrap(), ..Listing::default() };
    assert_eq!(page(&world, &wide).organizations.len(), 105);
    assert!(PageLimit::new(1_001).is_err());
}

// spec: LST-1
#[test]
fn search_looks_in_name_and_description_whatever_the_case() {
    let mut world = world();
    edit(&mut world, 4, None, Some("The ALPHABET of Greeks"));
    let search = |text: &str| Listing { search: Some(text.into()), ..Listing::default() };
    assert_eq!(names(&world, &search("alpha")), ["Alpha", "gamma"]);
    assert_eq!(names(&world, &search("ALPHA")), ["Alpha", "gamma"]);
    assert_eq!(names(&world, &search("zeta")), Vec::<String>::new());
    assert_eq!(page(&world, &search("alpha")).total, 2);
    assert_eq!(page(&world, &search("")).total, 5);
    let one = Listing { limit: PageLimit::new(1).unwrap(), ..search("alpha") };
    assert_eq!((page(&world, &one).organizations.len(), page(&world, &one).total), (1, 2));
}

// spec: LST-1
#[test]
fn a_region_is_matched_exactly() {
    let mut world = world();
    edit(&mut world, 2, Some("eu-north"), None);
    edit(&mut world, 3, Some("eu-north-1"), None);
    let region = |text: &str| Listing { region: Some(text.parse().unwrap()), ..Listing::default() };
    assert_eq!(names(&world, &region("eu-north")), ["beta"]);
    assert_eq!(names(&world, &region("EU-NORTH")), Vec::<String>::new());
    let both = Listing { search: Some("alpha".into()), ..region("eu-north") };
    assert_eq!(page(&world, &both).total, 0);
}

// spec: LST-1
#[test]
fn only_the_active_are_listed_unless_told_otherwise() {
    let mut world = world();
    world.ada(&DeactivateOrganization { organization: organization(2), with_descendants: true }).unwrap();
    assert_eq!(names(&world, &Listing::default()), ["Alpha", "Fabrikam", "gamma"]);
    let listing = |active_only, is_active| Listing { active_only, is_active, ..Listing::default() };
    let expected = [
        (listing(true, None), 3),
        (listing(false, None), 5),
        (listing(true, Some(false)), 2),
        (listing(false, Some(false)), 2),
        (listing(true, Some(true)), 3),
        (listing(false, Some(true)), 3),
    ];
    for (listing, total) in expected {
        assert_eq!(page(&world, &listing).total, total, "{listing:?}");
    }
    // What lies below a deactivated one rests with it.
    assert_eq!(names(&world, &listing(true, Some(false))), ["beta", "Delta"]);
}

// spec: LST-1
// spec: ERR-4
#[test]
fn only_what_the_actor_can_see_is_listed_and_counted() {
    let mut world = world();
    let bob = world.user(20, "Bob", &[organization(2)]);
    let seen = |world: &World| world.tree.list(bob, &Listing::default(), world.at);
    assert_eq!(seen(&world).organizations, [organization(2), root()]);
    assert_eq!(seen(&world).total, 2);
    world.grant(bob, "organizations.view", organization(2));
    assert_eq!(seen(&world).organizations, [organization(2), organization(5), root()]);
    assert_eq!(world.tree.list(principal(77), &Listing::default(), world.at).total, 0);
}

// spec: LST-1
#[test]
fn host_statistics_are_the_embedders() {
    let world = world();
    let count = |id| HostCounts { online: if id == root() { 7 } else { 0 }, offline: 1, stale: u64::MAX };
    let hosts: Vec<_> = page(&world, &few(2)).with_hosts(count).map(|(id, hosts)| (id, hosts.online)).collect();
    assert_eq!(hosts, [(organization(3), 0), (organization(2), 0)]);
    let root_counts = page(&world, &Listing::default()).with_hosts(count).find(|(id, _)| *id == root()).unwrap().1;
    assert_eq!(root_counts, HostCounts { online: 7, offline: 1, stale: u64::MAX });
}

// spec: LST-2
#[test]
fn regions_are_distinct_sorted_and_of_what_the_actor_sees() {
    let mut world = world();
    for (number, region) in [(2, "us-west"), (3, "eu-north"), (4, "us-west"), (5, "ap-south")] {
        edit(&mut world, number, Some(region), None);
    }
    let regions = |who| world.tree.regions(who, world.at).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(regions(ada()), ["ap-south", "eu-north", "us-west"]);
    assert_eq!(regions(principal(77)), Vec::<String>::new());
    let mut world = world.clone();
    let bob = world.user(20, "Bob", &[organization(3)]);
    assert_eq!(world.tree.regions(bob, world.at).len(), 1);
}

// spec: LST-3
#[test]
fn a_listing_is_sorted_by_name_creation_or_level() {
    let world = world();
    assert_eq!(names(&world, &of(ListingOrder::Name)), ["Alpha", "beta", "Delta", "Fabrikam", "gamma"]);
    assert_eq!(names(&world, &of(ListingOrder::Created)), ["Fabrikam", "beta", "Alpha", "gamma", "Delta"]);
    assert_eq!(names(&world, &of(ListingOrder::Level)), ["Fabrikam", "beta", "Alpha", "gamma", "Delta"]);
}

// spec: LST-3
#[test]
fn a_cursor_neither_skips_nor_repeats_while_the_tree_changes() {
    for order in [ListingOrder::Name, ListingOrder::Created, ListingOrder::Level] {
        let mut world = World::new();
        for number in 2..20 {
            world.pass(minutes(1));
            world.child(number, root(), &format!("Customer {:02}", (number * 7) % 19));
        }
        let before: BTreeSet<OrganizationId> = world.tree.organizations().map(Organization::id).collect();
        let (mut seen, mut gone, mut after, mut next) = (Vec::new(), BTreeSet::new(), None, 100);
        loop {
            let listing = Listing { after, limit: PageLimit::new(3).unwrap(), ..of(order) };
            let found = page(&world, &listing);
            seen.extend(found.organizations.iter().copied());
            // Meanwhile one that was shown goes, and some come, before and behind the cursor.
            let shown = found.organizations.iter().find(|id| **id != root()).copied();
            if let Some(organization) = shown {
                let delete =
                    DeleteOrganization { organization, evidence: Evidence::none(world.at), mode: DeletionMode::Hard };
                world.ada(&delete).unwrap();
                gone.insert(organization);
            }
            for called in ["Aardvark", "Zebra"] {
                if next < 110 {
                    world.child(next, root(), called);
                    next += 1;
                }
            }
            match found.next {
                // As it comes back from whoever was given it.
                Some(cursor) => {
                    after = Some(serde_json::from_str(&serde_json::to_string(&cursor).unwrap()).unwrap());
                }
                None => break,
            }
        }
        let distinct: BTreeSet<OrganizationId> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "repeated by {order:?}");
        assert!(distinct.is_superset(&before), "skipped by {order:?}");
        assert!(gone.len() > 3);
    }
}

// abuse: 97
#[test]
fn no_page_however_asked_for_overflows_or_panics() {
    let world = world();
    for limit in [0, 1_001, u64::from(u16::MAX) + 1, u64::from(u16::MAX) + 101, u64::from(u32::MAX) + 1, u64::MAX] {
        let refused = PageLimit::new(limit).unwrap_err();
        assert!(refused.to_string().contains(&limit.to_string()));
    }
    for skip in [5, 6, usize::MAX - 1, usize::MAX] {
        let beyond = page(&world, &Listing { skip, ..few(1_000) });
        assert_eq!((beyond.organizations, beyond.total, beyond.next), (vec![], 5, None));
    }
    let last = page(&world, &Listing { skip: 4, ..few(1) });
    assert_eq!((last.organizations.len(), last.next), (1, None));
    // Behind a cursor, skipping goes on from there.
    let first = page(&world, &few(2));
    let skipped = Listing { skip: usize::MAX, after: first.next.clone(), ..few(2) };
    assert_eq!(page(&world, &skipped).organizations, []);
    let one = Listing { skip: 1, after: first.next, ..few(1) };
    assert_eq!(names(&world, &one), ["Fabrikam"]);
    for order in [ListingOrder::Created, ListingOrder::Level] {
        let foreign = Listing { after: page(&world, &few(2)).next, ..of(order) };
        assert!(page(&world, &foreign).organizations.len() <= 5);
    }
}

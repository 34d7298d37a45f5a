//! LOC: locations, and which of them an agent is at.

use std::net::IpAddr;

use bailiwick::*;

use crate::support::*;
use crate::things::*;

fn define(organization: OrganizationId, number: u128, texts: &[&str]) -> DefineLocation {
    let location = Location { name: name("Office"), kind: LocationKind::Physical, subnets: subnets(texts) };
    DefineLocation { organization, id: self::location(number), location }
}

fn at(world: &World, place: OrganizationId, address: &str) -> LocationId {
    world.tree.locate(place, agent(1), address.parse().unwrap()).unwrap()
}

// spec: LOC-1
// spec: SET-6
#[test]
fn an_organization_has_locations_one_of_them_default_from_its_creation_on() {
    let (mut world, contoso, _) = World::three_levels();
    let default = LocationId::default_of(contoso);
    let found: Vec<LocationId> = world.tree.locations(contoso).map(|(id, _)| id).collect();
    assert_eq!(found, [default]);
    assert_eq!(at(&world, contoso, "192.0.2.7"), default);
    world.run(ada(), contoso, &define(contoso, 1, &["192.0.2.0/24", "2001:db8::/32"])).unwrap();
    let mut logical = define(contoso, 2, &[]);
    logical.location.kind = LocationKind::Logical;
    world.run(ada(), contoso, &logical).unwrap();
    let kinds: Vec<LocationKind> = world.tree.locations(contoso).map(|(_, location)| location.kind).collect();
    assert_eq!(kinds.len(), 3);
    assert!(kinds.contains(&LocationKind::Physical) && kinds.contains(&LocationKind::Logical));
    assert_eq!(world.tree.locations(root()).count(), 1, "another organization has its own");
    assert_eq!(world.tree.locate(organization(99), agent(1), "192.0.2.7".parse().unwrap()), None);
}

// spec: LOC-1
#[test]
fn a_bad_subnet_is_refused() {
    let malformed = [
        "",
        "/",
        "192.0.2.0",
        "192.0.2.0/",
        "192.0.2.0/33",
        "192.0.2.0/-1",
        "192.0.2/24",
        "192.0.2.0.0/24",
        "256.0.2.0/24",
        "2001:db8::/129",
        "2001:db8::/x",
        "192.0.2.0/24/24",
        "localhost/8",
        "192.0.2.0/255.255.255.0",
        "2001:db8::1::/64",
        "192.0.2.0 /24",
    ];
    for text in malformed {
        assert_eq!(text.parse::<Subnet>(), Err(InvalidSubnet::Form), "{text}");
        assert!(serde_json::from_value::<Subnet>(text.into()).is_err());
    }
    let host_bits =
        [("192.0.2.7/24", "192.0.2.0/24"), ("2001:db8::1/32", "2001:db8::/32"), ("10.0.0.1/0", "0.0.0.0/0")];
    for (text, meant) in host_bits {
        let meant = meant.parse().unwrap();
        assert_eq!(text.parse::<Subnet>(), Err(InvalidSubnet::HostBits { meant }), "{text}");
    }
    for text in ["0.0.0.0/0", "::/0", "192.0.2.7/32", "2001:db8::1/128", "192.0.2.0/24"] {
        let subnet: Subnet = text.parse().unwrap();
        assert_eq!(subnet.to_string(), text);
        assert_eq!(serde_json::from_value::<Subnet>(text.into()).unwrap(), subnet);
    }
}

// spec: LOC-2
#[test]
fn the_longest_prefix_wins_else_the_default() {
    let (mut world, contoso, _) = World::three_levels();
    for (number, text) in [(1, "10.0.0.0/8"), (2, "10.1.0.0/16"), (3, "10.1.2.0/24"), (4, "2001:db8::/32"), (5, "::/0")]
    {
        world.run(ada(), contoso, &define(contoso, number, &[text])).unwrap();
    }
    let expected = [
        ("10.1.2.3", 3),
        ("10.1.3.3", 2),
        ("10.2.0.1", 1),
        ("10.255.255.255", 1),
        ("10.1.2.0", 3),
        ("10.1.2.255", 3),
        ("2001:db8::7", 4),
        ("2001:db9::7", 5),
        ("::ffff:10.1.2.3", 3),
    ];
    for (address, number) in expected {
        assert_eq!(at(&world, contoso, address), location(number), "{address}");
    }
    assert_eq!(at(&world, contoso, "11.0.0.1"), LocationId::default_of(contoso));
    assert_eq!(at(&world, contoso, "9.255.255.255"), LocationId::default_of(contoso));
    // Everything of IPv4, and still the longer one wins.
    world.run(ada(), contoso, &define(contoso, 6, &["0.0.0.0/0"])).unwrap();
    assert_eq!(at(&world, contoso, "11.0.0.1"), location(6));
    assert_eq!(at(&world, contoso, "10.1.2.3"), location(3));
}

// spec: LOC-2
#[test]
fn a_prefix_occurs_once_in_an_organization() {
    let (mut world, contoso, store) = World::three_levels();
    world.run(ada(), contoso, &define(contoso, 1, &["10.0.0.0/8"])).unwrap();
    let taken = |text: &str| LocationError::SubnetTaken { subnet: text.parse().unwrap(), location: location(1) };
    let again = define(contoso, 2, &["10.0.0.0/8", "192.0.2.0/24"]);
    assert_eq!(rule(world.run(ada(), contoso, &again)), taken("10.0.0.0/8"));
    assert_eq!(world.tree.locations(contoso).count(), 2, "nothing of it is there");
    // The same in IPv6 form is the same.
    let mapped = define(contoso, 2, &["::ffff:10.0.0.0/104"]);
    assert_eq!(rule(world.run(ada(), contoso, &mapped)), taken("10.0.0.0/8"));
    // Another length is another prefix, another organization has its own, and a location may
    // be defined again with what it has.
    world.run(ada(), contoso, &define(contoso, 2, &["10.0.0.0/9"])).unwrap();
    world.run(ada(), store, &define(store, 3, &["10.0.0.0/8"])).unwrap();
    world.run(ada(), contoso, &define(contoso, 1, &["10.0.0.0/8", "192.0.2.0/24"])).unwrap();
    world.run(ada(), contoso, &define(contoso, 1, &[])).unwrap();
    world.run(ada(), contoso, &define(contoso, 4, &["10.0.0.0/8"])).unwrap();
}

// spec: LOC-3
#[test]
fn the_default_location_is_not_deleted_until_another_is() {
    let (mut world, contoso, store) = World::three_levels();
    let first = LocationId::default_of(contoso);
    let delete = |id| DeleteLocation { organization: contoso, id };
    assert_eq!(rule(world.run(ada(), contoso, &delete(first))), LocationError::IsDefault { location: first });
    world.run(ada(), contoso, &define(contoso, 1, &[])).unwrap();
    let make = |id| MakeDefaultLocation { organization: contoso, id };
    assert_eq!(code(world.run(ada(), contoso, &make(location(9)))), "not_found");
    assert_eq!(code(world.run(ada(), contoso, &make(LocationId::default_of(store)))), "not_found");
    world.run(ada(), contoso, &make(location(1))).unwrap();
    assert_eq!(at(&world, contoso, "192.0.2.7"), location(1));
    world.run(ada(), contoso, &delete(first)).unwrap();
    let refused = rule(world.run(ada(), contoso, &delete(location(1))));
    assert_eq!(refused, LocationError::IsDefault { location: location(1) });
    assert_eq!(code(world.run(ada(), contoso, &delete(first))), "not_found");
    let mut again = define(contoso, 1, &[]);
    again.id = first;
    assert_eq!(code(world.run(ada(), contoso, &again)), "id.already_used");
    assert_eq!(code(world.run(ada(), store, &define(store, 1, &[]))), "id.already_used");
}

// spec: LOC-4
#[test]
fn no_address_moves_a_pinned_agent() {
    let (mut world, contoso, store) = World::three_levels();
    world.run(ada(), contoso, &define(contoso, 1, &["10.0.0.0/8"])).unwrap();
    world.run(ada(), contoso, &define(contoso, 2, &[])).unwrap();
    let pin = |agent, location| PinAgent { organization: contoso, agent, location };
    world.run(ada(), contoso, &pin(agent(1), Some(location(2)))).unwrap();
    for address in ["10.1.2.3", "192.0.2.7", "::1"] {
        assert_eq!(at(&world, contoso, address), location(2));
    }
    let unpinned: IpAddr = "10.1.2.3".parse().unwrap();
    assert_eq!(world.tree.locate(contoso, agent(2), unpinned), Some(location(1)));
    let elsewhere = pin(agent(2), Some(LocationId::default_of(store)));
    assert_eq!(code(world.run(ada(), contoso, &elsewhere)), "not_found");
    world.run(ada(), contoso, &pin(agent(1), None)).unwrap();
    assert_eq!(at(&world, contoso, "10.1.2.3"), location(1));
    // With its location deleted, an agent is where its address says; the answer names it.
    world.run(ada(), contoso, &pin(agent(1), Some(location(2)))).unwrap();
    let delete = DeleteLocation { organization: contoso, id: location(2) };
    assert_eq!(world.run(ada(), contoso, &delete).unwrap(), [agent(1)]);
    assert_eq!(at(&world, contoso, "10.1.2.3"), location(1));
}

// spec: LOC-4
#[test]
fn overlaps_are_reported_when_they_are_defined() {
    let (mut world, contoso, store) = World::three_levels();
    world.run(ada(), store, &define(store, 9, &["10.1.0.0/16"])).unwrap();
    assert_eq!(world.run(ada(), contoso, &define(contoso, 1, &["10.0.0.0/8"])).unwrap(), []);
    let overlap = |subnet: &str, other: &str, number| Overlap {
        subnet: subnet.parse().unwrap(),
        other: other.parse().unwrap(),
        location: location(number),
    };
    let second = world.run(ada(), contoso, &define(contoso, 2, &["10.1.0.0/16", "192.0.2.0/24", "::/0"])).unwrap();
    assert_eq!(second, [overlap("10.1.0.0/16", "10.0.0.0/8", 1)]);
    let third = world.run(ada(), contoso, &define(contoso, 3, &["0.0.0.0/0"])).unwrap();
    let all = [("10.0.0.0/8", 1), ("10.1.0.0/16", 2), ("192.0.2.0/24", 2)];
    assert_eq!(third, all.map(|(other, number)| overlap("0.0.0.0/0", other, number)));
    // Within one location, too.
    let fourth = world.run(ada(), contoso, &define(contoso, 4, &["172.16.0.0/12", "172.16.5.0/24"])).unwrap();
    let wide = overlap("0.0.0.0/0", "0.0.0.0/0", 3).other;
    assert!(fourth.contains(&overlap("172.16.0.0/12", "172.16.5.0/24", 4)), "{fourth:?}");
    assert_eq!(fourth.iter().filter(|found| found.other == wide).count(), 2);
    assert_eq!(fourth.len(), 3);
}

// spec: LOC-1
#[test]
fn locations_are_changed_by_who_may_edit_the_organization() {
    let (mut world, contoso, _) = World::three_levels();
    let bob = world.user(20, "Bob", &[contoso]);
    forbidden(world.run(bob, contoso, &define(contoso, 1, &[])));
    world.grant(bob, "organizations.edit", contoso);
    world.run(bob, contoso, &define(contoso, 1, &[])).unwrap();
    hidden(world.run(bob, contoso, &define(organization(99), 2, &[])));
}

// spec: HIE-7
#[test]
fn the_identifier_of_a_location_stays_used_in_a_tree_of_its_own() {
    let (mut world, contoso, store) = World::three_levels();
    world.run(ada(), contoso, &define(contoso, 1, &[])).unwrap();
    let context = world.context(ada(), root());
    let joint = world.tree.detach(&context, &DetachOrganization { organization: contoso, sever: true }).unwrap();
    let mut begun = world.clone();
    begun.tree = OrganizationTree::empty(contoso, world.tree.domain().clone());
    begun.tree.apply(joint.commit.parts().nth(1).unwrap()).unwrap();
    assert_eq!(code(begun.run(ada(), store, &define(store, 1, &[]))), "id.already_used");
    begun.run(ada(), contoso, &define(contoso, 1, &["10.0.0.0/8"])).unwrap();
    assert_eq!(at(&begun, contoso, "10.1.2.3"), location(1));
}

//! Locations: agents find theirs by address (LOC-1 to LOC-4).
//!
//! `cargo run --example locations`

use std::error::Error;

use bailiwick::*;

#[path = "common/service.rs"]
mod service;
use service::Service;

fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let service = Service::found(Catalog::new([])?, Rules::provider()).await?;
    let (contoso, ada) = (service.customer(2, "Contoso").await?, service.ada);

    println!("LOC-1: locations with subnets");
    let (office, lab, late) =
        (LocationId::from_u128(0x31)?, LocationId::from_u128(0x32)?, LocationId::from_u128(0x33)?);
    let places: [(_, _, &[&str]); 3] = [
        (office, "Office", &["10.0.0.0/8", "2001:db8::/32"]),
        (lab, "Laboratory", &["10.1.0.0/16"]),
        (late, "Annex", &["10.1.0.0/16"]),
    ];
    for (id, name, subnets) in places {
        let subnets = subnets.iter().map(|subnet| subnet.parse()).collect::<Result<_, _>>()?;
        let location = Location { name: name.parse()?, kind: LocationKind::Physical, subnets };
        let define = DefineLocation { organization: contoso, id, location };
        match service.execute(&service.by(ada, contoso)?, &define).await {
            Ok(overlaps) if overlaps.is_empty() => println!("  {name}"),
            Ok(overlaps) => {
                for Overlap { subnet, other, .. } in overlaps {
                    println!("  {name}; note (LOC-4): {subnet} overlaps {other}");
                }
            }
            Err(refusal) => println!("  {name} refused (LOC-2): {refusal}"),
        }
    }
    if let Err(error) = "10.0.0.1/8".parse::<Subnet>() {
        println!("  10.0.0.1/8 refused (LOC-1): {error}");
    }

    println!("\nLOC-2: the longest prefix wins, and the default takes the rest");
    let agent = AgentId::from_u128(0x61)?;
    for address in ["10.7.0.4", "10.1.0.4", "2001:db8::4", "192.0.2.4"] {
        show(&service, contoso, agent, address).await?;
    }

    println!("\nLOC-4: a pinned agent stays, whatever its address");
    let pin = PinAgent { organization: contoso, agent, location: Some(lab) };
    service.execute(&service.by(ada, contoso)?, &pin).await?;
    show(&service, contoso, agent, "192.0.2.4").await?;

    println!("\nLOC-3: the default is not deleted until another is the default");
    let default = LocationId::default_of(contoso);
    let delete = DeleteLocation { organization: contoso, id: default };
    if let Err(refusal) = service.execute(&service.by(ada, contoso)?, &delete).await {
        println!("  refused: {refusal}");
    }
    let hand_over = MakeDefaultLocation { organization: contoso, id: office };
    service.execute(&service.by(ada, contoso)?, &hand_over).await?;
    service.execute(&service.by(ada, contoso)?, &delete).await?;
    show(&service, contoso, AgentId::from_u128(0x62)?, "192.0.2.4").await
}

async fn show(
    service: &Service,
    organization: OrganizationId,
    agent: AgentId,
    address: &str,
) -> Result<(), Box<dyn Error>> {
    let tree = service.tree().await?;
    let location = tree.locate(organization, agent, address.parse()?);
    let found = tree.locations(organization).find(|(id, _)| Some(*id) == location);
    println!("  {address} is in {}", found.map_or("no location", |(_, location)| location.name.as_str()));
    Ok(())
}

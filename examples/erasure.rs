//! Erasure and export of a person (GDP-1 to GDP-4).
//!
//! `cargo run --example erasure`

use std::error::Error;
use std::num::NonZeroU32;

use bailiwick::*;

#[path = "common/service.rs"]
mod service;
use service::Service;

fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let service = Service::found(Catalog::new([])?, Rules::provider()).await?;
    let (root, contoso, ada) = (service.root, service.customer(2, "Contoso").await?, service.ada);
    let bea = PrincipalId::from_u128(11)?;
    let person = Person::named("Bea Ribeiro".parse()?).reachable_at("bea@contoso.example".parse()?);
    let add = |organization, person| AddMember { organization, principal: bea, person };
    service.execute(&service.by(ada, root)?, &add(root, Some(person))).await?;
    service.execute(&service.by(ada, contoso)?, &add(contoso, None)).await?;
    service.execute(&service.by(ada, contoso)?, &TransferOwnership { organization: contoso, to: bea }).await?;
    let rename = EditOrganization { name: Some("Contoso Ltd".parse()?), ..EditOrganization::of(contoso) };
    let why = "Bea Ribeiro: we are a company now".parse()?;
    service.execute(&service.by(bea, contoso)?.because(why), &rename).await?;

    println!("GDP-2: what is known of her, for the last 90 days");
    let trail = service.directory.audit(root, &AuditFilter::default(), Version::ZERO, NonZeroU32::MAX).await?;
    let export = service.tree().await?.export(bea, bea, &trail, service.at.get())?;
    let known = export.person.as_ref().map(|person| person.name.to_string()).unwrap_or_default();
    println!(
        "  {known}, a member in {} organizations; what happened since {}:",
        export.memberships.total, export.since
    );
    for activity in &export.activity.records {
        let by = if activity.by_them { "by her" } else { "about her" };
        println!(
            "  {} {by}: {:?} {}",
            activity.at,
            activity.operations,
            activity.reason.as_deref().unwrap_or_default()
        );
    }

    println!("\nGDP-4: the last owner of Contoso is not erased without a successor");
    let erase = ErasePerson { root, principal: bea, successors: [].into() };
    if let Err(refusal) = service.execute(&service.operator()?, &erase).await {
        println!("  refused: {refusal}");
    }
    let erase = ErasePerson { successors: [(contoso, ada)].into(), ..erase };
    service.execute(&service.operator()?, &erase).await?;

    println!("\nGDP-1: she is gone, and what she did stays");
    let tree = service.tree().await?;
    println!("  {bea} is now \"{}\"", tree.label(bea));
    println!("  she reaches {} organizations", tree.access().organizations(bea, None, service.at.get()).len());
    println!("  Ada owns Contoso: {}", tree.access().owns(ada, contoso, service.at.get()));
    let hers = AuditFilter { principal: Some(bea), ..AuditFilter::default() };
    for commit in service.directory.audit(root, &hers, Version::ZERO, NonZeroU32::MAX).await? {
        println!("  version {}: {:?}", commit.version.get(), commit.operations);
    }

    println!("\nGDP-3: the log never held her name or address");
    let stored = format!("{:?}", service.directory.repository().read(root, Version::ZERO, NonZeroU32::MAX).await?);
    for personal in ["Ribeiro", "bea@contoso.example"] {
        println!("  {personal:?} in what is stored: {}", stored.contains(personal));
    }
    assert!(!stored.contains("Ribeiro"));
    Ok(())
}

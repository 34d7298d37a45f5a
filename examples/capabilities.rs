//! A capability that expires and is renewed, across three levels (LIC-5 to LIC-8, AUD-4).
//!
//! `cargo run --example capabilities`

use std::error::Error;

use bailiwick::*;

#[path = "common/service.rs"]
mod service;
use service::Service;

fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (report, reporting): (Claim, CapabilityName) = ("reports.view".parse()?, "reporting".parse()?);
    let declared = ClaimDeclaration::view(report.clone(), "See reports").requiring(reporting.clone());
    let rules = Rules::custom().managing_capability(Some("msp".parse()?)).build()?;
    let service = Service::found(Catalog::new([declared])?, rules).await?;
    let (fabrikam, ada) = (service.root, service.ada);
    let (contoso, berlin) = (OrganizationId::from_u128(2)?, OrganizationId::from_u128(3)?);

    println!("LIC-7: without the capability `msp` there are no customers");
    if let Err(refusal) = service.create(contoso, fabrikam, "Contoso").await {
        println!("  refused: {refusal}");
    }
    let assign = |organization, capability: &CapabilityName, until| {
        let capability = capability.clone();
        AssignCapability { organization, capability, until }
    };
    let msp = "msp".parse()?;
    service.execute(&service.operator()?, &assign(fabrikam, &msp, None)).await?;
    service.create(contoso, fabrikam, "Contoso").await?;
    service.execute(&service.by(ada, fabrikam)?, &assign(contoso, &msp, None)).await?;
    service.create(berlin, contoso, "Contoso Berlin").await?;
    println!("  Fabrikam has it from the operator, and lets Contoso have customers too");
    if let Err(refusal) = service.execute(&service.by(ada, contoso)?, &assign(berlin, &msp, None)).await {
        println!("  refused: {refusal}");
    }

    println!("\nLIC-5: a parent passes on what it has, and nothing else");
    if let Err(refusal) = service.execute(&service.by(ada, fabrikam)?, &assign(contoso, &reporting, None)).await {
        println!("  refused: {refusal}");
    }
    let end = service.at.get() + chrono::TimeDelta::days(30);
    service.execute(&service.operator()?, &assign(fabrikam, &reporting, Some(end))).await?;
    service.execute(&service.by(ada, fabrikam)?, &assign(contoso, &reporting, None)).await?;
    service.execute(&service.by(ada, contoso)?, &assign(berlin, &reporting, None)).await?;
    println!("  assigned three levels down");

    println!("\nLIC-6: the end at the top is the end below; AUD-4: it is known beforehand");
    let tree = service.tree().await?;
    if let Some(end) = tree.capability_end(berlin, &reporting) {
        println!("  in Berlin it ends at {end}");
    }
    for ending in tree.endings(service.at.get(), end + chrono::TimeDelta::days(1)) {
        println!("  notice: {:?} of {} ends at {}", ending.what, ending.organization, ending.at);
    }
    println!("\nLIC-8: a claim that requires it");
    for at in [service.at.get(), end] {
        println!("  {at}: {}", tree.access().explain(ada, berlin, &report, at));
    }

    println!("\nLIC-6: renewed at the top, it is back below with nothing to be redone");
    service.at.set(end);
    let renewed = Some(end + chrono::TimeDelta::days(365));
    service.execute(&service.operator()?, &assign(fabrikam, &reporting, renewed)).await?;
    println!("  {}", service.tree().await?.access().explain(ada, berlin, &report, end));
    Ok(())
}

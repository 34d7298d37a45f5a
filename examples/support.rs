//! Support access: requested, approved, used, and ended by the emergency stop (SUP-1 to SUP-5).
//!
//! `cargo run --example support`

use std::error::Error;

use bailiwick::*;

#[path = "common/service.rs"]
mod service;
use service::Service;

fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (view, restore): (Claim, Claim) = ("backups.view".parse()?, "backups.restore".parse()?);
    let catalog = Catalog::new([
        ClaimDeclaration::view(view.clone(), "See backups"),
        ClaimDeclaration::manage(restore.clone(), "Restore a backup").implying(view.clone()),
    ])?;
    let service = Service::found(catalog, Rules::provider()).await?;
    let (contoso, ada) = (service.customer(2, "Contoso").await?, service.ada);

    println!("SUP-3: an engineer of the operator's asks, with a reason");
    let (engineer, support) = (PrincipalId::from_u128(99)?, SupportId::from_u128(0x51)?);
    let request = RequestSupport { support, organization: contoso, duration: None };
    let ask = service.operator()?;
    match service.execute(&ask, &request).await {
        Ok(_) => println!("  asked"),
        Err(refusal) => println!("  refused: {refusal}"),
    }
    let lapses = service.execute(&service.operator()?.because("A restore hangs".parse()?), &request).await?;
    println!("  asked; the request lapses at {lapses}");
    status(&service, contoso).await?;

    println!("\nSUP-3: a day later Contoso approves, and the 24 hours begin");
    service.wait(chrono::TimeDelta::days(1));
    let approve = ApproveSupport { organization: contoso, support };
    let until = service.execute(&service.by(ada, contoso)?, &approve).await?;
    println!("  approved until {until}");
    status(&service, contoso).await?;

    println!("\nSUP-1: it is for looking, and for nothing else");
    let tree = service.tree().await?;
    for claim in [&view, &restore] {
        println!("  {}", tree.access().explain(engineer, contoso, claim, service.at.get()));
    }

    println!("\nSUP-5: a second request waits when the emergency stop comes");
    let second = SupportId::from_u128(0x52)?;
    let request = RequestSupport { support: second, organization: contoso, duration: None };
    service.execute(&service.operator()?.because("Once more".parse()?), &request).await?;
    let ended = service.execute(&service.by(ada, contoso)?, &StopAllSupport { organization: contoso }).await?;
    println!("  {} ended", ended.len());
    status(&service, contoso).await?;
    let late = ApproveSupport { organization: contoso, support: second };
    if let Err(refusal) = service.execute(&service.by(ada, contoso)?, &late).await {
        println!("  refused: {refusal}");
    }

    println!("\nSUP-4: all of it is in the trail");
    let changes = AuditFilter { noun: Some("support".to_owned()), ..AuditFilter::default() };
    let limit = std::num::NonZeroU32::MAX;
    for commit in service.directory.audit(service.root, &changes, Version::ZERO, limit).await? {
        println!("  {} {:?}: {:?}", commit.at, commit.actor, commit.operations);
    }
    Ok(())
}

async fn status(service: &Service, organization: OrganizationId) -> Result<(), Box<dyn Error>> {
    let status = service.tree().await?.support_status(organization, service.at.get());
    match status.active_until {
        Some(until) => println!("  active until {until}; {} pending", status.pending.len()),
        None => println!("  not active; {} pending", status.pending.len()),
    }
    Ok(())
}

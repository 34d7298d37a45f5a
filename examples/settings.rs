//! Settings: inherited, overridden, locked; and the kill switch over all of it (SET-1, SET-2,
//! SET-5).
//!
//! `cargo run --example settings`

use std::error::Error;

use bailiwick::*;

#[path = "common/service.rs"]
mod service;
use service::Service;

const KEY: SettingKey = SettingKey::Automation;

fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let defaults = [(KEY, SettingValue::Automation(AutomationLevel::Manual))].into();
    let rules = Rules::custom().settings(defaults).build()?;
    let service = Service::found(Catalog::new([])?, rules).await?;
    let (fabrikam, contoso, ada) = (service.root, service.customer(2, "Contoso").await?, service.ada);
    let berlin = OrganizationId::from_u128(3)?;
    service.create(berlin, contoso, "Contoso Berlin").await?;

    println!("SET-5: nobody sets it, so the account's default holds");
    show(&service).await?;

    println!("\nSET-5: set at the top, it is inherited; the nearest one wins");
    change(&service, fabrikam, Some(AutomationLevel::SemiAutomatic)).await?;
    change(&service, berlin, Some(AutomationLevel::FullyAutomatic)).await?;
    show(&service).await?;

    println!("\nSET-5: a lock binds everything below it");
    let lock = LockSetting { organization: fabrikam, key: KEY, locked: true };
    service.execute(&service.by(ada, fabrikam)?, &lock).await?;
    show(&service).await?;
    if let Err(refusal) = change(&service, contoso, Some(AutomationLevel::FullyAutomatic)).await {
        println!("  refused: {refusal}");
    }

    println!("\nSET-1: what that means for an action in Berlin");
    for action in [ActionKind::SecurityPatch, ActionKind::Runbook] {
        println!("  {action:?}: {:?}", service.tree().await?.approval(berlin, &action));
    }

    println!("\nSET-2: the kill switch of the root covers the tree");
    service.execute(&service.by(ada, fabrikam)?, &SetKillSwitch { organization: fabrikam, on: true }).await?;
    println!("  SecurityPatch: {:?}", service.tree().await?.approval(berlin, &ActionKind::SecurityPatch));
    Ok(())
}

async fn change(
    service: &Service,
    organization: OrganizationId,
    level: Option<AutomationLevel>,
) -> Result<(), Box<dyn Error>> {
    let change = ChangeSetting { organization, key: KEY, value: level.map(SettingValue::Automation) };
    service.execute(&service.by(service.ada, organization)?, &change).await
}

async fn show(service: &Service) -> Result<(), Box<dyn Error>> {
    let tree = service.tree().await?;
    let name = |id| tree.organization(id).map(|place| place.name().as_str()).unwrap_or_default();
    for place in tree.subtree(service.root) {
        let Some(setting) = tree.setting(place, &KEY) else { continue };
        let source = match setting.source {
            SettingSource::Organization(id) => name(id),
            SettingSource::Default => "the account's default",
        };
        let locked = if setting.locked { ", locked" } else { "" };
        println!("  {}: {:?}, from {source}{locked}", name(place), setting.value);
    }
    Ok(())
}

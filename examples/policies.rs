//! Policies by tag: whom they pick, how they stand, and one exception (POL-1 to POL-4).
//!
//! `cargo run --example policies`

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
    let (fabrikam, ada) = (service.root, service.ada);
    let contoso = service.customer(2, "Contoso").await?;
    let woodgrove = service.customer(3, "Woodgrove").await?;

    println!("POL-1: a selector picks organizations by their tags");
    for customer in [contoso, woodgrove] {
        let tags = Some(["retail".parse()?].into());
        service
            .execute(&service.by(ada, customer)?, &EditOrganization { tags, ..EditOrganization::of(customer) })
            .await?;
    }
    let policy = PolicyId::from_u128(0x41)?;
    let patching = PolicyDefinition {
        name: "Patching".parse()?,
        settings: [("days".parse()?, SettingValue::Number(7))].into(),
        selector: Selector { all_of: ["retail".parse()?].into(), ..Selector::default() },
    };
    let define = DefinePolicy { organization: fabrikam, policy, definition: patching };
    let picked = service.execute(&service.by(ada, fabrikam)?, &define).await?;
    println!("  Patching applies to {} customers", picked.len());

    println!("\nPOL-3: the service reports how it stands, and a change starts over");
    let version = service.tree().await?.policies(fabrikam).map(Policy::version).max().unwrap_or_default();
    for (organization, status) in [(contoso, PolicyStatus::Applied), (woodgrove, PolicyStatus::Failed)] {
        let report = ReportPolicyStatus { policy, organization, version, status };
        service.execute(&service.operator()?, &report).await?;
    }
    println!("  {:?}", service.tree().await?.policy_summary(policy));

    println!("\nPOL-3: Woodgrove patches within three days");
    let settings = [("days".parse()?, SettingValue::Number(3))].into();
    let adjust = OverridePolicy { organization: fabrikam, policy, target: woodgrove, settings };
    service.execute(&service.by(ada, fabrikam)?, &adjust).await?;
    for customer in [contoso, woodgrove] {
        show(&service.tree().await?, customer);
    }

    println!("\nPOL-4: one that is no longer tagged loses it");
    let untag = EditOrganization { tags: Some([].into()), ..EditOrganization::of(contoso) };
    service.execute(&service.by(ada, contoso)?, &untag).await?;
    for customer in [contoso, woodgrove] {
        show(&service.tree().await?, customer);
    }
    Ok(())
}

fn show(tree: &OrganizationTree, customer: OrganizationId) {
    let name = tree.organization(customer).map(|customer| customer.name().as_str()).unwrap_or_default();
    let policies = tree.effective_policies(customer);
    if policies.is_empty() {
        println!("  {name}: no policy");
    }
    for policy in policies {
        println!("  {name}: {:?}, {:?}, overridden: {:?}", policy.settings, policy.status, policy.overridden);
    }
}

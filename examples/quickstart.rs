//! From nothing to a check and its reason, in memory: found a provider, subscribe, create a
//! customer, make a group, link it down, ask.
//!
//! `cargo run --example quickstart`

use std::sync::Arc;

use bailiwick::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    pollster::block_on(run())
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    // Once: the claims that there are, and the rules. A service reads the clock here and
    // draws random identifiers; the crate does neither.
    let restore: Claim = "backups.restore".parse()?;
    let catalog = Catalog::new([ClaimDeclaration::manage(restore.clone(), "Restore a backup")])?;
    let directory = Directory::new(MemoryRepository::new(), Arc::new(Domain { catalog, rules: Rules::provider() }));
    let now: Timestamp = "2026-03-02T09:00:00Z".parse()?;
    let [fabrikam, contoso] = [OrganizationId::from_u128(1)?, OrganizationId::from_u128(2)?];
    let [ada, ben, operator] = [PrincipalId::from_u128(11)?, PrincipalId::from_u128(12)?, PrincipalId::from_u128(99)?];
    let technicians = GroupId::from_u128(21)?;

    // The operator of the service founds a root for its first owner, and records what it has
    // subscribed to.
    let by_operator = |key| Ok::<_, InvalidId>(Context::operator(operator, now, CommitKey::from_u128(key)?));
    let person = Person::named("Ada".parse()?);
    let found = FoundTree {
        root: fabrikam,
        name: "Fabrikam".parse()?,
        owner: ada,
        person,
        secret: AgentSecret::from_entropy([7; 32]),
    };
    directory.execute(fabrikam, &by_operator(1)?, &found).await?;
    let subscribe = RecordSubscription::active(fabrikam, "Enterprise".parse()?);
    directory.execute(fabrikam, &by_operator(2)?, &subscribe).await?;

    // Ada takes on a customer and a colleague, and makes a group.
    let by_ada = |key| Ok::<_, InvalidId>(Context::principal(ada, fabrikam, now, CommitKey::from_u128(key)?));
    let create = CreateOrganization::new(contoso, fabrikam, "Contoso".parse()?, AgentSecret::from_entropy([8; 32]));
    directory.execute(fabrikam, &by_ada(3)?, &create).await?;
    let add = AddMember::new(fabrikam, ben, Person::named("Ben".parse()?));
    directory.execute(fabrikam, &by_ada(4)?, &add).await?;
    let group = CreateGroup::new(fabrikam, technicians, "Technicians".parse()?, ada).giving([restore.clone().into()]);
    let join = AddGroupMember { organization: fabrikam, group: technicians, participant: Participant::Principal(ben) };
    let together = |draft: &mut Draft| draft.run(&group).and_then(|()| draft.run(&join));
    directory.execute_draft(fabrikam, &by_ada(5)?, together).await?;

    // Nobody gets down by themselves: not even the group, before it is linked.
    let tree = directory.tree(fabrikam).await?;
    println!("{}\n", tree.with_names(tree.access().explain(ben, contoso, &restore, now)));

    let (link, terms) = (LinkId::from_u128(31)?, LinkTerms::subtree().with_future());
    let link = LinkGroup { link, source: fabrikam, group: technicians, target: contoso, terms };
    directory.execute(fabrikam, &by_ada(6)?, &link).await?;

    let tree = directory.tree(fabrikam).await?;
    assert!(tree.access().allows(ben, contoso, &restore, now));
    println!("{}\n", tree.with_names(tree.access().explain(ben, contoso, &restore, now)));
    println!("{}", tree.draw_text(fabrikam));
    Ok(())
}

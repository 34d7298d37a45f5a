//! A tree of one's own joins another and leaves again: an offer of one side, the acceptance
//! of the other, and one commit that changes both trees.
//!
//! `cargo run --example attach`

use std::cell::Cell;
use std::sync::Arc;

use bailiwick::*;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    pollster::block_on(run())
}

async fn run() -> Result<()> {
    let domain = Arc::new(Domain { catalog: Catalog::new([])?, rules: Rules::provider() });
    let directory = Directory::new(MemoryRepository::new(), domain);
    let now: Timestamp = "2026-03-02T09:00:00Z".parse()?;
    let [fabrikam, contoso, labs] = [1, 2, 3].map(OrganizationId::from_u128);
    let (fabrikam, contoso, labs) = (fabrikam?, contoso?, labs?);
    let [ada, carl, operator] = [11, 12, 99].map(PrincipalId::from_u128);
    let (ada, carl, operator) = (ada?, carl?, operator?);
    let keys = Cell::new(0);
    let key = || {
        keys.set(keys.get() + 1);
        CommitKey::from_u128(keys.get())
    };

    // Two roots that have nothing in common.
    for (root, name, owner, person) in [(fabrikam, "Fabrikam", ada, "Ada"), (contoso, "Contoso", carl, "Carl")] {
        let person = Person::named(person.parse()?);
        let found = FoundTree { root, name: name.parse()?, owner, person, secret: AgentSecret::from_entropy([7; 32]) };
        directory.execute(root, &Context::operator(operator, now, key()?), &found).await?;
        let subscribe = RecordSubscription::active(root, "Enterprise".parse()?);
        directory.execute(root, &Context::operator(operator, now, key()?), &subscribe).await?;
    }
    let by_carl = || Ok::<_, InvalidId>(Context::principal(carl, contoso, now, key()?));
    let by_ada = || Ok::<_, InvalidId>(Context::principal(ada, fabrikam, now, key()?));
    let create = CreateOrganization::new(labs, contoso, "Contoso Labs".parse()?, AgentSecret::from_entropy([8; 32]));
    directory.execute(contoso, &by_carl()?, &create).await?;
    show(&directory, [fabrikam, contoso]).await?;

    // Ada does not own Contoso, and to her it does not even exist.
    let attach = AttachOrganization { organization: contoso, new_parent: fabrikam };
    if let Err(error) = directory.attach(fabrikam, &by_ada()?, &attach).await {
        println!("Ada attaches Contoso: {error}\n");
    }

    // So Carl offers, within the 30 days that an offer stands.
    let offer = OfferId::from_u128(41)?;
    let offering = OfferAttachment { offer, organization: contoso, counterpart: fabrikam, side: OfferSide::Joining };
    let until = directory.execute(contoso, &by_carl()?, &offering).await?.output;
    println!("Carl offers to join, until {}\n", until.map(|until| until.to_string()).unwrap_or_default());

    // HIE-5: a tree with a subscription of its own does not join; every reason is told.
    if let Err(error) = directory.accept_offer(contoso, fabrikam, &by_ada()?, offer).await {
        println!("Ada accepts: {error}");
    }
    let mut cancel = RecordSubscription::active(contoso, "Enterprise".parse()?);
    cancel.status = SubscriptionStatus::Cancelled;
    directory.execute(contoso, &Context::operator(operator, now, key()?), &cancel).await?;
    let done = directory.accept_offer(contoso, fabrikam, &by_ada()?, offer).await?;
    println!("Ada accepts, in one commit of {} trees\n", done.receipt.versions.len());
    show(&directory, [fabrikam, contoso]).await?;

    // HIE-6: a move makes nobody an owner. Carl still owns Contoso, and Ada does not.
    let tree = directory.tree(fabrikam).await?;
    for who in [ada, carl] {
        let owns = tree.access().owns(who, contoso, now);
        println!("{} owns Contoso: {owns}", tree.name_of(who).unwrap_or_default());
    }

    // Detaching takes an owner of both; Carl makes Ada one, and she lets it go.
    let join = AddMember::known(contoso, ada);
    let own = GrantPrivilege::new(contoso, ada, Privilege::OWNER);
    directory.execute(fabrikam, &by_carl()?, &join).await?;
    directory.execute(fabrikam, &by_carl()?, &own).await?;
    let detach = DetachOrganization { organization: contoso, sever: true };
    directory.detach(fabrikam, &by_ada()?, &detach).await?;
    println!("\nAda detaches it again\n");
    show(&directory, [fabrikam, contoso]).await
}

async fn show(directory: &Directory<MemoryRepository>, roots: [OrganizationId; 2]) -> Result<()> {
    for (name, root) in ["Fabrikam", "Contoso"].into_iter().zip(roots) {
        let tree = directory.tree(root).await?;
        let state = if tree.organization(root).is_some() { tree.draw_text(root) } else { "(nothing)\n".to_owned() };
        print!("The tree of {name}, at version {}:\n{state}", tree.version());
    }
    println!();
    Ok(())
}

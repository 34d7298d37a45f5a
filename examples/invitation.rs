//! The whole life of an invitation, on the tree itself: decide, apply, and what is to be
//! sent once the commit is there.
//!
//! `cargo run --example invitation`

use std::sync::Arc;

use bailiwick::*;
use chrono::TimeDelta;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A tree and a clock. What is decided is applied at once; a service commits it in between.
struct Desk {
    tree: OrganizationTree,
    now: Timestamp,
}

impl Desk {
    fn at(&self, actor: PrincipalId, acting: OrganizationId) -> Result<Context> {
        Ok(Context::principal(actor, acting, self.now, self.key()?))
    }

    fn key(&self) -> Result<CommitKey> {
        Ok(CommitKey::from_u128(1000 + u128::from(self.tree.version().get()))?)
    }

    /// Does it, or says why not.
    fn run<C: Command>(&mut self, what: &str, context: &Context, command: &C) -> Result<()> {
        let time = self.now.format("%d %b %H:%M");
        match self.tree.decide(context, command) {
            Ok(decided) => {
                self.tree.apply(&decided.changes)?;
                println!("{time}  ✓ {what}");
                for (_, effect) in decided.changes.recorded.effects() {
                    let Effect::SendInvitation(invitation) = effect else { continue };
                    let address = self.tree.invitee(invitation).map_or("(erased)", Address::typed);
                    println!("                → send a message to {address}");
                }
            }
            Err(refusal) => {
                println!("{time}  ✗ {what}");
                println!("                {}: {}", refusal.rule(), self.tree.with_names(&refusal));
            }
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let (fabrikam, operator) = (OrganizationId::from_u128(1)?, PrincipalId::from_u128(99)?);
    let [ada, nora, peter] = [PrincipalId::from_u128(11)?, PrincipalId::from_u128(12)?, PrincipalId::from_u128(13)?];
    let staff = GroupId::from_u128(21)?;
    let domain = Arc::new(Domain { catalog: Catalog::new([])?, rules: Rules::provider() });
    let tree = OrganizationTree::empty(fabrikam, domain);
    let mut desk = Desk { tree, now: "2026-03-02T09:00:00Z".parse()? };

    let person = Person::named("Ada".parse()?);
    let found = FoundTree {
        root: fabrikam,
        name: "Fabrikam".parse()?,
        owner: ada,
        person,
        secret: AgentSecret::from_entropy([7; 32]),
    };
    desk.run("the operator founds Fabrikam", &Context::operator(operator, desk.now, desk.key()?), &found)?;
    let subscribe = RecordSubscription::active(fabrikam, "Enterprise".parse()?);
    desk.run("and records its subscription", &Context::operator(operator, desk.now, desk.key()?), &subscribe)?;
    let group = CreateGroup::new(fabrikam, staff, "Staff".parse()?, ada).giving([Privilege::claim("audit.view")?]);
    desk.run("Ada makes the group Staff", &desk.at(ada, fabrikam)?, &group)?;

    // 256 bits for each sending, from the system's randomness in a service.
    let token = |number| InvitationToken::from_entropy([number; 32]);
    let noras: Address = "Nora@Northwind.example".parse()?;
    let to_nora = InvitationId::from_u128(31)?;
    let invite = Invite::as_member(to_nora, fabrikam, staff, noras.clone(), &token(1));
    desk.run("Ada invites Nora", &desk.at(ada, fabrikam)?, &invite)?;

    // The same address in other letters is the same address.
    let again = "nora@northwind.example".parse()?;
    let again = Invite::as_member(InvitationId::from_u128(32)?, fabrikam, staff, again, &token(2));
    desk.run("Ada invites her again", &desk.at(ada, fabrikam)?, &again)?;
    let resend = ResendInvitation::new(fabrikam, staff, to_nora, &token(2));
    desk.run("Ada resends it", &desk.at(ada, fabrikam)?, &resend)?;
    desk.now += TimeDelta::minutes(10);
    desk.run("Ada resends it ten minutes later", &desk.at(ada, fabrikam)?, &resend)?;

    let accept = |number, address: &Address, verified| {
        let name: Name = "Nora".parse()?;
        Ok::<_, InvalidText>(AcceptInvitation { token: token(number), address: address.clone(), verified, name })
    };
    let newcomer =
        |desk: &Desk, who| Ok::<_, Box<dyn std::error::Error>>(Context::newcomer(who, desk.now, desk.key()?));
    desk.run("Nora uses the first token", &newcomer(&desk, nora)?, &accept(1, &noras, true)?)?;
    let other: Address = "peter@northwind.example".parse()?;
    desk.run("Peter uses the second token", &newcomer(&desk, peter)?, &accept(2, &other, true)?)?;
    desk.run("Nora has not verified her address", &newcomer(&desk, nora)?, &accept(2, &noras, false)?)?;
    desk.run("Nora accepts", &newcomer(&desk, nora)?, &accept(2, &noras, true)?)?;
    desk.run("Peter finds the token", &newcomer(&desk, peter)?, &accept(2, &noras, true)?)?;
    let explanation = desk.tree.access().explain(nora, fabrikam, &"audit.view".parse()?, desk.now);
    println!("                {}", desk.tree.with_names(explanation).replace("\n ", ""));

    // An invitation that nobody answers ends by itself; no job has to run.
    let to_peter = InvitationId::from_u128(33)?;
    let invite = Invite::as_member(to_peter, fabrikam, staff, other.clone(), &token(3));
    desk.run("Ada invites Peter", &desk.at(ada, fabrikam)?, &invite)?;
    desk.now += TimeDelta::days(8);
    desk.run("Peter accepts after eight days", &newcomer(&desk, peter)?, &accept(3, &other, true)?)?;
    let invite = Invite::as_member(InvitationId::from_u128(34)?, fabrikam, staff, other.clone(), &token(4));
    desk.run("Ada invites him anew", &desk.at(ada, fabrikam)?, &invite)?;
    let decline = DeclineInvitation { invitation: InvitationId::from_u128(34)?, address: other };
    desk.run("Peter declines", &newcomer(&desk, peter)?, &decline)?;

    println!();
    for invitation in [to_nora, to_peter].into_iter().filter_map(|id| desk.tree.invitation(id)) {
        let address = desk.tree.invitee(invitation.id()).map_or("(erased)", Address::typed);
        let state = desk.tree.with_names(invitation.state(desk.now));
        println!("{address}: {state}; messages sent: {}", invitation.sendings().len());
    }
    Ok(())
}

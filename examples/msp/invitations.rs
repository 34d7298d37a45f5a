//! How people come in: everything that can become of an invitation.

use bailiwick::{
    AcceptInvitation, Address, CreateGroup, DeclineInvitation, InvitationId, InvitationToken, Invite, Name,
    ResendInvitation,
};

use crate::cast::{Cast, id};
use crate::desk::{Desk, Who};
use crate::{Result, paper};

/// The token of one sending. In a service the 256 bits come from the system's randomness.
fn token(number: u8) -> InvitationToken {
    InvitationToken::from_entropy([number; 32])
}

pub(crate) async fn invite(desk: &mut Desk) -> Result<()> {
    paper::step(
        "Invitations",
        &[
            ("INV-3", "one pending invitation to an address and group; another one is a duplicate"),
            ("INV-4", "10 minutes between two sendings to an address, a day after it declined"),
            ("INV-5", "accepting takes the token and the verified address; a resent token is dead"),
        ],
    );
    let Cast { ada, nora, olaf, northwind, litware, admins: group, .. } = desk.cast;
    let at_northwind = Who::Member(ada, northwind);
    let (to_nora, to_olaf): (InvitationId, InvitationId) = (id("invitation", "Nora")?, id("invitation", "Olaf")?);
    let noras: Address = "nora@northwind.example".parse()?;
    let olafs: Address = "olaf@northwind.example".parse()?;

    let first = Invite::as_owner(to_nora, northwind, group, noras.clone(), &token(1));
    desk.does(at_northwind, "invites nora@northwind.example to own Northwind Admins", &first).await?;
    let again = Invite::as_owner(id("invitation", "Nora again")?, northwind, group, noras.clone(), &token(2));
    desk.is_refused(at_northwind, "invites her once more", &again).await?;
    let resend = |number| ResendInvitation::new(northwind, group, to_nora, &token(number));
    desk.is_refused(at_northwind, "sends the invitation again, at once", &resend(2)).await?;
    desk.pass(10);
    desk.does(at_northwind, "sends the invitation again, with a new token", &resend(3)).await?;

    let name: Name = "Nora".parse()?;
    let accept = |number, address: &Address| AcceptInvitation {
        token: token(number),
        address: address.clone(),
        verified: true,
        name: name.clone(),
    };
    let by_nora = Who::Newcomer(nora, "Nora");
    desk.is_refused(by_nora, "accepts with the token of the first message", &accept(1, &noras)).await?;
    desk.is_refused(Who::Newcomer(olaf, "Olaf"), "accepts with Nora's token", &accept(3, &olafs)).await?;
    desk.does(by_nora, "accepts, and owns the group", &accept(3, &noras)).await?;

    let invite = Invite::as_member(to_olaf, northwind, group, olafs.clone(), &token(4));
    desk.does(at_northwind, "invites olaf@northwind.example as a member", &invite).await?;
    let decline = DeclineInvitation { invitation: to_olaf, address: olafs.clone() };
    desk.does(Who::Newcomer(olaf, "Olaf"), "declines", &decline).await?;
    desk.pass(15);
    let again = Invite::as_member(id("invitation", "Olaf soon")?, northwind, group, olafs, &token(5));
    desk.is_refused(at_northwind, "invites Olaf again", &again).await?;

    let to_peter = id("invitation", "Peter")?;
    let invite = Invite::as_member(to_peter, northwind, group, "peter@northwind.example".parse()?, &token(6));
    desk.does(at_northwind, "invites peter@northwind.example, who does not answer", &invite).await?;

    let (staff, at_litware) = (id("group", "Litware Staff")?, Who::Member(ada, litware));
    let group = CreateGroup::new(litware, staff, "Litware Staff".parse()?, ada);
    desk.does(at_litware, "makes the group Litware Staff", &group).await?;
    let invite =
        Invite::as_member(id("invitation", "Lena")?, litware, staff, "lena@litware.example".parse()?, &token(7));
    desk.does(at_litware, "invites lena@litware.example", &invite).await?;
    Ok(())
}

/// A day after Olaf declined he may be asked again.
pub(crate) async fn again(desk: &mut Desk) -> Result<()> {
    paper::step("Olaf, a day later", &[("INV-4", "the wait after a decline is over"), ("INV-7", "he comes in")]);
    let Cast { ada, olaf, northwind, admins, .. } = desk.cast;
    let address: Address = "olaf@northwind.example".parse()?;
    let invite = Invite::as_member(id("invitation", "Olaf later")?, northwind, admins, address.clone(), &token(8));
    desk.does(Who::Member(ada, northwind), "invites Olaf again", &invite).await?;
    let accept = AcceptInvitation { token: token(8), address, verified: true, name: "Olaf".parse()? };
    let (_, group, role) = desk.does(Who::Newcomer(olaf, "Olaf"), "accepts", &accept).await?;
    let tree = desk.tree().await?;
    paper::line(" ", &tree.with_names(format!("he is now a {role} of {group}")));
    Ok(())
}

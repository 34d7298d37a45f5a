//! The first morning: a provider, its customers, its staff, and what reaches where.

use bailiwick::{
    AddGroupMember, AddMember, AssignCapability, CreateGroup, CreateOrganization, EditOrganization, FoundTree,
    LinkGroup, LinkTerms, Name, OrganizationError, Participant, Person, Privilege, RecordSubscription, Refusal,
    Repository, Window,
};
use chrono::TimeDelta;

use crate::cast::{Cast, id, secret};
use crate::customers::Customer;
use crate::desk::{Desk, Who};
use crate::views::called;
use crate::{Result, paper};

pub(crate) async fn found(desk: &mut Desk) -> Result<()> {
    paper::step(
        "A provider",
        &[
            ("HIE-1", "a root has no parent; the operator founds it for its first owner"),
            ("LIC-3", "what needs a feature is refused without it, naming feature, plan and root"),
            ("LIC-5", "a capability is assigned from the top: by the operator, then by each parent"),
        ],
    );
    let Cast { ada, fabrikam, .. } = desk.cast;
    let person = Person::named("Ada".parse()?).reachable_at("ada@fabrikam.example".parse()?);
    let found = FoundTree { root: fabrikam, name: "Fabrikam".parse()?, owner: ada, person, secret: secret("Fabrikam") };
    desk.does(Who::Operator, "founds Fabrikam for Ada", &found).await?;

    let create =
        CreateOrganization::new(id("organization", "Too early")?, fabrikam, "Too early".parse()?, secret("Too early"));
    desk.is_refused(Who::Member(ada, fabrikam), "creates a customer", &create).await?;

    let subscribe = RecordSubscription::active(fabrikam, "Enterprise".parse()?);
    desk.does(Who::Operator, "records that Fabrikam has subscribed to Enterprise", &subscribe).await?;
    let assign = AssignCapability { organization: fabrikam, capability: "reporting".parse()?, until: None };
    desk.does(Who::Operator, "assigns the capability `reporting` to Fabrikam", &assign).await?;
    Ok(())
}

/// Creates the customers of the file that are due and not there yet, parents first.
pub(crate) async fn take_on(desk: &mut Desk, list: &[Customer]) -> Result<()> {
    paper::step(
        "Customers, from the file",
        &[
            ("HIE-3", "a sub-organization is created from its parent, by an owner of it"),
            ("HIE-8", "it gets a slug from its name, unique in the tree"),
            ("GRP-8", "whoever creates it is told which links reach it already"),
        ],
    );
    let mut rows = Vec::new();
    let today = desk.day;
    for customer in list.iter().filter(|customer| customer.day <= today) {
        rows.extend(admit(desk, customer).await?);
    }
    match rows.is_empty() {
        true => paper::line("·", "nobody is new"),
        false => paper::table(["customer", "of", "slug", "region", "tags", "reached by"], rows),
    }
    Ok(())
}

/// One customer: created and described in one commit.
async fn admit(desk: &mut Desk, customer: &Customer) -> Result<Option<[String; 6]>> {
    let Cast { ada, fabrikam, .. } = desk.cast;
    let organization = id("organization", &customer.name)?;
    let parent = customer.of.as_ref().map_or(Ok(fabrikam), |name| id("organization", name))?;
    // HIE-7: one that was ever there is not created again.
    let known = desk.directory.repository().root_of(organization).await?.is_some();
    if known || desk.tree().await?.organization(parent).is_none() {
        return Ok(None);
    }
    let create = CreateOrganization::new(organization, parent, customer.name.clone(), secret(customer.name.as_str()));
    let mut edit = EditOrganization::of(organization);
    (edit.region, edit.tags) = (customer.region.clone().into(), Some(customer.tags.clone()));
    let context = desk.context(Who::Member(ada, parent))?;
    let done = desk.directory.execute_draft(fabrikam, &context, |draft| {
        let created = draft.run(&create)?;
        draft.run(&edit)?;
        Ok::<_, Refusal<OrganizationError>>(created)
    });
    let created = done.await?.output.ok_or("that key was used before")?;
    let tree = desk.tree().await?;
    Ok(Some([
        customer.name.to_string(),
        called(&tree, parent),
        created.slug.to_string(),
        paper::list(&customer.region),
        paper::list(&customer.tags),
        paper::list(created.reached_by.into_iter().map(|link| called(&tree, link))),
    ]))
}

pub(crate) async fn staff(desk: &mut Desk) -> Result<()> {
    paper::step(
        "Staff and groups",
        &[
            ("MEM-1", "users belong to the root; elsewhere they have nothing until they are added"),
            ("GRP-1", "owners of a group choose its members, members get what it gives"),
            ("ERR-2", "several commands make one commit, or none of them does"),
        ],
    );
    let Cast { ada, ben, chloe, fabrikam, northwind, contoso, .. } = desk.cast;
    let Cast { technicians, auditors, admins, .. } = desk.cast;
    let at_home = Who::Member(ada, fabrikam);
    for (principal, name) in [(ben, "Ben"), (chloe, "Chloe")] {
        let address = format!("{}@fabrikam.example", name.to_lowercase());
        let person = Person::named(name.parse()?).reachable_at(address.parse()?);
        desk.does(at_home, &format!("adds {name}"), &AddMember::new(fabrikam, principal, person)).await?;
    }
    let gives = [Privilege::claim("backups.*")?, Privilege::claim("patches.approve")?];
    let group = CreateGroup::new(fabrikam, technicians, "Technicians".parse()?, ada).giving(gives);
    let join = AddGroupMember { organization: fabrikam, group: technicians, participant: Participant::Principal(ben) };
    desk.does_together(at_home, "makes the group Technicians and puts Ben in it", "GRP-1", |draft| {
        draft.run(&group)?;
        draft.run(&join)
    })
    .await?;
    let gives = [Privilege::claim("reports.view")?, Privilege::claim("backups.view")?];
    let group = CreateGroup::new(fabrikam, auditors, "Auditors".parse()?, ada).giving(gives);
    let join = AddGroupMember { organization: fabrikam, group: auditors, participant: Participant::Principal(chloe) };
    desk.does_together(at_home, "makes the group Auditors and puts Chloe in it", "GRP-1", |draft| {
        draft.run(&group)?;
        draft.run(&join)
    })
    .await?;
    let group = CreateGroup::new(northwind, admins, "Northwind Admins".parse()?, ada)
        .giving([Privilege::claim("members.manage")?, Privilege::claim("backups.restore")?]);
    desk.does(Who::Member(ada, northwind), "makes the group Northwind Admins, at Northwind", &group).await?;

    let until = Some(desk.now + TimeDelta::days(20));
    let assign = AssignCapability { organization: contoso, capability: "reporting".parse()?, until };
    desk.does(at_home, "passes `reporting` down to Contoso, for 20 days", &assign).await?;
    Ok(())
}

pub(crate) async fn link(desk: &mut Desk) -> Result<()> {
    paper::step(
        "Links",
        &[
            ("GRP-4", "a group of an ancestor is made active in a descendant; never up, never sideways"),
            ("GRP-8", "a link reaches its target, its children or all below; exclusions always prevail"),
        ],
    );
    let Cast { ada, fabrikam, northwind, wholesale, contoso, labs, litware, adventure, .. } = desk.cast;
    let Cast { technicians, auditors, admins, .. } = desk.cast;
    let at_home = Who::Member(ada, fabrikam);
    let month = Window::until(desk.now + TimeDelta::days(30));
    let links = [
        (technicians, northwind, LinkTerms::subtree().with_future().except([wholesale])),
        (technicians, contoso, LinkTerms::subtree()),
        (technicians, litware, LinkTerms::target().giving_only([Privilege::claim("backups.*")?])),
        (technicians, adventure, LinkTerms::subtree().with_future()),
        (auditors, northwind, LinkTerms::target().during(month)),
        (auditors, contoso, LinkTerms::children()),
    ];
    for (group, target, terms) in links {
        let tree = desk.tree().await?;
        let what = format!("links {} to {}", called(&tree, group), called(&tree, target));
        let link = LinkGroup { link: id("link", &what)?, source: fabrikam, group, target, terms };
        let reached = desk.does(at_home, &what, &link).await?;
        paper::line(" ", &format!("reaches {}", paper::list(reached.into_iter().map(|id| called(&tree, id)))));
    }
    let operations: Name = "Contoso Operations".parse()?;
    let group = id("group", &operations)?;
    let at_contoso = Who::Member(ada, contoso);
    desk.does(at_contoso, "makes Contoso Operations", &CreateGroup::new(contoso, group, operations, ada)).await?;
    let link = id("link", "Contoso Operations to Contoso Labs")?;
    let downward = LinkGroup { link, source: contoso, group, target: labs, terms: LinkTerms::target() };
    desk.does(at_contoso, "links Contoso Operations to Contoso Labs", &downward).await?;

    let link = id("link", "refused")?;
    let (source, terms) = (northwind, LinkTerms::target());
    let upward = LinkGroup { link, source, group: admins, target: fabrikam, terms: terms.clone() };
    let sideways = LinkGroup { link, source, group: admins, target: contoso, terms };
    desk.is_refused(Who::Member(ada, northwind), "links Northwind Admins to Fabrikam", &upward).await?;
    desk.is_refused(Who::Member(ada, northwind), "links Northwind Admins to Contoso", &sideways).await?;
    println!();
    paper::block(&desk.tree().await?.draw_text(fabrikam));
    Ok(())
}

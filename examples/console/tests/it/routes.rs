//! Each route does what it says, and refuses what the library refuses.

use serde_json::{Value, json};

use crate::support::*;

/// Counts of nothing, as of now.
fn nothing(console: &Console) -> Value {
    counted(console, &[])
}

fn counted(console: &Console, counts: &[(&str, u64)]) -> Value {
    let mut all = json!({
        "hosts": 0, "backup_reports": 0, "connected_agents": 0, "registered_machines": 0,
        "client_encryption_keys": 0, "connection_strings": 0, "client_backup_configurations": 0, "held_recordings": 0,
    });
    counts.iter().for_each(|(kind, count)| all[kind] = json!(count));
    json!({ "for_good": true, "as_of": console.now(), "counts": all })
}

#[tokio::test]
async fn a_provider_is_founded_and_subscribed_by_the_operator_alone() {
    let console = Console::new(limits());
    let new = json!({ "name": "Fabrikam", "owner": { "principal": ADA, "name": "Ada" } });
    console.post(ADA, "/api/providers", new).send().await.problem(403, "forbidden");
    let fabrikam = console.found().await;

    // LIC-3: without a subscription there are no customers, and the refusal says what lacks.
    let path = format!("/api/organizations/{fabrikam}/customers");
    let refused = console.post(ADA, &path, json!({ "name": "Early" })).acting(&fabrikam).send().await;
    let problem = refused.problem(402, "subscription.feature_missing");
    assert_eq!((&problem["rule"], &problem["root"]), (&json!("LIC-3"), &json!(fabrikam)));

    let path = format!("/api/organizations/{fabrikam}/subscription");
    let plan = |plan| json!({ "plan": plan, "status": "active" });
    console.by(ADA, "PUT", &path).body(plan("Enterprise")).send().await.problem(403, "forbidden");
    console.by(OPERATOR, "PUT", &path).body(plan("Gold")).send().await.problem(422, "subscription.unknown_plan");
    console.by(OPERATOR, "PUT", &path).body(plan("Enterprise")).send().await.done();
    console.customer(&fabrikam, "Northwind").await;
}

#[tokio::test]
async fn a_capability_is_passed_down_and_not_made_up() {
    let console = Console::new(limits());
    let Story { fabrikam, northwind, .. } = console.story().await;
    let assign = |principal, organization: &str| {
        let path = format!("/api/organizations/{organization}/capabilities/reporting");
        console.by(principal, "PUT", path).acting(&fabrikam).body(json!({}))
    };
    assign(ADA, &northwind).send().await.problem(409, "capability.not_at_parent");
    assign(OPERATOR, &fabrikam).send().await.done();
    assign(ADA, &northwind).send().await.done();
    let path = format!("/api/organizations/{northwind}/check?principal={ADA}&claim=reports.view");
    assert_eq!(console.get(ADA, path).send().await.done().body["allowed"], true);
}

#[tokio::test]
async fn a_customer_is_created_and_shown() {
    let console = Console::new(limits());
    let story = console.story().await;
    let path = format!("/api/organizations/{}/customers", story.northwind);
    let created = console.post(ADA, &path, json!({ "name": "Online" })).acting(&story.northwind).send().await.done();
    assert_eq!(created.status, 201);
    // GRP-8: the link with a future reaches it, and its creator is told.
    assert_eq!(created.body["outcome"], json!({ "slug": "online", "reached_by": [story.link] }));
    // HIE-3: one creates from the parent.
    let elsewhere = console.post(ADA, &path, json!({ "name": "Afar" })).acting(&story.fabrikam).send().await;
    elsewhere.problem(409, "organization.not_acting_from");

    let path = format!("/api/organizations/{}", story.northwind);
    let shown = console.get(ADA, &path).send().await.done().body;
    assert_eq!(
        (&shown["name"], &shown["level"], &shown["active"]),
        (&json!("Northwind Traders"), &json!(2), &json!(true))
    );
    let names = |key: &str| shown[key].as_array().unwrap().iter().map(|each| each["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names("customers"), ["Northwind Retail", "Northwind Wholesale", "Online"]);
    assert_eq!(names("groups"), ["Northwind Admins"]);
    assert_eq!(names("links"), ["Technicians → Northwind Traders"]);
    // ERR-4: what one may not see and what is not there answer alike.
    let hidden = console.get(NOBODY, &path).send().await.problem(404, "not_found");
    let missing = console.get(NOBODY, format!("/api/organizations/{NOBODY}")).send().await.problem(404, "not_found");
    assert_eq!(hidden, missing);
}

#[tokio::test]
async fn a_member_is_added_and_removed() {
    let console = Console::new(limits());
    let Story { fabrikam, northwind, .. } = console.story().await;
    let path = format!("/api/organizations/{northwind}/members");
    let ben = json!({ "principal": BEN, "name": "Ben" });
    console.post(ADA, &path, ben.clone()).acting(&northwind).send().await.done();
    console.post(ADA, &path, ben).acting(&northwind).send().await.problem(409, "member.already");

    let removed = console.by(ADA, "DELETE", format!("{path}/{BEN}")).acting(&northwind).send().await.done();
    // MEM-4: told is what access remains; the link is still there.
    let remains = removed.body["outcome"].as_array().unwrap();
    assert!(remains.iter().any(|place| place["organization"] == json!(northwind)), "{remains:?}");
    // CLM-5: the last owner stays.
    let path = format!("/api/organizations/{fabrikam}/members/{ADA}");
    console.by(ADA, "DELETE", path).acting(&fabrikam).send().await.problem(409, "owner.last");
}

#[tokio::test]
async fn the_roster_says_who_is_there_and_why() {
    let console = Console::new(limits());
    let Story { northwind, invitation, .. } = console.story().await;
    let path = format!("/api/organizations/{northwind}/roster");
    let roster = console.get(ADA, &path).send().await.done().body;
    assert_eq!(roster["total"], 3);
    let line = |name: &str| roster["lines"].as_array().unwrap().iter().find(|line| line["name"] == name).unwrap();
    assert_eq!(line("Ben")["is_member"], false);
    let why = line("Ben")["why"][0]["text"].as_str().unwrap();
    assert_eq!(why, "as a member of group Technicians, through link Technicians → Northwind Traders");
    assert_eq!(line("nora@northwind.example")["invitation"], json!(invitation));
    let found = console.get(ADA, format!("{path}?text=BEN&limit=1")).send().await.done().body;
    assert_eq!((&found["total"], &found["lines"][0]["principal"]), (&json!(1), &json!(BEN)));
    console.get(BEN, &path).send().await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_group_gains_and_loses_members_and_is_deleted() {
    let console = Console::new(limits());
    let Story { fabrikam, northwind, technicians, link, admins, .. } = console.story().await;
    let path = format!("/api/organizations/{fabrikam}/groups/{technicians}");
    let remove = || console.by(ADA, "DELETE", format!("{path}/members/{BEN}")).acting(&fabrikam);
    remove().send().await.done();
    remove().send().await.problem(404, "group.no_member");
    let body = json!({ "principal": BEN });
    console.post(NORA, format!("{path}/members"), body).send().await.problem(404, "not_found");
    let deleted = console.by(ADA, "DELETE", &path).acting(&fabrikam).send().await.done();
    assert_eq!(deleted.body["outcome"]["links"], json!([link]));
    // HIE-7: a group of another organization is not there.
    let path = format!("/api/organizations/{fabrikam}/groups/{admins}");
    console.by(ADA, "DELETE", path).acting(&fabrikam).send().await.problem(404, "not_found");
    let body = json!({ "name": "More", "gives": ["nothing.known"] });
    let path = format!("/api/organizations/{northwind}/groups");
    console.post(ADA, path, body).acting(&northwind).send().await.problem(422, "claim.undeclared");
}

#[tokio::test]
async fn a_link_runs_downward_with_reach_and_exclusions() {
    let console = Console::new(limits());
    let Story { fabrikam, northwind, retail, wholesale, contoso, technicians, admins, link, .. } =
        console.story().await;
    let allowed = async |organization: &str| {
        let path = format!("/api/organizations/{organization}/check?principal={BEN}&claim=backups.restore");
        console.get(ADA, path).send().await.done().body["allowed"].clone()
    };
    assert_eq!([allowed(&retail).await, allowed(&wholesale).await], [true, false]);

    let path = |organization: &str| format!("/api/organizations/{organization}/links");
    let terms = json!({ "group": admins, "target": fabrikam });
    let up = console.post(ADA, path(&northwind), terms).acting(&northwind).send().await;
    assert_eq!(up.problem(409, "link.to_ancestor")["rule"], "GRP-4");
    let terms = json!({ "group": technicians, "target": contoso, "gives": ["backups.view"] });
    let linked = console.post(ADA, path(&fabrikam), terms).acting(&fabrikam).send().await.done();
    assert_eq!(linked.body["outcome"]["reaches"], json!([contoso]));
    assert_eq!(allowed(&contoso).await, false);

    let opt_out = format!("{}/{link}/opt-out", path(&retail));
    console.by(ADA, "POST", opt_out).acting(&retail).send().await.done();
    assert_eq!([allowed(&retail).await, allowed(&northwind).await], [false, true]);
    let end = || console.by(ADA, "DELETE", format!("{}/{link}", path(&northwind))).acting(&northwind);
    end().send().await.done();
    assert_eq!(allowed(&northwind).await, false);
    end().send().await.problem(404, "not_found");
}

#[tokio::test]
async fn an_invitation_is_resent_and_accepted_with_the_newest_token() {
    let console = Console::new(limits());
    let Story { northwind, invitation, token, admins, .. } = console.story().await;
    let path = format!("/api/organizations/{northwind}/invitations");
    let body = json!({ "group": admins, "address": "NORA@northwind.example", "role": "member" });
    let twice = console.post(ADA, &path, body).acting(&northwind).send().await;
    assert_eq!(twice.problem(409, "invitation.duplicate")["invitation"], json!(invitation));

    let resend = || console.by(ADA, "POST", format!("{path}/{invitation}/resend")).acting(&northwind);
    let early = resend().send().await;
    assert_eq!(early.headers["retry-after"], "600");
    early.problem(429, "invitation.cooling_down");
    console.pass(10);
    let newest = resend().send().await.done().body["outcome"]["token"].clone();

    let accept = |principal, address: &str, token: &Value| {
        let body = json!({ "token": token, "name": "Nora" });
        console.post(principal, format!("{path}/accept"), body).address(address)
    };
    let nora = "nora@northwind.example";
    accept(NORA, nora, &json!(token)).send().await.problem(404, "not_found");
    accept(NORA, nora, &json!("no token")).send().await.problem(404, "not_found");
    accept(OLAF, "olaf@northwind.example", &newest).send().await.problem(403, "invitation.recipient_mismatch");
    let came_in = accept(NORA, nora, &newest).send().await.done().body;
    assert_eq!(came_in["outcome"]["group"], json!(admins));
    accept(OLAF, nora, &newest).send().await.problem(410, "invitation.already_used");

    let shown = console.get(ADA, format!("{path}/{invitation}")).send().await.done().body;
    assert_eq!(shown["state"]["accepted"]["by"], json!(NORA));
    assert_eq!(shown["sendings"].as_array().unwrap().len(), 2);
    // INV-8: a member who is no owner does not see it.
    console.get(NORA, format!("{path}/{invitation}")).send().await.problem(404, "not_found");
    console.by(NORA, "POST", format!("{path}/{invitation}/resend")).send().await.problem(403, "forbidden");
    console.by(NORA, "POST", format!("{path}/{NOBODY}/resend")).send().await.problem(403, "forbidden");
    console.by(ADA, "POST", format!("{path}/{NOBODY}/resend")).send().await.problem(404, "not_found");
}

#[tokio::test]
async fn an_invitation_is_declined_or_taken_back() {
    let console = Console::new(limits());
    let Story { northwind, invitation, admins, .. } = console.story().await;
    let path = format!("/api/organizations/{northwind}/invitations");
    let decline = |address: &str| console.by(OLAF, "POST", format!("{path}/{invitation}/decline")).address(address);
    decline("olaf@northwind.example").send().await.problem(404, "not_found");
    console.by(OLAF, "POST", format!("{path}/{invitation}/decline")).send().await.problem(400, "header.missing");
    decline("nora@northwind.example").send().await.done();
    let revoke = |id: &str| console.by(ADA, "DELETE", format!("{path}/{id}")).acting(&northwind);
    revoke(&invitation).send().await.problem(410, "invitation.declined");
    console.pass(20);
    let body = json!({ "group": admins, "address": "nora@northwind.example", "role": "member" });
    let soon = console.post(ADA, &path, body).acting(&northwind).send().await;
    soon.problem(429, "invitation.declined_recently");
    let (other, _) = console.invite(&northwind, &admins, "peter@northwind.example").await;
    revoke(&other).send().await.done();
    let shown = console.get(ADA, format!("{path}/{other}")).send().await.done().body;
    assert!(shown["state"]["revoked"].is_object(), "{shown}");
}

#[tokio::test]
async fn a_check_tells_every_path_or_every_reason() {
    let console = Console::new(limits());
    let Story { retail, wholesale, .. } = console.story().await;
    let path = |organization: &str, who: &str, claim: &str| {
        format!("/api/organizations/{organization}/check?principal={who}&claim={claim}")
    };
    let yes = console.get(ADA, path(&retail, BEN, "backups.restore")).send().await.done().body;
    assert_eq!(yes["allowed"], true);
    assert!(yes["sentence"].as_str().unwrap().starts_with("Ben may backups.restore in Northwind Retail"), "{yes}");
    assert_eq!((yes["paths"].as_array().unwrap().len(), &yes["reasons"]), (1, &json!([])));
    let no = console.get(ADA, path(&wholesale, BEN, "backups.restore")).send().await.done().body;
    assert_eq!(no["allowed"], false);
    assert_eq!(no["reasons"][0]["text"], "group Technicians is not active there: it must be linked");
    // One may ask about oneself, and not about whom one does not see: ERR-4.
    console.get(BEN, path(&retail, BEN, "backups.restore")).send().await.done();
    console.get(BEN, path(&retail, ADA, "backups.restore")).send().await.problem(404, "not_found");
    console.get(ADA, path(&retail, NOBODY, "backups.restore")).send().await.problem(404, "not_found");
    console.get(BEN, path(&wholesale, BEN, "backups.restore")).send().await.problem(404, "not_found");
}

#[tokio::test]
async fn a_move_is_tried_refused_and_made() {
    let console = Console::new(limits());
    let Story { northwind, retail, contoso, fabrikam, .. } = console.story().await;
    let group = console.group(&northwind, "Shops", &["backups.view"]).await;
    let terms = json!({ "group": group, "target": retail });
    let path = format!("/api/organizations/{northwind}/links");
    let link = console.post(ADA, path, terms).acting(&northwind).send().await.id();

    let path = format!("/api/organizations/{retail}/move");
    let tried = console.get(ADA, format!("{path}?parent={contoso}")).send().await.done().body;
    assert_eq!(tried["blockers"][0]["text"], "link Shops → Northwind Retail would not run downward");
    assert_eq!(tried["changes"][0]["text"], "Ben in Northwind Retail");
    assert_eq!(tried["changes"][0]["loses"], json!(["backups.view", "backups.restore", "patches.approve"]));
    console.get(BEN, format!("{path}?parent={contoso}")).send().await.problem(404, "not_found");

    let relocate = |sever| console.post(ADA, &path, json!({ "parent": contoso, "sever": sever })).acting(&fabrikam);
    let problem = relocate(false).send().await.problem(409, "relocation.blocked");
    assert_eq!(problem["obstacles"], json!([{ "link": { "link": link } }]));
    let moved = relocate(true).send().await.done().body;
    assert!(moved["outcome"]["warnings"][0]["text"].is_string(), "{moved}");
    let shown = console.get(ADA, format!("/api/organizations/{retail}")).send().await.done().body;
    assert_eq!(shown["parent"], json!(contoso));
    let into_itself =
        console.get(ADA, format!("/api/organizations/{contoso}/move?parent={retail}")).send().await.done();
    assert_eq!(into_itself.body["blockers"][0]["text"], "the new parent lies in the subtree itself");
}

#[tokio::test]
async fn a_customer_is_split_off_with_its_own() {
    let console = Console::new(limits());
    let Story { northwind, retail, fabrikam, .. } = console.story().await;
    let path = format!("/api/organizations/{northwind}/detach");
    let detach = |sever| console.post(ADA, &path, json!({ "sever": sever })).acting(&fabrikam).key("leave");
    detach(false).send().await.problem(409, "relocation.blocked");
    assert_eq!(detach(true).send().await.done().body["repeated"], false);
    // REP-3: sent again, it is done once, and said to be.
    assert_eq!(detach(true).send().await.done().body["repeated"], true);
    let shown = console.get(ADA, format!("/api/organizations/{retail}")).send().await.done().body;
    assert_eq!((&shown["parent"], &shown["level"]), (&json!(northwind), &json!(2)));
}

#[tokio::test]
async fn a_deletion_is_refused_with_everything_in_the_way_or_is_clean() {
    let console = Console::new(limits());
    let Story { fabrikam, northwind, contoso, .. } = console.story().await;
    let delete = |organization: &str, body| {
        console.post(ADA, format!("/api/organizations/{organization}/deletion"), body).acting(&fabrikam)
    };
    let counts = counted(&console, &[("hosts", 12), ("backup_reports", 341)]);
    let problem = delete(&northwind, counts).send().await.problem(409, "deletion.blocked");
    assert_eq!(
        problem["blockers"],
        json!([
            { "kind": "child_organizations", "count": 2 },
            { "kind": "hosts", "count": 12 },
            { "kind": "backup_reports", "count": 341 },
        ])
    );
    let stale = nothing(&console);
    console.pass(6);
    delete(&contoso, stale).send().await.problem(409, "deletion.stale_evidence");
    let mut uncounted = nothing(&console);
    uncounted["counts"].as_object_mut().unwrap().remove("hosts");
    delete(&contoso, uncounted).send().await.problem(422, "deletion.missing_evidence");
    delete(&fabrikam, nothing(&console)).send().await.problem(409, "deletion.acting_from");

    let mut soft = nothing(&console);
    soft["for_good"] = json!(false);
    delete(&contoso, soft).send().await.done();
    let path = format!("/api/organizations/{contoso}");
    assert_eq!(console.get(ADA, &path).send().await.done().body["active"], false);
    // HIE-10: it rests, and can be read by those who could read it before.
    console.get(ADA, format!("{path}/audit")).send().await.done();
    console.get(ADA, format!("{path}/roster")).send().await.done();
    console.get(BEN, format!("{path}/audit")).send().await.problem(404, "not_found");
    console.by(ADA, "POST", format!("{path}/reactivation")).acting(&fabrikam).send().await.done();
    assert_eq!(console.get(ADA, &path).send().await.done().body["active"], true);
    delete(&contoso, nothing(&console)).send().await.done();
    console.get(ADA, &path).send().await.problem(404, "not_found");
}

#[tokio::test]
async fn the_audit_trail_is_read_by_page_by_those_who_may() {
    let console = Console::new(limits());
    let Story { fabrikam, northwind, contoso, admins, token, .. } = console.story().await;
    let path = format!("/api/organizations/{northwind}/customers");
    let why = "they asked for it — today";
    console
        .post(ADA, &path, json!({ "name": "Online" }))
        .acting(&northwind)
        .with("bailiwick-reason", why)
        .send()
        .await
        .done();
    console.post(BEN, &path, json!({ "name": "Refused" })).acting(&northwind).send().await.problem(403, "forbidden");

    let path = format!("/api/organizations/{northwind}/audit");
    let trail = console.get(ADA, &path).send().await.done();
    assert!(!trail.text.contains(&token), "a token in the trail");
    let trail = trail.body;
    let trail = trail.as_array().unwrap();
    let last = &trail[trail.len() - 1];
    assert_eq!((&last["by"], &last["commit"]["operations"]), (&json!("Ben"), &json!(["record_refusal"])));
    assert_eq!(trail[trail.len() - 2]["reason"], why);
    let next = console.get(ADA, format!("{path}?after={}&limit=1", trail[0]["version"])).send().await.done().body;
    assert_eq!(next, json!([trail[1]]));
    let invitations = console.get(ADA, format!("{path}?noun=invitation")).send().await.done().body;
    assert_eq!(invitations.as_array().unwrap().len(), 1);
    console.get(OPERATOR, &path).send().await.done();

    // An auditor of Northwind alone reads nothing of its siblings, nor of what is above.
    let auditors = console.group(&northwind, "Auditors", &["audit.view"]).await;
    console.employ(&fabrikam, CHLOE, "Chloe").await;
    console.employ(&northwind, CHLOE, "Chloe").await;
    console.get(CHLOE, &path).send().await.problem(403, "forbidden");
    let body = json!({ "principal": CHLOE });
    let members = format!("/api/organizations/{northwind}/groups/{auditors}/members");
    console.post(ADA, members, body).acting(&northwind).send().await.done();
    // One commit removes Ben from three; she reads of the one that she audits.
    console.employ(&northwind, BEN, "Ben").await;
    console.employ(&contoso, BEN, "Ben").await;
    let remove = format!("/api/organizations/{fabrikam}/members/{BEN}");
    console.by(ADA, "DELETE", remove).acting(&fabrikam).send().await.done();
    assert!(console.get(ADA, &path).send().await.done().text.contains(&contoso));
    let hers = console.get(CHLOE, &path).send().await.done();
    assert!(hers.text.contains(&admins) && hers.text.contains("remove_member"), "{}", hers.text);
    assert!(!hers.text.contains(&contoso), "{}", hers.text);
}

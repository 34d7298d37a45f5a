//! The pages as text: what they show, to whom, and that nothing in them runs.

use serde_json::json;

use crate::support::*;

async fn page(console: &Console, principal: &str, path: &str) -> String {
    let answer = console.get(principal, path).with("accept", "text/html").send().await.done();
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    answer.text
}

#[tokio::test]
async fn the_tree_shows_names_groups_and_links_to_those_who_may_see_them() {
    let console = Console::new(limits());
    let story = console.story().await;
    let path = format!("/organizations/{}", story.fabrikam);
    let shown = page(&console, ADA, &path).await;
    for text in ["Northwind Retail", "Contoso", "Technicians", "here and everywhere below, except Northwind Wholesale"]
    {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    // Ben sees what the link gives him, and no groups: that takes `groups.view`.
    let bens = page(&console, BEN, &format!("/organizations/{}", story.northwind)).await;
    assert!(bens.contains("Northwind Retail") && !bens.contains("Wholesale") && !bens.contains("Admins"), "{bens}");
    assert!(page(&console, ADA, "/").await.contains("5 organizations"));
    assert!(page(&console, NOBODY, "/").await.contains("nothing here that you may see"));
}

#[tokio::test]
async fn the_roster_the_check_and_the_trail_say_why() {
    let console = Console::new(limits());
    let story = console.story().await;
    let base = format!("/organizations/{}", story.northwind);
    let roster = page(&console, ADA, &format!("{base}/roster")).await;
    for text in ["nora@northwind.example", "from above", "Everything, as an owner", "linked from"] {
        assert!(roster.contains(text), "{text}: {roster}");
    }
    let form = page(&console, ADA, &format!("{base}/check")).await;
    assert!(form.contains("Restore a backup") && form.contains(">Ben<"), "{form}");
    let yes = page(&console, ADA, &format!("{base}/check?principal={BEN}&claim=backups.restore")).await;
    assert!(yes.contains("answer yes") && yes.contains("One way leads there"), "{yes}");
    let no = page(&console, ADA, &format!("{base}/check?principal={BEN}&claim=audit.view")).await;
    assert!(no.contains("answer no") && no.contains("nothing gives it"), "{no}");
    let trail = page(&console, ADA, &format!("{base}/audit")).await;
    assert!(trail.contains("invite into a group") && !trail.contains(&story.token), "{trail}");
}

#[tokio::test]
async fn an_invitation_shows_its_life() {
    let console = Console::new(limits());
    let story = console.story().await;
    let path = format!("/organizations/{}/invitations/{}", story.northwind, story.invitation);
    let pending = page(&console, ADA, &path).await;
    assert!(pending.contains("Invitation of nora@northwind.example") && pending.contains("expires by itself"));
    console.pass(7 * 24 * 60);
    let expired = page(&console, ADA, &path).await;
    assert!(expired.contains("<li class=\"expired\" aria-current=\"step\">"), "{expired}");
}

#[tokio::test]
async fn whatever_is_called_something_wicked_is_shown_and_does_nothing() {
    let console = Console::new(limits());
    let Story { fabrikam, .. } = console.story().await;
    let wicked = "<script>alert(1)</script>\"'&";
    let customer = console.customer(&fabrikam, wicked).await;
    console.group(&customer, wicked, &[]).await;
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;";
    for path in ["", "/roster", "/check", "/audit"] {
        let shown = page(&console, ADA, &format!("/organizations/{customer}{path}")).await;
        assert!(shown.contains(escaped) && !shown.contains("<script"), "{shown}");
    }
    let search = page(&console, ADA, &format!("/organizations/{customer}/roster?text=%22%3E%3Cscript%3E")).await;
    assert!(!search.contains("<script"), "{search}");
}

#[tokio::test]
async fn a_problem_is_a_page_where_a_page_was_wanted() {
    let console = Console::new(limits());
    for path in ["/nowhere", "/organizations/here", &format!("/organizations/{NOBODY}/roster")] {
        let answer = console.get(ADA, path).with("accept", "text/html,*/*").send().await;
        assert!(answer.status.is_client_error());
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        assert!(answer.headers.contains_key("content-security-policy"));
        assert!(answer.text.contains("Back to the beginning"), "{}", answer.text);
    }
    let answer = console.get(ADA, "/api/nowhere").with("accept", "text/html").send().await;
    answer.problem(404, "route.unknown");
    let style = console.get(ADA, "/style.css").send().await.done();
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
    assert_eq!(json!(style.headers["cache-control"].to_str().unwrap()), "public, max-age=300");
}

//! The pages in headless Chromium, driven through chromedriver: they render, nothing on them
//! complains, they fit a narrow screen, and the form works.
//!
//! Without `chromedriver` on the path this says loudly that it did not run; where `CI` is set,
//! that is a failure. `SHOTS` names a folder that pictures of the pages are written to.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::*;

/// How wide a screen is: that of a desk, and that of a hand.
const WIDTHS: [u32; 2] = [1280, 400];

/// A browser, closed when it is dropped.
struct Browser {
    driver: Child,
    session: String,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = ureq::delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// `None` where there is no chromedriver.
    fn start() -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("chromedriver");
        let driver = command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let profile = tempfile::tempdir().unwrap();
        let data = format!("--user-data-dir={}", profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &data,
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let base = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { driver, session: base.clone(), _profile: profile };
        for _ in 0..100 {
            if let Ok(mut answer) = ureq::post(&base).send_json(&wanted) {
                let answer: Value = answer.body_mut().read_json().unwrap();
                browser.session = format!("{base}/{}", answer["value"]["sessionId"].as_str().unwrap());
                return Some(browser);
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("chromedriver is there, and starts no browser: is chromium installed?");
    }

    fn ask(&self, what: &str, body: &Value) -> Value {
        let mut answer = ureq::post(format!("{}/{what}", self.session)).send_json(body).unwrap();
        answer.body_mut().read_json::<Value>().unwrap()["value"].take()
    }

    fn run(&self, script: &str) -> Value {
        self.ask("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// A device of this width, so that a page is laid out as on one.
    fn is_wide(&self, width: u32, dark: bool) {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.ask("goog/cdp/execute", &json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": size }));
        let scheme = json!([{ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } }]);
        let media = json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": scheme } });
        self.ask("goog/cdp/execute", &media);
    }

    fn open(&self, url: &str) {
        self.ask("url", &json!({ "url": url }));
    }

    /// What a person reads on the page.
    fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().unwrap().to_owned()
    }

    /// Waits until this is to be read: a press of a button returns before the next page is there.
    fn comes_to(&self, text: &str) {
        for _ in 0..100 {
            if self.text().contains(text) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("no {text:?} in {}", self.text());
    }

    /// What the page complained of since it was asked last.
    fn complaints(&self) -> Vec<Value> {
        self.ask("se/log", &json!({ "type": "browser" })).as_array().unwrap().clone()
    }

    fn shoot(&self, name: &str) {
        let Ok(folder) = env::var("SHOTS") else { return };
        let params = json!({ "captureBeyondViewport": true });
        let shot = self.ask("goog/cdp/execute", &json!({ "cmd": "Page.captureScreenshot", "params": params }));
        let path = format!("{folder}/{name}.png");
        let mut decode = Command::new("base64")
            .arg("-d")
            .stdin(Stdio::piped())
            .stdout(fs::File::create(path).unwrap())
            .spawn()
            .unwrap();
        decode.stdin.take().unwrap().write_all(shot["data"].as_str().unwrap().as_bytes()).unwrap();
        decode.wait().unwrap();
    }
}

/// The console behind a proxy that says that Ada is signed in.
async fn serve(console: &Console) -> String {
    let router = console.router.clone().layer(from_fn(async |mut request: axum::extract::Request, next: Next| {
        request.headers_mut().insert("bailiwick-principal", HeaderValue::from_static(ADA));
        next.run(request).await
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Each page: its name, its path, and what is to be read on it.
fn pages(story: &Story) -> Vec<(&'static str, String, Vec<&'static str>)> {
    let Story { fabrikam, northwind, wholesale, invitation, .. } = story;
    let at = |organization: &str, rest: &str| format!("/organizations/{organization}{rest}");
    let check = format!("/check?principal={BEN}&claim=backups.restore");
    vec![
        ("home", "/".to_owned(), vec!["Organizations", "Fabrikam"]),
        ("tree", at(fabrikam, ""), vec!["Northwind Retail", "Technicians of Fabrikam, here and everywhere below"]),
        ("roster", at(northwind, "/roster"), vec!["Who is at Northwind Traders", "Everything, as an owner", "nora@"]),
        ("invitation", at(northwind, &format!("/invitations/{invitation}")), vec!["sent again", "expires by itself"]),
        ("question", at(northwind, "/check"), vec!["Who may, and why"]),
        ("allowed", at(northwind, &check), vec!["Ben may backups.restore in Northwind Traders", "One way leads there"]),
        ("denied", at(wholesale, &check), vec!["Ben may not", "Technicians is not active there"]),
        ("audit", at(northwind, "/audit"), vec!["What has happened", "Resend an invitation", "refused"]),
        ("problem", at(NOBODY, ""), vec!["Not Found", "no such thing here"]),
    ]
}

fn looks_at(browser: &Browser, base: &str, story: &Story) {
    for (name, path, texts) in pages(story) {
        for width in WIDTHS {
            browser.is_wide(width, false);
            browser.open(&format!("{base}{path}"));
            let shown = browser.text();
            for text in &texts {
                assert!(shown.contains(text), "{name} at {width}: no {text:?} in {shown}");
            }
            let styled = browser.run("return getComputedStyle(document.querySelector('main')).maxWidth !== 'none'");
            assert_eq!(styled, true, "{name}: the stylesheet does not count");
            // Not against `innerWidth`: a small device zooms out until a page that is too wide fits.
            let taken = browser.run("return document.documentElement.scrollWidth");
            assert!(taken.as_u64().unwrap() <= width.into(), "{name} is {taken} wide on a screen of {width}");
            browser.shoot(&format!("{name}-{width}"));
            browser.is_wide(width, true);
            browser.shoot(&format!("{name}-{width}-dark"));
            let complaints = browser.complaints();
            let expected =
                |complaint: &Value| name == "problem" && complaint["message"].as_str().unwrap().contains("404");
            assert!(complaints.iter().all(expected), "{name} at {width}: {complaints:?}");
        }
    }
}

/// A question asked as a person does, by choosing and pressing.
fn asks(browser: &Browser, base: &str, story: &Story) {
    browser.open(&format!("{base}/organizations/{}/check", story.northwind));
    let press = |selector: &str| {
        let found = browser.ask("element", &json!({ "using": "css selector", "value": selector }));
        let element = found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        browser.ask(&format!("element/{element}/click"), &json!({}));
    };
    press(&format!("#principal option[value='{BEN}']"));
    press("#claim option[value='patches.approve']");
    press("form button");
    browser.comes_to("Ben may patches.approve in Northwind Traders");
    assert_eq!(browser.complaints(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_render_and_the_form_works() {
    let Some(browser) = Browser::start() else {
        assert!(env::var_os("CI").is_none(), "no chromedriver: install chromium and chromium-driver");
        // Past the harness, which keeps what a passing test prints to itself.
        let told = b"\n*** NOT RUN: the pages were not looked at in a browser; there is no chromedriver ***\n\n";
        std::io::stderr().write_all(told).unwrap();
        return;
    };
    let console = Console::new(limits());
    let story = console.story().await;
    console.pass(12);
    console.enliven(&story).await;
    let base = serve(&console).await;
    tokio::task::spawn_blocking(move || {
        looks_at(&browser, &base, &story);
        asks(&browser, &base, &story);
    })
    .await
    .unwrap();
}

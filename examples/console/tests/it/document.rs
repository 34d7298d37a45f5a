//! The document has every route of the router, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::*;

const METHODS: [&str; 4] = ["GET", "PUT", "POST", "DELETE"];

/// A path with identifiers where it has names.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{capability}" => "reporting",
        part if part.starts_with('{') => NOBODY,
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

async fn operations(console: &Console) -> BTreeSet<(&'static str, String)> {
    let document = console.get(ADA, "/openapi.json").send().await.done().body;
    let of = |(path, item): (&String, &Value)| {
        let known = METHODS.into_iter().filter(|method| item.get(method.to_lowercase()).is_some());
        known.map(|method| (method, path.clone())).collect::<Vec<_>>()
    };
    document["paths"].as_object().unwrap().iter().flat_map(of).collect()
}

#[tokio::test]
async fn every_operation_of_the_document_is_routed_and_no_other() {
    let console = Console::new(limits());
    let operations = operations(&console).await;
    assert!(operations.len() > 20, "{operations:?}");
    for path in operations.iter().map(|(_, path)| path) {
        for method in METHODS {
            let answer = console.by(NOBODY, method, filled(path)).send().await;
            let code = answer.body["code"].as_str().unwrap_or_default().to_owned();
            assert_ne!(code, "route.unknown", "{method} {path}");
            let routed = code != "method.unknown";
            assert_eq!(routed, operations.contains(&(method, path.clone())), "{method} {path}: {}", answer.text);
        }
    }
}

/// A handler that is described but not routed is in no document, so the files are counted.
#[tokio::test]
async fn every_handler_that_is_described_is_in_the_document() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/routes");
    let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let texts: Vec<String> = files.collect();
    let described: usize = texts.iter().map(|text| text.matches("#[utoipa::path(").count()).sum();
    assert_eq!(described, operations(&Console::new(limits())).await.len());
    // Routed by hand, it would be in none either.
    assert!(texts.iter().all(|text| !text.contains(".route(")));
}

#[tokio::test]
async fn the_document_is_whole() {
    let console = Console::new(limits());
    let document = console.get(ADA, "/openapi.json").send().await.done().body;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    let references = text.split("#/components/schemas/").skip(1);
    let names: BTreeSet<&str> = references.map(|rest| rest.split('"').next().unwrap()).collect();
    for name in &names {
        assert!(schemas.contains_key(*name), "{name} is not described");
    }
    assert!(names.contains("Problem"));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            assert!(operation["responses"]["default"].is_object(), "{method} {path} has no problems");
            let parameters = operation["parameters"].as_array().unwrap();
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(in_path, path.matches('{').count(), "{method} {path}");
            let key = parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key");
            assert_eq!(key, method != "get", "{method} {path}");
        }
    }
}

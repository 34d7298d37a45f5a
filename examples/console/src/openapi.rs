//! The document of the routes, OpenAPI 3.1. It is made of the handlers themselves; what all of
//! them have in common is added here.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Ref, RefOr, Required, ResponseBuilder, Type};
use utoipa::{Modify, OpenApi};

use crate::identity::{ACTING, ADDRESS, KEY, PRINCIPAL, REASON, VERSION};
use crate::problem::Details;
use crate::service::Service;

/// What the document says beside the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "bailiwick-console",
        description = "Organizations inside organizations: who may do what where, and why. Whatever is refused is a \
            problem (RFC 9457) with a stable `code`.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(Details<'static>)),
    security(("principal" = [])),
    modifiers(&Principal)
)]
pub(crate) struct Document;

/// Who asks: the header that the proxy sets.
struct Principal;

impl Modify for Principal {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let value = ApiKeyValue::with_description(PRINCIPAL, "Set by the trusted proxy: the UUID of who is signed in.");
        let scheme = SecurityScheme::ApiKey(ApiKey::Header(value));
        document.components.get_or_insert_default().add_security_scheme("principal", scheme);
    }
}

/// The route of the document.
pub(crate) fn router(mut document: utoipa::openapi::OpenApi) -> Router<Arc<Service>> {
    complete(&mut document);
    Router::new().route("/openapi.json", get(async move || Json(document)))
}

/// What every operation has: its headers, and problems.
fn complete(document: &mut utoipa::openapi::OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations = [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Delete, &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.parameters.get_or_insert_default().extend(headers(&method).into_iter().map(RefOr::T));
                problems(operation);
            }
        }
    }
}

fn problems(operation: &mut Operation) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description("A problem").content("application/problem+json", content);
    operation.responses.responses.insert("default".to_owned(), response.build().into());
}

fn headers(method: &HttpMethod) -> Vec<Parameter> {
    let header = |name: &str, required, description: &str| {
        let text = ObjectBuilder::new().schema_type(Type::String);
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(required)
            .description(Some(description))
            .schema(Some(text))
            .build()
    };
    match method {
        HttpMethod::Get => vec![header(VERSION, Required::False, "The version that the answer must have seen")],
        _ => vec![
            header(KEY, Required::True, "The same key takes effect once; a UUID, or another text"),
            header(ACTING, Required::False, "The organization that the caller is signed in to"),
            header(REASON, Required::False, "Why, for the audit trail"),
            header(ADDRESS, Required::False, "Set by the trusted proxy: the address that it has verified"),
        ],
    }
}

//! Bodies, paths and queries whose refusals are problems too.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(body) = Json::from_request(request, state).await.map_err(body)?;
        Ok(Self(body))
    }
}

fn body(rejection: JsonRejection) -> Problem {
    let code = match &rejection {
        JsonRejection::MissingJsonContentType(_) => "body.not_json",
        JsonRejection::JsonSyntaxError(_) => "body.syntax",
        JsonRejection::JsonDataError(_) => "body.invalid",
        _ if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => "body.too_large",
        _ => "body.unreadable",
    };
    Problem::new(rejection.status(), code, rejection.body_text())
}

/// What stands in the path.
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wrong = |rejection: PathRejection| Problem::new(rejection.status(), "path.invalid", rejection.body_text());
        let Path(path) = Path::from_request_parts(parts, state).await.map_err(wrong)?;
        Ok(Self(path))
    }
}

/// What stands in the query.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wrong =
            |rejection: QueryRejection| Problem::new(rejection.status(), "query.invalid", rejection.body_text());
        let Query(query) = Query::from_request_parts(parts, state).await.map_err(wrong)?;
        Ok(Self(query))
    }
}

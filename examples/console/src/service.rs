//! The service behind the routes: the directory of trees, the clock, and who runs it.

use std::error::Error;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use bailiwick::{
    BoxError, BoxedRepository, Command, Directory, DirectoryError, OrganizationId, PrincipalId, Repository, RuleError,
    Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::domain;
use crate::identity::{Caller, Writer};
use crate::problem::Problem;
use crate::view::View;

/// What time it is. The library asks nobody; the service says.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The clock on the wall.
#[expect(clippy::disallowed_methods, reason = "the library is told what time it is, and here is where")]
pub fn wall_clock() -> Clock {
    Arc::new(|| SystemTime::now().into())
}

/// Live trees over a repository, with a clock and an operator.
pub struct Service {
    directory: Directory<BoxedRepository>,
    operator: PrincipalId,
    clock: Clock,
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done<T> {
    /// The identifier of what was made, if something was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<Uuid>,
    /// The version of the tree that has seen it; send it as `Bailiwick-Version` to read on from
    /// there.
    pub(crate) version: u64,
    /// Whether the key had taken effect before. The outcome was told then, and is not again.
    pub(crate) repeated: bool,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<T>,
}

/// No outcome but that it was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Nothing {}

impl<T> Done<T> {
    pub(crate) fn made(self, id: impl Into<Uuid>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    pub(crate) fn map<U>(self, outcome: impl FnOnce(T) -> U) -> Done<U> {
        let Self { id, version, repeated, .. } = self;
        Done { id, version, repeated, outcome: self.outcome.map(outcome) }
    }

    /// The same, where there is nothing to tell but that it was done.
    pub(crate) fn plain(self) -> Done<Nothing> {
        let Self { id, version, repeated, .. } = self;
        Done { id, version, repeated, outcome: None }
    }
}

impl<T: Serialize> IntoResponse for Done<T> {
    fn into_response(self) -> Response {
        let status = if self.id.is_some() && !self.repeated { StatusCode::CREATED } else { StatusCode::OK };
        let version = [(HeaderName::from_static("bailiwick-version"), self.version.to_string())];
        (status, version, Json(self)).into_response()
    }
}

impl Service {
    /// A service over a repository. Refused operations go into the audit trail (AUD-3).
    pub fn new(
        repository: BoxedRepository,
        operator: PrincipalId,
        clock: Clock,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let directory = Directory::new(repository, domain()?).recording_refusals();
        Ok(Self { directory, operator, clock })
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn is_operator(&self, principal: PrincipalId) -> bool {
        self.operator == principal
    }

    pub(crate) const fn directory(&self) -> &Directory<BoxedRepository> {
        &self.directory
    }

    /// Whether the repository answers.
    pub(crate) async fn ask_repository(&self) -> Result<(), Problem> {
        self.roots(None, NonZeroU32::MIN).await.map(|_| ())
    }

    /// The trees after this one.
    pub(crate) async fn roots(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<OrganizationId>, Problem> {
        self.directory.repository().roots(after, limit).await.map_err(Problem::of_repository)
    }

    /// The tree that an organization is in.
    pub(crate) async fn root_of(&self, organization: OrganizationId) -> Result<OrganizationId, Problem> {
        let root = self.directory.repository().root_of(organization).await.map_err(Problem::of_repository)?;
        root.ok_or_else(Problem::not_found)
    }

    /// What the caller may see of an organization; one that they may not see is not there.
    pub(crate) async fn view(&self, caller: &Caller, organization: OrganizationId) -> Result<View, Problem> {
        let root = self.root_of(organization).await?;
        let tree = match caller.version {
            Some(version) => self.directory.at_least(root, version).await,
            None => self.directory.tree(root).await,
        };
        View::new(tree.map_err(Problem::of_read)?, caller, organization, self.now()).ok_or_else(Problem::not_found)
    }

    /// Catches up with a tree, before somebody asks for it.
    pub(crate) async fn freshen(&self, root: OrganizationId) {
        match self.directory.tree(root).await {
            Ok(tree) => tracing::debug!(%root, version = tree.version().get(), "followed"),
            Err(error) => tracing::warn!(%error, "a tree could not be followed"),
        }
    }

    /// Decides, commits and answers a command about an organization.
    pub(crate) async fn execute<C: Command>(
        &self,
        writer: &Writer,
        organization: OrganizationId,
        command: &C,
    ) -> Result<Done<C::Output>, Problem>
    where
        C::Error: Serialize,
    {
        let root = self.root_of(organization).await?;
        let at = self.now();
        let done = self.directory.execute(root, &writer.context(at), command).await;
        self.done(root, done, at)
    }

    /// What came of a write to the tree of `root`.
    pub(crate) fn done<T, E: RuleError + Serialize>(
        &self,
        root: OrganizationId,
        done: Result<bailiwick::Done<T>, DirectoryError<E, BoxError>>,
        at: Timestamp,
    ) -> Result<Done<T>, Problem> {
        let done = done.map_err(|error| Problem::of_write(error, at))?;
        let version = done.receipt.version_of(root).unwrap_or_default().get();
        Ok(Done { id: None, version, repeated: done.output.is_none(), outcome: done.output })
    }
}

/// 256 bits of the system's randomness, for a token or a secret.
pub(crate) fn entropy() -> Result<[u8; 32], Problem> {
    let mut bytes = [0; 32];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            tracing::error!(%error, "the system has no randomness to give");
            let detail = "the system has no randomness to give: try again later";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "entropy.missing", detail))
        }
    }
}

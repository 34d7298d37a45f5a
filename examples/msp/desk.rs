//! The desk where it all happens: a directory over the file, a clock that is set, and a line
//! on paper for everything that is done or refused.

use std::path::Path;

use bailiwick::{
    Command, CommitKey, Context, Directory, Draft, OrganizationId, OrganizationTree, PrincipalId, Refusal, RuleError,
    Timestamp, Version,
};
use bailiwick_sqlite::SqliteRepository;
use chrono::TimeDelta;

use crate::cast::{Cast, domain, id};
use crate::{Result, paper};

/// The day of the first run; each further run is a day later.
const FIRST_DAY: &str = "2026-03-02T09:00:00Z";

/// Who does something, and from where.
#[derive(Clone, Copy)]
pub(crate) enum Who {
    Operator,
    /// A member, signed in to an organization.
    Member(PrincipalId, OrganizationId),
    /// Someone who is not signed in anywhere yet.
    Newcomer(PrincipalId, &'static str),
}

pub(crate) struct Desk {
    pub(crate) directory: Directory<SqliteRepository>,
    pub(crate) cast: Cast,
    /// Which day it is, from 1.
    pub(crate) day: i64,
    /// What time it is: the example passes it in, the crate never asks.
    pub(crate) now: Timestamp,
    commits: u32,
}

impl Desk {
    /// Opens the file. Which day it is follows from what is in it.
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        let (cast, first): (Cast, Timestamp) = (Cast::new()?, FIRST_DAY.parse()?);
        let directory = Directory::new(SqliteRepository::open(path)?, domain()?).recording_refusals();
        let tree = directory.tree(cast.fabrikam).await?;
        let day = match tree.version() {
            Version::ZERO => 1,
            _ => (tree.at().date_naive() - first.date_naive()).num_days() + 2,
        };
        // From the second day on they start an hour later.
        let now = first + TimeDelta::days(day - 1) + TimeDelta::hours(i64::from(day > 1));
        Ok(Self { directory, cast, day, now, commits: 0 })
    }

    /// Fabrikam's tree as it stands.
    pub(crate) async fn tree(&self) -> Result<OrganizationTree> {
        Ok(self.directory.tree(self.cast.fabrikam).await?)
    }

    pub(crate) fn pass(&mut self, minutes: i64) {
        self.now += TimeDelta::minutes(minutes);
        paper::line("…", &format!("{minutes} minutes pass; it is {}", paper::at(self.now)));
    }

    /// Who asks, from where, when, and under a key that is used once.
    pub(crate) fn context(&mut self, who: Who) -> Result<Context> {
        self.commits += 1;
        let key: CommitKey = id("commit", format!("{} of day {}", self.commits, self.day))?;
        Ok(match who {
            Who::Operator => Context::operator(self.cast.operator, self.now, key),
            Who::Member(actor, acting) => Context::principal(actor, acting, self.now, key),
            Who::Newcomer(actor, _) => Context::newcomer(actor, self.now, key),
        })
    }

    /// Has a command carried out, and writes a line about it.
    pub(crate) async fn does<C: Command>(&mut self, who: Who, what: &str, command: &C) -> Result<C::Output> {
        let context = self.context(who)?;
        let done = self.directory.execute(self.cast.fabrikam, &context, command).await?;
        self.note(who, what, command.operation().rule()).await?;
        Ok(done.output.ok_or("that key was used before")?)
    }

    /// Has several commands carried out in one commit.
    pub(crate) async fn does_together<T, E: RuleError>(
        &mut self,
        who: Who,
        what: &str,
        rule: &str,
        steps: impl Fn(&mut Draft) -> Result<T, Refusal<E>>,
    ) -> Result<T> {
        let context = self.context(who)?;
        let done = self.directory.execute_draft(self.cast.fabrikam, &context, steps).await?;
        self.note(who, what, rule).await?;
        Ok(done.output.ok_or("that key was used before")?)
    }

    /// Has a command refused, and writes down by which rule.
    pub(crate) async fn is_refused<C: Command>(&mut self, who: Who, what: &str, command: &C) -> Result<()> {
        let context = self.context(who)?;
        let outcome = self.directory.execute(self.cast.fabrikam, &context, command).await;
        let Err(error) = outcome else { return Err(format!("not refused: {what}").into()) };
        let Some(refusal) = error.refusal() else { return Err(error.into()) };
        self.note_refusal(who, what, refusal).await
    }

    pub(crate) async fn note(&mut self, who: Who, what: &str, rule: &str) -> Result<()> {
        let name = self.name(who).await?;
        paper::line("✓", &format!("{name} {what}  [{rule}]"));
        self.now += TimeDelta::minutes(1);
        Ok(())
    }

    pub(crate) async fn note_refusal<E: RuleError>(&self, who: Who, what: &str, refusal: &Refusal<E>) -> Result<()> {
        let (name, sentence) = (self.name(who).await?, self.tree().await?.with_names(refusal));
        paper::line("✗", &format!("{name} {what}  [{} · {}]", refusal.rule(), refusal.code()));
        paper::line(" ", &sentence);
        Ok(())
    }

    async fn name(&self, who: Who) -> Result<String> {
        Ok(match who {
            Who::Operator => "The operator".to_owned(),
            Who::Newcomer(_, name) => name.to_owned(),
            Who::Member(actor, _) => self.tree().await?.name_of(actor).ok_or("nobody knows who that is")?,
        })
    }
}

//! What the examples share: a service over a repository in memory, a clock that is set, and
//! keys in a row. In a real service the keys are random and the clock is the wall's.

use std::cell::Cell;
use std::error::Error;
use std::sync::Arc;

use bailiwick::*;

/// A service with one provider, *Fabrikam*, that Ada owns.
pub(crate) struct Service {
    pub(crate) directory: Directory<MemoryRepository>,
    pub(crate) root: OrganizationId,
    pub(crate) ada: PrincipalId,
    pub(crate) at: Cell<Timestamp>,
    keys: Cell<u128>,
}

#[allow(dead_code)] // Each example uses what it needs.
impl Service {
    pub(crate) async fn found(catalog: Catalog, rules: Rules) -> Result<Self, Box<dyn Error>> {
        let (root, ada) = (OrganizationId::from_u128(1)?, PrincipalId::from_u128(10)?);
        let directory = Directory::new(MemoryRepository::new(), Arc::new(Domain { catalog, rules }));
        let at: Timestamp = "2026-01-01T12:00:00Z".parse()?;
        let service = Self { directory, root, ada, at: at.into(), keys: 1.into() };
        let person = Person::named("Ada".parse()?).reachable_at("ada@fabrikam.example".parse()?);
        let secret = AgentSecret::from_entropy([9; 32]);
        let found = FoundTree { root, name: "Fabrikam".parse()?, owner: ada, person, secret };
        service.execute(&service.operator()?, &found).await?;
        let (plan, status, term) = ("Enterprise".parse()?, SubscriptionStatus::Active, Window::ALWAYS);
        service.execute(&service.operator()?, &RecordSubscription { root, plan, status, term }).await?;
        Ok(service)
    }

    /// The tree as it stands in the repository.
    pub(crate) async fn tree(&self) -> Result<OrganizationTree, Box<dyn Error>> {
        Ok(self.directory.tree(self.root).await?)
    }

    /// Decides, commits and answers.
    pub(crate) async fn execute<C: Command>(
        &self,
        context: &Context,
        command: &C,
    ) -> Result<C::Output, Box<dyn Error>> {
        let done = self.directory.execute(self.root, context, command).await?;
        done.output.ok_or_else(|| "the key was sent before".into())
    }

    /// One signed in to an organization.
    pub(crate) fn by(&self, actor: PrincipalId, acting: OrganizationId) -> Result<Context, InvalidId> {
        Ok(Context::principal(actor, acting, self.at.get(), self.key()?))
    }

    /// One who runs the service.
    pub(crate) fn operator(&self) -> Result<Context, InvalidId> {
        Ok(Context::operator(PrincipalId::from_u128(99)?, self.at.get(), self.key()?))
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, time: chrono::TimeDelta) {
        self.at.set(self.at.get() + time);
    }

    /// A customer of the provider's, created by Ada.
    pub(crate) async fn customer(&self, number: u128, name: &str) -> Result<OrganizationId, Box<dyn Error>> {
        let organization = OrganizationId::from_u128(number)?;
        self.create(organization, self.root, name).await?;
        Ok(organization)
    }

    /// An organization, created by Ada.
    pub(crate) async fn create(
        &self,
        organization: OrganizationId,
        parent: OrganizationId,
        name: &str,
    ) -> Result<Created, Box<dyn Error>> {
        let (name, secret) = (name.parse()?, AgentSecret::from_entropy([7; 32]));
        let create = CreateOrganization { organization, parent, name, slug: None, owner: None, secret };
        self.execute(&self.by(self.ada, parent)?, &create).await
    }

    fn key(&self) -> Result<CommitKey, InvalidId> {
        self.keys.set(self.keys.get() + 1);
        CommitKey::from_u128(self.keys.get())
    }
}

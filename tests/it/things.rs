//! What the tests of settings, locations, policies, support and erasure share.

use std::collections::BTreeSet;
use std::fmt::Debug;

use bailiwick::*;

use crate::support::*;

pub fn location(number: u128) -> LocationId {
    LocationId::from_u128(0x1200_0000 + number).unwrap()
}

pub fn agent(number: u128) -> AgentId {
    AgentId::from_u128(0x1300_0000 + number).unwrap()
}

pub fn policy(number: u128) -> PolicyId {
    PolicyId::from_u128(0x1400_0000 + number).unwrap()
}

pub fn access(number: u128) -> SupportId {
    SupportId::from_u128(0x1500_0000 + number).unwrap()
}

pub fn workflow(number: u128) -> WorkflowId {
    WorkflowId::from_u128(0x1600_0000 + number).unwrap()
}

/// The operator's engineer, whom no tree knows.
pub fn engineer() -> PrincipalId {
    principal(900)
}

pub fn reporting() -> CapabilityName {
    "reporting".parse().unwrap()
}

pub fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

pub fn tags(names: &[&str]) -> BTreeSet<Tag> {
    names.iter().map(|name| tag(name)).collect()
}

pub fn subnets(texts: &[&str]) -> BTreeSet<Subnet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub fn hours(hours: i64) -> Period {
    Period::seconds(hours * 3_600).unwrap()
}

pub fn because(text: &str) -> Reason {
    text.parse().unwrap()
}

/// The last instant of the calendar.
pub const DOOMSDAY: Timestamp = Timestamp::MAX_UTC;

/// The typed error of a refused command.
pub fn rule<T: Debug, E: RuleError>(result: Result<T, Refusal<E>>) -> E {
    result.unwrap_err().into_rule().unwrap()
}

/// The precondition, which every noun shares, of a refused command.
pub fn code<T: Debug, E: RuleError>(result: Result<T, Refusal<E>>) -> &'static str {
    result.unwrap_err().code()
}

/// Asserts that a command was refused to one who may not.
#[track_caller]
pub fn forbidden<T: Debug, E: RuleError>(result: Result<T, Refusal<E>>) {
    assert!(matches!(result, Err(Refusal::Denied(Denial::Forbidden { .. }))), "{result:?}");
}

/// Asserts that a command was answered as if there were no such thing.
#[track_caller]
pub fn hidden<T: Debug, E: RuleError>(result: Result<T, Refusal<E>>) {
    assert_eq!(code(result), "not_found");
}

impl World {
    /// As the operator's engineer, with a reason.
    pub fn engineer<C: Command>(&mut self, command: &C, reason: &str) -> Result<C::Output, Refusal<C::Error>> {
        let context = Context::operator(engineer(), self.at, self.key()).because(because(reason));
        self.run_in(&context, command)
    }

    pub fn tag(&mut self, place: OrganizationId, names: &[&str]) {
        let edit = EditOrganization { tags: Some(tags(names)), ..EditOrganization::of(place) };
        self.run(ada(), place, &edit).unwrap();
    }

    /// As whoever assigns there: the operator at the root, Ada in the parent below it.
    pub fn assign(
        &mut self,
        organization: OrganizationId,
        capability: CapabilityName,
        until: Option<Timestamp>,
    ) -> Result<(), Refusal<CapabilityError>> {
        let assign = AssignCapability { organization, capability, until };
        match self.tree.organization(organization).unwrap().parent() {
            None => self.operate(&assign),
            Some(parent) => self.run(ada(), parent, &assign),
        }
    }

    /// A root, *Contoso* under it, and *Store* under that, all owned by Ada.
    pub fn three_levels() -> (Self, OrganizationId, OrganizationId) {
        let mut world = Self::new();
        let contoso = world.child(2, root(), "Contoso");
        let store = world.child(3, contoso, "Store");
        (world, contoso, store)
    }
}

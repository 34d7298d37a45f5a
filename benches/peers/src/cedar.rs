//! The work in cedar-policy: a user is in their groups and in the holders of each claim that
//! they hold directly, a group in the holders of what it gives where it is active; one policy
//! a claim asks whether the principal is in the organization's holders of it.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};

use crate::world::{Ask, World};

pub(crate) struct Prepared {
    policies: PolicySet,
    entities: Entities,
    authorizer: Authorizer,
    actions: Vec<EntityUid>,
    user: EntityTypeName,
    organization: EntityTypeName,
}

fn uid(of: &EntityTypeName, id: impl ToString) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id.to_string()))
}

impl Prepared {
    pub(crate) fn new(world: &World) -> Self {
        let name = |name| EntityTypeName::from_str(name).unwrap();
        let (user, group, organization, holders) = (name("User"), name("Group"), name("Organization"), name("Holders"));
        let holder = |place: bailiwick::OrganizationId, claim: usize| uid(&holders, format!("{place}/{claim}"));
        let policies: String = (0..world.claims.len())
            .map(|n| {
                format!("permit(principal, action == Action::\"{n}\", resource) when {{ principal in resource.holders{n} }};")
            })
            .collect();
        let mut entities = Vec::new();
        for estate in &world.estates {
            let mut parents: HashMap<EntityUid, HashSet<EntityUid>> = HashMap::new();
            for (who, place, claim) in &estate.direct {
                parents.entry(uid(&user, who)).or_default().insert(holder(*place, *claim));
            }
            for (who, of) in &estate.members {
                parents.entry(uid(&user, who)).or_default().insert(uid(&group, of));
            }
            for (id, gives) in &estate.groups {
                let links = estate.links.iter().filter(|(_, linked, _)| linked == id).map(|(_, _, target)| *target);
                let places: Vec<_> = links.chain([estate.top()]).collect();
                let given = places.iter().flat_map(|place| gives.iter().map(|claim| holder(*place, *claim)));
                parents.entry(uid(&group, id)).or_default().extend(given);
            }
            entities.extend(parents.into_iter().map(|(id, parents)| Entity::new_no_attrs(id, parents)));
            for (id, _) in &estate.organizations {
                let attribute = |n| (format!("holders{n}"), RestrictedExpression::new_entity_uid(holder(*id, n)));
                let attributes = (0..world.claims.len()).map(attribute).collect();
                entities.push(Entity::new(uid(&organization, id), attributes, HashSet::new()).unwrap());
            }
        }
        let action = name("Action");
        Self {
            policies: policies.parse().unwrap(),
            entities: Entities::from_entities(entities, None).unwrap(),
            authorizer: Authorizer::new(),
            actions: (0..world.claims.len()).map(|n| uid(&action, n)).collect(),
            user,
            organization,
        }
    }

    pub(crate) fn allows(&self, _: &World, ask: &Ask) -> bool {
        let (who, place) = (uid(&self.user, ask.principal), uid(&self.organization, ask.organization));
        let request = Request::new(who, self.actions[ask.claim].clone(), place, Context::empty(), None).unwrap();
        self.authorizer.is_authorized(&request, &self.policies, &self.entities).decision() == Decision::Allow
    }
}

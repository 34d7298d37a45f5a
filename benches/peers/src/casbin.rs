//! The work in casbin: a user has their groups and, as roles, each claim held at a place; a
//! group has what it gives where it is active; one policy a claim.

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};

use crate::world::{Ask, World};

const MODEL: &str = "
[request_definition]
r = sub, role, act
[policy_definition]
p = act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && g(r.sub, r.role)
";

pub(crate) struct Prepared {
    enforcer: Enforcer,
    actions: Vec<String>,
}

impl Prepared {
    pub(crate) fn new(world: &World) -> Self {
        let actions: Vec<String> = (0..world.claims.len()).map(|n| n.to_string()).collect();
        let mut roles = Vec::new();
        for estate in &world.estates {
            for (who, place, claim) in &estate.direct {
                roles.push(vec![who.to_string(), format!("{place}/{claim}")]);
            }
            for (who, group) in &estate.members {
                roles.push(vec![who.to_string(), group.to_string()]);
            }
            for (id, gives) in &estate.groups {
                let links = estate.links.iter().filter(|(_, linked, _)| linked == id).map(|(_, _, target)| *target);
                for place in links.chain([estate.top()]) {
                    roles.extend(gives.iter().map(|claim| vec![id.to_string(), format!("{place}/{claim}")]));
                }
            }
        }
        roles.sort();
        roles.dedup();
        let enforcer = pollster::block_on(async {
            let model = DefaultModel::from_str(MODEL).await.unwrap();
            let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await.unwrap();
            enforcer.add_policies(actions.iter().map(|action| vec![action.clone()]).collect()).await.unwrap();
            enforcer.add_grouping_policies(roles).await.unwrap();
            enforcer
        });
        Self { enforcer, actions }
    }

    pub(crate) fn allows(&self, _: &World, ask: &Ask) -> bool {
        let role = format!("{}/{}", ask.organization, ask.claim);
        self.enforcer.enforce((ask.principal.to_string(), role, self.actions[ask.claim].clone())).unwrap()
    }
}

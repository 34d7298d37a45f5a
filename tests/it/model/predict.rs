//! Predictions: which rules a command would break, from the model's own state before it is
//! decided. None means that it must be accepted; any, that it must be refused.

use bailiwick::*;

use super::naive::*;
use super::step::{Accept, Asked};

/// The rules that a command would break; each is named by its identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Objections(pub(super) Vec<&'static str>);

impl Objections {
    fn unless(&mut self, holds: bool, rule: &'static str) {
        if !holds {
            self.0.push(rule);
        }
    }

    fn when(&mut self, broken: bool, rule: &'static str) {
        self.unless(!broken, rule);
    }
}

struct Judge<'a> {
    model: &'a Naive,
    /// The acting principal; none is the operator.
    actor: Option<PrincipalId>,
    acting: Option<OrganizationId>,
    at: Timestamp,
    found: Objections,
}

impl Naive {
    pub(super) fn objections(&self, context: &Context, asked: &Asked) -> Objections {
        let (actor, acting, at) = (context.actor.principal(), context.acting, context.at);
        let mut judge = Judge { model: self, actor, acting, at, found: Objections::default() };
        judge.found.unless(self.at <= at, "AUD-1");
        if let (Some(acting), Some(actor)) = (acting, actor) {
            judge.found.unless(self.sees(actor, acting, at), "ERR-4");
        }
        judge.asked(asked);
        judge.found
    }
}

impl Judge<'_> {
    // ---- authority -------------------------------------------------------------------

    fn owns(&self, place: OrganizationId) -> bool {
        self.actor.is_some_and(|actor| self.model.owns(actor, place, self.at))
    }

    fn may(&self, place: OrganizationId, claim: &str) -> bool {
        self.actor.is_some_and(|actor| self.model.may(actor, place, claim, self.at))
    }

    fn may_above(&self, place: OrganizationId, claim: &str) -> bool {
        self.model.place(place).and_then(|place| place.parent).is_some_and(|parent| self.may(parent, claim))
    }

    fn owns_group(&self, group: GroupId) -> bool {
        self.actor.is_some_and(|actor| self.model.owns_group(actor, group))
    }

    fn authority(&mut self, holds: bool) {
        self.found.unless(holds, "CLM-12");
    }

    /// HIE-10: nothing is possible where the organization is not effectively active.
    fn active(&mut self, places: &[OrganizationId]) {
        let resting = places.iter().any(|id| self.model.place(*id).is_some() && !self.model.is_active(*id));
        self.found.when(resting, "HIE-10");
    }

    // ---- rules that many commands share ----------------------------------------------

    fn feature(&mut self, feature: Feature) {
        let granted = self.model.grants(&feature, self.at);
        self.found.unless(granted, "LIC-3");
    }

    fn room(&mut self, place: OrganizationId, limit: UsageLimit) {
        let fits = self.model.usage(place, limit, self.at) < self.model.allowance(limit);
        self.found.unless(fits, "LIC-9");
    }

    fn fresh(&mut self, id: uuid::Uuid) {
        self.found.when(self.model.used.contains(&id), "HIE-7");
    }

    fn member(&mut self, place: OrganizationId, who: PrincipalId) -> bool {
        let is = self.model.seat(place, who).is_some();
        self.found.unless(is, "MEM-1");
        is
    }

    fn group_in(&mut self, place: OrganizationId, group: GroupId) -> Option<Team> {
        let found = self.model.group(group).filter(|group| group.home == place).cloned();
        self.found.unless(found.is_some(), "abuse 40");
        found
    }

    /// CLM-2, CLM-3: declared, and usable there.
    fn declared<'p>(&mut self, place: OrganizationId, privileges: impl IntoIterator<Item = &'p Privilege>) {
        for privilege in privileges {
            match privilege {
                Privilege::Role(RoleRef::Defined(role)) => {
                    self.found.unless(self.model.is_usable(*role, place), "CLM-3");
                }
                Privilege::Claim(Grantable::Owner) | Privilege::Role(_) => {}
                Privilege::Claim(_) => self.found.unless(holds_any(&self.model.expand([privilege], place)), "CLM-2"),
            }
        }
    }

    fn holds_until(&self, place: OrganizationId, wanted: &[bool], until: Timestamp) -> bool {
        self.actor.is_some_and(|actor| is_part_of(wanted, &self.model.lasting(actor, place, until, self.at)))
    }

    /// CLM-4, MEM-8: no more than one holds oneself, and for no longer.
    fn hands_on<'p>(
        &mut self,
        place: OrganizationId,
        privileges: impl IntoIterator<Item = &'p Privilege>,
        until: Timestamp,
    ) {
        let wanted = self.model.expand(privileges, place);
        let holds = self.holds_until(place, &wanted, until);
        self.found.unless(holds, "CLM-4");
    }

    /// CLM-4: one who is not an owner takes nothing from one who holds more.
    fn takes_from(&mut self, place: OrganizationId, who: PrincipalId) {
        let Some(actor) = self.actor.filter(|actor| *actor != who) else { return };
        let theirs = self.model.held(who, place, self.at, EVERYTHING);
        let own = self.model.held(actor, place, self.at, DORMANT);
        self.found.unless(own[0] || is_part_of(&theirs, &own), "CLM-4");
    }

    /// CLM-5: an owner who can act is left.
    fn owner_left(&mut self, places: &[OrganizationId], losing: &[PrincipalId]) {
        for place in places {
            let owners = self.model.acting_owners(*place, self.at);
            self.found.when(owners.iter().all(|owner| losing.contains(owner)), "CLM-5");
        }
    }

    /// MEM-8: what is added to a group is handed on wherever it is linked.
    fn widens_links(&mut self, group: GroupId, added: &[Privilege]) {
        for link in self.model.links.iter().filter(|link| link.group == group) {
            for place in self.model.places.iter().map(|place| place.id) {
                if self.model.reaches(link, place) {
                    let wanted = self.model.passed_on(added, &link.terms, place);
                    let until = link.terms.window.end().unwrap_or(NEVER);
                    let holds = self.holds_until(place, &wanted, until);
                    self.found.unless(holds, "MEM-8");
                }
            }
        }
    }

    // ---- the commands ----------------------------------------------------------------

    fn asked(&mut self, asked: &Asked) {
        match asked {
            Asked::CreateOrganization(c) => self.create_organization(c),
            Asked::EditOrganization(c) => {
                let place = c.organization;
                self.authority(self.may(place, "organizations.edit") || self.may_above(place, "customers.edit"));
                self.active(&[place]);
                if let Edit::Set(slug) = &c.slug {
                    let taken = self.model.places.iter().any(|other| other.id != place && other.slug == *slug);
                    self.found.when(taken, "HIE-8");
                }
            }
            Asked::ChangeTreeSettings(c) => {
                self.authority(self.owns(self.model.root));
                self.active(&[c.root]);
                self.found.unless(c.root == self.model.root, "HIE-7");
                let used = self.model.places.iter().map(|place| self.model.level(place.id)).max().unwrap_or(0);
                let enough = c.levels.is_none_or(|levels| usize::from(levels.get()) >= used);
                self.found.unless(enough, "HIE-2");
            }
            Asked::MoveOrganization(c) => self.move_organization(c),
            Asked::DeactivateOrganization(c) => {
                let place = c.organization;
                let may = self.may(place, "organizations.deactivate");
                self.authority(may || self.may_above(place, "customers.deactivate"));
                self.active(&[place]);
                let below = self.model.subtree(place).into_iter().filter(|id| *id != place);
                let awake = below.filter(|id| self.model.is_active(*id)).count();
                self.found.when(awake > 0 && !c.with_descendants, "HIE-10");
            }
            Asked::ReactivateOrganization(c) => {
                self.authority(self.owns(c.organization));
                self.found.when(self.model.place(c.organization).is_none_or(|place| place.active), "DEL-5");
            }
            Asked::DeleteOrganization(c) => self.delete_organization(c),
            Asked::RecordSubscription(c) => {
                self.authority(self.actor.is_none());
                self.found.unless(c.root == self.model.root, "LIC-1");
                self.found.unless(self.model.rules.plans.contains_key(&c.plan), "LIC-2");
            }
            Asked::AssignCapability(c) => self.assign_capability(c),
            Asked::WithdrawCapability(c) => {
                self.assigner(c.organization);
                self.active(&[c.organization]);
                let place = self.model.place(c.organization);
                let has = |place: &Tenant| place.capabilities.iter().any(|(name, _)| *name == c.capability);
                self.found.unless(place.is_some_and(has), "LIC-5");
            }
            Asked::AddMember(c) => self.add_member(c),
            Asked::CreateMachineIdentity(c) => {
                self.authority(self.may(c.organization, "members.manage"));
                self.active(&[c.organization]);
                self.feature(Feature::UserManagement);
                self.fresh(c.identity.uuid());
            }
            Asked::SuspendMember(c) => {
                let (place, who) = (c.organization, c.principal);
                self.authority(self.may(place, "members.manage"));
                self.active(&[place]);
                self.member(place, who);
                self.found.when(self.model.seat(place, who).is_some_and(|seat| seat.suspended), "MEM-7");
                self.takes_from(place, who);
                self.owner_left(&[place], &[who]);
            }
            Asked::RestoreMember(c) => {
                let (place, who) = (c.organization, c.principal);
                self.authority(self.may(place, "members.manage"));
                self.active(&[place]);
                self.member(place, who);
                self.found.unless(self.model.seat(place, who).is_some_and(|seat| seat.suspended), "MEM-7");
                self.takes_from(place, who);
            }
            Asked::TransferOwnership(c) => {
                let (place, to) = (c.organization, c.to);
                self.authority(self.owns(place));
                self.active(&[place]);
                self.member(place, to);
                let able = self.model.seat(place, to).is_some_and(|seat| !seat.suspended) && self.model.is_user(to);
                self.found.unless(able, "CLM-5");
                let owners = self.model.acting_owners(place, self.at);
                self.found.unless(self.actor.is_some_and(|actor| owners.contains(&actor) && actor != to), "MEM-7");
            }
            Asked::RemoveMember(c) => self.remove_member(c),
            Asked::GrantPrivilege(c) => self.grant(c),
            Asked::RevokePrivilege(c) => {
                let (place, who) = (c.organization, c.principal);
                self.authority(self.may(place, "claims.grant") || self.actor == Some(who));
                self.active(&[place]);
                self.member(place, who);
                let seat = self.model.seat(place, who);
                let has = |seat: &Seat| seat.grants.iter().any(|(privilege, _)| *privilege == c.privilege);
                self.found.unless(seat.is_some_and(has), "CLM-4");
                self.takes_from(place, who);
                if c.privilege == Privilege::OWNER {
                    self.owner_left(&[place], &[who]);
                }
            }
            Asked::DefineRole(c) => self.define_role(c),
            Asked::DeleteRole(c) => {
                self.authority(self.may(c.organization, "roles.manage"));
                self.active(&[c.organization]);
                let bundle = self.model.roles.iter().find(|role| (role.id, role.place) == (c.role, c.organization));
                self.found.unless(bundle.is_some(), "abuse 40");
                let claims: Vec<Privilege> =
                    bundle.iter().flat_map(|role| &role.claims).cloned().map(Privilege::Claim).collect();
                self.hands_on(c.organization, &claims, NEVER);
            }
            Asked::CreateGroup(c) => {
                self.authority(self.may(c.organization, "groups.manage"));
                self.active(&[c.organization]);
                self.feature(Feature::SecurityGroups);
                self.room(c.organization, UsageLimit::Groups);
                self.fresh(c.group.uuid());
                self.member(c.organization, c.owner);
                self.declared(c.organization, &c.gives);
                self.hands_on(c.organization, &c.gives, NEVER);
            }
            Asked::DefineGroup(c) => {
                self.authority(self.may(c.organization, "groups.manage"));
                self.active(&[c.organization]);
                let Some(group) = self.group_in(c.organization, c.group) else { return };
                self.declared(c.organization, &c.gives);
                let added: Vec<Privilege> =
                    c.gives.iter().filter(|gives| !group.gives.contains(gives)).cloned().collect();
                let taken: Vec<Privilege> =
                    group.gives.iter().filter(|gives| !c.gives.contains(gives)).cloned().collect();
                if !added.is_empty() {
                    self.feature(Feature::SecurityGroups);
                }
                self.hands_on(c.organization, &added, NEVER);
                self.hands_on(c.organization, &taken, NEVER);
                self.widens_links(c.group, &added);
            }
            Asked::AddGroupOwner(c) => {
                self.authority(self.owns_group(c.group) || self.may(c.organization, "groups.manage"));
                self.active(&[c.organization]);
                self.feature(Feature::SecurityGroups);
                let Some(group) = self.group_in(c.organization, c.group) else { return };
                self.member(c.organization, c.owner);
                self.found.when(group.owners.contains(&c.owner), "GRP-1");
                if !self.actor.is_some_and(|actor| group.owners.contains(&actor)) {
                    self.hands_on(c.organization, &group.gives, NEVER);
                    self.widens_links(c.group, &group.gives);
                }
            }
            Asked::RemoveGroupOwner(c) => {
                self.authority(self.owns_group(c.group) || self.may(c.organization, "groups.manage"));
                self.active(&[c.organization]);
                let Some(group) = self.group_in(c.organization, c.group) else { return };
                self.found.unless(group.owners.contains(&c.owner), "GRP-1");
                self.found.when(group.owners == [c.owner], "GRP-1");
                if !self.actor.is_some_and(|actor| group.owners.contains(&actor)) {
                    self.takes_from(c.organization, c.owner);
                }
            }
            Asked::AddGroupMember(c) => self.add_group_member(c),
            Asked::RemoveGroupMember(c) => {
                let oneself = self.actor.is_some_and(|actor| c.participant == Participant::Principal(actor));
                self.authority(self.owns_group(c.group) || self.may(c.organization, "groups.manage") || oneself);
                self.active(&[c.organization]);
                let Some(group) = self.group_in(c.organization, c.group) else { return };
                self.found.unless(group.members.contains(&c.participant), "GRP-1");
                if !oneself && !self.actor.is_some_and(|actor| group.owners.contains(&actor)) {
                    self.hands_on(c.organization, &group.gives, NEVER);
                }
            }
            Asked::DeleteGroup(c) => {
                self.authority(self.may(c.organization, "groups.manage"));
                self.active(&[c.organization]);
                let Some(group) = self.group_in(c.organization, c.group) else { return };
                self.hands_on(c.organization, &group.gives, NEVER);
            }
            Asked::LinkGroup(c) => self.link_group(c),
            Asked::ChangeLink(c) => {
                self.authority(self.owns(c.source) && self.owns(c.target) && self.owns_group(c.group));
                self.active(&[c.source, c.target]);
                self.feature(Feature::CrossOrganizationLinks);
                let Some(group) = self.group_in(c.source, c.group) else { return };
                let linked = self.model.links.iter().any(|link| (link.group, link.target) == (c.group, c.target));
                self.found.unless(linked, "GRP-8");
                let out = self.model.links.iter().find(|link| (link.group, link.target) == (c.group, c.target));
                let out = out.map(|link| link.opted_out.clone()).unwrap_or_default();
                self.terms(&group, c.target, &c.terms, &out);
            }
            Asked::EndLink(c) => {
                self.authority(self.owns(c.organization));
                self.active(&[c.organization]);
                let side = |link: &Tie| link.source == c.organization || link.target == c.organization;
                self.found.unless(self.model.link(c.link).is_some_and(side), "GRP-6");
            }
            Asked::OptOutOfLink(c) => {
                self.authority(self.owns(c.organization));
                self.active(&[c.organization]);
                let reached = self.model.link(c.link).is_some_and(|link| self.model.reaches(link, c.organization));
                self.found.unless(reached, "GRP-8");
            }
            Asked::OptInToLink(c) => {
                self.authority(self.owns(c.organization));
                self.active(&[c.organization]);
                self.feature(Feature::CrossOrganizationLinks);
                let out = self.model.link(c.link).is_some_and(|link| link.opted_out.contains(&c.organization));
                self.found.unless(out, "GRP-8");
            }
            Asked::Invite(c) => self.invite(c),
            Asked::ResendInvitation(c) => {
                self.authority(self.owns(c.organization));
                self.active(&[c.organization]);
                self.feature(Feature::Invitations);
                let letter = self.model.letter(c.invitation);
                let letter = letter.filter(|letter| (letter.place, letter.group) == (c.organization, c.group));
                let Some(letter) = letter.cloned() else { return self.found.when(true, "abuse 40") };
                self.found.unless(self.model.is_pending(&letter, self.at), "INV-2");
                let key = self.model.invitee(letter.id).unwrap().clone();
                self.may_send(c.organization, c.group, &key);
                self.fresh_token(c.token);
            }
            Asked::RevokeInvitation(c) => {
                self.authority(self.owns(c.organization));
                self.active(&[c.organization]);
                let letter = self.model.letter(c.invitation).filter(|letter| letter.place == c.organization);
                self.found.unless(letter.is_some_and(|letter| self.model.is_pending(letter, self.at)), "INV-2");
            }
            Asked::DeclineInvitation(c) => {
                let letter = self.model.letter(c.invitation);
                let own = self.model.invitee(c.invitation) == Some(c.address.key());
                self.found.unless(own, "ERR-4");
                self.found.unless(letter.is_some_and(|letter| self.model.is_pending(letter, self.at)), "INV-2");
            }
            Asked::CreateProject(c) => {
                self.authority(self.may(c.organization, "projects.manage"));
                self.active(&[c.organization]);
                self.fresh(c.project.uuid());
            }
            Asked::AddProjectMember(c) => {
                self.authority(self.may(c.organization, "projects.manage"));
                self.active(&[c.organization]);
                let job = self.model.projects.iter().find(|job| (job.id, job.place) == (c.project, c.organization));
                self.found.unless(job.is_some_and(|job| !job.members.contains(&c.principal)), "MEM-5");
                self.member(c.organization, c.principal);
            }
            Asked::RemoveProjectMember(c) => {
                self.authority(self.may(c.organization, "projects.manage") || self.actor == Some(c.principal));
                self.active(&[c.organization]);
                let job = self.model.projects.iter().find(|job| (job.id, job.place) == (c.project, c.organization));
                self.found.unless(job.is_some_and(|job| job.members.contains(&c.principal)), "MEM-5");
            }
            Asked::DeleteProject(c) => {
                self.authority(self.may(c.organization, "projects.manage"));
                self.active(&[c.organization]);
                let there = self.model.projects.iter().any(|job| (job.id, job.place) == (c.project, c.organization));
                self.found.unless(there, "MEM-5");
            }
            Asked::ShareResource(c) => {
                let Share { resource, kind, source, target } = &c.0;
                self.authority(self.owns(*source) && self.owns(*target));
                self.active(&[*source, *target]);
                // MEM-6: the tests declare one kind of their own that flows.
                self.found.unless(matches!(kind, ResourceKind::Custom(_)), "MEM-6");
                self.found.unless(self.model.is_above(*source, *target), "MEM-6");
                let shared =
                    self.model.shares.iter().any(|share| (share.resource, share.target) == (*resource, *target));
                self.found.when(shared, "MEM-6");
            }
            Asked::UnshareResource(c) => {
                self.authority(self.owns(c.source) || self.owns(c.target));
                self.active(&[c.source, c.target]);
                let same =
                    |share: &Share| (share.resource, share.source, share.target) == (c.resource, c.source, c.target);
                self.found.unless(self.model.shares.iter().any(same), "MEM-6");
            }
            Asked::OfferAttachment(c) => {
                self.authority(self.owns(c.organization));
                self.active(&[c.organization]);
                self.fresh(c.offer.uuid());
                self.found.when(c.side == OfferSide::Joining && c.organization != self.model.root, "HIE-12");
                self.found.when(self.model.place(c.counterpart).is_some(), "HIE-12");
            }
            Asked::WithdrawOffer(c) => {
                self.authority(self.owns(c.organization));
                self.active(&[c.organization]);
                self.found.unless(self.model.offers.contains(&(c.offer, c.organization)), "HIE-12");
            }
            Asked::ApplyReview(c) => self.review(c),
            Asked::AcceptInvitation(accept) => self.accept(accept),
        }
    }

    fn create_organization(&mut self, c: &CreateOrganization) {
        let replaced = self.model.rules.authority.contains_key(&Operation::CreateOrganization);
        let may = if replaced { self.may(c.parent, "organizations.create") } else { self.owns(c.parent) };
        self.authority(may);
        self.active(&[c.parent]);
        // HIE-3: beneath the acting organization.
        self.found.unless(self.acting == Some(c.parent), "HIE-3");
        self.fresh(c.organization.uuid());
        self.feature(Feature::SubOrganizations);
        self.room(c.parent, UsageLimit::SubOrganizations);
        self.managing(c.parent);
        self.found.unless(self.model.level(c.parent) < self.model.levels, "HIE-2");
        let owner = c.owner.or(self.actor);
        self.found.unless(owner.is_some_and(|owner| self.model.is_user(owner)), "CLM-5");
        // MEM-1: one who is named is of the root or of the parent.
        let near = |owner| [self.model.root, c.parent].iter().any(|place| self.model.seat(*place, owner).is_some());
        self.found.unless(owner.is_none_or(|owner| Some(owner) == self.actor || near(owner)), "MEM-1");
        let taken = c.slug.as_ref().is_some_and(|slug| self.model.places.iter().any(|place| place.slug == *slug));
        self.found.when(taken, "HIE-8");
    }

    /// LIC-7: where the rules demand it, only one with the capability has children.
    fn managing(&mut self, parent: OrganizationId) {
        if let Some(capability) = &self.model.rules.managing_capability {
            self.found.unless(self.model.is_capable(parent, capability, self.at), "LIC-7");
        }
    }

    fn move_organization(&mut self, c: &MoveOrganization) {
        let (model, top, parent) = (self.model, c.organization, c.new_parent);
        let old = model.place(top).and_then(|place| place.parent);
        self.authority(self.owns(top) && self.owns(parent) && old.is_some_and(|old| self.owns(old)));
        self.active(&[top, parent]);
        self.feature(Feature::SubOrganizations);
        if model.place(top).is_none() || model.place(parent).is_none() || old.is_none() {
            return self.found.when(true, "HIE-1");
        }
        let subtree = model.subtree(top);
        if subtree.contains(&parent) {
            return self.found.when(true, "HIE-6");
        }
        self.found.when(old == Some(parent), "HIE-6");
        let height = subtree.iter().map(|id| model.level(*id)).max().unwrap() - model.level(top) + 1;
        self.found.unless(model.level(parent) + height <= model.levels, "HIE-2");
        self.room(parent, UsageLimit::SubOrganizations);
        self.managing(parent);
        if !c.sever {
            self.found.when(self.would_break(top, &subtree, parent), "HIE-6");
        }
    }

    /// HIE-6: what leans on a place that would be neither in the subtree nor above it.
    fn would_break(&self, top: OrganizationId, subtree: &[OrganizationId], parent: OrganizationId) -> bool {
        let model = self.model;
        let above = model.upward(parent);
        let inside = |id: OrganizationId| subtree.contains(&id);
        let foreign = |id: OrganizationId| !inside(id) && !above.contains(&id);
        let links = model.links.iter().any(|link| inside(link.target) && foreign(link.source));
        let mut after = model.clone();
        after.places.iter_mut().find(|place| place.id == top).unwrap().parent = Some(parent);
        let nested = model.groups.iter().filter(|group| inside(group.home)).any(|group| {
            group.members.iter().any(|member| match member {
                Participant::Group(nested) => {
                    let reached = |model: &Naive| {
                        let mut links = model.links.iter().filter(|link| link.group == *nested);
                        links.any(|link| model.reaches(link, group.home))
                    };
                    foreign(model.group(*nested).unwrap().home) || (reached(model) && !reached(&after))
                }
                Participant::Principal(_) => false,
            })
        });
        let stray = |privilege: &Privilege| match privilege {
            Privilege::Role(RoleRef::Defined(role)) => {
                model.roles.iter().any(|bundle| bundle.id == *role && foreign(bundle.place))
            }
            _ => false,
        };
        let granted = model.seats.iter().filter(|seat| inside(seat.place)).flat_map(|seat| &seat.grants);
        let given = model.groups.iter().filter(|group| inside(group.home)).flat_map(|group| &group.gives);
        let narrowed = model.links.iter().filter(|link| inside(link.target)).flat_map(|link| match &link.terms.gives {
            LinkGives::Narrowed(gives) => gives.iter().collect::<Vec<_>>(),
            LinkGives::Inherit => Vec::new(),
        });
        let roles = granted.map(|(privilege, _)| privilege).chain(given).chain(narrowed).any(stray);
        // LIC-5, LIC-7: what the new parent could not assign; managing, only the root.
        let uncovered = |place: &Tenant, name: &CapabilityName| {
            let managing = model.rules.managing_capability.as_ref() == Some(name);
            !model.is_capable(parent, name, self.at) || (managing && (place.id != top || parent != model.root))
        };
        let assigned = model.places.iter().filter(|place| inside(place.id));
        let capabilities =
            assigned.into_iter().any(|place| place.capabilities.iter().any(|(name, _)| uncovered(place, name)));
        let shares = model.shares.iter().any(|share| inside(share.target) && foreign(share.source));
        links || nested || roles || capabilities || shares
    }

    fn delete_organization(&mut self, c: &DeleteOrganization) {
        let place = c.organization;
        let hard = c.mode == DeletionMode::Hard;
        let owner = self.owns(place) && (!hard || self.may(place, "organizations.hard_delete"));
        self.authority(owner || self.actor.is_none());
        self.found.unless(self.model.place(place).is_some(), "HIE-7");
        // DEL-1: not the organization one acts from; nor one above it.
        let acting = self.acting.is_some_and(|acting| self.model.upward(acting).contains(&place));
        self.found.when(acting || (self.acting.is_none() && self.actor.is_some()), "DEL-1");
        let age = chrono::TimeDelta::seconds(self.model.rules.evidence_age.as_seconds());
        self.found.unless(c.evidence.as_of <= self.at && self.at - c.evidence.as_of <= age, "DEL-2");
        let counted = BlockerKind::COUNTED.iter().all(|kind| c.evidence.counts.contains_key(kind));
        self.found.unless(counted && c.evidence.counts.values().all(|count| *count == 0), "DEL-2");
        self.found.unless(self.model.children(place).is_empty(), "DEL-2");
        let current = self.model.subscription.as_ref().is_some_and(|subscription| {
            let over = subscription.term.end().is_some_and(|end| end <= self.at);
            subscription.status != SubscriptionStatus::Cancelled && !over
        });
        self.found.when(place == self.model.root && current, "DEL-2");
        self.found.when(!hard && self.model.place(place).is_some_and(|place| !place.active), "DEL-3");
    }

    /// LIC-5: the operator at the root, the parent below it.
    fn assigner(&mut self, place: OrganizationId) {
        let at_root = place == self.model.root;
        let may = if at_root { self.actor.is_none() } else { self.may_above(place, "capabilities.assign") };
        self.authority(may);
    }

    fn assign_capability(&mut self, c: &AssignCapability) {
        self.assigner(c.organization);
        self.active(&[c.organization]);
        self.found.when(c.until.is_some_and(|until| until <= self.at), "LIC-6");
        if let Some(parent) = self.model.place(c.organization).and_then(|place| place.parent) {
            self.found.unless(self.model.is_capable(parent, &c.capability, self.at), "LIC-5");
            let managing = self.model.rules.managing_capability.as_ref() == Some(&c.capability);
            self.found.when(managing && parent != self.model.root, "LIC-7");
        }
    }

    fn add_member(&mut self, c: &AddMember) {
        let (model, place, who) = (self.model, c.organization, c.principal);
        self.authority(self.may(place, "members.manage"));
        self.active(&[place]);
        self.feature(Feature::UserManagement);
        self.found.when(model.seat(place, who).is_some(), "MEM-1");
        let known = model.principals.iter().find(|(id, _)| *id == who);
        match known {
            None if place == model.root => self.fresh(who.uuid()),
            // MEM-2: one that starts in a sub-organization can be used nowhere else.
            Some((_, Some(home))) if *home != model.root => self.found.when(true, "MEM-2"),
            _ => self.found.when(place != model.root && model.seat(model.root, who).is_none(), "MEM-1"),
        }
        if known.is_none_or(|(_, home)| home.is_none()) {
            self.room(place, UsageLimit::Seats);
        }
    }

    fn remove_member(&mut self, c: &RemoveMember) {
        let (model, place, who) = (self.model, c.organization, c.principal);
        self.authority(self.may(place, "members.manage") || self.actor == Some(who));
        self.active(&[place]);
        self.member(place, who);
        // MEM-4, MEM-2: from the root, or from where a machine identity started, is from everywhere.
        let home = model.principals.iter().any(|(id, home)| *id == who && *home == Some(place));
        let everywhere = place == model.root || home;
        let seats = model.seats.iter().filter(|seat| seat.who == who && (everywhere || seat.place == place));
        let scope: Vec<OrganizationId> = seats.map(|seat| seat.place).collect();
        if !self.owns(place) {
            scope.iter().for_each(|place| self.takes_from(*place, who));
        }
        self.owner_left(&scope, &[who]);
        let orphans = model.groups.iter().any(|group| scope.contains(&group.home) && group.owners == [who]);
        self.found.when(orphans, "GRP-1");
    }

    fn grant(&mut self, c: &GrantPrivilege) {
        let (place, who) = (c.organization, c.principal);
        self.authority(self.may(place, "claims.grant"));
        self.active(&[place]);
        self.feature(Feature::UserManagement);
        if !self.member(place, who) {
            return;
        }
        self.found.when(c.window.end().is_some_and(|end| end <= self.at), "CLM-6");
        self.declared(place, [&c.privilege]);
        self.hands_on(place, [&c.privilege], c.window.end().unwrap_or(NEVER));
        // MEM-8: nobody adds to their own access but an owner.
        self.found.when(self.actor == Some(who) && !self.owns(place), "MEM-8");
        let old = self.model.seat(place, who).unwrap().grants.iter().find(|(privilege, _)| *privilege == c.privilege);
        if let Some((_, window)) = old {
            self.found.when(*window == c.window, "CLM-4");
            self.takes_from(place, who);
        }
        if c.privilege == Privilege::OWNER && (c.window.end().is_some() || !within(c.window, self.at)) {
            self.owner_left(&[place], &[who]);
        }
    }

    fn define_role(&mut self, c: &DefineRole) {
        self.authority(self.may(c.organization, "roles.manage"));
        self.active(&[c.organization]);
        self.found.when(c.claims.contains(&Grantable::Owner), "CLM-3");
        let new: Vec<Privilege> = c.claims.iter().cloned().map(Privilege::Claim).collect();
        self.declared(c.organization, &new);
        self.hands_on(c.organization, &new, NEVER);
        let old = self.model.roles.iter().find(|role| role.id == c.role);
        // LIC-4: after a lapse a role is narrowed and not widened.
        let narrows =
            |role: &Bundle| role.place == c.organization && c.claims.iter().all(|new| role.claims.contains(new));
        if !old.is_some_and(narrows) {
            self.feature(Feature::UserManagement);
        }
        match old {
            None => self.fresh(c.role.uuid()),
            Some(role) => {
                self.found.unless(role.place == c.organization, "abuse 40");
                let old: Vec<Privilege> = role.claims.iter().cloned().map(Privilege::Claim).collect();
                self.hands_on(c.organization, &old, NEVER);
                // MEM-8: nor one's own access, wherever the role gives them something.
                let mut after = self.model.clone();
                let bundle = after.roles.iter_mut().find(|role| role.id == c.role).unwrap();
                bundle.claims = c.claims.iter().cloned().collect();
                for (actor, place) in self.actor.iter().flat_map(|who| after.places.iter().map(move |p| (*who, p.id))) {
                    let (old, new) =
                        (self.model.held(actor, place, self.at, PLAIN), after.held(actor, place, self.at, PLAIN));
                    self.found.unless(is_part_of(&new, &old), "MEM-8");
                }
            }
        }
    }

    fn add_group_member(&mut self, c: &AddGroupMember) {
        self.authority(self.owns_group(c.group));
        self.active(&[c.organization]);
        self.feature(Feature::SecurityGroups);
        let Some(group) = self.group_in(c.organization, c.group) else { return };
        match c.participant {
            Participant::Principal(who) => {
                self.member(c.organization, who);
            }
            Participant::Group(nested) => {
                self.found.unless(self.model.is_group_active(nested, c.organization, self.at), "GRP-3");
                self.found.when(self.holds(nested, c.group), "GRP-3");
            }
        }
        self.found.when(group.members.contains(&c.participant), "GRP-1");
        let Some(actor) = self.actor else { return };
        let stands = match c.participant {
            Participant::Principal(who) => who == actor,
            Participant::Group(nested) => {
                let own = self.model.groups.iter().filter(|g| g.members.contains(&Participant::Principal(actor)));
                own.into_iter().any(|inner| self.holds(nested, inner.id))
            }
        };
        if stands {
            // GRP-1: only one who could be given what the group gives, here, by its links, and
            // by the groups that it is nested in.
            let holders: Vec<Team> =
                self.model.groups.iter().filter(|outer| self.holds(outer.id, c.group)).cloned().collect();
            for outer in holders {
                self.hands_on(outer.home, &outer.gives, NEVER);
                self.widens_links(outer.id, &outer.gives);
            }
        }
    }

    /// Whether `outer` is `inner`, or holds it at whatever distance.
    fn holds(&self, outer: GroupId, inner: GroupId) -> bool {
        let mut below = vec![outer];
        let mut next = 0;
        while next < below.len() {
            let members = self.model.group(below[next]).map(|group| group.members.clone()).unwrap_or_default();
            for member in members {
                match member {
                    Participant::Group(group) if !below.contains(&group) => below.push(group),
                    _ => {}
                }
            }
            next += 1;
        }
        below.contains(&inner)
    }

    fn link_group(&mut self, c: &LinkGroup) {
        // GRP-4: the actor owns source, target and group.
        self.authority(self.owns(c.source) && self.owns(c.target) && self.owns_group(c.group));
        self.active(&[c.source, c.target]);
        self.feature(Feature::CrossOrganizationLinks);
        let Some(group) = self.group_in(c.source, c.group) else { return };
        self.found.unless(self.model.is_above(c.source, c.target), "GRP-4");
        let twice = self.model.links.iter().any(|link| (link.group, link.target) == (c.group, c.target));
        self.found.when(twice, "GRP-4");
        self.fresh(c.link.uuid());
        self.terms(&group, c.target, &c.terms, &[]);
    }

    fn terms(&mut self, group: &Team, target: OrganizationId, terms: &LinkTerms, out: &[OrganizationId]) {
        let model = self.model;
        self.found.when(terms.window.end().is_some_and(|end| end <= self.at), "GRP-8");
        self.found.unless(terms.exclusions.iter().all(|id| model.is_above(target, *id)), "GRP-8");
        if let LinkGives::Narrowed(gives) = &terms.gives {
            self.declared(target, gives);
            let narrower = is_part_of(&model.expand(gives, target), &model.expand(&group.gives, target));
            self.found.unless(narrower, "GRP-2");
        }
        // GRP-8: the actor owns every organization reached, for as long as the link lasts.
        let until = terms.window.end().unwrap_or(NEVER);
        let owner = vec![true; model.nothing().len()];
        let reached = model.within_terms(target, terms).into_iter().filter(|id| !out.contains(id));
        let owned = reached.into_iter().all(|id| self.holds_until(id, &owner, until));
        self.found.unless(owned, "GRP-8");
    }

    fn fresh_token(&mut self, token: TokenHash) {
        self.found.when(self.model.tokens.contains(&token), "INV-5");
    }

    /// INV-4: the waits and the daily caps.
    fn may_send(&mut self, place: OrganizationId, group: GroupId, key: &AddressKey) {
        let (model, at, rules) = (self.model, self.at, &self.model.rules.invitations);
        let seconds = |period: Period| chrono::TimeDelta::seconds(period.as_seconds());
        let to = |letter: &&Letter| model.invitee(letter.id) == Some(key);
        for letter in model.invitations.iter().filter(to).filter(|letter| letter.group == group) {
            let last = letter.sendings.iter().map(|(at, _)| *at).max().unwrap();
            self.found.when(at < last + seconds(rules.resend_wait), "INV-4");
            if let Outcome::Declined(declined) = letter.outcome {
                self.found.when(at < declined + seconds(rules.decline_wait), "INV-4");
            }
        }
        let day = chrono::TimeDelta::days(1);
        let sent: Vec<(&Letter, PrincipalId)> = model
            .invitations
            .iter()
            .flat_map(|letter| letter.sendings.iter().map(move |(at, by)| (letter, *at, *by)))
            .filter(|(_, sent, _)| at < *sent + day)
            .map(|(letter, _, by)| (letter, by))
            .collect();
        let cap = |cap: std::num::NonZeroU32| cap.get() as usize;
        let addressed = sent.iter().filter(|(letter, _)| to(letter)).count();
        self.found.when(addressed >= cap(rules.daily_per_address), "INV-4");
        let by = sent.iter().filter(|(_, by)| Some(*by) == self.actor).count();
        self.found.when(by >= cap(rules.daily_per_inviter), "INV-4");
        let here = sent.iter().filter(|(letter, _)| letter.place == place).count();
        self.found.when(here >= cap(rules.daily_per_organization), "INV-4");
    }

    fn invite(&mut self, c: &Invite) {
        let (model, place, key) = (self.model, c.organization, c.address.key());
        self.authority(self.owns(place) && self.owns_group(c.group));
        self.active(&[place]);
        self.feature(Feature::Invitations);
        self.fresh(c.invitation.uuid());
        let Some(group) = self.group_in(place, c.group) else { return };
        let people = model.people_at(key);
        let has = people.iter().any(|who| match c.role {
            GroupRole::Owner => group.owners.contains(who),
            GroupRole::Member => group.members.contains(&Participant::Principal(*who)),
        });
        self.found.when(has, "INV-7");
        let known = people.iter().any(|who| model.seat(model.root, *who).is_some());
        self.found.unless(place == model.root || model.straight || known, "MEM-3");
        let pending: Vec<&Letter> = model
            .invitations
            .iter()
            .filter(|letter| model.is_pending(letter, self.at) && model.invitee(letter.id) == Some(key))
            .collect();
        let same = pending.iter().find(|letter| letter.group == c.group);
        match same {
            Some(letter) if letter.role == c.role => self.found.when(true, "INV-3"),
            Some(_) => self.found.when(c.other_role == OtherRole::Refuse, "INV-10"),
            None => {
                let cap = u64::from(model.rules.invitations.pending_per_organization.get());
                let used = model.usage(place, UsageLimit::PendingInvitations, self.at);
                self.found.when(used >= cap, "INV-4");
                self.room(place, UsageLimit::PendingInvitations);
                let seated = people.iter().any(|who| model.seat(place, *who).is_some());
                let reserved = pending.iter().any(|letter| letter.place == place);
                if !seated && !reserved {
                    self.room(place, UsageLimit::Seats);
                }
            }
        }
        self.may_send(place, c.group, key);
        self.found.when(c.lifetime.is_some_and(|life| life > model.rules.invitations.longest), "INV-2");
        self.fresh_token(c.token);
    }

    fn accept(&mut self, c: &Accept) {
        let model = self.model;
        let hash = c.token().hash();
        let letter = model.invitations.iter().find(|letter| letter.token == hash);
        let Some(letter) = letter else { return self.found.when(true, "ERR-4") };
        let Some(by) = self.actor else { return self.found.when(true, "INV-5") };
        // INV-5: the token and the verified address both match.
        self.found.unless(model.invitee(letter.id) == Some(c.address.key()), "INV-5");
        self.found.unless(c.verified, "INV-5");
        match model.state(letter, self.at) {
            InvitationState::Pending { .. } => {}
            // abuse 10: the same person again succeeds; another does not.
            InvitationState::Accepted { by: first, .. } if first == by => return,
            _ => return self.found.when(true, "INV-2"),
        }
        // INV-6: everything is examined again.
        let place = letter.place;
        self.found.unless(model.is_active(place), "INV-6");
        self.found.unless(model.group(letter.group).is_some_and(|group| group.home == place), "INV-6");
        self.feature(Feature::Invitations);
        let suspended = |place| model.seat(place, by).is_some_and(|seat| seat.suspended);
        self.found.when(suspended(place) || suspended(model.root), "INV-6");
        let known = model.seat(model.root, by).is_some();
        self.found.unless(place == model.root || model.straight || known, "MEM-3");
        // INV-1, INV-8: one who invites owns the group too; one who resends, the organization.
        let resent = letter.sendings.len() > 1;
        let chooses = resent || model.owns_group(letter.inviter, letter.group);
        let entitled = model.owns(letter.inviter, place, self.at) && chooses;
        self.found.unless(entitled, "INV-6");
        let fits = model.usage(place, UsageLimit::Seats, self.at) <= model.allowance(UsageLimit::Seats);
        self.found.unless(fits, "LIC-9");
        match model.principals.iter().find(|(who, _)| *who == by) {
            None => self.fresh(by.uuid()),
            Some((_, home)) => self.found.when(home.is_some(), "INV-7"),
        }
    }

    fn review(&mut self, c: &ApplyReview) {
        let place = c.review.organization;
        self.authority(self.owns(place));
        self.active(&[place]);
        let mut losing = Vec::new();
        for (line, judged) in &c.review.lines {
            match (line.subject, judged) {
                (_, None) => self.found.when(true, "ROS-2"),
                (RosterSubject::Principal(who), Some((reviewer, verdict))) => {
                    self.found.when(who == *reviewer, "MEM-8");
                    if *verdict == Verdict::Revoke {
                        self.takes_from(place, who);
                        losing.push(who);
                    }
                }
                _ => {}
            }
        }
        self.owner_left(&[place], &losing);
    }
}

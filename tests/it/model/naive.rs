//! The naive model: plain vectors, linear scans, no index. Every answer is worked out from
//! what the events said, by the words of `docs/rules.md`.

use bailiwick::*;

/// For ever, where an end is compared.
pub(super) const NEVER: Timestamp = Timestamp::MAX_UTC;

/// Which of the claims are held: `[0]` is Owner, then the catalog in its order.
pub(super) type Held = Vec<bool>;

#[derive(Clone, Debug)]
pub(super) struct Tenant {
    pub(super) id: OrganizationId,
    pub(super) parent: Option<OrganizationId>,
    pub(super) slug: Slug,
    pub(super) active: bool,
    pub(super) capabilities: Vec<(CapabilityName, Option<Timestamp>)>,
}

#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) place: OrganizationId,
    pub(super) who: PrincipalId,
    pub(super) suspended: bool,
    pub(super) grants: Vec<(Privilege, Window)>,
}

#[derive(Clone, Debug)]
pub(super) struct Team {
    pub(super) id: GroupId,
    pub(super) home: OrganizationId,
    pub(super) gives: Vec<Privilege>,
    pub(super) owners: Vec<PrincipalId>,
    pub(super) members: Vec<Participant>,
}

#[derive(Clone, Debug)]
pub(super) struct Tie {
    pub(super) id: LinkId,
    pub(super) source: OrganizationId,
    pub(super) group: GroupId,
    pub(super) target: OrganizationId,
    pub(super) terms: LinkTerms,
    pub(super) present: Vec<OrganizationId>,
    pub(super) opted_out: Vec<OrganizationId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Pending,
    Accepted(Timestamp, PrincipalId),
    Declined(Timestamp),
    Revoked(Timestamp),
}

#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) id: InvitationId,
    pub(super) place: OrganizationId,
    pub(super) group: GroupId,
    pub(super) role: GroupRole,
    pub(super) inviter: PrincipalId,
    pub(super) token: TokenHash,
    pub(super) until: Timestamp,
    pub(super) outcome: Outcome,
    pub(super) sendings: Vec<(Timestamp, PrincipalId)>,
}

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) id: ProjectId,
    pub(super) place: OrganizationId,
    pub(super) members: Vec<PrincipalId>,
}

#[derive(Clone, Debug)]
pub(super) struct Bundle {
    pub(super) id: RoleId,
    pub(super) place: OrganizationId,
    pub(super) claims: Vec<Grantable>,
}

/// What is declared: a name, all that it implies, and what it requires.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub(super) name: Claim,
    pub(super) implied: Vec<usize>,
    pub(super) requires: Option<CapabilityName>,
}

/// How to look: past deactivation, past suspension.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Eyes {
    pub(super) dormant: bool,
    pub(super) suspended: bool,
}

pub(super) const PLAIN: Eyes = Eyes { dormant: false, suspended: false };
pub(super) const DORMANT: Eyes = Eyes { dormant: true, suspended: false };
pub(super) const EVERYTHING: Eyes = Eyes { dormant: true, suspended: true };

/// One way by which something is held.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// The privilege granted, for a grant.
    pub(super) grant: Option<Privilege>,
    /// The group that is active there, and the link that makes it so, for a group.
    pub(super) group: Option<(GroupId, Option<LinkId>)>,
    pub(super) gives: Held,
    pub(super) until: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Naive {
    pub(super) root: OrganizationId,
    pub(super) at: Timestamp,
    pub(super) rules: Rules,
    pub(super) declared: Vec<Declared>,
    pub(super) levels: usize,
    pub(super) straight: bool,
    pub(super) subscription: Option<Subscription>,
    pub(super) places: Vec<Tenant>,
    /// Each with the organization it was created in, if it is a machine.
    pub(super) principals: Vec<(PrincipalId, Option<OrganizationId>)>,
    pub(super) seats: Vec<Seat>,
    pub(super) roles: Vec<Bundle>,
    pub(super) groups: Vec<Team>,
    pub(super) links: Vec<Tie>,
    pub(super) invitations: Vec<Letter>,
    pub(super) projects: Vec<Job>,
    pub(super) shares: Vec<Share>,
    pub(super) offers: Vec<(OfferId, OrganizationId)>,
    /// The addresses, as keys.
    pub(super) people: Vec<(PrincipalId, AddressKey)>,
    pub(super) invited: Vec<(InvitationId, AddressKey)>,
    pub(super) used: Vec<uuid::Uuid>,
    /// Every token that was ever handed out; the last of each invitation works.
    pub(super) tokens: Vec<TokenHash>,
}

fn capability_names(declaration: &ClaimDeclaration) -> Option<CapabilityName> {
    declaration.requires.clone()
}

impl Naive {
    pub(super) fn new(root: OrganizationId, catalog: &Catalog, rules: &Rules) -> Self {
        let all: Vec<&ClaimDeclaration> = catalog.declarations().collect();
        let number = |name: &Claim| all.iter().position(|other| other.name == *name).unwrap();
        let mut declared = Vec::new();
        for declaration in &all {
            // CLM-2: a claim comes with what it implies, at whatever distance.
            let mut implied = vec![number(&declaration.name)];
            let mut next = 0;
            while next < implied.len() {
                for more in &all[implied[next]].implies {
                    if !implied.contains(&number(more)) {
                        implied.push(number(more));
                    }
                }
                next += 1;
            }
            let (name, requires) = (declaration.name.clone(), capability_names(declaration));
            declared.push(Declared { name, implied, requires });
        }
        Self {
            root,
            at: Timestamp::MIN_UTC,
            rules: rules.clone(),
            declared,
            levels: usize::from(rules.levels.get()),
            straight: rules.straight_invitations,
            subscription: None,
            places: Vec::new(),
            principals: Vec::new(),
            seats: Vec::new(),
            roles: Vec::new(),
            groups: Vec::new(),
            links: Vec::new(),
            invitations: Vec::new(),
            projects: Vec::new(),
            shares: Vec::new(),
            offers: Vec::new(),
            people: Vec::new(),
            invited: Vec::new(),
            used: Vec::new(),
            tokens: Vec::new(),
        }
    }

    // ---- folding what happened -------------------------------------------------------

    pub(super) fn fold(&mut self, changes: &Changes) {
        let at = changes.recorded.at;
        self.at = at;
        for event in &changes.recorded.events {
            match event {
                Event::Organization(event) => self.fold_organization(event),
                Event::Settings(event) => match event {
                    SettingsEvent::LevelsLimited { levels, .. } => self.levels = usize::from(levels.get()),
                    SettingsEvent::StraightInvitationsSet { allowed, .. } => self.straight = *allowed,
                    SettingsEvent::AuthenticationConfigured { .. } => {}
                },
                Event::Deletion(event) => self.fold_deletion(event),
                Event::Transfer(_) => unreachable!("the random tests stay within one tree"),
                Event::Offer(event) => match event {
                    OfferEvent::Made { offer } => {
                        self.used.push(offer.id().uuid());
                        self.offers.push((offer.id(), offer.organization()));
                    }
                    OfferEvent::Accepted { offer, .. }
                    | OfferEvent::Declined { offer, .. }
                    | OfferEvent::Withdrawn { offer, .. } => self.offers.retain(|(id, _)| id != offer),
                },
                Event::Subscription(SubscriptionEvent::Recorded { subscription, .. }) => {
                    self.subscription = Some(subscription.clone());
                }
                Event::Capability(event) => self.fold_capability(event),
                Event::Member(event) => self.fold_member(event),
                Event::Grant(event) => self.fold_grant(event),
                Event::Role(event) => match event {
                    RoleEvent::Defined { organization, role, claims, .. } => {
                        self.used.push(role.uuid());
                        self.roles.retain(|other| other.id != *role);
                        let claims = claims.iter().cloned().collect();
                        self.roles.push(Bundle { id: *role, place: *organization, claims });
                    }
                    RoleEvent::Deleted { role, .. } => self.roles.retain(|other| other.id != *role),
                },
                Event::Project(event) => self.fold_project(event),
                Event::Resource(event) => match event {
                    ResourceEvent::Shared { share } => self.shares.push(share.clone()),
                    ResourceEvent::Unshared { resource, target, .. } => {
                        self.shares.retain(|share| (share.resource, share.target) != (*resource, *target));
                    }
                },
                Event::Group(event) => self.fold_group(event),
                Event::Link(event) => self.fold_link(event, &changes.recorded.operations),
                Event::Invitation(event) => self.fold_invitation(event, at),
                // What follows has a model of its own.
                Event::Setting(_)
                | Event::Automation(_)
                | Event::Secret(_)
                | Event::Onboarding(_)
                | Event::Location(_)
                | Event::Policy(_)
                | Event::Support(_)
                | Event::Recording(_)
                | Event::Erasure(_)
                | Event::Audit(_) => {}
            }
        }
        for (key, record) in &changes.records {
            match key {
                RecordKey::Person(principal) => {
                    self.people.retain(|(other, _)| other != principal);
                    if let Some(Record::Person(Person { address: Some(address), .. })) = record {
                        self.people.push((*principal, address.key().clone()));
                    }
                }
                RecordKey::Invitee(invitation) => {
                    self.invited.retain(|(other, _)| other != invitation);
                    if let Some(Record::Invitee(address)) = record {
                        self.invited.push((*invitation, address.key().clone()));
                    }
                }
                RecordKey::Description(_) | RecordKey::Secret(_) | RecordKey::Reason(_) => {}
            }
        }
    }

    fn fold_organization(&mut self, event: &OrganizationEvent) {
        match event {
            OrganizationEvent::Created { organization, parent, profile } => {
                self.used.push(organization.uuid());
                self.places.push(Tenant {
                    id: *organization,
                    parent: *parent,
                    slug: profile.slug.clone(),
                    active: true,
                    capabilities: Vec::new(),
                });
            }
            OrganizationEvent::Edited { organization, profile } => {
                let place = self.places.iter_mut().find(|place| place.id == *organization).unwrap();
                place.slug = profile.slug.clone();
            }
            OrganizationEvent::Moved { organization, parent } => {
                let place = self.places.iter_mut().find(|place| place.id == *organization).unwrap();
                place.parent = Some(*parent);
            }
        }
    }

    fn fold_deletion(&mut self, event: &DeletionEvent) {
        match event {
            DeletionEvent::Deactivated { organization } | DeletionEvent::Reactivated { organization } => {
                let place = self.places.iter_mut().find(|place| place.id == *organization).unwrap();
                place.active = matches!(event, DeletionEvent::Reactivated { .. });
            }
            DeletionEvent::Deleted { organization } => {
                // DEL-4: everything else was named by an event of its own.
                assert!(self.seats.iter().all(|seat| seat.place != *organization));
                assert!(self.groups.iter().all(|group| group.home != *organization));
                assert!(self.links.iter().all(|link| link.source != *organization && link.target != *organization));
                assert!(self.roles.iter().all(|role| role.place != *organization));
                assert!(self.projects.iter().all(|project| project.place != *organization));
                assert!(self.shares.iter().all(|share| share.target != *organization));
                self.places.retain(|place| place.id != *organization);
                self.invitations.retain(|invitation| invitation.place != *organization);
            }
        }
    }

    fn fold_capability(&mut self, event: &CapabilityEvent) {
        match event {
            CapabilityEvent::Assigned { organization, capability, until } => {
                let place = self.places.iter_mut().find(|place| place.id == *organization).unwrap();
                place.capabilities.retain(|(other, _)| other != capability);
                place.capabilities.push((capability.clone(), *until));
            }
            CapabilityEvent::Withdrawn { organization, capability } => {
                let place = self.places.iter_mut().find(|place| place.id == *organization).unwrap();
                place.capabilities.retain(|(other, _)| other != capability);
            }
        }
    }

    fn fold_member(&mut self, event: &MemberEvent) {
        match *event {
            MemberEvent::UserKnown { principal } => {
                self.used.push(principal.uuid());
                self.principals.push((principal, None));
            }
            MemberEvent::IdentityCreated { principal, home } => {
                self.used.push(principal.uuid());
                self.principals.push((principal, Some(home)));
            }
            MemberEvent::Added { organization, principal } => {
                assert!(self.seat(organization, principal).is_none(), "one membership, not two");
                let seat = Seat { place: organization, who: principal, suspended: false, grants: Vec::new() };
                self.seats.push(seat);
            }
            MemberEvent::Suspended { organization, principal } | MemberEvent::Restored { organization, principal } => {
                let seat = self.seats.iter_mut().find(|seat| (seat.place, seat.who) == (organization, principal));
                seat.unwrap().suspended = matches!(event, MemberEvent::Suspended { .. });
            }
            MemberEvent::Removed { organization, principal } => {
                self.seats.retain(|seat| (seat.place, seat.who) != (organization, principal));
                // MEM-4: everything they had there went in the same commit.
                let mut groups = self.groups.iter().filter(|group| group.home == organization);
                assert!(groups.all(|group| !group.owners.contains(&principal)
                    && !group.members.contains(&Participant::Principal(principal))));
                let mut projects = self.projects.iter().filter(|project| project.place == organization);
                assert!(projects.all(|project| !project.members.contains(&principal)));
            }
        }
    }

    fn fold_grant(&mut self, event: &GrantEvent) {
        let (place, who, privilege) = match event {
            GrantEvent::Granted { organization, principal, grant } => (organization, principal, &grant.privilege),
            GrantEvent::Revoked { organization, principal, privilege } => (organization, principal, privilege),
        };
        let Some(seat) = self.seats.iter_mut().find(|seat| (seat.place, seat.who) == (*place, *who)) else { return };
        seat.grants.retain(|(other, _)| other != privilege);
        if let GrantEvent::Granted { grant, .. } = event {
            seat.grants.push((grant.privilege.clone(), grant.window));
        }
    }

    fn fold_project(&mut self, event: &ProjectEvent) {
        match event {
            ProjectEvent::Created { organization, project, .. } => {
                self.used.push(project.uuid());
                self.projects.push(Job { id: *project, place: *organization, members: Vec::new() });
            }
            ProjectEvent::MemberAdded { project, principal, .. } => {
                let job = self.projects.iter_mut().find(|job| job.id == *project).unwrap();
                job.members.push(*principal);
            }
            ProjectEvent::MemberRemoved { project, principal, .. } => {
                let job = self.projects.iter_mut().find(|job| job.id == *project).unwrap();
                job.members.retain(|other| other != principal);
            }
            // Groups in projects have tests of their own.
            ProjectEvent::GroupAdded { .. } | ProjectEvent::GroupRemoved { .. } => {}
            ProjectEvent::Deleted { project, .. } => self.projects.retain(|job| job.id != *project),
        }
    }

    fn fold_group(&mut self, event: &GroupEvent) {
        let id = match event {
            GroupEvent::Created { organization, group, gives, owner, .. } => {
                self.used.push(group.uuid());
                let (gives, owners) = (gives.iter().cloned().collect(), vec![*owner]);
                self.groups.push(Team { id: *group, home: *organization, gives, owners, members: Vec::new() });
                return;
            }
            GroupEvent::Deleted { group, .. } => {
                // GRP-7: its links, nestings and pending invitations went in the same commit.
                assert!(self.links.iter().all(|link| link.group != *group));
                assert!(self.groups.iter().all(|other| !other.members.contains(&Participant::Group(*group))));
                let mut letters = self.invitations.iter().filter(|letter| letter.group == *group);
                assert!(letters.all(|letter| letter.outcome != Outcome::Pending || letter.until <= self.at));
                self.groups.retain(|other| other.id != *group);
                return;
            }
            GroupEvent::Defined { group, .. }
            | GroupEvent::OwnerAdded { group, .. }
            | GroupEvent::OwnerRemoved { group, .. }
            | GroupEvent::MemberAdded { group, .. }
            | GroupEvent::MemberRemoved { group, .. } => *group,
        };
        let Some(team) = self.groups.iter_mut().find(|team| team.id == id) else { return };
        match event {
            GroupEvent::Defined { gives, .. } => team.gives = gives.iter().cloned().collect(),
            GroupEvent::OwnerAdded { owner, .. } => team.owners.push(*owner),
            GroupEvent::OwnerRemoved { owner, .. } => team.owners.retain(|other| other != owner),
            GroupEvent::MemberAdded { participant, .. } => team.members.push(*participant),
            GroupEvent::MemberRemoved { participant, .. } => team.members.retain(|other| other != participant),
            GroupEvent::Created { .. } | GroupEvent::Deleted { .. } => unreachable!(),
        }
    }

    fn fold_link(&mut self, event: &LinkEvent, operations: &[Operation]) {
        match event {
            LinkEvent::Linked { link, source, group, target, terms, present } => {
                self.used.push(link.uuid());
                let now = self.within_terms(*target, terms);
                assert_eq!(now, present.iter().copied().collect::<Vec<_>>(), "GRP-8: what a link reaches when made");
                let (present, opted_out) = (now, Vec::new());
                let (id, source, group, target, terms) = (*link, *source, *group, *target, terms.clone());
                self.links.push(Tie { id, source, group, target, terms, present, opted_out });
            }
            LinkEvent::Changed { link, terms, target, .. } => {
                let now = self.within_terms(*target, terms);
                let Some(tie) = self.links.iter_mut().find(|tie| tie.id == *link) else { return };
                tie.terms = terms.clone();
                if operations == [Operation::ChangeLink] {
                    tie.present = now;
                }
            }
            LinkEvent::OptedOut { organization, link } => {
                let tie = self.links.iter_mut().find(|tie| tie.id == *link).unwrap();
                tie.opted_out.push(*organization);
            }
            LinkEvent::OptedIn { organization, link } => {
                let tie = self.links.iter_mut().find(|tie| tie.id == *link).unwrap();
                tie.opted_out.retain(|other| other != organization);
            }
            LinkEvent::Ended { link, .. } => self.links.retain(|tie| tie.id != *link),
        }
    }

    fn fold_invitation(&mut self, event: &InvitationEvent, at: Timestamp) {
        let (id, outcome) = match *event {
            InvitationEvent::Sent { organization, invitation, group, role, inviter, token, until } => {
                self.used.push(invitation.uuid());
                self.tokens.push(token);
                let (id, place, outcome) = (invitation, organization, Outcome::Pending);
                let sendings = vec![(at, inviter)];
                self.invitations.push(Letter { id, place, group, role, inviter, token, until, outcome, sendings });
                return;
            }
            InvitationEvent::Resent { invitation, by, token, until, .. } => {
                let letter = self.invitations.iter_mut().find(|letter| letter.id == invitation).unwrap();
                (letter.inviter, letter.token, letter.until) = (by, token, until);
                letter.sendings.push((at, by));
                self.tokens.push(token);
                return;
            }
            InvitationEvent::Accepted { invitation, by, .. } => (invitation, Outcome::Accepted(at, by)),
            InvitationEvent::Declined { invitation, .. } => (invitation, Outcome::Declined(at)),
            InvitationEvent::Revoked { invitation, .. } => (invitation, Outcome::Revoked(at)),
        };
        let letter = self.invitations.iter_mut().find(|letter| letter.id == id).unwrap();
        // INV-2: there is no way out of a final state.
        assert_eq!(letter.outcome, Outcome::Pending);
        assert!(at < letter.until, "INV-2: an expired invitation takes no step");
        letter.outcome = outcome;
    }

    // ---- the hierarchy ---------------------------------------------------------------

    pub(super) fn place(&self, id: OrganizationId) -> Option<&Tenant> {
        self.places.iter().find(|place| place.id == id)
    }

    /// The organization itself, its parent, and so on up to the root.
    pub(super) fn upward(&self, id: OrganizationId) -> Vec<OrganizationId> {
        let mut path = Vec::new();
        let mut next = self.place(id);
        while let Some(place) = next {
            assert!(path.len() < 40, "HIE-6: the parents run in a circle");
            path.push(place.id);
            next = place.parent.and_then(|parent| self.place(parent));
        }
        path
    }

    pub(super) fn is_above(&self, above: OrganizationId, below: OrganizationId) -> bool {
        above != below && self.upward(below).contains(&above)
    }

    pub(super) fn level(&self, id: OrganizationId) -> usize {
        self.upward(id).len()
    }

    pub(super) fn children(&self, id: OrganizationId) -> Vec<OrganizationId> {
        let children = self.places.iter().filter(|place| place.parent == Some(id));
        children.map(|place| place.id).collect()
    }

    /// The organization and everything below it, by identifier.
    pub(super) fn subtree(&self, id: OrganizationId) -> Vec<OrganizationId> {
        let mut below: Vec<OrganizationId> =
            self.places.iter().map(|place| place.id).filter(|other| self.upward(*other).contains(&id)).collect();
        below.sort();
        below
    }

    pub(super) fn is_active(&self, id: OrganizationId) -> bool {
        self.place(id).is_some() && self.upward(id).iter().all(|id| self.place(*id).unwrap().active)
    }

    // ---- people ----------------------------------------------------------------------

    pub(super) fn seat(&self, place: OrganizationId, who: PrincipalId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.place == place && seat.who == who)
    }

    pub(super) fn is_user(&self, who: PrincipalId) -> bool {
        self.principals.iter().any(|(id, home)| *id == who && home.is_none())
    }

    /// CLM-5: a person who holds Owner directly and without end, and is not suspended.
    pub(super) fn acting_owners(&self, place: OrganizationId, at: Timestamp) -> Vec<PrincipalId> {
        let counts = |seat: &&Seat| {
            seat.place == place
                && !seat.suspended
                && self.is_user(seat.who)
                && seat.grants.iter().any(|(privilege, window)| {
                    *privilege == Privilege::OWNER
                        && window.end().is_none()
                        && window.start().is_none_or(|start| start <= at)
                })
        };
        let mut owners: Vec<PrincipalId> = self.seats.iter().filter(counts).map(|seat| seat.who).collect();
        owners.sort();
        owners
    }

    pub(super) fn group(&self, id: GroupId) -> Option<&Team> {
        self.groups.iter().find(|group| group.id == id)
    }

    pub(super) fn link(&self, id: LinkId) -> Option<&Tie> {
        self.links.iter().find(|link| link.id == id)
    }

    /// GRP-1, abuse 31: an owner of the group who is an active member where it lives.
    pub(super) fn owns_group(&self, who: PrincipalId, group: GroupId) -> bool {
        self.group(group).is_some_and(|group| {
            group.owners.contains(&who) && self.seat(group.home, who).is_some_and(|seat| !seat.suspended)
        })
    }

    // ---- subscription and capabilities -----------------------------------------------

    fn lapse(&self) -> Option<Timestamp> {
        let subscription = self.subscription.as_ref()?;
        let end = subscription.term.end();
        match subscription.status {
            SubscriptionStatus::Trial | SubscriptionStatus::Active => end,
            SubscriptionStatus::PastDue | SubscriptionStatus::Cancelled => {
                Some(end.map_or(subscription.since, |end| end.min(subscription.since)))
            }
        }
    }

    fn grace_end(&self) -> Option<Timestamp> {
        let grace = chrono::TimeDelta::seconds(self.rules.grace?.as_seconds());
        Some(self.lapse()? + grace)
    }

    /// LIC-3, LIC-4: whether the plan has the feature, and the subscription runs or lapsed no
    /// longer ago than the grace period.
    pub(super) fn grants(&self, feature: &Feature, at: Timestamp) -> bool {
        let Some(subscription) = &self.subscription else { return false };
        let Some(plan) = self.rules.plans.get(&subscription.plan) else { return false };
        let paid = matches!(subscription.status, SubscriptionStatus::Trial | SubscriptionStatus::Active);
        let runs = paid && within(subscription.term, at);
        let graced = self.lapse().is_some_and(|lapse| lapse <= at) && self.grace_end().is_some_and(|end| at < end);
        plan.features.contains(feature) && (runs || graced)
    }

    fn links_stand(&self, at: Timestamp) -> bool {
        self.rules.lapse == Lapse::Freeze || self.grants(&Feature::CrossOrganizationLinks, at)
    }

    /// LIC-6: assigned and unexpired there and at each ancestor.
    pub(super) fn is_capable(&self, place: OrganizationId, capability: &CapabilityName, at: Timestamp) -> bool {
        let path = self.upward(place);
        !path.is_empty()
            && path.iter().all(|id| {
                let capabilities = &self.place(*id).unwrap().capabilities;
                capabilities.iter().any(|(name, until)| name == capability && until.is_none_or(|until| at < until))
            })
    }

    /// LIC-9: how much of a limit is used.
    pub(super) fn usage(&self, place: OrganizationId, limit: UsageLimit, at: Timestamp) -> u64 {
        let count = match limit {
            UsageLimit::Seats => {
                let users = self.seats.iter().filter(|seat| seat.place == place && self.is_user(seat.who));
                let mut reserved: Vec<&AddressKey> = Vec::new();
                for letter in self.pending(place, at) {
                    let key = self.invitee(letter.id).unwrap();
                    let seated = self.people_at(key).iter().any(|who| self.seat(place, *who).is_some());
                    if !seated && !reserved.contains(&key) {
                        reserved.push(key);
                    }
                }
                users.count() + reserved.len()
            }
            UsageLimit::SubOrganizations => self.children(place).len(),
            UsageLimit::Groups => self.groups.iter().filter(|group| group.home == place).count(),
            UsageLimit::PendingInvitations => self.pending(place, at).len(),
        };
        count as u64
    }

    pub(super) fn allowance(&self, limit: UsageLimit) -> u64 {
        let plan = self.subscription.as_ref().and_then(|subscription| self.rules.plans.get(&subscription.plan));
        let limits = plan.map(|plan| plan.limits).unwrap_or_default();
        let allowed = match limit {
            UsageLimit::Seats => limits.seats,
            UsageLimit::SubOrganizations => limits.sub_organizations,
            UsageLimit::Groups => limits.groups,
            UsageLimit::PendingInvitations => limits.pending_invitations,
        };
        allowed.unwrap_or(u64::MAX)
    }

    // ---- invitations -----------------------------------------------------------------

    pub(super) fn letter(&self, id: InvitationId) -> Option<&Letter> {
        self.invitations.iter().find(|letter| letter.id == id)
    }

    pub(super) fn invitee(&self, id: InvitationId) -> Option<&AddressKey> {
        self.invited.iter().find(|(other, _)| *other == id).map(|(_, key)| key)
    }

    pub(super) fn people_at(&self, key: &AddressKey) -> Vec<PrincipalId> {
        self.people.iter().filter(|(_, other)| other == key).map(|(who, _)| *who).collect()
    }

    /// INV-2: from its end on a pending one is expired, without any job.
    pub(super) fn state(&self, letter: &Letter, at: Timestamp) -> InvitationState {
        match letter.outcome {
            Outcome::Pending if at < letter.until => InvitationState::Pending { until: letter.until },
            Outcome::Pending => InvitationState::Expired { at: letter.until },
            Outcome::Accepted(at, by) => InvitationState::Accepted { at, by },
            Outcome::Declined(at) => InvitationState::Declined { at },
            Outcome::Revoked(at) => InvitationState::Revoked { at },
        }
    }

    pub(super) fn is_pending(&self, letter: &Letter, at: Timestamp) -> bool {
        letter.outcome == Outcome::Pending && at < letter.until
    }

    pub(super) fn pending(&self, place: OrganizationId, at: Timestamp) -> Vec<&Letter> {
        self.invitations.iter().filter(|letter| letter.place == place && self.is_pending(letter, at)).collect()
    }

    // ---- links -----------------------------------------------------------------------

    /// GRP-8: what these terms reach now, by identifier.
    pub(super) fn within_terms(&self, target: OrganizationId, terms: &LinkTerms) -> Vec<OrganizationId> {
        let mut found: Vec<OrganizationId> =
            self.places.iter().map(|place| place.id).filter(|id| self.is_within(target, terms, *id)).collect();
        found.sort();
        found
    }

    fn is_within(&self, target: OrganizationId, terms: &LinkTerms, id: OrganizationId) -> bool {
        let path = self.upward(id);
        let Some(distance) = path.iter().position(|above| *above == target) else { return false };
        let near = match terms.reach {
            Reach::Target => distance == 0,
            Reach::Children => distance <= 1,
            Reach::Subtree => true,
        };
        near && !path.iter().any(|above| terms.exclusions.contains(above))
    }

    /// GRP-8: whether a link reaches an organization, whenever it counts.
    pub(super) fn reaches(&self, link: &Tie, id: OrganizationId) -> bool {
        self.is_within(link.target, &link.terms, id)
            && (link.terms.future || link.present.contains(&id))
            && !link.opted_out.contains(&id)
    }

    pub(super) fn counts(&self, link: &Tie, id: OrganizationId, at: Timestamp) -> bool {
        self.links_stand(at) && within(link.terms.window, at) && self.reaches(link, id)
    }

    /// GRP-5: at home, and wherever a link counts.
    pub(super) fn is_group_active(&self, group: GroupId, id: OrganizationId, at: Timestamp) -> bool {
        self.group(group).is_some_and(|group| group.home == id)
            || self.links.iter().any(|link| link.group == group && self.counts(link, id, at))
    }

    // ---- claims ----------------------------------------------------------------------

    pub(super) fn nothing(&self) -> Held {
        vec![false; self.declared.len() + 1]
    }

    pub(super) fn number(&self, claim: &Claim) -> Option<usize> {
        self.declared.iter().position(|declared| declared.name == *claim).map(|index| index + 1)
    }

    fn add_claim(&self, held: &mut Held, claim: &Claim) {
        if let Some(declared) = self.declared.iter().find(|declared| declared.name == *claim) {
            declared.implied.iter().for_each(|implied| held[implied + 1] = true);
        }
    }

    fn add_grantable(&self, held: &mut Held, grantable: &Grantable) {
        match grantable {
            Grantable::Owner => held.iter_mut().for_each(|held| *held = true),
            Grantable::Claim(claim) => self.add_claim(held, claim),
            Grantable::Family(family) => {
                let beginning = format!("{family}.");
                let below = self.declared.iter().filter(|declared| declared.name.as_str().starts_with(&beginning));
                below.for_each(|declared| self.add_claim(held, &declared.name));
            }
        }
    }

    /// CLM-3: a role can be used where it is defined and beneath.
    pub(super) fn is_usable(&self, role: RoleId, place: OrganizationId) -> bool {
        self.roles.iter().any(|bundle| bundle.id == role && self.upward(place).contains(&bundle.place))
    }

    pub(super) fn expand<'a>(
        &self,
        privileges: impl IntoIterator<Item = &'a Privilege>,
        place: OrganizationId,
    ) -> Held {
        let mut held = self.nothing();
        for privilege in privileges {
            match privilege {
                Privilege::Claim(grantable) => self.add_grantable(&mut held, grantable),
                Privilege::Role(RoleRef::ManageOrganization) => {
                    held.iter_mut().skip(1).for_each(|held| *held = true);
                }
                Privilege::Role(RoleRef::ManageMspCustomers) => {
                    for name in
                        ["organizations.create", "customers.edit", "customers.deactivate", "capabilities.assign"]
                    {
                        self.add_claim(&mut held, &name.parse().unwrap());
                    }
                }
                Privilege::Role(RoleRef::Defined(role)) => {
                    let bundle = self.roles.iter().find(|bundle| bundle.id == *role);
                    for claim in bundle.filter(|_| self.is_usable(*role, place)).iter().flat_map(|role| &role.claims) {
                        self.add_grantable(&mut held, claim);
                    }
                }
            }
        }
        held
    }

    /// GRP-2: what a link passes on of these privileges of its group.
    pub(super) fn passed_on(&self, gives: &[Privilege], terms: &LinkTerms, place: OrganizationId) -> Held {
        let passes = |privilege: &&Privilege| terms.makes_owners || **privilege != Privilege::OWNER;
        match &terms.gives {
            LinkGives::Inherit => self.expand(gives.iter().filter(passes), place),
            LinkGives::Narrowed(narrowed) => {
                let narrow = self.expand(narrowed.iter().filter(passes), place);
                both(&narrow, &self.expand(gives, place))
            }
        }
    }

    /// The groups that one counts as a member of, each until when: those they are in as an
    /// active member of where the group lives, and those that these are nested in.
    pub(super) fn groups_of(&self, who: PrincipalId, at: Timestamp, eyes: Eyes) -> Vec<(GroupId, Timestamp)> {
        let mut found: Vec<(GroupId, Timestamp)> = Vec::new();
        for group in &self.groups {
            let seat = self.seat(group.home, who);
            let active = seat.is_some_and(|seat| eyes.suspended || !seat.suspended);
            if active && group.members.contains(&Participant::Principal(who)) {
                found.push((group.id, NEVER));
            }
        }
        loop {
            let before = found.clone();
            for (inner, until) in &before {
                let home = self.group(*inner).unwrap().home;
                for outer in self.groups.iter().filter(|outer| outer.members.contains(&Participant::Group(*inner))) {
                    // GRP-3: of the same organization, or of an ancestor that has linked it there.
                    let end = if outer.home == home {
                        Some(NEVER)
                    } else {
                        let counting = self.links.iter().filter(|link| link.group == *inner);
                        let counting = counting.filter(|link| self.counts(link, outer.home, at));
                        counting.map(|link| link.terms.window.end().unwrap_or(NEVER)).max()
                    };
                    let Some(end) = end.map(|end| end.min(*until)) else { continue };
                    match found.iter_mut().find(|(group, _)| *group == outer.id) {
                        Some((_, known)) => *known = (*known).max(end),
                        None => found.push((outer.id, end)),
                    }
                }
            }
            if found == before {
                return found;
            }
        }
    }

    /// CLM-7: every way by which one holds anything in an organization.
    pub(super) fn ways(&self, who: PrincipalId, place: OrganizationId, at: Timestamp, eyes: Eyes) -> Vec<Way> {
        let mut ways = Vec::new();
        let known = self.principals.iter().any(|(id, _)| *id == who);
        let there = self.place(place).is_some() && (eyes.dormant || self.is_active(place));
        let seat = self.seat(place, who);
        let barred = seat.is_some_and(|seat| seat.suspended && !eyes.suspended);
        if !known || !there || barred {
            return ways;
        }
        for (privilege, window) in seat.iter().flat_map(|seat| &seat.grants) {
            if within(*window, at) {
                let (gives, until) = (self.expand([privilege], place), window.end().unwrap_or(NEVER));
                ways.push(Way { grant: Some(privilege.clone()), group: None, gives, until });
            }
        }
        for (id, until) in self.groups_of(who, at, eyes) {
            let group = self.group(id).unwrap();
            if group.home == place {
                let gives = self.expand(&group.gives, place);
                ways.push(Way { grant: None, group: Some((id, None)), gives, until });
            }
            for link in self.links.iter().filter(|link| link.group == id && self.counts(link, place, at)) {
                let gives = self.passed_on(&group.gives, &link.terms, place);
                let until = until.min(link.terms.window.end().unwrap_or(NEVER));
                ways.push(Way { grant: None, group: Some((id, Some(link.id))), gives, until });
            }
        }
        ways
    }

    /// CLM-8: everything that one may do in an organization; LIC-8 takes what lacks its
    /// capability.
    pub(super) fn held(&self, who: PrincipalId, place: OrganizationId, at: Timestamp, eyes: Eyes) -> Held {
        let mut held = self.nothing();
        for way in self.ways(who, place, at, eyes) {
            held = either(&held, &way.gives);
        }
        for (index, declared) in self.declared.iter().enumerate() {
            if let Some(capability) = &declared.requires
                && held[index + 1]
                && !self.is_capable(place, capability, at)
            {
                held[index + 1] = false;
            }
        }
        held
    }

    /// What one holds for as long as `until`, whatever capabilities are in effect.
    pub(super) fn lasting(&self, who: PrincipalId, place: OrganizationId, until: Timestamp, at: Timestamp) -> Held {
        let ways = self.ways(who, place, at, PLAIN).into_iter().filter(|way| until <= way.until);
        ways.fold(self.nothing(), |held, way| either(&held, &way.gives))
    }

    pub(super) fn owns(&self, who: PrincipalId, place: OrganizationId, at: Timestamp) -> bool {
        self.held(who, place, at, DORMANT)[0]
    }

    pub(super) fn may(&self, who: PrincipalId, place: OrganizationId, claim: &str, at: Timestamp) -> bool {
        self.held(who, place, at, DORMANT)[self.number(&claim.parse().unwrap()).unwrap()]
    }

    pub(super) fn allows(&self, who: PrincipalId, place: OrganizationId, claim: &Claim, at: Timestamp) -> bool {
        self.number(claim).is_some_and(|number| self.held(who, place, at, PLAIN)[number])
    }

    /// ERR-4: whether one may know of an organization.
    pub(super) fn sees(&self, who: PrincipalId, place: OrganizationId, at: Timestamp) -> bool {
        self.place(place).is_some()
            && (self.seat(place, who).is_some()
                || holds_any(&self.held(who, place, at, DORMANT))
                || self.upward(place)[1..].iter().any(|above| self.may(who, *above, "organizations.view", at)))
    }

    /// Who has a line in the roster: members, those with access, and pending invitations.
    pub(super) fn roster(&self, place: OrganizationId, at: Timestamp) -> Vec<RosterSubject> {
        let mut lines = Vec::new();
        for (who, _) in &self.principals {
            if self.seat(place, *who).is_some() || holds_any(&self.held(*who, place, at, DORMANT)) {
                lines.push(RosterSubject::Principal(*who));
            }
        }
        lines.extend(self.pending(place, at).iter().map(|letter| RosterSubject::Invitation(letter.id)));
        lines.sort();
        lines
    }

    /// Every instant after `at` at which something begins or ends by itself.
    pub(super) fn edges(&self, at: Timestamp) -> Vec<Timestamp> {
        let mut windows: Vec<Window> = Vec::new();
        windows.extend(self.seats.iter().flat_map(|seat| seat.grants.iter().map(|(_, window)| *window)));
        windows.extend(self.links.iter().map(|link| link.terms.window));
        windows.extend(self.subscription.iter().map(|subscription| subscription.term));
        let mut edges: Vec<Option<Timestamp>> =
            windows.iter().flat_map(|window| [window.start(), window.end()]).collect();
        edges.extend(self.places.iter().flat_map(|place| place.capabilities.iter().map(|(_, until)| *until)));
        edges.extend(self.invitations.iter().map(|letter| Some(letter.until)));
        edges.extend([self.lapse(), self.grace_end()]);
        let mut edges: Vec<Timestamp> = edges.into_iter().flatten().filter(|edge| *edge > at).collect();
        edges.sort();
        edges.dedup();
        edges
    }
}

/// CLM-6: from exactly its start, and no longer at exactly its end.
pub(super) fn within(window: Window, at: Timestamp) -> bool {
    window.start().is_none_or(|start| start <= at) && window.end().is_none_or(|end| at < end)
}

pub(super) fn either(a: &[bool], b: &[bool]) -> Held {
    a.iter().zip(b).map(|(a, b)| *a || *b).collect()
}

pub(super) fn both(a: &[bool], b: &[bool]) -> Held {
    a.iter().zip(b).map(|(a, b)| *a && *b).collect()
}

pub(super) fn holds_any(held: &[bool]) -> bool {
    held.contains(&true)
}

pub(super) fn is_part_of(part: &[bool], whole: &[bool]) -> bool {
    part.iter().zip(whole).all(|(part, whole)| *whole || !*part)
}

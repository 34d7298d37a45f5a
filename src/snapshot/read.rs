//! How the body of a snapshot becomes a tree again.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::SnapshotError;
use super::body::{
    Body, GrantRow, GroupRow, Instant, LinkRow, MemberRow, Number, OrganizationRow, PrincipalRow, Runs, Things, size,
};
use crate::event::Version;
use crate::grant::Grant;
use crate::group::Group;
use crate::id::{GroupId, InvalidId, OrganizationId, PrincipalId};
use crate::index::Index;
use crate::link::Link;
use crate::location::Locations;
use crate::member::Member;
use crate::ordered::{OrdMap, OrdSet, in_order};
use crate::organization::{Organization, Profile};
use crate::participant::Participant;
use crate::person::{Record, RecordKey};
use crate::principal::Principal;
use crate::reach::Terms;
use crate::role::Privilege;
use crate::settings::TreeSettings;
use crate::time::{Timestamp, Window};
use crate::tree::{Domain, OrganizationTree, State};

fn json<T: DeserializeOwned>(text: &str) -> Result<T, SnapshotError> {
    serde_json::from_str(text).map_err(|_| SnapshotError::Unreadable)
}

fn text<T: std::str::FromStr>(text: &str) -> Result<T, SnapshotError> {
    text.parse().map_err(|_| SnapshotError::Unreadable)
}

fn instant(at: Instant) -> Result<Timestamp, SnapshotError> {
    at.timestamp().ok_or(SnapshotError::Unreadable)
}

fn window(instants: &[Timestamp], row: &GrantRow) -> Result<Window, SnapshotError> {
    let instant = |at: Option<Number>| at.map(|at| numbered(instants, at).copied()).transpose();
    Window::new(instant(row.from)?, instant(row.until)?).map_err(|_| SnapshotError::Unreadable)
}

/// What has this number.
fn numbered<T>(all: &[T], number: Number) -> Result<&T, SnapshotError> {
    all.get(size(number)).ok_or(SnapshotError::Unreadable)
}

pub(super) struct Ids(Vec<Uuid>);

impl Ids {
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    fn of(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let (ids, rest) = bytes.as_chunks::<16>();
        if rest.is_empty() {
            Ok(Self(ids.iter().copied().map(Uuid::from_bytes).collect()))
        } else {
            Err(SnapshotError::Unreadable)
        }
    }

    pub(super) fn id<I: TryFrom<Uuid, Error = InvalidId>>(&self, number: Number) -> Result<I, SnapshotError> {
        I::try_from(*numbered(&self.0, number)?).map_err(|_| SnapshotError::Unreadable)
    }

    fn all<I: TryFrom<Uuid, Error = InvalidId>, C: FromIterator<I>>(
        &self,
        numbers: &[Number],
    ) -> Result<C, SnapshotError> {
        numbers.iter().map(|number| self.id(*number)).collect()
    }
}

type Members = OrdMap<(OrganizationId, PrincipalId), Member>;
type Links = OrdMap<(GroupId, OrganizationId), Arc<Link>>;

/// What the rows point to.
pub(super) struct Reader {
    pub(super) ids: Ids,
    lineages: Vec<Arc<[OrganizationId]>>,
    instants: Vec<Timestamp>,
    templates: Vec<Organization>,
    pub(super) grants: Vec<Arc<[Grant]>>,
    gives: Vec<BTreeSet<Privilege>>,
    terms: Vec<(OrganizationId, Terms)>,
}

fn common<T: DeserializeOwned>(all: &[&str]) -> Result<Vec<T>, SnapshotError> {
    all.iter().map(|text| json(text)).collect()
}

/// The tree of a body, which must be that of this root at this version.
pub(super) fn tree(
    domain: Arc<Domain>,
    (root, version): (OrganizationId, Version),
    body: &[u8],
    records: impl IntoIterator<Item = (RecordKey, Record)>,
) -> Result<OrganizationTree, SnapshotError> {
    let body: Body<'_> = postcard::from_bytes(body).map_err(|_| SnapshotError::Unreadable)?;
    if (Uuid::from_bytes(body.root), body.version) != (root.uuid(), version.get()) {
        return Err(SnapshotError::Misplaced);
    }
    let things: Things = json(body.things)?;
    if things.defaults != TreeSettings::of(&domain.rules) {
        return Err(SnapshotError::OtherRules);
    }
    let reader = Reader::of(&body)?;
    let numbered = body.numbered(&reader, root)?;
    let spent = size(body.spent);
    let mut tree = OrganizationTree {
        domain,
        root,
        version,
        at: instant(body.at)?,
        settings: things.settings,
        subscription: things.subscription.map(Arc::new),
        organizations: rows(body.organizations, |row| reader.organization(row))?,
        principals: rows(body.principals, |row| reader.principal(row))?,
        members: reader.members(&body.members)?,
        roles: things.roles.into_iter().map(|role| (role.id, role)).collect(),
        groups: rows(body.groups, |row| reader.group(&row))?,
        links: reader.links(&body.links)?,
        invitations: things.invitations.into_iter().map(|sent| (sent.id, sent)).collect(),
        projects: things.projects.into_iter().map(|project| (project.id, project)).collect(),
        offers: things.offers.into_iter().map(|offer| (offer.id, offer)).collect(),
        shares: things.shares.into_iter().map(|share| ((share.resource, share.target), share)).collect(),
        policies: things.policies.into_iter().map(|policy| (policy.id, policy)).collect(),
        supports: things.supports.into_iter().map(|support| (support.id, support)).collect(),
        records: sorted(records),
        spent: reader.ids.0.iter().take(spent).copied().collect(),
        departed: departed(&reader.ids, &body.departed)?,
        index: Index::default(),
        state: State::default(),
    };
    tree.index = Index::derive(&tree, &numbered);
    Ok(tree)
}

/// Entries that are in order, as the numbers of a body count on.
fn rows<R, K: Ord + Clone, V: Clone>(
    rows: impl IntoIterator<Item = R>,
    mut read: impl FnMut(R) -> Result<(K, V), SnapshotError>,
) -> Result<OrdMap<K, V>, SnapshotError> {
    let mut failed = None;
    let entries = rows.into_iter().map_while(|row| read(row).map_err(|error| failed = Some(error)).ok());
    let (entries, out_of_order) = in_order(entries);
    match failed.or(out_of_order.map(|_| SnapshotError::Unreadable)) {
        Some(error) => Err(error),
        None => Ok(entries),
    }
}

fn departed(ids: &Ids, numbers: &[Number]) -> Result<OrdSet<Uuid>, SnapshotError> {
    numbers.iter().map(|number| numbered(&ids.0, *number).copied()).collect()
}

fn sorted(records: impl IntoIterator<Item = (RecordKey, Record)>) -> OrdMap<RecordKey, Record> {
    let mut records: Vec<_> = records.into_iter().collect();
    records.sort_unstable_by_key(|(key, _)| *key);
    records.into_iter().collect()
}

impl Reader {
    fn of(body: &Body<'_>) -> Result<Self, SnapshotError> {
        let ids = Ids::of(body.ids)?;
        let instants = body.instants.iter().map(|at| instant(*at)).collect::<Result<Vec<_>, _>>()?;
        let privilege = |number: &Number| numbered(&body.privileges, *number).cloned();
        let grant =
            |row: &GrantRow| Ok(Grant { privilege: privilege(&row.privilege)?, window: window(&instants, row)? });
        let grants = body.grants.iter().map(|rows| rows.iter().map(grant).collect());
        let gives = body.gives.iter().map(|rows| rows.iter().map(privilege).collect());
        let terms = body.terms.iter().map(|(source, terms)| Ok((ids.id(*source)?, json(terms)?)));
        Ok(Self {
            lineages: body.lineages.iter().map(|lineage| ids.all(lineage)).collect::<Result<_, _>>()?,
            templates: common(&body.templates)?,
            grants: grants.collect::<Result<_, _>>()?,
            gives: gives.collect::<Result<_, _>>()?,
            terms: terms.collect::<Result<_, _>>()?,
            instants,
            ids,
        })
    }

    fn organization(&self, row: OrganizationRow<'_>) -> Result<(OrganizationId, Arc<Organization>), SnapshotError> {
        let id = self.ids.id(row.id)?;
        let profile = Profile {
            name: text(row.name)?,
            slug: text(row.slug)?,
            region: row.region.map(text).transpose()?,
            tags: row.tags.into_iter().map(text).collect::<Result<_, _>>()?,
        };
        let locations = match row.locations {
            Some(locations) => json(locations)?,
            None => Locations::of(id, &profile.name),
        };
        let ancestors = numbered(&self.lineages, row.lineage)?.clone();
        let Organization {
            id: _,
            ancestors: _,
            profile: _,
            active: _,
            created: _,
            capabilities,
            locations: _,
            settings,
            kill_switch,
            workflows,
            incident_workflow,
            seeds,
            recordings,
            legal_hold,
            former,
        } = numbered(&self.templates, row.template)?;
        let organization = Organization {
            id,
            ancestors,
            profile,
            active: row.active,
            created: *numbered(&self.instants, row.created)?,
            capabilities: capabilities.clone(),
            locations,
            settings: settings.clone(),
            kill_switch: *kill_switch,
            workflows: workflows.clone(),
            incident_workflow: *incident_workflow,
            seeds: seeds.clone(),
            recordings: recordings.clone(),
            legal_hold: *legal_hold,
            former: *former,
        };
        Ok((id, organization.into()))
    }

    fn principal(&self, (id, row): (Number, PrincipalRow)) -> Result<(PrincipalId, Principal), SnapshotError> {
        let principal = match row {
            PrincipalRow::User => Principal::User,
            PrincipalRow::Machine(home) => Principal::Machine { home: self.ids.id(home)? },
            PrincipalRow::Erased => Principal::Erased,
        };
        Ok((self.ids.id(id)?, principal))
    }

    fn members(&self, members: &Runs<MemberRow>) -> Result<Members, SnapshotError> {
        rows(members.rows(), |(place, row)| {
            let (since, grants) = (*numbered(&self.instants, row.since)?, numbered(&self.grants, row.grants)?.clone());
            let member = Member { since, suspended: row.suspended, grants };
            Ok(((self.ids.id(place)?, self.ids.id(row.principal)?), member))
        })
    }

    fn group(&self, row: &GroupRow<'_>) -> Result<(GroupId, Arc<Group>), SnapshotError> {
        let id = self.ids.id(row.id)?;
        let principals = row.principals.iter().map(|number| self.ids.id(*number).map(Participant::Principal));
        let nested = row.groups.iter().map(|number| self.ids.id(*number).map(Participant::Group));
        let group = Group {
            id,
            organization: self.ids.id(row.organization)?,
            name: text(row.name)?,
            gives: numbered(&self.gives, row.gives)?.clone(),
            owners: self.ids.all(&row.owners)?,
            members: principals.chain(nested).collect::<Result<_, _>>()?,
        };
        // Each once, or the index would have one twice.
        let many = row.principals.len().saturating_add(row.groups.len());
        if group.members.len() == many { Ok((id, group.into())) } else { Err(SnapshotError::Unreadable) }
    }

    fn links(&self, links: &Runs<LinkRow>) -> Result<Links, SnapshotError> {
        rows(links.rows(), |(group, row)| {
            let (group, target) = (self.ids.id(group)?, self.ids.id(row.target)?);
            let (source, terms) = numbered(&self.terms, row.terms)?.clone();
            let (present, opted_out) = match &row.reached {
                None => ([target].into_iter().collect(), BTreeSet::new()),
                Some((present, opted_out)) => (self.ids.all(present)?, self.ids.all(opted_out)?),
            };
            let link = Link { id: self.ids.id(row.id)?, source, group, target, terms, present, opted_out };
            Ok(((group, target), link.into()))
        })
    }
}

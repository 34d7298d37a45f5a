//! How the body of a snapshot becomes a tree again.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::SnapshotError;
use super::body::{Body, GroupRow, Instant, LinkRow, MemberRow, Number, OrganizationRow, PrincipalRow, Things};
use crate::event::Version;
use crate::grant::Grant;
use crate::group::Group;
use crate::id::{GroupId, InvalidId, OrganizationId, PrincipalId};
use crate::index::Index;
use crate::link::Link;
use crate::location::Locations;
use crate::member::Member;
use crate::ordered::{Builder, OrdMap, OrdSet};
use crate::organization::{Organization, Profile};
use crate::participant::Participant;
use crate::person::{Record, RecordKey};
use crate::principal::Principal;
use crate::reach::LinkTerms;
use crate::role::Privilege;
use crate::settings::TreeSettings;
use crate::time::Timestamp;
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

pub(super) fn number_of(number: Number) -> Result<usize, SnapshotError> {
    usize::try_from(number).map_err(|_| SnapshotError::Unreadable)
}

/// What has this number.
fn numbered<T>(all: &[T], number: Number) -> Result<&T, SnapshotError> {
    all.get(number_of(number)?).ok_or(SnapshotError::Unreadable)
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

/// What the rows point to.
struct Reader {
    ids: Ids,
    lineages: Vec<Arc<[OrganizationId]>>,
    templates: Vec<Organization>,
    grants: Vec<Arc<[Grant]>>,
    gives: Vec<std::collections::BTreeSet<Privilege>>,
    terms: Vec<LinkTerms>,
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
    let numbered = body.numbered(&reader.ids, root)?;
    let spent = number_of(body.spent)?;
    let mut tree = OrganizationTree {
        domain,
        root,
        version,
        at: instant(body.at)?,
        settings: things.settings,
        subscription: things.subscription.map(Arc::new),
        organizations: rows(body.organizations, |row| reader.organization(row))?,
        principals: rows(body.principals, |row| reader.principal(row))?,
        members: reader.members(body.members)?,
        roles: things.roles.into_iter().map(|role| (role.id, role)).collect(),
        groups: rows(body.groups, |row| reader.group(&row))?,
        links: rows(body.links, |row| reader.link(&row))?,
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
    let mut entries = Builder::default();
    for row in rows {
        let (key, value) = read(row)?;
        entries.push(key, value).map_err(|_| SnapshotError::Unreadable)?;
    }
    Ok(entries.finish())
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
        Ok(Self {
            lineages: body.lineages.iter().map(|lineage| ids.all(lineage)).collect::<Result<_, _>>()?,
            templates: common(&body.templates)?,
            grants: common(&body.grants)?,
            gives: common(&body.gives)?,
            terms: common(&body.terms)?,
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
            created: instant(row.created)?,
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

    fn members(&self, places: Vec<(Number, Vec<MemberRow>)>) -> Result<Members, SnapshotError> {
        let rows = places.into_iter().flat_map(|(place, rows)| rows.into_iter().map(move |row| (place, row)));
        self::rows(rows, |(place, MemberRow { principal, since, suspended, grants })| {
            let member = Member { since: instant(since)?, suspended, grants: numbered(&self.grants, grants)?.clone() };
            Ok(((self.ids.id(place)?, self.ids.id(principal)?), member))
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

    fn link(&self, row: &LinkRow) -> Result<((GroupId, OrganizationId), Arc<Link>), SnapshotError> {
        let link = Link {
            id: self.ids.id(row.id)?,
            source: self.ids.id(row.source)?,
            group: self.ids.id(row.group)?,
            target: self.ids.id(row.target)?,
            terms: numbered(&self.terms, row.terms)?.clone(),
            present: self.ids.all(&row.present)?,
            opted_out: self.ids.all(&row.opted_out)?,
        };
        Ok(((link.group, link.target), link.into()))
    }
}

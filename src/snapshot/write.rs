//! How a tree becomes the body of a snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdSet;
use serde::Serialize;
use uuid::Uuid;

use super::SnapshotError;
use super::body::{Body, GroupRow, LinkRow, MemberRow, Number, OrganizationRow, PrincipalRow, Things};
use crate::group::Group;
use crate::id::{OrganizationId, PrincipalId};
use crate::link::Link;
use crate::location::Locations;
use crate::member::Member;
use crate::name::{Region, Tag};
use crate::organization::{Organization, Profile};
use crate::participant::Participant;
use crate::principal::Principal;
use crate::settings::TreeSettings;
use crate::tree::OrganizationTree;

/// The number of something that is to come after so many others.
fn next(count: usize) -> Result<Number, SnapshotError> {
    Number::try_from(count).map_err(|_| SnapshotError::Unwritable("there are too many of one kind".to_owned()))
}

fn json(value: &impl Serialize) -> Result<String, SnapshotError> {
    serde_json::to_string(value).map_err(|error| SnapshotError::Unwritable(error.to_string()))
}

/// The numbers of identifiers: first those that were ever used, in order, then others as they
/// are met.
struct Ids {
    used: Vec<Uuid>,
    others: BTreeMap<Uuid, Number>,
}

impl Ids {
    fn number(&mut self, id: impl Into<Uuid>) -> Result<Number, SnapshotError> {
        let id = id.into();
        if let Ok(place) = self.used.binary_search(&id) {
            return next(place);
        }
        let number = next(self.used.len().saturating_add(self.others.len()))?;
        Ok(*self.others.entry(id).or_insert(number))
    }

    fn numbers<I: Into<Uuid>>(&mut self, ids: impl IntoIterator<Item = I>) -> Result<Vec<Number>, SnapshotError> {
        ids.into_iter().map(|id| self.number(id)).collect()
    }

    /// All of them in the order of their numbers.
    fn bytes(&self) -> Vec<u8> {
        let mut others: Vec<_> = self.others.iter().map(|(id, number)| (*number, *id)).collect();
        others.sort_unstable();
        self.used.iter().copied().chain(others.into_iter().map(|(_, id)| id)).flat_map(Uuid::into_bytes).collect()
    }
}

/// What many rows have in common, each written once.
#[derive(Default)]
struct Common {
    numbers: BTreeMap<String, Number>,
}

impl Common {
    fn number(&mut self, value: &impl Serialize) -> Result<Number, SnapshotError> {
        let number = next(self.numbers.len())?;
        Ok(*self.numbers.entry(json(value)?).or_insert(number))
    }

    fn in_order(&self) -> Vec<&str> {
        let mut all: Vec<_> = self.numbers.iter().map(|(json, number)| (*number, json.as_str())).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, json)| json).collect()
    }
}

/// What is numbered while the rows are made.
struct Writer {
    ids: Ids,
    lineages: BTreeMap<Arc<[OrganizationId]>, Number>,
    templates: Common,
    grants: Common,
    gives: Common,
    terms: Common,
}

/// The body of the snapshot of a tree.
pub(super) fn body(tree: &OrganizationTree) -> Result<Vec<u8>, SnapshotError> {
    // Whole, lest something new be forgotten: all but what is derived, and the records.
    let OrganizationTree {
        domain,
        root,
        version,
        at,
        settings,
        subscription,
        organizations,
        principals,
        members,
        roles,
        groups,
        links,
        invitations,
        projects,
        offers,
        shares,
        policies,
        supports,
        records: _,
        used,
        departed,
        index: _,
    } = tree;
    let mut writer = Writer::of(used);
    let locations = organizations.values().map(own_locations).collect::<Result<Vec<_>, _>>()?;
    let first = organizations.values().next();
    let places = organizations.values().zip(&locations).zip(std::iter::repeat(first).flatten());
    let places = places.map(|((of, locations), first)| writer.organization(of, locations, first));
    let places = places.collect::<Result<_, _>>()?;
    let principals = principals.iter().map(|(id, of)| writer.principal(*id, *of)).collect::<Result<_, _>>()?;
    let members = writer.members(members.iter())?;
    let groups = groups.values().map(|group| writer.group(group)).collect::<Result<_, _>>()?;
    let links = links.values().map(|link| writer.link(link)).collect::<Result<_, _>>()?;
    let departed = writer.ids.numbers(departed.iter().copied())?;
    let things = json(&Things {
        defaults: TreeSettings::of(&domain.rules),
        settings: settings.clone(),
        subscription: subscription.clone(),
        roles: roles.values().cloned().collect(),
        invitations: invitations.values().cloned().collect(),
        projects: projects.values().cloned().collect(),
        offers: offers.values().cloned().collect(),
        shares: shares.values().cloned().collect(),
        policies: policies.values().cloned().collect(),
        supports: supports.values().cloned().collect(),
    })?;
    let body = Body {
        root: root.uuid().into_bytes(),
        version: version.get(),
        at: (*at).into(),
        used: next(used.len())?,
        departed,
        lineages: writer.lineages()?,
        ids: &writer.ids.bytes(),
        templates: writer.templates.in_order(),
        organizations: places,
        principals,
        grants: writer.grants.in_order(),
        members,
        gives: writer.gives.in_order(),
        groups,
        terms: writer.terms.in_order(),
        links,
        things: &things,
    };
    postcard::to_allocvec(&body).map_err(|error| SnapshotError::Unwritable(error.to_string()))
}

/// The locations of an organization as JSON, unless they are those that it was created with.
fn own_locations(of: &Organization) -> Result<Option<String>, SnapshotError> {
    let own = of.locations != Locations::of(of.id, &of.profile.name);
    own.then(|| json(&of.locations)).transpose()
}

impl Writer {
    fn of(used: &OrdSet<Uuid>) -> Self {
        let ids = Ids { used: used.iter().copied().collect(), others: BTreeMap::new() };
        let (templates, grants, gives, terms) = Default::default();
        Self { ids, lineages: BTreeMap::new(), templates, grants, gives, terms }
    }

    fn organization<'t>(
        &mut self,
        of: &'t Organization,
        own_locations: &'t Option<String>,
        first: &Organization,
    ) -> Result<OrganizationRow<'t>, SnapshotError> {
        let Profile { name, slug, region, tags } = &of.profile;
        let lineage = next(self.lineages.len())?;
        // What has no column of its own is in the template, which has the first one's of the others.
        let Organization { id, profile, created, locations, .. } = first.clone();
        let template =
            Organization { id, ancestors: [].into(), profile, active: true, created, locations, ..of.clone() };
        Ok(OrganizationRow {
            id: self.ids.number(of.id)?,
            lineage: *self.lineages.entry(of.ancestors.clone()).or_insert(lineage),
            name: name.as_str(),
            slug: slug.as_str(),
            region: region.as_ref().map(Region::as_str),
            tags: tags.iter().map(Tag::as_str).collect(),
            active: of.active,
            created: of.created.into(),
            locations: own_locations.as_deref(),
            template: self.templates.number(&template)?,
        })
    }

    fn principal(&mut self, id: PrincipalId, of: Principal) -> Result<(Number, PrincipalRow), SnapshotError> {
        let row = match of {
            Principal::User => PrincipalRow::User,
            Principal::Machine { home } => PrincipalRow::Machine(self.ids.number(home)?),
            Principal::Erased => PrincipalRow::Erased,
        };
        Ok((self.ids.number(id)?, row))
    }

    fn members<'t>(
        &mut self,
        members: impl Iterator<Item = (&'t (OrganizationId, PrincipalId), &'t Member)>,
    ) -> Result<Vec<(Number, Vec<MemberRow>)>, SnapshotError> {
        let mut all: Vec<(Number, Vec<MemberRow>)> = Vec::new();
        let mut last = None;
        for ((place, principal), Member { since, suspended, grants }) in members {
            if last.replace(*place) != Some(*place) {
                all.push((self.ids.number(*place)?, Vec::new()));
            }
            let (principal, grants) = (self.ids.number(*principal)?, self.grants.number(grants)?);
            let row = MemberRow { principal, since: (*since).into(), suspended: *suspended, grants };
            if let Some((_, rows)) = all.last_mut() {
                rows.push(row);
            }
        }
        Ok(all)
    }

    fn group<'t>(&mut self, of: &'t Group) -> Result<GroupRow<'t>, SnapshotError> {
        let Group { id, organization, name, gives, owners, members } = of;
        let nested = members.iter().filter_map(|participant| match participant {
            Participant::Principal(_) => None,
            Participant::Group(group) => Some(*group),
        });
        Ok(GroupRow {
            id: self.ids.number(*id)?,
            organization: self.ids.number(*organization)?,
            name: name.as_str(),
            gives: self.gives.number(gives)?,
            owners: self.ids.numbers(owners.iter().copied())?,
            principals: self.ids.numbers(members.iter().filter_map(|participant| participant.principal()))?,
            groups: self.ids.numbers(nested)?,
        })
    }

    fn link(&mut self, of: &Link) -> Result<LinkRow, SnapshotError> {
        let Link { id, source, group, target, terms, present, opted_out } = of;
        Ok(LinkRow {
            id: self.ids.number(*id)?,
            source: self.ids.number(*source)?,
            group: self.ids.number(*group)?,
            target: self.ids.number(*target)?,
            terms: self.terms.number(terms)?,
            present: self.ids.numbers(present.iter().copied())?,
            opted_out: self.ids.numbers(opted_out.iter().copied())?,
        })
    }

    fn lineages(&mut self) -> Result<Vec<Vec<Number>>, SnapshotError> {
        let mut lineages: Vec<_> = self.lineages.iter().map(|(lineage, number)| (*number, lineage.clone())).collect();
        lineages.sort_unstable();
        lineages.into_iter().map(|(_, lineage)| self.ids.numbers(lineage.iter().copied())).collect()
    }
}

//! How a tree becomes the body of a snapshot.

use std::hash::Hash;
use std::sync::Arc;

use foldhash::fast::FixedState;
use indexmap::IndexSet;
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
use crate::ordered::OrdSet;
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

/// What is met, in that order, each once and by number.
struct Numbers<K>(IndexSet<K, FixedState>);

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Self(IndexSet::default())
    }
}

impl<K: Hash + Eq> Numbers<K> {
    fn number(&mut self, key: impl Into<K>) -> Result<Number, SnapshotError> {
        next(self.0.insert_full(key.into()).0)
    }

    fn numbers<I: Into<K>, C: FromIterator<Number>>(
        &mut self,
        keys: impl IntoIterator<Item = I>,
    ) -> Result<C, SnapshotError> {
        keys.into_iter().map(|key| self.number(key)).collect()
    }
}

/// What many rows have in common, as JSON, each written once.
type Common = Numbers<String>;

fn texts(common: &Common) -> Vec<&str> {
    common.0.iter().map(String::as_str).collect()
}

/// What is numbered while the rows are made.
struct Writer {
    /// First the spent ones.
    ids: Numbers<Uuid>,
    lineages: Numbers<Arc<[OrganizationId]>>,
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
        spent,
        departed,
        index: _,
        state: _,
    } = tree;
    let mut writer = Writer::of(spent);
    let locations = organizations.values().map(|of| own_locations(of)).collect::<Result<Vec<_>, _>>()?;
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
        subscription: subscription.as_deref().cloned(),
        roles: roles.values().cloned().collect(),
        invitations: invitations.values().cloned().collect(),
        projects: projects.values().cloned().collect(),
        offers: offers.values().cloned().collect(),
        shares: shares.values().cloned().collect(),
        policies: policies.values().cloned().collect(),
        supports: supports.values().cloned().collect(),
    })?;
    let lineages = writer.lineages()?;
    let ids: Vec<u8> = writer.ids.0.iter().copied().flat_map(Uuid::into_bytes).collect();
    let body = Body {
        root: root.uuid().into_bytes(),
        version: version.get(),
        at: (*at).into(),
        spent: next(spent.len())?,
        departed,
        lineages,
        ids: &ids,
        templates: texts(&writer.templates),
        organizations: places,
        principals,
        grants: texts(&writer.grants),
        members,
        gives: texts(&writer.gives),
        groups,
        terms: texts(&writer.terms),
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
    fn of(spent: &OrdSet<Uuid>) -> Self {
        let ids = Numbers(spent.iter().copied().collect());
        let (templates, grants, gives, terms) = Default::default();
        Self { ids, lineages: Numbers::default(), templates, grants, gives, terms }
    }

    fn organization<'t>(
        &mut self,
        of: &'t Organization,
        own_locations: &'t Option<String>,
        first: &Organization,
    ) -> Result<OrganizationRow<'t>, SnapshotError> {
        let Profile { name, slug, region, tags } = &of.profile;
        // What has no column of its own is in the template, which has the first one's of the others.
        let Organization { id, profile, created, locations, .. } = first.clone();
        let template =
            Organization { id, ancestors: [].into(), profile, active: true, created, locations, ..of.clone() };
        Ok(OrganizationRow {
            id: self.ids.number(of.id)?,
            lineage: self.lineages.number(of.ancestors.clone())?,
            name: name.as_str(),
            slug: slug.as_str(),
            region: region.as_ref().map(Region::as_str),
            tags: tags.iter().map(Tag::as_str).collect(),
            active: of.active,
            created: of.created.into(),
            locations: own_locations.as_deref(),
            template: self.templates.number(json(&template)?)?,
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
            let (principal, grants) = (self.ids.number(*principal)?, self.grants.number(json(grants)?)?);
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
            gives: self.gives.number(json(gives)?)?,
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
            terms: self.terms.number(json(terms)?)?,
            present: self.ids.numbers(present.iter().copied())?,
            opted_out: self.ids.numbers(opted_out.iter().copied())?,
        })
    }

    fn lineages(&mut self) -> Result<Vec<Vec<Number>>, SnapshotError> {
        self.lineages.0.iter().map(|lineage| self.ids.numbers(lineage.iter().copied())).collect()
    }
}

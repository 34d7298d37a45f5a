//! How a tree becomes the body of a snapshot.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::sync::Arc;

use foldhash::fast::FixedState;
use indexmap::IndexSet;
use serde::Serialize;
use uuid::Uuid;

use super::SnapshotError;
use super::body::{
    Body, GrantRow, GroupRow, Instant, LinkRow, MemberRow, Number, OrganizationRow, PrincipalRow, Runs, Things,
};
use crate::grant::Grant;
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
use crate::role::Privilege;
use crate::settings::TreeSettings;
use crate::time::Timestamp;
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

/// What is numbered while the rows are made.
struct Writer {
    /// First the spent ones.
    ids: Numbers<Uuid>,
    lineages: Numbers<Arc<[OrganizationId]>>,
    instants: Numbers<Instant>,
    /// As JSON.
    templates: Numbers<String>,
    privileges: Numbers<Privilege>,
    grants: Numbers<Vec<GrantRow>>,
    gives: Numbers<Vec<Number>>,
    /// The source, and the rest as JSON.
    terms: Numbers<(Number, String)>,
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
    let links = writer.links(links.values())?;
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
        instants: writer.instants.0.into_iter().collect(),
        templates: writer.templates.0.iter().map(String::as_str).collect(),
        organizations: places,
        principals,
        privileges: writer.privileges.0.into_iter().collect(),
        grants: writer.grants.0.into_iter().collect(),
        members,
        gives: writer.gives.0.into_iter().collect(),
        groups,
        terms: writer.terms.0.iter().map(|(source, terms)| (*source, terms.as_str())).collect(),
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
        let (lineages, instants, templates) = Default::default();
        let (privileges, grants, gives, terms) = Default::default();
        Self { ids, lineages, instants, templates, privileges, grants, gives, terms }
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
            created: self.instants.number(of.created)?,
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
    ) -> Result<Runs<MemberRow>, SnapshotError> {
        let mut all = Runs::default();
        for ((place, principal), Member { since, suspended, grants }) in members {
            let place = self.ids.number(*place)?;
            let (principal, since) = (self.ids.number(*principal)?, self.instants.number(*since)?);
            let row = MemberRow { principal, since, suspended: *suspended, grants: self.grants(grants)? };
            all.push(place, row);
        }
        Ok(all)
    }

    fn grants(&mut self, grants: &[Grant]) -> Result<Number, SnapshotError> {
        let grant = |Grant { privilege, window }: &Grant| {
            let mut instant = |at: Option<Timestamp>| at.map(|at| self.instants.number(at)).transpose();
            let (from, until) = (instant(window.start())?, instant(window.end())?);
            Ok(GrantRow { privilege: self.privileges.number(privilege.clone())?, from, until })
        };
        let grants = grants.iter().map(grant).collect::<Result<Vec<_>, _>>()?;
        self.grants.number(grants)
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
            gives: self.gives(gives)?,
            owners: self.ids.numbers(owners.iter().copied())?,
            principals: self.ids.numbers(members.iter().filter_map(|participant| participant.principal()))?,
            groups: self.ids.numbers(nested)?,
        })
    }

    fn gives(&mut self, gives: &BTreeSet<Privilege>) -> Result<Number, SnapshotError> {
        let gives: Vec<_> = self.privileges.numbers(gives.iter().cloned())?;
        self.gives.number(gives)
    }

    fn links<'t>(&mut self, links: impl Iterator<Item = &'t Arc<Link>>) -> Result<Runs<LinkRow>, SnapshotError> {
        let mut all = Runs::default();
        for link in links {
            let Link { id, source, group, target, terms, present, opted_out } = &**link;
            let reached = match opted_out.is_empty() && present.iter().eq([target]) {
                true => None,
                false => {
                    let present = self.ids.numbers(present.iter().copied())?;
                    Some((present, self.ids.numbers(opted_out.iter().copied())?))
                }
            };
            let row = LinkRow {
                id: self.ids.number(*id)?,
                target: self.ids.number(*target)?,
                terms: self.terms.number((self.ids.number(*source)?, json(terms)?))?,
                reached,
            };
            all.push(self.ids.number(*group)?, row);
        }
        Ok(all)
    }

    fn lineages(&mut self) -> Result<Vec<Vec<Number>>, SnapshotError> {
        self.lineages.0.iter().map(|lineage| self.ids.numbers(lineage.iter().copied())).collect()
    }
}

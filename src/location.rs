//! Locations of an organization, and which of them an agent is at.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`DefineLocation`] | `organizations.edit` | `Defined` |
//! | [`MakeDefaultLocation`] | `organizations.edit` | `MadeDefault` |
//! | [`PinAgent`] | `organizations.edit` | `AgentPinned` or `AgentUnpinned` |
//! | [`DeleteLocation`] | `organizations.edit` | `AgentUnpinned`, `Deleted` |
//!
//! Every organization has a default location from its creation on, whose identifier is its
//! own. Rules: LOC-1 to LOC-4, SET-6.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use litemap::LiteMap;
use serde::{Deserialize, Serialize};

use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::id::{AgentId, LocationId, OrganizationId, PrincipalId};
use crate::name::Name;
use crate::refusal::{Precondition, rule_errors};
use crate::tree::OrganizationTree;

/// The text is no subnet: an address, a slash and a prefix length, with no bit set behind
/// the prefix (LOC-1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSubnet {
    /// Not in CIDR form.
    #[error("a subnet is written like `192.0.2.0/24` or `2001:db8::/32`")]
    Form,
    /// Bits of the host are set; the subnet meant is named.
    #[error("bits behind the prefix are set: write `{meant}`")]
    HostBits {
        /// The subnet without them.
        meant: Subnet,
    },
}

/// A subnet in CIDR form, IPv4 or IPv6.
///
/// ```
/// use bailiwick::Subnet;
/// let office: Subnet = "192.0.2.0/24".parse()?;
/// assert!("192.0.2.7/24".parse::<Subnet>().is_err(), "bits of the host are set");
/// # Ok::<(), bailiwick::InvalidSubnet>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet(IpNet);

impl Subnet {
    /// How long its prefix is.
    pub fn prefix_length(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether an address lies in it; an IPv4 address in IPv6 form counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether both have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }
}

impl FromStr for Subnet {
    type Err = InvalidSubnet;
    fn from_str(text: &str) -> Result<Self, InvalidSubnet> {
        let net: IpNet = text.trim().parse().map_err(|_| InvalidSubnet::Form)?;
        let net = canonical(net);
        if net.trunc() == net { Ok(Self(net)) } else { Err(InvalidSubnet::HostBits { meant: Self(net.trunc()) }) }
    }
}

/// LOC-2: an IPv4 subnet in IPv6 form is the IPv4 subnet, as an address in it is IPv4.
fn canonical(net: IpNet) -> IpNet {
    let IpNet::V6(long) = net else { return net };
    let short = long.addr().to_ipv4_mapped().zip(long.prefix_len().checked_sub(96));
    short.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(net, IpNet::V4)
}

impl TryFrom<String> for Subnet {
    type Error = InvalidSubnet;
    fn try_from(text: String) -> Result<Self, InvalidSubnet> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> String {
        subnet.to_string()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a location is a place or a grouping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocationKind {
    /// A place.
    Physical,
    /// A grouping.
    #[default]
    Logical,
}

/// A location of one organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Its name.
    pub name: Name,
    /// A place or a grouping.
    pub kind: LocationKind,
    /// The subnets whose agents are there.
    pub subnets: BTreeSet<Subnet>,
}

/// The locations of one organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Locations {
    pub(crate) default: LocationId,
    /// Nearly always one, and close together.
    pub(crate) all: LiteMap<LocationId, Location>,
    pub(crate) pins: BTreeMap<AgentId, LocationId>,
}

impl Locations {
    /// SET-6: the default location that an organization is created with.
    pub(crate) fn of(organization: OrganizationId, name: &Name) -> Self {
        let default = LocationId::default_of(organization);
        let location = Location { name: name.clone(), kind: LocationKind::Logical, subnets: BTreeSet::new() };
        let mut all = LiteMap::with_capacity(1);
        all.insert(default, location);
        Self { default, all, pins: BTreeMap::new() }
    }
}

impl LocationId {
    /// The default location that an organization is created with.
    pub fn default_of(organization: OrganizationId) -> Self {
        Self::new(organization.uuid()).unwrap_or(<Self as crate::id::Bounds>::MIN)
    }
}

/// Defines a location, or changes one that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefineLocation {
    /// The organization.
    pub organization: OrganizationId,
    /// The location: a new identifier, or that of the one to change.
    pub id: LocationId,
    /// What it is from now on.
    pub location: Location,
}

/// Two subnets of an organization that have addresses in common (LOC-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Overlap {
    /// The subnet just defined.
    pub subnet: Subnet,
    /// The other one.
    pub other: Subnet,
    /// The location of the other one.
    pub location: LocationId,
}

impl Command for DefineLocation {
    /// The overlaps with other subnets; the longest prefix wins.
    type Output = Vec<Overlap>;
    type Error = LocationError;

    fn operation(&self) -> Operation {
        Operation::ChangeLocations
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Vec<Overlap>, LocationError> {
        let (tree, organization, id) = (scene.tree, self.organization, self.id);
        let locations = &tree.find(organization)?.locations;
        if !locations.all.contains_key(&id) {
            tree.fresh(id.uuid())?;
        }
        let own = self.location.subnets.iter();
        let own_pairs = own.clone().flat_map(|subnet| own.clone().map(move |other| (*subnet, *other)));
        // LOC-4: those within the location itself are reported too, each pair once.
        let own_pairs = own_pairs.filter(|(subnet, other)| subnet < other && subnet.overlaps(other));
        let mut overlaps: Vec<Overlap> =
            own_pairs.map(|(subnet, other)| Overlap { subnet, other, location: id }).collect();
        for (other_id, other) in locations.all.iter().filter(|(other, _)| **other != id) {
            for (subnet, other) in
                self.location.subnets.iter().flat_map(|subnet| other.subnets.iter().map(move |other| (*subnet, *other)))
            {
                // LOC-2: the same prefix twice in one organization is refused.
                if subnet == other {
                    return Err(LocationError::SubnetTaken { subnet, location: *other_id });
                }
                if subnet.overlaps(&other) {
                    overlaps.push(Overlap { subnet, other, location: *other_id });
                }
            }
        }
        scene.emit(LocationEvent::Defined { organization, id, location: self.location.clone() });
        Ok(overlaps)
    }
}

/// Makes another location the default one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MakeDefaultLocation {
    /// The organization.
    pub organization: OrganizationId,
    /// One of its locations.
    pub id: LocationId,
}

impl Command for MakeDefaultLocation {
    type Output = ();
    type Error = LocationError;

    fn operation(&self) -> Operation {
        Operation::ChangeLocations
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), LocationError> {
        scene.tree.location_in(self.organization, self.id)?;
        scene.emit(LocationEvent::MadeDefault { organization: self.organization, id: self.id });
        Ok(())
    }
}

/// Pins an agent to a location, which no address moves, or unpins it (LOC-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinAgent {
    /// The organization.
    pub organization: OrganizationId,
    /// The agent, as the embedder knows it.
    pub agent: AgentId,
    /// Where it is whatever its address; `None` unpins it.
    pub location: Option<LocationId>,
}

impl Command for PinAgent {
    type Output = ();
    type Error = LocationError;

    fn operation(&self) -> Operation {
        Operation::ChangeLocations
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), LocationError> {
        let (organization, agent) = (self.organization, self.agent);
        match self.location {
            Some(location) => {
                scene.tree.location_in(organization, location)?;
                scene.emit(LocationEvent::AgentPinned { organization, agent, location });
            }
            None => scene.emit(LocationEvent::AgentUnpinned { organization, agent }),
        }
        Ok(())
    }
}

/// Deletes a location that is not the default; agents pinned to it are unpinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteLocation {
    /// The organization.
    pub organization: OrganizationId,
    /// The location.
    pub id: LocationId,
}

impl Command for DeleteLocation {
    /// The agents that were pinned to it.
    type Output = Vec<AgentId>;
    type Error = LocationError;

    fn operation(&self) -> Operation {
        Operation::ChangeLocations
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Vec<AgentId>, LocationError> {
        let (organization, id) = (self.organization, self.id);
        scene.tree.location_in(organization, id)?;
        let locations = &scene.tree.find(organization)?.locations;
        // LOC-3: the default location cannot be deleted.
        if locations.default == id {
            return Err(LocationError::IsDefault { location: id });
        }
        let pinned: Vec<AgentId> =
            locations.pins.iter().filter(|(_, location)| **location == id).map(|(agent, _)| *agent).collect();
        pinned.iter().for_each(|agent| scene.emit(LocationEvent::AgentUnpinned { organization, agent: *agent }));
        scene.emit(LocationEvent::Deleted { organization, id });
        Ok(pinned)
    }
}

/// What happened to the locations of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LocationEvent {
    /// One was defined or changed.
    Defined {
        /// Where.
        organization: OrganizationId,
        /// Which.
        id: LocationId,
        /// What it is.
        location: Location,
    },
    /// One became the default.
    MadeDefault {
        /// Where.
        organization: OrganizationId,
        /// Which.
        id: LocationId,
    },
    /// An agent was pinned to one.
    AgentPinned {
        /// Where.
        organization: OrganizationId,
        /// Which agent.
        agent: AgentId,
        /// To which.
        location: LocationId,
    },
    /// An agent is no longer pinned.
    AgentUnpinned {
        /// Where.
        organization: OrganizationId,
        /// Which agent.
        agent: AgentId,
    },
    /// One was deleted.
    Deleted {
        /// Where.
        organization: OrganizationId,
        /// Which.
        id: LocationId,
    },
}

rule_errors! {
    /// Why the locations of an organization were not changed.
    pub enum LocationError + Precondition {
        #[error("{subnet} belongs to location {location} already")]
        SubnetTaken { subnet: Subnet, location: LocationId } = Conflict, "location.subnet_taken", "LOC-2";
        #[error("{location} is the default location: make another the default first")]
        IsDefault { location: LocationId } = Conflict, "location.is_default", "LOC-3";
    }
}

impl LocationEvent {
    const fn organization(&self) -> OrganizationId {
        match self {
            Self::Defined { organization, .. }
            | Self::MadeDefault { organization, .. }
            | Self::AgentPinned { organization, .. }
            | Self::AgentUnpinned { organization, .. }
            | Self::Deleted { organization, .. } => *organization,
        }
    }

    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        if let Self::Defined { id, .. } = self {
            tree.spend(*id);
        }
        let Some(organization) = tree.organization_mut(self.organization()) else { return };
        let locations = &mut organization.locations;
        match self {
            Self::Defined { id, location, .. } => {
                locations.all.insert(*id, location.clone());
            }
            Self::MadeDefault { id, .. } => locations.default = *id,
            Self::AgentPinned { agent, location, .. } => {
                locations.pins.insert(*agent, *location);
            }
            Self::AgentUnpinned { agent, .. } => {
                locations.pins.remove(agent);
            }
            Self::Deleted { id, .. } => {
                locations.all.remove(id);
            }
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        vec![self.organization()]
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        Vec::new()
    }
}

impl OrganizationTree {
    /// The locations of an organization.
    pub fn locations(&self, organization: OrganizationId) -> impl Iterator<Item = (LocationId, &Location)> {
        let place = self.organizations.get(&organization);
        place.into_iter().flat_map(|place| &place.locations.all).map(|(id, location)| (*id, location))
    }

    /// The location where an agent is: the one it is pinned to, else the one whose subnet
    /// matches its address with the longest prefix, else the default one (LOC-2).
    pub fn locate(&self, organization: OrganizationId, agent: AgentId, address: IpAddr) -> Option<LocationId> {
        let locations = &self.organizations.get(&organization)?.locations;
        if let Some(pinned) = locations.pins.get(&agent) {
            return Some(*pinned);
        }
        let subnets =
            locations.all.iter().flat_map(|(id, location)| location.subnets.iter().map(move |subnet| (subnet, *id)));
        let matching = subnets.filter(|(subnet, _)| subnet.contains(address));
        let longest = matching.max_by_key(|(subnet, _)| subnet.prefix_length());
        Some(longest.map_or(locations.default, |(_, id)| id))
    }

    fn location_in(&self, organization: OrganizationId, id: LocationId) -> Result<&Location, Precondition> {
        let place = self.organizations.get(&organization);
        place.and_then(|place| place.locations.all.get(&id)).ok_or(Precondition::NotFound { what: "location" })
    }
}

//! Offers to attach, where one actor does not own both sides.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`OfferAttachment`] | ownership of one side | `Made` |
//! | [`OrganizationTree::accept_offer`](crate::OrganizationTree::accept_offer) | ownership of the other side | `Accepted`, and the attach |
//! | [`OrganizationTree::decline_offer`](crate::OrganizationTree::decline_offer) | ownership of the other side | `Declined` |
//! | [`WithdrawOffer`] | ownership of the side that offered | `Withdrawn` |
//!
//! A hand-over to another provider is a detach, then an offer. Rules: HIE-12.

use serde::{Deserialize, Serialize};

use crate::command::{Command, Context, Operation, Place, Scene, Subjects};
use crate::event::{Changes, Recorded};
use crate::id::{OfferId, OrganizationId, PrincipalId};
use crate::refusal::{Precondition, Refusal, rule_errors};
use crate::relocation::RelocationError;
use crate::time::Timestamp;
use crate::transfer::{AttachOrganization, Joint};
use crate::tree::OrganizationTree;

/// Which side of the attach is offering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferSide {
    /// The root that would become a sub-organization.
    Joining,
    /// The organization that it would come under.
    Taking,
}

/// An open offer, kept in the tree of the side that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    pub(crate) id: OfferId,
    pub(crate) organization: OrganizationId,
    pub(crate) counterpart: OrganizationId,
    pub(crate) side: OfferSide,
    pub(crate) by: PrincipalId,
    pub(crate) until: Timestamp,
}

impl Offer {
    /// Its identifier.
    pub const fn id(&self) -> OfferId {
        self.id
    }

    /// The organization that offers.
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// The organization, in another tree, that it is made to.
    pub const fn counterpart(&self) -> OrganizationId {
        self.counterpart
    }

    /// Which side offers.
    pub const fn side(&self) -> OfferSide {
        self.side
    }

    /// Until when it can be accepted.
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    const fn attachment(&self) -> AttachOrganization {
        match self.side {
            OfferSide::Joining => AttachOrganization { organization: self.organization, new_parent: self.counterpart },
            OfferSide::Taking => AttachOrganization { organization: self.counterpart, new_parent: self.organization },
        }
    }
}

/// Offers an attach to an organization of another tree. Whether that exists is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferAttachment {
    /// The new offer.
    pub offer: OfferId,
    /// The side that offers; a root, if it is to join.
    pub organization: OrganizationId,
    /// The organization of another tree that it is made to.
    pub counterpart: OrganizationId,
    /// Which side offers.
    pub side: OfferSide,
}

impl Command for OfferAttachment {
    /// Until when it can be accepted.
    type Output = Timestamp;
    type Error = OfferError;

    fn operation(&self) -> Operation {
        Operation::OfferAttachment
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<Timestamp, OfferError> {
        let (tree, organization) = (scene.tree, self.organization);
        tree.fresh(self.offer.uuid())?;
        if self.side == OfferSide::Joining && organization != tree.root() {
            return Err(OfferError::NotRoot { organization });
        }
        if tree.contains(self.counterpart) {
            return Err(OfferError::SameTree { organization: self.counterpart });
        }
        let by = scene.actor().ok_or(Precondition::NotFound { what: "owner" })?;
        let until = tree.rules().offer_lifetime.after(scene.at).map_err(Precondition::from)?;
        let offer = Offer { id: self.offer, organization, counterpart: self.counterpart, side: self.side, by, until };
        scene.emit(OfferEvent::Made { offer });
        Ok(until)
    }
}

/// Takes an offer back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithdrawOffer {
    /// The side that offered.
    pub organization: OrganizationId,
    /// The offer.
    pub offer: OfferId,
}

impl Command for WithdrawOffer {
    type Output = ();
    type Error = OfferError;

    fn operation(&self) -> Operation {
        Operation::WithdrawOffer
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.organization)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), OfferError> {
        let offer = scene.tree.offers.get(&self.offer).filter(|offer| offer.organization == self.organization);
        offer.ok_or(Precondition::NotFound { what: "offer" })?;
        scene.emit(OfferEvent::Withdrawn { organization: self.organization, offer: self.offer });
        Ok(())
    }
}

/// What happened to an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OfferEvent {
    /// It was made.
    Made {
        /// The offer.
        offer: Offer,
    },
    /// It was accepted.
    Accepted {
        /// The side that offered.
        organization: OrganizationId,
        /// Which.
        offer: OfferId,
    },
    /// It was declined.
    Declined {
        /// The side that offered.
        organization: OrganizationId,
        /// Which.
        offer: OfferId,
    },
    /// It was taken back.
    Withdrawn {
        /// The side that offered.
        organization: OrganizationId,
        /// Which.
        offer: OfferId,
    },
}

rule_errors! {
    /// Why an offer was not made, accepted, declined or withdrawn.
    pub enum OfferError + Precondition {
        #[error("{organization} is not a root: detach it first")]
        NotRoot { organization: OrganizationId } = Conflict, "offer.not_root", "HIE-12";
        #[error("{organization} is in the same tree: move it instead")]
        SameTree { organization: OrganizationId } = Conflict, "offer.same_tree", "HIE-12";
    }
}

impl OfferEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        match self {
            Self::Made { offer } => tree.put_offer(offer.clone()),
            Self::Accepted { offer, .. } | Self::Declined { offer, .. } | Self::Withdrawn { offer, .. } => {
                tree.drop_offer(*offer)
            }
        }
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        match self {
            Self::Made { offer } => vec![offer.organization],
            Self::Accepted { organization, .. }
            | Self::Declined { organization, .. }
            | Self::Withdrawn { organization, .. } => {
                vec![*organization]
            }
        }
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        match self {
            Self::Made { offer } => vec![offer.by],
            Self::Accepted { .. } | Self::Declined { .. } | Self::Withdrawn { .. } => Vec::new(),
        }
    }
}

impl OrganizationTree {
    /// The offers of an organization that are open at `at`.
    pub fn offers(&self, organization: OrganizationId, at: Timestamp) -> impl Iterator<Item = &Offer> {
        self.index.offers(organization).filter_map(|id| self.offers.get(&id)).filter(move |offer| at < offer.until)
    }

    /// An open offer, once it is certain that the actor owns the side it was made to. What is
    /// over, made to others, or unknown answers alike (ERR-4).
    fn offer_to(
        &self,
        receiver: &Self,
        context: &Context,
        id: OfferId,
        operation: Operation,
    ) -> Result<&Offer, Refusal<RelocationError>> {
        let missing = || Refusal::Denied(crate::Denial::NotFound { operation });
        let (_, there) = self.sides(receiver, context).map_err(|error| Refusal::Rule(error.into()))?;
        let offer = self.offers.get(&id).filter(|offer| there.at < offer.until).ok_or_else(missing)?;
        there.authorize_side(operation, Place::Organization, offer.counterpart).map_err(|_| missing())?;
        Ok(offer)
    }

    /// Accepts an offer that this tree holds, for an owner of the side in `receiver`; the one
    /// who offered must still own theirs. Attaches in the same commit (HIE-12).
    pub fn accept_offer(
        &self,
        receiver: &Self,
        context: &Context,
        offer: OfferId,
    ) -> Result<Joint, Refusal<RelocationError>> {
        let operation = Operation::AcceptOffer;
        let offer = self.offer_to(receiver, context, offer, operation)?;
        let (here, _) = self.sides(receiver, context).map_err(|error| Refusal::Rule(error.into()))?;
        if !self.access().owns(offer.by, offer.organization, here.at) {
            return Err(Refusal::Denied(crate::Denial::NotFound { operation }));
        }
        let attachment = offer.attachment();
        match offer.side {
            OfferSide::Joining => receiver.attach_authorized(self, context, &attachment, Some(offer)),
            OfferSide::Taking => self.attach_authorized(receiver, context, &attachment, Some(offer)),
        }
    }

    /// Declines an offer that this tree holds, for an owner of the side in `receiver`.
    pub fn decline_offer(
        &self,
        receiver: &Self,
        context: &Context,
        offer: OfferId,
    ) -> Result<Changes, Refusal<RelocationError>> {
        let offer = self.offer_to(receiver, context, offer, Operation::DeclineOffer)?;
        let outside = Context { acting: None, ..context.clone() };
        let (_, there) = self.sides(receiver, context).map_err(|error| Refusal::Rule(error.into()))?;
        let mut scene = Scene::new(self, &outside, there.at);
        scene.emit(OfferEvent::Declined { organization: offer.organization, offer: offer.id });
        Ok(scene.into_changes(Operation::DeclineOffer))
    }
}

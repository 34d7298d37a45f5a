//! Erasure of a person: what is known of them goes, what they did stays under a placeholder.
//!
//! | command | requires | emits |
//! |---|---|---|
//! | [`ErasePerson`] | the operator, or ownership of the root | successions, everything that ends, then `Erased` |
//!
//! It cannot be undone. Names and addresses are only in records, so the log stays as it is
//! (GDP-3); a store is then asked to clean up what it keeps of old pages. Rules: GDP-1, GDP-4.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::address::{Address, AddressKey};
use crate::command::{Command, Operation, Scene, Subjects};
use crate::event::Recorded;
use crate::grant::{Grant, GrantEvent};
use crate::group::GroupEvent;
use crate::id::{OrganizationId, PrincipalId};
use crate::index::Index;
use crate::invitation::{Invitation, InvitationEvent};
use crate::invitation_state::InvitationState;
use crate::member::end_membership;
use crate::name::{Description, Reason};
use crate::person::{Record, RecordKey};
use crate::principal::Principal;
use crate::refusal::{Precondition, list, rule_errors};
use crate::role::Privilege;
use crate::support::end_support_given_by;
use crate::time::Window;
use crate::tree::OrganizationTree;

/// What stands for a person who was erased.
pub const ERASED: &str = "erased person";

/// Erases a person from the whole tree. Repeating it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasePerson {
    /// The root of the tree.
    pub root: OrganizationId,
    /// The person.
    pub principal: PrincipalId,
    /// Who follows them where they are the last owner: active members there, who are users.
    pub successors: BTreeMap<OrganizationId, PrincipalId>,
}

impl Command for ErasePerson {
    type Output = ();
    type Error = ErasureError;

    fn operation(&self) -> Operation {
        Operation::ErasePerson
    }

    fn subjects(&self) -> Subjects {
        Subjects::organization(self.root)
    }

    fn decide(&self, scene: &mut Scene<'_>) -> Result<(), ErasureError> {
        let (tree, principal) = (scene.tree, self.principal);
        if self.root != tree.root() {
            return Err(Precondition::NotFound { what: "root" }.into());
        }
        match tree.principal(principal) {
            Some(Principal::Erased) => {
                // Nobody knows any more what to look for in the reason of a repetition.
                if scene.context.reason.is_some() {
                    scene.write(RecordKey::Reason(tree.version().next()), None);
                }
                return Ok(());
            }
            Some(_) => {}
            None => return Err(Precondition::NotFound { what: "person" }.into()),
        }
        let places: Vec<OrganizationId> = tree.memberships(principal).collect();
        // Abuse case 94: what is under a legal hold is not erased, wherever they came in.
        let reached = tree.access().dormant(true).organizations(principal, None, scene.at);
        let reached: BTreeSet<OrganizationId> = reached.into_iter().chain(places.iter().copied()).collect();
        let held: Vec<OrganizationId> = reached.into_iter().filter(|place| tree.is_held(*place)).collect();
        if !held.is_empty() {
            return Err(ErasureError::LegalHold { organizations: held });
        }
        self.check_successors(tree)?;
        self.name_successors(scene, &places)?;
        self.pass_on_groups(scene);
        self.end_invitations(scene);
        places.into_iter().for_each(|place| end_membership(scene, place, principal));
        tree.subtree(tree.root()).for_each(|place| end_support_given_by(scene, place, principal));
        self.scrub(scene);
        scene.emit(ErasureEvent::Erased { principal });
        Ok(())
    }
}

impl ErasePerson {
    /// GDP-4: whoever is named can follow, also where it turns out that nobody has to.
    fn check_successors(&self, tree: &OrganizationTree) -> Result<(), ErasureError> {
        let able = |organization: OrganizationId, successor: PrincipalId| {
            successor != self.principal && tree.is_user(successor) && tree.is_active_member(organization, successor)
        };
        let unable = self.successors.iter().find(|(organization, successor)| !able(**organization, **successor));
        match unable {
            Some((organization, principal)) => {
                Err(ErasureError::CannotSucceed { organization: *organization, principal: *principal })
            }
            None => Ok(()),
        }
    }

    /// GDP-4: refused with the organizations that would be left without an owner, or done
    /// with a successor named for each.
    fn name_successors(&self, scene: &mut Scene<'_>, places: &[OrganizationId]) -> Result<(), ErasureError> {
        let (tree, at) = (scene.tree, scene.at);
        let Err(Precondition::LastOwner { organizations }) =
            tree.keep_owner(places.iter().copied(), self.principal, at)
        else {
            return Ok(());
        };
        let missing: Vec<OrganizationId> =
            organizations.iter().copied().filter(|place| !self.successors.contains_key(place)).collect();
        if !missing.is_empty() {
            return Err(Precondition::LastOwner { organizations: missing }.into());
        }
        for organization in organizations {
            let Some(successor) = self.successors.get(&organization).copied() else { continue };
            let grant = Grant { privilege: Privilege::OWNER, window: Window::ALWAYS };
            scene.emit(GrantEvent::Granted { organization, principal: successor, grant });
        }
        Ok(())
    }

    /// GRP-1: a group keeps an owner: the successor, or else an owner of its organization.
    fn pass_on_groups(&self, scene: &mut Scene<'_>) {
        let (tree, at, principal) = (scene.tree, scene.at, self.principal);
        let owned = Index::row(&tree.index.owned_groups, principal).filter_map(|group| tree.groups.get(group));
        for group in owned.filter(|group| group.owners.len() == 1) {
            let organization = group.organization;
            let mut others = tree.acting_owners(organization, at).filter(|owner| *owner != principal);
            if let Some(owner) = self.successors.get(&organization).copied().or_else(|| others.next()) {
                scene.emit(GroupEvent::OwnerAdded { organization, group: group.id, owner });
            }
        }
    }

    /// Everything pending that went to an address of theirs ends, wherever it is.
    fn end_invitations(&self, scene: &mut Scene<'_>) {
        let (tree, at) = (scene.tree, scene.at);
        for invitation in tree.invitations_of(self.principal).filter(|invitation| invitation.is_pending(at)) {
            scene.emit(InvitationEvent::Revoked { organization: invitation.organization, invitation: invitation.id });
        }
    }

    /// Every record of the tree, and the reason of this commit, without what tells of them.
    fn scrub(&self, scene: &mut Scene<'_>) {
        let (tree, context) = (scene.tree, scene.context);
        let traces = tree.traces(self.principal);
        let reason = context.reason.clone().map(|text| Record::Reason { by: context.actor.id(), text });
        let reason = reason.map(|reason| (RecordKey::Reason(tree.version().next()), reason));
        let kept = tree.records.iter().map(|(key, record)| (*key, record));
        for (key, record) in kept.chain(reason.iter().map(|(key, record)| (*key, record))) {
            match traces.fate(key, record) {
                Fate::Kept => {}
                Fate::Erased => scene.write(key, None),
                Fate::Replaced(record) => scene.write(key, Some(record)),
            }
        }
    }
}

/// What becomes of a record when a person is erased.
enum Fate {
    Kept,
    Erased,
    Replaced(Record),
}

/// What a record can tell of a person by.
struct Traces<'a> {
    principal: PrincipalId,
    name: Option<&'a str>,
    addresses: Vec<&'a Address>,
}

impl Traces<'_> {
    /// The one place where the fate of each kind of record is decided: a new kind does not
    /// compile before it is (abuse case 92).
    fn fate(&self, key: RecordKey, record: &Record) -> Fate {
        match record {
            Record::Person(_) if key == RecordKey::Person(self.principal) => Fate::Erased,
            // What another person is called is theirs, the same name included.
            Record::Person(_) => Fate::Kept,
            Record::Invitee(address) if self.addresses.iter().any(|own| own.key() == address.key()) => Fate::Erased,
            Record::Invitee(_) => Fate::Kept,
            Record::Description(text) => {
                self.replace(text.as_str(), |text| Description::new(text).ok().map(Record::Description))
            }
            // It is the organization's, and tells of nobody.
            Record::Secret(_) => Fate::Kept,
            // Their own words can tell anything of them.
            Record::Reason { by, .. } if *by == self.principal => Fate::Erased,
            Record::Reason { by, text } => {
                self.replace(text.as_str(), |text| Reason::new(text).ok().map(|text| Record::Reason { by: *by, text }))
            }
        }
    }

    /// GDP-1: a placeholder stands where a text named them; one that becomes too long goes.
    fn replace(&self, text: &str, record: impl Fn(&str) -> Option<Record>) -> Fate {
        match self.redact(text) {
            None => Fate::Kept,
            Some(redacted) => record(&redacted).map_or(Fate::Erased, Fate::Replaced),
        }
    }

    /// The text with a placeholder for each mention; `None` if there is none.
    fn redact(&self, text: &str) -> Option<String> {
        let (mut redacted, mut found, mut rest, mut before) = (String::new(), false, text, None);
        while let Some(next) = rest.chars().next() {
            if let Some(after) = self.mention(before, rest) {
                redacted.push_str(ERASED);
                (found, rest, before) = (true, after, None);
            } else {
                redacted.push(next);
                (rest, before) = (rest.get(next.len_utf8()..).unwrap_or_default(), Some(next));
            }
        }
        found.then_some(redacted)
    }

    /// What follows a mention at the beginning of a text, if there is one. A name counts from
    /// the beginning of a word on; a very short one only as a whole word.
    fn mention<'t>(&self, before: Option<char>, text: &'t str) -> Option<&'t str> {
        let within = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let address = self.addresses.iter().find_map(|address| strip_prefix(text, address.typed()));
        address.or_else(|| {
            let name = self.name.filter(|_| !within(before))?;
            let rest = strip_prefix(text, name)?;
            (name.chars().count() > 2 || !within(rest.chars().next())).then_some(rest)
        })
    }
}

/// What follows a prefix, upper and lower case alike.
fn strip_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let mut wanted = prefix.chars().flat_map(char::to_lowercase).peekable();
    let mut rest = text.chars();
    while wanted.peek().is_some() {
        for lower in rest.next()?.to_lowercase() {
            if wanted.next() != Some(lower) {
                return None;
            }
        }
    }
    Some(rest.as_str())
}

/// That a person was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ErasureEvent {
    /// Nothing is known of them any more.
    Erased {
        /// Who; the identifier stays, and is never used again.
        principal: PrincipalId,
    },
}

rule_errors! {
    /// Why a person was not erased.
    pub enum ErasureError + Precondition {
        #[error("a legal hold is on in {}: it must be lifted first", list(organizations))]
        LegalHold { organizations: Vec<OrganizationId> } = Conflict, "erasure.legal_hold", "GDP-4";
        #[error("{principal} cannot follow as owner of {organization}: a successor is an active member who is a user")]
        CannotSucceed { organization: OrganizationId, principal: PrincipalId } = Conflict, "erasure.cannot_succeed", "GDP-4";
    }
}

impl ErasureEvent {
    pub(crate) fn apply(&self, tree: &mut OrganizationTree, _: &Recorded) {
        let Self::Erased { principal } = self;
        tree.put_principal(*principal, Principal::Erased);
    }

    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        Vec::new()
    }

    pub(crate) fn principals(&self) -> Vec<PrincipalId> {
        let Self::Erased { principal } = self;
        vec![*principal]
    }
}

impl OrganizationTree {
    /// What a principal is called, or what stands for them once they are erased.
    pub fn label(&self, principal: PrincipalId) -> &str {
        self.person(principal).map_or(ERASED, |person| person.name.as_str())
    }

    fn traces(&self, principal: PrincipalId) -> Traces<'_> {
        let person = self.person(principal);
        Traces { principal, name: person.map(|person| person.name.as_str()), addresses: self.addresses_of(principal) }
    }

    /// Every address of a person: the verified one, and those that they were invited under.
    fn addresses_of(&self, principal: PrincipalId) -> Vec<&Address> {
        let verified = self.person(principal).and_then(|person| person.address.as_ref());
        let theirs = |invitation: &&Invitation| matches!(invitation.state, InvitationState::Accepted { by, .. } if by == principal);
        let accepted = self.invitations.values().filter(theirs).filter_map(|invitation| self.invitee(invitation.id));
        verified.into_iter().chain(accepted).collect()
    }

    /// The invitations to any address of a person, whatever became of them.
    pub(crate) fn invitations_of(&self, principal: PrincipalId) -> impl Iterator<Item = &Invitation> {
        let keys: BTreeSet<&AddressKey> = self.addresses_of(principal).into_iter().map(Address::key).collect();
        keys.into_iter().flat_map(|key| self.invitations_to(key))
    }
}

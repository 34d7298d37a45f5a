//! Names in place of identifiers, for sentences that people read.
//!
//! Errors, explanations and obstacles hold identifiers, so that they can be kept without
//! personal data and mean the same after a rename. Where one is shown, the tree puts in what
//! everything is called at that moment.

use std::fmt::Display;

use uuid::Uuid;

use crate::id::{GroupId, InvitationId, LinkId, OrganizationId, PolicyId, PrincipalId, ProjectId, RoleId};
use crate::tree::OrganizationTree;

impl OrganizationTree {
    /// What something of this tree is called. `None` if there is no such thing, or nothing is
    /// known of that person any more.
    pub fn name_of(&self, id: impl Into<Uuid>) -> Option<String> {
        let id: Uuid = id.into();
        // HIE-7: an identifier is that of one thing only.
        let organization = OrganizationId::new(id).ok().and_then(|id| self.organization(id));
        let person = PrincipalId::new(id).ok().and_then(|id| self.person(id));
        let group = GroupId::new(id).ok().and_then(|id| self.group(id));
        let role = RoleId::new(id).ok().and_then(|id| self.role(id));
        let policy = PolicyId::new(id).ok().and_then(|id| self.policies.get(&id));
        let project = ProjectId::new(id).ok().and_then(|id| self.projects.get(&id));
        (organization.map(|organization| organization.name()))
            .or(person.map(|person| &person.name))
            .or(group.map(|group| group.name()))
            .or(role.map(|role| role.name()))
            .or(project.map(|project| project.name()))
            .or(policy.map(|policy| &policy.definition().name))
            .map(ToString::to_string)
            .or_else(|| self.name_of_tie(id))
    }

    /// What has no name of its own is called by what it ties together. An invitation is
    /// called by its group: the address is not for everyone (INV-8).
    fn name_of_tie(&self, id: Uuid) -> Option<String> {
        let link = LinkId::new(id).ok().and_then(|id| self.link(id));
        let invitation = InvitationId::new(id).ok().and_then(|id| self.invitation(id));
        match (link, invitation) {
            (Some(link), _) => Some(format!("{} → {}", self.name_of(link.group())?, self.name_of(link.target())?)),
            (None, Some(invitation)) => Some(format!("into {}", self.name_of(invitation.group())?)),
            (None, None) => None,
        }
    }

    /// A sentence with names in place of the identifiers of this tree, for someone who may
    /// see what it speaks of. Other identifiers stay.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use bailiwick::*;
    /// # let domain = Arc::new(Domain { catalog: Catalog::new([])?, rules: Rules::provider() });
    /// # let (root, ada) = (OrganizationId::from_u128(1)?, PrincipalId::from_u128(10)?);
    /// # let context = Context::operator(PrincipalId::from_u128(99)?, "2026-01-01T00:00:00Z".parse()?, CommitKey::from_u128(1)?);
    /// # let mut tree = OrganizationTree::empty(root, domain);
    /// # let found = FoundTree { root, name: "Fabrikam".parse()?, owner: ada, person: Person::named("Ada".parse()?), secret: AgentSecret::from_entropy([7; 32]) };
    /// # tree.apply(&tree.decide(&context, &found)?.changes)?;
    /// let explanation = tree.access().explain(ada, root, &"audit.view".parse()?, context.at);
    /// assert_eq!(tree.with_names(explanation), "Ada may audit.view in Fabrikam\n  by the grant of owner");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_names(&self, text: impl Display) -> String {
        let text = text.to_string();
        let belongs = |c: char| c.is_ascii_hexdigit() || c == '-';
        let mut named = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (word, after) = rest.split_at(rest.find(|c| !belongs(c)).unwrap_or(rest.len()));
            let name = Uuid::try_parse(word).ok().filter(|_| word.len() == 36).and_then(|id| self.name_of(id));
            named.push_str(name.as_deref().unwrap_or(word));
            let (between, next) = after.split_at(after.find(belongs).unwrap_or(after.len()));
            named.push_str(between);
            rest = next;
        }
        named
    }
}

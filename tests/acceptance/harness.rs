//! Steps, the documents that they make up, and the table that shows how they fare.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::panic::catch_unwind;
use std::path::Path;

use bailiwick::*;

use crate::support::*;

/// A sentence of a document.
pub enum Line {
    Step(Step),
    Aside(&'static str, Aside),
}

/// A sentence that states behaviour: the rules it became, and what shows that it holds.
pub struct Step {
    pub sentence: &'static str,
    pub rules: &'static [&'static str],
    pub run: fn(),
}

/// Why a sentence states no behaviour.
#[derive(Clone, Copy)]
pub enum Aside {
    /// It says what the document is about.
    Summary,
    /// It points elsewhere, or around the page.
    Reference,
    /// It says whom to ask.
    Contact,
    /// It shows a picture.
    Screenshot,
    /// It says where to click.
    Interface,
    /// It says what a word means outside the service.
    Definition,
}

impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Summary => "summary",
            Self::Reference => "reference",
            Self::Contact => "contact",
            Self::Screenshot => "screenshot",
            Self::Interface => "interface",
            Self::Definition => "definition",
        })
    }
}

/// A source document, in its own order.
pub struct Document {
    pub title: &'static str,
    pub lines: Vec<Line>,
}

impl Document {
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.lines.iter().filter_map(|line| match line {
            Line::Step(step) => Some(step),
            Line::Aside(..) => None,
        })
    }
}

pub fn step(sentence: &'static str, rules: &'static [&'static str], run: fn()) -> Line {
    Line::Step(Step { sentence, rules, run })
}

pub fn aside(sentence: &'static str, why: Aside) -> Line {
    Line::Aside(sentence, why)
}

/// Runs every step; fails for those that do not hold, and when `docs/coverage.md` says
/// something else than what was found. `BLESS=1` writes it.
pub fn check(documents: &[Document]) {
    let mut failed = Vec::new();
    let table = render(documents, &mut failed);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/coverage.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    assert!(failed.is_empty(), "{} sentences do not hold:\n{}", failed.len(), failed.join("\n"));
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == table, "docs/coverage.md has drifted: run this test with BLESS=1 and look at the difference");
}

fn render(documents: &[Document], failed: &mut Vec<String>) -> String {
    let mut text = String::from(
        "# Coverage of the source documents\n\nThe five documents that the rules come from, sentence by sentence and in their own order, shortened. A \
         sentence that states behaviour is a step of `tests/acceptance`, which exercises the public API; `holds` says \
         that the step passed. The others are listed with what they are instead. The test that runs the steps writes \
         this file.\n\n| document | sentences | state behaviour | hold |\n|---|--:|--:|--:|\n",
    );
    let mut tables = String::new();
    for document in documents {
        let (mut steps, mut held) = (0, 0);
        write!(tables, "\n## {}\n\n| sentence | rule | result |\n|---|---|---|\n", document.title).unwrap();
        for line in &document.lines {
            match line {
                Line::Step(step) => {
                    steps += 1;
                    let result = match catch_unwind(step.run) {
                        Ok(()) => {
                            held += 1;
                            "holds"
                        }
                        Err(_) => {
                            failed.push(format!("{}: {}", document.title, step.sentence));
                            "**failed**"
                        }
                    };
                    writeln!(tables, "| {} | {} | {result} |", step.sentence, step.rules.join(", ")).unwrap();
                }
                Line::Aside(sentence, why) => writeln!(tables, "| {sentence} | | not behaviour: {why} |").unwrap(),
            }
        }
        write!(tables, "\n{held} of {steps} sentences that state behaviour are covered.\n").unwrap();
        writeln!(text, "| {} | {} | {steps} | {held} |", document.title, document.lines.len()).unwrap();
    }
    text + &tables
}

/// The stable name of a refusal, or `done`.
pub fn code<T, E: RuleError>(result: Result<T, Refusal<E>>) -> &'static str {
    result.map_or_else(|refusal| refusal.code(), |_| "done")
}

/// A tree of one's own, founded by Ada from the root of a world; nothing is subscribed to.
pub fn detached(world: &World, number: u128, called: &str) -> OrganizationTree {
    let context = world.context(ada(), root());
    let found = FoundDetached { root: organization(number), name: name(called), secret: secret() };
    let changes = world.tree.found_detached(&context, &found).unwrap();
    let mut tree = OrganizationTree::empty(organization(number), world.tree.domain().clone());
    tree.apply(&changes).unwrap();
    tree
}

/// Decides and applies.
pub fn on<C: Command>(
    tree: &mut OrganizationTree,
    context: &Context,
    command: &C,
) -> Result<C::Output, Refusal<C::Error>> {
    let decided = tree.decide(context, command)?;
    tree.apply(&decided.changes).unwrap();
    Ok(decided.output)
}

/// A creation, to be run or refused.
pub fn create(number: u128, parent: OrganizationId, called: &str) -> CreateOrganization {
    let organization = organization(number);
    CreateOrganization { organization, parent, name: name(called), slug: None, owner: None, secret: secret() }
}

/// A link of a group of the root, to be made or refused.
pub fn linking(number: u128, source: OrganizationId, group: GroupId, target: OrganizationId) -> LinkGroup {
    LinkGroup { link: link(number), source, group, target, terms: LinkTerms::default() }
}

/// A role or Owner, given for ever.
pub fn giving(principal: PrincipalId, privilege: Privilege, organization: OrganizationId) -> GrantPrivilege {
    GrantPrivilege { organization, principal, privilege, window: Window::ALWAYS }
}

/// An invitation of `to` into a group, with the token of that number.
pub fn inviting(number: u8, organization: OrganizationId, group: GroupId, to: &str, role: GroupRole) -> Invite {
    Invite {
        invitation: invitation(u128::from(number)),
        organization,
        group,
        address: address(to),
        role,
        token: token(number).hash(),
        lifetime: None,
        other_role: OtherRole::Refuse,
    }
}

/// The acceptance of the invitation of that number.
pub fn accepting(number: u8, to: &str, called: &str) -> AcceptInvitation {
    AcceptInvitation { token: token(number), address: address(to), verified: true, name: name(called) }
}

/// A deletion for which the service has counted nothing.
pub fn deleting(world: &World, organization: OrganizationId, mode: DeletionMode) -> DeleteOrganization {
    DeleteOrganization { organization, evidence: Evidence::none(world.at), mode }
}

/// The organizations that a viewer sees in a listing.
pub fn listed(world: &World, viewer: PrincipalId, listing: &Listing) -> Vec<OrganizationId> {
    world.tree.list(viewer, listing, world.at).organizations
}

/// A roster, by label, with the number of ways to the access.
pub fn roster(world: &World, viewer: PrincipalId, organization: OrganizationId) -> BTreeMap<String, RosterLine> {
    let page = world
        .tree
        .roster(viewer, organization, &RosterFilter::default(), 0, 100.try_into().unwrap(), world.at)
        .unwrap();
    page.lines.into_iter().map(|line| (line.label.clone().unwrap_or_default(), line)).collect()
}

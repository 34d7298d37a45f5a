//! A whole life in a file, and then no byte of it: what was called by a name, written to,
//! given as a reason, handed out as a token or kept as a secret.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::cell::Cell;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use bailiwick::*;
use bailiwick_sqlite::SqliteRepository;
use pollster::block_on;
use tempfile::{TempDir, tempdir};

const NAME: &str = "Zoltana Quibble";
const FIRST: &str = "Zoltana.Quibble@first-sentinel.example";
const SECOND: &str = "zq@second-sentinel.example";
const OWN_WORDS: &str = "born-in-atlantis";

/// What must not be found, whatever the case of its letters.
const PERSONAL: [&str; 6] = ["zoltana", "quibble", "first-sentinel", "second-sentinel", "zq@", OWN_WORDS];

fn root() -> OrganizationId {
    OrganizationId::from_u128(1).unwrap()
}

fn principal(number: u128) -> PrincipalId {
    PrincipalId::from_u128(100 + number).unwrap()
}

fn ada() -> PrincipalId {
    principal(1)
}

fn zoltana() -> PrincipalId {
    principal(2)
}

fn engineer() -> PrincipalId {
    principal(9)
}

fn group(number: u128) -> GroupId {
    GroupId::from_u128(200 + number).unwrap()
}

fn invitation(number: u128) -> InvitationId {
    InvitationId::from_u128(300 + number).unwrap()
}

fn support(number: u128) -> SupportId {
    SupportId::from_u128(400 + number).unwrap()
}

fn token(number: u8) -> InvitationToken {
    InvitationToken::from_entropy([0xd0 + number; 32])
}

fn secret(number: u8) -> AgentSecret {
    AgentSecret::from_entropy([0xe0 + number; 32])
}

/// A directory over a file, a clock that goes on a quarter of an hour with each command, and
/// everything that was ever said of it to anyone.
struct Life {
    storage: TempDir,
    directory: Directory<SqliteRepository>,
    steps: Cell<u128>,
    said: Vec<String>,
}

impl Life {
    fn begin(read_models: bool) -> Self {
        let storage = tempdir().unwrap();
        let domain = Arc::new(Domain { catalog: Catalog::new([]).unwrap(), rules: Rules::provider() });
        let mut repository = SqliteRepository::open(storage.path().join("trees.sqlite")).unwrap();
        if read_models {
            repository = repository.with_read_models(domain.clone()).unwrap();
        }
        let directory = Directory::new(repository, domain).recording_refusals();
        Self { storage, directory, steps: Cell::new(0), said: Vec::new() }
    }

    fn context(&self, actor: Actor, acting: Option<OrganizationId>, reason: &str) -> Context {
        let step = self.steps.get() + 1;
        self.steps.set(step);
        let start: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let at = start + std::time::Duration::from_secs(900 * u64::try_from(step).unwrap());
        let key = CommitKey::from_u128(step).unwrap();
        let reason = Some(reason.parse().unwrap());
        Context { actor, acting, at, key, reason, correlation: None }
    }

    /// Does it, and hears what is said.
    fn run<C: Command + Debug>(
        &mut self,
        actor: Actor,
        acting: Option<OrganizationId>,
        reason: &str,
        command: &C,
    ) -> bool
    where
        C::Output: Debug,
    {
        self.said.push(format!("{command:?}"));
        self.silently(actor, acting, reason, command)
    }

    fn silently<C: Command>(&mut self, actor: Actor, acting: Option<OrganizationId>, reason: &str, command: &C) -> bool
    where
        C::Output: Debug,
    {
        let done = block_on(self.directory.execute(root(), &self.context(actor, acting, reason), command));
        self.said.push(format!("{done:?}"));
        match done {
            Ok(_) => true,
            Err(error) => {
                self.said.push(error.to_string());
                false
            }
        }
    }

    fn ada<C: Command + Debug>(&mut self, reason: &str, command: &C) -> bool
    where
        C::Output: Debug,
    {
        self.run(Actor::Principal(ada()), Some(root()), reason, command)
    }

    fn operator<C: Command + Debug>(&mut self, reason: &str, command: &C) -> bool
    where
        C::Output: Debug,
    {
        self.run(Actor::Operator(engineer()), None, reason, command)
    }

    fn invite(&mut self, number: u128, into: u128, to: &str) -> bool {
        let token = token(u8::try_from(number).unwrap()).hash();
        let invite = Invite {
            invitation: invitation(number),
            organization: root(),
            group: group(into),
            address: to.parse().unwrap(),
            role: GroupRole::Member,
            token,
            lifetime: None,
            other_role: OtherRole::Refuse,
        };
        self.ada(&format!("{NAME} ({to}) is to help"), &invite)
    }

    fn accept(&mut self, number: u8, with: &str) -> bool {
        let (address, name) = (with.parse().unwrap(), NAME.parse().unwrap());
        let accept = AcceptInvitation { token: token(number), address, verified: true, name };
        self.silently(Actor::Principal(zoltana()), None, OWN_WORDS, &accept)
    }

    fn tree(&self) -> OrganizationTree {
        block_on(self.directory.at_least(root(), self.head())).unwrap()
    }

    fn head(&self) -> Version {
        block_on(self.directory.repository().head(root())).unwrap()
    }

    fn page(&self) -> Page {
        block_on(self.directory.repository().read(root(), Version::ZERO, std::num::NonZeroU32::MAX)).unwrap()
    }

    /// Invited twice under two addresses, once declined, once left open; a request of support
    /// that names her, approved by her; a secret replaced, and much refused.
    fn lived(read_models: bool) -> Self {
        let mut life = Self::begin(read_models);
        let person = Person::named("Ada".parse().unwrap()).reachable_at("ada@fabrikam.example".parse().unwrap());
        let name = "Fabrikam".parse().unwrap();
        let found = FoundTree { root: root(), name, owner: ada(), person, secret: secret(1) };
        assert!(life.operator("a new customer", &found));
        let plan = "Enterprise".parse().unwrap();
        let subscribe =
            RecordSubscription { root: root(), plan, status: SubscriptionStatus::Active, term: Window::ALWAYS };
        assert!(life.operator("paid", &subscribe));
        for number in 1..=4 {
            let gives = std::iter::once(Privilege::claim("support.manage").unwrap()).collect();
            let (name, owner) = (format!("Group {number}").parse().unwrap(), ada());
            let create = CreateGroup { organization: root(), group: group(number), name, gives, owner };
            assert!(life.ada("for support", &create));
        }
        assert!(life.invite(1, 1, FIRST) && life.accept(1, FIRST));
        assert!(life.invite(2, 2, SECOND) && life.accept(2, SECOND));
        assert!(life.invite(3, 3, FIRST));
        let decline = DeclineInvitation { invitation: invitation(3), address: FIRST.parse().unwrap() };
        assert!(life.run(Actor::Principal(zoltana()), None, OWN_WORDS, &decline));
        assert!(life.invite(4, 4, SECOND));
        let edit = EditOrganization {
            description: Edit::Set(format!("Call {NAME}, or write to {SECOND}").parse().unwrap()),
            ..EditOrganization::of(root())
        };
        assert!(life.ada("whom to call", &edit));
        for number in [1, 2] {
            let request = RequestSupport { support: support(number), organization: root(), duration: None };
            assert!(life.operator(&format!("{NAME} reports that backups fail"), &request));
        }
        let approve = ApproveSupport { organization: root(), support: support(1) };
        assert!(life.run(Actor::Principal(zoltana()), Some(root()), OWN_WORDS, &approve));
        let regenerate = RegenerateSecret { organization: root(), secret: secret(2) };
        assert!(life.ada(&format!("{NAME} has seen it"), &regenerate));

        // What is refused is told of, and recorded.
        assert!(
            !life.invite(5, 4, SECOND) && !life.invite(5, 1, FIRST) && !life.accept(4, FIRST) && !life.accept(9, FIRST)
        );
        let person = Some(Person::named(NAME.parse().unwrap()));
        assert!(!life.ada(NAME, &AddMember { organization: root(), principal: zoltana(), person }));
        assert!(!life.ada(NAME, &regenerate));
        let hold = SetLegalHold { organization: root(), hold: true };
        assert!(!life.run(Actor::Principal(zoltana()), Some(root()), OWN_WORDS, &hold));
        life
    }

    fn erase(&mut self) {
        let erase = ErasePerson { root: root(), principal: zoltana(), successors: std::collections::BTreeMap::new() };
        assert!(self.ada(&format!("{NAME} of {FIRST} asked for it"), &erase));
    }
}

fn found_in(text: &str, sentinels: &[String]) -> Vec<String> {
    let text = text.to_lowercase();
    sentinels.iter().filter(|sentinel| text.contains(sentinel.as_str())).cloned().collect()
}

/// The sentinels of which some file of a directory holds the bytes.
fn in_files(directory: &Path, sentinels: &[String]) -> Vec<String> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let texts: Vec<String> = files.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    found_in(&texts.join(" "), sentinels)
}

fn personal() -> Vec<String> {
    PERSONAL.map(str::to_owned).to_vec()
}

/// Tokens and the secret that was replaced: never stored as they are, or no longer.
fn confidential() -> Vec<String> {
    [1, 2, 3, 4].map(|number| token(number).reveal()).into_iter().chain([secret(1).reveal()]).collect()
}

fn all() -> Vec<String> {
    personal().into_iter().chain(confidential()).chain([secret(2).reveal()]).collect()
}

// spec: GDP-1
// spec: GDP-3
// abuse: 89
// abuse: 91
// abuse: 92
#[test]
fn no_byte_of_a_person_remains_anywhere() {
    nothing_remains(&mut Life::lived(false));
}

// spec: GDP-3
#[test]
fn no_byte_of_a_person_remains_in_read_models() {
    let mut life = Life::lived(true);
    let reader = rusqlite::Connection::open(life.storage.path().join("trees.sqlite")).unwrap();
    let told = || -> String {
        let asked = "SELECT group_concat(name || ' ' || coalesce(address, '')) FROM read_person
                     UNION ALL SELECT group_concat(address) FROM read_invitee";
        let mut told = reader.prepare(asked).unwrap();
        let told = told.query_map([], |row| row.get::<_, Option<String>>(0)).unwrap();
        told.map(|told| told.unwrap().unwrap_or_default()).collect()
    };
    let named = ["zoltana", "quibble", "first-sentinel", "second-sentinel", "zq@"];
    assert_eq!(found_in(&told(), &personal()), named, "the tables had all that has a column");
    nothing_remains(&mut life);
    assert_eq!(found_in(&told(), &personal()), Vec::<String>::new());
}

fn nothing_remains(life: &mut Life) {
    let path = life.storage.path().to_owned();
    assert_eq!(in_files(&path, &personal()), personal(), "all of it was there");
    let log_before = serde_json::to_vec(&life.page().commits).unwrap();
    life.erase();

    // The change log is as it was, one commit longer, and never told of anybody.
    let commits = life.page().commits;
    let (_, before) = commits.split_last().unwrap();
    assert_eq!(serde_json::to_vec(before).unwrap(), log_before);
    assert_eq!(found_in(&serde_json::to_string(&commits).unwrap(), &all()), Vec::<String>::new());

    life.directory.repository().erase_remains().unwrap();
    let gone: Vec<String> = personal().into_iter().chain(confidential()).collect();
    assert_eq!(in_files(&path, &gone), Vec::<String>::new());
    let records = serde_json::to_string(&life.page().records).unwrap();
    assert_eq!(found_in(&records, &gone), Vec::<String>::new());
    assert!(records.contains(ERASED) && records.contains(&secret(2).reveal()));

    // Nor does a tree, live or read anew, or what was said on the way.
    let anew = SqliteRepository::open(path.join("trees.sqlite")).unwrap();
    let anew = Directory::new(anew, life.tree().domain().clone());
    for tree in [life.tree(), block_on(anew.at_least(root(), life.head())).unwrap()] {
        let at = tree.at();
        let exports = [ada(), zoltana()].map(|who| tree.export(ada(), who, &commits, at).unwrap());
        let listing = tree.list(ada(), &Listing::default(), at);
        let told = format!(
            "{tree:?} {exports:?} {listing:?} {:?} {:?} {} {}",
            tree.examine(at),
            life.page(),
            serde_json::to_string(&exports).unwrap(),
            serde_json::to_string(&tree.roster_lines(root(), at)).unwrap(),
        );
        assert_eq!(found_in(&told, &all()), Vec::<String>::new(), "{told}");
        assert_eq!(tree.label(zoltana()), ERASED);
        assert!(tree.examine(at).is_empty());
        assert_eq!(tree.support_status(root(), at).active, [], "what she approved ended with her");
    }
    assert!(life.said.len() > 50);
    assert_eq!(found_in(&life.said.join(" "), &all()), Vec::<String>::new());
}

// spec: GDP-1
#[test]
fn an_erasure_that_was_sent_twice_is_one() {
    let mut life = Life::lived(false);
    life.erase();
    let head = life.head();
    life.steps.set(life.steps.get() - 1);
    life.erase();
    assert_eq!(life.head(), head, "the same key takes effect once");
    life.erase();
    assert_eq!(life.page().commits.last().unwrap().events, []);
    life.directory.repository().erase_remains().unwrap();
    assert_eq!(in_files(life.storage.path(), &personal()), Vec::<String>::new());
}

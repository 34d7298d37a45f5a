//! The documentation that is generated, and the rules that the tests name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path as FilePath, PathBuf};

use bailiwick::*;

use crate::support::*;

fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a generated page with the file, or writes it where `BLESS=1` asks for that.
fn check_page(file: &str, page: &str) {
    let path = home().join("docs").join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == page,
        "docs/{file} has drifted from the code: run the tests with BLESS=1 and look at the difference"
    );
}

// spec: CLM-12
#[test]
fn the_page_of_permissions_says_what_the_table_does() {
    let mut page = String::from(
        "# Who may do what\n\nGenerated from the table in the code. An embedder replaces the ownership or the claim that a row\nasks for by a claim of their own (CLM-12).\n\n| operation | requires | rule |\n|---|---|---|\n",
    );
    let mut named = BTreeSet::new();
    for operation in Operation::ALL {
        let ways: Vec<String> = operation
            .requirement()
            .iter()
            .map(|way| {
                let demands = way.iter().map(|demand| match demand.authority {
                    Authority::Oneself => "that it is about oneself".to_owned(),
                    Authority::Operator => "the operator of the service".to_owned(),
                    Authority::Claim(claim) => {
                        named.insert(claim);
                        format!("`{claim}` in {}", demand.place)
                    }
                    authority => format!("{authority} of {}", demand.place).replace("group ownership", "ownership"),
                });
                demands.collect::<Vec<_>>().join(" and ")
            })
            .collect();
        let requires = if ways.is_empty() { "nothing; it judges by itself".to_owned() } else { ways.join(", or ") };
        writeln!(page, "| {operation} | {requires} | {} |", operation.rule()).unwrap();
    }
    let catalog = Catalog::new([]).unwrap();
    page.push_str("\n# The claims of the crate\n\nThey are in every catalog, beside those that the embedder declares (CLM-2).\n\n| claim | lets one | access | implies |\n|---|---|---|---|\n");
    for declaration in catalog.declarations() {
        let access = match declaration.access {
            AccessKind::View => "view",
            AccessKind::Manage => "manage",
        };
        let implies: Vec<String> = declaration.implies.iter().map(|claim| format!("`{claim}`")).collect();
        writeln!(page, "| `{}` | {} | {access} | {} |", declaration.name, declaration.description, implies.join(", "))
            .unwrap();
    }
    for claim in named {
        assert!(catalog.declares(&claim.parse().unwrap()), "the table asks for `{claim}`, which is not declared");
    }
    check_page("permissions.md", &page);
}

// spec: INV-2
#[test]
fn the_page_of_states_says_what_every_step_leads_to() {
    let (at, end) = (noon(), noon() + days(7));
    let (by, other) = (principal(1), principal(2));
    let states = [
        ("pending", InvitationState::Pending { until: end }),
        ("pending, at its end", InvitationState::Pending { until: at }),
        ("accepted", InvitationState::Accepted { at, by }),
        ("declined", InvitationState::Declined { at }),
        ("revoked", InvitationState::Revoked { at }),
        ("expired", InvitationState::Expired { at }),
    ];
    let steps = [
        ("resend", InvitationStep::Resend { until: end }),
        ("accept", InvitationStep::Accept { by }),
        ("accept, as another person", InvitationStep::Accept { by: other }),
        ("decline", InvitationStep::Decline),
        ("revoke", InvitationStep::Revoke),
    ];
    let called = |state: InvitationState| match state {
        InvitationState::Pending { .. } => "pending",
        InvitationState::Accepted { .. } => "accepted",
        InvitationState::Declined { .. } => "declined",
        InvitationState::Revoked { .. } => "revoked",
        InvitationState::Expired { .. } => "expired",
    };
    let mut page = String::from(
        "# The states of an invitation\n\nGenerated from the code. A refusal is given by its code (INV-2).\n\n| state | seen as |",
    );
    steps.iter().for_each(|(step, _)| write!(page, " {step} |").unwrap());
    page.push_str("\n|---|---|");
    page.push_str(&"---|".repeat(steps.len()));
    for (name, state) in states {
        write!(page, "\n| {name} | {} |", called(state.seen(at))).unwrap();
        for (_, step) in steps {
            match state.step(step, at) {
                Ok(next) => write!(page, " {} |", called(next)).unwrap(),
                Err(error) => write!(page, " `{}` |", error.code()).unwrap(),
            }
        }
    }
    page.push('\n');
    check_page("states.md", &page);
}

/// Every file of the repository that ends in `.rs`.
fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &FilePath, found: &mut Vec<(PathBuf, String)>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["src", "tests", "stores", "examples"] {
        walk(&home().join(folder), &mut found);
    }
    found.sort();
    found
}

/// The identifiers of the rules and of the cases in `docs/rules.md`.
fn promised() -> (BTreeSet<String>, BTreeSet<String>) {
    let text = std::fs::read_to_string(home().join("docs/rules.md")).unwrap();
    let (mut rules, mut cases) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines().filter_map(|line| line.strip_prefix("- **")) {
        let Some((id, _)) = line.split_once("** ") else { continue };
        match id.strip_prefix("abuse ") {
            Some(number) => cases.insert(number.to_owned()),
            None => rules.insert(id.to_owned()),
        };
    }
    assert!(rules.len() > 90 && cases.len() > 60, "{} rules, {} cases", rules.len(), cases.len());
    (rules, cases)
}

/// The identifiers that a comment names after its marker; what is in brackets explains.
fn named_in(rest: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let plain: String = rest
        .chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect();
    plain.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Rules written out in a line, such as `INV-4`, of the sections that there are.
fn rules_in<'a>(line: &'a str, sections: &'a BTreeSet<&str>) -> impl Iterator<Item = &'a str> {
    let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.filter(|word| {
        word.split_once('-').is_some_and(|(section, number)| {
            sections.contains(section) && !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
        })
    })
}

#[test]
fn every_rule_and_case_is_named_by_a_test_and_no_other_is_named() {
    let (rules, cases) = promised();
    let sections: BTreeSet<&str> = rules.iter().filter_map(|rule| rule.split_once('-')).map(|(name, _)| name).collect();
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let shown = path.strip_prefix(home()).unwrap_or(&path).display().to_string();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            for (marker, known) in [("// spec:", &rules), ("// abuse:", &cases)] {
                for id in line.strip_prefix(marker).map(named_in).unwrap_or_default() {
                    if !known.contains(&id) {
                        wrong.push(format!("{shown}:{number} names {id}, which docs/rules.md does not have"));
                    }
                    *named.entry(id).or_default() += 1;
                }
            }
            // Errors say their rule as a literal, comments beside the line that enforces it.
            for rule in rules_in(line, &sections).filter(|rule| !rules.contains(*rule)) {
                wrong.push(format!("{shown}:{number} writes {rule}, which docs/rules.md does not have"));
            }
        }
    }
    for id in rules.iter().chain(&cases) {
        if !named.contains_key(id) {
            wrong.push(format!("{id} is named by no test"));
        }
    }
    let of = |known: &BTreeSet<String>| known.iter().filter(|id| named.contains_key(*id)).count();
    println!("{} of {} rules and {} of {} cases are named by tests", of(&rules), rules.len(), of(&cases), cases.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

// spec: ERR-1
#[test]
fn every_error_says_a_rule_that_there_is_and_a_code_of_its_own() {
    let (rules, _) = promised();
    let mut codes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut found = 0;
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with(home().join("src"))) {
        for line in text.lines().filter(|line| line.contains(" = ") && line.trim_end().ends_with("\";")) {
            let quoted: Vec<&str> = line.split('"').collect();
            let [.., code, ", ", rule, _] = quoted[..] else { continue };
            let code_like = code.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '_')) && !code.is_empty();
            if code_like && rule.contains('-') {
                found += 1;
                assert!(rules.contains(rule), "{} says {rule}: {line}", path.display());
                codes.entry(code.to_owned()).or_default().insert(format!("{} {line}", path.display()));
            }
        }
    }
    assert!(found > 60, "only {found} errors were found");
    let twice = codes.iter().filter(|(code, lines)| lines.len() > 1 && *code != "group.last_owner");
    assert_eq!(twice.collect::<Vec<_>>(), []);
    for operation in Operation::ALL {
        assert!(rules.contains(operation.rule()), "{operation} says {}", operation.rule());
    }
}

// abuse: 98
#[test]
fn no_count_is_narrowed_by_a_cast() {
    let manifest = std::fs::read_to_string(home().join("Cargo.toml")).unwrap();
    for lint in ["cast_possible_truncation", "cast_possible_wrap", "cast_sign_loss"] {
        assert!(manifest.contains(&format!("{lint} = ")), "{lint} is not asked for");
    }
    // Those that a count could be too large for; the lints see to the others.
    const NUMBERS: [&str; 11] = ["u8", "u16", "u32", "usize", "i8", "i16", "i32", "i64", "isize", "f32", "f64"];
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.to_string_lossy().contains("tests")) {
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let words: Vec<&str> = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
            let cast = words.windows(2).find(|pair| pair[0] == "as" && NUMBERS.contains(&pair[1]));
            // The number of a character fits its type by definition.
            assert!(cast.is_none() || line.contains("*character as u32"), "{}: {line}", path.display());
        }
    }
    let seats = u64::from(u32::MAX) + 1;
    let limits = UsageLimits { seats: Some(seats), ..UsageLimits::default() };
    assert_eq!(limits.seats, Some(4_294_967_296));
    assert_eq!(Version::new(u64::MAX).get(), u64::MAX);
}

// spec: REP-1
#[test]
fn the_crate_does_no_input_or_output_reads_no_clock_and_draws_no_random_number() {
    const FORBIDDEN: [&str; 16] = [
        "SystemTime",
        "Instant::now",
        "Utc::now",
        "Local::now",
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "thread_rng",
        "rand::",
        "getrandom",
        "println!",
        "eprintln!",
        "dbg!",
        "std::io",
        "thread::sleep",
    ];
    let conformance = home().join("src/repository/conformance");
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with(home().join("src"))) {
        let suite = path.starts_with(&conformance) || path == conformance.with_extension("rs");
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            for call in FORBIDDEN.iter().filter(|call| line.contains(**call)) {
                assert!(suite, "{}: {call}: {line}", path.display());
            }
        }
        if text.contains("new_v4()") {
            assert!(text.contains("#[cfg(feature = \"random\")]"), "{}", path.display());
        }
    }
    let manifest = std::fs::read_to_string(home().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("default = []"), "randomness only where the embedder asks for it");
}

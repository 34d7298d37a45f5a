//! Reads `customers.txt`: a line for each customer, two spaces further in for a customer of
//! the one above.

use std::collections::BTreeSet;
use std::fmt;

use bailiwick::{InvalidText, Name, Region, Tag};

/// A line of the file.
#[derive(Clone, Debug)]
pub(crate) struct Customer {
    pub(crate) name: Name,
    /// The customer that it belongs to; none for one of Fabrikam's own.
    pub(crate) of: Option<Name>,
    pub(crate) region: Option<Region>,
    pub(crate) tags: BTreeSet<Tag>,
    /// On which run of the example it joins.
    pub(crate) day: i64,
}

/// What is wrong with a line of the file.
#[derive(Debug)]
pub(crate) struct BadLine {
    number: usize,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Indent(usize),
    NothingAbove,
    Text(InvalidText),
    Day(String),
    Twice(Name),
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.number)?;
        match &self.problem {
            Problem::Indent(found) => write!(f, "{found} spaces in front; write none, or two"),
            Problem::NothingAbove => f.write_str("there is no customer above that it could belong to"),
            Problem::Text(text) => text.fmt(f),
            Problem::Day(word) => write!(f, "`{word}` names no day; write `day:2`"),
            Problem::Twice(name) => write!(f, "{name} stands in the file twice"),
        }
    }
}

impl std::error::Error for BadLine {}

impl From<InvalidText> for Problem {
    fn from(text: InvalidText) -> Self {
        Self::Text(text)
    }
}

/// The customers of a file, each after the one that it belongs to.
pub(crate) fn parse(text: &str) -> Result<Vec<Customer>, BadLine> {
    let mut customers: Vec<Customer> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end();
        if !line.is_empty() && !line.trim_start().starts_with('#') {
            let customer = parse_line(line, &customers).map_err(|problem| BadLine { number, problem })?;
            customers.push(customer);
        }
    }
    Ok(customers)
}

fn parse_line(line: &str, above: &[Customer]) -> Result<Customer, Problem> {
    let parent = || above.iter().rev().find(|customer| customer.of.is_none()).map(|customer| customer.name.clone());
    let of = match line.chars().take_while(|c| c.is_whitespace()).count() {
        0 => None,
        2 => Some(parent().ok_or(Problem::NothingAbove)?),
        found => return Err(Problem::Indent(found)),
    };
    let (mut words, mut region, mut tags, mut day) = (Vec::new(), None, BTreeSet::new(), 1);
    for word in line.split_whitespace() {
        if let Some(name) = word.strip_prefix('@') {
            region = Some(Region::new(name)?);
        } else if let Some(tag) = word.strip_prefix('#') {
            tags.insert(Tag::new(tag)?);
        } else if let Some(number) = word.strip_prefix("day:") {
            day = number.parse().map_err(|_| Problem::Day(word.to_owned()))?;
        } else if word != "!" {
            words.push(word);
        }
    }
    let name = Name::new(&words.join(" "))?;
    if above.iter().any(|customer| customer.name == name) {
        return Err(Problem::Twice(name));
    }
    Ok(Customer { name, of, region, tags, day })
}

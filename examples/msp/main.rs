//! A managed service provider and its customers, on a SQLite file.
//!
//! `cargo run --example msp [FILE [CUSTOMERS]]` plays one day: the first on a new file, the
//! next one each time it is run again. The file is `target/msp.sqlite` unless another is
//! named, and the customers are those of `customers.txt` beside this file, which is there to
//! be edited. A line with `✓` is done, one with `✗` is refused; behind each stands the rule.

mod attach;
mod cast;
mod customers;
mod desk;
mod first_day;
mod invitations;
mod later;
mod leaving;
mod paper;
mod questions;
mod review;
mod views;

use std::path::{Path, PathBuf};

use crate::desk::Desk;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let file = arguments.next().unwrap_or_else(|| package.join("target/msp.sqlite"));
    let customers = arguments.next().unwrap_or_else(|| package.join("examples/msp/customers.txt"));
    pollster::block_on(play(&file, &customers))
}

async fn play(file: &Path, customers: &Path) -> Result<()> {
    let text = std::fs::read_to_string(customers).map_err(|error| format!("{}: {error}", customers.display()))?;
    let list = customers::parse(&text).map_err(|error| format!("{}, {error}", customers.display()))?;
    // Whose builds go elsewhere has no folder `target` here.
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut desk = Desk::open(file).await?;
    paper::day(&format!("Day {}: {}   {}", desk.day, desk.now.format("%A, %-d %B %Y"), file.display()));
    match desk.day {
        1 => {
            first_day::found(&mut desk).await?;
            first_day::take_on(&mut desk, &list).await?;
            first_day::staff(&mut desk).await?;
            first_day::link(&mut desk).await?;
            invitations::invite(&mut desk).await?;
            questions::roster(&desk).await?;
            questions::explain(&desk).await?;
            questions::what_if(&mut desk).await?;
            questions::relocate(&mut desk).await?;
            leaving::refused(&mut desk).await?;
            leaving::delete_litware(&mut desk).await?;
            leaving::detach(&mut desk).await?;
        }
        2 => {
            later::morning(&mut desk, &list).await?;
            invitations::again(&mut desk).await?;
            review::review(&mut desk).await?;
            later::trail(&desk).await?;
            later::yesterday(&desk).await?;
        }
        3 => {
            later::morning(&mut desk, &list).await?;
            attach::come_back(&mut desk).await?;
            later::lapse(&mut desk).await?;
            later::history(&desk).await?;
        }
        _ => {
            later::morning(&mut desk, &list).await?;
            later::quiet(&mut desk).await?;
            later::history(&desk).await?;
        }
    }
    views::open_again(desk, file).await
}

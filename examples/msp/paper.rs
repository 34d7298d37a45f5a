//! What is printed: headings with the rules at work, lines, tables. All within 100 columns.

use bailiwick::Timestamp;

pub(crate) const WIDTH: usize = 100;

/// A heading, and the rules that the step is about.
pub(crate) fn step(title: &str, rules: &[(&str, &str)]) {
    println!("\n━━ {title} {}", "━".repeat(WIDTH.saturating_sub(title.chars().count() + 4)));
    rules.iter().for_each(|(rule, sentence)| println!("   {rule:<7} {sentence}"));
    println!();
}

/// The day, in a frame.
pub(crate) fn day(title: &str) {
    let line = "═".repeat(WIDTH);
    println!("\n{line}\n  {title}\n{line}");
}

/// Text as it is, moved in.
pub(crate) fn block(text: &str) {
    text.lines().for_each(|line| println!("   {line}"));
}

/// A sentence after a mark, broken where it gets too long.
pub(crate) fn line(mark: &str, text: &str) {
    let lead = format!("   {mark} ");
    let indent = lead.chars().count();
    println!("{lead}{}", wrap(text, WIDTH - indent).join(&format!("\n{}", " ".repeat(indent))));
}

/// Text in lines of at most so many characters, broken between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A table whose columns are as wide as their widest cell; the last is broken to what is left.
pub(crate) fn table<const COLUMNS: usize>(head: [&str; COLUMNS], rows: impl IntoIterator<Item = [String; COLUMNS]>) {
    let rows: Vec<[String; COLUMNS]> = rows.into_iter().collect();
    let mut left = WIDTH - 3;
    let widths: Vec<usize> = (head.iter().enumerate())
        .map(|(column, head)| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            let width = cells.chain([head.chars().count()]).max().unwrap_or_default().min(left);
            left = left.saturating_sub(width + 2);
            width
        })
        .collect();
    let print = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| fit(cell, *width)).collect();
        println!("   {}", cells.join("  ").trim_end());
    };
    print(&head.map(str::to_owned));
    print(&widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>());
    for row in &rows {
        let (cells, last) = row.split_at(COLUMNS.saturating_sub(1));
        let width = widths.last().copied().unwrap_or(WIDTH);
        for (position, text) in wrap(&last.concat(), width).into_iter().enumerate() {
            let cells = cells.iter().map(|cell| if position == 0 { cell.clone() } else { String::new() });
            print(&cells.chain([text]).collect::<Vec<_>>());
        }
    }
    if rows.is_empty() {
        line("·", "nothing");
    }
}

fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return format!("{text:<width$}");
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// An instant as people write it.
pub(crate) fn at(instant: Timestamp) -> String {
    instant.format("%d %b %H:%M").to_string()
}

/// Several things in one cell.
pub(crate) fn list<T: ToString>(things: impl IntoIterator<Item = T>) -> String {
    things.into_iter().map(|thing| thing.to_string()).collect::<Vec<_>>().join(", ")
}

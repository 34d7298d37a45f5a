//! Drawings of a tree: text for a terminal, Graphviz DOT and Mermaid (HIE-11).

use std::fmt::{self, Write};

use crate::id::OrganizationId;
use crate::link::Link;
use crate::reach::Reach;
use crate::tree::OrganizationTree;

impl OrganizationTree {
    /// The subtree as indented text, each organization with the groups that live there and
    /// the links that go there.
    pub fn draw_text(&self, top: OrganizationId) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _: fmt::Result = self.draw_branch(&mut text, top, "", "");
        text
    }

    fn draw_branch(&self, out: &mut String, id: OrganizationId, first: &str, rest: &str) -> fmt::Result {
        let Some(organization) = self.organization(id) else { return Ok(()) };
        let state = if organization.is_itself_active() { "" } else { " (deactivated)" };
        write!(out, "{first}{}{state}", organization.name())?;
        let groups: Vec<&str> = self.groups(id).map(|group| group.name().as_str()).collect();
        if !groups.is_empty() {
            write!(out, "  [{}]", groups.join(", "))?;
        }
        writeln!(out)?;
        let mut children: Vec<OrganizationId> = self.children(id).collect();
        // By name: identifiers are in no order that means anything to a reader.
        children.sort_by_key(|child| self.organization(*child).map(|child| child.name()));
        let bar = if children.is_empty() { "    " } else { "│   " };
        for link in self.links_in(id) {
            writeln!(out, "{rest}{bar}← {}", self.caption(link))?;
        }
        for (position, child) in children.iter().enumerate() {
            let last = position.saturating_add(1) == children.len();
            let (branch, below) = if last { ("└── ", "    ") } else { ("├── ", "│   ") };
            self.draw_branch(out, *child, &format!("{rest}{branch}"), &format!("{rest}{below}"))?;
        }
        Ok(())
    }

    fn caption(&self, link: &Link) -> String {
        let group = self.group(link.group()).map_or("?", |group| group.name().as_str());
        let source = self.organization(link.source()).map_or("?", |organization| organization.name().as_str());
        let reach = match link.terms().reach {
            Reach::Target => "",
            Reach::Children => ", and its children",
            Reach::Subtree => ", and everything below",
        };
        let except: Vec<&str> = (link.terms().exclusions.iter().chain(link.opted_out()))
            .filter_map(|id| self.organization(*id))
            .map(|organization| organization.name().as_str())
            .collect();
        let except = if except.is_empty() { String::new() } else { format!(", except {}", except.join(", ")) };
        format!("{group} of {source}{reach}{except}")
    }

    /// The subtree as a Graphviz graph; links are dashed edges.
    pub fn draw_dot(&self, top: OrganizationId) -> String {
        let mut lines = vec!["digraph organizations {".to_owned(), "  node [shape=box];".to_owned()];
        for organization in self.subtree(top).filter_map(|id| self.organization(id)) {
            lines.push(format!("  \"{}\" [label=\"{}\"];", organization.id(), escape(organization.name().as_str())));
            if let Some(parent) = organization.parent().filter(|_| organization.id() != top) {
                lines.push(format!("  \"{parent}\" -> \"{}\";", organization.id()));
            }
        }
        for link in self.links_within(top) {
            let caption = escape(&self.caption(link));
            lines.push(format!(
                "  \"{}\" -> \"{}\" [style=dashed, label=\"{caption}\"];",
                link.source(),
                link.target()
            ));
        }
        lines.push("}\n".to_owned());
        lines.join("\n")
    }

    /// The subtree as a Mermaid flowchart; links are dotted edges.
    pub fn draw_mermaid(&self, top: OrganizationId) -> String {
        let node = |id: OrganizationId| format!("o{}", id.uuid().simple());
        let mut lines = vec!["flowchart TD".to_owned()];
        for organization in self.subtree(top).filter_map(|id| self.organization(id)) {
            lines.push(format!("  {}[\"{}\"]", node(organization.id()), quote(organization.name().as_str())));
            if let Some(parent) = organization.parent().filter(|_| organization.id() != top) {
                lines.push(format!("  {} --> {}", node(parent), node(organization.id())));
            }
        }
        for link in self.links_within(top) {
            lines.push(format!(
                "  {} -. \"{}\" .-> {}",
                node(link.source()),
                quote(&self.caption(link)),
                node(link.target())
            ));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn links_within(&self, top: OrganizationId) -> impl Iterator<Item = &Link> {
        let inside = move |id: OrganizationId| id == top || self.is_ancestor(top, id);
        self.links.values().map(AsRef::as_ref).filter(move |link| inside(link.source()) && inside(link.target()))
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn quote(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;")
}

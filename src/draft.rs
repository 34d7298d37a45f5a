//! Drafts: several commands in one commit.

use crate::command::{Command, Context, Operation};
use crate::event::{Changes, Recorded};
use crate::id::OrganizationId;
use crate::person::{Record, RecordKey};
use crate::refusal::Refusal;
use crate::tree::{OrganizationTree, State};

/// Several commands in one commit, each seeing the ones before it. A refused command leaves
/// the draft as it was (ERR-2).
pub struct Draft {
    tree: OrganizationTree,
    before: OrganizationTree,
    context: Context,
    recorded: Recorded,
    records: Vec<(RecordKey, Option<Record>)>,
    /// What was asked for last, and on what, whether it was refused or not.
    attempted: Option<(Operation, Option<OrganizationId>)>,
}

impl Draft {
    pub(crate) fn new(tree: OrganizationTree, context: Context) -> Self {
        let recorded = Recorded::of(&tree, &context, context.at);
        let reason = context.reason.clone().map(|reason| {
            (RecordKey::Reason(recorded.version), Some(Record::Reason { by: context.actor.id(), text: reason }))
        });
        Self { before: tree.clone(), tree, context, recorded, records: reason.into_iter().collect(), attempted: None }
    }

    /// Decides a command on what the draft has come to, and adds its changes.
    pub fn run<C: Command>(&mut self, command: &C) -> Result<C::Output, Refusal<C::Error>> {
        self.attempted = Some((command.operation(), command.subjects().organization.or(self.context.acting)));
        let (scene, output) = self.tree.judge(&self.context, command)?;
        let (at, events, records) = (scene.at, scene.events, scene.records);
        self.recorded.at = at;
        self.recorded.operations.push(command.operation());
        for event in events {
            event.apply(&mut self.tree, &self.recorded);
            self.recorded.events.push(event);
        }
        for (key, record) in records {
            self.tree.put_record(key, record.clone());
            self.records.push((key, record));
        }
        self.tree.state = State::default();
        Ok(output)
    }

    /// Decides many commands of a kind, with an answer for each: one that is refused does not
    /// hold up the others (INV-9).
    pub fn run_each<'c, C: Command + 'c>(
        &mut self,
        commands: impl IntoIterator<Item = &'c C>,
    ) -> Vec<Result<C::Output, Refusal<C::Error>>> {
        commands.into_iter().map(|command| self.run(command)).collect()
    }

    /// The tree as it would be.
    pub const fn tree(&self) -> &OrganizationTree {
        &self.tree
    }

    /// The operation that was asked for last, and the organization that it was about.
    pub(crate) const fn attempted(&self) -> Option<(Operation, Option<OrganizationId>)> {
        self.attempted
    }

    /// Whether nothing has been decided yet.
    pub fn is_empty(&self) -> bool {
        self.recorded.operations.is_empty()
    }

    /// The changes, to be committed and then applied.
    pub fn finish(self) -> Changes {
        let Self { tree: mut after, before, recorded, records, .. } = self;
        // Once more in their order, with the reason first: as they are applied.
        records.iter().for_each(|(key, record)| after.put_record(*key, record.clone()));
        (after.version, after.at) = (recorded.version, recorded.at);
        Changes::drafted(recorded, records, before, after)
    }
}

//! Random histories of tables, the same for the same seed.
//!
//! What happens to rows is drawn from one generator, and depends on nothing but the rows that are live; how it is
//! written (files, manifests, kinds of delete files) is drawn from a second one; maintenance, which must not
//! change rows, from a third. So a history can be made with and without compaction and must show the same rows.

mod maintenance;
mod physical;
mod rows;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use self::maintenance::Pending;
use self::rows::Columns;
use crate::model::{Instance, Snapshot};
use crate::table::{MAIN, TestTable};

/// Which data sequence number compactions give to their output, if there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// No maintenance at all.
    Off,
    /// Sound: at least the highest of the inputs, at most that of the planning snapshot.
    Sound,
    /// Faulty: the lowest of the inputs.
    Min,
    /// Faulty: that of the new snapshot.
    New,
}

/// Where readers get the key from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// Identifier fields of the schema.
    Identifier,
    /// Named by the consumer; may hold NULL.
    Explicit,
    /// Columns of the equality deletes, else nothing.
    Default,
}

/// What kind of history it is. Drawn from the seed.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Format version at the start.
    pub version: u8,
    /// Number of steps.
    pub n_steps: usize,
    /// Where the key comes from.
    pub key_source: KeySource,
    /// Key columns by their first names.
    pub key: Vec<String>,
    /// Writers keep keys unique where they can.
    pub unique: bool,
    /// Only steps that a sound compaction cannot interfere with.
    pub comparable: bool,
    /// The partition column is a function of the key.
    pub partition_follows_key: bool,
}

/// A table with a random history.
#[derive(Debug)]
pub struct RandomTable {
    /// The table.
    pub table: TestTable,
    /// Its kind.
    pub shape: Shape,
    /// Snapshots that are no maintenance, in order, with the number of the step that made them.
    pub steps: Vec<(usize, i64)>,
    /// What happened, for people.
    pub log: Vec<String>,
    /// A second branch, if there is one.
    pub side_branch: Option<String>,
    /// Rows are shown by this schema when steps choose among them.
    columns: Columns,
    compaction: Compaction,
    branch: String,
    logic: SmallRng,
    physical: SmallRng,
    upkeep: SmallRng,
    next_tag: u64,
    n_names: u32,
    pending: Option<Pending>,
    /// Columns that some equality delete compares.
    compared: BTreeSet<i32>,
}

/// Makes the history of a seed, or its first `n_steps_max` steps.
pub fn random_table(seed: u64, compaction: Compaction, n_steps_max: usize) -> RandomTable {
    let mut logic = SmallRng::seed_from_u64(seed);
    let version = [1, 2, 2, 2, 2, 3, 3, 3][logic.random_range(0..8)];
    let key_source = [KeySource::Identifier, KeySource::Identifier, KeySource::Explicit, KeySource::Default]
        [logic.random_range(0..4)];
    let (columns, definition) = Columns::random(&mut logic, key_source);
    let key = columns.key_names.clone();
    let shape = Shape {
        version,
        n_steps: logic.random_range(4..13),
        key_source,
        key: key.clone(),
        unique: logic.random_bool(0.4),
        comparable: logic.random_bool(0.35),
        partition_follows_key: columns.partition_follows_key,
    };
    let identifier = if key_source == KeySource::Identifier { key.join(",") } else { String::new() };
    let table = TestTable::new(version, &definition, &identifier);
    let mut random = RandomTable {
        table,
        steps: Vec::new(),
        log: vec![format!("seed {seed}: v{version} ({definition}) {shape:?}")],
        side_branch: None,
        columns,
        compaction,
        branch: MAIN.to_owned(),
        logic,
        physical: SmallRng::seed_from_u64(seed ^ 0x9e37_79b9_7f4a_7c15),
        upkeep: SmallRng::seed_from_u64(seed ^ 0xd1b5_4a32_d192_ed03),
        next_tag: 0,
        n_names: 0,
        pending: None,
        compared: BTreeSet::new(),
        shape,
    };
    if random.logic.random_bool(0.6) {
        random.evolve_spec();
    }
    for step in 0..random.shape.n_steps.min(n_steps_max) {
        if compaction != Compaction::Off {
            random.maintain();
        }
        random.step(step);
    }
    if compaction != Compaction::Off {
        random.maintain();
    }
    random.finish();
    random
}

impl RandomTable {
    fn head(&self) -> Option<&Snapshot> {
        self.table.head(&self.branch)
    }

    /// Live rows of the branch in the table's present schema, in the order in which they came to be.
    fn live(&self) -> Vec<Instance> {
        let mut rows = self.head().map_or_else(Vec::new, |head| self.table.history().live(head, self.table.schema()));
        rows.sort_by_key(|instance| instance.tag);
        rows
    }

    fn new_tag(&mut self) -> u64 {
        self.next_tag += 1;
        self.next_tag
    }

    fn new_name(&mut self) -> String {
        self.n_names += 1;
        format!("c{}", self.n_names)
    }

    fn note(&mut self, text: impl Into<String>) {
        self.log.push(text.into());
    }

    /// Side branch and expiry, after all steps.
    fn finish(&mut self) {
        let ids: Vec<i64> = self.steps.iter().map(|(_, id)| *id).collect();
        if self.table.version() > 1 && !ids.is_empty() && self.logic.random_bool(0.2) {
            let from = ids[self.logic.random_range(0..ids.len())];
            self.table.set_branch("side", from);
            self.note(format!("branch side from {from}"));
            self.branch = "side".to_owned();
            self.side_branch = Some("side".to_owned());
            self.pending = None;
            for step in 1000..1002 {
                self.step(step);
            }
            self.steps.retain(|(step, _)| *step < 1000);
            self.branch = MAIN.to_owned();
        }
        if self.logic.random_bool(0.3) {
            self.expire();
        }
    }

    fn expire(&mut self) {
        let steps: Vec<i64> = self.steps.iter().map(|(_, id)| *id).collect();
        if steps.len() < 3 {
            return;
        }
        // The oldest snapshot kept is one of a step, so that it is the same with and without compaction.
        let oldest = steps[self.logic.random_range(1..steps.len() - 1)];
        let line: Vec<i64> = self.table.lineage(MAIN).iter().map(|snapshot| snapshot.id).collect();
        let cut = line.iter().position(|id| *id == oldest).unwrap();
        let side_head = self.side_branch.as_ref().and_then(|branch| self.table.head(branch)).map(|head| head.id);
        let gone: Vec<i64> = line[..cut].iter().copied().filter(|id| Some(*id) != side_head).collect();
        self.note(format!("expire {gone:?}"));
        self.steps.retain(|(_, id)| !gone.contains(id));
        self.table.expire(gone);
    }
}

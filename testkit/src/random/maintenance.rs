//! Maintenance of random tables: compaction and rewriting of deletes and manifests, all as `replace` snapshots.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::physical::{Positions, Scope, TaggedRow};
use super::{Compaction, RandomTable};
use crate::model::{File, Instance, Snapshot};
use crate::schema::TableSchema;
use crate::table::{Addition, Commit};
use crate::value::Value;

/// A compaction that was planned and is not committed yet.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    scope: Scope,
    inputs: BTreeSet<String>,
    rows: Vec<TaggedRow>,
    /// Lowest and highest data sequence number of the inputs, and that of the snapshot they were read at.
    lowest: i64,
    highest: i64,
    planned_at: i64,
    /// Keys of the delete files that were live.
    deletes: BTreeSet<String>,
}

impl RandomTable {
    /// Maybe plans, maybe commits, maybe tidies.
    pub(super) fn maintain(&mut self) {
        if self.head().is_none() {
            return;
        }
        if self.pending.is_none() && self.upkeep.random_bool(0.4) {
            self.plan();
        }
        if self.upkeep.random_bool(0.45)
            && let Some(pending) = self.pending.take()
        {
            self.commit_compaction(pending);
        }
        match self.upkeep.random_range(0..20) {
            0 => {
                let mut commit = self.new_commit("replace");
                commit.manifests.merge = true;
                let id = self.table.commit(commit);
                self.note(format!("{id}: rewrite manifests"));
            }
            1..=2 if self.table.version() > 1 => self.rewrite_position_deletes(),
            3 if self.table.version() > 1 => self.convert_equality_deletes(),
            _ => {}
        }
    }

    fn delete_keys(&self) -> BTreeSet<String> {
        let files = self.head().unwrap().files.iter();
        files.filter(|listed| !matches!(listed.file.as_ref(), File::Data(_))).map(|listed| listed.file.key()).collect()
    }

    fn plan(&mut self) {
        let mut by_scope: BTreeMap<Scope, Vec<(String, i64)>> = BTreeMap::new();
        for (listed, file) in self.data_files() {
            let scope = (file.spec_id, file.partition.clone());
            by_scope.entry(scope).or_default().push((file.path.clone(), listed.data_sequence));
        }
        let candidates: Vec<(Scope, Vec<(String, i64)>)> =
            by_scope.into_iter().filter(|(_, files)| files.len() > 1 || self.upkeep.random_bool(0.2)).collect();
        let Some((scope, mut files)) = candidates.choose(&mut self.upkeep).cloned() else { return };
        if files.len() > 2 && self.upkeep.random_bool(0.4) {
            files.shuffle(&mut self.upkeep);
            files.truncate(2);
        }
        let inputs: BTreeSet<String> = files.iter().map(|(path, _)| path.clone()).collect();
        let sequences = || files.iter().map(|(_, sequence)| *sequence);
        self.pending = Some(Pending {
            scope,
            rows: self.live_rows_of(&inputs),
            lowest: sequences().min().unwrap(),
            highest: sequences().max().unwrap(),
            planned_at: self.head().unwrap().sequence,
            deletes: self.delete_keys(),
            inputs,
        });
        self.note(format!("plan compaction of {files:?}"));
    }

    fn commit_compaction(&mut self, pending: Pending) {
        let live: BTreeSet<String> = self.data_files().iter().map(|(_, file)| file.path.clone()).collect();
        if !pending.inputs.is_subset(&live) || self.conflicts(&pending) {
            self.note("compaction given up");
            return;
        }
        let data_sequence = match self.compaction {
            _ if self.table.version() == 1 => None,
            Compaction::Off | Compaction::Sound => {
                Some(self.upkeep.random_range(pending.highest..=pending.planned_at.max(pending.highest)))
            }
            Compaction::Min => Some(pending.lowest),
            Compaction::New => None,
        };
        let mut rows = self.rows_in_present_schema(&pending);
        if self.upkeep.random_bool(0.3) {
            rows.shuffle(&mut self.upkeep);
        }
        let mut commit = self.new_commit("replace");
        self.remove_data_files(&mut commit, &pending.inputs);
        let compared = self.dropped_but_compared(&pending);
        let n = if self.upkeep.random_bool(0.3) { rows.len().div_ceil(2) } else { rows.len() };
        for chunk in rows.chunks(n.max(1)) {
            let extra: Vec<(i32, Vec<Value>)> = compared
                .iter()
                .map(|(id, values)| (*id, chunk.iter().map(|row| values[&row.tag].clone()).collect()))
                .collect();
            let (spec_id, partition) = pending.scope.clone();
            let file = self.write_file(spec_id, partition, chunk.to_vec(), &extra);
            commit.add.push(Addition { file, data_sequence });
        }
        if self.compaction == Compaction::Sound && self.upkeep.random_bool(0.5) {
            self.drop_dangling_equality(&mut commit);
        }
        let id = self.table.commit(commit);
        self.note(format!("{id}: compaction of {:?} at {data_sequence:?}", pending.inputs));
    }

    /// All rows of the inputs in a schema, deleted or not.
    fn input_rows(&self, pending: &Pending, schema: &TableSchema) -> Vec<Instance> {
        let mut bare = self.head().unwrap().clone();
        bare.files.retain(|listed| match listed.file.as_ref() {
            File::Data(file) => pending.inputs.contains(&file.path),
            _ => false,
        });
        self.table.history().live(&bare, schema)
    }

    /// The planned rows as the schema has them now: it may have changed since.
    fn rows_in_present_schema(&self, pending: &Pending) -> Vec<TaggedRow> {
        let planned: BTreeSet<u64> = pending.rows.iter().map(|row| row.tag).collect();
        let rows = self.input_rows(pending, self.table.schema()).into_iter();
        rows.filter(|instance| planned.contains(&instance.tag)).map(|instance| self.rewritten(instance)).collect()
    }

    /// Values of dropped columns, by row name, that equality deletes may compare still: a rewritten file without
    /// them would seem to have NULL there.
    fn dropped_but_compared(&self, pending: &Pending) -> BTreeMap<i32, BTreeMap<u64, Value>> {
        let history = self.table.history();
        let present = self.table.schema().ids();
        let dropped: Vec<i32> = self.compared.iter().copied().filter(|id| !present.contains(id)).collect();
        let columns = dropped.iter().map(|id| history.columns[id].clone()).collect();
        let rows = self.input_rows(pending, &TableSchema { columns, ..TableSchema::default() });
        let values_of = |index: usize| rows.iter().map(|row| (row.tag, row.row[index].clone())).collect();
        dropped.iter().enumerate().map(|(index, id)| (*id, values_of(index))).collect()
    }

    /// Something other than an equality delete has happened to the inputs since.
    fn conflicts(&self, pending: &Pending) -> bool {
        let now = self.delete_keys();
        let touches = |key: &String| {
            let listed = self.head().unwrap().files.iter().find(|listed| listed.file.key() == *key).unwrap();
            match listed.file.as_ref() {
                File::Position(delete) => delete.positions.iter().any(|(path, _)| pending.inputs.contains(path)),
                File::Vector(vector) => pending.inputs.contains(&vector.data_file),
                _ => false,
            }
        };
        pending.deletes.difference(&now).next().is_some() || now.difference(&pending.deletes).any(touches)
    }

    /// Removes equality deletes that no file older than them is left for.
    fn drop_dangling_equality(&self, commit: &mut Commit) {
        let head = self.head().unwrap();
        let specs = &self.table.history().specs;
        let kept = head.data_files().filter(|(_, file)| !commit.remove.contains(&file.path));
        let mut live: Vec<(i64, i32, Vec<Value>)> =
            kept.map(|(listed, file)| (listed.data_sequence, file.spec_id, file.partition.clone())).collect();
        for addition in &commit.add {
            let (spec_id, partition) = addition.file.file.scope();
            live.push((addition.data_sequence.unwrap_or(i64::MAX), spec_id, partition.to_vec()));
        }
        for listed in &head.files {
            if let File::Equality(delete) = listed.file.as_ref() {
                let global = specs[&delete.spec_id].is_unpartitioned();
                let needed = live.iter().any(|(sequence, spec_id, partition)| {
                    *sequence < listed.data_sequence
                        && (global || (*spec_id, partition) == (delete.spec_id, &delete.partition))
                });
                if !needed {
                    commit.remove.push(listed.file.key());
                }
            }
        }
    }

    /// One new delete file for each data file in place of all position deletes of that file alone; in v3 a vector.
    fn rewrite_position_deletes(&mut self) {
        let mut targets = Positions::new();
        for listed in &self.head().unwrap().files {
            if let File::Position(delete) = listed.file.as_ref() {
                for (path, position) in &delete.positions {
                    targets.entry(path.clone()).or_default().insert(*position);
                }
            }
        }
        // A vector that is there already says all: position deletes beside it do not count.
        let with_vector: BTreeSet<String> = self
            .head()
            .unwrap()
            .files
            .iter()
            .filter_map(|listed| match listed.file.as_ref() {
                File::Vector(vector) => Some(vector.data_file.clone()),
                _ => None,
            })
            .collect();
        let live: BTreeSet<String> = self.data_files().iter().map(|(_, file)| file.path.clone()).collect();
        targets.retain(|path, _| live.contains(path) && !with_vector.contains(path));
        // Deletes of undeleted or foreign scope must not start to apply.
        let head = self.head().unwrap();
        let dead: BTreeMap<String, BTreeSet<usize>> = self.dead_positions(head);
        for (path, positions) in &mut targets {
            let none = BTreeSet::new();
            positions.retain(|position| dead.get(path).unwrap_or(&none).contains(position));
        }
        targets.retain(|_, positions| !positions.is_empty());
        if targets.is_empty() {
            return;
        }
        let mut commit = self.new_commit("replace");
        self.delete_positions(&mut commit, &targets, &[]);
        let id = self.table.commit(commit);
        self.note(format!("{id}: rewrite position deletes"));
    }

    /// Positions of live files whose rows are not live.
    fn dead_positions(&self, snapshot: &Snapshot) -> BTreeMap<String, BTreeSet<usize>> {
        let mut dead: BTreeMap<String, BTreeSet<usize>> =
            snapshot.data_files().map(|(_, file)| (file.path.clone(), (0..file.rows.len()).collect())).collect();
        for instance in self.table.history().live(snapshot, self.table.schema()) {
            dead.get_mut(&instance.path).unwrap().remove(&instance.position);
        }
        dead
    }

    /// Replaces one equality delete by deletes of the positions that it removes.
    fn convert_equality_deletes(&mut self) {
        let head = self.head().unwrap().clone();
        let keys: Vec<String> = head
            .files
            .iter()
            .filter(|listed| matches!(listed.file.as_ref(), File::Equality(_)))
            .map(|listed| listed.file.key())
            .collect();
        let Some(key) = keys.choose(&mut self.upkeep).cloned() else { return };
        let mut without = head.clone();
        without.files.retain(|listed| listed.file.key() != key);
        let mut targets = self.dead_positions(&head);
        let left = self.dead_positions(&without);
        for (path, positions) in &mut targets {
            positions.retain(|position| !left[path].contains(position));
        }
        targets.retain(|_, positions| !positions.is_empty());
        let mut commit = self.new_commit("replace");
        self.delete_positions(&mut commit, &targets, &[]);
        commit.remove.push(key.clone());
        let id = self.table.commit(commit);
        self.note(format!("{id}: convert equality delete {key}"));
    }
}

//! What happens to the rows of random tables.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::physical::{Positions, Scope, TaggedRow};
use super::{KeySource, RandomTable};
use crate::model::{File, Instance};
use crate::schema::{ColumnType, Transform};
use crate::table::{Addition, Commit};
use crate::value::{Row, Value};

impl RandomTable {
    /// One change by a writer: usually one snapshot.
    pub(super) fn step(&mut self, step: usize) {
        let version = self.table.version();
        let before = self.table.history().snapshots.len();
        match self.logic.random_range(0..100) {
            0..=16 => self.append(step),
            17..=42 if version > 1 => self.upsert(),
            43..=50 if version > 1 => self.delete_some_equal(),
            51..=60 if version > 1 => self.delete_some_positions(false),
            61..=68 if version > 1 => self.delete_some_positions(true),
            69..=76 => self.copy_on_write(),
            77..=80 => self.overwrite_partition(),
            81..=82 => self.empty_commit(),
            83..=89 => self.evolve_schema(),
            90..=91 => self.evolve_spec(),
            92 if version < 3 => {
                self.table.upgrade(version + 1);
                self.note(format!("upgrade to v{}", version + 1));
            }
            93..=94 => self.roll_back(),
            95..=96 if version > 1 && !self.shape.comparable => self.undelete(),
            97 if version > 1 => self.stage(),
            _ => self.copy_on_write(),
        }
        if self.table.history().snapshots.len() > before {
            let id = *self.table.history().snapshots.keys().last().unwrap();
            if self.head().is_some_and(|head| head.id == id) {
                self.steps.push((step, id));
            }
        }
    }

    fn commit(&mut self, text: &str, commit: Commit) {
        let id = self.table.commit(commit);
        self.note(format!("{id}: {text}"));
    }

    /// New rows; with unique keys only for keys that are not there.
    fn new_rows(&mut self, n: usize) -> Vec<TaggedRow> {
        let schema = self.table.schema().clone();
        let mut taken: BTreeSet<Row> = BTreeSet::new();
        if self.shape.unique {
            taken = self.live().iter().map(|row| self.columns.key_of(&schema, &row.row)).collect();
        }
        let mut rows = Vec::new();
        for _ in 0..n {
            let key = self.columns.key(&mut self.logic, &schema);
            let row = self.columns.row(&mut self.logic, &schema, &key);
            if self.shape.unique && !taken.insert(key) {
                continue;
            }
            rows.push(TaggedRow::new(self.new_tag(), row));
        }
        rows
    }

    fn append(&mut self, step: usize) {
        let n = self.logic.random_range(1..8);
        let rows = self.new_rows(n);
        let operation = if self.logic.random_bool(0.15) { "overwrite" } else { "append" };
        let mut data_sequence = None;
        if self.table.version() > 1 && !self.shape.comparable && !self.shape.unique && self.logic.random_bool(0.15) {
            data_sequence = Some(self.logic.random_range(0..=self.table.last_sequence()));
        }
        let mut commit = self.new_commit(operation);
        let spec_id = self.table.spec().id;
        for file in self.write_rows(spec_id, rows) {
            commit.add.push(Addition { file, data_sequence });
        }
        self.commit(&format!("{operation} rows at {data_sequence:?}, step {step}"), commit);
    }

    /// The partitions in which rows of a key can be, one for each spec; `row` is a row with that key.
    fn scopes_of_key(&self, row: &Row) -> Vec<Scope> {
        let current = self.table.spec().id;
        let specs = self.table.history().specs.keys().copied();
        specs
            .filter(|spec_id| *spec_id == current || self.shape.unique)
            .map(|spec_id| (spec_id, self.table.partition_of(spec_id, row)))
            .collect()
    }

    /// What a streaming writer commits: keys deleted, rows added, duplicates inside the commit deleted by position.
    fn upsert(&mut self) {
        let schema = self.table.schema().clone();
        let n = self.logic.random_range(1..6);
        let only_delete = self.logic.random_bool(0.2);
        let tidy = self.shape.unique || self.logic.random_bool(0.7);
        let mut deletes: BTreeMap<Scope, BTreeSet<Row>> = BTreeMap::new();
        let mut rows = Vec::new();
        let mut dead = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for _ in 0..n {
            let key = self.columns.key(&mut self.logic, &schema);
            let n_versions = [1, 1, 1, 2, 3][self.logic.random_range(0..5)];
            let end = self.logic.random_bool(0.1);
            if !seen.insert(key.clone()) {
                continue;
            }
            let mut versions = Vec::new();
            for _ in 0..n_versions {
                let row = self.columns.row(&mut self.logic, &schema, &key);
                for scope in self.scopes_of_key(&row) {
                    deletes.entry(scope).or_default().insert(key.clone());
                }
                let tag = self.new_tag();
                versions.push(tag);
                rows.push(TaggedRow::new(tag, row));
            }
            let last = versions.pop().unwrap();
            if tidy {
                dead.extend(versions);
            }
            if end {
                dead.insert(last);
            }
        }
        let is_global = self.logic.random_bool(0.2);
        if only_delete {
            rows.clear();
            dead.clear();
        } else if self.logic.random_bool(0.3) {
            rows.shuffle(&mut self.logic);
        }
        let mut commit = self.new_commit(if only_delete { "delete" } else { "overwrite" });
        let key_ids = self.columns.key_ids.clone();
        let unpartitioned = self.table.history().specs.values().find(|spec| spec.is_unpartitioned()).cloned();
        if let (true, Some(spec)) = (is_global, unpartitioned) {
            let keys: BTreeSet<Row> = deletes.into_values().flatten().collect();
            let nulls = vec![Value::Null; spec.fields.len()];
            self.delete_equal(&mut commit, (spec.id, nulls), &key_ids, keys.into_iter().collect());
        } else {
            for (scope, keys) in deletes {
                self.delete_equal(&mut commit, scope, &key_ids, keys.into_iter().collect());
            }
        }
        let spec_id = self.table.spec().id;
        let files = self.write_rows(spec_id, rows);
        let places = Self::places(&files);
        let mut targets = Positions::new();
        for tag in dead {
            let (path, position) = places[&tag].clone();
            targets.entry(path).or_default().insert(position);
        }
        self.delete_positions(&mut commit, &targets, &files);
        for file in files {
            commit.add(file);
        }
        self.commit("upsert", commit);
    }

    /// Deletes by other columns than the key, with values of live rows and others.
    fn delete_some_equal(&mut self) {
        let schema = self.table.schema().clone();
        let live = self.live();
        let mut ids = schema.ids();
        if self.shape.key_source == KeySource::Default {
            ids.retain(|id| self.columns.first_ids.contains(id));
        }
        ids.shuffle(&mut self.logic);
        let n_columns = self.logic.random_range(1..3).min(ids.len());
        ids.truncate(n_columns);
        let index_of = |id: &i32| schema.columns.iter().position(|column| column.id == *id).unwrap();
        let mut rows = BTreeSet::new();
        let mut partition = None;
        for _ in 0..self.logic.random_range(1..3) {
            let row = match live.choose(&mut self.logic) {
                Some(instance) => instance.row.clone(),
                None => {
                    let key = self.columns.key(&mut self.logic, &schema);
                    self.columns.row(&mut self.logic, &schema, &key)
                }
            };
            partition.get_or_insert_with(|| self.table.partition_of(self.table.spec().id, &row));
            rows.insert(ids.iter().map(|id| row[index_of(id)].clone()).collect::<Row>());
        }
        let scope = (self.table.spec().id, partition.unwrap());
        let mut commit = self.new_commit("delete");
        self.delete_equal(&mut commit, scope, &ids, rows.into_iter().collect());
        self.commit(&format!("delete equal in {ids:?}"), commit);
    }

    fn some_live(&mut self, n_max: usize) -> Vec<Instance> {
        let live = self.live();
        let n = self.logic.random_range(1..=n_max).min(live.len());
        let mut chosen: Vec<Instance> = live.choose_multiple(&mut self.logic, n).cloned().collect();
        chosen.sort_by_key(|instance| instance.tag);
        chosen
    }

    /// Another row with the same key, for an update.
    fn updated(&mut self, row: &Row) -> Row {
        let schema = self.table.schema().clone();
        let key = self.columns.key_of(&schema, row);
        let mut new = self.columns.row(&mut self.logic, &schema, &key);
        // Most updates leave most columns as they are, and some leave all.
        for (new, old) in new.iter_mut().zip(row) {
            if self.logic.random_bool(0.6) {
                new.clone_from(old);
            }
        }
        new
    }

    /// Deletes rows by position, and maybe adds their new versions.
    fn delete_some_positions(&mut self, update: bool) {
        let chosen = self.some_live(4);
        if chosen.is_empty() {
            return self.empty_commit();
        }
        let mut targets = Positions::new();
        let mut rows = Vec::new();
        for instance in &chosen {
            targets.entry(instance.path.clone()).or_default().insert(instance.position);
            if update {
                let mut row = TaggedRow::new(self.new_tag(), self.updated(&instance.row));
                // The row goes on to exist: its id does, its last update is now.
                row.lineage = (instance.row_id, None);
                rows.push(row);
            }
        }
        if update && self.logic.random_bool(0.3) {
            for row in &mut rows {
                row.lineage = (None, None);
            }
        }
        let mut commit = self.new_commit(if update { "overwrite" } else { "delete" });
        self.delete_positions(&mut commit, &targets, &[]);
        let spec_id = self.table.spec().id;
        for file in self.write_rows(spec_id, rows) {
            commit.add(file);
        }
        self.commit(if update { "update by position" } else { "delete by position" }, commit);
    }

    /// Rewrites the files of some rows, with some of these changed or gone.
    fn copy_on_write(&mut self) {
        let chosen = self.some_live(3);
        if chosen.is_empty() {
            return self.append(0);
        }
        let mut edits: BTreeMap<u64, Option<Row>> = BTreeMap::new();
        for instance in &chosen {
            let edit = if self.logic.random_bool(0.6) { Some(self.updated(&instance.row)) } else { None };
            edits.insert(instance.tag, edit);
        }
        let keep_lineage = self.table.version() > 2 && self.physical.random_bool(0.7);
        let paths: BTreeSet<String> = chosen.iter().map(|instance| instance.path.clone()).collect();
        let mut commit = self.new_commit("overwrite");
        let mut by_spec: BTreeMap<i32, Vec<TaggedRow>> = BTreeMap::new();
        for path in &paths {
            let spec_id = self.data_files().iter().find(|(_, file)| file.path == *path).unwrap().1.spec_id;
            for mut row in self.live_rows_of(&BTreeSet::from([path.clone()])) {
                match edits.get(&row.tag) {
                    Some(None) => continue,
                    Some(Some(edited)) => {
                        row.row.clone_from(edited);
                        row.lineage.1 = None;
                    }
                    None => {}
                }
                if !keep_lineage {
                    row.lineage = (None, None);
                }
                by_spec.entry(spec_id).or_default().push(row);
            }
        }
        self.remove_data_files(&mut commit, &paths);
        for (spec_id, rows) in by_spec {
            for file in self.write_rows(spec_id, rows) {
                commit.add(file);
            }
        }
        self.commit("copy on write", commit);
    }

    /// Replaces all files of one partition.
    fn overwrite_partition(&mut self) {
        let live = self.live();
        let Some(scopes) = live.choose(&mut self.logic).map(|instance| self.partition_of_instance(instance)) else {
            return self.empty_commit();
        };
        let n = self.logic.random_range(0..4);
        let paths: BTreeSet<String> = self
            .data_files()
            .iter()
            .filter(|(_, file)| (file.spec_id, &file.partition) == (scopes.0, &scopes.1))
            .map(|(_, file)| file.path.clone())
            .collect();
        let mut commit = self.new_commit(if n == 0 { "delete" } else { "overwrite" });
        self.remove_data_files(&mut commit, &paths);
        let mut rows = self.new_rows(n);
        // Some rows are written again as they were.
        for instance in live.iter().filter(|instance| paths.contains(&instance.path)) {
            if n > 0 && self.logic.random_bool(0.3) {
                let tag = self.new_tag();
                rows.push(TaggedRow::new(tag, instance.row.clone()));
            }
        }
        for file in self.write_rows(scopes.0, rows) {
            commit.add(file);
        }
        self.commit("overwrite partition", commit);
    }

    fn partition_of_instance(&self, instance: &Instance) -> Scope {
        let files = self.data_files();
        let (_, file) = files.iter().find(|(_, file)| file.path == instance.path).unwrap();
        (file.spec_id, file.partition.clone())
    }

    fn empty_commit(&mut self) {
        let operation = ["append", "overwrite", "delete"][self.logic.random_range(0..3)];
        let commit = self.new_commit(operation);
        self.commit("nothing", commit);
    }

    /// A snapshot that waits to be published, and never is.
    fn stage(&mut self) {
        let rows = self.new_rows(2);
        let mut commit = self.new_commit("append");
        let spec_id = self.table.spec().id;
        for file in self.write_rows(spec_id, rows) {
            commit.add(file);
        }
        commit.staged = true;
        self.commit("staged append", commit);
    }

    /// A delete file is dropped: its rows come back.
    fn undelete(&mut self) {
        let keys: Vec<String> = self.head().map_or_else(Vec::new, |head| {
            let deletes = head.files.iter().filter(|listed| !matches!(listed.file.as_ref(), File::Data(_)));
            deletes.map(|listed| listed.file.key()).collect()
        });
        let Some(key) = keys.choose(&mut self.logic).cloned() else { return self.empty_commit() };
        let operation = if self.logic.random_bool(0.5) { "overwrite" } else { "delete" };
        let mut commit = self.new_commit(operation);
        commit.remove.push(key.clone());
        self.commit(&format!("drop delete file {key}"), commit);
    }

    fn roll_back(&mut self) {
        if self.steps.len() < 2 || self.branch != crate::table::MAIN {
            return self.empty_commit();
        }
        let n = self.logic.random_range(1..=self.steps.len().min(4) - 1);
        self.steps.truncate(self.steps.len() - n);
        let (_, id) = *self.steps.last().unwrap();
        self.table.set_branch(&self.branch, id);
        self.pending = None;
        self.note(format!("roll back to {id}"));
    }

    fn evolve_schema(&mut self) {
        let schema = self.table.schema().clone();
        let fixed: Vec<i32> = self.columns.key_ids.iter().copied().chain(self.columns.partition_id).collect();
        let drop_ids: Vec<i32> = match self.shape.key_source {
            // The columns of equality deletes may be the key: it must not go.
            KeySource::Default => schema.ids().into_iter().filter(|id| !self.columns.first_ids.contains(id)).collect(),
            _ => schema.ids().into_iter().filter(|id| !fixed.contains(id)).collect(),
        };
        match self.logic.random_range(0..10) {
            0..=3 => {
                let kinds = ["int", "string", "double", "boolean", "decimal(5,1)"];
                let kind = kinds[self.logic.random_range(0..kinds.len())];
                let drawn = super::rows::value(&mut self.logic, ColumnType::parse(kind));
                // JSON has no NaN.
                let allowed = self.table.version() > 2 && drawn != Value::double(f64::NAN);
                let default = if allowed { drawn } else { Value::Null };
                let name = self.new_name();
                self.note(format!("add {name} {kind} default {default:?}"));
                self.table.add_column(&name, kind, default);
            }
            4..=5 if !drop_ids.is_empty() => {
                let id = drop_ids[self.logic.random_range(0..drop_ids.len())];
                let name = schema.columns.iter().find(|column| column.id == id).unwrap().name.clone();
                self.note(format!("drop {name}"));
                self.table.drop_column(&name);
            }
            6 => {
                let renamable: Vec<&crate::schema::Column> = schema
                    .columns
                    .iter()
                    .filter(|column| {
                        self.shape.key_source != KeySource::Explicit || !self.columns.key_ids.contains(&column.id)
                    })
                    .collect();
                if let Some(column) = renamable.choose(&mut self.logic) {
                    let name = self.new_name();
                    self.note(format!("rename {} to {name}", column.name));
                    self.table.rename_column(&column.name, &name);
                }
            }
            7 => {
                let name = schema.columns.choose(&mut self.logic).unwrap().name.clone();
                self.note(format!("move {name} first"));
                self.table.move_first(&name);
            }
            _ => self.promote(),
        }
    }

    fn promote(&mut self) {
        let schema = self.table.schema().clone();
        let mut wider = Vec::new();
        for column in &schema.columns {
            let kind = match column.kind {
                ColumnType::Int => "long".to_owned(),
                ColumnType::Float => "double".to_owned(),
                ColumnType::Decimal(precision, scale) if precision < 30 => {
                    format!("decimal({},{scale})", precision + 6)
                }
                _ => continue,
            };
            wider.push((column.name.clone(), kind));
        }
        if let Some((name, kind)) = wider.choose(&mut self.logic) {
            self.note(format!("promote {name} to {kind}"));
            self.table.promote_column(name, kind);
        }
    }

    pub(super) fn evolve_spec(&mut self) {
        let schema = self.table.schema().clone();
        let name_of = |id: i32| schema.columns.iter().find(|column| column.id == id).unwrap().name.clone();
        let key_column = schema.columns.iter().find(|column| column.id == self.columns.key_ids[0]).unwrap();
        let key = key_column.name.clone();
        let can_bucket =
            matches!(key_column.kind, ColumnType::Int | ColumnType::Long | ColumnType::Date | ColumnType::String);
        let mut choices: Vec<Vec<(String, Transform)>> = vec![vec![]];
        if let Some(id) = self.columns.partition_id {
            choices.push(vec![(name_of(id), Transform::Identity)]);
            choices.push(vec![(name_of(id), Transform::Identity)]);
            choices.push(vec![(name_of(id), Transform::Void)]);
        }
        if can_bucket {
            choices.push(vec![(key.clone(), Transform::Bucket(3))]);
            if let Some(id) = self.columns.partition_id {
                choices.push(vec![(name_of(id), Transform::Identity), (key, Transform::Bucket(2))]);
            }
        }
        let fields = choices.choose(&mut self.logic).unwrap().clone();
        let borrowed: Vec<(&str, Transform)> =
            fields.iter().map(|(name, transform)| (name.as_str(), *transform)).collect();
        let id = self.table.partition_by(&borrowed);
        self.note(format!("partition spec {id}: {fields:?}"));
    }
}

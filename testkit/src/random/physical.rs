//! How random changes are written: files, delete files, manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::Rng;
use rand::seq::SliceRandom;

use super::RandomTable;
use crate::encode::FileLayout;
use crate::model::{DataFile, File, Instance, Lineage, Listed};
use crate::schema::TableSchema;
use crate::stored::StoredFile;
use crate::table::{Commit, DataSpec, EqualitySpec, ManifestLayout, PositionSpec};
use crate::value::{Row, Value};

/// A row to be written, with its name and lineage.
#[derive(Debug, Clone)]
pub(super) struct TaggedRow {
    pub(super) tag: u64,
    pub(super) row: Row,
    pub(super) lineage: Lineage,
}

impl TaggedRow {
    pub(super) fn new(tag: u64, row: Row) -> Self {
        Self { tag, row, lineage: (None, None) }
    }
}

/// Positions by data file.
pub(super) type Positions = BTreeMap<String, BTreeSet<usize>>;

/// Partition spec and tuple.
pub(super) type Scope = (i32, Vec<Value>);

impl RandomTable {
    pub(super) fn layout(&mut self) -> FileLayout {
        let rng = &mut self.physical;
        FileLayout {
            row_group_rows: if rng.random_bool(0.5) { rng.random_range(1..5) } else { 1 << 20 },
            page_rows: if rng.random_bool(0.5) { rng.random_range(1..4) } else { 1 << 20 },
            bloom_filters: rng.random_bool(0.3),
            dictionary: rng.random_bool(0.6),
            statistics: rng.random_bool(0.8),
            compressed: rng.random_bool(0.3),
        }
    }

    fn bound_bytes(&mut self) -> Option<usize> {
        [None, Some(2), Some(16), Some(16)][self.physical.random_range(0..4)]
    }

    /// A commit with a random arrangement of manifests.
    pub(super) fn new_commit(&mut self, operation: &str) -> Commit {
        let mut commit = Commit::new(operation);
        commit.branch.clone_from(&self.branch);
        let rng = &mut self.physical;
        commit.manifests = ManifestLayout {
            merge: rng.random_bool(0.15),
            new_first: rng.random_bool(0.4),
            files_max: if rng.random_bool(0.3) { 1 } else { usize::MAX },
        };
        commit
    }

    /// Writes rows of the current schema into files of a spec, by partition.
    pub(super) fn write_rows(&mut self, spec_id: i32, rows: Vec<TaggedRow>) -> Vec<Arc<StoredFile>> {
        let mut by_partition: BTreeMap<Vec<Value>, Vec<TaggedRow>> = BTreeMap::new();
        for row in rows {
            by_partition.entry(self.table.partition_of(spec_id, &row.row)).or_default().push(row);
        }
        let mut files = Vec::new();
        for (partition, rows) in by_partition {
            let n = if self.physical.random_bool(0.25) { rows.len().div_ceil(2) } else { rows.len() };
            for chunk in rows.chunks(n) {
                files.push(self.write_file(spec_id, partition.clone(), chunk.to_vec(), &[]));
            }
        }
        files
    }

    /// Writes one data file, with `extra` columns that the schema does not have.
    pub(super) fn write_file(
        &mut self,
        spec_id: i32,
        partition: Vec<Value>,
        rows: Vec<TaggedRow>,
        extra: &[(i32, Vec<Value>)],
    ) -> Arc<StoredFile> {
        let schema = self.table.schema().clone();
        let mut column_ids = schema.ids();
        let tags = rows.iter().map(|row| row.tag).collect();
        let with_lineage = rows.iter().any(|row| row.lineage != (None, None));
        let lineage = with_lineage.then(|| rows.iter().map(|row| row.lineage).collect());
        let mut values: Vec<Row> = rows.into_iter().map(|row| row.row).collect();
        for (id, column) in extra {
            column_ids.push(*id);
            for (row, value) in values.iter_mut().zip(column) {
                row.push(value.clone());
            }
        }
        self.leave_out_columns(&schema, spec_id, &partition, &mut column_ids, &mut values);
        let data = DataSpec {
            rows: values,
            column_ids: Some(column_ids),
            spec_id: Some(spec_id),
            partition: Some(partition),
            layout: self.layout(),
            bound_bytes: self.bound_bytes(),
            lineage,
            tags,
            without_field_ids: false,
        };
        self.table.write_data(data)
    }

    /// Leaves out columns whose values a reader finds without the file having them.
    fn leave_out_columns(
        &mut self,
        schema: &TableSchema,
        spec_id: i32,
        partition: &[Value],
        column_ids: &mut Vec<i32>,
        rows: &mut [Row],
    ) {
        for column in schema.columns.iter().filter(|column| !self.columns.key_ids.contains(&column.id)) {
            let implied = match self.table.history().specs[&spec_id].identity_index(column.id) {
                Some(index) => &partition[index],
                None => &column.initial_default,
            };
            let Some(index) = column_ids.iter().position(|id| *id == column.id) else { continue };
            if rows.iter().all(|row| row[index] == *implied) && self.physical.random_bool(0.3) {
                column_ids.remove(index);
                for row in rows.iter_mut() {
                    row.remove(index);
                }
            }
        }
    }

    /// Places of named rows in files that are about to be committed.
    pub(super) fn places(files: &[Arc<StoredFile>]) -> BTreeMap<u64, (String, usize)> {
        let mut places = BTreeMap::new();
        for file in files {
            if let File::Data(data) = file.file.as_ref() {
                for (position, tag) in data.tags.iter().enumerate() {
                    places.insert(*tag, (data.path.clone(), position));
                }
            }
        }
        places
    }

    fn scope_of(&self, path: &str, fresh: &[Arc<StoredFile>]) -> Scope {
        let of = |file: &File| {
            let (spec_id, partition) = file.scope();
            (spec_id, partition.to_vec())
        };
        match fresh.iter().find(|file| file.path() == path) {
            Some(file) => of(&file.file),
            None => {
                let head = self.head().unwrap();
                of(&head.data_files().find(|(_, file)| file.path == path).unwrap().0.file)
            }
        }
    }

    /// Adds deletes of positions to a commit, of files of its parent or of `fresh` ones that it adds itself.
    pub(super) fn delete_positions(&mut self, commit: &mut Commit, targets: &Positions, fresh: &[Arc<StoredFile>]) {
        if targets.is_empty() {
            return;
        }
        if self.table.version() > 2 {
            self.delete_by_vectors(commit, targets, fresh);
            return;
        }
        let scope_of_path: BTreeMap<String, Scope> =
            targets.keys().map(|path| (path.clone(), self.scope_of(path, fresh))).collect();
        if self.physical.random_bool(0.4) {
            let mut by_scope: BTreeMap<Scope, BTreeSet<(String, usize)>> = BTreeMap::new();
            for (path, positions) in targets {
                let of_scope = by_scope.entry(scope_of_path[path].clone()).or_default();
                of_scope.extend(positions.iter().map(|position| (path.clone(), *position)));
            }
            for (scope, positions) in by_scope {
                self.write_position_delete(commit, scope, positions, false);
            }
            return;
        }
        for (path, positions) in targets {
            let mut positions = positions.clone();
            if self.physical.random_bool(0.5) {
                let (keys, earlier) = self.file_scoped_deletes(path);
                commit.remove.extend(keys);
                positions.extend(earlier);
            }
            let positions = positions.into_iter().map(|position| (path.clone(), position)).collect();
            let file_scoped = self.physical.random_bool(0.7);
            self.write_position_delete(commit, scope_of_path[path].clone(), positions, file_scoped);
        }
    }

    fn write_position_delete(
        &mut self,
        commit: &mut Commit,
        (spec_id, partition): Scope,
        positions: BTreeSet<(String, usize)>,
        file_scoped: bool,
    ) {
        let layout = self.layout();
        let with_bounds = self.physical.random_bool(0.6);
        let spec_id = Some(spec_id);
        let file = self.table.write_positions(PositionSpec {
            positions,
            spec_id,
            partition,
            file_scoped,
            with_bounds,
            layout,
        });
        commit.add(file);
    }

    /// Live position delete files that concern one data file only, and its positions in them.
    fn file_scoped_deletes(&self, path: &str) -> (Vec<String>, BTreeSet<usize>) {
        let mut keys = Vec::new();
        let mut positions = BTreeSet::new();
        for listed in self.head().map_or(&[][..], |head| &head.files) {
            if let File::Position(delete) = listed.file.as_ref()
                && delete.positions.iter().all(|(other, _)| other == path)
            {
                keys.push(listed.file.key());
                positions.extend(delete.positions.iter().map(|(_, position)| *position));
            }
        }
        (keys, positions)
    }

    fn delete_by_vectors(&mut self, commit: &mut Commit, targets: &Positions, fresh: &[Arc<StoredFile>]) {
        let mut vectors = targets.clone();
        for (path, positions) in &mut vectors {
            for listed in self.head().map_or(&[][..], |head| &head.files) {
                match listed.file.as_ref() {
                    File::Vector(vector) if vector.data_file == *path => {
                        positions.extend(&vector.positions);
                        commit.remove.push(listed.file.key());
                    }
                    // A vector holds the positions of older delete files too, since these no longer count.
                    File::Position(delete) => {
                        let of_file = delete.positions.iter().filter(|(other, _)| other == path);
                        positions.extend(of_file.map(|(_, position)| *position));
                    }
                    _ => {}
                }
            }
        }
        for path in targets.keys() {
            if self.physical.random_bool(0.5) {
                commit.remove.extend(self.file_scoped_deletes(path).0);
            }
        }
        let scopes: BTreeMap<String, Scope> =
            targets.keys().map(|path| (path.clone(), self.scope_of(path, fresh))).collect();
        let one_file = self.physical.random_bool(0.6);
        let parts: Vec<Positions> =
            if one_file { vec![vectors] } else { vectors.into_iter().map(|pair| BTreeMap::from([pair])).collect() };
        for part in parts {
            for file in self.table.write_vectors(&part, |path| scopes[path].clone()) {
                commit.add(file);
            }
        }
    }

    /// Adds an equality delete of rows (values of `column_ids`) to a commit.
    pub(super) fn delete_equal(&mut self, commit: &mut Commit, scope: Scope, column_ids: &[i32], mut rows: Vec<Row>) {
        self.compared.extend(column_ids);
        let schema = self.table.schema().clone();
        let extra_ids: Vec<i32> = if self.physical.random_bool(0.3) {
            // Required columns are left out: any value would have to be invented.
            let extra = schema.columns.iter().filter(|column| !column.required && !column_ids.contains(&column.id));
            extra.map(|column| column.id).collect()
        } else {
            vec![]
        };
        for row in &mut rows {
            for id in &extra_ids {
                let column = schema.columns.iter().find(|column| column.id == *id).unwrap();
                row.push(super::rows::value(&mut self.physical, column.kind));
            }
        }
        rows.shuffle(&mut self.physical);
        let file = EqualitySpec {
            column_ids: column_ids.to_vec(),
            rows,
            extra_ids,
            spec_id: Some(scope.0),
            partition: scope.1,
            layout: self.layout(),
            bound_bytes: self.bound_bytes(),
        };
        let file = self.table.write_equality(file);
        commit.add(file);
    }

    /// Removes data files from a commit's parent, with the deletion vectors that belong to them.
    pub(super) fn remove_data_files(&mut self, commit: &mut Commit, paths: &BTreeSet<String>) {
        let drop_positions = self.physical.random_bool(0.5);
        let head = self.head().unwrap();
        for listed in &head.files {
            let gone = match listed.file.as_ref() {
                File::Data(file) => paths.contains(&file.path),
                File::Vector(vector) => paths.contains(&vector.data_file),
                File::Position(delete) => {
                    drop_positions && delete.positions.iter().all(|(path, _)| paths.contains(path))
                }
                File::Equality(_) => false,
            };
            if gone {
                commit.remove.push(listed.file.key());
            }
        }
    }

    /// Rows of a data file as they are now, for writing them again. Lineage is kept in v3 tables.
    pub(super) fn live_rows_of(&self, paths: &BTreeSet<String>) -> Vec<TaggedRow> {
        let rows = self.live().into_iter().filter(|instance| paths.contains(&instance.path));
        rows.map(|instance| self.rewritten(instance)).collect()
    }

    /// A row as a rewrite of its file has it.
    pub(super) fn rewritten(&self, instance: Instance) -> TaggedRow {
        let lineage = if self.table.version() > 2 { (instance.row_id, Some(instance.updated)) } else { (None, None) };
        TaggedRow { tag: instance.tag, row: instance.row, lineage }
    }

    pub(super) fn data_files(&self) -> Vec<(&Listed, &DataFile)> {
        self.head().map_or_else(Vec::new, |head| head.data_files().collect())
    }
}

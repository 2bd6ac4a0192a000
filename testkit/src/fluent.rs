//! Commits in one expression, for small tests.
//!
//! ```text
//! let mut table = TestTable::v2("k int, v string", "k");
//! table.append([(1, "a")]);
//! table.overwrite().delete_where("k", [1]).rows([(1, "b")]).commit();
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{File, Lineage};
use crate::stored::StoredFile;
use crate::table::{Addition, Commit, DataSpec, EqualitySpec, PositionSpec, TestTable};
use crate::value::{IntoRow, Row, Value};

/// A commit under construction.
#[derive(Debug)]
#[must_use]
pub struct Delta<'a> {
    table: &'a mut TestTable,
    commit: Commit,
    spec_id: Option<i32>,
    last_data_file: Option<Arc<StoredFile>>,
}

impl TestTable {
    /// Appends one file with these rows. Returns the file's path.
    pub fn append<R: IntoRow>(&mut self, rows: impl IntoIterator<Item = R>) -> String {
        let delta = self.delta("append").rows(rows);
        let path = delta.last_path();
        delta.commit();
        path
    }

    /// Starts a commit with operation `overwrite`.
    pub fn overwrite(&mut self) -> Delta<'_> {
        self.delta("overwrite")
    }

    /// Starts a commit with operation `delete`.
    pub fn delete(&mut self) -> Delta<'_> {
        self.delta("delete")
    }

    /// Starts a commit with operation `replace`.
    pub fn replace(&mut self) -> Delta<'_> {
        self.delta("replace")
    }

    /// Starts a commit.
    pub fn delta(&mut self, operation: &str) -> Delta<'_> {
        Delta { commit: Commit::new(operation), table: self, spec_id: None, last_data_file: None }
    }

    /// Commits the deletion of rows by equality.
    pub fn equality_delete<R: IntoRow>(&mut self, columns: &str, rows: impl IntoIterator<Item = R>) -> i64 {
        self.delete().delete_where(columns, rows).commit()
    }

    /// Spec and partition of a live data file.
    pub fn scope_of(&self, path: &str) -> (i32, Vec<Value>) {
        let snapshots = self.history().snapshots.values().rev();
        let mut files = snapshots.flat_map(|snapshot| &snapshot.files);
        let listed = files.find(|listed| matches!(listed.file.as_ref(), File::Data(file) if file.path == path));
        let (spec_id, partition) = listed.unwrap_or_else(|| panic!("no data file {path}")).file.scope();
        (spec_id, partition.to_vec())
    }
}

impl Delta<'_> {
    /// Files that follow are written under this partition spec.
    pub fn spec(mut self, spec_id: i32) -> Self {
        self.spec_id = Some(spec_id);
        self
    }

    /// Commits to another branch.
    pub fn branch(mut self, branch: &str) -> Self {
        branch.clone_into(&mut self.commit.branch);
        self
    }

    /// Moves no branch.
    pub fn staged(mut self) -> Self {
        self.commit.staged = true;
        self
    }

    /// Rewrites all manifests into one of each kind.
    pub fn merge_manifests(mut self) -> Self {
        self.commit.manifests.merge = true;
        self
    }

    /// Adds a summary property.
    pub fn summary(mut self, name: &str, value: &str) -> Self {
        self.commit.summary.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets the commit time.
    pub fn at(mut self, timestamp_ms: i64) -> Self {
        self.commit.timestamp_ms = Some(timestamp_ms);
        self
    }

    /// Adds a data file.
    pub fn rows<R: IntoRow>(self, rows: impl IntoIterator<Item = R>) -> Self {
        self.write(DataSpec { rows: rows.into_iter().map(IntoRow::into_row).collect(), ..DataSpec::default() }, None)
    }

    /// Adds a data file with an explicit data sequence number.
    pub fn rows_at<R: IntoRow>(self, data_sequence: i64, rows: impl IntoIterator<Item = R>) -> Self {
        let rows = rows.into_iter().map(IntoRow::into_row).collect();
        self.write(DataSpec { rows, ..DataSpec::default() }, Some(data_sequence))
    }

    /// Adds a data file with lineage columns.
    pub fn rows_with_lineage<R: IntoRow>(self, rows: impl IntoIterator<Item = (R, Lineage)>) -> Self {
        let (rows, lineage) = rows.into_iter().map(|(row, lineage)| (row.into_row(), lineage)).unzip();
        self.write(DataSpec { rows, lineage: Some(lineage), ..DataSpec::default() }, None)
    }

    /// Adds a data file in full detail.
    pub fn write(mut self, data: DataSpec, data_sequence: Option<i64>) -> Self {
        let file = self.table.write_data(DataSpec { spec_id: data.spec_id.or(self.spec_id), ..data });
        self.last_data_file = Some(file.clone());
        self.commit.add.push(Addition { file, data_sequence });
        self
    }

    /// Adds a file that was written before.
    pub fn file(mut self, file: Arc<StoredFile>, data_sequence: Option<i64>) -> Self {
        self.commit.add.push(Addition { file, data_sequence });
        self
    }

    /// Deletes rows by equality in these columns (separated by commas), in the unpartitioned partition.
    pub fn delete_where<R: IntoRow>(self, columns: &str, rows: impl IntoIterator<Item = R>) -> Self {
        self.delete_where_in(Vec::<Value>::new(), columns, rows)
    }

    /// Deletes rows of one partition by equality.
    pub fn delete_where_in<R: IntoRow>(
        mut self,
        partition: impl IntoRow,
        columns: &str,
        rows: impl IntoIterator<Item = R>,
    ) -> Self {
        let file = self.table.write_equality(EqualitySpec {
            column_ids: self.table.schema().ids_of(columns),
            rows: rows.into_iter().map(IntoRow::into_row).collect(),
            spec_id: self.spec_id,
            partition: partition.into_row(),
            bound_bytes: Some(16),
            ..EqualitySpec::default()
        });
        self.commit.add(file);
        self
    }

    /// Deletes rows of one data file by position.
    pub fn delete_at(mut self, path: &str, positions: impl IntoIterator<Item = usize>) -> Self {
        let (spec_id, partition) = self.scope_of(path);
        let file = self.table.write_positions(PositionSpec {
            positions: positions.into_iter().map(|position| (path.to_owned(), position)).collect(),
            spec_id: Some(spec_id),
            partition,
            file_scoped: true,
            with_bounds: true,
            ..PositionSpec::default()
        });
        self.commit.add(file);
        self
    }

    /// Deletes rows of one data file by a deletion vector.
    pub fn vector(mut self, path: &str, positions: impl IntoIterator<Item = usize>) -> Self {
        let scope = self.scope_of(path);
        let vectors = BTreeMap::from([(path.to_owned(), positions.into_iter().collect::<BTreeSet<_>>())]);
        for file in self.table.write_vectors(&vectors, |_| scope.clone()) {
            self.commit.add(file);
        }
        self
    }

    /// Removes a live file: a path, or the key of a deletion vector.
    pub fn remove(mut self, key: impl Into<String>) -> Self {
        self.commit.remove.push(key.into());
        self
    }

    /// Removes all live delete files of the parent snapshot.
    pub fn remove_deletes(mut self) -> Self {
        let head = self.table.head(&self.commit.branch).unwrap();
        let deletes = head.files.iter().filter(|listed| !matches!(listed.file.as_ref(), File::Data(_)));
        self.commit.remove.extend(deletes.map(|listed| listed.file.key()));
        self
    }

    /// Path of the last data file added.
    pub fn last_path(&self) -> String {
        self.last_data_file.as_ref().expect("no data file yet").path().to_owned()
    }

    /// Commits; returns the snapshot's id.
    pub fn commit(self) -> i64 {
        self.table.commit(self.commit)
    }

    fn scope_of(&self, path: &str) -> (i32, Vec<Value>) {
        match &self.last_data_file {
            Some(file) if file.path() == path => {
                let (spec_id, partition) = file.file.scope();
                (spec_id, partition.to_vec())
            }
            _ => self.table.scope_of(path),
        }
    }
}

/// Rows from tuples.
pub fn rows<R: IntoRow>(rows: impl IntoIterator<Item = R>) -> Vec<Row> {
    rows.into_iter().map(IntoRow::into_row).collect()
}

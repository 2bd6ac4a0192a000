//! What the changes of several snapshots come to, in row instances. Pure.
//!
//! A row that one snapshot added and a later one removed is gone from both sides before it is read. A compaction
//! gives rows new places; what it moved meets its old self later, when whole rows are compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use frazil_table::changes::{RowChanges, RowSet, RowSource};
use frazil_table::file::FileEntry;

/// Rows added and removed so far, by file.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    files: BTreeMap<String, Rows>,
    n_folded: usize,
}

#[derive(Debug)]
struct Rows {
    file: Arc<FileEntry>,
    /// Which change set first had rows of the file.
    first: usize,
    added: RowSet,
    removed: RowSet,
}

impl Fold {
    /// Folds in what the next snapshot changed.
    pub(crate) fn push(&mut self, changes: &RowChanges) {
        for source in &changes.removed {
            let rows = self.rows(source);
            rows.removed = rows.removed.union(&source.rows.difference(&rows.added));
            rows.added = rows.added.difference(&source.rows);
        }
        for source in &changes.added {
            let rows = self.rows(source);
            rows.added = rows.added.union(&source.rows.difference(&rows.removed));
            rows.removed = rows.removed.difference(&source.rows);
        }
        self.n_folded += 1;
    }

    fn rows(&mut self, source: &RowSource) -> &mut Rows {
        self.files.entry(source.file.key().to_owned()).or_insert_with(|| Rows {
            file: source.file.clone(),
            first: self.n_folded,
            added: RowSet::none(),
            removed: RowSet::none(),
        })
    }

    /// What is left: rows removed by (data sequence number, path), rows added by (data sequence number, snapshot,
    /// place in its manifests).
    pub(crate) fn finish(self) -> RowChanges {
        let mut files: Vec<Rows> = self.files.into_values().collect();
        let side = |files: &[Rows], pick: fn(&Rows) -> &RowSet| -> Vec<RowSource> {
            let sources = files.iter().map(|rows| RowSource::new(rows.file.clone(), pick(rows).clone()));
            sources.filter(|source| source.n_rows() > 0).collect()
        };
        // In the order of paths, which a stable sort keeps within one number.
        files.sort_by_key(|rows| rows.file.data_sequence_number);
        let removed = side(&files, |rows| &rows.removed);
        files.sort_by_key(|rows| (rows.file.data_sequence_number, rows.first, rows.file.order));
        RowChanges { removed, added: side(&files, |rows| &rows.added) }
    }
}

//! What holds of a table after whatever was committed, has failed or was killed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use frazil_table::file::{FileContent, FileFormat, PartitionTuple, WrittenFile};
use frazil_table::manifest::{live_files, manifest_list};
use frazil_table::storage::{Storage, identity};
use frazil_table::{SpecId, Table};

/// A table all of whose files are there.
pub struct Whole {
    /// Snapshots of `main`, oldest first.
    pub history: Vec<i64>,
    /// Live files of the head, by path.
    pub live: BTreeSet<String>,
    /// Manifests and lists of all snapshots.
    listed: BTreeSet<String>,
    table: Table,
}

impl Whole {
    /// Reads everything that the table refers to.
    ///
    /// # Panics
    /// A file is missing or cannot be read, or a snapshot is twice in the history.
    pub async fn of(table: Table) -> Self {
        let (metadata, storage) = (table.metadata(), table.storage());
        let mut listed = BTreeSet::new();
        for snapshot in metadata.snapshots() {
            let manifests = manifest_list(&table, snapshot).await.unwrap();
            let paths = manifests.iter().map(|manifest| &*manifest.path).chain([snapshot.manifest_list()]);
            for path in paths {
                if listed.insert(identity(path).to_owned()) {
                    assert!(storage.exists(path).await.unwrap(), "{path} is missing");
                }
            }
        }
        let mut live = BTreeSet::new();
        if let Some(head) = metadata.current_snapshot() {
            let files = live_files(&table, head).await.unwrap();
            for file in files.data.iter().chain(&files.deletes) {
                assert!(storage.exists(&file.path).await.unwrap(), "{} is missing", file.path);
                assert!(live.insert(identity(&file.path).to_owned()), "{} is live twice", file.path);
            }
        }
        let mut history = Vec::new();
        let mut next = metadata.current_snapshot();
        while let Some(snapshot) = next {
            history.push(snapshot.snapshot_id());
            next = snapshot.parent_snapshot_id().map(|id| metadata.snapshot_by_id(id).unwrap());
        }
        history.reverse();
        let n_different = history.iter().collect::<BTreeSet<_>>().len();
        assert_eq!(n_different, history.len(), "a snapshot is twice in {history:?}");
        Self { history, live, listed, table }
    }

    /// Manifests and lists in the table's folder that no snapshot refers to.
    pub async fn unlisted(&self) -> Vec<String> {
        let folder = self.table.metadata_location().rsplit_once('/').unwrap().0;
        let files = self.table.storage().list(folder).await.unwrap();
        let paths = files.into_iter().map(|file| file.path).filter(|path| path.ends_with(".avro"));
        paths.filter(|path| !self.listed.contains(identity(path))).collect()
    }

    /// Metadata files in the table's folder.
    pub async fn metadata_files(&self) -> Vec<String> {
        let folder = self.table.metadata_location().rsplit_once('/').unwrap().0;
        let files = self.table.storage().list(folder).await.unwrap();
        files.into_iter().map(|file| file.path).filter(|path| path.ends_with(".metadata.json")).collect()
    }
}

/// Puts a file where a table's data is, of which the table knows nothing yet. Its content is of no use.
pub async fn data_file(storage: &Storage, location: &str, name: &str) -> WrittenFile {
    let path = format!("{}/data/{name}.parquet", location.trim_end_matches('/'));
    storage.write(&path, b"PAR1".as_slice().into()).await.unwrap();
    WrittenFile {
        content: FileContent::Data,
        path: path.into(),
        format: FileFormat::Parquet,
        spec_id: SpecId::new(0),
        partition: PartitionTuple::default(),
        record_count: 1,
        file_size_bytes: 4,
        metrics: Arc::default(),
        column_sizes: HashMap::new(),
        split_offsets: Vec::new(),
        equality_ids: Vec::new(),
        sort_order_id: None,
        referenced_data_file: None,
        content_range: None,
    }
}

//! The rows of a table at one snapshot.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_recursion::async_recursion as boxed;
use frazil_table::changes::deletes_in_scope;
use frazil_table::deletes::{DeleteIndex, FileWithDeletes, GroupDeletes, KeySetLimit, LiveRows, in_reading_order};
use frazil_table::file::FileEntry;
use frazil_table::filter::BoundFilter;
use frazil_table::manifest::{LiveFiles, ManifestContent, live_files, live_files_in};
use frazil_table::scan::{Projection, RowSelect};
use frazil_table::storage::ReadAhead;
use frazil_table::{Table, TableError};
use iceberg::spec::SnapshotRef;

use crate::options::{RowsOptions, SchemaMode};
use crate::{Result, columns, range};

/// Files of one group whose deletes by position are held at once, where they share no equality deletes.
const N_GROUP_FILES_MAX: usize = 64;

/// Opens the rows of `table` at one snapshot. The order of rows is that of the snapshot's manifests within
/// each partition.
///
/// # Errors
/// As for [`live_files`]; [`TableError::InvalidRequest`] if a column, snapshot, tag or branch is not there.
#[boxed]
pub async fn read_rows(table: &Table, options: RowsOptions) -> Result<RowStream> {
    let snapshot = range::state(table, &options.branch, &options.at)?;
    let schema = match (options.schema, &snapshot) {
        (SchemaMode::Pinned(id), _) => pinned(table, id)?,
        (_, Some(snapshot)) => table.schema_of(snapshot)?,
        (_, None) => table.metadata().current_schema().clone(),
    };
    let ids = match &options.columns {
        Some(names) => Some(columns::ids_of(table, &schema, names)?),
        None => None,
    };
    let mut projection = columns::output(table, &schema, ids.as_deref())?;
    if options.with_lineage {
        projection = projection.with_lineage();
    }
    let filter = match &options.filter {
        Some(filter) => Some(Arc::new(filter.bind(table, &schema)?)),
        None => None,
    };
    let RowsOptions { memory_limit_bytes, batch_rows, .. } = options;
    RowStream::open(table, snapshot.as_ref(), projection, filter, memory_limit_bytes, batch_rows).await
}

pub(crate) fn pinned(table: &Table, schema_id: i32) -> Result<iceberg::spec::SchemaRef> {
    table.metadata().schema_by_id(schema_id).cloned().ok_or_else(|| {
        let ids: Vec<String> = table.metadata().schemas_iter().map(|schema| schema.schema_id().to_string()).collect();
        TableError::invalid(format!("schema `{schema_id}` is not in the table; it has {}", ids.join(", "))).into()
    })
}

/// Rows of one snapshot, batch by batch.
#[derive(Debug)]
pub struct RowStream {
    table: Table,
    projection: Projection,
    filter: Option<Arc<BoundFilter>>,
    groups: VecDeque<Vec<FileWithDeletes>>,
    files: VecDeque<Arc<FileEntry>>,
    deletes: Arc<GroupDeletes>,
    current: Option<LiveRows>,
    limit: KeySetLimit,
    batch_rows: usize,
    /// Fetches the files of all groups.
    _ahead: ReadAhead,
}

impl RowStream {
    /// Rows of `snapshot`, with a filter those that match; none if the table has no snapshot.
    pub(crate) async fn open(
        table: &Table,
        snapshot: Option<&SnapshotRef>,
        projection: Projection,
        filter: Option<Arc<BoundFilter>>,
        memory_limit_bytes: u64,
        batch_rows: usize,
    ) -> Result<Self> {
        let groups = match snapshot {
            None => VecDeque::new(),
            Some(snapshot) => groups_of(table, snapshot, filter.as_deref()).await?,
        };
        Ok(Self {
            _ahead: table.read_ahead(|| in_reading_order(groups.iter().map(Vec::as_slice))),
            table: table.clone(),
            projection,
            filter,
            groups,
            files: VecDeque::new(),
            deletes: Arc::default(),
            current: None,
            // The other half is for decoding.
            limit: KeySetLimit { bytes_max: memory_limit_bytes / 2 },
            batch_rows,
        })
    }

    /// Schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        self.projection.arrow_schema()
    }

    /// The next rows; `None` at the end. No batch is empty.
    ///
    /// # Errors
    /// As for [`frazil_table::scan::FileReader::open`] on any of the table's files.
    #[boxed]
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(rows) = &mut self.current {
                if let Some(batch) = rows.next_rows().await? {
                    return Ok(Some(batch));
                }
                self.current = None;
            }
            if let Some(file) = self.files.pop_front() {
                let rows = LiveRows::open_matching(
                    &self.table,
                    &file,
                    self.deletes.clone(),
                    &self.projection,
                    RowSelect::default(),
                    self.filter.as_ref(),
                    self.batch_rows,
                );
                self.current = Some(rows.await?);
            } else if let Some(group) = self.groups.pop_front() {
                // The last group's deletes make room first.
                self.deletes = Arc::default();
                self.deletes = Arc::new(GroupDeletes::load(&self.table, &group, self.limit).await?);
                self.files = group.into_iter().map(|(file, _)| file).collect();
            } else {
                return Ok(None);
            }
        }
    }
}

/// The live data files of a snapshot, with a filter those that may hold a matching row, by the deletes that they share,
/// in the order in which they are read.
pub(crate) async fn groups_of(
    table: &Table,
    snapshot: &SnapshotRef,
    filter: Option<&BoundFilter>,
) -> Result<VecDeque<Vec<FileWithDeletes>>> {
    let live = match filter {
        None => live_files(table, snapshot).await?,
        Some(filter) => files_that_may_match(table, snapshot, filter).await?,
    };
    let index = DeleteIndex::new(table, &live.deletes)?;
    Ok(groups(live.data.into_iter().map(|file| (file.clone(), index.for_file(table, &file)))))
}

/// The data files that may hold a matching row, and the deletes that may apply to them. Manifests whose partitions
/// rule every row out are not read.
async fn files_that_may_match(table: &Table, snapshot: &SnapshotRef, filter: &BoundFilter) -> Result<LiveFiles> {
    let live = live_files_in(table, snapshot, |manifest| {
        manifest.content == ManifestContent::Data && filter.may_match_manifest(table, manifest)
    });
    let data: Vec<Arc<FileEntry>> =
        live.await?.data.into_iter().filter(|file| filter.may_match_file(table, file)).collect();
    let deletes = deletes_in_scope(table, snapshot, &data).await?;
    Ok(LiveFiles { data, deletes })
}

/// Divides files into groups that share their equality deletes: those of one partition, or, where no
/// equality delete is of a partition, any.
fn groups(files: impl Iterator<Item = FileWithDeletes>) -> VecDeque<Vec<FileWithDeletes>> {
    let mut by_scope: BTreeMap<_, Vec<FileWithDeletes>> = BTreeMap::new();
    for (file, deletes) in files {
        // Without equality deletes nothing is shared, and any order of files will do.
        let scope = (!deletes.equality.is_empty()).then(|| (file.spec_id, file.partition.clone()));
        by_scope.entry(scope).or_default().push((file, deletes));
    }
    let mut groups = VecDeque::new();
    for (scope, files) in by_scope {
        if scope.is_some() {
            groups.push_back(files);
        } else {
            groups.extend(chunks(files));
        }
    }
    groups
}

/// Small groups, cut where no position delete file is shared across the cut, so that none is read for
/// every file it names.
fn chunks(files: Vec<FileWithDeletes>) -> Vec<Vec<FileWithDeletes>> {
    let mut chunks: Vec<Vec<FileWithDeletes>> = Vec::new();
    let mut shared: HashSet<String> = HashSet::new();
    for (file, deletes) in files {
        let names: Vec<String> = deletes.positions.iter().map(|delete| delete.key().to_owned()).collect();
        let is_shared = names.iter().any(|name| shared.contains(name));
        match chunks.last_mut() {
            Some(chunk) if is_shared || chunk.len() < N_GROUP_FILES_MAX => chunk.push((file, deletes)),
            _ => {
                shared.clear();
                chunks.push(vec![(file, deletes)]);
            }
        }
        shared.extend(names);
    }
    chunks
}

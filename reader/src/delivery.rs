//! The changes of one snapshot, as the mode delivers them: from files to batches.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::RecordBatch;
use frazil_table::changes::{RowChanges, RowSource, SnapshotChanges, added_rows, row_changes, snapshot_changes};
use frazil_table::deletes::{KeySetLimit, LiveRows};
use frazil_table::filter::BoundFilter;
use frazil_table::scan::Projection;
use frazil_table::{FieldId, SnapshotId, Table};
use iceberg::spec::{FormatVersion, Operation, SchemaRef as TableSchemaRef};
use tracing::{info, warn};

use crate::change_set::{ChangeSet, ResolveError, Settings};
use crate::error::ReadError;
use crate::event::ChangelogOperation;
use crate::filter::ChangeFilter;
use crate::net::Fold;
use crate::options::{Mode, OnNonAppend, OnReplaceMismatch, ReadOptions, ReplaceCheck};
use crate::range::Step;
use crate::resolution::Unchanged;
use crate::rows::RowStream;
use crate::source::Layout;
use crate::upsert::{Keys, Limits, upserts};
use crate::{Result, columns, replace};

/// What all snapshots of a stream are read with.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) table: Table,
    pub(crate) options: ReadOptions,
    pub(crate) pinned_schema: Option<TableSchemaRef>,
    pub(crate) output_ids: Option<Vec<FieldId>>,
    pub(crate) filter: Option<ChangeFilter>,
}

/// Which rows of a snapshot are updates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// Removed and added rows with equal values in these columns.
    Key(Vec<FieldId>),
    /// Rows with equal `_row_id`, where the table has them.
    RowId,
    /// None.
    Never,
}

impl Pairing {
    /// By these columns, if there are any.
    pub(crate) fn by(key: &[FieldId]) -> Self {
        if key.is_empty() { Self::RowId } else { Self::Key(key.to_vec()) }
    }

    fn key(&self) -> &[FieldId] {
        match self {
            Self::Key(ids) => ids,
            Self::RowId | Self::Never => &[],
        }
    }
}

/// Where the changes of one snapshot come from.
pub(crate) enum Changes {
    None,
    Full(Box<RowStream>),
    /// Rows that need no other to be looked at: what does not match a filter is not read.
    Plain(Plain),
    /// What belongs together is decided without a filter, which is applied to the outcome.
    Resolved(Box<ChangeSet>),
    /// Of a change set, only the rows that are there now.
    Additions(Box<ChangeSet>),
}

/// Rows of one kind after the other.
#[derive(Default)]
pub(crate) struct Plain {
    sources: VecDeque<PlainSource>,
    rows: Option<(Take, LiveRows)>,
}

struct PlainSource {
    take: Take,
    source: RowSource,
    projection: Projection,
    filter: Option<Arc<BoundFilter>>,
}

/// What becomes of the rows of a source.
#[derive(Clone)]
enum Take {
    /// All are of one kind.
    All(ChangelogOperation),
    /// Rows that match the filter are there; of the others a keyed sink must know that they are not.
    Upserts(Box<(ChangeFilter, Keys)>),
}

impl Plain {
    fn push(
        &mut self,
        operation: ChangelogOperation,
        sources: Vec<RowSource>,
        projection: &Projection,
        filter: Option<&ChangeFilter>,
    ) {
        self.sources.extend(sources.into_iter().map(|source| PlainSource {
            take: Take::All(operation),
            source,
            projection: projection.clone(),
            filter: filter.map(|filter| filter.rows.clone()),
        }));
    }

    fn push_upserts(&mut self, sources: Vec<RowSource>, projection: &Projection, filter: &ChangeFilter, keys: &Keys) {
        self.sources.extend(sources.into_iter().map(|source| PlainSource {
            take: Take::Upserts(Box::new((filter.clone(), keys.clone()))),
            source,
            projection: projection.clone(),
            filter: None,
        }));
    }

    async fn next(&mut self, reading: &Reading) -> Result<Option<(Vec<ChangelogOperation>, RecordBatch)>> {
        loop {
            if let Some((take, rows)) = &mut self.rows {
                if let Some(batch) = rows.next_rows().await? {
                    return Ok(Some(match take {
                        Take::All(operation) => (vec![*operation; batch.num_rows()], batch),
                        Take::Upserts(of) => {
                            let (output, matching) = of.0.split(&batch)?;
                            of.1.upserts(&output, &matching)?
                        }
                    }));
                }
                self.rows = None;
            }
            let Some(PlainSource { take, source, projection, filter }) = self.sources.pop_front() else {
                return Ok(None);
            };
            let batch_rows = reading.options.batch_rows;
            let rows = source.read_matching(&reading.table, &projection, filter.as_ref(), batch_rows).await?;
            self.rows = Some((take, rows));
        }
    }
}

impl Changes {
    /// The next changes; `None` at the end. A batch may be empty, and none ends between the images of an update.
    pub(crate) async fn next(&mut self, reading: &Reading) -> Result<Option<(Vec<ChangelogOperation>, RecordBatch)>> {
        let changes = match self {
            Self::None => return Ok(None),
            Self::Full(rows) => {
                let rows = rows.next().await?;
                return Ok(rows.map(|rows| (vec![ChangelogOperation::Insert; rows.num_rows()], rows)));
            }
            Self::Plain(plain) => return plain.next(reading).await,
            Self::Resolved(set) => set.next().await?,
            Self::Additions(set) => set.next_additions().await?,
        };
        match (changes, &reading.filter) {
            (Some((operations, rows)), Some(filter)) => Ok(Some(filter.apply(&operations, &rows)?)),
            (changes, _) => Ok(changes),
        }
    }
}

/// The rows by which a snapshot differs from its parent, as far as they are to be delivered.
enum Differences {
    None,
    /// Rows, with their change set where it had to be known.
    Rows(RowChanges, Option<Box<ChangeSet>>),
}

impl Reading {
    /// Schema in which the snapshot of a step is shown.
    pub(crate) fn output_schema(&self, step: &Step) -> Result<TableSchemaRef> {
        match &self.pinned_schema {
            Some(schema) => Ok(schema.clone()),
            None => Ok(self.table.schema_of(&step.snapshot)?),
        }
    }

    /// What the consumer gets of a schema.
    pub(crate) fn output(&self, schema: &TableSchemaRef) -> Result<Projection> {
        columns::output(&self.table, schema, self.output_ids.as_deref())
    }

    /// Opens what is delivered of one snapshot.
    pub(crate) async fn changes(&self, step: &Step, pairing: &Pairing, output: &Projection) -> Result<Changes> {
        if step.is_full {
            let ReadOptions { memory_limit_bytes, batch_rows, .. } = self.options;
            let filter = self.filter.as_ref().map(|filter| filter.rows.clone());
            let output = output.clone();
            let rows =
                RowStream::open(&self.table, Some(&step.snapshot), output, filter, memory_limit_bytes, batch_rows);
            return Ok(Changes::Full(Box::new(rows.await?)));
        }
        match self.options.mode {
            Mode::Append => self.appends(step, pairing, output).await,
            Mode::Upsert => self.upserts(step, pairing, output).await,
            Mode::Changelog | Mode::Net => match self.differences(step, pairing, output).await? {
                Differences::None => Ok(Changes::None),
                Differences::Rows(_, Some(set)) => Ok(Changes::Resolved(set)),
                Differences::Rows(rows, None) if rows.removed.is_empty() => {
                    let mut plain = Plain::default();
                    plain.push(ChangelogOperation::Insert, rows.added, output, self.filter.as_ref());
                    Ok(Changes::Plain(plain))
                }
                Differences::Rows(rows, None) => {
                    let unchanged = if self.options.emit_noop_updates { Unchanged::Pair } else { Unchanged::default() };
                    Ok(Changes::Resolved(Box::new(self.resolve(step, rows, pairing, output, unchanged).await?)))
                }
            },
        }
    }

    /// Opens what the changes of several snapshots come to, in the schema of the last.
    pub(crate) async fn net_changes(&self, steps: &[Step], pairing: &Pairing, output: &Projection) -> Result<Changes> {
        let mut fold = Fold::default();
        for step in steps {
            // All rows of a snapshot are what it adds to nothing.
            if let Differences::Rows(rows, _) = self.differences(step, pairing, output).await? {
                fold.push(&rows);
            }
        }
        let Some(last) = steps.last() else { return Ok(Changes::None) };
        let set = self.resolve(last, fold.finish(), pairing, output, Unchanged::Cancel).await?;
        Ok(Changes::Resolved(Box::new(set)))
    }

    async fn appends(&self, step: &Step, pairing: &Pairing, output: &Projection) -> Result<Changes> {
        let Some(files) = self.changed_files(step).await? else { return Ok(Changes::None) };
        let rows = if is_replace(step) {
            let rows = self.row_changes(step, &files).await?;
            match self.changed_by_replace(step, &rows, pairing, output).await? {
                None => return Ok(Changes::None),
                Some(set) if self.options.on_non_append == OnNonAppend::AddedOnly => {
                    return Ok(Changes::Additions(set));
                }
                Some(_) => None,
            }
        } else if files.only_adds_data() || self.options.on_non_append == OnNonAppend::AddedOnly {
            // Whether deletes hit older rows is not looked at, so that this mode costs the new files only.
            Some(added_rows(&self.table, &step.snapshot, &files, self.key_set_limit()).await?)
        } else {
            None
        };
        match (rows, self.options.on_non_append) {
            (Some(rows), _) => {
                let mut plain = Plain::default();
                plain.push(ChangelogOperation::Insert, rows, output, self.filter.as_ref());
                Ok(Changes::Plain(plain))
            }
            (None, OnNonAppend::Fail) => Err(ReadError::NonAppend {
                snapshot_id: SnapshotId::new(step.snapshot.snapshot_id()),
                operation: step.snapshot.summary().operation.as_str().to_owned(),
            }),
            (None, OnNonAppend::Skip | OnNonAppend::AddedOnly) => {
                let snapshot_id = step.snapshot.snapshot_id();
                info!(table = self.table.name(), snapshot_id, "snapshot skipped that is no append");
                Ok(Changes::None)
            }
        }
    }

    async fn upserts(&self, step: &Step, pairing: &Pairing, output: &Projection) -> Result<Changes> {
        let Some(files) = self.changed_files(step).await? else { return Ok(Changes::None) };
        if is_replace(step) {
            let rows = self.row_changes(step, &files).await?;
            if self.changed_by_replace(step, &rows, pairing, output).await?.is_none() {
                return Ok(Changes::None);
            }
        }
        let limits = Limits { memory_bytes: self.options.memory_limit_bytes, batch_rows: self.options.batch_rows };
        let found = upserts(&self.table, &step.snapshot, step.parent.as_ref(), &files, pairing.key(), limits).await?;
        let schema = self.output_schema(step)?;
        let key_columns = Projection::select(&self.table, &schema, pairing.key())?;
        let mut plain = Plain::default();
        // Whether a row that is gone matched cannot be known.
        plain.push(ChangelogOperation::Delete, found.deletes, &key_columns, None);
        match &self.filter {
            None => plain.push(ChangelogOperation::UpdateAfter, found.added, output, None),
            Some(filter) => {
                let names = columns::names_of(&self.table, pairing.key());
                let keys = Keys::new(output.arrow_schema(), pairing.key(), &names)?;
                plain.push_upserts(found.added, &filter.extend(&self.table, output.clone())?, filter, &keys);
            }
        }
        Ok(Changes::Plain(plain))
    }

    /// The files that the snapshot changed; `None` if there are none or it is a compaction that is believed.
    async fn changed_files(&self, step: &Step) -> Result<Option<SnapshotChanges>> {
        let from_backlog = match (&step.backlog, &step.parent) {
            (Some(backlog), Some(parent)) => backlog.changes(&self.table, &step.snapshot, parent).await?,
            _ => None,
        };
        let files = match from_backlog {
            Some(files) => files,
            None => snapshot_changes(&self.table, &step.snapshot, step.parent.as_ref()).await?,
        };
        let is_nothing = files.is_empty() || (is_replace(step) && self.is_believed(step, &files).await?);
        Ok((!is_nothing).then_some(files))
    }

    async fn differences(&self, step: &Step, pairing: &Pairing, output: &Projection) -> Result<Differences> {
        let Some(files) = self.changed_files(step).await? else { return Ok(Differences::None) };
        let rows = self.row_changes(step, &files).await?;
        if !is_replace(step) || step.is_full {
            return Ok(Differences::Rows(rows, None));
        }
        let set = self.changed_by_replace(step, &rows, pairing, output).await?;
        Ok(set.map_or(Differences::None, |set| Differences::Rows(rows, Some(set))))
    }

    async fn row_changes(&self, step: &Step, files: &SnapshotChanges) -> Result<RowChanges> {
        let limit = self.key_set_limit();
        Ok(row_changes(&self.table, &step.snapshot, step.parent.as_ref(), files, limit).await?)
    }

    fn key_set_limit(&self) -> KeySetLimit {
        KeySetLimit { bytes_max: self.options.memory_limit_bytes / 2 }
    }

    async fn resolve(
        &self,
        step: &Step,
        rows: RowChanges,
        pairing: &Pairing,
        output: &Projection,
        unchanged: Unchanged,
    ) -> Result<ChangeSet> {
        let schema = self.table.schema_of(&step.snapshot)?;
        let with_lineage = *pairing == Pairing::RowId && self.table.metadata().format_version() == FormatVersion::V3;
        let (output, n_filter) = match &self.filter {
            Some(filter) => (filter.extend(&self.table, output.clone())?, filter.field_ids().len()),
            None => (output.clone(), 0),
        };
        let layout = Layout::new(&self.table, &schema, pairing.key(), with_lineage, output, n_filter)?;
        let settings = Settings {
            duplicate_keys: self.options.duplicate_keys,
            unchanged,
            memory_limit_bytes: self.options.memory_limit_bytes,
            batch_rows: self.options.batch_rows,
            first_new_row_id: step.snapshot.row_range().map(|(first, _)| first),
        };
        ChangeSet::resolve(&self.table, rows, layout, settings).await.map_err(|error| match error {
            ResolveError::Read(error) => error,
            ResolveError::DuplicateKey => ReadError::DuplicateKey {
                snapshot_id: SnapshotId::new(step.snapshot.snapshot_id()),
                key: columns::names_of(&self.table, pairing.key()).join(", "),
            },
        })
    }

    /// The label `replace` is believed, or proved right.
    async fn is_believed(&self, step: &Step, files: &SnapshotChanges) -> Result<bool> {
        match (self.options.replace_check, &step.parent) {
            (_, None) if step.is_full => Ok(false),
            (ReplaceCheck::Trust, _) => Ok(true),
            (ReplaceCheck::Metadata, Some(parent)) => {
                replace::is_proved_unchanged(&self.table, &step.snapshot, parent, files).await
            }
            _ => Ok(false),
        }
    }

    /// The change set of a `replace` snapshot that changed rows after all, if it is to be delivered.
    async fn changed_by_replace(
        &self,
        step: &Step,
        rows: &RowChanges,
        pairing: &Pairing,
        output: &Projection,
    ) -> Result<Option<Box<ChangeSet>>> {
        let set = self.resolve(step, rows.clone(), pairing, output, Unchanged::Cancel).await?;
        let (n_added, n_removed) = set.counts();
        if n_added == 0 && n_removed == 0 {
            return Ok(None);
        }
        let snapshot_id = SnapshotId::new(step.snapshot.snapshot_id());
        match self.options.on_replace_mismatch {
            OnReplaceMismatch::Fail => Err(ReadError::ReplaceMismatch { snapshot_id, n_added, n_removed }),
            OnReplaceMismatch::Ignore => {
                warn!(table = self.table.name(), %snapshot_id, n_added, n_removed, "changes of a replace snapshot ignored");
                Ok(None)
            }
            OnReplaceMismatch::Emit => {
                warn!(table = self.table.name(), %snapshot_id, n_added, n_removed, "replace snapshot changed rows");
                Ok(Some(Box::new(set)))
            }
        }
    }
}

fn is_replace(step: &Step) -> bool {
    step.snapshot.summary().operation == Operation::Replace
}

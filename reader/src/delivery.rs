//! The changes of one snapshot, as the mode delivers them: from files to batches.

mod detour;

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use frazil_table::changes::{
    RowChanges, RowSource, SnapshotChanges, added_rows, fetch_ahead_only, row_changes, snapshot_changes,
};
use frazil_table::deletes::{FileWithDeletes, KeySetLimit, in_reading_order};
use frazil_table::filter::BoundFilter;
use frazil_table::scan::Projection;
use frazil_table::{FieldId, SnapshotId, Table};
use iceberg::spec::{FormatVersion, Operation, SchemaRef as TableSchemaRef};
use tracing::{info, warn};

use crate::change_set::{ChangeSet, ResolveError, Settings};
use crate::engine::{Counters, Readers};
use crate::error::ReadError;
use crate::event::ChangelogOperation;
use crate::filter::ChangeFilter;
use crate::lanes::{Selection, StreamLanes};
use crate::net::Fold;
use crate::options::{Mode, OnNonAppend, OnReplaceMismatch, ReadOptions, ReplaceCheck};
use crate::place::{Delivered, PlacePhase};
use crate::range::Step;
use crate::resolution::Unchanged;
use crate::rows::groups_of;
use crate::source::Layout;
use crate::split::{Scan, Split, SplitRows, Take, additions, resolved};
use crate::upsert::{Keys, Limits, fit, upserts};
use crate::{Result, columns, replace};

/// What all snapshots of a stream are read with.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) table: Table,
    pub(crate) options: ReadOptions,
    pub(crate) pinned_schema: Option<TableSchemaRef>,
    pub(crate) output_ids: Option<Vec<FieldId>>,
    /// Columns behind the output, as [`Projection::keys`] gives them: for others to filter by.
    pub(crate) hidden_ids: Vec<FieldId>,
    pub(crate) filter: Option<ChangeFilter>,
    pub(crate) lanes: StreamLanes,
    /// Of all readers of the stream.
    pub(crate) counters: Arc<Counters>,
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

/// The changes of one snapshot, or of several that are summed up.
#[derive(Default)]
pub(crate) struct Changes {
    /// Each with the position that it starts at.
    splits: VecDeque<(Split, u64)>,
    rows: Option<SplitRows>,
    /// Instead of `rows`, where several splits are read at once.
    readers: Option<Readers>,
}

impl Changes {
    /// What a selection wants of some splits.
    fn of(splits: impl IntoIterator<Item = Split>, selection: &Selection) -> Self {
        let splits = splits.into_iter().filter_map(|split| split.select(selection)).collect();
        Self { splits, ..Self::default() }
    }

    /// Has the splits read by as many readers as the options say. One needs no task of its own.
    fn read_by(mut self, reading: &Reading) -> Self {
        let ReadOptions { readers, memory_limit_bytes, .. } = reading.options;
        if readers > 1 && !self.splits.is_empty() {
            let splits = std::mem::take(&mut self.splits);
            // Delete sets, pairs and images have their shares of the memory, and so have decoders.
            let buffer_bytes_max = memory_limit_bytes / 8;
            let counters = reading.counters.clone();
            self.readers = Some(Readers::start(splits, readers, buffer_bytes_max, counters));
        }
        self
    }

    /// The next changes; `None` at the end. A batch may be empty, and none ends between the images of an update.
    pub(crate) async fn next(&mut self) -> Result<Option<Delivered>> {
        if let Some(readers) = &mut self.readers {
            return readers.next().await;
        }
        loop {
            if let Some(rows) = &mut self.rows {
                if let Some(delivered) = rows.next().await? {
                    return Ok(Some(delivered));
                }
                self.rows = None;
            }
            let Some((split, first_position)) = self.splits.pop_front() else { return Ok(None) };
            self.rows = Some(split.open(first_position).await?);
        }
    }
}

/// What is wanted of a snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'a> {
    pub(crate) pairing: &'a Pairing,
    /// What the consumer gets.
    pub(crate) output: &'a Projection,
    pub(crate) selection: &'a Selection,
}

impl Demand<'_> {
    /// Columns to read, with those that tell the lane of a row behind them.
    fn with_lane_columns(&self, table: &Table, columns: Projection) -> Result<Projection> {
        Ok(columns.with_keys(table, self.selection.key_columns())?)
    }
}

/// The rows by which a snapshot differs from its parent, as far as they are to be delivered.
enum Differences {
    None,
    /// Rows, with their change set where it had to be known.
    Rows(RowChanges, Option<Box<ChangeSet>>),
}

impl Reading {
    /// # Errors
    /// [`TableError::InvalidRequest`](frazil_table::TableError::InvalidRequest) if a column of the options is not in the
    /// schema.
    pub(crate) fn new(
        table: &Table,
        options: ReadOptions,
        pinned_schema: Option<TableSchemaRef>,
        output_schema: &TableSchemaRef,
        lanes: StreamLanes,
    ) -> Result<Self> {
        let output_ids = match &options.columns {
            Some(names) => Some(columns::ids_of(table, output_schema, names)?),
            None => None,
        };
        let filter = match &options.filter {
            Some(filter) => {
                let rows = Arc::new(filter.bind(table, output_schema)?);
                Some(ChangeFilter { rows, updates: options.filter_updates.into() })
            }
            None => None,
        };
        Ok(Self {
            table: table.clone(),
            options,
            pinned_schema,
            output_ids,
            hidden_ids: Vec::new(),
            filter,
            lanes,
            counters: Arc::default(),
        })
    }

    /// Schema in which the snapshot of a step is shown.
    pub(crate) fn output_schema(&self, step: &Step) -> Result<TableSchemaRef> {
        match &self.pinned_schema {
            Some(schema) => Ok(schema.clone()),
            None => Ok(self.table.schema_of(&step.snapshot)?),
        }
    }

    /// What the consumer gets of a schema.
    pub(crate) fn output(&self, schema: &TableSchemaRef) -> Result<Projection> {
        let output = columns::output(&self.table, schema, self.output_ids.as_deref())?;
        Ok(output.with_keys(&self.table, &self.hidden_ids)?)
    }

    /// Rows in the schema that is shown. Those that are nothing but their keys have no hidden columns.
    pub(crate) fn fit(&self, rows: &RecordBatch, shown: &SchemaRef) -> Result<RecordBatch> {
        fit(rows, shown, self.hidden_ids.len())
    }

    /// Opens what is wanted of one snapshot.
    pub(crate) async fn changes(&self, step: &Step, demand: Demand<'_>) -> Result<Changes> {
        let splits = match self.options.mode {
            _ if step.is_full => self.full(step, demand).await?,
            Mode::Append => self.appends(step, demand).await?,
            Mode::Upsert => self.upserts(step, demand).await?,
            Mode::Changelog | Mode::Net => match self.differences(step, demand).await? {
                Differences::None => Vec::new(),
                Differences::Rows(_, Some(set)) => resolved(*set, self.filter.as_ref()),
                Differences::Rows(rows, None) if rows.removed.is_empty() => self.inserts(rows.added, demand)?,
                Differences::Rows(rows, None) => {
                    let unchanged = if self.options.emit_noop_updates { Unchanged::Pair } else { Unchanged::default() };
                    let set = self.resolve(step, rows, demand, unchanged).await?;
                    resolved(set, self.filter.as_ref())
                }
            },
        };
        Ok(self.wanted_of(splits, demand))
    }

    /// Opens what is wanted of what the changes of several snapshots come to, in the schema of the last.
    pub(crate) async fn net_changes(&self, steps: &[Step], demand: Demand<'_>) -> Result<Changes> {
        let mut fold = Fold::default();
        for step in steps {
            // All rows of a snapshot are what it adds to nothing.
            if let Differences::Rows(rows, _) = self.differences(step, demand).await? {
                fold.push(&rows);
            }
        }
        let Some(last) = steps.last() else { return Ok(Changes::default()) };
        let set = self.resolve(last, fold.finish(), demand, Unchanged::Cancel).await?;
        Ok(self.wanted_of(resolved(set, self.filter.as_ref()), demand))
    }

    /// What is wanted of some splits, read by as many readers as the options say.
    fn wanted_of(&self, splits: Vec<Split>, demand: Demand<'_>) -> Changes {
        Changes::of(splits, demand.selection).read_by(self)
    }

    async fn full(&self, step: &Step, demand: Demand<'_>) -> Result<Vec<Split>> {
        // A filter may leave out files, but then others would have other ordinals than without it.
        let groups = groups_of(&self.table, &step.snapshot, None).await?;
        let mut ordinals = 0_u32..;
        let mut wanted_of = |files: Vec<FileWithDeletes>| {
            let numbered = files.into_iter().zip(ordinals.by_ref()).map(|(file, ordinal)| (ordinal, file));
            numbered.filter(|(_, (file, _))| demand.selection.may_hold(file)).unzip()
        };
        let wanted: Vec<(Vec<u32>, Vec<FileWithDeletes>)> = groups.into_iter().map(&mut wanted_of).collect();
        let ahead = self.table.read_ahead(|| in_reading_order(wanted.iter().map(|(_, files)| files.as_slice())));
        let filter = self.filter.as_ref().map(|filter| filter.rows.clone());
        let columns = demand.with_lane_columns(&self.table, demand.output.clone())?;
        let scan = self.scan(Take::All(ChangelogOperation::Insert), columns, filter);
        // The deletes of as many files may be in memory at once.
        let KeySetLimit { bytes_max } = self.key_set_limit();
        let limit = KeySetLimit { bytes_max: bytes_max / u64::try_from(self.options.readers.max(1)).unwrap_or(1) };
        Ok(scan.full_splits(wanted, ahead, limit))
    }

    fn inserts(&self, added: Vec<RowSource>, demand: Demand<'_>) -> Result<Vec<Split>> {
        let filter = self.filter.as_ref().map(|filter| filter.rows.clone());
        let columns = demand.with_lane_columns(&self.table, demand.output.clone())?;
        let scan = self.scan(Take::All(ChangelogOperation::Insert), columns, filter);
        let added = fetch_ahead_only(&self.table, added, |file| demand.selection.may_hold(file));
        Ok(scan.splits(PlacePhase::Additions, added).collect())
    }

    fn scan(&self, take: Take, projection: Projection, filter: Option<Arc<BoundFilter>>) -> Scan {
        Scan { table: self.table.clone(), take, projection, filter, batch_rows: self.options.batch_rows }
    }

    async fn appends(&self, step: &Step, demand: Demand<'_>) -> Result<Vec<Split>> {
        let Some(files) = self.changed_files(step).await? else { return Ok(Vec::new()) };
        let rows = if is_replace(step) {
            let rows = self.row_changes(step, &files).await?;
            match self.changed_by_replace(step, &rows, demand).await? {
                None => return Ok(Vec::new()),
                Some(set) if self.options.on_non_append == OnNonAppend::AddedOnly => {
                    return Ok(additions(set, self.filter.as_ref()));
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
            (Some(rows), _) => self.inserts(rows, demand),
            (None, OnNonAppend::Fail) => Err(ReadError::NonAppend {
                snapshot_id: SnapshotId::new(step.snapshot.snapshot_id()),
                operation: step.snapshot.summary().operation.as_str().to_owned(),
            }),
            (None, OnNonAppend::Skip | OnNonAppend::AddedOnly) => {
                let snapshot_id = step.snapshot.snapshot_id();
                info!(table = self.table.name(), snapshot_id, "snapshot skipped that is no append");
                Ok(Vec::new())
            }
        }
    }

    async fn upserts(&self, step: &Step, demand: Demand<'_>) -> Result<Vec<Split>> {
        let Some(files) = self.changed_files(step).await? else { return Ok(Vec::new()) };
        if is_replace(step) {
            let rows = self.row_changes(step, &files).await?;
            if self.changed_by_replace(step, &rows, demand).await?.is_none() {
                return Ok(Vec::new());
            }
        }
        let Demand { pairing, output, .. } = demand;
        let limits = Limits { memory_bytes: self.options.memory_limit_bytes, batch_rows: self.options.batch_rows };
        let found = upserts(&self.table, &step.snapshot, step.parent.as_ref(), &files, pairing.key(), limits).await?;
        let schema = self.output_schema(step)?;
        let key_columns = Projection::select(&self.table, &schema, pairing.key())?;
        let key_columns = demand.with_lane_columns(&self.table, key_columns)?;
        // Whether a row that is gone matched cannot be known.
        let deletes = self.scan(Take::All(ChangelogOperation::Delete), key_columns, None);
        let added = match &self.filter {
            None => {
                let columns = demand.with_lane_columns(&self.table, output.clone())?;
                self.scan(Take::All(ChangelogOperation::UpdateAfter), columns, None)
            }
            Some(filter) => {
                let names = columns::names_of(&self.table, pairing.key());
                let keys = Keys::new(output.arrow_schema(), pairing.key(), &names)?;
                let take = Take::Upserts(Box::new((filter.clone(), keys)));
                let columns = filter.extend(&self.table, output.clone())?;
                self.scan(take, demand.with_lane_columns(&self.table, columns)?, None)
            }
        };
        let deletes = deletes.splits(PlacePhase::Removals, found.deletes);
        Ok(deletes.chain(added.splits(PlacePhase::Additions, found.added)).collect())
    }

    /// The files that the snapshot changed; `None` if there are none or it is a compaction that is believed.
    async fn changed_files(&self, step: &Step) -> Result<Option<SnapshotChanges>> {
        // A backlog tells what each snapshot added to its parent, and a detour has another one.
        let backlog = step.backlog.as_ref().filter(|_| step.detour.is_none());
        let from_backlog = match (backlog, &step.parent) {
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

    async fn differences(&self, step: &Step, demand: Demand<'_>) -> Result<Differences> {
        let Some(files) = self.changed_files(step).await? else { return Ok(Differences::None) };
        let rows = self.row_changes(step, &files).await?;
        if !is_replace(step) || step.is_full {
            return Ok(Differences::Rows(rows, None));
        }
        let set = self.changed_by_replace(step, &rows, demand).await?;
        Ok(set.map_or(Differences::None, |set| Differences::Rows(rows, Some(Box::new(set)))))
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
        demand: Demand<'_>,
        unchanged: Unchanged,
    ) -> Result<ChangeSet> {
        let Demand { pairing, output, selection } = demand;
        let schema = self.table.schema_of(&step.snapshot)?;
        let with_lineage = *pairing == Pairing::RowId && self.table.metadata().format_version() == FormatVersion::V3;
        let (output, n_filter) = match &self.filter {
            Some(filter) => (filter.extend(&self.table, output.clone())?, filter.field_ids().len()),
            None => (output.clone(), 0),
        };
        let output = demand.with_lane_columns(&self.table, output)?;
        let n_hidden = self.hidden_ids.len() + n_filter + selection.key_columns().len();
        let layout = Layout::new(&self.table, &schema, pairing.key(), with_lineage, output, n_hidden)?;
        let settings = Settings {
            duplicate_keys: self.options.duplicate_keys,
            unchanged,
            memory_limit_bytes: self.options.memory_limit_bytes,
            batch_rows: self.options.batch_rows,
            first_new_row_id: match step.detour {
                // Rows that come back are not new.
                Some(_) => None,
                None => step.snapshot.row_range().map(|(first, _)| first),
            },
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
        demand: Demand<'_>,
    ) -> Result<Option<ChangeSet>> {
        let set = self.resolve(step, rows.clone(), demand, Unchanged::Cancel).await?;
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
                Ok(Some(set))
            }
        }
    }
}

fn is_replace(step: &Step) -> bool {
    step.snapshot.summary().operation == Operation::Replace
}

//! The changes of a range of snapshots, one after the other.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use frazil_table::changes::{RowSource, SnapshotChanges, row_changes, snapshot_changes};
use frazil_table::deletes::{KeySetLimit, LiveRows};
use frazil_table::lineage::Lineage;
use frazil_table::scan::Projection;
use frazil_table::{FieldId, SnapshotId, Table, TableError};
use iceberg::spec::{FormatVersion, Operation, SchemaRef as TableSchemaRef};
use tracing::warn;

use crate::change_set::{ChangeSet, ResolveError, Settings};
use crate::error::ReadError;
use crate::event::{ChangeBatch, ChangelogOperation, Event, Phase, SnapshotInfo, StreamHeader};
use crate::filter::ChangeFilter;
use crate::options::{Mode, OnReplaceMismatch, ReadOptions, ReplaceCheck, SchemaMode};
use crate::range::{Step, steps};
use crate::rows::{RowStream, pinned};
use crate::source::Layout;
use crate::{Result, columns, replace};

/// Opens the changes of a range of snapshots.
///
/// # Errors
/// [`TableError::SnapshotExpired`] or [`TableError::LineageBroken`] if the start is not on the branch any
/// more; [`TableError::InvalidRequest`] if a column, snapshot, tag or branch is not there.
pub async fn read_changes(table: &Table, options: ReadOptions) -> Result<ChangeStream> {
    let lineage = Lineage::of_branch(table.metadata(), table.metadata_location(), &options.branch)?;
    let steps = steps(table, &lineage, &options.from, &options.to)?;
    let pinned_schema = match (options.schema, steps.last()) {
        (SchemaMode::Follow, _) => None,
        (SchemaMode::Pinned(id), _) => Some(pinned(table, id)?),
        (SchemaMode::PinnedToEnd, Some(last)) => Some(table.schema_of(&last.snapshot)?),
        (SchemaMode::PinnedToEnd, None) => Some(table.metadata().current_schema().clone()),
    };
    let start_schema = match steps.first().map(|step| &step.snapshot).or(lineage.head()) {
        Some(snapshot) => table.schema_of(snapshot)?,
        None => table.metadata().current_schema().clone(),
    };
    let key = match (options.mode, lineage.head()) {
        (Mode::Changelog, Some(head)) => columns::key_ids(table, &start_schema, head, options.key.as_deref()).await?,
        _ => Vec::new(),
    };
    let output_schema = pinned_schema.clone().unwrap_or_else(|| start_schema.clone());
    let output_ids = match &options.columns {
        Some(names) => Some(columns::ids_of(table, &output_schema, names)?),
        None => None,
    };
    let output = columns::output(table, &output_schema, output_ids.as_deref())?;
    let filter = match &options.filter {
        Some(filter) => {
            let rows = Arc::new(filter.bind(table, &output_schema)?);
            Some(ChangeFilter { rows, updates: options.filter_updates })
        }
        None => None,
    };
    let header = StreamHeader {
        schema: output.arrow_schema().clone(),
        schema_id: output_schema.schema_id(),
        key: columns::names_of(table, &key),
        exact_before: true,
    };
    Ok(ChangeStream {
        table: table.clone(),
        identifier_ids: identifier_ids(&start_schema),
        options,
        steps: steps.into(),
        pinned_schema,
        output_ids,
        filter,
        schema_id: header.schema_id,
        header,
        key,
        n_started: 0,
        current: None,
        events: VecDeque::new(),
    })
}

fn identifier_ids(schema: &TableSchemaRef) -> Vec<FieldId> {
    let mut ids: Vec<FieldId> = schema.identifier_field_ids().map(FieldId::new).collect();
    ids.sort_unstable();
    ids
}

/// Changes, in order. Snapshots are read one after the other; nothing is read ahead of what was asked for.
pub struct ChangeStream {
    table: Table,
    options: ReadOptions,
    steps: VecDeque<Step>,
    pinned_schema: Option<TableSchemaRef>,
    output_ids: Option<Vec<FieldId>>,
    filter: Option<ChangeFilter>,
    /// Schema of the last batch.
    schema_id: i32,
    header: StreamHeader,
    key: Vec<FieldId>,
    identifier_ids: Vec<FieldId>,
    n_started: u64,
    current: Option<Current>,
    events: VecDeque<Event>,
}

impl std::fmt::Debug for ChangeStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangeStream").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The snapshot whose changes are being delivered.
struct Current {
    snapshot: Arc<SnapshotInfo>,
    watermark_ms: i64,
    changes: Changes,
}

/// Where the changes of one snapshot come from.
enum Changes {
    None,
    Full(Box<RowStream>),
    /// Rows of files that were added while nothing was removed: what does not match the filter is not read.
    Inserts {
        sources: VecDeque<RowSource>,
        output: Projection,
        filter: Option<ChangeFilter>,
        rows: Option<LiveRows>,
    },
    /// What belongs together is decided without the filter, which is applied to the outcome.
    Resolved {
        set: Box<ChangeSet>,
        filter: Option<ChangeFilter>,
    },
}

impl ChangeStream {
    /// What the stream is.
    pub fn header(&self) -> &StreamHeader {
        &self.header
    }

    /// The next event; `None` at the end of the range.
    ///
    /// # Errors
    /// As for [`row_changes`]; [`ReadError::ReplaceMismatch`], [`ReadError::DuplicateKey`],
    /// [`ReadError::KeyChanged`] and [`ReadError::NonAppend`] as the options say.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if let Some(current) = &mut self.current {
                if let Some((operations, rows)) = current.next(&self.table, self.options.batch_rows).await? {
                    if let Some(batch) = without_kinds(operations, rows, &self.options.drop_kinds, &current.snapshot)? {
                        return Ok(Some(Event::Changes(batch)));
                    }
                    continue;
                }
                let end = Event::SnapshotEnd {
                    snapshot: current.snapshot.clone(),
                    snapshot_watermark_ms: current.watermark_ms,
                };
                self.current = None;
                return Ok(Some(end));
            }
            let Some(step) = self.steps.pop_front() else { return Ok(None) };
            self.current = Some(self.start(step).await?);
        }
    }

    async fn start(&mut self, step: Step) -> Result<Current> {
        let schema = self.table.schema_of(&step.snapshot)?;
        self.check_key(&step, &schema)?;
        let output_schema = self.pinned_schema.clone().unwrap_or_else(|| schema.clone());
        let output = columns::output(&self.table, &output_schema, self.output_ids.as_deref())?;
        let snapshot = Arc::new(SnapshotInfo {
            snapshot_id: SnapshotId::new(step.snapshot.snapshot_id()),
            parent_snapshot_id: step.snapshot.parent_snapshot_id().map(SnapshotId::new),
            sequence_number: step.snapshot.sequence_number(),
            timestamp_ms: step.snapshot.timestamp_ms(),
            operation: step.snapshot.summary().operation.as_str().to_owned(),
            schema_id: output_schema.schema_id(),
            ordinal: self.n_started,
            phase: if step.is_full { Phase::Full } else { Phase::Incremental },
        });
        self.n_started += 1;
        if self.schema_id != output_schema.schema_id() {
            self.events.push_back(Event::SchemaChange {
                snapshot: snapshot.clone(),
                from: self.schema_id,
                to: output_schema.schema_id(),
                schema: output.arrow_schema().clone(),
            });
            self.schema_id = output_schema.schema_id();
        }
        let changes = if step.is_full {
            let ReadOptions { memory_limit_bytes, batch_rows, .. } = self.options;
            let filter = self.filter.as_ref().map(|filter| filter.rows.clone());
            let rows =
                RowStream::open(&self.table, Some(&step.snapshot), output, filter, memory_limit_bytes, batch_rows);
            Changes::Full(Box::new(rows.await?))
        } else {
            self.changes_of(&step, &schema, output).await?
        };
        Ok(Current { snapshot, watermark_ms: step.watermark_ms, changes })
    }

    /// Updates are never paired across a change of the key, unless the key was named.
    fn check_key(&self, step: &Step, schema: &TableSchemaRef) -> Result<()> {
        let now = identifier_ids(schema);
        if self.options.mode == Mode::Append || self.options.key.is_some() || now == self.identifier_ids {
            return Ok(());
        }
        Err(ReadError::KeyChanged {
            snapshot_id: SnapshotId::new(step.snapshot.snapshot_id()),
            before: columns::names_of(&self.table, &self.identifier_ids).join(", "),
            now: columns::names_of(&self.table, &now).join(", "),
        })
    }

    async fn changes_of(&self, step: &Step, schema: &TableSchemaRef, output: Projection) -> Result<Changes> {
        let files = snapshot_changes(&self.table, &step.snapshot, step.parent.as_ref()).await?;
        if files.is_empty() {
            return Ok(Changes::None);
        }
        let is_replace = step.snapshot.summary().operation == Operation::Replace;
        if is_replace && self.is_believed(step, &files).await? {
            return Ok(Changes::None);
        }
        // By what it did, not by its label: an overwrite that only adds is as good as an append. Whether deletes
        // that it added hit anything is not looked at, so that this mode costs the new files only.
        if self.options.mode == Mode::Append && !is_replace && !files.only_adds_data() {
            return Err(self.non_append(step));
        }
        let limit = KeySetLimit { bytes_max: self.options.memory_limit_bytes / 2 };
        let rows = row_changes(&self.table, &step.snapshot, step.parent.as_ref(), &files, limit).await?;
        if rows.removed.is_empty() && !is_replace {
            let filter = self.filter.clone();
            return Ok(Changes::Inserts { sources: rows.added.into(), output, filter, rows: None });
        }
        let with_lineage = self.key.is_empty() && self.table.metadata().format_version() == FormatVersion::V3;
        let (output, n_filter) = match &self.filter {
            Some(filter) => (filter.extend(&self.table, output)?, filter.field_ids().len()),
            None => (output, 0),
        };
        let layout = Layout::new(&self.table, schema, &self.key, with_lineage, output, n_filter)?;
        let settings = Settings {
            duplicate_keys: self.options.duplicate_keys,
            memory_limit_bytes: self.options.memory_limit_bytes,
            batch_rows: self.options.batch_rows,
            first_new_row_id: step.snapshot.row_range().map(|(first, _)| first),
        };
        let set = ChangeSet::resolve(&self.table, rows, layout, settings).await.map_err(|error| match error {
            ResolveError::Read(error) => error,
            ResolveError::DuplicateKey => ReadError::DuplicateKey {
                snapshot_id: SnapshotId::new(step.snapshot.snapshot_id()),
                key: self.header.key.join(", "),
            },
        })?;
        if is_replace { self.replaced(step, set) } else { Ok(self.resolved(set)) }
    }

    /// The label `replace` is believed, or proved right.
    async fn is_believed(&self, step: &Step, files: &SnapshotChanges) -> Result<bool> {
        match (self.options.replace_check, &step.parent) {
            (ReplaceCheck::Trust, _) => Ok(true),
            (ReplaceCheck::Metadata, Some(parent)) => {
                replace::is_proved_unchanged(&self.table, &step.snapshot, parent, files).await
            }
            _ => Ok(false),
        }
    }

    fn replaced(&self, step: &Step, set: ChangeSet) -> Result<Changes> {
        let (n_added, n_removed) = set.counts();
        if n_added == 0 && n_removed == 0 {
            return Ok(Changes::None);
        }
        let snapshot_id = SnapshotId::new(step.snapshot.snapshot_id());
        match self.options.on_replace_mismatch {
            OnReplaceMismatch::Fail => Err(ReadError::ReplaceMismatch { snapshot_id, n_added, n_removed }),
            OnReplaceMismatch::Ignore => {
                warn!(table = self.table.name(), %snapshot_id, n_added, n_removed, "changes of a replace snapshot ignored");
                Ok(Changes::None)
            }
            OnReplaceMismatch::Emit if self.options.mode == Mode::Append => Err(self.non_append(step)),
            OnReplaceMismatch::Emit => {
                warn!(table = self.table.name(), %snapshot_id, n_added, n_removed, "replace snapshot changed rows");
                Ok(self.resolved(set))
            }
        }
    }

    fn resolved(&self, set: ChangeSet) -> Changes {
        Changes::Resolved { set: Box::new(set), filter: self.filter.clone() }
    }

    fn non_append(&self, step: &Step) -> ReadError {
        ReadError::NonAppend {
            snapshot_id: SnapshotId::new(step.snapshot.snapshot_id()),
            operation: step.snapshot.summary().operation.as_str().to_owned(),
        }
    }
}

impl Current {
    async fn next(
        &mut self,
        table: &Table,
        batch_rows: usize,
    ) -> Result<Option<(Vec<ChangelogOperation>, RecordBatch)>> {
        let inserts = |rows: RecordBatch| (vec![ChangelogOperation::Insert; rows.num_rows()], rows);
        match &mut self.changes {
            Changes::None => Ok(None),
            Changes::Full(rows) => Ok(rows.next().await?.map(inserts)),
            Changes::Resolved { set, filter } => match (set.next().await?, filter) {
                (Some((operations, rows)), Some(filter)) => Ok(Some(filter.apply(&operations, &rows)?)),
                (changes, _) => Ok(changes),
            },
            Changes::Inserts { sources, output, filter, rows } => loop {
                if let Some(open) = rows {
                    if let Some(batch) = open.next_rows().await? {
                        return Ok(Some(inserts(batch)));
                    }
                    *rows = None;
                }
                let Some(source) = sources.pop_front() else { return Ok(None) };
                let filter = filter.as_ref().map(|filter| &filter.rows);
                *rows = Some(source.read_matching(table, output, filter, batch_rows).await?);
            },
        }
    }
}

/// The batch without the kinds that are not wanted; `None` if nothing is left.
fn without_kinds(
    operations: Vec<ChangelogOperation>,
    rows: RecordBatch,
    drop_kinds: &[ChangelogOperation],
    snapshot: &Arc<SnapshotInfo>,
) -> Result<Option<ChangeBatch>> {
    let batch = if operations.iter().any(|operation| drop_kinds.contains(operation)) {
        let mask: BooleanArray = operations.iter().map(|operation| Some(!drop_kinds.contains(operation))).collect();
        let rows =
            filter_record_batch(&rows, &mask).map_err(|error| TableError::Internal { detail: error.to_string() })?;
        let operations = operations.into_iter().filter(|operation| !drop_kinds.contains(operation)).collect();
        ChangeBatch { snapshot: snapshot.clone(), operations, rows }
    } else {
        ChangeBatch { snapshot: snapshot.clone(), operations, rows }
    };
    Ok((!batch.operations.is_empty()).then_some(batch))
}

//! What a stream lends to a scan that several streams share: where it stands between two snapshots, and streams like it
//! that go on from there.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use frazil_table::lineage::Lineage;
use frazil_table::{FieldId, SnapshotId, Table, TableError};

use super::{ChangeStream, start, without_kinds};
use crate::Result;
use crate::columns;
use crate::delivery::Reading;
use crate::event::{ChangeBatch, ChangelogOperation, SnapshotInfo};
use crate::filter::{ChangeFilter, Updates};
use crate::follow::{Plan, plan, plan_range};
use crate::lanes::{Ahead, StreamLanes};
use crate::options::{From, Mode, ReadOptions, To};
use crate::position::{Base, Position, Stand};
use crate::shared::{Boundary, Needs, PathStep, Union};
use crate::standing::{Markers, Standing};
use crate::upsert::nullable_schema;

impl ChangeStream {
    /// The options that it was opened with.
    pub(crate) fn options(&self) -> &ReadOptions {
        &self.reading.options
    }

    /// The state of the table that it knows.
    pub(crate) fn table(&self) -> &Table {
        &self.reading.table
    }

    /// The filter of its changes.
    pub(crate) fn filter(&self) -> Option<&ChangeFilter> {
        self.reading.filter.as_ref()
    }

    /// The key, by which deletes are told where they have nothing else.
    pub(crate) fn key_ids(&self) -> &[FieldId] {
        &self.key
    }

    /// The id of the one schema of all rows, if they have one.
    pub(crate) fn pinned_schema_id(&self) -> Option<i32> {
        self.reading.pinned_schema.as_ref().map(|schema| schema.schema_id())
    }

    /// The lanes that it reads.
    pub(crate) fn lanes(&self) -> &StreamLanes {
        &self.reading.lanes
    }

    /// What has to be read for it.
    pub(crate) fn needs(&self) -> Needs {
        let Reading { options, output_ids, filter, .. } = &self.reading;
        Needs {
            columns: output_ids.clone(),
            filter: filter.as_ref().map(|filter| filter.rows.clone()),
            readers: options.readers,
            memory_limit_bytes: options.memory_limit_bytes,
        }
    }

    /// Where it stands, if that is between two snapshots and the next one is read as any stream from there would read
    /// it; with its position and the ordinal of the next snapshot.
    pub(crate) fn boundary(&self) -> Option<(Boundary, Position)> {
        if self.current.is_some() || self.resumed.is_some() {
            return None;
        }
        let position = self.position()?;
        let stand = position.only().filter(|stand| stand.cursor.is_none())?;
        // Of a table that has nothing yet, schema and key are those of the first snapshot that comes.
        let is_settled = stand.base != Base::Empty || !self.steps.is_empty();
        let boundary = Boundary::of(stand);
        is_settled.then_some((boundary, position))
    }

    /// The snapshots that are planned and not begun.
    pub(crate) fn path(&self) -> Vec<PathStep> {
        self.steps.iter().map(PathStep::of).collect()
    }

    /// How many snapshots are planned and not begun.
    pub(crate) fn n_planned(&self) -> usize {
        self.steps.len()
    }

    /// The schema in which rows are shown that have this schema in `table`.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if a key column is not among the columns; [`TableError::Internal`] if the table
    /// does not have the schema.
    pub(crate) fn shown(&self, table: &Table, schema_id: i32) -> Result<SchemaRef> {
        let schema = match &self.reading.pinned_schema {
            Some(pinned) => pinned,
            None => table.metadata().schema_by_id(schema_id).ok_or_else(|| TableError::Internal {
                detail: format!("rows have the schema `{schema_id}`, which the table does not have"),
            })?,
        };
        let output = columns::output(table, schema, self.reading.output_ids.as_deref())?;
        match self.header.exact_before {
            true => Ok(output.arrow_schema().clone()),
            false => nullable_schema(output.arrow_schema(), &self.key, &self.header.key),
        }
    }

    /// The changes without the kinds that are not wanted; `None` if nothing is left.
    pub(crate) fn wanted(
        &self,
        operations: Vec<ChangelogOperation>,
        rows: arrow_array::RecordBatch,
        snapshot: &Arc<SnapshotInfo>,
    ) -> Result<Option<ChangeBatch>> {
        without_kinds(operations, rows, &self.reading.options.drop_kinds, snapshot)
    }

    /// The same stream, going on in `table` from a position of it: with its columns, filter and key, whatever their
    /// names are by now.
    ///
    /// # Errors
    /// As for [`read_changes`](super::read_changes).
    pub(crate) fn again(&self, table: &Table, position: &Position) -> Result<Self> {
        self.reopened(table, position, self.reading.options.clone(), self.is_finished)
    }

    /// A stream without an end that several may read: what it reads is told by [`ChangeStream::read_for`].
    ///
    /// # Errors
    /// As for [`read_changes`](super::read_changes).
    pub(crate) fn for_sharing(&self, position: &Position) -> Result<Self> {
        let options = ReadOptions { to: To::Latest, drop_kinds: Vec::new(), ..self.reading.options.clone() };
        self.reopened(self.table(), position, options, false)
    }

    /// From the next snapshot on, reads what these need.
    pub(crate) fn read_for(&mut self, union: &Union) {
        let reading = &mut self.reading;
        reading.output_ids.clone_from(&union.columns);
        reading.hidden_ids.clone_from(&union.hidden);
        // In a keyed stream a row that does not match is a delete, so that all rows are read anyway.
        let filter = union.filter.as_ref().filter(|_| reading.options.mode != Mode::Upsert);
        reading.filter = filter.map(|rows| ChangeFilter { rows: rows.clone(), updates: Updates::Whole });
        reading.options.readers = union.readers;
        reading.options.memory_limit_bytes = union.memory_limit_bytes;
    }

    fn reopened(&self, table: &Table, position: &Position, options: ReadOptions, is_range: bool) -> Result<Self> {
        let options = ReadOptions { from: From::Position(Box::new(position.clone())), ..options };
        let table = table.clone().with_cache_of(self.table());
        let lineage = Lineage::of_branch(table.metadata(), table.metadata_location(), &options.branch)?;
        let (planned, _) = start(&table, &options)?;
        let Plan { steps, before, planned, is_finished } = match is_range {
            true => plan_range(&table, &lineage, &planned, &options)?,
            false => plan(&table, &lineage, &planned, &options)?,
        };
        let stand = position.oldest();
        let watermark_ms = stand.snapshot_watermark_ms.unwrap_or(i64::MIN);
        let standing = Standing {
            base: before,
            key: stand.key.clone(),
            identifier_ids: stand.identifier_ids.clone(),
            schema_id: stand.schema_id,
            ordinal: stand.ordinal,
            watermark_ms,
        };
        Ok(Self {
            reading: Reading {
                table,
                options,
                pinned_schema: self.reading.pinned_schema.clone(),
                output_ids: self.reading.output_ids.clone(),
                hidden_ids: Vec::new(),
                filter: self.reading.filter.clone(),
                lanes: self.reading.lanes.clone(),
                counters: self.reading.counters.clone(),
            },
            steps: VecDeque::from(steps),
            planned,
            is_finished,
            schema_id: stand.schema_id,
            header: self.header.clone(),
            key: stand.key.clone(),
            identifier_ids: stand.identifier_ids.clone(),
            n_started: stand.ordinal,
            watermark_ms,
            standing,
            resumed: stand.cursor,
            ahead: Ahead::default(),
            alignment: None,
            current: None,
            markers: Markers::default(),
        })
    }
}

impl Boundary {
    /// That of a position between two snapshots.
    pub(crate) fn of(stand: &Stand) -> Self {
        Self {
            base: stand.base,
            key: stand.key.clone(),
            identifier_ids: stand.identifier_ids.clone(),
            schema_id: stand.schema_id,
        }
    }
}

impl PathStep {
    fn of(step: &crate::range::Step) -> Self {
        let id = |snapshot: &iceberg::spec::SnapshotRef| SnapshotId::new(snapshot.snapshot_id());
        Self {
            snapshot_id: id(&step.snapshot),
            parent_id: step.parent.as_ref().map(id),
            is_full: step.is_full,
            detour: step.detour,
        }
    }
}

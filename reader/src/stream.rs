//! The changes of a range of snapshots, one after the other, and of those that follow.

mod share;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use async_recursion::async_recursion as boxed;
use frazil_table::lineage::{Lineage, check_table_uuid};
use frazil_table::scan::Projection;
use frazil_table::{FieldId, SnapshotId, Table, TableError};
use iceberg::spec::SchemaRef as TableSchemaRef;

use crate::alignment::AlignmentMember;
use crate::delivery::{Changes, Demand, Pairing, Reading};
use crate::engine::EngineStats;
use crate::error::ReadError;
use crate::event::{ChangeBatch, ChangelogOperation, Event, Phase, SnapshotInfo, StreamHeader};
use crate::follow::{Plan, Planned, mark, plan, plan_range};
use crate::lanes::{Ahead, Done, Lanes, Route, Selection, StreamLanes};
use crate::options::{From, Mode, OnKeyChange, ReadOptions, SchemaMode};
use crate::place::{Delivered, Place};
use crate::position::{Base, Cursor, CursorPlace, Parts, Position, Stand};
use crate::range::{Detour, Step};
use crate::resume::Consumed;
use crate::rows::pinned;
use crate::standing::{Markers, Standing};
use crate::upsert::nullable_schema;
use crate::{Result, columns};

/// Opens the changes of a range of snapshots.
///
/// With [`From::Position`] it goes on from there: the same rows come in the same order as if the stream of the position
/// had not ended, whatever columns, filters, kinds, limits and sizes of batches are asked for now.
///
/// # Errors
/// [`TableError::SnapshotExpired`] or [`TableError::LineageBroken`] if the start is not on the branch any
/// more; [`TableError::InvalidRequest`] if a column, snapshot, tag or branch is not there, or mode `upsert` has no key;
/// [`TableError::TableReplaced`] and [`ReadError::ConfigChanged`] if a position is of another table or other options.
#[boxed]
pub async fn read_changes(table: &Table, options: ReadOptions) -> Result<ChangeStream> {
    let lineage = Lineage::of_branch(table.metadata(), table.metadata_location(), &options.branch)?;
    let (planned, resumed) = start(table, &options)?;
    let plan = plan_range(table, &lineage, &planned, &options)?;
    ChangeStream::open(table, &lineage, options, plan, resumed).await
}

/// Opens the changes of a table that grows: [`ChangeStream::next`] gives `None` when all that there is has been
/// delivered, and [`ChangeStream::extend`] takes a newer state of the table. [`To::Latest`](crate::To::Latest) is no
/// end; another may lie ahead of the table.
///
/// # Errors
/// As for [`read_changes`]; [`TableError::InvalidRequest`] for [`Mode::Net`], which needs an end.
#[boxed]
pub async fn follow_changes(table: &Table, options: ReadOptions) -> Result<ChangeStream> {
    if options.mode == Mode::Net {
        return Err(
            TableError::invalid("mode `net` sums up a range and needs its end; it cannot follow a table").into()
        );
    }
    let lineage = Lineage::of_branch(table.metadata(), table.metadata_location(), &options.branch)?;
    let (planned, resumed) = start(table, &options)?;
    let plan = plan(table, &lineage, &planned, &options)?;
    ChangeStream::open(table, &lineage, options, plan, resumed).await
}

/// A position like another, of the same table with the same options, at another place: the next snapshot is the one
/// that a stream from there would begin with. Ordinals go on from where the other one was.
///
/// # Errors
/// As for [`read_changes`]; [`TableError::InvalidRequest`] if the table has nothing there to start with yet.
pub fn position_at(table: &Table, other: &Position, from: &From) -> Result<Position> {
    check_table_uuid(table.metadata(), other.table_uuid)?;
    let lineage = Lineage::of_branch(table.metadata(), table.metadata_location(), &other.branch)?;
    let options = ReadOptions { branch: other.branch.clone(), ..ReadOptions::default() };
    let Some(base) = plan(table, &lineage, &Planned::Start(from.clone()), &options)?.before else {
        return Err(TableError::invalid("the table has no snapshot there yet; choose latest, or wait for it").into());
    };
    let snapshot = match base {
        Base::Complete(mark) | Base::InitialScan(mark) => table.metadata().snapshot_by_id(mark.snapshot_id.get()),
        Base::Empty => lineage.snapshots().first(),
    };
    let schema = match snapshot {
        Some(snapshot) => table.schema_of(snapshot)?,
        None => table.metadata().current_schema().clone(),
    };
    let at = Stand {
        identifier_ids: identifier_ids(&schema),
        base,
        cursor: None,
        schema_id: schema.schema_id(),
        snapshot_watermark_ms: None,
        ..other.oldest().clone()
    };
    Ok(Position { parts: Parts::one(other.lanes().range, at), ..other.clone() })
}

/// Where a stream goes on.
#[derive(Debug, Default)]
struct Resumed {
    /// Where the lanes stand that are furthest behind, if the stream had begun there.
    oldest: Option<Stand>,
    /// The others.
    ahead: Ahead,
    /// The route, which is chosen once.
    route: Option<Route>,
}

/// Where to start planning, and where to go on.
fn start(table: &Table, options: &ReadOptions) -> Result<(Planned, Resumed)> {
    StreamLanes::check(options.lanes.as_ref())?;
    let From::Position(position) = &options.from else {
        return Ok((Planned::Start(options.from.clone()), Resumed::default()));
    };
    position.check(table, options)?;
    let position = position.part(options.lanes.as_ref().unwrap_or(&Lanes::SINGLE).range.clone())?;
    let oldest = position.oldest().clone();
    let started = oldest.cursor.map(|cursor| cursor.snapshot_id);
    let planned = Planned::After(Consumed { base: oldest.base, started });
    let ahead = Ahead::of(position.parts.iter().cloned(), &oldest);
    // Where nothing has been seen of a table, its schema and key are not known either.
    let is_fresh = oldest.base == Base::Empty && started.is_none();
    Ok((planned, Resumed { oldest: (!is_fresh).then_some(oldest), ahead, route: position.lanes().route }))
}

fn identifier_ids(schema: &TableSchemaRef) -> Vec<FieldId> {
    let mut ids: Vec<FieldId> = schema.identifier_field_ids().map(FieldId::new).collect();
    ids.sort_unstable();
    ids
}

/// Changes, in order. Snapshots are read one after the other; with one reader nothing is read ahead of what was asked for,
/// with several only files of the snapshot that is being delivered.
pub struct ChangeStream {
    reading: Reading,
    steps: VecDeque<Step>,
    planned: Planned,
    is_finished: bool,
    /// Schema of the last batch.
    schema_id: i32,
    header: StreamHeader,
    key: Vec<FieldId>,
    identifier_ids: Vec<FieldId>,
    n_started: u64,
    watermark_ms: i64,
    standing: Standing,
    /// How far an earlier stream got with the snapshot that comes first.
    resumed: Option<Cursor>,
    /// Lanes that an earlier stream brought further.
    ahead: Ahead,
    /// Says when a snapshot may begin.
    alignment: Option<AlignmentMember>,
    current: Option<Current>,
    markers: Markers,
}

impl std::fmt::Debug for ChangeStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangeStream").field("options", &self.reading.options).finish_non_exhaustive()
    }
}

/// The snapshot whose changes are being delivered, or, in `net` mode, the whole range.
struct Current {
    steps: Vec<Step>,
    snapshot: Arc<SnapshotInfo>,
    watermark_ms: i64,
    pairing: Pairing,
    output: Projection,
    /// Schema of the batches.
    shown: SchemaRef,
    /// Columns that decide the lane of a row, with route `key`.
    lane_key: Vec<FieldId>,
    /// Lanes that have something of it already.
    ahead: Vec<(Range<u16>, Done)>,
    /// `None` while they are not open: at first, and after an error.
    changes: Option<Changes>,
    /// What has been handled.
    place: Option<Place>,
}

/// What begins, before anything of the stream is changed.
struct Opening {
    current: Current,
    /// Key and identifier fields from here on, if they are others.
    new_key: Option<(Vec<FieldId>, Vec<FieldId>)>,
}

/// The schema of the step's snapshot has all of these fields.
fn has_columns(table: &Table, step: &Step, ids: &[FieldId]) -> Result<bool> {
    let schema = table.schema_of(&step.snapshot)?;
    Ok(ids.iter().all(|id| schema.field_by_id(id.get()).is_some()))
}

/// The one schema of all rows, if they have one.
fn pinned_schema(table: &Table, options: &ReadOptions, steps: &[Step]) -> Result<Option<TableSchemaRef>> {
    Ok(match (options.schema, steps.last()) {
        (SchemaMode::Pinned(id), _) => Some(pinned(table, id)?),
        (SchemaMode::PinnedToEnd, Some(last)) => Some(table.schema_of(&last.snapshot)?),
        (SchemaMode::PinnedToEnd, None) => Some(table.metadata().current_schema().clone()),
        // Images of a range have one schema, that of its end.
        (SchemaMode::Follow, Some(last)) if options.mode == Mode::Net => Some(table.schema_of(&last.snapshot)?),
        (SchemaMode::Follow, _) => None,
    })
}

/// The schema of the first rows, or the one that was told last.
fn start_schema(table: &Table, lineage: &Lineage, steps: &[Step], resumed: Option<&Stand>) -> Result<TableSchemaRef> {
    let told = resumed.and_then(|stand| table.metadata().schema_by_id(stand.schema_id)).cloned();
    // What has begun was announced with its schema.
    let first = steps.first().map(|step| &step.snapshot).filter(|first| {
        let cursor = resumed.and_then(|stand| stand.cursor);
        let announced = cursor.filter(|cursor| cursor.place != CursorPlace::Begun { n_told: 0 });
        told.is_none() || announced.is_some_and(|cursor| cursor.snapshot_id.get() == first.snapshot_id())
    });
    Ok(match (first, told) {
        (Some(first), _) => table.schema_of(first)?,
        (None, Some(told)) => told,
        (None, None) => match lineage.head() {
            Some(head) => table.schema_of(head)?,
            None => table.metadata().current_schema().clone(),
        },
    })
}

impl ChangeStream {
    async fn open(
        table: &Table,
        lineage: &Lineage,
        options: ReadOptions,
        plan: Plan,
        resumed: Resumed,
    ) -> Result<Self> {
        let Plan { steps, before, planned, is_finished } = plan;
        let Resumed { oldest: resumed, ahead, route } = resumed;
        let resumed = resumed.as_ref();
        let n_started = resumed.map_or(0, |stand| stand.ordinal);
        // A range is one step, and around what is gone there are others: they are looked at when they begin.
        if options.mode != Mode::Net && steps.iter().all(|step| step.detour.is_none()) {
            ahead.check(n_started, before, &steps)?;
        }
        let pinned_schema = pinned_schema(table, &options, &steps)?;
        let start_schema = start_schema(table, lineage, &steps, resumed)?;
        // Rows that are only added have no need of a key, but for their lanes.
        let may_need_key = |lanes: &Lanes| matches!(lanes.route.or(route), None | Some(Route::Key));
        let needs_key = options.mode != Mode::Append || options.lanes.as_ref().is_some_and(may_need_key);
        let key = match resumed {
            _ if !needs_key => Vec::new(),
            Some(stand) => stand.key_of(table, &start_schema, &options)?,
            None => columns::key_ids(table, &start_schema, lineage.head(), options.key.as_deref()).await?,
        };
        let lanes = StreamLanes::resolve(options.lanes.as_ref(), route, table, &key, options.mode)?;
        if options.mode == Mode::Upsert && key.is_empty() {
            return Err(TableError::invalid(format!(
                "mode `upsert` needs a key, and table `{}` has neither identifier fields nor equality deletes over one \
                 set of columns; name the columns with --key",
                table.name()
            ))
            .into());
        }
        let output_schema = pinned_schema.clone().unwrap_or_else(|| start_schema.clone());
        let exact_before = options.mode != Mode::Upsert;
        let reading = Reading::new(table, options, pinned_schema, &output_schema, lanes)?;
        let key_names = match reading.options.mode {
            Mode::Append => Vec::new(),
            _ => columns::names_of(table, &key),
        };
        let output = reading.output(&output_schema)?;
        let schema = match exact_before {
            true => output.arrow_schema().clone(),
            false => nullable_schema(output.arrow_schema(), &key, &key_names)?,
        };
        let StreamLanes { route, n_lanes, range } = reading.lanes.clone();
        let lanes = Lanes { route: Some(route), n_lanes, range };
        let header = StreamHeader { schema, schema_id: output_schema.schema_id(), key: key_names, lanes, exact_before };
        let identifier_ids =
            resumed.map_or_else(|| identifier_ids(&start_schema), |stand| stand.identifier_ids.clone());
        let watermark_ms = resumed.and_then(|stand| stand.snapshot_watermark_ms).unwrap_or(i64::MIN);
        // The announcement of a schema is left out where it was made, and not because nothing changes.
        let schema_id = match resumed {
            Some(stand) if reading.pinned_schema.is_none() => stand.schema_id,
            _ => header.schema_id,
        };
        let standing = Standing {
            base: before,
            key: key.clone(),
            identifier_ids: identifier_ids.clone(),
            schema_id,
            ordinal: n_started,
            watermark_ms,
        };
        Ok(Self {
            reading,
            steps: steps.into(),
            planned,
            is_finished,
            schema_id,
            header,
            key,
            identifier_ids,
            n_started,
            watermark_ms,
            standing,
            resumed: resumed.and_then(|stand| stand.cursor),
            ahead,
            alignment: None,
            current: None,
            markers: Markers::default(),
        })
    }

    /// What the stream is.
    pub fn header(&self) -> &StreamHeader {
        &self.header
    }

    /// What the readers of the stream have done so far.
    pub fn engine_stats(&self) -> EngineStats {
        self.reading.counters.stats()
    }

    /// From now on snapshots begin only when the group of `member` lets them: [`ChangeStream::next`] waits for streams
    /// that are too far behind. Its place is given up when the stream is dropped.
    pub fn align(&mut self, mut member: AlignmentMember) {
        let watermark_ms = Some(self.standing.watermark_ms).filter(|time_ms| *time_ms != i64::MIN);
        member.stands_at(self.standing.ordinal, watermark_ms);
        self.alignment = Some(member);
    }

    /// Nothing can come after what [`ChangeStream::next`] still gives, however the table grows.
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Goes on with `table`, a newer state of the table that was opened. What has been delivered stays delivered.
    ///
    /// # Errors
    /// [`TableError::TableReplaced`] if it is another table; [`TableError::SnapshotExpired`] or
    /// [`TableError::LineageBroken`] if it does not go on from what was delivered. The stream is as it was.
    #[boxed]
    pub async fn extend(&mut self, table: &Table) -> Result<()> {
        let old = &self.reading.table;
        check_table_uuid(table.metadata(), old.metadata().uuid())?;
        if self.is_finished {
            return Ok(());
        }
        let table = table.clone().with_cache_of(old);
        let branch = &self.reading.options.branch;
        let lineage = Lineage::of_branch(table.metadata(), table.metadata_location(), branch)?;
        let plan = plan(&table, &lineage, &self.planned, &self.reading.options)?;
        let has_nothing = match &self.planned {
            Planned::Start(_) => true,
            Planned::After(consumed) => consumed.base == Base::Empty,
        };
        if has_nothing && self.n_started == 0 && self.steps.is_empty() && self.resumed.is_none() {
            // Now the stream starts: its schema and key are those of the first snapshot.
            let mut options = self.reading.options.clone();
            // Whoever reads has been told of one schema for all that comes.
            if options.schema == SchemaMode::PinnedToEnd {
                options.schema = SchemaMode::Pinned(self.schema_id);
            }
            let header = self.header.clone();
            let schema_id = self.schema_id;
            let route = Some(self.reading.lanes.route);
            let resumed = Resumed { ahead: self.ahead.clone(), route, ..Resumed::default() };
            let opened = Self::open(&table, &lineage, options, plan, resumed).await?;
            let alignment = self.alignment.take();
            *self = Self { header, alignment, ..opened };
            self.schema_id = schema_id;
            self.standing.schema_id = schema_id;
            return Ok(());
        }
        self.reading.table = table;
        self.steps.extend(plan.steps);
        self.planned = plan.planned;
        self.is_finished = plan.is_finished;
        Ok(())
    }

    /// From the next batch on, batches have so many rows at most. What a snapshot changed is computed anew if that has
    /// begun.
    pub fn set_batch_rows(&mut self, batch_rows: usize) {
        self.reading.options.batch_rows = batch_rows;
        if let Some(current) = &mut self.current {
            current.changes = None;
        }
    }

    /// Where the stream stands after the event that [`ChangeStream::next`] gave last: a stream that is opened with it
    /// goes on with the very next row. `None` while the table has no snapshot to start with; the start is looked for
    /// anew then.
    ///
    /// In mode `net` a range is delivered as a whole, and its position is that before it until it is complete.
    pub fn position(&self) -> Option<Position> {
        let Reading { table, options, lanes, .. } = &self.reading;
        let cursor = match &self.current {
            Some(_) if options.mode == Mode::Net => None,
            Some(current) => current.cursor(&self.markers),
            None => self.resumed,
        };
        self.standing.position(table, options, lanes, cursor, &self.ahead)
    }

    /// The next event; `None` at the end of the range, or of what there is so far.
    ///
    /// After an error the stream can be asked again, and goes on with the very next row: what a snapshot changed is
    /// computed anew, and the rows that were handled are not read again. The same holds if the future is dropped.
    ///
    /// # Errors
    /// As for [`frazil_table::changes::row_changes`]; [`ReadError::ReplaceMismatch`], [`ReadError::DuplicateKey`],
    /// [`ReadError::KeyChanged`] and [`ReadError::NonAppend`] as the options say.
    #[boxed]
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.markers.next() {
                return Ok(Some(event));
            }
            if let Some(current) = &mut self.current {
                if let Some((operations, rows)) = current.next(&self.reading).await? {
                    let drop_kinds = &self.reading.options.drop_kinds;
                    if let Some(batch) = without_kinds(operations, rows, drop_kinds, &current.snapshot)? {
                        return Ok(Some(Event::Changes(batch)));
                    }
                    continue;
                }
                // Snapshots that expired meanwhile may have had a higher one.
                self.watermark_ms = self.watermark_ms.max(current.watermark_ms);
                let end =
                    Event::SnapshotEnd { snapshot: current.snapshot.clone(), snapshot_watermark_ms: self.watermark_ms };
                self.standing = Standing {
                    base: current.steps.last().map(|step| Base::Complete(mark(&step.snapshot))),
                    key: self.key.clone(),
                    identifier_ids: self.identifier_ids.clone(),
                    schema_id: self.schema_id,
                    ordinal: self.n_started,
                    watermark_ms: self.watermark_ms,
                };
                if let Some(member) = &self.alignment {
                    member.complete(current.snapshot.ordinal, self.watermark_ms);
                }
                self.current = None;
                return Ok(Some(end));
            }
            let n_steps = if self.reading.options.mode == Mode::Net { self.steps.len() } else { 1 };
            let steps: Vec<Step> = self.steps.iter().take(n_steps).cloned().collect();
            let Some(last) = steps.last() else {
                if let Some(member) = &self.alignment {
                    member.idle();
                }
                return Ok(None);
            };
            if let Some(member) = &self.alignment {
                member.begin(self.n_started, last.watermark_ms).await;
            }
            let opening = self.opening(steps).await?;
            self.steps.drain(..n_steps);
            self.begin(opening);
        }
    }

    /// Everything that has to be known before the first row of some steps. Changes nothing: `&mut`, since rows that are
    /// being decoded must not be shared between threads, and the future is to be `Send`.
    async fn opening(&mut self, steps: Vec<Step>) -> Result<Opening> {
        let internal = || TableError::Internal { detail: "a stream without a snapshot".to_owned() };
        let (first, last) = (steps.first().ok_or_else(internal)?, steps.last().ok_or_else(internal)?);
        let output_schema = self.reading.output_schema(last)?;
        let output = self.reading.output(&output_schema)?;
        let new_key = self.key_change(&steps).await?;
        let is_net = self.reading.options.mode == Mode::Net;
        let pairing = match &new_key {
            _ if self.reading.options.mode == Mode::Append => Pairing::RowId,
            // Rows before and after have no key in common.
            Some(_) => Pairing::Never,
            None if is_net && self.key.is_empty() => Pairing::Never,
            // A column that the snapshot's schema has dropped is in older files only: by it no row would be what it was.
            None if self.header.exact_before && !has_columns(&self.reading.table, last, &self.key)? => Pairing::Never,
            None => Pairing::by(&self.key),
        };
        let shown = match self.header.exact_before {
            true => output.arrow_schema().clone(),
            false => nullable_schema(output.arrow_schema(), &self.key, &self.header.key)?,
        };
        let snapshot = Arc::new(SnapshotInfo {
            snapshot_id: SnapshotId::new(last.snapshot.snapshot_id()),
            parent_snapshot_id: match (first.detour, &first.parent) {
                (Some(Detour::Leap | Detour::Undo), Some(before)) => Some(SnapshotId::new(before.snapshot_id())),
                _ => first.snapshot.parent_snapshot_id().map(SnapshotId::new),
            },
            sequence_number: last.snapshot.sequence_number(),
            timestamp_ms: last.snapshot.timestamp_ms(),
            operation: last.snapshot.summary().operation.as_str().to_owned(),
            schema_id: output_schema.schema_id(),
            ordinal: self.n_started,
            phase: match first.detour {
                _ if first.is_full => Phase::Full,
                Some(Detour::Skip { .. } | Detour::Leap) => Phase::Gap,
                Some(Detour::Undo) => Phase::Rollback,
                Some(Detour::Restart { .. }) | None => Phase::Incremental,
            },
        });
        let watermark_ms = last.watermark_ms;
        let place = self.resumed_place(first)?;
        let ahead = self.ahead_in(&steps)?;
        let lane_key = new_key.as_ref().map_or_else(|| self.key.clone(), |(key, _)| key.clone());
        let mut current =
            Current { steps, snapshot, watermark_ms, pairing, output, shown, lane_key, ahead, changes: None, place };
        current.changes = Some(current.open(&self.reading).await?);
        Ok(Opening { current, new_key })
    }

    /// What lanes that are ahead have got of these steps.
    fn ahead_in(&self, steps: &[Step]) -> Result<Vec<(Range<u16>, Done)>> {
        if self.ahead.is_empty() {
            return Ok(Vec::new());
        }
        match steps.first().and_then(|first| first.detour) {
            Some(Detour::Restart { .. }) => return Ok(Vec::new()),
            Some(detour) => self.ahead.check_detour(self.n_started, detour)?,
            None => {}
        }
        // The steps of a range are one.
        let last = if self.reading.options.mode == Mode::Net { steps.len().saturating_sub(1) } else { 0 };
        self.ahead.check(self.n_started, self.standing.base, steps.get(last..).unwrap_or_default())?;
        Ok(self.ahead.of_snapshot(self.n_started))
    }

    /// How far an earlier stream got with the rows of this step, which comes first.
    fn resumed_place(&self, first: &Step) -> Result<Option<Place>> {
        match (self.resumed, first.detour) {
            // Nothing of what it delivered counts, or it will not come back.
            (None, _) | (_, Some(Detour::Restart { .. } | Detour::Skip { .. })) => Ok(None),
            (Some(cursor), _) if cursor.snapshot_id.get() == first.snapshot.snapshot_id() => match cursor.place {
                CursorPlace::Row(place) => Ok(Some(place)),
                CursorPlace::Begun { .. } => Ok(None),
            },
            (Some(cursor), _) => Err(TableError::SnapshotExpired {
                consumed: cursor.snapshot_id,
                oldest: SnapshotId::new(first.snapshot.snapshot_id()),
            }
            .into()),
        }
    }

    /// The key and the identifier fields from the last of these steps on, where the latter have changed.
    ///
    /// Updates are never paired across a change of the key, unless the key was named.
    async fn key_change(&mut self, steps: &[Step]) -> Result<Option<(Vec<FieldId>, Vec<FieldId>)>> {
        let Reading { table, options, .. } = &self.reading;
        if options.mode == Mode::Append || options.key.is_some() {
            return Ok(None);
        }
        let mut identifier = self.identifier_ids.clone();
        let mut changed = None;
        for step in steps {
            let schema = table.schema_of(&step.snapshot)?;
            let now = identifier_ids(&schema);
            if now == identifier {
                continue;
            }
            // A sink that keeps rows by the old key could not go on.
            if options.on_key_change == OnKeyChange::Fail || options.mode == Mode::Upsert {
                return Err(ReadError::KeyChanged {
                    snapshot_id: SnapshotId::new(step.snapshot.snapshot_id()),
                    before: columns::names_of(table, &identifier).join(", "),
                    now: columns::names_of(table, &now).join(", "),
                });
            }
            changed = Some((columns::key_ids(table, &schema, Some(&step.snapshot), None).await?, now.clone()));
            identifier = now;
        }
        Ok(changed)
    }

    fn begin(&mut self, opening: Opening) {
        let Opening { current, new_key } = opening;
        self.n_started += 1;
        let snapshot = &current.snapshot;
        let (mut first, mut others) = (None, Vec::new());
        if let Some(step) = current.steps.first() {
            if step.is_full {
                self.standing.base = Some(Base::InitialScan(mark(&step.snapshot)));
            }
            let event = detour_event(step, snapshot);
            match step.detour {
                Some(Detour::Restart { .. }) => {
                    first = event;
                    self.ahead = Ahead::default();
                }
                _ => others.extend(event),
            }
        }
        if self.schema_id != snapshot.schema_id {
            others.push(Event::SchemaChange {
                snapshot: snapshot.clone(),
                from: self.schema_id,
                to: snapshot.schema_id,
                schema: current.shown.clone(),
            });
            self.schema_id = snapshot.schema_id;
        }
        if let Some((key, identifier_ids)) = new_key {
            let names = |ids: &[FieldId]| columns::names_of(&self.reading.table, ids);
            others.push(Event::KeyChange { snapshot: snapshot.clone(), before: names(&self.key), now: names(&key) });
            self.key = key;
            self.identifier_ids = identifier_ids;
        }
        let resumed = self.resumed.take().filter(|cursor| cursor.snapshot_id == current.snapshot.snapshot_id);
        let is_void = first.is_some() || matches!(current.snapshot.phase, Phase::Gap) && resumed.is_none();
        self.markers = Markers::new(first, others, resumed.filter(|_| !is_void).map(|cursor| cursor.place));
        self.current = Some(current);
    }
}

/// What is told before a step that is not from a snapshot to the next.
fn detour_event(step: &Step, snapshot: &Arc<SnapshotInfo>) -> Option<Event> {
    let snapshot = snapshot.clone();
    let before = || step.parent.as_ref().map(|before| SnapshotId::new(before.snapshot_id()));
    Some(match step.detour? {
        Detour::Restart { consumed } => Event::Truncate { snapshot, consumed },
        Detour::Skip { consumed } => Event::Gap { snapshot, consumed, is_lossy: true },
        Detour::Leap => Event::Gap { snapshot, consumed: before(), is_lossy: false },
        Detour::Undo => Event::Rollback { snapshot, undone: before()? },
    })
}

impl Current {
    /// How far the snapshot has been delivered; `None` if nothing of it has been.
    fn cursor(&self, markers: &Markers) -> Option<Cursor> {
        let place = self.place.map(CursorPlace::Row).or_else(|| markers.place())?;
        Some(Cursor { snapshot_id: self.snapshot.snapshot_id, place })
    }

    async fn open(&mut self, reading: &Reading) -> Result<Changes> {
        let selection = Selection {
            lanes: reading.lanes.clone(),
            key: self.lane_key.clone(),
            after: self.place,
            ahead: self.ahead.clone(),
        };
        if selection.is_nothing() {
            return Ok(Changes::default());
        }
        let demand = Demand { pairing: &self.pairing, output: &self.output, selection: &selection };
        match (reading.options.mode, self.steps.as_slice()) {
            (Mode::Net, steps) => reading.net_changes(steps, demand).await,
            (_, [step]) if step.detour.is_some() && !step.is_full => reading.detour(step, demand).await,
            (_, [step]) => reading.changes(step, demand).await,
            _ => Err(TableError::Internal { detail: "changes of several snapshots at once".to_owned() }.into()),
        }
    }

    async fn next(&mut self, reading: &Reading) -> Result<Option<(Vec<ChangelogOperation>, RecordBatch)>> {
        // Put back only when all went well: what was read in part is read again.
        let mut changes = match self.changes.take() {
            Some(changes) => changes,
            None => self.open(reading).await?,
        };
        let next = loop {
            let Some(Delivered { operations, rows, place, .. }) = changes.next().await? else { break None };
            // A delete of a keyed stream has its key alone.
            let rows = if rows.schema_ref() == &self.shown { rows } else { reading.fit(&rows, &self.shown)? };
            self.place = Some(place);
            if !operations.is_empty() {
                break Some((operations, rows));
            }
        };
        self.changes = Some(changes);
        Ok(next)
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

// Streams are read by tasks that move between threads.
const _: fn(&Table, ReadOptions, ChangeStream) = |table, options, mut stream| {
    fn is_send(_: impl Send) {}
    is_send(read_changes(table, options.clone()));
    is_send(follow_changes(table, options));
    is_send(stream.next());
    is_send(stream.extend(table));
};

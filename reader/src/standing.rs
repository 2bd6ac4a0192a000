//! What a stream knows of where it stands, and what it has told before the first row of a snapshot.

use std::collections::VecDeque;

use frazil_table::lineage::check_table_uuid;
use frazil_table::{FieldId, Table};
use iceberg::spec::Schema;

use crate::error::ReadError;
use crate::event::Event;
use crate::lanes::{Ahead, Lanes, StreamLanes};
use crate::options::ReadOptions;
use crate::position::{Base, Config, Cursor, CursorPlace, Parts, Position, Stand};
use crate::{Result, columns};

/// The state of a stream after the last complete snapshot: what the next one is read with.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// `None` while the table has nothing to start with.
    pub(crate) base: Option<Base>,
    pub(crate) key: Vec<FieldId>,
    pub(crate) identifier_ids: Vec<FieldId>,
    pub(crate) schema_id: i32,
    /// Ordinal of the next snapshot.
    pub(crate) ordinal: u64,
    pub(crate) watermark_ms: i64,
}

impl Standing {
    /// The position here, or that far in the next snapshot, of lanes of which some may be ahead.
    pub(crate) fn position(
        &self,
        table: &Table,
        options: &ReadOptions,
        lanes: &StreamLanes,
        cursor: Option<Cursor>,
        ahead: &Ahead,
    ) -> Option<Position> {
        let current = Stand {
            key: self.key.clone(),
            identifier_ids: self.identifier_ids.clone(),
            base: self.base?,
            cursor,
            ordinal: self.ordinal,
            schema_id: self.schema_id,
            snapshot_watermark_ms: Some(self.watermark_ms).filter(|time_ms| *time_ms != i64::MIN),
            table_watermark_ms: None,
        };
        let parts = match ahead.is_empty() {
            true => Parts::one(lanes.range.clone(), current),
            false => Parts::new(ahead.parts(&lanes.range, &current)).ok()?,
        };
        Some(Position {
            table_uuid: table.metadata().uuid(),
            branch: options.branch.clone(),
            config: Config::of(options, lanes),
            parts,
        })
    }
}

impl Position {
    /// Refuses what belongs to another table, branch, or stream.
    ///
    /// # Errors
    /// [`TableError::TableReplaced`](frazil_table::TableError::TableReplaced), [`ReadError::ConfigChanged`].
    pub(crate) fn check(&self, table: &Table, options: &ReadOptions) -> Result<()> {
        check_table_uuid(table.metadata(), self.table_uuid)?;
        let wanted = options.lanes.as_ref().unwrap_or(&Lanes::SINGLE);
        // Whoever names no route takes this one.
        let route = wanted.route.unwrap_or(self.config.lanes().0);
        let lanes = StreamLanes { route, n_lanes: wanted.n_lanes, range: wanted.range.clone() };
        let mut changed = self.config.difference_to(&Config::of(options, &lanes));
        if self.branch != options.branch {
            changed = if changed.is_empty() { "branch".to_owned() } else { format!("branch, {changed}") };
        }
        if changed.is_empty() { Ok(()) } else { Err(ReadError::ConfigChanged { changed }) }
    }
}

impl Stand {
    /// The key of the stream, if it is the one that the options name, or they name none.
    ///
    /// # Errors
    /// [`ReadError::ConfigChanged`] if it is another; as [`columns::ids_of`].
    pub(crate) fn key_of(&self, table: &Table, schema: &Schema, options: &ReadOptions) -> Result<Vec<FieldId>> {
        if let Some(names) = &options.key
            && columns::ids_of(table, schema, names)? != self.key
        {
            return Err(ReadError::ConfigChanged { changed: "key".to_owned() });
        }
        Ok(self.key.clone())
    }
}

/// What is told before the first row of a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Markers {
    /// Not counted: a stream that goes on has no need of it again.
    first: Option<Event>,
    left: VecDeque<Event>,
    n_told: u64,
    /// Something of the snapshot has been told or delivered.
    has_begun: bool,
}

impl Markers {
    /// Those of a snapshot, without what an earlier stream has told of it.
    pub(crate) fn new(first: Option<Event>, others: Vec<Event>, resumed: Option<CursorPlace>) -> Self {
        let n_told = match resumed {
            None => 0,
            Some(CursorPlace::Begun { n_told }) => n_told.min(others.len() as u64),
            // Rows come after all of them.
            Some(CursorPlace::Row(_)) => others.len() as u64,
        };
        let n_left_out = usize::try_from(n_told).unwrap_or(usize::MAX);
        let left = others.into_iter().skip(n_left_out).collect();
        Self { first: first.filter(|_| resumed.is_none()), left, n_told, has_begun: resumed.is_some() }
    }

    /// The next of them.
    pub(crate) fn next(&mut self) -> Option<Event> {
        if let Some(first) = self.first.take() {
            self.has_begun = true;
            return Some(first);
        }
        let event = self.left.pop_front()?;
        self.n_told += 1;
        self.has_begun = true;
        Some(event)
    }

    /// How far that is in the snapshot; `None` if nothing has been told.
    pub(crate) fn place(&self) -> Option<CursorPlace> {
        self.has_begun.then_some(CursorPlace::Begun { n_told: self.n_told })
    }
}

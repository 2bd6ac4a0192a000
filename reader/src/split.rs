//! The unit of reading: what one file contributes to the changes of a snapshot.

use std::sync::Arc;

use arrow_array::RecordBatch;
use frazil_table::Table;
use frazil_table::changes::RowSource;
use frazil_table::deletes::{FileWithDeletes, GroupDeletes, KeySetLimit, LiveRows};
use frazil_table::file::FileEntry;
use frazil_table::filter::BoundFilter;
use frazil_table::scan::{PositionedBatch, Positions, Projection, RowSelect};
use frazil_table::storage::ReadAhead;
use tokio::sync::OnceCell;

use crate::Result;
use crate::change_set::ChangeSet;
use crate::event::ChangelogOperation;
use crate::filter::ChangeFilter;
use crate::lanes::{RowSelector, Selection};
use crate::place::{Delivered, Place, PlacePhase};
use crate::source::OutputRows;
use crate::upsert::Keys;

/// Rows of one file. Every split of a snapshot can be opened for itself.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    pub(crate) phase: PlacePhase,
    pub(crate) file_ordinal: u32,
    pub(crate) file: Arc<FileEntry>,
    /// Chooses the rows, by columns that are not shown; `None` takes all.
    selector: Option<Arc<RowSelector>>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    /// All that is live in the file.
    Live(Arc<Scan>, Arc<Group>),
    /// Rows that need no other to be looked at.
    Rows(Arc<Scan>, RowSource),
    /// Rows of one source of a side, which the phase tells.
    Resolved(Arc<ChangeSet>, Option<ChangeFilter>),
    /// Rows that are there now, whatever was there before.
    Additions(Arc<ChangeSet>, Option<ChangeFilter>),
}

/// How rows are read that need no other to be looked at.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) table: Table,
    pub(crate) take: Take,
    pub(crate) projection: Projection,
    /// What does not match is not read.
    pub(crate) filter: Option<Arc<BoundFilter>>,
    pub(crate) batch_rows: usize,
}

/// What becomes of the rows.
#[derive(Debug)]
pub(crate) enum Take {
    /// All are of one kind.
    All(ChangelogOperation),
    /// Rows that match the filter are there; of the others a keyed sink must know that they are not.
    Upserts(Box<(ChangeFilter, Keys)>),
}

impl Scan {
    /// Splits of all rows of some sources.
    pub(crate) fn splits(self, phase: PlacePhase, sources: Vec<RowSource>) -> impl Iterator<Item = Split> {
        let scan = Arc::new(self);
        sources.into_iter().zip(0..).map(move |(source, file_ordinal)| Split {
            phase,
            file_ordinal,
            file: source.file.clone(),
            selector: None,
            content: Content::Rows(scan.clone(), source),
        })
    }

    /// Splits of all that is live, given the files by the deletes that they share. Those that are not wanted have
    /// ordinals too, and are not opened.
    pub(crate) fn full_splits(
        self,
        groups: impl IntoIterator<Item = (Vec<u32>, Vec<FileWithDeletes>)>,
        ahead: ReadAhead,
        limit: KeySetLimit,
    ) -> Vec<Split> {
        let (scan, ahead) = (Arc::new(self), Arc::new(ahead));
        let mut splits = Vec::new();
        for (ordinals, files) in groups {
            let group = Arc::new(Group { files, limit, deletes: OnceCell::new(), _ahead: ahead.clone() });
            splits.extend(ordinals.into_iter().zip(&group.files).map(|(file_ordinal, (file, _))| Split {
                phase: PlacePhase::Full,
                file_ordinal,
                file: file.clone(),
                selector: None,
                content: Content::Live(scan.clone(), group.clone()),
            }));
        }
        splits
    }

    /// What becomes of rows that were read; `positions` are theirs, where the selector needs them.
    fn apply(
        &self,
        selector: Option<&RowSelector>,
        rows: RecordBatch,
        positions: Option<&Positions>,
    ) -> Result<(Vec<ChangelogOperation>, RecordBatch)> {
        let rows = match selector {
            // None of them is half of an update.
            Some(selector) => {
                let each_alone = vec![ChangelogOperation::Insert; rows.num_rows()];
                selector.select(each_alone, &rows, positions)?.1
            }
            None => rows,
        };
        match &self.take {
            Take::All(operation) => Ok((vec![*operation; rows.num_rows()], rows)),
            Take::Upserts(of) => {
                let (output, matching) = of.0.split(&rows)?;
                of.1.upserts(&output, &matching)
            }
        }
    }
}

/// Files that share their deletes, which are loaded with the first file that is read, and let go with the last.
#[derive(Debug)]
struct Group {
    files: Vec<FileWithDeletes>,
    limit: KeySetLimit,
    deletes: OnceCell<Arc<GroupDeletes>>,
    /// Fetches the files of all groups.
    _ahead: Arc<ReadAhead>,
}

impl Group {
    async fn deletes(&self, scan: &Scan) -> Result<Arc<GroupDeletes>> {
        let load = || async {
            let may_match =
                |file: &FileEntry| scan.filter.as_ref().is_none_or(|filter| filter.may_match_file(&scan.table, file));
            let files: Vec<FileWithDeletes> = self.files.iter().filter(|(file, _)| may_match(file)).cloned().collect();
            Ok(Arc::new(GroupDeletes::load(&scan.table, &files, self.limit).await?))
        };
        self.deletes.get_or_try_init(load).await.cloned()
    }
}

/// Splits of a change set: rows that disappeared first.
pub(crate) fn resolved(set: ChangeSet, filter: Option<&ChangeFilter>) -> Vec<Split> {
    let (removed, added) = (set.removed_files(), set.added_files());
    let content = Content::Resolved(Arc::new(set), filter.cloned());
    let removed = splits_of(PlacePhase::Removals, removed, &content);
    removed.chain(splits_of(PlacePhase::Additions, added, &content)).collect()
}

/// Of a change set, splits of the rows that are there now.
pub(crate) fn additions(set: ChangeSet, filter: Option<&ChangeFilter>) -> Vec<Split> {
    let files = set.added_files();
    let content = Content::Additions(Arc::new(set), filter.cloned());
    splits_of(PlacePhase::Additions, files, &content).collect()
}

/// One for each file of a side of a change set.
fn splits_of(phase: PlacePhase, files: Vec<Arc<FileEntry>>, content: &Content) -> impl Iterator<Item = Split> {
    files.into_iter().zip(0..).map(move |(file, file_ordinal)| Split {
        phase,
        file_ordinal,
        file,
        selector: None,
        content: content.clone(),
    })
}

impl Split {
    /// The rows that a selection wants; `None` if it has none. With the position to start at.
    pub(crate) fn select(mut self, selection: &Selection) -> Option<(Self, u64)> {
        let first_position = selection.first_position(&self)?;
        self.selector = selection.rows_of(&self).map(Arc::new);
        Some((self, first_position))
    }

    /// The split is done with, everything up to `place` being handled. `None` if it is not; then with the position
    /// of its first row that is left.
    pub(crate) fn rest_after(&self, place: Place) -> Option<u64> {
        match (self.phase, self.file_ordinal).cmp(&(place.phase, place.file_ordinal)) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Greater => Some(0),
            std::cmp::Ordering::Equal => {
                place.row_position.checked_add(1).filter(|position| *position < self.file.record_count)
            }
        }
    }

    /// Starts reading its rows from a position in the file on.
    ///
    /// # Errors
    /// As for [`LiveRows::open_matching`].
    pub(crate) async fn open(self, first_position: u64) -> Result<SplitRows> {
        let Self { phase, file_ordinal, file, selector, content } = self;
        let rows = match content {
            Content::Live(scan, group) => {
                let filter = scan.filter.as_ref();
                let deletes = match filter.is_some_and(|filter| !filter.may_match_file(&scan.table, &file)) {
                    // It is not even opened.
                    true => Arc::default(),
                    false => group.deletes(&scan).await?,
                };
                let select = RowSelect { first_position, ..RowSelect::default() };
                let Scan { table, projection, batch_rows, .. } = &*scan;
                let rows = LiveRows::open_matching(table, &file, deletes, projection, select, filter, *batch_rows);
                Rows::Live { rows: rows.await?, scan, _group: Some(group) }
            }
            Content::Rows(scan, source) => {
                let Scan { table, projection, filter, batch_rows, .. } = &*scan;
                let source = source.starting_at(first_position);
                let rows = source.read_matching(table, projection, filter.as_ref(), *batch_rows).await?;
                Rows::Live { rows, scan, _group: None }
            }
            Content::Resolved(set, filter) => {
                let index = file_ordinal as usize;
                let (rows, side) = match phase {
                    PlacePhase::Removals => (set.open_removed(index, first_position).await?, Side::Removed),
                    _ => (set.open_added(index, first_position).await?, Side::Added { index }),
                };
                Rows::Set { set, rows, filter, side }
            }
            Content::Additions(set, filter) => {
                let rows = set.open_added(file_ordinal as usize, first_position).await?;
                Rows::Set { set, rows, filter, side: Side::Inserted }
            }
        };
        Ok(SplitRows { phase, file_ordinal, file, selector, rows, next_position: first_position })
    }
}

/// Rows of one split.
#[derive(Debug)]
pub(crate) struct SplitRows {
    phase: PlacePhase,
    file_ordinal: u32,
    file: Arc<FileEntry>,
    selector: Option<Arc<RowSelector>>,
    rows: Rows,
    /// Rows before this position have been handled.
    next_position: u64,
}

#[derive(Debug)]
enum Rows {
    Live { rows: LiveRows, scan: Arc<Scan>, _group: Option<Arc<Group>> },
    Set { set: Arc<ChangeSet>, rows: OutputRows, filter: Option<ChangeFilter>, side: Side },
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Removed,
    Added { index: usize },
    Inserted,
}

impl SplitRows {
    /// The next changes; `None` at the end. The last of them reaches to the end of the file. None ends between the
    /// images of an update.
    ///
    /// # Errors
    /// As for [`LiveRows::next`].
    pub(crate) async fn next(&mut self) -> Result<Option<Delivered>> {
        let selector = self.selector.as_deref();
        let (operations, rows, last) = match self.rows.next(selector).await? {
            Some(next) => next,
            None => {
                let Some(last) = self.file.record_count.checked_sub(1).filter(|last| *last >= self.next_position)
                else {
                    return Ok(None);
                };
                // Nothing is left of the file, which is worth knowing.
                let (operations, rows) = self.rows.empty(selector)?;
                (operations, rows, last)
            }
        };
        self.next_position = last.saturating_add(1);
        let place = Place { phase: self.phase, file_ordinal: self.file_ordinal, row_position: last };
        Ok(Some(Delivered { operations, rows, place }))
    }
}

impl Rows {
    async fn next(
        &mut self,
        selector: Option<&RowSelector>,
    ) -> Result<Option<(Vec<ChangelogOperation>, RecordBatch, u64)>> {
        match self {
            Self::Live { rows, scan, .. } if selector.is_some_and(|selector| selector.needs_positions) => {
                let Some(PositionedBatch { batch, positions }) = rows.next().await? else { return Ok(None) };
                let (operations, rows) = scan.apply(selector, batch, Some(&positions))?;
                Ok(Some((operations, rows, last_of(&positions))))
            }
            Self::Live { rows, scan, .. } => {
                let Some((rows, last)) = rows.next_rows_to().await? else { return Ok(None) };
                let (operations, rows) = scan.apply(selector, rows, None)?;
                Ok(Some((operations, rows, last)))
            }
            Self::Set { set, rows, filter, side } => {
                let Some(batch) = set.next_of(rows).await? else { return Ok(None) };
                let n_rows = batch.batch.num_rows();
                let (last, positions) = (last_of(&batch.positions), batch.positions.clone());
                let (operations, rows) = match side {
                    Side::Removed => (vec![ChangelogOperation::Delete; n_rows], batch.batch),
                    Side::Added { index } => set.with_before_images(*index, batch).await?,
                    Side::Inserted => (vec![ChangelogOperation::Insert; n_rows], batch.batch),
                };
                let (operations, rows) = match selector {
                    Some(selector) => selector.select(operations, &rows, Some(&positions))?,
                    None => (operations, rows),
                };
                let (operations, rows) = match filter {
                    Some(filter) => filter.apply(&operations, &rows)?,
                    None => (operations, rows),
                };
                Ok(Some((operations, rows, last)))
            }
        }
    }

    /// No rows, as they would come.
    fn empty(&self, selector: Option<&RowSelector>) -> Result<(Vec<ChangelogOperation>, RecordBatch)> {
        match self {
            Self::Live { scan, .. } => {
                let rows = RecordBatch::new_empty(scan.projection.arrow_schema().clone());
                scan.apply(selector, rows, Some(&Positions::Range(0..0)))
            }
            Self::Set { set, filter, .. } => {
                let mut rows = RecordBatch::new_empty(set.output_schema().clone());
                if let Some(selector) = selector {
                    (_, rows) = selector.select(Vec::new(), &rows, None)?;
                }
                match filter {
                    Some(filter) => filter.apply(&[], &rows),
                    None => Ok((Vec::new(), rows)),
                }
            }
        }
    }
}

/// Position of the last row of a batch, which is never empty.
fn last_of(positions: &Positions) -> u64 {
    positions.len().checked_sub(1).and_then(|last| positions.get(last)).unwrap_or(0)
}

//! Rows of a file whose filter is worked out before their other columns are read.

use std::collections::VecDeque;
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::live::{Batches, LiveRows};
use crate::Result;
use crate::scan::{BatchStream, FileReader, PositionedBatch, Projection, RowSelect};

/// Below this many encoded bytes of the other columns, reading twice costs more than it may save.
const OTHER_BYTES_MIN: u64 = 1024 * 1024;

/// The other columns must be so many times as large as those that are read first.
const OTHER_RATIO_MIN: u64 = 4;

/// Reads row group after row group: first the columns of deletes and filter, then what is asked for, of the rows that
/// are live and match.
#[derive(Debug)]
pub(super) struct LateRows {
    reader: FileReader,
    /// No columns: what deletes and filter look at comes behind them.
    first: Projection,
    then: Projection,
    row_groups: VecDeque<usize>,
    positions: Option<Arc<RoaringTreemap>>,
    first_position: u64,
    batch_rows: usize,
    current: Option<BatchStream>,
}

/// What comes next.
pub(super) enum Next {
    /// Rows that are live and match.
    Rows(PositionedBatch),
    /// Most rows match: the others are better read in one go.
    InOneGo(RowSelect),
    End,
}

impl LateRows {
    /// `None` if it does not pay: `first` are the columns of deletes and filter, `then` those asked for.
    pub(super) fn new(
        reader: &FileReader,
        first: Projection,
        then: &Projection,
        select: &RowSelect,
        batch_rows: usize,
    ) -> Result<Option<Self>> {
        let row_groups: VecDeque<usize> = match &select.row_groups {
            Some(row_groups) => row_groups.iter().copied().collect(),
            None => reader.row_groups().iter().map(|span| span.index).collect(),
        };
        let (of_first, of_then) =
            (reader.encoded_bytes(&first, &row_groups)?, reader.encoded_bytes(then, &row_groups)?);
        let of_others = of_then.saturating_sub(of_first);
        if of_others < OTHER_BYTES_MIN || of_others / OTHER_RATIO_MIN < of_first {
            return Ok(None);
        }
        Ok(Some(Self {
            reader: reader.clone(),
            first,
            then: then.clone(),
            row_groups,
            positions: select.positions.clone(),
            first_position: select.first_position,
            batch_rows,
            current: None,
        }))
    }

    /// The next rows. `rows` are those of the file, with its deletes and filter. They are not changed: a shared reference
    /// to them could not be held between threads.
    pub(super) async fn next(&mut self, rows: &mut LiveRows) -> Result<Next> {
        loop {
            if let Some(current) = &mut self.current {
                if let Some(batch) = current.next().await? {
                    return Ok(Next::Rows(batch));
                }
                self.current = None;
            }
            let Some(row_group) = self.row_groups.pop_front() else { return Ok(Next::End) };
            let select = self.select(vec![row_group]);
            let batches = self.reader.read(&self.first, select, self.batch_rows);
            let mut probe = rows.with_batches(0, Batches::Plain(batches));
            let mut found = RoaringTreemap::new();
            while let Some(batch) = probe.next_positions().await? {
                found.extend(batch);
            }
            if found.is_empty() {
                continue;
            }
            let n_rows = self.reader.row_groups().get(row_group).map_or(0, |span| span.n_rows);
            if found.len() > n_rows / 2 && !self.row_groups.is_empty() {
                self.row_groups.push_front(row_group);
                let row_groups = std::mem::take(&mut self.row_groups).into();
                return Ok(Next::InOneGo(self.select(row_groups)));
            }
            let select = RowSelect { positions: Some(Arc::new(found)), ..self.select(vec![row_group]) };
            self.current = Some(self.reader.read(&self.then, select, self.batch_rows));
        }
    }

    fn select(&self, row_groups: Vec<usize>) -> RowSelect {
        let Self { positions, first_position, .. } = self;
        RowSelect { row_groups: Some(row_groups), positions: positions.clone(), first_position: *first_position }
    }
}

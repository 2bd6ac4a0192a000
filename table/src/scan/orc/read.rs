//! Rows of an ORC file, one stripe after the other.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, UInt64Array};
use bytes::Bytes;
use roaring::RoaringTreemap;

use super::decode::Column;
use super::stripe::{self, Decoders, Streams};
use super::{Fault, OrcFile};
use crate::pool::on_pool;
use crate::scan::parquet::guarded;
use crate::scan::rows::Rows;
use crate::scan::transform::Transform;
use crate::scan::{PositionedBatch, Positions, Projection, RowSelect};
use crate::{Result, TableError};

/// Streams of one stripe that are held at once, at most.
const STRIPE_BYTES_MAX: u64 = 1 << 30;

/// Decoded bytes that one batch shall not go far beyond, its numbers alone counted.
const BATCH_BYTES: usize = 32 * 1024 * 1024;

/// What a number takes in memory, about.
const NUMBER_BYTES: usize = 8;

/// A visit to the pool decodes batches until there are this many.
const VISIT_BATCHES: usize = 4;

/// By how much batches shrink when one is too large.
const SHRINK: usize = 8;

/// A read under way.
#[derive(Debug)]
pub(in crate::scan) struct Reading {
    file: Arc<OrcFile>,
    transform: Arc<Transform>,
    /// For each column of the file, whether its streams are read.
    columns: Arc<[bool]>,
    positions: Option<Arc<RoaringTreemap>>,
    first_position: u64,
    batch_rows: usize,
    /// Stripes not looked at yet.
    stripes: VecDeque<usize>,
    current: Option<StripeRows>,
    /// Decoded ahead.
    ready: VecDeque<PositionedBatch>,
}

impl Reading {
    pub(in crate::scan) fn new(
        file: Arc<OrcFile>,
        projection: &Projection,
        select: RowSelect,
        batch_rows: usize,
    ) -> Result<Self> {
        let plan = file.resolver().plan(projection)?;
        let columns = stripe::wanted_columns(&file.types, &file.columns.columns, &plan.leaves);
        let n_leaves = plan.leaves.iter().filter(|wanted| **wanted).count();
        let rows_max = BATCH_BYTES / (n_leaves * NUMBER_BYTES).max(1);
        let transform = Transform::new(plan, projection.arrow_schema().clone(), &file.file, batch_rows)?;
        let stripes = match select.row_groups {
            None => (0..file.stripes.len()).collect(),
            Some(mut indexes) => {
                indexes.sort_unstable();
                indexes.dedup();
                indexes.into()
            }
        };
        Ok(Self {
            transform: Arc::new(transform),
            columns: columns.into(),
            positions: select.positions,
            first_position: select.first_position,
            batch_rows: batch_rows.clamp(1, rows_max.max(1)),
            stripes,
            current: None,
            ready: VecDeque::new(),
            file,
        })
    }

    pub(in crate::scan) async fn next(&mut self) -> Result<Option<PositionedBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            if let Some(rows) = self.current.take() {
                let (transform, file) = (self.transform.clone(), self.file.clone());
                let visit = on_pool(move || guarded(&file.file.path, || rows.visit(&transform, &file.file.path)));
                let (rows, batches) = visit.await??;
                self.ready.extend(batches);
                self.current = rows;
            } else if let Some(index) = self.stripes.pop_front() {
                self.current = self.start(index).await?;
            } else {
                return Ok(None);
            }
        }
    }

    /// Reads the streams of a stripe. `None` if no row of it is asked for.
    async fn start(&self, index: usize) -> Result<Option<StripeRows>> {
        let file = &self.file;
        let missing = || TableError::internal(format!("stripe `{index}` of `{}`", file.file.path));
        let (stripe, span) = file.stripes.get(index).zip(file.spans.get(index)).ok_or_else(missing)?;
        let wanted = Rows::of(span, self.first_position, self.positions.as_deref());
        if wanted.is_empty() {
            return Ok(None);
        }
        let mut rows = StripeRows {
            columns: Vec::new(),
            next: span.first_position,
            end: span.first_position + span.n_rows,
            wanted,
            batch_rows: self.batch_rows,
        };
        if !self.columns.contains(&true) {
            return Ok(Some(rows));
        }
        let footer_start = stripe.footer_start().ok_or_else(missing)?;
        if stripe.footer_bytes > stripe::FOOTER_BYTES_MAX {
            return Err(self.too_large(stripe.footer_bytes, stripe::FOOTER_BYTES_MAX));
        }
        let range = footer_start..footer_start + stripe.footer_bytes;
        let footer = self.read(std::slice::from_ref(&range)).await?.pop().unwrap_or_default();
        let (this, columns, stripe) = (file.clone(), self.columns.clone(), stripe.clone());
        let found = on_pool(move || {
            guarded(&this.file.path, || {
                let limit = usize::try_from(stripe::FOOTER_BYTES_MAX).unwrap_or(usize::MAX);
                let parse = |bytes: Vec<u8>| super::messages::StripeFooter::parse(&bytes);
                let footer = this.codec.decompress(footer, limit).and_then(parse);
                let found = footer.and_then(|footer| Ok((stripe::streams(&stripe, &footer, &columns)?, footer)));
                found.map_err(|fault| fault.at(&this.file.path))
            })
        });
        let (streams, footer) = found.await??;
        let streams = self.read_streams(streams).await?;
        let (this, transform) = (file.clone(), self.transform.clone());
        let decoders = on_pool(move || {
            guarded(&this.file.path, || {
                let (codec, types, leaves) = (this.codec, this.types.as_slice(), transform.leaves());
                let decoders = Decoders { codec, types, leaves, footer: &footer, streams };
                decoders.make(&this.columns.columns).map_err(|fault| fault.at(&this.file.path))
            })
        });
        rows.columns = decoders.await??;
        Ok(Some(rows))
    }

    async fn read_streams(&self, streams: Streams<Range<u64>>) -> Result<Streams<Bytes>> {
        let (keys, ranges): (Vec<_>, Vec<_>) = streams.into_iter().unzip();
        let n_bytes = ranges.iter().fold(0_u64, |sum, range| sum.saturating_add(range.end - range.start));
        if n_bytes > STRIPE_BYTES_MAX {
            return Err(self.too_large(n_bytes, STRIPE_BYTES_MAX));
        }
        Ok(keys.into_iter().zip(self.read(&ranges).await?).collect())
    }

    async fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.file.table.storage().read_ranges(&self.file.file.path, ranges).await
    }

    fn too_large(&self, needed_bytes: u64, limit_bytes: u64) -> TableError {
        let detail = format!("reading a stripe of `{}`", self.file.file.path);
        TableError::MemoryLimit { needed_bytes, limit_bytes, detail }
    }
}

/// Rows of a stripe that are being decoded.
#[derive(Debug)]
struct StripeRows {
    /// Empty if no column is read.
    columns: Vec<Column>,
    /// Position of the row that comes next.
    next: u64,
    end: u64,
    /// Rows that were not delivered.
    wanted: Rows,
    batch_rows: usize,
}

impl StripeRows {
    /// Decodes some batches. Without the first, nothing more is to be read.
    fn visit(mut self, transform: &Transform, path: &str) -> Result<(Option<Self>, Vec<PositionedBatch>)> {
        let mut batches = Vec::new();
        while batches.len() < VISIT_BATCHES {
            if self.wanted.is_empty() || self.next >= self.end {
                return Ok((None, batches));
            }
            if self.columns.is_empty() {
                let positions = self.wanted.take(self.batch_rows);
                batches.push(transform.batch(&[], positions)?);
                continue;
            }
            let n_left = usize::try_from(self.end - self.next).unwrap_or(usize::MAX);
            let arrays = self.decode(n_left).map_err(|fault| fault.at(path))?;
            if let Some((arrays, positions)) = self.select(arrays).map_err(|error| TableError::corrupt(path, error))? {
                batches.push(transform.batch(&arrays, positions)?);
            }
        }
        Ok((Some(self), batches))
    }

    /// Decodes the next rows; fewer if a batch becomes too large.
    fn decode(&mut self, n_left: usize) -> std::result::Result<Vec<ArrayRef>, Fault> {
        let before = self.columns.iter().any(Column::may_be_too_large).then(|| self.columns.clone());
        loop {
            let n_rows = self.batch_rows.min(n_left);
            let arrays: std::result::Result<Vec<_>, Fault> =
                self.columns.iter_mut().map(|column| column.read(n_rows, None)).collect();
            match (arrays, &before) {
                (Err(Fault::TooLarge), Some(before)) if n_rows > 1 => {
                    self.columns.clone_from(before);
                    self.batch_rows = (n_rows / SHRINK).max(1);
                }
                (arrays, _) => return arrays,
            }
        }
    }

    /// Those of the decoded rows that are asked for.
    #[allow(clippy::type_complexity, reason = "arrays and the positions of their rows")]
    fn select(
        &mut self,
        arrays: Vec<ArrayRef>,
    ) -> std::result::Result<Option<(Vec<ArrayRef>, Positions)>, arrow_schema::ArrowError> {
        let n_rows = arrays.first().map_or(0, |array| array.len());
        let start = self.next;
        self.next += n_rows as u64;
        let mut wanted = self.wanted.take_below(self.next);
        if wanted.is_empty() {
            return Ok(None);
        }
        let is_all = wanted.len() == n_rows as u64;
        let positions = wanted.take(n_rows);
        if is_all {
            return Ok(Some((arrays, positions)));
        }
        let indexes = (0..positions.len()).filter_map(|row| positions.get(row)).map(|position| position - start);
        let indexes = UInt64Array::from_iter_values(indexes);
        let arrays = arrays.iter().map(|array| arrow_select::take::take(array, &indexes, None));
        Ok(Some((arrays.collect::<std::result::Result<Vec<_>, _>>()?, positions)))
    }
}

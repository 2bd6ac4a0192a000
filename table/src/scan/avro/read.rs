//! Rows of an Avro file, in batches.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use roaring::RoaringTreemap;

use super::decode::{Column, Step};
use super::{AvroFile, refused};
use crate::avro::{Cursor, Fault, Header, extent};
use crate::pool::on_pool;
use crate::scan::parquet::guarded;
use crate::scan::transform::Transform;
use crate::scan::{PositionedBatch, Positions, Projection, RowSelect};
use crate::{Result, TableError};

/// Bytes that are fetched at once.
const FETCH_BYTES: u64 = 8 * 1024 * 1024;

/// A batch is full when its rows took this many bytes in the file, or its numbers alone take as many in memory.
const BATCH_BYTES: usize = 32 * 1024 * 1024;

/// What a number takes in memory, about.
const NUMBER_BYTES: usize = 8;

/// Records without a byte of their own in one block, at most: their number costs a file nothing.
const EMPTY_RECORDS_MAX: usize = 1 << 20;

/// A visit to the pool decodes batches until there are this many.
const VISIT_BATCHES: usize = 4;

/// A read under way.
#[derive(Debug)]
pub(in crate::scan) struct Reading {
    file: Arc<AvroFile>,
    transform: Arc<Transform>,
    /// `None` if nothing is to be read.
    decoder: Option<Decoder>,
    /// Where the next fetch begins.
    next_byte: u64,
    ready: VecDeque<PositionedBatch>,
}

impl Reading {
    pub(in crate::scan) fn new(
        file: Arc<AvroFile>,
        projection: &Projection,
        select: RowSelect,
        batch_rows: usize,
    ) -> Result<Self> {
        let plan = file.resolver().plan(projection)?;
        let steps = Step::of_record(&file.header.schema, &file.columns.columns, &plan.leaves)
            .ok_or_else(|| TableError::internal("the columns of an avro file are not those of its schema"))?;
        let n_leaves = plan.leaves.iter().filter(|wanted| **wanted).count();
        let transform = Transform::new(plan, projection.arrow_schema().clone(), &file.file, batch_rows)?;
        let wants_nothing = select.row_groups.is_some_and(|row_groups| !row_groups.contains(&0));
        let decoder = (!wants_nothing).then(|| Decoder {
            header: file.header.clone(),
            path: file.file.path.clone(),
            buffer: file.beginning.slice(file.blocks_start..),
            n_bytes_left: file.file.file_size_bytes - file.blocks_start as u64,
            block: None,
            position: 0,
            n_rows: file.file.record_count,
            positions: select.positions,
            first_position: select.first_position,
            steps,
            row_bytes: n_leaves * NUMBER_BYTES,
            batch_rows: batch_rows.max(1),
            collected: Vec::new(),
            collected_bytes: 0,
        });
        let next_byte = file.beginning.len() as u64;
        Ok(Self { transform: Arc::new(transform), decoder, next_byte, ready: VecDeque::new(), file })
    }

    pub(in crate::scan) async fn next(&mut self) -> Result<Option<PositionedBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            let Some(decoder) = self.decoder.take() else { return Ok(None) };
            let transform = self.transform.clone();
            let path = decoder.path.clone();
            let visit = on_pool(move || guarded(&path, || decoder.visit(&transform)));
            let (mut decoder, batches, step) = visit.await??;
            self.ready.extend(batches);
            match step {
                Visited::Finished => {}
                Visited::Full => self.decoder = Some(decoder),
                Visited::Needs(n_bytes) => {
                    decoder.buffer = self.fetch(&decoder.buffer, n_bytes).await?;
                    self.decoder = Some(decoder);
                }
            }
        }
    }

    /// What is left of `buffer`, and at least as many bytes after it as make `n_bytes`.
    async fn fetch(&mut self, buffer: &Bytes, n_bytes: u64) -> Result<Bytes> {
        let needed = n_bytes.saturating_sub(buffer.len() as u64).max(FETCH_BYTES);
        let end = self.next_byte.saturating_add(needed).min(self.file.file.file_size_bytes);
        let range = self.next_byte..end;
        let fetched = self.file.table.storage().read_ranges(&self.file.file.path, std::slice::from_ref(&range)).await?;
        let fetched = fetched.into_iter().next().unwrap_or_default();
        self.next_byte = end;
        if buffer.is_empty() {
            return Ok(fetched);
        }
        let mut joined = BytesMut::with_capacity(buffer.len() + fetched.len());
        joined.extend_from_slice(buffer);
        joined.extend_from_slice(&fetched);
        Ok(joined.freeze())
    }
}

/// Decodes one block after the other.
#[derive(Debug)]
struct Decoder {
    header: Header,
    path: Arc<str>,
    /// What was fetched and not decoded.
    buffer: Bytes,
    /// From the beginning of `buffer` to the end of the file.
    n_bytes_left: u64,
    block: Option<Block>,
    /// Rows before the next one.
    position: u64,
    /// Rows that the manifest says the file has.
    n_rows: u64,
    positions: Option<Arc<RoaringTreemap>>,
    first_position: u64,
    steps: Vec<Step>,
    /// What a row takes in memory beyond its bytes in the file.
    row_bytes: usize,
    batch_rows: usize,
    /// Positions of the rows that were collected.
    collected: Vec<u64>,
    collected_bytes: usize,
}

/// A block that is being decoded.
#[derive(Debug)]
struct Block {
    bytes: Bytes,
    /// Bytes of it that were decoded.
    offset: usize,
    n_records_left: usize,
}

enum Visited {
    /// There may be more.
    Full,
    /// So many bytes are needed to go on.
    Needs(u64),
    Finished,
}

impl Decoder {
    fn visit(mut self, transform: &Transform) -> Result<(Self, Vec<PositionedBatch>, Visited)> {
        let mut batches = Vec::new();
        loop {
            if batches.len() >= VISIT_BATCHES {
                return Ok((self, batches, Visited::Full));
            }
            if let Some(block) = self.block.take() {
                self.block = self.decode(block).map_err(|cause| self.corrupt(&cause))?;
                if self.is_full() {
                    batches.push(self.batch(transform)?);
                }
                continue;
            }
            let is_over = self.wants_none_before(u64::MAX);
            if is_over || self.n_bytes_left == 0 {
                if !is_over {
                    self.check_end()?;
                }
                if !self.collected.is_empty() {
                    batches.push(self.batch(transform)?);
                }
                return Ok((self, batches, Visited::Finished));
            }
            if let Some(needed) = self.next_block().map_err(|fault| refused(&self.path, fault))? {
                return Ok((self, batches, Visited::Needs(needed)));
            }
        }
    }

    /// Opens or passes over the next block. Returns how many bytes are needed for that, if they are not there.
    fn next_block(&mut self) -> std::result::Result<Option<u64>, Fault> {
        let Some(extent) = extent(&self.buffer)? else {
            if self.buffer.len() as u64 == self.n_bytes_left {
                return Err("it is cut off within a block".into());
            }
            return Ok(Some(self.buffer.len() as u64 + 1));
        };
        let n_bytes = extent.marker.end as u64;
        if n_bytes > self.n_bytes_left {
            return Err("it is cut off within a block, or a length is wrong".into());
        }
        if self.buffer.len() < extent.marker.end {
            return Ok(Some(n_bytes));
        }
        let end = self.position.checked_add(extent.n_records as u64).filter(|end| *end <= self.n_rows);
        let end = end.ok_or_else(|| format!("it has more rows than the `{}` that the manifest says", self.n_rows))?;
        self.header.check_marker(self.buffer.get(extent.marker.clone()).unwrap_or_default())?;
        let data = self.buffer.slice(extent.data);
        self.buffer = self.buffer.slice(extent.marker.end..);
        self.n_bytes_left -= n_bytes;
        if extent.n_records == 0 || self.wants_none_before(end) {
            self.position = end;
            return Ok(None);
        }
        let bytes = match self.header.decompress(&data)? {
            std::borrow::Cow::Borrowed(_) => data,
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        let bytes_min = self.header.schema.bytes_min;
        if bytes_min == 0 && extent.n_records > EMPTY_RECORDS_MAX {
            return Err(format!("a block of more than `{EMPTY_RECORDS_MAX}` records that take no byte").into());
        }
        if bytes_min.saturating_mul(extent.n_records) > bytes.len() {
            return Err(format!("`{}` records in a block of `{}` bytes", extent.n_records, bytes.len()).into());
        }
        self.block = Some(Block { bytes, offset: 0, n_records_left: extent.n_records });
        Ok(None)
    }

    /// No row from here to `end` is asked for.
    fn wants_none_before(&self, end: u64) -> bool {
        if end <= self.first_position {
            return true;
        }
        let Some(positions) = &self.positions else {
            return false;
        };
        let mut rest = positions.iter();
        rest.advance_to(self.position);
        rest.next().is_none_or(|next| next >= end)
    }

    /// Decodes a block until it ends, or the batch is full. Returns what is left of it.
    fn decode(&mut self, mut block: Block) -> std::result::Result<Option<Block>, String> {
        let positions = self.positions.clone();
        let mut wanted = positions.as_ref().map(|positions| {
            let mut rest = positions.iter();
            rest.advance_to(self.position);
            rest.peekable()
        });
        let start = block.offset;
        let mut cursor = Cursor::new(block.bytes.get(start..).unwrap_or_default());
        while block.n_records_left > 0 && !self.is_full() {
            let is_picked = wanted.as_mut().is_none_or(|rest| rest.next_if_eq(&self.position).is_some());
            let is_wanted = is_picked && self.position >= self.first_position;
            let n_left = cursor.n_left();
            if is_wanted {
                for step in &mut self.steps {
                    step.take(&mut cursor)?;
                }
                self.collected.push(self.position);
                self.collected_bytes += n_left - cursor.n_left();
            } else {
                super::decode::skip_record(&self.header.schema, &mut cursor)?;
            }
            self.position += 1;
            block.n_records_left -= 1;
        }
        block.offset = block.bytes.len() - cursor.n_left();
        if block.n_records_left > 0 {
            return Ok(Some(block));
        }
        if cursor.n_left() > 0 {
            return Err("a block holds more than its records".to_owned());
        }
        Ok(None)
    }

    fn is_full(&self) -> bool {
        let n_rows = self.collected.len();
        n_rows >= self.batch_rows || n_rows * self.row_bytes + self.collected_bytes >= BATCH_BYTES
    }

    fn batch(&mut self, transform: &Transform) -> Result<PositionedBatch> {
        let arrays = Step::read(&mut self.steps).map(Column::take).collect::<std::result::Result<Vec<_>, _>>();
        let arrays = arrays.map_err(|error| self.corrupt(&error.to_string()))?;
        self.collected_bytes = 0;
        let rows = std::mem::take(&mut self.collected);
        let positions = match (rows.first(), rows.last()) {
            (Some(first), Some(last)) if last - first + 1 == rows.len() as u64 => Positions::Range(*first..last + 1),
            _ => Positions::List(rows.into()),
        };
        transform.batch(&arrays, positions)
    }

    fn check_end(&self) -> Result<()> {
        if self.position != self.n_rows {
            let detail = format!("the file has `{}` rows, the manifest says `{}`", self.position, self.n_rows);
            return Err(TableError::corrupt(&*self.path, detail));
        }
        Ok(())
    }

    fn corrupt(&self, cause: &str) -> TableError {
        refused(&self.path, Fault::Corrupt(cause.to_owned()))
    }
}

//! Batches of one file; of a parquet file one row group after the other.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, RowSelection, RowSelector};
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use roaring::RoaringTreemap;

use super::parquet::{Inner, guarded};
use super::reader::OpenFile;
use super::rows::Rows;
use super::transform::Transform;
use super::{PositionedBatch, Projection, RowSelect, avro, orc};
use crate::pool::on_pool;
use crate::{Result, TableError};

/// Decoded bytes that one batch shall not go far beyond, as the file's sizes promise.
const BATCH_BYTES: u64 = 32 * 1024 * 1024;

/// Encoded bytes that are fetched and held at a time, where the file says where its pages are.
const PART_BYTES: u64 = 64 * 1024 * 1024;

/// Below this many encoded bytes of a row group, looking for the pages to skip costs more than reading them.
const SKIP_BYTES_MIN: u64 = 256 * 1024;

/// The decoder asks once for each row group. More often than this it would ask forever.
const REQUESTS_MAX: u32 = 16;

/// A visit to the pool decodes batches until there are this many, or of this size together: changing threads
/// costs as much as decoding some thousand values.
const VISIT_BATCHES: usize = 4;
const VISIT_BYTES: usize = 4 * 1024 * 1024;

/// By how much batches shrink when one did not fit into 32-bit offsets.
const SHRINK: usize = 8;

/// Batches of one read. After an error, or when a call of [`BatchStream::next`] was dropped half-way, the
/// stream is over.
#[derive(Debug)]
pub struct BatchStream {
    state: State,
}

#[derive(Debug)]
enum State {
    Planned(Box<Request>),
    Parquet(Box<Reading>),
    Avro(Box<avro::Reading>),
    Orc(Box<orc::Reading>),
    Finished,
    Broken,
}

#[derive(Debug)]
struct Request {
    file: OpenFile,
    projection: Projection,
    select: RowSelect,
    batch_rows: usize,
}

impl Request {
    fn start(self) -> Result<State> {
        let Self { file, projection, select, batch_rows } = self;
        Ok(match file {
            OpenFile::Parquet(file) => State::Parquet(Box::new(Reading::new(file, &projection, select, batch_rows)?)),
            OpenFile::Avro(file) => State::Avro(Box::new(avro::Reading::new(file, &projection, select, batch_rows)?)),
            OpenFile::Orc(file) => State::Orc(Box::new(orc::Reading::new(file, &projection, select, batch_rows)?)),
        })
    }
}

impl BatchStream {
    pub(super) fn new(file: OpenFile, projection: Projection, select: RowSelect, batch_rows: usize) -> Self {
        let request = Request { file, projection, select, batch_rows: batch_rows.max(1) };
        Self { state: State::Planned(Box::new(request)) }
    }

    /// The next batch, never empty; `None` at the end.
    ///
    /// # Errors
    /// [`TableError::Corrupt`] if the file is damaged or does not fit the table; else as
    /// [`Storage::read_ranges`](crate::storage::Storage::read_ranges).
    #[boxed]
    pub async fn next(&mut self) -> Result<Option<PositionedBatch>> {
        // A dropped call leaves the decoder on the pool: the state says so until the call is done.
        let mut state = std::mem::replace(&mut self.state, State::Broken);
        if let State::Planned(request) = state {
            state = request.start()?;
        }
        let batch = match &mut state {
            State::Parquet(reading) => reading.next().await?,
            State::Avro(reading) => reading.next().await?,
            State::Orc(reading) => reading.next().await?,
            State::Finished => None,
            State::Planned(_) | State::Broken => {
                return Err(TableError::internal("a batch was asked for after a read had failed"));
            }
        };
        self.state = if batch.is_some() { state } else { State::Finished };
        Ok(batch)
    }
}

#[derive(Debug)]
struct Reading {
    file: Arc<Inner>,
    transform: Arc<Transform>,
    decoder: DecoderParts,
    positions: Option<Arc<RoaringTreemap>>,
    first_position: u64,
    batch_rows: usize,
    /// Row groups not looked at yet.
    row_groups: VecDeque<usize>,
    /// What is to be read of the row group at hand.
    parts: VecDeque<Part>,
    current: Option<Current>,
    /// Decoded ahead.
    ready: VecDeque<PositionedBatch>,
}

/// What every decoder of a read is made of.
#[derive(Debug, Clone)]
struct DecoderParts {
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
    /// Some leaf of the file is decoded.
    any_leaf: bool,
}

/// Rows of one row group that are fetched together.
#[derive(Debug)]
struct Part {
    row_group: usize,
    rows: Rows,
    batch_rows: usize,
}

/// A part being decoded.
#[derive(Debug)]
struct Current {
    /// `None` if no leaf is decoded.
    decoder: Option<ParquetPushDecoder>,
    /// Rows not delivered yet.
    part: Part,
    n_requests: u32,
}

/// What a decoder did.
enum Step {
    /// Gave a batch; there may be more.
    Batch,
    Needs(Vec<Range<u64>>),
    Finished,
    /// The batch did not fit into 32-bit offsets.
    TooLarge,
}

impl Reading {
    fn new(file: Arc<Inner>, projection: &Projection, select: RowSelect, batch_rows: usize) -> Result<Self> {
        let plan = file.resolver().plan(projection)?;
        let metadata = file.decoder_metadata(&plan, file.metadata.clone())?;
        let leaves = plan.leaves.iter().enumerate().filter_map(|(leaf, wanted)| wanted.then_some(leaf));
        let mask = ProjectionMask::leaves(metadata.parquet_schema(), leaves);
        let any_leaf = plan.leaves.contains(&true);
        let transform = Transform::new(plan, projection.arrow_schema().clone(), &file.file, batch_rows)?;
        let row_groups = match select.row_groups {
            None => (0..file.spans().len()).collect(),
            Some(mut indexes) => {
                indexes.sort_unstable();
                indexes.dedup();
                indexes.into()
            }
        };
        Ok(Self {
            transform: Arc::new(transform),
            decoder: DecoderParts { metadata, mask, any_leaf },
            positions: select.positions,
            first_position: select.first_position,
            parts: VecDeque::new(),
            current: None,
            ready: VecDeque::new(),
            batch_rows,
            row_groups,
            file,
        })
    }

    async fn next(&mut self) -> Result<Option<PositionedBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            if let Some(current) = self.current.take() {
                let (transform, path) = (self.transform.clone(), self.file.file.path.clone());
                let visit = on_pool(move || guarded(&path, || current.visit(&transform, &path)));
                let (current, batches, step) = visit.await??;
                self.ready.extend(batches);
                self.follow(current, step).await?;
            } else if let Some(part) = self.parts.pop_front() {
                self.current = Some(self.start(part).await?);
            } else if let Some(row_group) = self.row_groups.pop_front() {
                self.split(row_group).await?;
            } else {
                return Ok(None);
            }
        }
    }

    /// Does what the last step of a visit asks for.
    async fn follow(&mut self, mut current: Current, step: Step) -> Result<()> {
        match step {
            Step::Batch => self.current = Some(current),
            Step::Needs(ranges) => {
                current.n_requests += 1;
                if current.n_requests > REQUESTS_MAX {
                    return Err(self.file.corrupt("the decoder asks for bytes again and again"));
                }
                let bytes = self.file.table.storage().read_ranges(&self.file.file.path, &ranges).await?;
                if let Some(decoder) = &mut current.decoder {
                    decoder.push_ranges(ranges, bytes).map_err(|error| self.file.corrupt(error))?;
                }
                self.current = Some(current);
            }
            Step::Finished if current.part.rows.is_empty() => {}
            Step::Finished => {
                return Err(self.file.corrupt(format!(
                    "row group `{}` has `{}` rows less than it claims",
                    current.part.row_group,
                    current.part.rows.len()
                )));
            }
            Step::TooLarge => {
                let batch_rows = (current.part.batch_rows / SHRINK).max(1);
                self.parts.push_front(Part { batch_rows, ..current.part });
            }
        }
        Ok(())
    }

    /// Decides which rows of a row group are read, and in how many parts.
    async fn split(&mut self, row_group: usize) -> Result<()> {
        let metadata = self.file.row_group(row_group)?;
        let span = self.file.spans()[row_group];
        let rows = Rows::of(&span, self.first_position, self.positions.as_deref());
        if rows.is_empty() {
            return Ok(());
        }
        let chunks = metadata.columns().iter().zip(self.transform.leaves());
        let (mut n_bytes, mut n_bytes_decoded) = (0_u64, 0_u64);
        for (chunk, _) in chunks.filter(|(_, wanted)| **wanted) {
            n_bytes = n_bytes.saturating_add(chunk.byte_range().1);
            let decoded = chunk.unencoded_byte_array_data_bytes().unwrap_or(0).max(chunk.uncompressed_size());
            n_bytes_decoded = n_bytes_decoded.saturating_add(u64::try_from(decoded).unwrap_or(0));
        }
        let row_bytes = (n_bytes_decoded / span.n_rows.max(1)).max(1);
        let batch_rows = usize::try_from(BATCH_BYTES / row_bytes).unwrap_or(usize::MAX).clamp(1, self.batch_rows);
        let mut n_parts = 1;
        if n_bytes > PART_BYTES || (n_bytes > SKIP_BYTES_MIN && rows.len() < span.n_rows) {
            let indexed = self.file.indexed().await?;
            if indexed.offset_index().is_some() {
                self.use_index(indexed)?;
                n_parts = n_bytes.div_ceil(PART_BYTES);
            }
        }
        let part = |rows| Part { row_group, rows, batch_rows };
        self.parts = rows.split(&span, n_parts).into_iter().map(part).collect();
        Ok(())
    }

    fn use_index(&mut self, indexed: Arc<parquet::file::metadata::ParquetMetaData>) -> Result<()> {
        if self.decoder.metadata.metadata().offset_index().is_none() {
            self.decoder.metadata = self.file.decoder_metadata(self.transform.plan(), indexed)?;
        }
        Ok(())
    }

    /// Needs `self` alone, so that the future may move between threads: decoders cannot be shared by them.
    async fn start(&mut self, part: Part) -> Result<Current> {
        if !self.decoder.any_leaf {
            return Ok(Current { decoder: None, part, n_requests: 0 });
        }
        let parts = self.decoder.clone();
        let span = self.file.spans()[part.row_group];
        let path = self.file.file.path.clone();
        on_pool(move || {
            guarded(&path, || {
                let mut builder = ParquetPushDecoderBuilder::new_with_metadata(parts.metadata)
                    .with_row_groups(vec![part.row_group])
                    .with_projection(parts.mask)
                    .with_batch_size(part.batch_rows);
                if part.rows.len() < span.n_rows {
                    builder = builder.with_row_selection(selection(&part.rows, span.first_position));
                }
                let decoder = builder.build().map_err(|error| TableError::corrupt(&*path, error))?;
                Ok(Current { decoder: Some(decoder), part, n_requests: 0 })
            })
        })
        .await?
    }
}

impl Current {
    /// Decodes some batches. Also returns how the last step ended.
    fn visit(mut self, transform: &Transform, path: &str) -> Result<(Self, Vec<PositionedBatch>, Step)> {
        let mut batches = Vec::with_capacity(VISIT_BATCHES);
        let mut n_bytes = 0;
        loop {
            let step = self.step(transform, path, &mut batches)?;
            n_bytes += batches.last().map_or(0, |batch| batch.batch.get_array_memory_size());
            if !matches!(step, Step::Batch) || batches.len() >= VISIT_BATCHES || n_bytes >= VISIT_BYTES {
                return Ok((self, batches, step));
            }
        }
    }

    fn step(&mut self, transform: &Transform, path: &str, batches: &mut Vec<PositionedBatch>) -> Result<Step> {
        let Some(decoder) = &mut self.decoder else {
            if self.part.rows.is_empty() {
                return Ok(Step::Finished);
            }
            let positions = self.part.rows.take(self.part.batch_rows);
            batches.push(transform.batch(&[], positions)?);
            return Ok(Step::Batch);
        };
        let decoded = guarded(path, || decoder.try_decode().map_err(|error| TableError::corrupt(path, error)));
        match decoded {
            Ok(DecodeResult::NeedsData(ranges)) => Ok(Step::Needs(ranges)),
            Ok(DecodeResult::Finished) => Ok(Step::Finished),
            Ok(DecodeResult::Data(batch)) => {
                let n_rows = batch.num_rows();
                if n_rows as u64 > self.part.rows.len() {
                    let detail = format!("row group `{}` has more rows than it claims", self.part.row_group);
                    return Err(TableError::corrupt(path, detail));
                }
                let positions = self.part.rows.take(n_rows);
                batches.push(transform.batch(batch.columns(), positions)?);
                Ok(Step::Batch)
            }
            Err(TableError::Corrupt { detail, .. }) if is_overflow(&detail) && self.part.batch_rows > 1 => {
                Ok(Step::TooLarge)
            }
            Err(error) => Err(error),
        }
    }
}

/// The parquet crate has no error kind for "the offsets of this batch do not fit into 32 bits".
fn is_overflow(message: &str) -> bool {
    message.contains("overflow decoding byte array") || message.contains("overflow list array")
}

fn selection(rows: &Rows, first_position: u64) -> RowSelection {
    let mut selectors = Vec::new();
    let mut next = first_position;
    rows.for_each_run(|run| {
        // Row groups have fewer rows than a usize counts: their row counts were allocated as such.
        let length = |range: Range<u64>| usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        if run.start > next {
            selectors.push(RowSelector::skip(length(next..run.start)));
        }
        next = run.end;
        selectors.push(RowSelector::select(length(run)));
    });
    RowSelection::from(selectors)
}

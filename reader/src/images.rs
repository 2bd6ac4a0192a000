//! Before images of updated rows, kept until their after images come by: in memory, and in a temporary
//! file once they are too many.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{RecordBatch, UInt32Array};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::interleave::interleave_record_batch;
use arrow_select::take::take_record_batch;
use frazil_table::TableError;

use crate::Result;
use crate::error::ReadError;
use crate::resolution::RowRef;
use crate::source::batch_bytes;

/// Collects images, in the order of the rows that they belong to.
pub(crate) struct ImagesBuilder {
    schema: SchemaRef,
    rows: Vec<RowRef>,
    first_index: Vec<usize>,
    memory: Vec<RecordBatch>,
    memory_bytes: u64,
    memory_bytes_max: u64,
    spill: Option<FileWriter<File>>,
}

/// Images by the row they belong to.
#[derive(Debug)]
pub(crate) struct Images {
    rows: Vec<RowRef>,
    /// Index in `rows` of the first row of each block.
    first_index: Vec<usize>,
    blocks: Blocks,
}

#[derive(Debug)]
enum Blocks {
    Memory(Vec<RecordBatch>),
    Spilled(Box<Mutex<FileReader<File>>>),
}

impl ImagesBuilder {
    pub(crate) fn new(schema: SchemaRef, memory_bytes_max: u64) -> Self {
        Self {
            schema,
            rows: Vec::new(),
            first_index: Vec::new(),
            memory: Vec::new(),
            memory_bytes: 0,
            memory_bytes_max,
            spill: None,
        }
    }

    /// Adds images of `rows`, which must come in ascending order over all calls.
    pub(crate) fn push(&mut self, rows: impl Iterator<Item = RowRef>, batch: RecordBatch) -> Result<()> {
        self.first_index.push(self.rows.len());
        self.rows.extend(rows);
        if let Some(spill) = &mut self.spill {
            return spill.write(&batch).map_err(spill_error);
        }
        self.memory_bytes += batch_bytes(&batch);
        self.memory.push(batch);
        if self.memory_bytes > self.memory_bytes_max {
            let mut spill = FileWriter::try_new_buffered_file(&self.schema)?;
            for batch in self.memory.drain(..) {
                spill.write(&batch).map_err(spill_error)?;
            }
            self.spill = Some(spill);
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Images> {
        let blocks = match self.spill {
            None => Blocks::Memory(self.memory),
            Some(spill) => {
                // `into_inner` writes the footer.
                let mut file = spill.into_inner().map_err(spill_error)?;
                file.seek(SeekFrom::Start(0)).map_err(ReadError::Spill)?;
                Blocks::Spilled(Box::new(Mutex::new(FileReader::try_new(file, None).map_err(spill_error)?)))
            }
        };
        Ok(Images { rows: self.rows, first_index: self.first_index, blocks })
    }
}

/// A spill file that nobody else can see, and that is gone when the process ends.
trait SpillFile: Sized {
    fn try_new_buffered_file(schema: &SchemaRef) -> Result<Self>;
}

impl SpillFile for FileWriter<File> {
    fn try_new_buffered_file(schema: &SchemaRef) -> Result<Self> {
        let file = tempfile::tempfile().map_err(ReadError::Spill)?;
        Self::try_new(file, schema).map_err(spill_error)
    }
}

fn spill_error(error: ArrowError) -> ReadError {
    match error {
        ArrowError::IoError(_, error) => ReadError::Spill(error),
        other => ReadError::Spill(std::io::Error::other(other)),
    }
}

impl Images {
    /// The images of `rows`, in that order.
    pub(crate) async fn gather(self: &Arc<Self>, rows: Vec<RowRef>) -> Result<RecordBatch> {
        let images = self.clone();
        match self.blocks {
            Blocks::Memory(_) => images.gather_blocking(&rows),
            Blocks::Spilled(_) => frazil_table::on_pool(move || images.gather_blocking(&rows)).await?,
        }
    }

    fn gather_blocking(&self, rows: &[RowRef]) -> Result<RecordBatch> {
        let internal = |detail: &str| ReadError::from(TableError::Internal { detail: detail.to_owned() });
        // (block, row in the block, place in the result), block by block: one block is in memory at a time.
        let mut wanted: Vec<(usize, u32, usize)> = Vec::with_capacity(rows.len());
        for (place, row) in rows.iter().enumerate() {
            let index = self.rows.binary_search(row).map_err(|_| internal("a before image was not kept"))?;
            let block = self.first_index.partition_point(|first| *first <= index) - 1;
            let in_block = index - self.first_index.get(block).copied().unwrap_or(0);
            wanted.push((block, u32::try_from(in_block).map_err(|_| internal("block too large"))?, place));
        }
        wanted.sort_unstable();
        let mut pieces: Vec<RecordBatch> = Vec::new();
        let mut places = vec![(0, 0); rows.len()];
        for group in wanted.chunk_by(|a, b| a.0 == b.0) {
            let Some((block, ..)) = group.first() else { continue };
            let indices: UInt32Array = group.iter().map(|(_, row, _)| Some(*row)).collect();
            let piece =
                take_record_batch(&self.block(*block)?, &indices).map_err(|error| internal(&error.to_string()))?;
            for (row, (_, _, place)) in group.iter().enumerate() {
                if let Some(entry) = places.get_mut(*place) {
                    *entry = (pieces.len(), row);
                }
            }
            pieces.push(piece);
        }
        let pieces: Vec<&RecordBatch> = pieces.iter().collect();
        interleave_record_batch(&pieces, &places).map_err(|error| internal(&error.to_string()))
    }

    fn block(&self, index: usize) -> Result<RecordBatch> {
        let missing = || ReadError::from(TableError::Internal { detail: "a block of images is gone".to_owned() });
        match &self.blocks {
            Blocks::Memory(batches) => batches.get(index).cloned().ok_or_else(missing),
            Blocks::Spilled(reader) => {
                let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
                reader.set_index(index).map_err(spill_error)?;
                reader.next().ok_or_else(missing)?.map_err(spill_error)
            }
        }
    }
}

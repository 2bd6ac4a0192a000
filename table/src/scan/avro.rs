//! Data and delete files in Avro.
//!
//! Such a file has no index: it is read from its beginning, block after block, and counted at its end. Blocks
//! without a row that is asked for are passed over still compressed.

mod columns;
mod decode;
mod read;
mod values;

use std::sync::Arc;

use bytes::Bytes;

pub(super) use read::Reading;

use super::columns::FileColumns;
use super::resolve::Resolver;
use crate::avro::{Cursor, Fault, Header};
use crate::file::FileEntry;
use crate::pool::on_pool;
use crate::table::Table;
use crate::{Result, TableError};

/// Bytes that are read first: small files whole.
const FIRST_BYTES: u64 = 64 * 1024;

/// A header beyond this is not read: schemas of ten thousand columns are smaller.
const HEADER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file whose header has been read.
#[derive(Debug)]
pub(super) struct AvroFile {
    pub(super) table: Table,
    pub(super) file: Arc<FileEntry>,
    header: Header,
    columns: FileColumns,
    /// For each leaf; no Avro file has one.
    int96: Vec<bool>,
    /// What was read of the file already, from its beginning.
    beginning: Bytes,
    /// Where its blocks begin.
    blocks_start: usize,
}

impl AvroFile {
    /// Reads the header.
    pub(super) async fn open(table: &Table, file: &Arc<FileEntry>) -> Result<Self> {
        let (end, size) = table.storage().read_suffix(&file.path, FIRST_BYTES).await?;
        if size != file.file_size_bytes {
            let detail = format!("the file has `{size}` bytes, the manifest says `{}`", file.file_size_bytes);
            return Err(TableError::corrupt(&*file.path, detail));
        }
        let mut n_bytes = FIRST_BYTES.min(size);
        let mut beginning = if size <= FIRST_BYTES { end } else { read_beginning(table, file, n_bytes).await? };
        loop {
            let (this_table, this_file) = (table.clone(), file.clone());
            match on_pool(move || Self::new(this_table, this_file, beginning)).await? {
                // A header that is cut off looks like one that is damaged.
                Err(Fault::Corrupt(_)) if n_bytes < size.min(HEADER_BYTES_MAX) => {}
                outcome => return outcome.map_err(|fault| refused(&file.path, fault)),
            }
            n_bytes = n_bytes.saturating_mul(8).min(HEADER_BYTES_MAX).min(size);
            beginning = read_beginning(table, file, n_bytes).await?;
        }
    }

    fn new(table: Table, file: Arc<FileEntry>, beginning: Bytes) -> std::result::Result<Self, Fault> {
        let mut cursor = Cursor::new(&beginning);
        let header = Header::read(&mut cursor)?;
        let blocks_start = beginning.len() - cursor.n_left();
        let schema = columns::arrow_schema(&header.schema);
        let columns = FileColumns::new(&schema, table.name_mapping(), file.content);
        let n_leaves = columns.columns.last().map_or(0, |column| column.leaves.end);
        Ok(Self { table, file, header, columns, int96: vec![false; n_leaves], beginning, blocks_start })
    }

    fn resolver(&self) -> Resolver<'_> {
        Resolver { table: &self.table, file: &self.file, columns: &self.columns, int96: &self.int96 }
    }
}

async fn read_beginning(table: &Table, file: &FileEntry, n_bytes: u64) -> Result<Bytes> {
    let ranges = table.storage().read_ranges(&file.path, std::slice::from_ref(&(0..n_bytes))).await?;
    ranges.into_iter().next().ok_or_else(|| TableError::internal("a range was not read"))
}

fn refused(path: &str, fault: Fault) -> TableError {
    match fault {
        Fault::Corrupt(cause) => TableError::corrupt(path, format!("not a valid avro file: {cause}")),
        Fault::Unsupported(cause) => TableError::unsupported(path, cause),
    }
}

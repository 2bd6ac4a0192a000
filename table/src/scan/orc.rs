//! Data and delete files in ORC.
//!
//! The footer names the stripes, which are the row groups of this format. Of a stripe only the streams of the
//! columns that are asked for are read, and decompressed while rows are decoded. Sizes, lengths and counts of a
//! file are checked before memory is taken for them. Source: ORC specification, version 1.

mod bits;
mod columns;
mod compression;
mod decode;
mod integers;
mod messages;
mod read;
mod statistics;
mod stripe;
mod tail;

use std::sync::Arc;

pub(super) use read::Reading;
pub(super) use statistics::{rows_that_may_match, stripes_that_may_hold};
use tokio::sync::OnceCell;

use self::compression::Codec;
use self::messages::Stripe;
use self::statistics::Statistics;
use self::tail::{Metadata, Tail};
use super::RowGroupSpan;
use super::columns::FileColumns;
use super::parquet::guarded;
use super::resolve::Resolver;
use crate::file::FileEntry;
use crate::pool::on_pool;
use crate::table::Table;
use crate::{Result, TableError};

/// A file whose footer has been read and checked.
#[derive(Debug)]
pub(super) struct OrcFile {
    pub(super) table: Table,
    pub(super) file: Arc<FileEntry>,
    codec: Codec,
    types: Vec<messages::Type>,
    stripes: Vec<Stripe>,
    spans: Vec<RowGroupSpan>,
    columns: FileColumns,
    writer_version: u64,
    metadata: Metadata,
    /// Of the stripes, once they were asked for.
    statistics: OnceCell<Statistics>,
    /// For each leaf; no ORC file has one.
    int96: Vec<bool>,
}

/// Why bytes cannot be decoded.
#[derive(Debug)]
enum Fault {
    /// They are damaged.
    Corrupt(String),
    /// They use something that this version cannot read.
    Unsupported(String),
    /// The values of as many rows take too much memory: fewer at a time may do.
    TooLarge,
}

impl From<String> for Fault {
    fn from(cause: String) -> Self {
        Self::Corrupt(cause)
    }
}

impl From<&str> for Fault {
    fn from(cause: &str) -> Self {
        Self::Corrupt(cause.to_owned())
    }
}

impl Fault {
    fn at(self, path: &str) -> TableError {
        match self {
            Self::Corrupt(cause) => TableError::corrupt(path, format!("not a valid orc file: {cause}")),
            Self::Unsupported(cause) => TableError::unsupported(path, cause),
            Self::TooLarge => TableError::corrupt(path, "not a valid orc file: one row is too large to be decoded"),
        }
    }
}

impl OrcFile {
    /// Reads the footer.
    pub(super) async fn open(table: &Table, file: &Arc<FileEntry>) -> Result<Self> {
        let tail = tail::read(table, file).await?;
        let (table, file) = (table.clone(), file.clone());
        on_pool(move || guarded(&file.clone().path, || Self::new(table, file, tail))).await?
    }

    fn new(table: Table, file: Arc<FileEntry>, tail: Tail) -> Result<Self> {
        let Tail { codec, types, stripes, n_rows, metadata, writer_version } = tail;
        let spans = check(&stripes, n_rows, &file).map_err(|fault| fault.at(&file.path))?;
        let schema = columns::arrow_schema(&types).map_err(|fault| fault.at(&file.path))?;
        let columns = FileColumns::new(&schema, table.name_mapping(), file.content);
        let n_leaves = columns.columns.last().map_or(0, |column| column.leaves.end);
        Ok(Self {
            int96: vec![false; n_leaves],
            statistics: OnceCell::new(),
            table,
            file,
            codec,
            types,
            stripes,
            spans,
            columns,
            writer_version,
            metadata,
        })
    }

    pub(super) fn spans(&self) -> &[RowGroupSpan] {
        &self.spans
    }

    fn resolver(&self) -> Resolver<'_> {
        Resolver { table: &self.table, file: &self.file, columns: &self.columns, int96: &self.int96 }
    }
}

/// Checks where the stripes lie, and counts their rows.
fn check(stripes: &[Stripe], n_rows: u64, file: &FileEntry) -> std::result::Result<Vec<RowGroupSpan>, Fault> {
    let mut first_position = 0_u64;
    let mut spans = Vec::with_capacity(stripes.len());
    for (index, stripe) in stripes.iter().enumerate() {
        if stripe.end().is_none_or(|end| end > file.file_size_bytes) {
            return Err(format!("stripe `{index}` lies outside of the file").into());
        }
        spans.push(RowGroupSpan { index, first_position, n_rows: stripe.n_rows });
        let end = first_position.checked_add(stripe.n_rows);
        first_position = end.ok_or("its stripes claim more rows than can be counted")?;
    }
    if first_position != n_rows {
        return Err(format!("its footer says `{n_rows}` rows, its stripes have `{first_position}`").into());
    }
    if n_rows != file.record_count {
        return Err(format!("the file has `{n_rows}` rows, the manifest says `{}`", file.record_count).into());
    }
    Ok(spans)
}

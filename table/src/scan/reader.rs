//! A data or delete file that has been opened, whatever its format.

use std::collections::VecDeque;
use std::sync::Arc;

use ::parquet::file::metadata::ParquetMetaData;
use async_recursion::async_recursion as boxed;

use super::avro::AvroFile;
use super::orc::OrcFile;
use super::parquet::{self, Inner};
use super::stream::BatchStream;
use super::{KeyRanges, Projection, RowGroupSpan, RowSelect, may_match, orc, prune};
use crate::file::{FileEntry, FileFormat};
use crate::filter::BoundFilter;
use crate::table::Table;
use crate::{Result, TableError};

/// A data or delete file whose footer or header has been read. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FileReader {
    file: OpenFile,
}

/// By format.
#[derive(Debug, Clone)]
pub(super) enum OpenFile {
    Parquet(Arc<Inner>),
    Avro(Arc<AvroFile>),
    Orc(Arc<OrcFile>),
}

impl FileReader {
    /// Reads the footer or header of a file.
    ///
    /// # Errors
    /// [`TableError::Corrupt`] if the file is damaged, or not the one that the manifest describes (size, rows);
    /// [`TableError::Unsupported`] if it is encrypted or has what is not supported; else as
    /// [`Storage::read_suffix`](crate::storage::Storage::read_suffix).
    #[boxed]
    pub async fn open(table: &Table, file: &Arc<FileEntry>) -> Result<Self> {
        if file.is_encrypted {
            return Err(parquet::encrypted(&file.path));
        }
        let file = match file.format {
            FileFormat::Parquet => OpenFile::Parquet(Arc::new(Inner::open(table, file).await?)),
            FileFormat::Avro => OpenFile::Avro(Arc::new(AvroFile::open(table, file).await?)),
            FileFormat::Orc => OpenFile::Orc(Arc::new(OrcFile::open(table, file).await?)),
            FileFormat::Puffin => {
                return Err(TableError::corrupt(&*file.path, "a file with rows cannot be a puffin file"));
            }
        };
        Ok(Self { file })
    }

    /// Rows of the file, deleted ones too.
    pub fn n_rows(&self) -> u64 {
        match &self.file {
            OpenFile::Parquet(file) => file.file.record_count,
            OpenFile::Avro(file) => file.file.record_count,
            OpenFile::Orc(file) => file.file.record_count,
        }
    }

    /// Row groups in file order: stripes of an ORC file; an Avro file is one as a whole.
    pub fn row_groups(&self) -> Vec<RowGroupSpan> {
        match &self.file {
            OpenFile::Parquet(file) => file.spans().to_vec(),
            OpenFile::Avro(_) => vec![RowGroupSpan { index: 0, first_position: 0, n_rows: self.n_rows() }],
            OpenFile::Orc(file) => file.spans().to_vec(),
        }
    }

    /// Reads rows in file order, `batch_rows` at most at a time. An error of the projection comes with the
    /// first batch.
    pub fn read(&self, projection: &Projection, select: RowSelect, batch_rows: usize) -> BatchStream {
        BatchStream::new(self.file.clone(), projection.clone(), select, batch_rows)
    }

    /// Row groups that may hold a row whose key equals one of `keys`, by the file's statistics, and by its bloom
    /// filters where reading them pays. A row group that is not named holds none.
    ///
    /// # Errors
    /// [`TableError::Corrupt`] if the file cannot have these columns; else as
    /// [`Storage::read_ranges`](crate::storage::Storage::read_ranges).
    #[boxed]
    pub async fn row_groups_that_may_hold(&self, keys: &KeyRanges) -> Result<Vec<usize>> {
        match &self.file {
            OpenFile::Parquet(file) => prune::row_groups(file, keys).await,
            OpenFile::Avro(_) => Ok(self.row_groups().iter().map(|span| span.index).collect()),
            OpenFile::Orc(file) => orc::stripes_that_may_hold(file, keys).await,
        }
    }

    /// The rows that may match `filter`, by the file's statistics, bloom filters and page indexes: all rows of a format
    /// without them. `projection` is what will be read of them: it decides whether looking at pages pays.
    ///
    /// # Errors
    /// As for [`FileReader::row_groups_that_may_hold`].
    #[boxed]
    pub async fn rows_that_may_match(&self, filter: &BoundFilter, projection: &Projection) -> Result<RowSelect> {
        match &self.file {
            OpenFile::Parquet(file) => may_match::rows(file, filter, projection).await,
            OpenFile::Avro(_) => Ok(RowSelect::default()),
            OpenFile::Orc(file) => orc::rows_that_may_match(file, filter).await,
        }
    }

    /// Everything that a Parquet file says of its column chunks and their pages. `None` if the file is another's, or
    /// contradicts itself in what decoding does without.
    ///
    /// # Errors
    /// As for [`FileReader::open`].
    pub(crate) async fn whole_metadata(&self) -> Result<Option<ParquetMetaData>> {
        match &self.file {
            OpenFile::Parquet(file) => file.whole_metadata().await,
            OpenFile::Avro(_) | OpenFile::Orc(_) => Ok(None),
        }
    }

    /// Encoded bytes of the columns that `projection` is made of, in these row groups. An Avro file is read whole for
    /// any column, and of an ORC file only the stripes know: for both nothing is saved by reading fewer columns first.
    ///
    /// # Errors
    /// As for [`FileReader::row_groups_that_may_hold`].
    pub(crate) fn encoded_bytes(&self, projection: &Projection, row_groups: &VecDeque<usize>) -> Result<u64> {
        match &self.file {
            OpenFile::Parquet(file) => file.encoded_bytes(projection, row_groups),
            OpenFile::Avro(file) => Ok(file.file.file_size_bytes),
            OpenFile::Orc(file) => Ok(file.file.file_size_bytes),
        }
    }
}

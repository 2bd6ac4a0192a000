//! Files of one partition, one after the other.

use std::sync::Arc;

use arrow_array::RecordBatch;
use iceberg::spec::PartitionSpecRef;

use super::append::spec_of;
use super::batch::SharedSchema;
use super::copy::CopiedRowGroup;
use super::location::{FileNames, partition_path};
use super::metrics::MetricsConfig;
use super::options::{FileSettings, WriteOptions};
use super::parquet::Encoder;
use super::paths::WrittenPaths;
use crate::file::{FileContent, FileFormat, PartitionTuple, WrittenFile};
use crate::ids::{FieldId, SpecId};
use crate::storage::Upload;
use crate::table::Table;
use crate::{Result, on_pool};

/// What the files of one writer have in common.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) table: Table,
    pub(super) spec: PartitionSpecRef,
    pub(super) names: Arc<FileNames>,
    pub(super) content: FileContent,
    pub(super) settings: FileSettings,
    pub(super) schema: SharedSchema,
    pub(super) metrics: Arc<MetricsConfig>,
    pub(super) equality_ids: Vec<FieldId>,
    pub(super) sort_order_id: Option<i32>,
    pub(super) referenced_data_file: Option<Arc<str>>,
    pub(super) paths: Option<WrittenPaths>,
}

/// Rows that follow each other in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) path: Arc<str>,
    /// Position of the first row.
    pub(super) first: u64,
    pub(super) n_rows: usize,
}

/// Writes the files of one partition.
#[derive(Debug)]
pub(super) struct RollingWriter {
    recipe: Arc<Recipe>,
    partition: PartitionTuple,
    open: Option<OpenFile>,
    finished: Vec<WrittenFile>,
}

#[derive(Debug)]
struct OpenFile {
    path: Arc<str>,
    encoder: Encoder,
    upload: Upload,
}

impl Recipe {
    /// Without a key, a sort order or a file that it belongs to.
    pub(super) fn new(
        table: &Table,
        options: &WriteOptions,
        spec_id: SpecId,
        content: FileContent,
        schema: SharedSchema,
    ) -> Result<Self> {
        let settings = if content == FileContent::Data { &options.data } else { &options.deletes };
        Ok(Self {
            table: table.clone(),
            spec: spec_of(table, spec_id)?,
            names: options.names.clone(),
            content,
            settings: settings.clone(),
            schema,
            metrics: options.metrics.clone(),
            equality_ids: Vec::new(),
            sort_order_id: None,
            referenced_data_file: None,
            paths: options.paths.clone(),
        })
    }

    fn key_values(&self) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> =
            self.schema.json.iter().map(|json| ("iceberg.schema".to_owned(), json.clone())).collect();
        match self.content {
            FileContent::Data => {}
            FileContent::PositionDeletes => pairs.push(("delete-type".to_owned(), "position".to_owned())),
            FileContent::EqualityDeletes => {
                let ids: Vec<String> = self.equality_ids.iter().map(ToString::to_string).collect();
                pairs.push(("delete-type".to_owned(), "equality".to_owned()));
                pairs.push(("delete-field-ids".to_owned(), ids.join(", ")));
            }
        }
        pairs
    }
}

impl RollingWriter {
    pub(super) fn new(recipe: Arc<Recipe>, partition: PartitionTuple) -> Self {
        Self { recipe, partition, open: None, finished: Vec::new() }
    }

    /// Writes rows that have the recipe's schema; says where they are. After an error the writer is of no use.
    pub(super) async fn write(&mut self, batch: &RecordBatch) -> Result<Vec<Span>> {
        let mut spans = Vec::new();
        let mut n_done = 0;
        while n_done < batch.num_rows() {
            let OpenFile { path, mut encoder, mut upload } = match self.open.take() {
                Some(open) => open,
                None => Self::begin(self.recipe.clone(), self.partition.clone()).await?,
            };
            let first = encoder.n_rows();
            let rest = batch.slice(n_done, batch.num_rows() - n_done);
            let (encoder, n_rows, ready) = on_pool(move || {
                let n_rows = encoder.take(&rest)?;
                let ready = encoder.ready();
                Ok::<_, crate::TableError>((encoder, n_rows, ready))
            })
            .await??;
            upload.put(ready).await?;
            spans.push(Span { path: path.clone(), first, n_rows });
            n_done += n_rows;
            let is_full = encoder.is_full();
            self.open = Some(OpenFile { path, encoder, upload });
            if is_full {
                self.close().await?;
            }
        }
        Ok(spans)
    }

    /// Takes a row group of another file over. After an error the writer is of no use.
    pub(super) async fn copy(&mut self, copied: CopiedRowGroup) -> Result<()> {
        if self.open.as_ref().is_some_and(|open| open.encoder.is_better_without(copied.n_bytes)) {
            self.close().await?;
        }
        let OpenFile { path, mut encoder, mut upload } = match self.open.take() {
            Some(open) => open,
            None => Self::begin(self.recipe.clone(), self.partition.clone()).await?,
        };
        let (encoder, ready) = on_pool(move || {
            encoder.copy(copied)?;
            let ready = encoder.ready();
            Ok::<_, crate::TableError>((encoder, ready))
        })
        .await??;
        upload.put(ready).await?;
        let is_full = encoder.is_full();
        self.open = Some(OpenFile { path, encoder, upload });
        if is_full {
            self.close().await?;
        }
        Ok(())
    }

    async fn begin(recipe: Arc<Recipe>, partition: PartitionTuple) -> Result<OpenFile> {
        let folder = partition_path(&recipe.table, &recipe.spec, &partition);
        let end = if recipe.content == FileContent::Data { ".parquet" } else { "-deletes.parquet" };
        let path = recipe.names.next(&folder, end);
        let encoder = Encoder::new(&recipe.schema, &recipe.settings, &recipe.metrics, recipe.key_values())?;
        let upload = recipe.table.storage().upload(&path).await?;
        Ok(OpenFile { path: path.into(), encoder, upload })
    }

    /// Memory of the unfinished row group; zero without one.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.encoder.memory_bytes())
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Ends the open file, if there is one.
    pub(super) async fn close(&mut self) -> Result<()> {
        let Some(OpenFile { path, encoder, mut upload }) = self.open.take() else { return Ok(()) };
        let finished = on_pool(move || encoder.finish()).await??;
        upload.put(finished.bytes).await?;
        let recipe = &self.recipe;
        if let Some(paths) = &recipe.paths {
            paths.add(&path);
        }
        upload.finish().await?;
        self.finished.push(WrittenFile {
            content: recipe.content,
            path,
            format: FileFormat::Parquet,
            spec_id: SpecId::new(recipe.spec.spec_id()),
            partition: self.partition.clone(),
            record_count: finished.n_rows,
            file_size_bytes: finished.file_size_bytes,
            metrics: Arc::new(finished.metrics),
            column_sizes: finished.column_sizes,
            split_offsets: finished.split_offsets,
            equality_ids: recipe.equality_ids.clone(),
            sort_order_id: recipe.sort_order_id,
            referenced_data_file: recipe.referenced_data_file.clone(),
            content_range: None,
        });
        Ok(())
    }

    /// Ends the open file and hands out all files.
    pub(super) async fn finish(mut self) -> Result<Vec<WrittenFile>> {
        self.close().await?;
        Ok(self.finished)
    }
}

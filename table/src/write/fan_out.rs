//! Files of many partitions at a time.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::copy::CopiedRowGroup;
use super::rolling::{Recipe, RollingWriter, Span};
use crate::file::{PartitionTuple, WrittenFile};
use crate::{Result, TableError};

/// Keeps a file open for each partition, within limits.
#[derive(Debug)]
pub(super) struct FanOut {
    recipe: Arc<Recipe>,
    by_partition: HashMap<PartitionTuple, RollingWriter>,
    open_partitions_max: usize,
    open_bytes_max: u64,
    finished: Vec<WrittenFile>,
    /// A write failed or was cancelled: rows are missing.
    is_broken: bool,
}

impl FanOut {
    pub(super) fn new(recipe: Recipe, open_partitions_max: usize, open_bytes_max: u64) -> Self {
        Self {
            recipe: Arc::new(recipe),
            by_partition: HashMap::new(),
            open_partitions_max,
            open_bytes_max,
            finished: Vec::new(),
            is_broken: false,
        }
    }

    pub(super) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Writes rows of one partition; says where they are, in their order.
    pub(super) async fn write(&mut self, partition: &PartitionTuple, rows: &RecordBatch) -> Result<Vec<Span>> {
        check_unbroken(self.is_broken)?;
        if rows.num_rows() == 0 {
            return Ok(Vec::new());
        }
        self.is_broken = true;
        let spans = self.writer(partition).write(rows).await?;
        self.tidy(partition).await?;
        self.is_broken = false;
        Ok(spans)
    }

    /// Takes a row group of another file over.
    pub(super) async fn copy(&mut self, partition: &PartitionTuple, copied: CopiedRowGroup) -> Result<()> {
        check_unbroken(self.is_broken)?;
        self.is_broken = true;
        self.writer(partition).copy(copied).await?;
        self.tidy(partition).await?;
        self.is_broken = false;
        Ok(())
    }

    fn writer(&mut self, partition: &PartitionTuple) -> &mut RollingWriter {
        let recipe = &self.recipe;
        let new = || RollingWriter::new(recipe.clone(), partition.clone());
        self.by_partition.entry(partition.clone()).or_insert_with(new)
    }

    /// Lets go of the writer that has just written if it has no open file, and of others as limits ask.
    async fn tidy(&mut self, partition: &PartitionTuple) -> Result<()> {
        if self.by_partition.get(partition).is_some_and(|writer| !writer.is_open()) {
            self.retire(partition).await?;
        }
        while self.is_beyond_limits() {
            let largest = self.by_partition.iter().max_by_key(|(_, writer)| writer.memory_bytes());
            let Some(largest) = largest.map(|(partition, _)| partition.clone()) else { break };
            self.retire(&largest).await?;
        }
        Ok(())
    }

    fn is_beyond_limits(&self) -> bool {
        let n_open = self.by_partition.len();
        if n_open > self.open_partitions_max {
            return true;
        }
        let n_bytes = self.by_partition.values().fold(0_u64, |sum, writer| sum.saturating_add(writer.memory_bytes()));
        n_open > 1 && n_bytes > self.open_bytes_max
    }

    async fn retire(&mut self, partition: &PartitionTuple) -> Result<()> {
        if let Some(writer) = self.by_partition.remove(partition) {
            self.finished.extend(writer.finish().await?);
        }
        Ok(())
    }

    /// Ends all files and hands them out.
    pub(super) async fn finish(self) -> Result<Vec<WrittenFile>> {
        let mut finished = self.finish_in_order().await?;
        finished.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(finished)
    }

    /// As [`FanOut::finish`]; files of one partition in the order in which they were written.
    pub(super) async fn finish_in_order(mut self) -> Result<Vec<WrittenFile>> {
        check_unbroken(self.is_broken)?;
        for (_, writer) in self.by_partition.drain() {
            self.finished.extend(writer.finish().await?);
        }
        Ok(self.finished)
    }
}

/// After a write that failed or was cancelled, nobody knows which rows are missing.
pub(super) fn check_unbroken(is_broken: bool) -> Result<()> {
    if is_broken {
        return Err(TableError::invalid(
            "this writer failed or was cancelled before; write everything again with a new one",
        ));
    }
    Ok(())
}

//! Filters on changes: which changes are left when only some rows are of interest.

use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use frazil_table::filter::BoundFilter;
use frazil_table::scan::Projection;
use frazil_table::{FieldId, Table, TableError};

use crate::Result;
use crate::event::ChangelogOperation;
use crate::options::FilterUpdates;

/// A filter on the changes of a stream.
#[derive(Debug, Clone)]
pub(crate) struct ChangeFilter {
    pub(crate) rows: Arc<BoundFilter>,
    pub(crate) updates: Updates,
}

/// What becomes of an update of which one image matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Updates {
    /// As [`FilterUpdates::Retract`].
    Retract,
    /// As [`FilterUpdates::Independent`].
    Independent,
    /// Both images are kept, for others to filter.
    Whole,
}

impl From<FilterUpdates> for Updates {
    fn from(updates: FilterUpdates) -> Self {
        match updates {
            FilterUpdates::Retract => Self::Retract,
            FilterUpdates::Independent => Self::Independent,
        }
    }
}

impl ChangeFilter {
    /// The columns that the filter looks at.
    pub(crate) fn field_ids(&self) -> Vec<FieldId> {
        self.rows.field_ids()
    }

    /// `output` with the columns that the filter looks at behind it, whether or not they are shown.
    pub(crate) fn extend(&self, table: &Table, output: Projection) -> Result<Projection> {
        Ok(output.with_keys(table, &self.field_ids())?)
    }

    /// What is left of changes whose rows are those of [`ChangeFilter::extend`]; the rows come without its columns.
    pub(crate) fn apply(
        &self,
        operations: &[ChangelogOperation],
        rows: &RecordBatch,
    ) -> Result<(Vec<ChangelogOperation>, RecordBatch)> {
        let (rows, matching) = self.split(rows)?;
        self.keep(operations, rows, &matching)
    }

    /// What is left of changes, given the rows that match.
    pub(crate) fn keep(
        &self,
        operations: &[ChangelogOperation],
        rows: RecordBatch,
        matching: &BooleanBuffer,
    ) -> Result<(Vec<ChangelogOperation>, RecordBatch)> {
        let kept = kept(operations, matching, self.updates);
        if kept.iter().all(Option::is_some) {
            return Ok((kept.into_iter().flatten().collect(), rows));
        }
        let mask: BooleanArray = kept.iter().map(|operation| Some(operation.is_some())).collect();
        let rows = filter_record_batch(&rows, &mask).map_err(|error| internal(&error.to_string()))?;
        Ok((kept.into_iter().flatten().collect(), rows))
    }

    /// The rows without the columns of [`ChangeFilter::extend`], and which of them match.
    pub(crate) fn split(&self, rows: &RecordBatch) -> Result<(RecordBatch, BooleanBuffer)> {
        let n_output = rows.num_columns().saturating_sub(self.field_ids().len());
        let (output, of_filter) = rows.columns().split_at(n_output);
        let matching = self.rows.matches(of_filter, rows.num_rows())?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let rows = RecordBatch::try_new_with_options(first_fields(rows, n_output), output.to_vec(), &options)
            .map_err(|error| internal(&error.to_string()))?;
        Ok((rows, matching))
    }
}

fn first_fields(rows: &RecordBatch, n: usize) -> SchemaRef {
    let fields: Vec<_> = rows.schema_ref().fields().iter().take(n).cloned().collect();
    Arc::new(Schema::new_with_metadata(fields, rows.schema_ref().metadata().clone()))
}

fn internal(detail: &str) -> TableError {
    TableError::Internal { detail: detail.to_owned() }
}

/// What each change becomes; `None` is left out. The two images of an update stand next to each other.
fn kept(
    operations: &[ChangelogOperation],
    matching: &BooleanBuffer,
    updates: Updates,
) -> Vec<Option<ChangelogOperation>> {
    use ChangelogOperation::{Delete, Insert, UpdateAfter, UpdateBefore};
    let matches = |row: usize| row < matching.len() && matching.value(row);
    let retracts = |row: usize| match (updates, operations[row]) {
        (Updates::Independent | Updates::Whole, operation) => operation,
        // A row that leaves the consumer's view is deleted there, and one that comes into it is inserted.
        (Updates::Retract, UpdateBefore) if !matches(row + 1) => Delete,
        (Updates::Retract, UpdateAfter) if row == 0 || !matches(row - 1) => Insert,
        (Updates::Retract, operation) => operation,
    };
    let is_kept = |row: usize| match (updates, operations[row]) {
        (Updates::Whole, UpdateBefore) => matches(row) || matches(row + 1),
        (Updates::Whole, UpdateAfter) => matches(row) || (row > 0 && matches(row - 1)),
        _ => matches(row),
    };
    (0..operations.len()).map(|row| is_kept(row).then(|| retracts(row))).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::event::ChangelogOperation::{Delete, Insert, UpdateAfter, UpdateBefore};

    fn left(operations: &[ChangelogOperation], bits: &[bool], updates: Updates) -> Vec<ChangelogOperation> {
        kept(operations, &BooleanBuffer::from(bits), updates).into_iter().flatten().collect()
    }

    #[rstest]
    #[case([true, true], &[UpdateBefore, UpdateAfter])]
    #[case([true, false], &[Delete])]
    #[case([false, true], &[Insert])]
    #[case([false, false], &[])]
    fn an_update_across_the_edge_of_the_filter_is_a_delete_or_an_insert(
        #[case] bits: [bool; 2],
        #[case] expected: &[ChangelogOperation],
    ) {
        assert_eq!(left(&[UpdateBefore, UpdateAfter], &bits, Updates::Retract), expected);
    }

    #[rstest]
    #[case([true, true], &[UpdateBefore, UpdateAfter])]
    #[case([true, false], &[UpdateBefore])]
    #[case([false, true], &[UpdateAfter])]
    #[case([false, false], &[])]
    fn independent_images_keep_their_kinds(#[case] bits: [bool; 2], #[case] expected: &[ChangelogOperation]) {
        assert_eq!(left(&[UpdateBefore, UpdateAfter], &bits, Updates::Independent), expected);
    }

    #[rstest]
    #[case([true, true], &[UpdateBefore, UpdateAfter])]
    #[case([true, false], &[UpdateBefore, UpdateAfter])]
    #[case([false, true], &[UpdateBefore, UpdateAfter])]
    #[case([false, false], &[])]
    fn an_update_for_others_to_filter_is_kept_whole(#[case] bits: [bool; 2], #[case] expected: &[ChangelogOperation]) {
        assert_eq!(left(&[UpdateBefore, UpdateAfter], &bits, Updates::Whole), expected);
        let among = [Insert, UpdateBefore, UpdateAfter, Delete];
        let whole = left(&among, &[true, bits[0], bits[1], true], Updates::Whole);
        assert_eq!(whole, [&[Insert], expected, &[Delete]].concat());
    }

    #[test]
    fn neighbours_of_an_update_do_not_change_it() {
        let operations = [Delete, UpdateBefore, UpdateAfter, UpdateBefore, UpdateAfter, Insert];
        let bits = [true, false, true, true, false, true];
        assert_eq!(left(&operations, &bits, Updates::Retract), [Delete, Insert, Delete, Insert]);
    }
}

//! A sum over rows that does not depend on their order.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, StructArray};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, SchemaRef};
use frazil_table::{TableError, on_pool};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::Result;

/// Drawn once for each process: files cannot be made so that different rows of them have one sum.
static SEED: LazyLock<(u64, u64)> = LazyLock::new(|| {
    let state = RandomState::new();
    (state.hash_one(0), state.hash_one(1))
});

/// How many rows there are, and the sum of their hashes of 128 bits. Values count by their bits: NULL equals NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checksum {
    n_rows: u64,
    sum: u128,
}

/// Adds rows of one schema up.
#[derive(Debug)]
pub(super) struct Summing {
    converter: Arc<RowConverter>,
    total: Checksum,
}

impl Summing {
    /// # Errors
    /// [`TableError::Internal`] if rows of this schema cannot be compared.
    pub(super) fn new(schema: &SchemaRef) -> Result<Self> {
        let fields = schema.fields().iter().map(|field| SortField::new(comparable_type(field.data_type()))).collect();
        let converter = Arc::new(RowConverter::new(fields).map_err(internal)?);
        Ok(Self { converter, total: Checksum { n_rows: 0, sum: 0 } })
    }

    /// # Errors
    /// [`TableError::Internal`] if the rows are not of the schema.
    pub(super) async fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let (converter, batch) = (self.converter.clone(), batch.clone());
        let n_rows = batch.num_rows() as u64;
        let sum = on_pool(move || sum_of(&converter, &batch)).await??;
        self.total.n_rows += n_rows;
        self.total.sum = self.total.sum.wrapping_add(sum);
        Ok(())
    }

    pub(super) fn total(&self) -> Checksum {
        self.total
    }
}

fn sum_of(converter: &RowConverter, batch: &RecordBatch) -> Result<u128> {
    let columns: Vec<ArrayRef> =
        batch.columns().iter().map(comparable).collect::<std::result::Result<_, _>>().map_err(internal)?;
    let rows = converter.convert_columns(&columns).map_err(internal)?;
    let hashes = rows.iter().map(|row| {
        let mut hasher = SipHasher13::new_with_keys(SEED.0, SEED.1);
        hasher.write(row.data());
        hasher.finish128().as_u128()
    });
    Ok(hashes.fold(0, u128::wrapping_add))
}

fn internal(error: ArrowError) -> TableError {
    TableError::Internal { detail: format!("rows could not be summed up: {error}") }
}

/// The type that stands in for `data_type`: the row format knows no maps, so they become lists of entries.
/// What [`comparable`] makes has exactly this type.
fn comparable_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|field| Field::new(field.name(), comparable_type(field.data_type()), field.is_nullable()))
                .collect(),
        ),
        DataType::List(element) => DataType::List(list_element(comparable_type(element.data_type()))),
        DataType::Map(entries, _) => DataType::List(list_element(comparable_type(entries.data_type()))),
        other => other.clone(),
    }
}

fn list_element(data_type: DataType) -> FieldRef {
    Arc::new(Field::new_list_field(data_type, true))
}

fn comparable(array: &ArrayRef) -> std::result::Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Struct(fields) if !fields.is_empty() => {
            let array = array.as_struct();
            let columns: Vec<ArrayRef> =
                array.columns().iter().map(comparable).collect::<std::result::Result<_, _>>()?;
            let fields: Fields = fields
                .iter()
                .zip(&columns)
                .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), field.is_nullable()))
                .collect();
            Arc::new(StructArray::try_new(fields, columns, array.nulls().cloned())?)
        }
        DataType::List(_) => {
            let array = array.as_list::<i32>();
            let values = comparable(array.values())?;
            let field = list_element(values.data_type().clone());
            Arc::new(ListArray::try_new(field, array.offsets().clone(), values, array.nulls().cloned())?)
        }
        DataType::Map(_, _) => {
            let array = array.as_map();
            let entries: ArrayRef = Arc::new(array.entries().clone());
            let values = comparable(&entries)?;
            let field = list_element(values.data_type().clone());
            Arc::new(ListArray::try_new(field, array.offsets().clone(), values, array.nulls().cloned())?)
        }
        _ => array.clone(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, StringArray};

    async fn sum(rows: &[(i64, Option<&str>)]) -> Checksum {
        let columns: [(&str, ArrayRef); 2] = [
            ("k", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)))),
            ("v", Arc::new(StringArray::from_iter(rows.iter().map(|row| row.1)))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut summing = Summing::new(&batch.schema()).unwrap();
        let half = batch.num_rows() / 2;
        summing.add(&batch.slice(0, half)).await.unwrap();
        summing.add(&batch.slice(half, batch.num_rows() - half)).await.unwrap();
        summing.total()
    }

    #[tokio::test]
    async fn sums_tell_multisets_of_rows_apart() {
        let rows = sum(&[(1, Some("a")), (2, None), (2, None)]).await;
        assert_eq!(rows, sum(&[(2, None), (1, Some("a")), (2, None)]).await);
        assert_ne!(rows, sum(&[(1, Some("a")), (2, None)]).await, "a row is missing");
        assert_ne!(rows, sum(&[(1, Some("a")), (1, Some("a")), (2, None)]).await, "the other one is there twice");
        assert_ne!(rows, sum(&[(1, None), (2, Some("a")), (2, None)]).await, "values are with other rows");
    }
}

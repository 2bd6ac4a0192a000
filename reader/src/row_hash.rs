//! Hashes under which rows are compared.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, ListArray, StructArray};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields};
use frazil_table::TableError;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

use crate::Result;

/// Drawn once for each process: a file cannot be made so that different rows of it collide.
static SEED: LazyLock<(u64, u64)> = LazyLock::new(|| {
    let state = RandomState::new();
    (state.hash_one(0), state.hash_one(1))
});

/// Hashes rows over some columns: equal rows have equal hashes, and others do not, for all practical
/// purposes (128 bits). NULL equals NULL, all NaN are equal, -0.0 differs from +0.0.
pub(crate) struct RowHasher {
    converter: RowConverter,
}

impl RowHasher {
    pub(crate) fn new<'a>(fields: impl IntoIterator<Item = &'a FieldRef>) -> Result<Self> {
        let fields = fields.into_iter().map(|field| SortField::new(comparable_type(field.data_type()))).collect();
        Ok(Self { converter: RowConverter::new(fields).map_err(internal)? })
    }

    /// One hash for each row.
    pub(crate) fn hash(&self, columns: &[ArrayRef], n_rows: usize) -> Result<Vec<u128>> {
        if columns.is_empty() {
            return Ok(vec![0; n_rows]);
        }
        let columns: Vec<ArrayRef> =
            columns.iter().map(comparable).collect::<std::result::Result<_, _>>().map_err(internal)?;
        let rows = self.converter.convert_columns(&columns).map_err(internal)?;
        Ok(rows.iter().map(|row| hash_bytes(row.data())).collect())
    }
}

fn hash_bytes(bytes: &[u8]) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(SEED.0, SEED.1);
    hasher.write(bytes);
    hasher.finish128().as_u128()
}

fn internal(error: ArrowError) -> TableError {
    TableError::Internal { detail: format!("rows could not be compared: {error}") }
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
        DataType::Float32 => Arc::new(
            array.as_primitive::<Float32Type>().unary::<_, Float32Type>(|v| if v.is_nan() { f32::NAN } else { v }),
        ),
        DataType::Float64 => Arc::new(
            array.as_primitive::<Float64Type>().unary::<_, Float64Type>(|v| if v.is_nan() { f64::NAN } else { v }),
        ),
        DataType::Struct(fields) => {
            let array = array.as_struct();
            if fields.is_empty() {
                return Ok(Arc::new(array.clone()));
            }
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
    use arrow_array::{Float64Array, Int64Array};

    #[test]
    fn null_equals_null_and_nan_equals_nan_but_zeros_differ() {
        let values: ArrayRef =
            Arc::new(Float64Array::from(vec![None, None, Some(f64::NAN), Some(-f64::NAN), Some(0.0), Some(-0.0)]));
        let hasher = RowHasher::new([&Arc::new(Field::new("v", DataType::Float64, true))]).unwrap();
        let hashes = hasher.hash(&[values], 6).unwrap();
        assert_eq!(hashes[0], hashes[1]);
        assert_eq!(hashes[2], hashes[3]);
        assert_ne!(hashes[4], hashes[5]);
    }

    #[test]
    fn maps_are_compared_by_their_entries() {
        let mut builder = arrow_array::builder::MapBuilder::new(
            None,
            arrow_array::builder::Int64Builder::new(),
            arrow_array::builder::Int64Builder::new(),
        );
        for value in [1, 1, 2] {
            builder.keys().append_value(7);
            builder.values().append_value(value);
            builder.append(true).unwrap();
        }
        let map: ArrayRef = Arc::new(builder.finish());
        let field = Arc::new(Field::new("m", map.data_type().clone(), true));
        let hashes = RowHasher::new([&field]).unwrap().hash(&[map], 3).unwrap();
        assert_eq!(hashes[0], hashes[1]);
        assert_ne!(hashes[0], hashes[2]);
        let longs: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        assert!(RowHasher::new([&field]).unwrap().hash(&[longs], 1).is_err());
    }
}

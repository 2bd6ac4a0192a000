//! Rows of the table that is measured on: eight columns, every value a function of the row's `id`, so that what
//! a read must find is known without a second reader.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::builder::StringBuilder;
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use serde_json::{Value as Json, json};

/// Name of the key column, which holds `0..n_rows` in the order of the files.
pub const ID: &str = "id";

/// Field id of the key column.
pub const ID_FIELD: i32 = 1;

/// Users, which are numbered from 0: the values of `user_id`, in no order.
pub const N_USERS: i64 = 5_000_000;

/// A column whose values equality deletes name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyColumn {
    /// `id`: the rows of a file have consecutive keys.
    Id,
    /// `user_id`: the rows of a file have keys from everywhere.
    User,
}

impl KeyColumn {
    /// Name of the column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => ID,
            Self::User => "user_id",
        }
    }

    /// Field id of the column.
    pub fn field_id(self) -> i32 {
        match self {
            Self::Id => ID_FIELD,
            Self::User => 3,
        }
    }

    /// How many keys there are in a table of `n_rows` rows, from 0 on.
    pub fn n_keys(self, n_rows: i64) -> i64 {
        match self {
            Self::Id => n_rows,
            Self::User => N_USERS,
        }
    }
}

/// The user of a row.
pub fn user(id: i64) -> i64 {
    i64::try_from(random(id, 4) % N_USERS.unsigned_abs()).unwrap_or(0)
}

/// A number of a row, for one of its columns.
fn random(id: i64, stream: u64) -> u64 {
    mix(id.unsigned_abs().wrapping_mul(8).wrapping_add(stream))
}

/// Microseconds of the first row's `ts`.
const FIRST_TS: i64 = 1_704_067_200_000_000;

/// A column as the table's schema and its files have it.
struct Column {
    name: &'static str,
    iceberg: &'static str,
    arrow: DataType,
    required: bool,
}

fn columns() -> [Column; 8] {
    let column = |name, iceberg, arrow, required| Column { name, iceberg, arrow, required };
    [
        column(ID, "long", DataType::Int64, true),
        column("ts", "timestamp", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        column("user_id", "long", DataType::Int64, false),
        column("category", "string", DataType::Utf8, false),
        column("amount", "double", DataType::Float64, false),
        column("qty", "int", DataType::Int32, false),
        column("payload", "string", DataType::Utf8, false),
        column("flag", "boolean", DataType::Boolean, false),
    ]
}

/// The table's schema, as metadata has it.
pub fn schema_json() -> Json {
    let field = |(index, column): (usize, Column)| json!({"id": index + 1, "name": column.name, "required": column.required, "type": column.iceberg});
    let fields: Vec<Json> = columns().into_iter().enumerate().map(field).collect();
    json!({"type": "struct", "schema-id": 0, "fields": fields})
}

/// The schema of data files.
pub fn arrow_schema() -> SchemaRef {
    let field = |(index, column): (usize, Column)| with_id(column.name, column.arrow, !column.required, index + 1);
    Arc::new(Schema::new(columns().into_iter().enumerate().map(field).collect::<Vec<_>>()))
}

/// An Arrow field that parquet writes with a field id.
pub fn with_id(name: &str, data_type: DataType, nullable: bool, id: impl ToString) -> Field {
    let id = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())]);
    Field::new(name, data_type, nullable).with_metadata(id)
}

/// The rows with these ids.
///
/// # Errors
/// None that a caller could provoke: the columns fit [`arrow_schema()`].
pub fn batch(ids: Range<i64>) -> Result<RecordBatch> {
    let fraction = |random: u64| (random >> 11) as f64 / (1_u64 << 53) as f64;
    let mut categories = StringBuilder::new();
    let mut payloads = StringBuilder::new();
    let mut payload = String::new();
    for id in ids.clone() {
        // Low numbers are more frequent than high ones.
        let n_before = (fraction(random(id, 0)) * 40.0).floor();
        categories.append_value(format!("category-{}", (n_before * fraction(random(id, 1))).floor()));
        payload.clear();
        for (bits, n_digits) in [(random(id, 2), 16), (random(id, 3), 12)] {
            payload.extend((0..n_digits).map(|digit| hex_digit(bits >> (4 * digit))));
        }
        payloads.append_value(&payload);
    }
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.clone())),
        Arc::new(TimestampMicrosecondArray::from_iter_values(ids.clone().map(|id| FIRST_TS + 3000 * id + id % 1000))),
        Arc::new(Int64Array::from_iter(ids.clone().map(|id| Some(user(id))))),
        Arc::new(categories.finish()),
        Arc::new(Float64Array::from_iter_values(ids.clone().map(|id| fraction(random(id, 5)) * 1000.0))),
        Arc::new(ids.clone().map(|id| quantity(random(id, 6))).collect::<Int32Array>()),
        Arc::new(payloads.finish()),
        Arc::new(ids.map(|id| Some(random(id, 2) & 7 == 0)).collect::<BooleanArray>()),
    ];
    Ok(RecordBatch::try_new(arrow_schema(), arrays)?)
}

/// The last four bits.
fn hex_digit(bits: u64) -> char {
    char::from_digit((bits & 15) as u32, 16).unwrap_or('0')
}

fn quantity(random: u64) -> Option<i32> {
    if random.is_multiple_of(100) { None } else { i32::try_from((random >> 32) % 1000).ok() }
}

/// Position deletes name one row in twenty.
pub fn is_deleted_by_position(id: i64) -> bool {
    mix(id.unsigned_abs() ^ 0x6465_6c65_7465).is_multiple_of(20)
}

/// Keys for equality deletes: half of them (but at most one in twenty of those that rows may have) are spread over
/// these, the rest belong to no row. In no order, without repetition.
#[derive(Debug, Clone, Copy)]
pub struct DeletedKeys {
    n_keys: i64,
    n_hits: i64,
    n_taken: i64,
}

impl DeletedKeys {
    /// `n_keys` keys, where rows have the keys from 0 up to `n_taken`.
    pub fn new(n_keys: i64, n_taken: i64) -> Self {
        Self { n_keys, n_hits: (n_keys / 2).min(n_taken / 20), n_taken }
    }

    /// How many are keys that rows may have.
    pub fn n_hits(&self) -> i64 {
        self.n_hits
    }

    /// Those that rows may have, ascending.
    pub fn hits(&self) -> impl Iterator<Item = i64> {
        (0..self.n_hits).map(|index| self.hit(index))
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = i64> {
        // A prime larger than any count of keys here visits every index once.
        let shuffled = (0..self.n_keys).map(|index| index * 2_147_483_647 % self.n_keys);
        shuffled.map(
            |index| {
                if index < self.n_hits { self.hit(index) } else { self.n_taken + 7 * (index - self.n_hits) }
            },
        )
    }

    fn hit(&self, index: i64) -> i64 {
        let step = self.n_taken / self.n_hits;
        index * step + i64::try_from(mix(index.unsigned_abs()) >> 1).unwrap_or(0) % step
    }
}

/// Scrambles a number. Source: the finalizer of SplitMix64.
pub fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn deleted_keys_are_distinct_and_hit_what_they_say() {
        let deleted = DeletedKeys::new(1000, 4000);
        let keys: BTreeSet<i64> = deleted.keys().collect();
        assert_eq!(keys.len(), 1000);
        let hits: Vec<i64> = keys.into_iter().filter(|key| *key < 4000).collect();
        assert_eq!(hits, deleted.hits().collect::<Vec<_>>());
        assert_eq!(hits.len(), 200);
    }
}

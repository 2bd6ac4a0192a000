//! From a key to the highest data sequence number of the deletes that name it.

mod long;
mod word_bloom;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, Float32Array, Float64Array, Int64Array};
use arrow_buffer::ScalarBuffer;
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, TimeUnit};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::sync::Arc;

use self::long::LongMap;
use self::word_bloom::WordBloom;
use crate::{Result, TableError};

/// One of `n_parts` (a power of two) that keys are divided into by their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPart {
    /// Which part.
    pub part: u32,
    /// Of how many.
    pub n_parts: u32,
}

impl KeyPart {
    /// All keys in one part.
    pub const WHOLE: Self = Self { part: 0, n_parts: 1 };

    fn contains(self, hash: u64) -> bool {
        // Bits that neither the hash table nor the filter below uses.
        self.n_parts == 1 || (hash >> 44) & u64::from(self.n_parts - 1) == u64::from(self.part)
    }
}

/// Any fixed seed would do: keys of one set are compared within one process only.
const HASHER: FixedState = FixedState::with_seed(0x66_72_61_7a_69_6c);

/// Keys with a number each.
pub(super) enum KeyMap {
    /// One column of an integer-like type: no encoding, one probe.
    Long(LongMap),
    /// Everything else: rows encoded so that equal keys have equal bytes.
    Rows(RowMap),
}

impl KeyMap {
    pub(super) fn new(types: &[DataType]) -> Result<Self> {
        match types {
            [only] if is_integer_like(only) => Ok(Self::Long(LongMap::default())),
            _ => Ok(Self::Rows(RowMap::new(types)?)),
        }
    }

    /// Notes that every key of `columns` is deleted below `sequence_number`.
    pub(super) fn insert(
        &mut self,
        columns: &[ArrayRef],
        sequence_number: i64,
        part: KeyPart,
        restrict: Option<&Self>,
    ) -> Result<()> {
        match (self, restrict) {
            (Self::Long(map), None) => map.insert(&integers(columns)?, sequence_number, part, None),
            (Self::Long(map), Some(Self::Long(only))) => {
                map.insert(&integers(columns)?, sequence_number, part, Some(only));
            }
            (Self::Rows(map), None) => map.insert(columns, sequence_number, part, None)?,
            (Self::Rows(map), Some(Self::Rows(only))) => map.insert(columns, sequence_number, part, Some(only))?,
            _ => return Err(TableError::internal("key sets of different types were mixed")),
        }
        Ok(())
    }

    /// Calls `deleted` with the index of every row of `columns` whose key has a number above
    /// `sequence_number`.
    pub(super) fn probe(&self, columns: &[ArrayRef], sequence_number: i64, deleted: impl FnMut(usize)) -> Result<()> {
        match self {
            Self::Long(map) => map.probe(&integers(columns)?, sequence_number, deleted),
            Self::Rows(map) => map.probe(columns, sequence_number, deleted)?,
        }
        Ok(())
    }

    /// Makes room for `n_keys`, so that filling needs no second table beside the first.
    pub(super) fn reserve(&mut self, n_keys: usize) {
        match self {
            Self::Long(map) => map.reserve(n_keys),
            Self::Rows(map) => map.table.reserve(n_keys, |entry| entry.hash),
        }
    }

    /// The keys as arrays of the given types, in no order; null is the NULL key.
    pub(super) fn to_arrays(&self, types: &[DataType]) -> Result<Vec<ArrayRef>> {
        let internal =
            |error: arrow_schema::ArrowError| TableError::internal(format!("keys could not be decoded: {error}"));
        match (self, types) {
            (Self::Long(map), [data_type]) => {
                let longs: Int64Array = map.keys().collect();
                // Integers are reinterpreted through the type of the same width.
                let array: ArrayRef = match data_type {
                    DataType::Int32 | DataType::Date32 => {
                        let ints = arrow_cast::cast(&longs, &DataType::Int32).map_err(internal)?;
                        arrow_cast::cast(&ints, data_type).map_err(internal)?
                    }
                    _ => arrow_cast::cast(&longs, data_type).map_err(internal)?,
                };
                Ok(vec![array])
            }
            (Self::Rows(map), _) => {
                let parser = map.converter.parser();
                let rows = map.table.iter().filter_map(|entry| map.key_of(entry)).map(|key| parser.parse(key));
                map.converter.convert_rows(rows).map_err(internal)
            }
            (Self::Long(_), _) => Err(TableError::internal("one key type was expected")),
        }
    }

    pub(super) fn n_keys(&self) -> usize {
        match self {
            Self::Long(map) => map.n_keys(),
            Self::Rows(map) => map.table.len(),
        }
    }

    /// Memory that the keys take.
    pub(super) fn size_bytes(&self) -> u64 {
        let bytes = match self {
            Self::Long(map) => map.size_bytes(),
            Self::Rows(map) => map.table.allocation_size() + map.bytes.capacity() + map.filter.size_bytes(),
        };
        bytes as u64
    }
}

fn is_integer_like(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Time64(TimeUnit::Microsecond)
            | DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, _)
    )
}

/// The values of an integer-like column as 64-bit integers, and which are null.
struct Integers {
    values: ScalarBuffer<i64>,
    nulls: Option<arrow_buffer::NullBuffer>,
}

fn integers(columns: &[ArrayRef]) -> Result<Integers> {
    let [column] = columns else { return Err(TableError::internal("one key column was expected")) };
    let widen = |values: &ScalarBuffer<i32>| values.iter().map(|value| i64::from(*value)).collect();
    let values = match column.data_type() {
        DataType::Int32 => widen(column.as_primitive::<Int32Type>().values()),
        DataType::Date32 => widen(column.as_primitive::<Date32Type>().values()),
        DataType::Int64 => column.as_primitive::<Int64Type>().values().clone(),
        DataType::Time64(TimeUnit::Microsecond) => column.as_primitive::<Time64MicrosecondType>().values().clone(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            column.as_primitive::<TimestampMicrosecondType>().values().clone()
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            column.as_primitive::<TimestampNanosecondType>().values().clone()
        }
        other => return Err(TableError::internal(format!("`{other}` is no integer key"))),
    };
    Ok(Integers { values, nulls: column.nulls().filter(|nulls| nulls.null_count() > 0).cloned() })
}

/// Keys of any type, encoded by arrow's row format into one arena.
pub(super) struct RowMap {
    converter: RowConverter,
    table: HashTable<RowEntry>,
    bytes: Vec<u8>,
    filter: WordBloom,
}

#[derive(Clone, Copy)]
struct RowEntry {
    offset: usize,
    length: u32,
    hash: u64,
    sequence_number: i64,
}

impl RowMap {
    fn new(types: &[DataType]) -> Result<Self> {
        let fields = types.iter().map(|data_type| SortField::new(data_type.clone())).collect();
        let converter = RowConverter::new(fields)
            .map_err(|error| TableError::invalid(format!("these columns cannot be a key: {error}")))?;
        Ok(Self { converter, table: HashTable::new(), bytes: Vec::new(), filter: WordBloom::default() })
    }

    fn encode(&self, columns: &[ArrayRef]) -> Result<arrow_row::Rows> {
        let columns: Vec<ArrayRef> = columns.iter().map(canonical_floats).collect();
        self.converter
            .convert_columns(&columns)
            .map_err(|error| TableError::internal(format!("keys could not be encoded: {error}")))
    }

    fn get(&self, key: &[u8], hash: u64) -> Option<i64> {
        if !self.filter.may_contain(hash) {
            return None;
        }
        self.table.find(hash, |entry| self.key_of(entry) == Some(key)).map(|entry| entry.sequence_number)
    }

    fn key_of(&self, entry: &RowEntry) -> Option<&[u8]> {
        self.bytes.get(entry.offset..entry.offset + entry.length as usize)
    }

    fn insert(&mut self, columns: &[ArrayRef], sequence_number: i64, part: KeyPart, only: Option<&Self>) -> Result<()> {
        let rows = self.encode(columns)?;
        for row in &rows {
            let key = row.data();
            let hash = HASHER.hash_one(key);
            if !part.contains(hash) || only.is_some_and(|only| only.get(key, hash).is_none()) {
                continue;
            }
            let Self { table, bytes, .. } = self;
            let known = table
                .find_mut(hash, |entry| bytes.get(entry.offset..entry.offset + entry.length as usize) == Some(key));
            if let Some(entry) = known {
                entry.sequence_number = entry.sequence_number.max(sequence_number);
                continue;
            }
            let length = u32::try_from(key.len()).map_err(|_| TableError::invalid("a key is larger than 4 GiB"))?;
            let entry = RowEntry { offset: bytes.len(), length, hash, sequence_number };
            bytes.extend_from_slice(key);
            table.insert_unique(hash, entry, |entry| entry.hash);
            self.note(hash);
        }
        Ok(())
    }

    fn note(&mut self, hash: u64) {
        if self.filter.is_too_small_for(self.table.len()) {
            // Grown ahead, so that this happens once for each doubling of the keys.
            self.filter = WordBloom::new(self.table.len(), self.table.iter().map(|entry| entry.hash));
        } else {
            self.filter.add(hash);
        }
    }

    fn probe(&self, columns: &[ArrayRef], sequence_number: i64, mut deleted: impl FnMut(usize)) -> Result<()> {
        if self.table.is_empty() {
            return Ok(());
        }
        for (index, row) in self.encode(columns)?.iter().enumerate() {
            let key = row.data();
            if self.get(key, HASHER.hash_one(key)).is_some_and(|number| number > sequence_number) {
                deleted(index);
            }
        }
        Ok(())
    }
}

/// All NaN are one key; -0.0 and +0.0 are two (`docs/semantics.md`, "Key").
fn canonical_floats(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float32 => {
            let column = column.as_primitive::<arrow_array::types::Float32Type>();
            Arc::new(column.unary::<_, arrow_array::types::Float32Type>(|v| if v.is_nan() { f32::NAN } else { v }))
                as Arc<Float32Array>
        }
        DataType::Float64 => {
            let column = column.as_primitive::<arrow_array::types::Float64Type>();
            Arc::new(column.unary::<_, arrow_array::types::Float64Type>(|v| if v.is_nan() { f64::NAN } else { v }))
                as Arc<Float64Array>
        }
        _ => column.clone(),
    }
}

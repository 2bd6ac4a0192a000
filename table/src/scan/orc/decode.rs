//! Columns of a stripe, decoded some rows at a time.

use std::sync::Arc;

use arrow_array::types::{Date32Type, Time64MicrosecondType, TimestampMicrosecondType, TimestampNanosecondType};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array,
    Int64Array, ListArray, MapArray, StringArray, StructArray,
};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields, TimeUnit};

use super::Fault;
use super::bits::{Booleans, ByteRuns};
use super::compression::ByteStream;
use super::integers::Integers;
use crate::varint::zigzag;

/// Elements of lists in one batch at most, and bytes of a column of text.
const ELEMENTS_MAX: usize = 1 << 22;
const BYTES_MAX: usize = 128 << 20;

/// Entries and bytes of a dictionary at most. Writers give up a dictionary long before.
const DICTIONARY_ENTRIES_MAX: u64 = 1 << 24;
const DICTIONARY_BYTES_MAX: usize = 512 << 20;

/// Seconds from 1970 to the beginning of 2015, which timestamps are counted from.
const EPOCH_SECONDS: i64 = 1_420_070_400;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// A column under way. A clone goes on from the same row.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Tells which rows have a value, if not all have.
    pub(super) present: Option<Booleans>,
    pub(super) values: Values,
    /// Arrow type of what comes out.
    pub(super) data_type: DataType,
}

/// Values by their type in the file; only of rows that have one.
#[derive(Debug, Clone)]
pub(super) enum Values {
    Boolean(Booleans),
    Byte(ByteRuns),
    Integer(Integers),
    Float(ByteStream),
    Double(ByteStream),
    Bytes { lengths: Integers, bytes: ByteStream },
    Dictionary(Integers, Dictionary),
    Timestamp { seconds: Integers, nanos: Integers },
    Decimal { numbers: ByteStream, scales: Integers },
    Struct(Vec<Column>, Fields),
    List { lengths: Integers, element: Box<Column>, field: FieldRef },
    Map { lengths: Integers, key: Box<Column>, value: Box<Column>, field: FieldRef },
}

/// Distinct values of a column.
#[derive(Debug, Clone)]
pub(super) struct Dictionary {
    /// Where each ends, after a zero.
    ends: Arc<[usize]>,
    bytes: Arc<[u8]>,
}

impl Dictionary {
    pub(super) fn read(size: u64, mut lengths: Integers, mut stream: ByteStream) -> Result<Self, Fault> {
        if size > DICTIONARY_ENTRIES_MAX {
            return Err(format!("a dictionary of `{size}` entries, at most `{DICTIONARY_ENTRIES_MAX}` are read").into());
        }
        let mut values = Vec::new();
        lengths.read(usize::try_from(size).unwrap_or(usize::MAX), &mut values)?;
        let mut ends = Vec::with_capacity(values.len() + 1);
        ends.push(0);
        let mut end = 0_usize;
        for length in values {
            let next = usize::try_from(length).ok().and_then(|length| end.checked_add(length));
            end = next.filter(|end| *end <= DICTIONARY_BYTES_MAX).ok_or("a dictionary is too large")?;
            ends.push(end);
        }
        let mut bytes = Vec::new();
        stream.read(end, &mut bytes)?;
        Ok(Self { ends: ends.into(), bytes: bytes.into() })
    }

    fn get(&self, index: i64) -> Option<&[u8]> {
        let index = usize::try_from(index).ok()?;
        self.bytes.get(*self.ends.get(index)?..*self.ends.get(index + 1)?)
    }
}

/// Which of some rows have a value; `None` if all have.
type Mask = Option<BooleanBuffer>;

impl Column {
    /// A batch of it may become too large, however few bytes it takes in the file.
    pub(super) fn may_be_too_large(&self) -> bool {
        match &self.values {
            Values::Bytes { .. } | Values::Dictionary(..) | Values::List { .. } | Values::Map { .. } => true,
            Values::Struct(children, _) => children.iter().any(Self::may_be_too_large),
            _ => false,
        }
    }

    /// Decodes the next `n` rows. `parent` tells in which of them what is around the column is not null.
    pub(super) fn read(&mut self, n: usize, parent: Option<&BooleanBuffer>) -> Result<ArrayRef, Fault> {
        let mask = self.mask(n, parent)?;
        let n_values = mask.as_ref().map_or(n, BooleanBuffer::count_set_bits);
        let nulls = mask.clone().map(NullBuffer::new).filter(|nulls| nulls.null_count() > 0);
        match &mut self.values {
            Values::Boolean(booleans) => {
                let values = booleans.read(n_values)?;
                let spread = match &mask {
                    None => values,
                    Some(mask) => {
                        let mut rest = values.iter();
                        mask.iter().map(|is_set| is_set && rest.next().unwrap_or(false)).collect()
                    }
                };
                Ok(Arc::new(BooleanArray::new(spread, nulls)))
            }
            Values::Byte(runs) => {
                let values = (0..n_values).map(|_| Ok(i32::from(runs.next()?.cast_signed())));
                let values = values.collect::<Result<Vec<_>, Fault>>()?;
                Ok(Arc::new(Int32Array::try_new(spread(values, &mask).into(), nulls).map_err(arrow)?))
            }
            Values::Integer(integers) => {
                let mut values = Vec::with_capacity(n_values);
                integers.read(n_values, &mut values)?;
                integer_array(spread(values, &mask), nulls, &self.data_type)
            }
            Values::Float(stream) => {
                let values = (0..n_values).map(|_| Ok(f32::from_le_bytes(stream.array()?)));
                let values = values.collect::<Result<Vec<_>, Fault>>()?;
                Ok(Arc::new(Float32Array::try_new(spread(values, &mask).into(), nulls).map_err(arrow)?))
            }
            Values::Double(stream) => {
                let values = (0..n_values).map(|_| Ok(f64::from_le_bytes(stream.array()?)));
                let values = values.collect::<Result<Vec<_>, Fault>>()?;
                Ok(Arc::new(Float64Array::try_new(spread(values, &mask).into(), nulls).map_err(arrow)?))
            }
            Values::Bytes { lengths, bytes } => {
                let (lengths, n_bytes) = read_lengths(lengths, n_values, BYTES_MAX)?;
                let mut data = Vec::new();
                bytes.read(n_bytes, &mut data)?;
                byte_array(&lengths, data, &mask, nulls, &self.data_type)
            }
            Values::Dictionary(indexes, dictionary) => {
                let (lengths, data) = look_up(indexes, dictionary, n_values)?;
                byte_array(&lengths, data, &mask, nulls, &self.data_type)
            }
            Values::Timestamp { seconds, nanos } => {
                let values = timestamps(seconds, nanos, n_values, &self.data_type)?;
                timestamp_array(spread(values, &mask), nulls, &self.data_type)
            }
            Values::Decimal { numbers, scales } => {
                let DataType::Decimal128(precision, scale) = self.data_type else {
                    return Err("a decimal column is none".into());
                };
                let values = spread(decimals(numbers, scales, n_values, scale)?, &mask);
                let array = Decimal128Array::try_new(values.into(), nulls).map_err(arrow)?;
                Ok(Arc::new(array.with_precision_and_scale(precision, scale).map_err(arrow)?))
            }
            Values::Struct(children, fields) => {
                let arrays = children.iter_mut().map(|child| child.read(n, mask.as_ref()));
                let arrays = arrays.collect::<Result<Vec<_>, Fault>>()?;
                let array = StructArray::try_new_with_length(fields.clone(), arrays, nulls, n);
                Ok(Arc::new(array.map_err(arrow)?))
            }
            Values::List { lengths, element, field } => {
                let (lengths, n_elements) = read_lengths(lengths, n_values, ELEMENTS_MAX)?;
                let elements = element.read(n_elements, None)?;
                let array = ListArray::try_new(field.clone(), offsets(&lengths, &mask)?, elements, nulls);
                Ok(Arc::new(array.map_err(arrow)?))
            }
            Values::Map { lengths, key, value, field } => {
                let (lengths, n_entries) = read_lengths(lengths, n_values, ELEMENTS_MAX)?;
                let arrays = vec![key.read(n_entries, None)?, value.read(n_entries, None)?];
                let DataType::Struct(fields) = field.data_type() else { return Err("a map has no entries".into()) };
                let entries = StructArray::try_new(fields.clone(), arrays, None).map_err(arrow)?;
                let array = MapArray::try_new(field.clone(), offsets(&lengths, &mask)?, entries, nulls, false);
                Ok(Arc::new(array.map_err(arrow)?))
            }
        }
    }

    /// Where the parent is null, the column has no place of its own.
    fn mask(&mut self, n: usize, parent: Option<&BooleanBuffer>) -> Result<Mask, Fault> {
        match (&mut self.present, parent) {
            (None, None) => Ok(None),
            (None, Some(parent)) => Ok(Some(parent.clone())),
            (Some(present), None) => Ok(Some(present.read(n)?)),
            (Some(present), Some(parent)) => {
                let own = present.read(parent.count_set_bits())?;
                let mut rest = own.iter();
                let mut mask = BooleanBufferBuilder::new(n);
                parent.iter().for_each(|is_set| mask.append(is_set && rest.next().unwrap_or(false)));
                Ok(Some(mask.build()))
            }
        }
    }
}

fn arrow(error: ArrowError) -> Fault {
    Fault::Corrupt(error.to_string())
}

/// Puts values where the mask is set.
fn spread<T: Copy + Default>(values: Vec<T>, mask: &Mask) -> Vec<T> {
    let Some(mask) = mask else { return values };
    let mut spread = vec![T::default(); mask.len()];
    for (index, value) in mask.set_indices().zip(values) {
        spread[index] = value;
    }
    spread
}

/// The next `n` lengths, and their sum.
fn read_lengths(lengths: &mut Integers, n: usize, sum_max: usize) -> Result<(Vec<usize>, usize), Fault> {
    let mut values = Vec::with_capacity(n);
    lengths.read(n, &mut values)?;
    let mut sum = 0_usize;
    let mut checked = Vec::with_capacity(n);
    for value in values {
        let length = usize::try_from(value).map_err(|_| format!("a length of `{value}`"))?;
        sum = sum.checked_add(length).filter(|sum| *sum <= sum_max).ok_or(Fault::TooLarge)?;
        checked.push(length);
    }
    Ok((checked, sum))
}

/// Offsets of rows, of which those beyond the mask have nothing.
fn offsets(lengths: &[usize], mask: &Mask) -> Result<OffsetBuffer<i32>, Fault> {
    let n_rows = mask.as_ref().map_or(lengths.len(), BooleanBuffer::len);
    let mut rest = lengths.iter();
    let mut end = 0_usize;
    let mut offsets = Vec::with_capacity(n_rows + 1);
    offsets.push(0);
    for row in 0..n_rows {
        if mask.as_ref().is_none_or(|mask| mask.value(row)) {
            end += rest.next().copied().unwrap_or(0);
        }
        offsets.push(i32::try_from(end).map_err(|_| Fault::TooLarge)?);
    }
    Ok(OffsetBuffer::new(ScalarBuffer::from(offsets)))
}

fn look_up(indexes: &mut Integers, dictionary: &Dictionary, n: usize) -> Result<(Vec<usize>, Vec<u8>), Fault> {
    let mut values = Vec::with_capacity(n);
    indexes.read(n, &mut values)?;
    let (mut lengths, mut data) = (Vec::with_capacity(n), Vec::new());
    for index in values {
        let value = dictionary.get(index).ok_or_else(|| format!("a dictionary has no entry `{index}`"))?;
        if data.len() + value.len() > BYTES_MAX {
            return Err(Fault::TooLarge);
        }
        lengths.push(value.len());
        data.extend_from_slice(value);
    }
    Ok((lengths, data))
}

fn byte_array(
    lengths: &[usize],
    data: Vec<u8>,
    mask: &Mask,
    nulls: Option<NullBuffer>,
    data_type: &DataType,
) -> Result<ArrayRef, Fault> {
    match data_type {
        DataType::Utf8 => {
            let array = StringArray::try_new(offsets(lengths, mask)?, Buffer::from(data), nulls);
            Ok(Arc::new(array.map_err(arrow)?))
        }
        DataType::FixedSizeBinary(width) => {
            let size = usize::try_from(*width).map_err(|_| "a fixed column without a size")?;
            if let Some(other) = lengths.iter().find(|length| **length != size) {
                return Err(format!("a value of `{other}` bytes in a column of `{size}`").into());
            }
            let n_rows = mask.as_ref().map_or(lengths.len(), BooleanBuffer::len);
            let mut spread = Vec::new();
            let mut values = data.chunks_exact(size);
            for row in 0..n_rows {
                match mask.as_ref().is_none_or(|mask| mask.value(row)).then(|| values.next()).flatten() {
                    Some(value) => spread.extend_from_slice(value),
                    None => spread.resize(spread.len() + size, 0),
                }
                if spread.len() > BYTES_MAX {
                    return Err(Fault::TooLarge);
                }
            }
            let array = FixedSizeBinaryArray::try_new(*width, Buffer::from(spread), nulls);
            Ok(Arc::new(array.map_err(arrow)?))
        }
        _ => {
            let array = BinaryArray::try_new(offsets(lengths, mask)?, Buffer::from(data), nulls);
            Ok(Arc::new(array.map_err(arrow)?))
        }
    }
}

fn integer_array(values: Vec<i64>, nulls: Option<NullBuffer>, data_type: &DataType) -> Result<ArrayRef, Fault> {
    match data_type {
        DataType::Int32 | DataType::Date32 => {
            let narrow = |value: i64| i32::try_from(value).map_err(|_| Fault::Corrupt(format!("`{value}` is no int")));
            let values = values.into_iter().map(narrow).collect::<Result<Vec<_>, Fault>>()?;
            let array = Int32Array::try_new(values.into(), nulls).map_err(arrow)?;
            Ok(match data_type {
                DataType::Date32 => Arc::new(array.reinterpret_cast::<Date32Type>()),
                _ => Arc::new(array),
            })
        }
        _ => {
            let array = Int64Array::try_new(values.into(), nulls).map_err(arrow)?;
            Ok(match data_type {
                DataType::Time64(_) => Arc::new(array.reinterpret_cast::<Time64MicrosecondType>()),
                _ => Arc::new(array),
            })
        }
    }
}

/// Source: ORC specification, "Timestamp Columns": seconds, rounded towards zero, and nanoseconds whose trailing
/// zeros are counted in their last three bits.
fn timestamps(seconds: &mut Integers, nanos: &mut Integers, n: usize, data_type: &DataType) -> Result<Vec<i64>, Fault> {
    let (mut whole, mut parts) = (Vec::with_capacity(n), Vec::with_capacity(n));
    seconds.read(n, &mut whole)?;
    nanos.read(n, &mut parts)?;
    let out_of_range = || Fault::Corrupt("a timestamp is out of range".to_owned());
    let divisor = if matches!(data_type, DataType::Timestamp(TimeUnit::Nanosecond, _)) { 1 } else { 1000 };
    let values = whole.into_iter().zip(parts).map(|(seconds, part)| {
        let digits = i128::from(part >> 3);
        // One zero alone is never cut off.
        let n_zeros = u32::try_from(part & 7).unwrap_or_default();
        let nanos = if n_zeros == 0 { digits } else { digits * 10_i128.pow(n_zeros + 1) };
        if !(0..NANOS_PER_SECOND).contains(&nanos) {
            return Err(out_of_range());
        }
        let seconds = i128::from(seconds) + i128::from(EPOCH_SECONDS);
        // Writers round the seconds of moments before 1970 up, unless they have no more than milliseconds' parts.
        let seconds = if seconds < 0 && nanos > 999_999 { seconds - 1 } else { seconds };
        let nanos = seconds * NANOS_PER_SECOND + nanos;
        i64::try_from(nanos.div_euclid(divisor)).map_err(|_| out_of_range())
    });
    values.collect()
}

fn timestamp_array(values: Vec<i64>, nulls: Option<NullBuffer>, data_type: &DataType) -> Result<ArrayRef, Fault> {
    let DataType::Timestamp(unit, zone) = data_type else { return Err("a timestamp column is none".into()) };
    let array = Int64Array::try_new(values.into(), nulls).map_err(arrow)?;
    Ok(match unit {
        TimeUnit::Nanosecond => {
            Arc::new(array.reinterpret_cast::<TimestampNanosecondType>().with_timezone_opt(zone.clone()))
        }
        _ => Arc::new(array.reinterpret_cast::<TimestampMicrosecondType>().with_timezone_opt(zone.clone())),
    })
}

/// Numbers of any length with a scale each, brought to the column's scale.
fn decimals(numbers: &mut ByteStream, scales: &mut Integers, n: usize, scale: i8) -> Result<Vec<i128>, Fault> {
    let mut own_scales = Vec::with_capacity(n);
    scales.read(n, &mut own_scales)?;
    let mut values = Vec::with_capacity(n);
    for own_scale in own_scales {
        let value = long_varint(numbers)?;
        let difference = i64::from(scale) - own_scale;
        let power = u32::try_from(difference.unsigned_abs()).ok().and_then(|digits| 10_i128.checked_pow(digits));
        let power = power.ok_or("a decimal has a scale without sense")?;
        let scaled =
            if difference >= 0 { value.checked_mul(power) } else { (value % power == 0).then(|| value / power) };
        values.push(scaled.ok_or("a decimal does not fit its column")?);
    }
    Ok(values)
}

/// A zig-zag number of up to 128 bits.
fn long_varint(stream: &mut ByteStream) -> Result<i128, Fault> {
    let mut value = 0_u128;
    for shift in (0..128).step_by(7) {
        let byte = stream.byte()?;
        value |= u128::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return match u64::try_from(value) {
                Ok(value) => Ok(i128::from(zigzag(value))),
                Err(_) => Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed()),
            };
        }
    }
    Err("a decimal has more than 128 bits".into())
}

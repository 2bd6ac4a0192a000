//! One value of an Arrow column as text.
//!
//! Source: Iceberg spec, Appendix D, "JSON single-value serialization", except that structs are keyed by field
//! name, and floats that JSON cannot express are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow_array::{Array, BinaryArray, BooleanArray, FixedSizeBinaryArray, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, FieldRef, TimeUnit};

use super::time::{Precision, write_date, write_time, write_timestamp};
use crate::error::CliError;

const EXTENSION_NAME: &str = "ARROW:extension:name";
const UUID_EXTENSION: &str = "arrow.uuid";

/// How 64-bit integers are written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Longs {
    /// As numbers.
    #[default]
    Number,
    /// As text, for tools that take every JSON number for a double.
    Text,
}

/// Writes values of one column. Made once for each batch, so that what depends on the type alone is decided once.
pub(crate) struct ValueWriter<'a> {
    nulls: Option<&'a NullBuffer>,
    kind: Kind<'a>,
    longs: Longs,
}

enum Kind<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Int(&'a [i32]),
    Long(&'a [i64]),
    Float(&'a [f32]),
    Double(&'a [f64]),
    Decimal { values: &'a [i128], scale: usize },
    Date(&'a [i32]),
    Time(&'a [i64]),
    Timestamp { values: &'a [i64], precision: Precision, is_zoned: bool },
    String(&'a StringArray),
    Binary(&'a BinaryArray),
    Fixed(&'a FixedSizeBinaryArray),
    Uuid(&'a FixedSizeBinaryArray),
    Struct(Vec<NamedWriter<'a>>),
    List { offsets: &'a [i32], elements: Box<ValueWriter<'a>> },
    Map { offsets: &'a [i32], keys: Box<ValueWriter<'a>>, values: Box<ValueWriter<'a>> },
}

/// A member of a JSON object.
pub(crate) struct NamedWriter<'a> {
    /// `"name":`
    prefix: Vec<u8>,
    value: ValueWriter<'a>,
}

impl<'a> NamedWriter<'a> {
    /// Writes values of `array` under the name of `field`.
    ///
    /// # Errors
    /// As [`ValueWriter::new`].
    pub(crate) fn new(field: &Field, array: &'a dyn Array) -> Result<Self, CliError> {
        Self::with_longs(field, array, Longs::default())
    }

    /// The same, with 64-bit integers as asked.
    ///
    /// # Errors
    /// As [`ValueWriter::new`].
    pub(crate) fn with_longs(field: &Field, array: &'a dyn Array, longs: Longs) -> Result<Self, CliError> {
        let mut prefix = Vec::new();
        write_json_string(field.name(), &mut prefix);
        prefix.push(b':');
        Ok(Self { prefix, value: ValueWriter::with_longs(field, array, longs)? })
    }

    /// Appends `"name":value`.
    pub(crate) fn write_json(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix);
        self.value.write_json(row, out);
    }
}

impl<'a> ValueWriter<'a> {
    /// # Errors
    /// [`CliError::Internal`] if no table column has this Arrow type.
    pub(crate) fn new(field: &Field, array: &'a dyn Array) -> Result<Self, CliError> {
        Self::with_longs(field, array, Longs::default())
    }

    /// The same, with 64-bit integers as asked.
    ///
    /// # Errors
    /// As [`ValueWriter::new`].
    pub(crate) fn with_longs(field: &Field, array: &'a dyn Array, longs: Longs) -> Result<Self, CliError> {
        let kind = match array.data_type() {
            DataType::Null => Kind::Null,
            DataType::Boolean => Kind::Boolean(array.as_boolean()),
            DataType::Int32 => Kind::Int(array.as_primitive::<Int32Type>().values()),
            DataType::Int64 => Kind::Long(array.as_primitive::<Int64Type>().values()),
            DataType::Float32 => Kind::Float(array.as_primitive::<Float32Type>().values()),
            DataType::Float64 => Kind::Double(array.as_primitive::<Float64Type>().values()),
            DataType::Decimal128(_, scale) => Kind::Decimal {
                values: array.as_primitive::<Decimal128Type>().values(),
                scale: usize::try_from(*scale).map_err(|_| no_text_form(field))?,
            },
            DataType::Date32 => Kind::Date(array.as_primitive::<Date32Type>().values()),
            DataType::Time64(TimeUnit::Microsecond) => {
                Kind::Time(array.as_primitive::<Time64MicrosecondType>().values())
            }
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Kind::Timestamp {
                values: array.as_primitive::<TimestampMicrosecondType>().values(),
                precision: Precision::Micros,
                is_zoned: zone.is_some(),
            },
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => Kind::Timestamp {
                values: array.as_primitive::<TimestampNanosecondType>().values(),
                precision: Precision::Nanos,
                is_zoned: zone.is_some(),
            },
            DataType::Utf8 => Kind::String(array.as_string()),
            DataType::Binary => Kind::Binary(array.as_binary()),
            DataType::FixedSizeBinary(_) if is_uuid(field) => Kind::Uuid(array.as_fixed_size_binary()),
            DataType::FixedSizeBinary(_) => Kind::Fixed(array.as_fixed_size_binary()),
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns();
                Kind::Struct(members(fields, columns.iter().map(AsRef::as_ref), longs)?)
            }
            DataType::List(element) => {
                let list = array.as_list::<i32>();
                let elements = Box::new(ValueWriter::with_longs(element, list.values().as_ref(), longs)?);
                Kind::List { offsets: list.value_offsets(), elements }
            }
            DataType::Map(entries, _) => {
                let map = array.as_map();
                let DataType::Struct(fields) = entries.data_type() else { return Err(no_text_form(field)) };
                let [key, value] = fields.as_ref() else { return Err(no_text_form(field)) };
                Kind::Map {
                    offsets: map.value_offsets(),
                    keys: Box::new(ValueWriter::with_longs(key, map.keys().as_ref(), longs)?),
                    values: Box::new(ValueWriter::with_longs(value, map.values().as_ref(), longs)?),
                }
            }
            _ => return Err(no_text_form(field)),
        };
        Ok(Self { nulls: array.nulls(), kind, longs })
    }

    /// The column is best aligned to the right.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self.kind, Kind::Int(_) | Kind::Long(_) | Kind::Float(_) | Kind::Double(_) | Kind::Decimal { .. })
    }

    /// Appends the value of `row` as JSON.
    pub(crate) fn write_json(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        match &self.kind {
            Kind::String(array) => write_json_string(array.value(row), out),
            Kind::Float(values) => write_float(values[row], out),
            Kind::Double(values) => write_float(values[row], out),
            Kind::Struct(members) => write_object(members, row, out),
            Kind::List { offsets, elements } => write_array(elements, offsets, row, out),
            Kind::Map { offsets, keys, values } => {
                out.extend_from_slice(b"{\"keys\":");
                write_array(keys, offsets, row, out);
                out.extend_from_slice(b",\"values\":");
                write_array(values, offsets, row, out);
                out.push(b'}');
            }
            Kind::Long(_) if self.longs == Longs::Number => self.write_scalar(row, out),
            Kind::Null | Kind::Boolean(_) | Kind::Int(_) => self.write_scalar(row, out),
            _ => {
                out.push(b'"');
                self.write_scalar(row, out);
                out.push(b'"');
            }
        }
    }

    /// Appends the value of `row` for people: as JSON, but texts, times and the like without quotes. Control
    /// characters are escaped, so that no value can steer a terminal.
    pub(crate) fn write_text(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        match &self.kind {
            Kind::String(array) => write_printable(array.value(row), out),
            _ => self.write_plain(row, out),
        }
    }

    /// Appends the value of `row` as it is: like [`ValueWriter::write_text`], but nothing is escaped and NULL is
    /// nothing.
    pub(crate) fn write_plain(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            return;
        }
        match &self.kind {
            Kind::Null => {}
            Kind::String(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Kind::Float(values) if !values[row].is_finite() => out.extend_from_slice(not_finite(values[row].into())),
            Kind::Double(values) if !values[row].is_finite() => out.extend_from_slice(not_finite(values[row])),
            Kind::Float(_) | Kind::Double(_) | Kind::Struct(_) | Kind::List { .. } | Kind::Map { .. } => {
                self.write_json(row, out);
            }
            _ => self.write_scalar(row, out),
        }
    }

    /// The value of `row` is NULL.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        matches!(self.kind, Kind::Null) || self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }

    /// The value without quotes. Kinds that the callers write themselves have none.
    fn write_scalar(&self, row: usize, out: &mut Vec<u8>) {
        match &self.kind {
            Kind::Boolean(array) => out.extend_from_slice(if array.value(row) { b"true" } else { b"false" }),
            Kind::Int(values) => write_integer(values[row], out),
            Kind::Long(values) => write_integer(values[row], out),
            Kind::Decimal { values, scale } => write_decimal(values[row], *scale, out),
            Kind::Date(values) => write_date(values[row].into(), out),
            Kind::Time(values) => write_time(values[row], Precision::Micros, out),
            Kind::Timestamp { values, precision, is_zoned } => {
                write_timestamp(values[row], *precision, *is_zoned, out);
            }
            Kind::Binary(array) => write_hex(array.value(row), out),
            Kind::Fixed(array) => write_hex(array.value(row), out),
            Kind::Uuid(array) => write_uuid(array.value(row), out),
            _ => out.extend_from_slice(b"null"),
        }
    }
}

fn members<'a>(
    fields: &[FieldRef],
    columns: impl Iterator<Item = &'a dyn Array>,
    longs: Longs,
) -> Result<Vec<NamedWriter<'a>>, CliError> {
    fields.iter().zip(columns).map(|(field, column)| NamedWriter::with_longs(field, column, longs)).collect()
}

fn is_uuid(field: &Field) -> bool {
    field.metadata().get(EXTENSION_NAME).is_some_and(|name| name == UUID_EXTENSION)
}

fn no_text_form(field: &Field) -> CliError {
    CliError::Internal(format!(
        "column `{}` has Arrow type `{}`, which has no text form",
        field.name(),
        field.data_type()
    ))
}

fn write_object(members: &[NamedWriter<'_>], row: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, member) in members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        member.write_json(row, out);
    }
    out.push(b'}');
}

fn write_array(elements: &ValueWriter<'_>, offsets: &[i32], row: usize, out: &mut Vec<u8>) {
    let offset = |index: usize| usize::try_from(offsets[index]).unwrap_or_default();
    let (start, end) = (offset(row), offset(row + 1));
    out.push(b'[');
    for element in start..end {
        if element > start {
            out.push(b',');
        }
        elements.write_json(element, out);
    }
    out.push(b']');
}

/// Appends an integer.
pub(crate) fn write_integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn write_float<F: ryu::Float + Into<f64>>(value: F, out: &mut Vec<u8>) {
    let wide: f64 = value.into();
    if wide.is_finite() {
        // The shortest text that gives the same number back; negative zero is `-0.0`.
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.push(b'"');
        out.extend_from_slice(not_finite(wide));
        out.push(b'"');
    }
}

fn not_finite(value: f64) -> &'static [u8] {
    if value.is_nan() {
        b"NaN"
    } else if value > 0.0 {
        b"Infinity"
    } else {
        b"-Infinity"
    }
}

/// Appends a decimal with all its digits.
pub(crate) fn write_decimal(unscaled: i128, scale: usize, out: &mut Vec<u8>) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(unscaled.unsigned_abs()).as_bytes();
    let n_whole = digits.len().saturating_sub(scale);
    let (whole, fraction) = digits.split_at(n_whole);
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if scale > 0 {
        out.push(b'.');
        out.resize(out.len() + scale - fraction.len(), b'0');
        out.extend_from_slice(fraction);
    }
}

/// Appends lower-case hex digits.
pub(crate) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
}

/// Appends a uuid in its usual groups.
pub(crate) fn write_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    for length in [4, 2, 2, 2] {
        let (part, tail) = rest.split_at(length.min(rest.len()));
        write_hex(part, out);
        out.push(b'-');
        rest = tail;
    }
    write_hex(rest, out);
}

/// Appends a JSON string. Only what JSON requires is escaped.
pub(crate) fn write_json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut clean_from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[clean_from..at]);
        clean_from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                out.extend_from_slice(b"\\u00");
                write_hex(&[*other], out);
            }
        }
    }
    out.extend_from_slice(&bytes[clean_from..]);
    out.push(b'"');
}

/// Appends text with its control characters escaped as in Rust.
fn write_printable(text: &str, out: &mut Vec<u8>) {
    if !text.chars().any(char::is_control) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut buffer = [0; 4];
    for character in text.chars() {
        if character.is_control() {
            out.extend(character.escape_default().map(|escaped| u8::try_from(escaped).unwrap_or(b'?')));
        } else {
            out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests;

//! A stripe: where its streams are, and the decoders of its columns.

use std::collections::HashMap;
use std::ops::Range;

use arrow_schema::{DataType, Field, FieldRef, Fields};
use bytes::Bytes;

use super::bits::{Booleans, ByteRuns};
use super::columns::kind;
use super::compression::{ByteStream, Codec};
use super::decode::{Column, Dictionary, Values};
use super::integers::{Integers, RunVersion};
use super::messages::{Encoding, Stripe, StripeFooter, Type};
use super::{Fault, tail};
use crate::scan::columns::FileColumn;

/// A footer of a stripe beyond this is not read.
pub(super) const FOOTER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Kinds of streams. Source: `orc_proto.proto`, `Stream.Kind`.
const PRESENT: u64 = 0;
const DATA: u64 = 1;
const LENGTH: u64 = 2;
const DICTIONARY_DATA: u64 = 3;
const SECONDARY: u64 = 5;

/// Streams of these kinds are read.
const KINDS: [u64; 5] = [PRESENT, DATA, LENGTH, DICTIONARY_DATA, SECONDARY];

/// Names of the time zone in which nothing has to be reckoned.
const UTC: [&str; 6] = ["UTC", "GMT", "Etc/UTC", "Etc/GMT", "Z", ""];

/// Where the streams of the columns that are read are in the file, by column and kind.
pub(super) type Streams<T> = HashMap<(u64, u64), T>;

/// Finds the streams of `columns`.
pub(super) fn streams(stripe: &Stripe, footer: &StripeFooter, columns: &[bool]) -> Result<Streams<Range<u64>>, Fault> {
    if footer.is_encrypted {
        return Err(tail::encrypted());
    }
    let end = stripe.footer_start().ok_or("a stripe lies outside of the file")?;
    let mut start = stripe.offset;
    let mut streams = HashMap::new();
    for stream in &footer.streams {
        let next = start.checked_add(stream.n_bytes).filter(|next| *next <= end);
        let next = next.ok_or("a stream lies outside of its stripe")?;
        let is_read = usize::try_from(stream.column).ok().and_then(|column| columns.get(column)) == Some(&true);
        if is_read && KINDS.contains(&stream.kind) && next > start {
            streams.insert((stream.column, stream.kind), start..next);
        }
        start = next;
    }
    Ok(streams)
}

/// Marks the columns of the file whose streams are read: those of wanted leaves, and what is around them.
pub(super) fn wanted_columns(types: &[Type], found: &[FileColumn], leaves: &[bool]) -> Vec<bool> {
    fn mark(types: &[Type], index: usize, found: &FileColumn, leaves: &[bool], wanted: &mut [bool]) {
        if !leaves[found.leaves.clone()].contains(&true) {
            return;
        }
        wanted[index] = true;
        for (child, found) in types[index].children.iter().zip(&found.children) {
            mark(types, *child as usize, found, leaves, wanted);
        }
    }
    let mut wanted = vec![false; types.len()];
    if let Some(root) = types.first() {
        for (child, found) in root.children.iter().zip(found) {
            mark(types, *child as usize, found, leaves, &mut wanted);
        }
    }
    wanted
}

/// Makes the decoders of a stripe's columns.
pub(super) struct Decoders<'a> {
    pub(super) codec: Codec,
    pub(super) types: &'a [Type],
    pub(super) leaves: &'a [bool],
    pub(super) footer: &'a StripeFooter,
    pub(super) streams: Streams<Bytes>,
}

impl Decoders<'_> {
    /// The decoders of the top-level columns that are read.
    pub(super) fn make(&self, found: &[FileColumn]) -> Result<Vec<Column>, Fault> {
        let root = self.types.first().ok_or("its rows are no struct")?;
        Ok(self.children(root, found)?.into_iter().map(|(_, column)| column).collect())
    }

    /// Decoders of those children that are read, with their indexes.
    fn children(&self, parent: &Type, found: &[FileColumn]) -> Result<Vec<(usize, Column)>, Fault> {
        let mut columns = Vec::new();
        for (index, (child, found)) in parent.children.iter().zip(found).enumerate() {
            if self.leaves[found.leaves.clone()].contains(&true) {
                columns.push((index, self.column(*child as usize, found)?));
            }
        }
        Ok(columns)
    }

    fn column(&self, index: usize, found: &FileColumn) -> Result<Column, Fault> {
        let id = index as u64;
        let present = self.streams.contains_key(&(id, PRESENT)).then(|| Booleans::new(self.stream(id, PRESENT)));
        let (values, data_type) = self.values(index, found)?;
        Ok(Column { present, values, data_type })
    }

    fn values(&self, index: usize, found: &FileColumn) -> Result<(Values, DataType), Fault> {
        let (id, data_type) = (index as u64, &self.types[index]);
        let encoding = self.footer.encodings.get(index).ok_or("a stripe does not tell how a column is encoded")?;
        let version = match encoding.kind {
            0 | 1 => RunVersion::One,
            2 | 3 => RunVersion::Two,
            other => return Err(format!("encoding `{other}` is unknown").into()),
        };
        let integers = |kind, is_signed| Integers::new(self.stream(id, kind), version, is_signed);
        let values = match data_type.kind {
            kind::BOOLEAN => Values::Boolean(Booleans::new(self.stream(id, DATA))),
            kind::BYTE => Values::Byte(ByteRuns::new(self.stream(id, DATA))),
            kind::SHORT | kind::INT | kind::LONG | kind::DATE => Values::Integer(integers(DATA, true)),
            kind::FLOAT => Values::Float(self.stream(id, DATA)),
            kind::DOUBLE => Values::Double(self.stream(id, DATA)),
            kind::STRING | kind::VARCHAR | kind::CHAR | kind::BINARY => match encoding.kind {
                1 | 3 => Values::Dictionary(integers(DATA, false), self.dictionary(id, version, encoding)?),
                _ => Values::Bytes { lengths: integers(LENGTH, false), bytes: self.stream(id, DATA) },
            },
            kind::TIMESTAMP | kind::TIMESTAMP_INSTANT => {
                self.check_time_zone(data_type)?;
                Values::Timestamp { seconds: integers(DATA, true), nanos: integers(SECONDARY, false) }
            }
            kind::DECIMAL => Values::Decimal { numbers: self.stream(id, DATA), scales: integers(SECONDARY, true) },
            kind::STRUCT => return self.structure(data_type, found),
            kind::LIST => return self.list(integers(LENGTH, false), data_type, found),
            kind::MAP => return self.map(integers(LENGTH, false), data_type, found),
            other => return Err(Fault::Unsupported(format!("a column of orc type `{other}`"))),
        };
        Ok((values, found.data_type.clone()))
    }

    fn structure(&self, data_type: &Type, found: &FileColumn) -> Result<(Values, DataType), Fault> {
        let DataType::Struct(fields) = &found.data_type else { return Err("a struct has no fields".into()) };
        let mut kept = Vec::new();
        let mut columns = Vec::new();
        for (index, column) in self.children(data_type, &found.children)? {
            kept.push(typed(&fields[index], &column));
            columns.push(column);
        }
        let fields = Fields::from(kept);
        Ok((Values::Struct(columns, fields.clone()), DataType::Struct(fields)))
    }

    fn list(&self, lengths: Integers, data_type: &Type, found: &FileColumn) -> Result<(Values, DataType), Fault> {
        let (DataType::List(field), [element], [child]) =
            (&found.data_type, found.children.as_slice(), data_type.children.as_slice())
        else {
            return Err("a list has not one child".into());
        };
        let element = self.column(*child as usize, element)?;
        let field = typed(field, &element);
        Ok((Values::List { lengths, element: Box::new(element), field: field.clone() }, DataType::List(field)))
    }

    fn map(&self, lengths: Integers, data_type: &Type, found: &FileColumn) -> Result<(Values, DataType), Fault> {
        let (DataType::Map(entries, sorted), [found_key, found_value], [key, value]) =
            (&found.data_type, found.children.as_slice(), data_type.children.as_slice())
        else {
            return Err("a map has not two children".into());
        };
        let DataType::Struct(fields) = entries.data_type() else { return Err("a map has no entries".into()) };
        let key = self.column(*key as usize, found_key)?;
        let value = self.column(*value as usize, found_value)?;
        let fields: Fields = [typed(&fields[0], &key), typed(&fields[1], &value)].into_iter().collect();
        let field: FieldRef = Field::clone(entries).with_data_type(DataType::Struct(fields)).into();
        let data_type = DataType::Map(field.clone(), *sorted);
        Ok((Values::Map { lengths, key: Box::new(key), value: Box::new(value), field }, data_type))
    }

    fn dictionary(&self, id: u64, version: RunVersion, encoding: &Encoding) -> Result<Dictionary, Fault> {
        let lengths = Integers::new(self.stream(id, LENGTH), version, false);
        Dictionary::read(encoding.dictionary_size, lengths, self.stream(id, DICTIONARY_DATA))
    }

    /// Iceberg writes in UTC. What a timestamp without zone means elsewhere depends on that zone's history.
    fn check_time_zone(&self, data_type: &Type) -> Result<(), Fault> {
        match &self.footer.time_zone {
            Some(zone) if data_type.kind == kind::TIMESTAMP && !UTC.contains(&zone.as_str()) => {
                let cause = format!("timestamps written in time zone `{zone}`; only those in UTC can be read");
                Err(Fault::Unsupported(cause))
            }
            _ => Ok(()),
        }
    }

    /// A stream without bytes may be left out.
    fn stream(&self, column: u64, kind: u64) -> ByteStream {
        ByteStream::new(self.codec, self.streams.get(&(column, kind)).cloned().unwrap_or_default())
    }
}

fn typed(field: &FieldRef, column: &Column) -> FieldRef {
    Field::clone(field).with_data_type(column.data_type.clone()).into()
}

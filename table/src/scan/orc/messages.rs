//! The messages of an ORC file that reading needs, in Protocol Buffers' encoding.
//!
//! Source: `orc_proto.proto` of the ORC project, whose numbers of fields these are. Other fields are passed over.

use super::Fault;
use crate::varint::{varint, zigzag};

/// Entries of one list at most: beyond that a file was made to take memory.
const ENTRIES_MAX: usize = 1 << 20;

/// The last message of a file.
#[derive(Debug, Default)]
pub(super) struct PostScript {
    pub(super) footer_bytes: u64,
    pub(super) compression: u64,
    pub(super) chunk_bytes_max: Option<u64>,
    pub(super) metadata_bytes: u64,
    /// Counts what was put right in the writers of the ORC project.
    pub(super) writer_version: u64,
    pub(super) magic: Vec<u8>,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Footer {
    pub(super) stripes: Vec<Stripe>,
    pub(super) types: Vec<Type>,
    pub(super) n_rows: u64,
    pub(super) is_encrypted: bool,
}

/// Some rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Stripe {
    pub(super) offset: u64,
    pub(super) index_bytes: u64,
    pub(super) data_bytes: u64,
    pub(super) footer_bytes: u64,
    pub(super) n_rows: u64,
}

/// A column, or something inside one. Ids of columns are indexes of types.
#[derive(Debug, Clone, Default)]
pub(super) struct Type {
    pub(super) kind: u64,
    pub(super) children: Vec<u32>,
    pub(super) names: Vec<String>,
    pub(super) precision: u64,
    pub(super) scale: u64,
    attributes: Vec<(String, String)>,
}

/// Where the columns of a stripe are, and how they are encoded.
#[derive(Debug, Default)]
pub(super) struct StripeFooter {
    pub(super) streams: Vec<Stream>,
    pub(super) encodings: Vec<Encoding>,
    pub(super) time_zone: Option<String>,
    pub(super) is_encrypted: bool,
}

/// Bytes of one kind of one column.
#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    pub(super) kind: u64,
    pub(super) column: u64,
    pub(super) n_bytes: u64,
}

/// How a column is encoded.
#[derive(Debug, Clone, Default)]
pub(super) struct Encoding {
    pub(super) kind: u64,
    pub(super) dictionary_size: u64,
}

/// What is known of the values of a column in some rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ColumnStatistics {
    /// Without nulls.
    pub(super) n_values: Option<u64>,
    /// No value is below it.
    pub(super) min: Option<Stored>,
    /// No value is above it.
    pub(super) max: Option<Stored>,
}

/// A bound as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stored {
    /// Of integers, dates and booleans (0, 1).
    Integer(i64),
    Float(f64),
    /// Of texts; of decimals in digits.
    Text(Vec<u8>),
}

impl Stripe {
    /// Where its footer begins.
    pub(super) fn footer_start(&self) -> Option<u64> {
        self.offset.checked_add(self.index_bytes)?.checked_add(self.data_bytes)
    }

    /// Where it ends.
    pub(super) fn end(&self) -> Option<u64> {
        self.footer_start()?.checked_add(self.footer_bytes)
    }
}

impl Type {
    /// What a writer noted down under that name.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl PostScript {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut message = Self::default();
        for_each_field(bytes, |number, value| {
            match number {
                1 => message.footer_bytes = value.number()?,
                2 => message.compression = value.number()?,
                3 => message.chunk_bytes_max = Some(value.number()?),
                5 => message.metadata_bytes = value.number()?,
                6 => message.writer_version = value.number()?,
                8000 => message.magic = value.bytes()?.to_vec(),
                _ => {}
            }
            Ok(())
        })?;
        Ok(message)
    }
}

impl Footer {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut message = Self::default();
        for_each_field(bytes, |number, value| {
            match number {
                3 => push(&mut message.stripes, Stripe::parse(value.bytes()?)?)?,
                4 => push(&mut message.types, Type::parse(value.bytes()?)?)?,
                6 => message.n_rows = value.number()?,
                10 => message.is_encrypted = true,
                _ => {}
            }
            Ok(())
        })?;
        Ok(message)
    }
}

impl Stripe {
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut message = Self::default();
        for_each_field(bytes, |number, value| {
            match number {
                1 => message.offset = value.number()?,
                2 => message.index_bytes = value.number()?,
                3 => message.data_bytes = value.number()?,
                4 => message.footer_bytes = value.number()?,
                5 => message.n_rows = value.number()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(message)
    }
}

impl Type {
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut message = Self::default();
        for_each_field(bytes, |number, value| {
            match number {
                1 => message.kind = value.number()?,
                2 => value.for_each_number(|child| {
                    let child = u32::try_from(child).map_err(|_| "a type's child is no type")?;
                    push(&mut message.children, child)
                })?,
                3 => push(&mut message.names, value.text()?)?,
                5 => message.precision = value.number()?,
                6 => message.scale = value.number()?,
                7 => push(&mut message.attributes, pair(value.bytes()?)?)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(message)
    }
}

impl StripeFooter {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut message = Self::default();
        for_each_field(bytes, |number, value| {
            match number {
                1 => push(&mut message.streams, Stream::parse(value.bytes()?)?)?,
                2 => push(&mut message.encodings, Encoding::parse(value.bytes()?)?)?,
                3 => message.time_zone = Some(value.text()?),
                4 => message.is_encrypted = true,
                _ => {}
            }
            Ok(())
        })?;
        Ok(message)
    }
}

impl Stream {
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut message = Self::default();
        for_each_field(bytes, |number, value| {
            match number {
                1 => message.kind = value.number()?,
                2 => message.column = value.number()?,
                3 => message.n_bytes = value.number()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(message)
    }
}

impl Encoding {
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut message = Self::default();
        for_each_field(bytes, |number, value| {
            match number {
                1 => message.kind = value.number()?,
                2 => message.dictionary_size = value.number()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(message)
    }
}

/// The statistics of all columns, for each stripe.
pub(super) fn stripe_statistics(bytes: &[u8]) -> Result<Vec<Vec<ColumnStatistics>>, Fault> {
    let mut stripes = Vec::new();
    // Empty ones take no bytes of their own, but memory: the limit is on all stripes together.
    let mut n_columns = 0;
    for_each_field(bytes, |number, value| {
        if number == 1 {
            let mut columns = Vec::new();
            for_each_field(value.bytes()?, |number, value| {
                if number == 1 {
                    n_columns += 1;
                    if n_columns > ENTRIES_MAX {
                        return Err(format!("it has more than `{ENTRIES_MAX}` statistics").into());
                    }
                    columns.push(ColumnStatistics::parse(value.bytes()?)?);
                }
                Ok(())
            })?;
            push(&mut stripes, columns)?;
        }
        Ok(())
    })?;
    Ok(stripes)
}

impl ColumnStatistics {
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut message = Self::default();
        let mut n_true = None;
        for_each_field(bytes, |number, value| {
            match number {
                1 => message.n_values = Some(value.number()?),
                2 | 7 => message.integers(value.bytes()?)?,
                3 => message.floats(value.bytes()?)?,
                4 => message.texts(value.bytes()?)?,
                5 => n_true = first_count(value.bytes()?)?,
                6 => message.decimals(value.bytes()?)?,
                _ => {}
            }
            Ok(())
        })?;
        if let (Some(n_true), Some(n_values)) = (n_true, message.n_values) {
            message.min = Some(Stored::Integer(i64::from(n_true == n_values)));
            message.max = Some(Stored::Integer(i64::from(n_true > 0)));
        }
        Ok(message)
    }

    /// `IntegerStatistics` and `DateStatistics`
    fn integers(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        for_each_field(bytes, |number, value| {
            match number {
                1 => self.min = Some(Stored::Integer(zigzag(value.number()?))),
                2 => self.max = Some(Stored::Integer(zigzag(value.number()?))),
                _ => {}
            }
            Ok(())
        })
    }

    /// `DoubleStatistics`. A writer that meets NaN first compares all that follows with it, and forgets it; only the
    /// sum tells that bounds say nothing.
    fn floats(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut numbers = [None; 3];
        for_each_field(bytes, |number, value| {
            let place = usize::try_from(number).ok().and_then(|number| numbers.get_mut(number.wrapping_sub(1)));
            if let Some(place) = place {
                let bytes = value.bytes()?.try_into().map_err(|_| "a float of its statistics is none")?;
                *place = Some(f64::from_le_bytes(bytes));
            }
            Ok(())
        })?;
        if let [min, max, Some(sum)] = numbers
            && !sum.is_nan()
        {
            self.min = min.map(Stored::Float);
            self.max = max.map(Stored::Float);
        }
        Ok(())
    }

    /// `StringStatistics`: in place of a long text there is a shorter one below or above it.
    fn texts(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        for_each_field(bytes, |number, value| {
            match number {
                1 | 4 => self.min = Some(Stored::Text(value.bytes()?.to_vec())),
                2 | 5 => self.max = Some(Stored::Text(value.bytes()?.to_vec())),
                _ => {}
            }
            Ok(())
        })
    }

    /// `DecimalStatistics`
    fn decimals(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        for_each_field(bytes, |number, value| {
            match number {
                1 => self.min = Some(Stored::Text(value.bytes()?.to_vec())),
                2 => self.max = Some(Stored::Text(value.bytes()?.to_vec())),
                _ => {}
            }
            Ok(())
        })
    }
}

/// Of `BucketStatistics`: how many booleans are true.
fn first_count(bytes: &[u8]) -> Result<Option<u64>, Fault> {
    let mut first = None;
    for_each_field(bytes, |number, value| match number {
        1 => value.for_each_number(|count| {
            first.get_or_insert(count);
            Ok(())
        }),
        _ => Ok(()),
    })?;
    Ok(first)
}

fn pair(bytes: &[u8]) -> Result<(String, String), Fault> {
    let mut message = (String::new(), String::new());
    for_each_field(bytes, |number, value| {
        match number {
            1 => message.0 = value.text()?,
            2 => message.1 = value.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(message)
}

fn push<T>(list: &mut Vec<T>, entry: T) -> Result<(), Fault> {
    if list.len() >= ENTRIES_MAX {
        return Err(format!("a list of its footer has more than `{ENTRIES_MAX}` entries").into());
    }
    list.push(entry);
    Ok(())
}

/// Value of a field.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    fn number(self) -> Result<u64, Fault> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Bytes(_) => Err("a number of its footer is none".into()),
        }
    }

    fn bytes(self) -> Result<&'a [u8], Fault> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err("a message of its footer is a number".into()),
        }
    }

    fn text(self) -> Result<String, Fault> {
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| "a text of its footer is not UTF-8")?;
        Ok(text.to_owned())
    }

    /// Numbers of a list are packed, or fields of their own.
    fn for_each_number(self, mut visit: impl FnMut(u64) -> Result<(), Fault>) -> Result<(), Fault> {
        match self {
            Self::Number(number) => visit(number),
            Self::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    visit(number(&mut bytes)?)?;
                }
                Ok(())
            }
        }
    }
}

fn for_each_field(mut bytes: &[u8], mut visit: impl FnMut(u64, Value<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
    const CUT_OFF: &str = "its footer is cut off";
    while !bytes.is_empty() {
        let key = number(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Number(number(&mut bytes)?),
            kind @ (1 | 2 | 5) => {
                let n_bytes = match kind {
                    1 => 8,
                    5 => 4,
                    _ => usize::try_from(number(&mut bytes)?).map_err(|_| CUT_OFF)?,
                };
                let (value, rest) = bytes.split_at_checked(n_bytes).ok_or(CUT_OFF)?;
                bytes = rest;
                Value::Bytes(value)
            }
            other => return Err(format!("its footer has a field of type `{other}`").into()),
        };
        visit(key >> 3, value)?;
    }
    Ok(())
}

fn number(bytes: &mut &[u8]) -> Result<u64, Fault> {
    let number = varint(|| {
        let (byte, rest) = bytes.split_first().ok_or("its footer is cut off")?;
        *bytes = rest;
        Ok::<_, Fault>(*byte)
    })?;
    number.ok_or_else(|| "a number of its footer has more than ten bytes".into())
}

//! A look over thrift data before the parquet crate parses it.
//!
//! The crate reserves memory for as many list elements as the data claims to have. A damaged count would
//! end the process, so lists that cannot be as long as they claim are refused here.

use crate::varint::{varint, zigzag};

/// Structures inside structures, at most. Parquet's own are less than ten deep.
const DEPTH_MAX: usize = 32;

/// The smallest struct that parquet keeps in a list has a field header, its value and a stop byte.
const LIST_STRUCT_BYTES_MIN: usize = 3;

const TYPE_TRUE: u8 = 1;
const TYPE_FALSE: u8 = 2;
const TYPE_STRUCT: u8 = 12;

/// What a look over one struct showed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outline {
    /// Ids of its own fields.
    pub(super) field_ids: Vec<i32>,
    /// Bytes that it takes.
    pub(super) n_bytes: usize,
    /// Its field 1, if that is an integer.
    pub(super) first_integer: Option<i64>,
}

/// Walks over the struct (compact protocol) that `bytes` begins with.
///
/// Returns a message that says what is wrong with it.
pub(super) fn outline(bytes: &[u8]) -> Result<Outline, String> {
    let mut walker = Walker { bytes, position: 0 };
    let mut outline = Outline { field_ids: Vec::new(), n_bytes: 0, first_integer: None };
    walker.fields(0, &mut |walker, id, kind, depth| {
        outline.field_ids.push(id);
        if id == 1 && matches!(kind, 4..=6) {
            outline.first_integer = Some(zigzag(walker.varint()?));
            return Ok(());
        }
        walker.value(kind, depth)
    })?;
    outline.n_bytes = walker.position;
    Ok(outline)
}

struct Walker<'a> {
    bytes: &'a [u8],
    position: usize,
}

type OnField<'f, 'a> = dyn FnMut(&mut Walker<'a>, i32, u8, usize) -> Result<(), String> + 'f;

impl<'a> Walker<'a> {
    fn fields(&mut self, depth: usize, on_field: &mut OnField<'_, 'a>) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err("thrift data is nested too deeply".to_owned());
        }
        let mut id = 0;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Ok(());
            }
            id = match i32::from(header >> 4) {
                0 => i32::try_from(zigzag(self.varint()?)).map_err(|_| "thrift field id is too large".to_owned())?,
                delta => id.checked_add(delta).ok_or("thrift field id is too large")?,
            };
            on_field(self, id, header & 0x0f, depth + 1)?;
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<(), String> {
        match kind {
            // The value of a boolean field is its type.
            TYPE_TRUE | TYPE_FALSE => Ok(()),
            3 => self.skip(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.skip(8),
            8 => {
                let length = self.length()?;
                self.skip(length)
            }
            9 | 10 => self.list(depth),
            TYPE_STRUCT => self.fields(depth, &mut |walker, _, kind, depth| walker.value(kind, depth)),
            13 => self.skip(16),
            other => Err(format!("thrift type `{other}` is unknown")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<(), String> {
        let header = self.byte()?;
        let kind = header & 0x0f;
        let n = match usize::from(header >> 4) {
            15 => self.length()?,
            n => n,
        };
        let bytes_min = if kind == TYPE_STRUCT { LIST_STRUCT_BYTES_MIN } else { 1 };
        if n.checked_mul(bytes_min).is_none_or(|bytes| bytes > self.bytes.len() - self.position) {
            return Err(format!("thrift list claims `{n}` elements, more than there are bytes"));
        }
        for _ in 0..n {
            match kind {
                TYPE_TRUE | TYPE_FALSE => self.skip(1)?,
                _ => self.value(kind, depth + 1)?,
            }
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, String> {
        let byte = self.bytes.get(self.position).ok_or("thrift data is cut off")?;
        self.position += 1;
        Ok(*byte)
    }

    fn varint(&mut self) -> Result<u64, String> {
        varint(|| self.byte())?.ok_or_else(|| "thrift integer is too long".to_owned())
    }

    fn length(&mut self) -> Result<usize, String> {
        usize::try_from(self.varint()?).map_err(|_| "thrift length is too large".to_owned())
    }

    fn skip(&mut self, n: usize) -> Result<(), String> {
        let end = self.position.checked_add(n).filter(|end| *end <= self.bytes.len());
        self.position = end.ok_or("thrift data is cut off")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_names_the_fields_of_a_struct() {
        // Field 1: i32 = 5 (zigzag 10); field 4 (delta 3): binary "ab"; stop.
        let bytes = [0x15, 10, 0x38, 2, b'a', b'b', 0, 99];
        let expected = Outline { field_ids: vec![1, 4], n_bytes: 7, first_integer: Some(5) };
        assert_eq!(outline(&bytes), Ok(expected));
    }

    #[test]
    fn a_list_that_claims_more_elements_than_bytes_is_refused() {
        // Field 1: list of structs, size in a varint of 2^31 - 1.
        let bytes = [0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0];
        assert!(outline(&bytes).is_err_and(|message| message.contains("claims")));
    }

    #[test]
    fn cut_and_endless_data_is_refused() {
        assert!(outline(&[]).is_err());
        assert!(outline(&[0x15, 0x80]).is_err());
        assert!(outline(&[0x18, 50, 1]).is_err());
        assert!(outline(&[0x1c; 200]).is_err_and(|message| message.contains("deep")));
    }
}

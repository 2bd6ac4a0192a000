//! Thrift's binary protocol, strict form: calls are written, answers read into values.
//!
//! Nothing that a server claims is believed before it is there: every byte and every value is charged to a limit, and
//! nesting has one too. Source: Apache Thrift, "Thrift Binary protocol encoding".

use std::collections::BTreeMap;
use std::io;
use std::mem::size_of;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What one answer may take in memory.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Values within values.
const DEPTH_MAX: usize = 32;

const VERSION: u32 = 0x8001_0000;
const CALL: u32 = 1;
const REPLY: u32 = 2;
const EXCEPTION: u32 = 3;

const STOP: u8 = 0;
const BOOL: u8 = 2;
const I8: u8 = 3;
const DOUBLE: u8 = 4;
const I16: u8 = 6;
const I32: u8 = 8;
const I64: u8 = 10;
const BINARY: u8 = 11;
const STRUCT: u8 = 12;
const MAP: u8 = 13;
const SET: u8 = 14;
const LIST: u8 = 15;

/// A struct that is sent: fields of text, lists of text, and structs.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<u8>);

impl Fields {
    pub(super) fn text(mut self, id: i16, text: &str) -> Self {
        self.begin(BINARY, id);
        put_text(&mut self.0, text);
        self
    }

    pub(super) fn texts(mut self, id: i16, texts: &[&str]) -> Self {
        self.begin(LIST, id);
        self.0.push(BINARY);
        self.0.extend(u32::try_from(texts.len()).unwrap_or_default().to_be_bytes());
        texts.iter().for_each(|text| put_text(&mut self.0, text));
        self
    }

    pub(super) fn fields(mut self, id: i16, fields: &Self) -> Self {
        self.begin(STRUCT, id);
        self.0.extend(&fields.0);
        self.0.push(STOP);
        self
    }

    fn begin(&mut self, kind: u8, id: i16) {
        self.0.push(kind);
        self.0.extend(id.to_be_bytes());
    }
}

/// The bytes of a call.
pub(super) fn call(method: &str, sequence: u32, arguments: &Fields) -> Vec<u8> {
    let mut bytes = (VERSION | CALL).to_be_bytes().to_vec();
    put_text(&mut bytes, method);
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(&arguments.0);
    bytes.push(STOP);
    bytes
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    // Names that are longer than 4 GB do not come out of a command line.
    bytes.extend(u32::try_from(text.len()).unwrap_or_default().to_be_bytes());
    bytes.extend(text.as_bytes());
}

/// A value that was read. Numbers are of no use here but have to be passed over.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(i64),
    Text(String),
    Struct(BTreeMap<i16, Value>),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// A field of a struct.
    pub(super) fn field(&self, id: i16) -> Option<&Self> {
        match self {
            Self::Struct(fields) => fields.get(&id),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn texts(&self) -> Option<Vec<String>> {
        match self {
            Self::List(values) => values.iter().map(|value| value.text().map(str::to_owned)).collect(),
            _ => None,
        }
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = match self {
            Self::Map(pairs) => pairs.as_slice(),
            _ => &[],
        };
        pairs.iter().filter_map(|(key, value)| Some((key.text()?, value.text()?)))
    }

    /// The number; `None` for what is none.
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(super) enum Answer {
    /// The result's fields: 0 is what was asked for, others are declared exceptions.
    Reply(Value),
    /// The server did not take the call: its type (1 is an unknown method) and message.
    Exception { kind: i64, message: String },
}

/// Why an answer cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("the connection broke: {0}")]
    Connection(#[from] io::Error),
    #[error("the answer is no Thrift message: {0}")]
    Malformed(&'static str),
    #[error("the answer is larger than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
}

/// Reads one answer to the call `method` with `sequence`.
pub(super) async fn answer(
    input: &mut (impl AsyncRead + Unpin + Send),
    method: &str,
    sequence: u32,
) -> Result<Answer, ReadError> {
    let mut reader = Reader { input, n_free: ANSWER_BYTES_MAX };
    let head = reader.u32().await?;
    if head & 0xffff_ff00 != VERSION {
        return Err(ReadError::Malformed("it has another beginning"));
    }
    if reader.text().await? != method {
        return Err(ReadError::Malformed("it answers another call"));
    }
    if reader.u32().await? != sequence {
        return Err(ReadError::Malformed("it answers another call"));
    }
    let body = reader.value(STRUCT, 0).await?;
    match head & 0xff {
        REPLY => Ok(Answer::Reply(body)),
        EXCEPTION => Ok(Answer::Exception {
            kind: body.field(2).and_then(Value::number).unwrap_or_default(),
            message: body.field(1).and_then(Value::text).unwrap_or_default().to_owned(),
        }),
        _ => Err(ReadError::Malformed("it is neither a reply nor an exception")),
    }
}

struct Reader<'a, R> {
    input: &'a mut R,
    n_free: usize,
}

impl<R: AsyncRead + Unpin + Send> Reader<'_, R> {
    fn charge(&mut self, n_bytes: usize) -> Result<(), ReadError> {
        self.n_free = self.n_free.checked_sub(n_bytes).ok_or(ReadError::TooLarge)?;
        Ok(())
    }

    async fn u8(&mut self) -> Result<u8, ReadError> {
        self.charge(1)?;
        Ok(self.input.read_u8().await?)
    }

    async fn u32(&mut self) -> Result<u32, ReadError> {
        self.charge(4)?;
        Ok(self.input.read_u32().await?)
    }

    /// A count of bytes or values: never negative.
    async fn count(&mut self) -> Result<usize, ReadError> {
        let count = self.u32().await?;
        i32::try_from(count)
            .ok()
            .and_then(|count| usize::try_from(count).ok())
            .ok_or(ReadError::Malformed("a length is negative"))
    }

    /// Text that is not UTF-8 is none that is looked for; it is read all the same.
    async fn text(&mut self) -> Result<String, ReadError> {
        let n_bytes = self.count().await?;
        self.charge(n_bytes)?;
        let mut bytes = Vec::new();
        // Memory is taken as bytes come, not as the length promises.
        let n_read = (&mut *self.input).take(n_bytes as u64).read_to_end(&mut bytes).await?;
        if n_read < n_bytes {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn value(&mut self, kind: u8, depth: usize) -> BoxFuture<'_, Result<Value, ReadError>> {
        Box::pin(async move {
            if depth > DEPTH_MAX {
                return Err(ReadError::Malformed("it nests too deeply"));
            }
            self.charge(size_of::<Value>())?;
            Ok(match kind {
                BOOL | I8 => Value::Number(i64::from(self.u8().await?)),
                I16 => {
                    self.charge(2)?;
                    Value::Number(i64::from(self.input.read_i16().await?))
                }
                I32 => {
                    self.charge(4)?;
                    Value::Number(i64::from(self.input.read_i32().await?))
                }
                I64 | DOUBLE => {
                    self.charge(8)?;
                    Value::Number(self.input.read_i64().await?)
                }
                BINARY => Value::Text(self.text().await?),
                STRUCT => self.fields(depth).await?,
                MAP => self.map(depth).await?,
                SET | LIST => {
                    let kind = self.u8().await?;
                    let n_values = self.count().await?;
                    let mut values = Vec::new();
                    for _ in 0..n_values {
                        values.push(self.value(kind, depth + 1).await?);
                    }
                    Value::List(values)
                }
                _ => return Err(ReadError::Malformed("it has a value of no known type")),
            })
        })
    }

    async fn fields(&mut self, depth: usize) -> Result<Value, ReadError> {
        let mut fields = BTreeMap::new();
        loop {
            let kind = self.u8().await?;
            if kind == STOP {
                return Ok(Value::Struct(fields));
            }
            self.charge(2)?;
            let id = self.input.read_i16().await?;
            let value = self.value(kind, depth + 1).await?;
            fields.insert(id, value);
        }
    }

    async fn map(&mut self, depth: usize) -> Result<Value, ReadError> {
        let (key_kind, value_kind) = (self.u8().await?, self.u8().await?);
        let n_pairs = self.count().await?;
        let mut pairs = Vec::new();
        for _ in 0..n_pairs {
            let key = self.value(key_kind, depth + 1).await?;
            pairs.push((key, self.value(value_kind, depth + 1).await?));
        }
        Ok(Value::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use rstest::rstest;

    use super::*;

    /// A reply to `m` with sequence 7 whose result has these bytes.
    fn reply(body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x80, 1, 0, 2, 0, 0, 0, 1, b'm', 0, 0, 0, 7];
        bytes.extend(body);
        bytes
    }

    async fn read(bytes: &[u8]) -> Result<Answer, ReadError> {
        answer(&mut &*bytes, "m", 7).await
    }

    #[test]
    fn a_call_is_written_as_the_protocol_says() {
        let request = Fields::default().text(1, "db");
        let arguments = Fields::default().fields(1, &request).texts(2, &["g"]);
        let expected = [
            &[0x80, 1, 0, 1, 0, 0, 0, 1, b'm', 0, 0, 0, 7][..],
            &[12, 0, 1, 11, 0, 1, 0, 0, 0, 2, b'd', b'b', 0],
            &[15, 0, 2, 11, 0, 0, 0, 1, 0, 0, 0, 1, b'g', 0],
        ]
        .concat();
        assert_eq!(call("m", 7, &arguments), expected);
    }

    #[tokio::test]
    async fn every_type_is_read_or_passed_over() {
        let body = [
            &[2, 0, 1, 1][..],
            &[3, 0, 2, 9],
            &[4, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0],
            &[6, 0, 4, 0xff, 0xff],
            &[8, 0, 5, 0, 0, 0, 5],
            &[10, 0, 6, 0, 0, 0, 0, 0, 0, 0, 6],
            &[11, 0, 7, 0, 0, 0, 1, b'x'],
            &[12, 0, 8, 0],
            &[13, 0, 9, 11, 11, 0, 0, 0, 1, 0, 0, 0, 1, b'k', 0, 0, 0, 1, b'v'],
            &[14, 0, 10, 11, 0, 0, 0, 0],
            &[15, 0, 11, 11, 0, 0, 0, 1, 0, 0, 0, 1, b'y', 0],
        ]
        .concat();
        let Answer::Reply(value) = read(&reply(&body)).await.unwrap() else { panic!("an exception") };
        assert_eq!(value.field(4).unwrap().number(), Some(-1));
        assert_eq!(value.field(7).unwrap().text(), Some("x"));
        assert_eq!(value.field(9).unwrap().pairs().collect::<Vec<_>>(), [("k", "v")]);
        assert_eq!(value.field(11).unwrap().texts().unwrap(), ["y"]);
    }

    #[tokio::test]
    async fn an_exception_of_the_server_has_type_and_message() {
        let mut bytes = reply(&[11, 0, 1, 0, 0, 0, 2, b'n', b'o', 8, 0, 2, 0, 0, 0, 1, 0]);
        bytes[3] = 3;
        let Answer::Exception { kind, message } = read(&bytes).await.unwrap() else { panic!("a reply") };
        assert_eq!((kind, message.as_str()), (1, "no"));
    }

    #[rstest]
    #[case::http(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "another beginning")]
    #[case::cut(reply(&[11, 0, 1, 0, 0, 0, 9, b'x']), "broke")]
    #[case::negative_length(reply(&[11, 0, 1, 0xff, 0xff, 0xff, 0xff]), "negative")]
    #[case::huge_length(reply(&[11, 0, 1, 0x7f, 0xff, 0xff, 0xff]), "larger")]
    #[case::huge_list(reply(&[15, 0, 1, 2, 0x7f, 0xff, 0xff, 0xff, 1, 1]), "broke")]
    #[case::unknown_type(reply(&[9, 0, 1]), "no known type")]
    #[case::list_of_nothing(reply(&[15, 0, 1, 0, 0x7f, 0xff, 0xff, 0xff]), "no known type")]
    #[case::deep(reply(&[12, 0, 1].repeat(100)), "deeply")]
    #[case::empty(Vec::new(), "broke")]
    #[tokio::test]
    async fn a_damaged_answer_is_one_error(#[case] bytes: Vec<u8>, #[case] cause: &str) {
        let error = read(&bytes).await.unwrap_err().to_string();
        assert!(error.contains(cause), "{error}");
    }

    #[tokio::test]
    async fn an_answer_without_end_is_given_up() {
        let mut bytes = reply(&[15, 0, 1, 2, 0x7f, 0xff, 0xff, 0xff]);
        bytes.resize(ANSWER_BYTES_MAX / size_of::<Value>() + 1000, 1);
        assert!(matches!(read(&bytes).await, Err(ReadError::TooLarge)));
    }
}

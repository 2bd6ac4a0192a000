#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_possible_wrap)]

use apache_avro::types::Value as Written;
use apache_avro::{Codec, DeflateSettings, Schema, Writer, ZstandardSettings};
use rstest::rstest;

use super::*;

const SCHEMA: &str = r#"{"type": "record", "name": "entry", "fields": [
    {"name": "path", "type": "string", "field-id": 1},
    {"name": "count", "type": ["null", "long"], "field-id": 2},
    {"name": "small", "type": ["int", "null"], "field-id": 3},
    {"name": "flag", "type": "boolean", "field-id": 4},
    {"name": "float", "type": "float", "field-id": 5},
    {"name": "double", "type": "double", "field-id": 6},
    {"name": "bytes", "type": ["null", "bytes"], "field-id": 7},
    {"name": "fixed", "type": {"type": "fixed", "name": "three", "size": 3}, "field-id": 8},
    {"name": "again", "type": "three", "field-id": 9},
    {"name": "money", "type": {"type": "fixed", "name": "d", "size": 2, "logicalType": "decimal", "precision": 4}, "field-id": 10},
    {"name": "cash", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4}, "field-id": 11},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}, "field-id": 12},
    {"name": "sizes", "type": ["null", {"type": "array", "logicalType": "map", "items":
        {"type": "record", "name": "k1_v2", "fields": [
            {"name": "key", "type": "int", "field-id": 117},
            {"name": "value", "type": ["null", "long"], "field-id": 118}]}}], "field-id": 13},
    {"name": "ids", "type": {"type": "array", "items": "int"}, "field-id": 14},
    {"name": "names", "type": {"type": "map", "values": "long"}, "field-id": 15},
    {"name": "nested", "type": {"type": "record", "name": "inner", "namespace": "x.y", "fields": [
        {"name": "kind", "type": {"type": "enum", "name": "e", "symbols": ["a", "b"]}, "field-id": 17},
        {"name": "other", "type": ["null", "x.y.e"], "field-id": 18}]}, "field-id": 16}
]}"#;

fn some(value: Written) -> Written {
    Written::Union(1, Box::new(value))
}

fn written(n: i64) -> Written {
    let pair = |key, value| Written::Record(vec![("key".to_owned(), Written::Int(key)), ("value".to_owned(), value)]);
    let fields = [
        ("path", Written::String(format!("ž/{n}"))),
        ("count", some(Written::Long(n - 5))),
        (
            "small",
            Written::Union(u32::from(n % 2 == 0), Box::new(if n % 2 == 0 { Written::Null } else { Written::Int(7) })),
        ),
        ("flag", Written::Boolean(n % 3 == 0)),
        ("float", Written::Float(0.5)),
        ("double", Written::Double(-0.25)),
        ("bytes", some(Written::Bytes(vec![1, 2, 3]))),
        ("fixed", Written::Fixed(3, vec![4, 5, 6])),
        ("again", Written::Fixed(3, vec![7, 8, 9])),
        ("money", Written::Decimal(vec![0xff, 0x85].into())),
        ("cash", Written::Decimal(vec![0x7b].into())),
        ("day", Written::Date(19_000)),
        (
            "sizes",
            some(Written::Array(vec![
                pair(1, some(Written::Long(n))),
                pair(2, Written::Union(0, Box::new(Written::Null))),
            ])),
        ),
        ("ids", Written::Array((0..4).map(Written::Int).collect())),
        ("names", Written::Map([("a".to_owned(), Written::Long(1))].into())),
        (
            "nested",
            Written::Record(vec![
                ("kind".to_owned(), Written::Enum(1, "b".to_owned())),
                ("other".to_owned(), some(Written::Enum(0, "a".to_owned()))),
            ]),
        ),
    ];
    Written::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn file(codec: Codec, n_records: i64) -> Vec<u8> {
    let schema = Schema::parse_str(SCHEMA).unwrap();
    let mut writer = Writer::builder().schema(&schema).writer(Vec::new()).codec(codec).block_size(500).build();
    for n in 0..n_records {
        writer.append(written(n)).unwrap();
    }
    writer.into_inner().unwrap()
}

/// Number of records, or what is wrong with the file.
fn read(bytes: &[u8]) -> std::result::Result<usize, String> {
    let mut n_records = 0;
    let outcome = for_each_record(bytes, "p", |index, _| {
        assert_eq!(index, n_records);
        n_records += 1;
        Ok(())
    });
    outcome.map(|()| n_records).map_err(|error| error.to_string())
}

/// A file of one block, made by hand.
fn by_hand(schema: &str, n_records: i64, block: &[u8]) -> Vec<u8> {
    let mut file = b"Obj\x01".to_vec();
    long(&mut file, 1);
    for part in [b"avro.schema".as_slice(), schema.as_bytes()] {
        long(&mut file, part.len() as i64);
        file.extend(part);
    }
    long(&mut file, 0);
    file.extend([7; 16]);
    long(&mut file, n_records);
    long(&mut file, block.len() as i64);
    file.extend(block);
    file.extend([7; 16]);
    file
}

fn long(to: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        to.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    to.push(u8::try_from(rest).unwrap());
}

fn record(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "r", "fields": [{fields}]}}"#)
}

#[rstest]
#[case(Codec::Null)]
#[case(Codec::Deflate(DeflateSettings::default()))]
#[case(Codec::Snappy)]
#[case(Codec::Zstandard(ZstandardSettings::default()))]
fn what_another_library_wrote_is_read_field_by_field(#[case] codec: Codec) {
    let mut n_records = 0;
    for_each_record(&file(codec, 50), "p", |index, record| {
        let n = i64::try_from(index).unwrap();
        n_records += 1;
        assert_eq!(record.string(1, "?")?, format!("ž/{n}"));
        assert_eq!(record.long(2, "?")?, n - 5);
        assert_eq!(record.optional_int(3, "?")?, (n % 2 != 0).then_some(7));
        assert_eq!(record.boolean(4, "?"), Some(n % 3 == 0));
        assert_eq!(record.get(5, "?"), Some(&Value::Float(0.5)));
        assert_eq!(record.get(6, "?"), Some(&Value::Double(-0.25)));
        assert_eq!(record.optional_bytes(7, "?")?, Some([1, 2, 3].as_slice()));
        assert_eq!(record.optional_bytes(8, "?")?, Some([4, 5, 6].as_slice()));
        assert_eq!(record.optional_bytes(9, "?")?, Some([7, 8, 9].as_slice()));
        assert_eq!(record.get(10, "?"), Some(&Value::Decimal(&[0xff, 0x85])));
        assert_eq!(record.get(11, "?"), Some(&Value::Decimal(&[0x7b])));
        assert_eq!(record.long(12, "?")?, 19_000);
        assert_eq!(record.map(13, "?", (117, 118), super::long)?, HashMap::from([(1, n)]));
        assert_eq!(record.integers(14, "?")?, [0, 1, 2, 3]);
        assert_eq!(record.get(15, "?"), Some(&Value::Map));
        assert_eq!(record.record(16, "?")?.long(17, "?")?, 1);
        assert_eq!(record.record(16, "?")?.optional_long(18, "?")?, Some(0));
        assert_eq!(record.long(99, "count")?, n - 5);
        assert!(record.get(99, "?").is_none());
        Ok(())
    })
    .unwrap();
    assert_eq!(n_records, 50);
}

#[test]
fn every_cut_is_an_error_unless_it_is_between_two_blocks() {
    let whole = file(Codec::Null, 30);
    let mut n_read = 0;
    for cut in 0..whole.len() {
        if let Ok(n_records) = read(&whole[..cut]) {
            assert!(n_records < 30);
            n_read += 1;
        }
    }
    // After the header, and after every block but the last.
    assert!((2..12).contains(&n_read), "{n_read}");
    assert_eq!(read(&whole), Ok(30));
}

#[test]
fn names_of_any_script_are_taken() {
    let schema = record(
        r#"{"name": "día-1", "type": {"type": "record", "name": "1 2", "fields": [{"name": "", "type": "int"}]}}"#,
    );
    assert_eq!(read(&by_hand(&schema, 2, &[2, 4])), Ok(2));
}

#[rstest]
#[case(r#"{"name": "a", "type": "r"}"#, "before it is defined")]
#[case(r#"{"name": "a", "type": ["null", {"type": "array", "items": "r"}]}"#, "before it is defined")]
#[case(r#"{"name": "a", "type": {"type": "fixed", "name": "f", "size": 1099511627776}}"#, "fixed")]
#[case(r#"{"name": "a", "type": {"type": "fixed", "name": "f", "size": -1}}"#, "fixed")]
#[case(r#"{"name": "a"}"#, "no type for field `a`")]
#[case(r#"{"name": "a", "type": 1}"#, "in place of a type")]
#[case(r#"{"name": "a", "type": {"type": "array"}}"#, "without `items`")]
fn schemas_that_make_no_sense_are_refused(#[case] fields: &str, #[case] cause: &str) {
    let error = read(&by_hand(&record(fields), 1, &[0])).unwrap_err();
    assert!(error.contains(cause), "{error}");
}

#[test]
fn a_schema_that_grows_with_every_name_is_refused() {
    let mut fields = r#"{"name": "a", "type": {"type": "record", "name": "r0", "fields": []}}"#.to_owned();
    for n in 1..40 {
        let twice = format!(r#"{{"name": "a", "type": "r{0}"}}, {{"name": "b", "type": "r{0}"}}"#, n - 1);
        fields +=
            &format!(r#", {{"name": "a{n}", "type": {{"type": "record", "name": "r{n}", "fields": [{twice}]}}}}"#);
    }
    let error = read(&by_hand(&record(&fields), 1, &[0])).unwrap_err();
    assert!(error.contains("parts"), "{error}");
}

#[rstest]
#[case::text_longer_than_the_file(r#"{"name": "a", "type": "string"}"#, i64::MAX)]
#[case::negative_text(r#"{"name": "a", "type": "string"}"#, -1)]
#[case::array_longer_than_the_file(r#"{"name": "a", "type": {"type": "array", "items": "int"}}"#, i64::MAX)]
#[case::array_of_nothing(r#"{"name": "a", "type": {"type": "array", "items": "null"}}"#, i64::MAX)]
#[case::least_number_of_items(r#"{"name": "a", "type": {"type": "array", "items": "int"}}"#, i64::MIN)]
#[case::map_longer_than_the_file(r#"{"name": "a", "type": {"type": "map", "values": "int"}}"#, 1 << 40)]
#[case::branch_that_is_not_there(r#"{"name": "a", "type": ["null", "int"]}"#, 2)]
fn a_length_is_not_believed(#[case] fields: &str, #[case] length: i64) {
    let mut block = Vec::new();
    long(&mut block, length);
    let error = read(&by_hand(&record(fields), 1, &block)).unwrap_err();
    assert!(error.contains("field `a`"), "{error}");
}

#[test]
fn the_number_of_records_must_fit_the_block() {
    let schema = record(r#"{"name": "a", "type": "int"}"#);
    assert_eq!(read(&by_hand(&schema, 2, &[2, 4])), Ok(2));
    assert!(read(&by_hand(&schema, 1, &[2, 4])).unwrap_err().contains("more than its `1` records"));
    assert!(read(&by_hand(&schema, 3, &[2, 4])).unwrap_err().contains("`3` records"));
    assert!(read(&by_hand(&schema, -1, &[2, 4])).is_err());
    assert!(read(&by_hand(&record(""), i64::MAX, &[])).is_err());
}

#[test]
fn a_codec_that_is_not_read_is_named() {
    let mut file = b"Obj\x01".to_vec();
    long(&mut file, 1);
    for part in [b"avro.codec".as_slice(), b"bzip2"] {
        long(&mut file, part.len() as i64);
        file.extend(part);
    }
    let error = for_each_record(&file, "p", |_, _| Ok(())).unwrap_err();
    assert!(matches!(&error, TableError::Unsupported { detail, .. } if detail.contains("`bzip2`")), "{error}");
}

#[test]
fn a_block_that_decompresses_without_end_is_refused() {
    let bomb = zstd::bulk::compress(&vec![0; 300 << 20], 1).unwrap();
    assert!(bomb.len() < 100_000);
    let mut file = b"Obj\x01".to_vec();
    long(&mut file, 2);
    for part in
        [b"avro.codec".as_slice(), b"zstandard", b"avro.schema", record(r#"{"name": "a", "type": "int"}"#).as_bytes()]
    {
        long(&mut file, part.len() as i64);
        file.extend(part);
    }
    long(&mut file, 0);
    file.extend([7; 16]);
    long(&mut file, 1);
    long(&mut file, bomb.len() as i64);
    file.extend(bomb);
    file.extend([7; 16]);
    assert!(read(&file).unwrap_err().contains("decompresses to more than"));
}

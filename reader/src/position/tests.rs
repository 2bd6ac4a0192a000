#![allow(clippy::string_slice, clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unwrap_used)]
use super::*;
use crate::options::{Mode, ReadOptions, SchemaMode};
use crate::place::PlacePhase;

/// Numbers without a pattern, the same on every run. Source: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Often a number at an edge.
    #[expect(clippy::cast_possible_wrap, reason = "any number will do")]
    fn i64(&mut self) -> i64 {
        match self.below(6) {
            0 => 0,
            1 => i64::MAX,
            2 => i64::MIN,
            _ => self.next() as i64,
        }
    }

    fn position(&mut self) -> Position {
        let mode = [Mode::Append, Mode::Upsert, Mode::Changelog, Mode::Net][self.below(4) as usize];
        let schema = [SchemaMode::Follow, SchemaMode::Pinned(7), SchemaMode::PinnedToEnd][self.below(3) as usize];
        let config = Config::of(&ReadOptions { mode, schema, ..ReadOptions::default() });
        let base = match self.below(3) {
            0 => Base::Empty,
            1 => Base::Complete(self.mark()),
            _ => Base::InitialScan(self.mark()),
        };
        let branches = ["main", "", "zweig-ä", &"x".repeat(4096)].map(str::to_owned);
        Position {
            table_uuid: Uuid::from_u128(u128::from(self.next()) << 64 | u128::from(self.next())),
            branch: branches[self.below(4) as usize].clone(),
            config,
            key: self.fields(),
            identifier_ids: self.fields(),
            base,
            lanes: (0..self.below(5)).map(|n| self.lane(n as u16 * 300)).collect(),
            ordinal: self.next(),
            schema_id: self.i64() as i32,
            snapshot_watermark_ms: (self.below(2) == 0).then(|| self.i64()),
            table_watermark_ms: (self.below(2) == 0).then(|| self.i64()),
        }
    }

    fn fields(&mut self) -> Vec<FieldId> {
        (0..self.below(4)).map(|_| FieldId::new(self.i64() as i32)).collect()
    }

    fn mark(&mut self) -> SnapshotMark {
        SnapshotMark { snapshot_id: SnapshotId::new(self.i64()), sequence_number: self.i64(), timestamp_ms: self.i64() }
    }

    fn lane(&mut self, lane: u16) -> LaneCursor {
        let phase = [PlacePhase::Removals, PlacePhase::Additions, PlacePhase::Full][self.below(3) as usize];
        let place = match self.below(4) {
            0 => CursorPlace::Begun { n_told: self.below(3) },
            _ => CursorPlace::Row(Place { phase, file_ordinal: self.next() as u32, row_position: self.next() }),
        };
        LaneCursor { lane, snapshot_id: SnapshotId::new(self.i64()), place }
    }
}

/// A position of a stream at its simplest.
fn simple() -> Position {
    Position {
        table_uuid: Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
        branch: "main".to_owned(),
        config: Config::of(&ReadOptions::default()),
        key: vec![FieldId::new(1)],
        identifier_ids: vec![FieldId::new(1)],
        base: Base::Complete(SnapshotMark { snapshot_id: SnapshotId::new(42), sequence_number: 3, timestamp_ms: 1000 }),
        lanes: Vec::new(),
        ordinal: 3,
        schema_id: 0,
        snapshot_watermark_ms: Some(1000),
        table_watermark_ms: None,
    }
}

#[test]
fn what_was_written_is_read_again() {
    for seed in 0..2000 {
        let position = Random(seed).position();
        let text = position.to_string();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "seed {seed}");
        assert_eq!(text.parse::<Position>().as_ref(), Ok(&position), "seed {seed}");
        assert_eq!(Position::from_bytes(&position.to_bytes()).as_ref(), Ok(&position), "seed {seed}");
    }
}

/// Positions are kept for long: those of this version have to be read by all that come.
#[test]
fn the_layout_stays_as_it_is() {
    let bytes = simple().to_bytes();
    let expected = [
        "0100",
        "6c000000",
        "00112233445566778899aabbccddeeff",
        "0400",
        "6d61696e",
        "020000010000000000",
        "00000000",
        "0100",
        "0100",
        "01000000",
        "0100",
        "01000000",
        "01",
        "2a00000000000000",
        "0300000000000000",
        "e803000000000000",
        "0300000000000000",
        "00000000",
        "01",
        "e803000000000000",
        "00",
        "0000",
    ];
    let hex: String = bytes[..bytes.len() - 4].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected.concat());
    assert_eq!(bytes.len(), 0x6c);
}

#[test]
fn what_was_changed_or_cut_is_refused() {
    let bytes = simple().to_bytes();
    for n in 0..bytes.len() {
        let error = Position::from_bytes(&bytes[..n]).unwrap_err();
        assert_eq!(error, PositionError::Truncated { n_bytes: n });
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[n] ^= 1 << bit;
            assert!(Position::from_bytes(&changed).is_err(), "byte {n} bit {bit}");
        }
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(Position::from_bytes(&longer), Err(PositionError::Checksum));
    let text = simple().to_string();
    for n in 0..text.len() {
        assert!(text[..n].parse::<Position>().is_err(), "{n}");
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let error = |text: &str| text.parse::<Position>().unwrap_err();
    assert_eq!(error(""), PositionError::Truncated { n_bytes: 0 });
    assert_eq!(error("AQ=="), PositionError::NoText { index: 2 });
    assert_eq!(error("AQé"), PositionError::NoText { index: 2 });
    // One character is no byte, and bits that say nothing are zero.
    assert_eq!(error("A"), PositionError::NoText { index: 0 });
    assert_eq!(error("AR"), PositionError::NoText { index: 1 });
    assert!(matches!(error(&"A".repeat(400_000)), PositionError::TooLong { n_bytes: 400_000, .. }));
    let sealed = |mut content: Vec<u8>| {
        content.truncate(content.len() - 4);
        let length = u32::try_from(content.len() + 4).unwrap();
        content[2..6].copy_from_slice(&length.to_le_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&content);
        content.extend_from_slice(&crc.sum().to_le_bytes());
        content
    };
    let mut later = simple().to_bytes();
    later[0] = 2;
    assert_eq!(Position::from_bytes(&sealed(later)), Err(PositionError::Version { version: 2, known: 1 }));
    let mut odd = simple().to_bytes();
    odd[6 + 16] = 0xFF;
    assert!(matches!(Position::from_bytes(&sealed(odd)), Err(PositionError::Malformed(_))));
    let mut more = simple().to_bytes();
    more.extend_from_slice(&[0; 3]);
    assert!(matches!(Position::from_bytes(&sealed(more)), Err(PositionError::Malformed(_))));
}

#[test]
fn base64_is_that_of_the_rfc() {
    // Source: RFC 4648, section 10, without padding.
    for (bytes, text) in
        [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("foobar", "Zm9vYmFy")]
    {
        assert_eq!(text::encode(bytes.as_bytes()), text);
        assert_eq!(text::decode(text).unwrap(), bytes.as_bytes());
    }
    assert_eq!(text::encode(&[0xFB, 0xFF]), "-_8");
    assert_eq!(text::decode("-_8").unwrap(), [0xFB, 0xFF]);
}

#[test]
fn options_that_change_no_row_are_no_change() {
    let options = ReadOptions::default();
    let other = ReadOptions {
        columns: Some(vec!["a".to_owned()]),
        drop_kinds: vec![crate::event::ChangelogOperation::Delete],
        batch_rows: 1,
        memory_limit_bytes: 1,
        ..ReadOptions::default()
    };
    assert_eq!(Config::of(&options).difference_to(&Config::of(&other)), "");
    let other = ReadOptions { mode: Mode::Upsert, schema: SchemaMode::Pinned(1), ..ReadOptions::default() };
    assert_eq!(Config::of(&options).difference_to(&Config::of(&other)), "mode, schema");
    let pinned = ReadOptions { schema: SchemaMode::Pinned(2), mode: Mode::Upsert, ..ReadOptions::default() };
    assert_eq!(Config::of(&pinned).difference_to(&Config::of(&other)), "schema");
}

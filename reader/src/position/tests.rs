#![allow(clippy::string_slice, clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unwrap_used)]
use super::*;
use crate::lanes::{Route, StreamLanes};
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
        let options = ReadOptions { mode, schema, ..ReadOptions::default() };
        let branches = ["main", "", "zweig-ä", &"x".repeat(4096)].map(str::to_owned);
        let (lanes, parts) = match self.below(2) {
            0 => (one_lane(), Parts::one(0..1, self.stand())),
            _ => {
                let route = [Route::Partition, Route::Key, Route::File, Route::Single][self.below(4) as usize];
                let n_lanes = [2, 7, 256][self.below(3) as usize];
                let lanes = StreamLanes { route, n_lanes, range: 0..n_lanes };
                let parts = self.parts(n_lanes);
                (lanes, Parts::new(parts).unwrap())
            }
        };
        Position {
            table_uuid: Uuid::from_u128(u128::from(self.next()) << 64 | u128::from(self.next())),
            branch: branches[self.below(4) as usize].clone(),
            config: Config::of(&options, &lanes),
            parts,
        }
    }

    fn parts(&mut self, n_lanes: u16) -> Vec<Part> {
        let (mut parts, mut next) = (Vec::new(), self.below(2) as u16);
        let mut at = self.stand();
        while next < n_lanes && parts.len() < 9 {
            let end = (next + 1 + self.below(60) as u16).min(n_lanes);
            parts.push(Part { lanes: next..end, at: at.clone() });
            next = end + self.below(2) as u16;
            at = match self.below(3) {
                0 => at,
                1 => Stand { key: at.key, identifier_ids: at.identifier_ids, ..self.stand() },
                _ => self.stand(),
            };
        }
        parts
    }

    fn stand(&mut self) -> Stand {
        Stand {
            key: self.fields(),
            identifier_ids: self.fields(),
            base: match self.below(3) {
                0 => Base::Empty,
                1 => Base::Complete(self.mark()),
                _ => Base::InitialScan(self.mark()),
            },
            cursor: (self.below(2) == 0).then(|| self.cursor()),
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

    fn cursor(&mut self) -> Cursor {
        let phase = [PlacePhase::Removals, PlacePhase::Additions, PlacePhase::Full][self.below(3) as usize];
        let place = match self.below(4) {
            0 => CursorPlace::Begun { n_told: self.below(3) },
            _ => CursorPlace::Row(Place { phase, file_ordinal: self.next() as u32, row_position: self.next() }),
        };
        Cursor { snapshot_id: SnapshotId::new(self.i64()), place }
    }
}

fn one_lane() -> StreamLanes {
    StreamLanes { route: Route::Single, n_lanes: 1, range: 0..1 }
}

/// A position of a stream at its simplest.
fn simple() -> Position {
    Position {
        table_uuid: Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
        branch: "main".to_owned(),
        config: Config::of(&ReadOptions::default(), &one_lane()),
        parts: Parts::one(0..1, stand(3)),
    }
}

fn stand(ordinal: u64) -> Stand {
    Stand {
        key: vec![FieldId::new(1)],
        identifier_ids: vec![FieldId::new(1)],
        base: Base::Complete(SnapshotMark { snapshot_id: SnapshotId::new(42), sequence_number: 3, timestamp_ms: 1000 }),
        cursor: None,
        ordinal,
        schema_id: 0,
        snapshot_watermark_ms: Some(1000),
        table_watermark_ms: None,
    }
}

/// Of a stream with eight lanes that are routed by key.
fn of_lanes(parts: impl IntoIterator<Item = (Range<u16>, u64)>) -> Position {
    let lanes = StreamLanes { route: Route::Key, n_lanes: 8, range: 0..8 };
    let parts = parts.into_iter().map(|(lanes, ordinal)| Part { lanes, at: stand(ordinal) });
    Position { config: Config::of(&ReadOptions::default(), &lanes), parts: Parts::new(parts).unwrap(), ..simple() }
}

fn places(position: &Position) -> Vec<(Range<u16>, u64)> {
    position.parts.iter().map(|part| (part.lanes.clone(), part.at.ordinal)).collect()
}

#[test]
fn positions_of_all_lanes_are_put_together_in_any_order_and_taken_apart_again() {
    let all = Position::join([of_lanes([(5..8, 4)]), of_lanes([(0..2, 3)]), of_lanes([(2..5, 3)])]).unwrap();
    assert_eq!(places(&all), [(0..5, 3), (5..8, 4)]);
    assert_eq!((all.lanes().range, all.lanes().route, all.is_spread()), (0..8, Some(Route::Key), true));
    assert_eq!(all.next_ordinal(), 3);
    assert_eq!(places(&all.part(1..3).unwrap()), [(1..3, 3)]);
    assert_eq!(places(&all.part(4..7).unwrap()), [(4..5, 3), (5..7, 4)]);
    assert_eq!(all.part(0..8).unwrap(), all);
    assert!(!all.part(5..6).unwrap().is_spread());
}

#[test]
fn lanes_that_do_not_go_together_are_refused() {
    let part = of_lanes([(0..2, 3), (4..8, 3)]);
    for lanes in [0..3, 2..4, 3..3, 7..9, 8..9, 0..u16::MAX] {
        assert!(matches!(part.part(lanes), Err(PositionError::Parts(_))));
    }
    for others in [vec![], vec![of_lanes([(0..2, 3)]), of_lanes([(1..3, 3)])], vec![of_lanes([(0..2, 3)]), simple()]] {
        assert!(matches!(Position::join(others), Err(PositionError::Parts(_))));
    }
    let elsewhere = Position { table_uuid: Uuid::from_u128(1), ..of_lanes([(2..3, 3)]) };
    assert!(Position::join([of_lanes([(0..2, 3)]), elsewhere]).is_err());
}

#[test]
fn lanes_of_a_newer_position_take_the_place_of_theirs() {
    let kept = of_lanes([(0..6, 3), (6..8, 5)]);
    assert_eq!(places(&kept.with(&of_lanes([(2..4, 9)])).unwrap()), [(0..2, 3), (2..4, 9), (4..6, 3), (6..8, 5)]);
    assert_eq!(places(&kept.with(&of_lanes([(0..6, 5)])).unwrap()), [(0..8, 5)]);
    assert_eq!(places(&of_lanes([(0..2, 3)]).with(&of_lanes([(2..8, 3)])).unwrap()), [(0..8, 3)]);
    assert!(kept.with(&simple()).is_err());
}

/// As [`the_layout_stays_as_it_is`], for several lanes.
#[test]
fn the_layout_of_several_lanes_stays_as_it_is() {
    let bytes = of_lanes([(0..3, 3), (3..8, 4)]).to_bytes();
    let base = "012a000000000000000300000000000000e803000000000000";
    let rest = "0000000001e80300000000000000";
    let expected = [
        "0200",
        "a7000000",
        "00112233445566778899aabbccddeeff",
        "0400",
        "6d61696e",
        "020000010000000002",
        "00000000",
        "0800",
        "0200",
        "00000300",
        "01",
        "0100",
        "01000000",
        "0100",
        "01000000",
        base,
        "0300000000000000",
        rest,
        "00",
        "03000800",
        "00",
        base,
        "0400000000000000",
        rest,
        "00",
    ];
    let hex: String = bytes[..bytes.len() - 4].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected.concat());
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
    later[0] = 3;
    assert_eq!(Position::from_bytes(&sealed(later)), Err(PositionError::Version { version: 3, known: 2 }));
    // One lane has version 1, several have version 2.
    let mut other = simple().to_bytes();
    other[0] = 2;
    assert!(matches!(Position::from_bytes(&sealed(other)), Err(PositionError::Malformed(_))));
    let mut other = of_lanes([(0..8, 3)]).to_bytes();
    other[0] = 1;
    assert!(matches!(Position::from_bytes(&sealed(other)), Err(PositionError::Malformed(_))));
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
    let of = |options: &ReadOptions| Config::of(options, &one_lane());
    let options = ReadOptions::default();
    let other = ReadOptions {
        columns: Some(vec!["a".to_owned()]),
        drop_kinds: vec![crate::event::ChangelogOperation::Delete],
        batch_rows: 1,
        memory_limit_bytes: 1,
        ..ReadOptions::default()
    };
    assert_eq!(of(&options).difference_to(&of(&other)), "");
    let other = ReadOptions { mode: Mode::Upsert, schema: SchemaMode::Pinned(1), ..ReadOptions::default() };
    assert_eq!(of(&options).difference_to(&of(&other)), "mode, schema");
    let pinned = ReadOptions { schema: SchemaMode::Pinned(2), mode: Mode::Upsert, ..ReadOptions::default() };
    assert_eq!(of(&pinned).difference_to(&of(&other)), "schema");
}

#[test]
fn other_lanes_are_a_change_and_other_ranges_are_none() {
    let of = |route, n_lanes, range| Config::of(&ReadOptions::default(), &StreamLanes { route, n_lanes, range });
    let config = of(Route::Key, 8, 0..8);
    assert_eq!(config.difference_to(&of(Route::Key, 8, 3..4)), "");
    assert_eq!(config.difference_to(&of(Route::File, 8, 0..8)), "route");
    assert_eq!(config.difference_to(&of(Route::Key, 9, 0..8)), "lanes");
}

/// Whatever the content is: no panic, and what is read is written the same way.
#[test]
fn lanes_that_make_no_sense_are_refused() {
    let bytes = of_lanes([(0..3, 3), (3..8, 4)]).to_bytes();
    let mut n_read = 0;
    for index in 6..bytes.len() - 4 {
        for value in [0, 1, 2, 7, 8, 9, 0x7F, 0xFF] {
            let mut changed = bytes.clone();
            changed[index] = value;
            let length = changed.len() - 4;
            let mut crc = flate2::Crc::new();
            crc.update(&changed[..length]);
            changed[length..].copy_from_slice(&crc.sum().to_le_bytes());
            match Position::from_bytes(&changed) {
                Ok(position) => {
                    n_read += 1;
                    assert_eq!(position.to_bytes(), changed);
                    let lanes = position.lanes();
                    assert!(lanes.range.end <= lanes.n_lanes && lanes.n_lanes <= 256);
                }
                Err(error) => assert!(matches!(error, PositionError::Malformed(_)), "{index} {value}: {error}"),
            }
        }
    }
    assert!(n_read > 100);
}

//! Layout of a position: version, length, content, checksum. Numbers are little-endian.
//!
//! Every version begins with version and length and ends with the checksum, so that a position of a later one is
//! told from a damaged one. Version 1 is that of streams with one lane, which older programs can read; others have
//! version 2. There is one sequence of bytes for each position.

use frazil_table::{FieldId, SnapshotId};
use uuid::Uuid;

use super::{Base, Config, Cursor, CursorPlace, Part, Parts, Position, PositionError, SnapshotMark, Stand};
use crate::lanes::N_LANES_MAX;
use crate::place::{Place, PlacePhase};

/// Version of the layout for one lane.
const VERSION_ONE_LANE: u16 = 1;

/// Version of the layout for several lanes, the last that is known.
const VERSION_LANES: u16 = 2;

/// Longest position: all lanes ahead, and names and keys of any sensible length.
pub(super) const BYTES_MAX: usize = 256 * 1024;

/// Longest name of a branch.
const BRANCH_BYTES_MAX: usize = 4096;

/// Most columns of a key.
const N_FIELDS_MAX: usize = 1024;

const HEADER_BYTES: usize = 6;
const CHECKSUM_BYTES: usize = 4;

pub(super) fn encode(position: &Position) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(160));
    let has_one_lane = position.config.has_one_lane();
    out.put(&if has_one_lane { VERSION_ONE_LANE } else { VERSION_LANES }.to_le_bytes());
    // The length, which is known at the end.
    out.put(&[0; 4]);
    out.put(position.table_uuid.as_bytes());
    out.put(&count(position.branch.len()));
    out.put(position.branch.as_bytes());
    out.put(&position.config.to_bytes());
    if has_one_lane {
        out.one_lane(&position.parts.first().at);
    } else {
        out.parts(&position.parts);
    }
    out.seal()
}

pub(super) fn decode(bytes: &[u8]) -> Result<Position, PositionError> {
    if bytes.len() > BYTES_MAX {
        return Err(PositionError::TooLong { n_bytes: bytes.len(), n_bytes_max: BYTES_MAX });
    }
    let truncated = PositionError::Truncated { n_bytes: bytes.len() };
    let (version, rest) = bytes.split_first_chunk::<2>().ok_or(truncated.clone())?;
    let (length, _) = rest.split_first_chunk::<4>().ok_or(truncated.clone())?;
    let length = u32::from_le_bytes(*length) as usize;
    if bytes.len() < HEADER_BYTES + CHECKSUM_BYTES || bytes.len() < length.min(BYTES_MAX) {
        return Err(truncated);
    }
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(truncated)?;
    if length != bytes.len() || crc(content) != u32::from_le_bytes(*checksum) {
        return Err(PositionError::Checksum);
    }
    let version = u16::from_le_bytes(*version);
    if !(VERSION_ONE_LANE..=VERSION_LANES).contains(&version) {
        return Err(PositionError::Version { version, known: VERSION_LANES });
    }
    let mut reader = Reader(content.get(HEADER_BYTES..).unwrap_or_default());
    let position = reader.position(version)?;
    if !reader.0.is_empty() {
        return Err(PositionError::Malformed("there is more than its parts"));
    }
    Ok(position)
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// What is longer than a position may be is found by whoever reads it.
fn count(n: usize) -> [u8; 2] {
    u16::try_from(n).unwrap_or(u16::MAX).to_le_bytes()
}

fn phase_number(phase: PlacePhase) -> u8 {
    match phase {
        PlacePhase::Removals => 1,
        PlacePhase::Additions => 2,
        PlacePhase::Full => 3,
    }
}

fn has_fields_of(one: &Stand, other: &Stand) -> bool {
    one.key == other.key && one.identifier_ids == other.identifier_ids
}

struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn one_lane(&mut self, at: &Stand) {
        self.fields(at);
        self.base(at);
        self.put(&count(usize::from(at.cursor.is_some())));
        if let Some(cursor) = at.cursor {
            self.put(&0_u16.to_le_bytes());
            self.cursor(cursor);
        }
    }

    fn parts(&mut self, parts: &Parts) {
        self.put(&count(parts.len()));
        let mut before: Option<&Stand> = None;
        for Part { lanes, at } in parts.iter() {
            self.put(&lanes.start.to_le_bytes());
            self.put(&lanes.end.to_le_bytes());
            // As a rule all parts have the same key.
            let is_same = before.is_some_and(|before| has_fields_of(before, at));
            self.put(&[u8::from(!is_same)]);
            if !is_same {
                self.fields(at);
            }
            self.base(at);
            self.put(&[u8::from(at.cursor.is_some())]);
            if let Some(cursor) = at.cursor {
                self.cursor(cursor);
            }
            before = Some(at);
        }
    }

    fn fields(&mut self, at: &Stand) {
        for fields in [&at.key, &at.identifier_ids] {
            self.put(&count(fields.len()));
            fields.iter().for_each(|field| self.put(&field.get().to_le_bytes()));
        }
    }

    fn base(&mut self, at: &Stand) {
        match at.base {
            Base::Empty => self.put(&[0]),
            Base::Complete(mark) => self.mark(1, mark),
            Base::InitialScan(mark) => self.mark(2, mark),
        }
        self.put(&at.ordinal.to_le_bytes());
        self.put(&at.schema_id.to_le_bytes());
        self.time(at.snapshot_watermark_ms);
        self.time(at.table_watermark_ms);
    }

    fn cursor(&mut self, Cursor { snapshot_id, place }: Cursor) {
        self.put(&snapshot_id.get().to_le_bytes());
        let (kind, file_ordinal, number) = match place {
            CursorPlace::Begun { n_told } => (0, 0, n_told),
            CursorPlace::Row(place) => (phase_number(place.phase), place.file_ordinal, place.row_position),
        };
        self.put(&[kind]);
        self.put(&file_ordinal.to_le_bytes());
        self.put(&number.to_le_bytes());
    }

    fn mark(&mut self, kind: u8, mark: SnapshotMark) {
        self.put(&[kind]);
        self.put(&mark.snapshot_id.get().to_le_bytes());
        self.put(&mark.sequence_number.to_le_bytes());
        self.put(&mark.timestamp_ms.to_le_bytes());
    }

    fn time(&mut self, time_ms: Option<i64>) {
        self.put(&[u8::from(time_ms.is_some())]);
        if let Some(time_ms) = time_ms {
            self.put(&time_ms.to_le_bytes());
        }
    }

    fn seal(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len() + CHECKSUM_BYTES).unwrap_or(u32::MAX);
        if let Some(place) = self.0.get_mut(2..HEADER_BYTES) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        let checksum = crc(&self.0);
        self.put(&checksum.to_le_bytes());
        self.0
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn position(&mut self, version: u16) -> Result<Position, PositionError> {
        let table_uuid = Uuid::from_bytes(self.array()?);
        let n_bytes = self.count(BRANCH_BYTES_MAX, "the name of its branch is too long")?;
        let branch = std::str::from_utf8(self.take(n_bytes)?)
            .map_err(|_| PositionError::Malformed("the name of its branch is no text"))?
            .to_owned();
        let config = Config::from_bytes(self.array()?)?;
        if config.has_one_lane() != (version == VERSION_ONE_LANE) {
            return Err(PositionError::Malformed("its version has other lanes"));
        }
        let (_, n_lanes) = config.lanes();
        let parts = if config.has_one_lane() { Parts::one(0..1, self.one_lane()?) } else { self.parts(n_lanes)? };
        Ok(Position { table_uuid, branch, config, parts })
    }

    fn one_lane(&mut self) -> Result<Stand, PositionError> {
        let fields = (self.fields()?, self.fields()?);
        let at = self.base(fields)?;
        let has_cursor = self.count(1, "it has too many lanes")? > 0;
        if has_cursor && u16::from_le_bytes(self.array()?) != 0 {
            return Err(PositionError::Malformed("it has too many lanes"));
        }
        let cursor = if has_cursor { Some(self.cursor()?) } else { None };
        Ok(Stand { cursor, ..at })
    }

    fn parts(&mut self, n_lanes: u16) -> Result<Parts, PositionError> {
        let n_parts = self.count(usize::from(N_LANES_MAX), "it has too many lanes")?;
        let mut parts: Vec<Part> = Vec::new();
        for _ in 0..n_parts {
            let lanes = u16::from_le_bytes(self.array()?)..u16::from_le_bytes(self.array()?);
            let before = parts.last();
            if lanes.is_empty() || lanes.end > n_lanes || before.is_some_and(|before| lanes.start < before.lanes.end) {
                return Err(PositionError::Malformed("its lanes are out of order"));
            }
            let (are_new, before) = (self.flag()?, before.cloned());
            let fields = match &before {
                _ if are_new => (self.fields()?, self.fields()?),
                Some(before) => (before.at.key.clone(), before.at.identifier_ids.clone()),
                None => return Err(PositionError::Malformed("its key is missing")),
            };
            let at = self.base(fields)?;
            let cursor = if self.flag()? { Some(self.cursor()?) } else { None };
            let at = Stand { cursor, ..at };
            if before.is_some_and(|before| {
                are_new && has_fields_of(&before.at, &at) || before.lanes.end == lanes.start && before.at == at
            }) {
                return Err(PositionError::Malformed("it says the same twice"));
            }
            parts.push(Part { lanes, at });
        }
        Parts::new(parts).map_err(|_| PositionError::Malformed("it has no lanes"))
    }

    /// Without its cursor, which comes behind.
    fn base(&mut self, (key, identifier_ids): (Vec<FieldId>, Vec<FieldId>)) -> Result<Stand, PositionError> {
        let base = match self.u8()? {
            0 => Base::Empty,
            1 => Base::Complete(self.mark()?),
            2 => Base::InitialScan(self.mark()?),
            _ => return Err(PositionError::Malformed("its base is of no known kind")),
        };
        Ok(Stand {
            key,
            identifier_ids,
            base,
            cursor: None,
            ordinal: u64::from_le_bytes(self.array()?),
            schema_id: i32::from_le_bytes(self.array()?),
            snapshot_watermark_ms: self.time()?,
            table_watermark_ms: self.time()?,
        })
    }

    fn flag(&mut self) -> Result<bool, PositionError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(PositionError::Malformed("a choice is of no known kind")),
        }
    }

    fn take(&mut self, n_bytes: usize) -> Result<&'a [u8], PositionError> {
        let (taken, rest) = self.0.split_at_checked(n_bytes).ok_or(PositionError::Malformed("a part is missing"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PositionError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(PositionError::Malformed("a part is missing"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, PositionError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn count(&mut self, max: usize, too_many: &'static str) -> Result<usize, PositionError> {
        let n = usize::from(u16::from_le_bytes(self.array()?));
        if n > max { Err(PositionError::Malformed(too_many)) } else { Ok(n) }
    }

    fn fields(&mut self) -> Result<Vec<FieldId>, PositionError> {
        let n = self.count(N_FIELDS_MAX, "its key has too many columns")?;
        (0..n).map(|_| Ok(FieldId::new(i32::from_le_bytes(self.array()?)))).collect()
    }

    fn snapshot_id(&mut self) -> Result<SnapshotId, PositionError> {
        Ok(SnapshotId::new(i64::from_le_bytes(self.array()?)))
    }

    fn mark(&mut self) -> Result<SnapshotMark, PositionError> {
        Ok(SnapshotMark {
            snapshot_id: self.snapshot_id()?,
            sequence_number: i64::from_le_bytes(self.array()?),
            timestamp_ms: i64::from_le_bytes(self.array()?),
        })
    }

    fn time(&mut self) -> Result<Option<i64>, PositionError> {
        match self.u8()? {
            0 => Ok(None),
            1 => Ok(Some(i64::from_le_bytes(self.array()?))),
            _ => Err(PositionError::Malformed("a time is of no known kind")),
        }
    }

    fn cursor(&mut self) -> Result<Cursor, PositionError> {
        let snapshot_id = self.snapshot_id()?;
        let kind = self.u8()?;
        let file_ordinal = u32::from_le_bytes(self.array()?);
        let number = u64::from_le_bytes(self.array()?);
        let row = |phase| CursorPlace::Row(Place { phase, file_ordinal, row_position: number });
        let place = match (kind, file_ordinal) {
            (0, 0) => CursorPlace::Begun { n_told: number },
            (1, _) => row(PlacePhase::Removals),
            (2, _) => row(PlacePhase::Additions),
            (3, _) => row(PlacePhase::Full),
            _ => return Err(PositionError::Malformed("a place is of no known kind")),
        };
        Ok(Cursor { snapshot_id, place })
    }
}

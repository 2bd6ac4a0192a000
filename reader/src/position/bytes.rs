//! Layout of a position: version, length, content, checksum. Numbers are little-endian.
//!
//! Every version begins with version and length and ends with the checksum, so that a position of a later one is
//! told from a damaged one.

use frazil_table::{FieldId, SnapshotId};
use uuid::Uuid;

use super::{Base, Config, CursorPlace, LaneCursor, Position, PositionError, SnapshotMark};
use crate::place::{Place, PlacePhase};

/// Version of this layout.
const VERSION: u16 = 1;

/// Longest position: all lanes ahead, and names and keys of any sensible length.
pub(super) const BYTES_MAX: usize = 256 * 1024;

/// Longest name of a branch.
const BRANCH_BYTES_MAX: usize = 4096;

/// Most columns of a key.
const N_FIELDS_MAX: usize = 1024;

/// Most lanes of a stream.
const N_LANES_MAX: usize = 8192;

const HEADER_BYTES: usize = 6;
const CHECKSUM_BYTES: usize = 4;

pub(super) fn encode(position: &Position) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(160));
    out.put(&VERSION.to_le_bytes());
    // The length, which is known at the end.
    out.put(&[0; 4]);
    out.put(position.table_uuid.as_bytes());
    out.put(&count(position.branch.len()));
    out.put(position.branch.as_bytes());
    out.put(&position.config.to_bytes());
    for fields in [&position.key, &position.identifier_ids] {
        out.put(&count(fields.len()));
        fields.iter().for_each(|field| out.put(&field.get().to_le_bytes()));
    }
    match position.base {
        Base::Empty => out.put(&[0]),
        Base::Complete(mark) => out.mark(1, mark),
        Base::InitialScan(mark) => out.mark(2, mark),
    }
    out.put(&position.ordinal.to_le_bytes());
    out.put(&position.schema_id.to_le_bytes());
    out.time(position.snapshot_watermark_ms);
    out.time(position.table_watermark_ms);
    out.put(&count(position.lanes.len()));
    for LaneCursor { lane, snapshot_id, place } in &position.lanes {
        out.put(&lane.to_le_bytes());
        out.put(&snapshot_id.get().to_le_bytes());
        let (kind, file_ordinal, number) = match *place {
            CursorPlace::Begun { n_told } => (0, 0, n_told),
            CursorPlace::Row(place) => (phase_number(place.phase), place.file_ordinal, place.row_position),
        };
        out.put(&[kind]);
        out.put(&file_ordinal.to_le_bytes());
        out.put(&number.to_le_bytes());
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
    match u16::from_le_bytes(*version) {
        VERSION => {}
        version => return Err(PositionError::Version { version, known: VERSION }),
    }
    let mut reader = Reader(content.get(HEADER_BYTES..).unwrap_or_default());
    let position = reader.position()?;
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

struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
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
    fn position(&mut self) -> Result<Position, PositionError> {
        let table_uuid = Uuid::from_bytes(self.array()?);
        let n_bytes = self.count(BRANCH_BYTES_MAX, "the name of its branch is too long")?;
        let branch = std::str::from_utf8(self.take(n_bytes)?)
            .map_err(|_| PositionError::Malformed("the name of its branch is no text"))?
            .to_owned();
        let config = Config::from_bytes(self.array()?)?;
        let (key, identifier_ids) = (self.fields()?, self.fields()?);
        let base = match self.u8()? {
            0 => Base::Empty,
            1 => Base::Complete(self.mark()?),
            2 => Base::InitialScan(self.mark()?),
            _ => return Err(PositionError::Malformed("its base is of no known kind")),
        };
        let ordinal = u64::from_le_bytes(self.array()?);
        let schema_id = i32::from_le_bytes(self.array()?);
        let snapshot_watermark_ms = self.time()?;
        let table_watermark_ms = self.time()?;
        let n_lanes = self.count(N_LANES_MAX, "it has too many lanes")?;
        let lanes = (0..n_lanes).map(|_| self.lane()).collect::<Result<Vec<_>, _>>()?;
        if !lanes.is_sorted_by(|one, next| one.lane < next.lane) {
            return Err(PositionError::Malformed("its lanes are out of order"));
        }
        Ok(Position {
            table_uuid,
            branch,
            config,
            key,
            identifier_ids,
            base,
            lanes,
            ordinal,
            schema_id,
            snapshot_watermark_ms,
            table_watermark_ms,
        })
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

    fn lane(&mut self) -> Result<LaneCursor, PositionError> {
        let lane = u16::from_le_bytes(self.array()?);
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
        Ok(LaneCursor { lane, snapshot_id, place })
    }
}

//! The options that decide which rows a stream has and in which order: a position is of use with the same ones only.
//!
//! They are kept in the clear and not as a hash, so that an error can name the one that has changed.

use super::PositionError;
use crate::lanes::{N_LANES_MAX, Route, StreamLanes};
use crate::options::{
    DuplicateKeys, Mode, OnKeyChange, OnNonAppend, OnReplaceMismatch, ReadOptions, ReplaceCheck, SchemaMode,
};

/// One number for each option. What has no effect in a mode is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Config {
    choices: [u8; N_CHOICES],
    /// Schema of the rows, where one is pinned.
    pinned_schema_id: i32,
    n_lanes: u16,
}

const N_CHOICES: usize = 9;

/// Names of the choices, as users know them.
const NAMES: [&str; N_CHOICES] = [
    "mode",
    "schema",
    "duplicate-keys",
    "replace-check",
    "on-replace-mismatch",
    "emit-noop-updates",
    "on-key-change",
    "on-non-append",
    "route",
];

/// Bytes of a configuration.
pub(super) const CONFIG_BYTES: usize = N_CHOICES + 6;

impl Config {
    pub(crate) fn of(options: &ReadOptions, lanes: &StreamLanes) -> Self {
        let mode = options.mode;
        let (schema, pinned_schema_id) = match options.schema {
            SchemaMode::Follow => (0, 0),
            SchemaMode::Pinned(id) => (1, id),
            SchemaMode::PinnedToEnd => (2, 0),
        };
        let is_paired = matches!(mode, Mode::Changelog | Mode::Net);
        Self {
            choices: [
                match mode {
                    Mode::Append => 0,
                    Mode::Upsert => 1,
                    Mode::Changelog => 2,
                    Mode::Net => 3,
                },
                schema,
                match options.duplicate_keys {
                    DuplicateKeys::Plain if is_paired => 1,
                    DuplicateKeys::Error if is_paired => 2,
                    _ => 0,
                },
                match options.replace_check {
                    ReplaceCheck::Trust => 0,
                    ReplaceCheck::Metadata => 1,
                    ReplaceCheck::Full => 2,
                },
                match options.on_replace_mismatch {
                    OnReplaceMismatch::Emit => 0,
                    OnReplaceMismatch::Fail => 1,
                    OnReplaceMismatch::Ignore => 2,
                },
                u8::from(options.emit_noop_updates && mode == Mode::Changelog),
                u8::from(options.on_key_change == OnKeyChange::Continue && is_paired && options.key.is_none()),
                match options.on_non_append {
                    OnNonAppend::Skip if mode == Mode::Append => 1,
                    OnNonAppend::AddedOnly if mode == Mode::Append => 2,
                    _ => 0,
                },
                match lanes.route {
                    Route::Single => 0,
                    Route::Partition => 1,
                    Route::Key => 2,
                    Route::File => 3,
                },
            ],
            pinned_schema_id,
            n_lanes: lanes.n_lanes,
        }
    }

    /// The route, and how many lanes there are.
    pub(crate) fn lanes(&self) -> (Route, u16) {
        let route = match self.choices {
            [.., 1] => Route::Partition,
            [.., 2] => Route::Key,
            [.., 3] => Route::File,
            // Others are refused when a position is read.
            [.., _] => Route::Single,
        };
        (route, self.n_lanes)
    }

    /// All rows are in the one lane that there is, as in all streams once.
    pub(super) fn has_one_lane(&self) -> bool {
        self.lanes() == (Route::Single, 1)
    }

    /// Names of the options by which two configurations differ, separated by commas; empty if they are the same.
    pub(crate) fn difference_to(&self, other: &Self) -> String {
        let choices = NAMES.iter().zip(self.choices.iter().zip(&other.choices));
        let mut names: Vec<&str> = choices.filter(|(_, (one, two))| one != two).map(|(name, _)| *name).collect();
        if self.pinned_schema_id != other.pinned_schema_id && !names.contains(&"schema") {
            names.push("schema");
        }
        if self.n_lanes != other.n_lanes {
            names.push("lanes");
        }
        names.join(", ")
    }

    pub(super) fn to_bytes(self) -> [u8; CONFIG_BYTES] {
        let mut bytes = [0; CONFIG_BYTES];
        let numbers = self.pinned_schema_id.to_le_bytes().into_iter().chain(self.n_lanes.to_le_bytes());
        bytes.iter_mut().zip(self.choices.into_iter().chain(numbers)).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Choices that this version does not know differ from all that it makes.
    pub(super) fn from_bytes(bytes: [u8; CONFIG_BYTES]) -> Result<Self, PositionError> {
        let missing = PositionError::Malformed("a part is missing");
        let (choices, rest) = bytes.split_first_chunk::<N_CHOICES>().ok_or(missing.clone())?;
        let (id, rest) = rest.split_first_chunk::<4>().ok_or(missing.clone())?;
        let n_lanes = u16::from_le_bytes(*rest.first_chunk::<2>().ok_or(missing)?);
        if matches!(choices, [.., route] if *route > 3) || !(1..=N_LANES_MAX).contains(&n_lanes) {
            return Err(PositionError::Malformed("its lanes are of no known kind"));
        }
        Ok(Self { choices: *choices, pinned_schema_id: i32::from_le_bytes(*id), n_lanes })
    }
}

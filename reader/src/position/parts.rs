//! The parts of a position: lanes that stand at one place.

use std::ops::Range;

use super::{PositionError, Stand};

/// Neighbouring lanes that stand at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Never empty.
    pub(crate) lanes: Range<u16>,
    pub(crate) at: Stand,
}

/// At least one part. Ascending, without overlap; neighbours stand at different places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    first: Part,
    others: Vec<Part>,
}

impl Parts {
    /// From parts in the order of their lanes.
    ///
    /// # Errors
    /// [`PositionError::Parts`] if there are none, or two of them cover the same lane.
    pub(crate) fn new(parts: impl IntoIterator<Item = Part>) -> Result<Self, PositionError> {
        let mut parts = parts.into_iter().filter(|part| !part.lanes.is_empty());
        let mut merged =
            Self { first: parts.next().ok_or(PositionError::Parts("there are none"))?, others: Vec::new() };
        for part in parts {
            let last = merged.others.last_mut().unwrap_or(&mut merged.first);
            if part.lanes.start < last.lanes.end {
                return Err(PositionError::Parts("a lane is covered twice"));
            }
            if part.lanes.start == last.lanes.end && part.at == last.at {
                last.lanes.end = part.lanes.end;
            } else {
                merged.others.push(part);
            }
        }
        Ok(merged)
    }

    /// All lanes at one place.
    pub(crate) fn one(lanes: Range<u16>, at: Stand) -> Self {
        Self { first: Part { lanes, at }, others: Vec::new() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Part> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub(crate) fn first(&self) -> &Part {
        &self.first
    }

    pub(crate) fn last(&self) -> &Part {
        self.others.last().unwrap_or(&self.first)
    }

    pub(crate) fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// What is covered of some lanes.
    pub(crate) fn within(&self, lanes: &Range<u16>) -> Vec<Part> {
        let cut = |part: &Part| Part {
            lanes: part.lanes.start.max(lanes.start)..part.lanes.end.min(lanes.end),
            at: part.at.clone(),
        };
        self.iter().map(cut).filter(|part| !part.lanes.is_empty()).collect()
    }
}

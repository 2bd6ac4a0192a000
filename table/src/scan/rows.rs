//! Rows of one row group that are to be read, by their position in the file.

use std::collections::VecDeque;
use std::ops::Range;

use roaring::RoaringTreemap;

use super::{Positions, RowGroupSpan};

/// Ascending positions in the file.
#[derive(Debug)]
pub(super) enum Rows {
    Range(Range<u64>),
    List(VecDeque<u64>),
}

impl Rows {
    /// Rows of a row group from `first_position` on; of those only the ones in `positions`.
    pub(super) fn of(span: &RowGroupSpan, first_position: u64, positions: Option<&RoaringTreemap>) -> Self {
        let end = span.first_position + span.n_rows;
        let range = span.first_position.max(first_position).min(end)..end;
        match positions {
            None => Self::Range(range),
            Some(positions) => {
                let mut iter = positions.iter();
                iter.advance_to(range.start);
                Self::List(iter.take_while(|position| *position < range.end).collect())
            }
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Range(range) => range.end - range.start,
            Self::List(list) => list.len() as u64,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the first `n` rows, or as many as there are.
    pub(super) fn take(&mut self, n: usize) -> Positions {
        match self {
            Self::Range(range) => {
                let end = range.start.saturating_add(n as u64).min(range.end);
                let taken = range.start..end;
                range.start = end;
                Positions::Range(taken)
            }
            Self::List(list) => {
                let n = n.min(list.len());
                let taken: Vec<u64> = list.drain(..n).collect();
                match (taken.first(), taken.last()) {
                    (Some(first), Some(last)) if last - first + 1 == taken.len() as u64 => {
                        Positions::Range(*first..last + 1)
                    }
                    _ => Positions::List(taken.into()),
                }
            }
        }
    }

    /// Cuts the row group into `n_parts` of as many rows, and gives the rows of each part that has some.
    pub(super) fn split(mut self, span: &RowGroupSpan, n_parts: u64) -> Vec<Self> {
        if n_parts <= 1 {
            return vec![self];
        }
        let part_rows = span.n_rows.div_ceil(n_parts).max(1);
        let mut parts = Vec::new();
        let mut end = span.first_position;
        while !self.is_empty() {
            end = end.saturating_add(part_rows);
            let part = self.take_below(end);
            if !part.is_empty() {
                parts.push(part);
            }
        }
        parts
    }

    /// Takes the rows before position `end`.
    pub(super) fn take_below(&mut self, end: u64) -> Self {
        match self {
            Self::Range(range) => {
                let end = end.clamp(range.start, range.end);
                let taken = range.start..end;
                range.start = end;
                Self::Range(taken)
            }
            Self::List(list) => {
                let rest = list.split_off(list.partition_point(|position| *position < end));
                Self::List(std::mem::replace(list, rest))
            }
        }
    }

    /// Calls `on_run` with each range of consecutive rows.
    pub(super) fn for_each_run(&self, mut on_run: impl FnMut(Range<u64>)) {
        match self {
            Self::Range(range) => on_run(range.clone()),
            Self::List(list) => {
                let mut run: Option<Range<u64>> = None;
                for position in list {
                    match &mut run {
                        Some(run) if run.end == *position => run.end += 1,
                        _ => {
                            if let Some(done) = run.replace(*position..*position + 1) {
                                on_run(done);
                            }
                        }
                    }
                }
                if let Some(done) = run {
                    on_run(done);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: RowGroupSpan = RowGroupSpan { index: 1, first_position: 10, n_rows: 10 };

    fn runs(rows: &Rows) -> Vec<Range<u64>> {
        let mut runs = Vec::new();
        rows.for_each_run(|run| runs.push(run));
        runs
    }

    #[test]
    fn positions_outside_of_the_row_group_are_left_out() {
        let positions: RoaringTreemap = [0, 9, 10, 11, 15, 19, 20, 99].into_iter().collect();
        let rows = Rows::of(&SPAN, 0, Some(&positions));
        assert_eq!(runs(&rows), [10..12, 15..16, 19..20]);
        assert_eq!(rows.len(), 4);
    }

    #[test]
    fn rows_before_the_first_that_is_asked_for_are_left_out() {
        let run = |first| <[_; 1]>::try_from(runs(&Rows::of(&SPAN, first, None))).ok();
        assert_eq!(run(5).map(|[run]| run), Some(10..20));
        assert_eq!(run(17).map(|[run]| run), Some(17..20));
        assert!(Rows::of(&SPAN, 20, None).is_empty());
        assert!(Rows::of(&SPAN, u64::MAX, None).is_empty());
        let positions: RoaringTreemap = [11, 16, 18].into_iter().collect();
        assert_eq!(runs(&Rows::of(&SPAN, 16, Some(&positions))), [16..17, 18..19]);
        assert!(Rows::of(&SPAN, 19, Some(&positions)).is_empty());
    }

    #[test]
    fn consecutive_positions_are_given_as_a_range() {
        let positions: RoaringTreemap = [11, 12, 14].into_iter().collect();
        let mut rows = Rows::of(&SPAN, 0, Some(&positions));
        assert!(matches!(rows.take(2), Positions::Range(range) if range == (11..13)));
        assert!(matches!(rows.take(2), Positions::Range(range) if range == (14..15)));
        assert!(rows.is_empty());
    }

    #[test]
    fn parts_hold_every_row_once() {
        let parts = Rows::of(&SPAN, 0, None).split(&SPAN, 3);
        assert_eq!(parts.iter().flat_map(runs).collect::<Vec<_>>(), [10..14, 14..18, 18..20]);
        let positions: RoaringTreemap = [10, 19].into_iter().collect();
        let parts = Rows::of(&SPAN, 0, Some(&positions)).split(&SPAN, 3);
        assert_eq!(parts.iter().flat_map(runs).collect::<Vec<_>>(), [10..11, 19..20]);
    }
}

//! Which requests fetch a set of byte ranges: near ones together, none larger than need be.

use std::ops::Range;

use bytes::Bytes;

/// How ranges of one file become requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeLimits {
    /// Two ranges with at most this many bytes between them are fetched together.
    pub gap_bytes_max: u64,
    /// Ranges are not joined to more than this. A single range asked for may be larger, and is fetched whole.
    pub request_bytes_max: u64,
    /// Requests under way at once, for one call.
    pub n_parallel: usize,
}

impl RangeLimits {
    /// For stores on this machine: a request costs some microseconds, in which a few kilobytes are copied.
    pub const NEAR: Self = Self { gap_bytes_max: 8 << 10, request_bytes_max: 8 << 20, n_parallel: 1 };
    /// For stores behind a network: a request costs tens of milliseconds, in which about a megabyte arrives.
    pub const REMOTE: Self = Self { gap_bytes_max: 1 << 20, request_bytes_max: 16 << 20, n_parallel: 8 };
}

/// Ranges to fetch, ascending, so that each range asked for lies within one of them. Every range must have
/// `start <= end`; empty ones need no request.
pub(super) fn coalesce(ranges: &[Range<u64>], limits: &RangeLimits) -> Vec<Range<u64>> {
    let mut sorted: Vec<Range<u64>> = ranges.iter().filter(|range| range.start < range.end).cloned().collect();
    sorted.sort_by_key(|range| (range.start, range.end));
    let mut fetches: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        if let Some(last) = fetches.last_mut() {
            let end = last.end.max(range.end);
            let is_near = range.start <= last.end.saturating_add(limits.gap_bytes_max);
            // Overlapping ranges are joined whatever the size: no byte is fetched twice.
            if range.start < last.end || (is_near && end - last.start <= limits.request_bytes_max) {
                last.end = end;
                continue;
            }
        }
        fetches.push(range);
    }
    fetches
}

/// Cuts what was fetched into the ranges asked for. `None` if one of them is not covered.
pub(super) fn slice(ranges: &[Range<u64>], fetches: &[Range<u64>], fetched: &[Bytes]) -> Option<Vec<Bytes>> {
    let cut = |range: &Range<u64>| -> Option<Bytes> {
        if range.start >= range.end {
            return Some(Bytes::new());
        }
        let index = fetches.partition_point(|fetch| fetch.start <= range.start).checked_sub(1)?;
        let (fetch, bytes) = (fetches.get(index)?, fetched.get(index)?);
        let start = usize::try_from(range.start - fetch.start).ok()?;
        let end = usize::try_from(range.end - fetch.start).ok()?;
        (end <= bytes.len()).then(|| bytes.slice(start..end))
    };
    ranges.iter().map(cut).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::single_range_in_vec_init)]
    use super::*;

    fn limits(gap_bytes_max: u64, request_bytes_max: u64) -> RangeLimits {
        RangeLimits { gap_bytes_max, request_bytes_max, n_parallel: 1 }
    }

    #[test]
    fn near_ranges_are_joined_and_far_ones_are_not() {
        let ranges = [100..110, 0..10, 15..20, 40..41];
        assert_eq!(coalesce(&ranges, &limits(5, 1000)), [0..20, 40..41, 100..110]);
        assert_eq!(coalesce(&ranges, &limits(0, 1000)), [0..10, 15..20, 40..41, 100..110]);
        assert_eq!(coalesce(&ranges, &limits(1000, 1000)), [0..110]);
    }

    #[test]
    fn joined_ranges_stay_below_the_size_limit_unless_they_overlap() {
        assert_eq!(coalesce(&[0..10, 10..20, 20..30], &limits(0, 20)), [0..20, 20..30]);
        assert_eq!(coalesce(&[0..10, 5..40], &limits(0, 20)), [0..40]);
        assert_eq!(coalesce(&[0..100, 100..101], &limits(0, 20)), [0..100, 100..101]);
    }

    #[test]
    fn empty_ranges_need_no_request() {
        assert!(coalesce(&[5..5, 0..0], &limits(5, 20)).is_empty());
        assert_eq!(slice(&[5..5], &[], &[]).unwrap(), [Bytes::new()]);
    }

    #[test]
    fn every_range_asked_for_is_cut_out_of_what_was_fetched() {
        let file: Vec<u8> = (0..=255).collect();
        let ranges = [200..256, 0..1, 3..9, 4..6, 250..252, 7..7, 9..9];
        for gap in [0, 1, 2, 50, 300] {
            for size in [1, 10, 300] {
                let fetches = coalesce(&ranges, &limits(gap, size));
                let fetched: Vec<Bytes> = fetches
                    .iter()
                    .map(|fetch| Bytes::copy_from_slice(&file[fetch.start as usize..fetch.end as usize]))
                    .collect();
                let cut = slice(&ranges, &fetches, &fetched).unwrap();
                for (range, bytes) in ranges.iter().zip(cut) {
                    assert_eq!(bytes, &file[range.start as usize..range.end as usize]);
                }
            }
        }
    }

    #[test]
    fn a_range_that_was_not_fetched_is_noticed() {
        assert!(slice(&[0..5], &[10..20], &[Bytes::from_static(&[0; 10])]).is_none());
        assert!(slice(&[10..20], &[10..20], &[Bytes::from_static(&[0; 9])]).is_none());
    }
}

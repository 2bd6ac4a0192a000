//! Which groups go first.

use std::cmp::Reverse;

use crate::{FileGroup, GroupChoice, JobOrder};

/// Sorts groups that are in the order of their partitions; equal ones stay in it.
pub(super) fn order(order: JobOrder, groups: &mut [(FileGroup, GroupChoice)]) {
    match order {
        JobOrder::None => {}
        JobOrder::BytesAsc => groups.sort_by_key(|(_, choice)| choice.input_bytes),
        JobOrder::BytesDesc => groups.sort_by_key(|(_, choice)| Reverse(choice.input_bytes)),
        JobOrder::FilesAsc => groups.sort_by_key(|(group, _)| group.inputs.len()),
        JobOrder::FilesDesc => groups.sort_by_key(|(group, _)| Reverse(group.inputs.len())),
    }
}

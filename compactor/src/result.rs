//! What rewriting a file group gave.

use std::collections::HashMap;
use std::sync::Arc;

use frazil_table::file::WrittenFile;
use roaring::RoaringTreemap;

/// What rewriting a file group gave: files that are to be committed, and where each row went.
#[derive(Debug, Clone)]
pub struct GroupResult {
    /// [`FileGroup::id`](crate::FileGroup::id)
    pub group_id: u32,
    /// Output files in the order in which rows were written; none if every row was deleted.
    pub outputs: Vec<WrittenFile>,
    /// Where each input row is now; `None` if rows were sorted, so that nothing can be translated.
    pub rows: Option<RowMap>,
    /// Rows of the inputs, with deleted ones.
    pub n_rows_read: u64,
    /// Those of them that were deleted.
    pub n_rows_deleted: u64,
    /// Row groups that were copied as they are.
    pub n_row_groups_copied: u64,
}

/// Where the rows of the inputs are in the outputs: live rows were written one after the other, in the order of the
/// inputs and their positions.
#[derive(Debug, Clone, Default)]
pub struct RowMap {
    inputs: Vec<MappedInput>,
    outputs: Vec<(Arc<str>, u64)>,
    by_key: HashMap<String, usize>,
}

#[derive(Debug, Clone)]
struct MappedInput {
    /// Index of its first live row among all.
    first_rank: u64,
    deleted: RoaringTreemap,
}

impl RowMap {
    /// `inputs` are keys ([`FileEntry::key`](frazil_table::file::FileEntry::key)), rows and deleted positions of the
    /// input files in the order in which they were written; `outputs` are paths and rows.
    pub fn new(
        inputs: impl IntoIterator<Item = (String, u64, RoaringTreemap)>,
        outputs: impl IntoIterator<Item = (Arc<str>, u64)>,
    ) -> Self {
        let mut map = Self { outputs: outputs.into_iter().collect(), ..Self::default() };
        let mut rank = 0_u64;
        for (key, n_rows, deleted) in inputs {
            let n_live = n_rows.saturating_sub(deleted.len());
            map.by_key.insert(key, map.inputs.len());
            map.inputs.push(MappedInput { first_rank: rank, deleted });
            rank = rank.saturating_add(n_live);
        }
        map
    }

    /// Where rows of an input are in the outputs: the index of each output that has some of them, ascending, with their
    /// positions in it. Rows that were deleted already are nowhere. `None` if there is no such input.
    pub fn translate(&self, key: &str, positions: &RoaringTreemap) -> Option<Vec<(usize, RoaringTreemap)>> {
        let input = self.inputs.get(*self.by_key.get(key)?)?;
        let mut translated: Vec<(usize, RoaringTreemap)> = Vec::new();
        let (mut output, mut output_start) = (0_usize, 0_u64);
        for position in positions - &input.deleted {
            // `rank` counts values up to the position, which itself is not among them.
            let rank = input.first_rank + position - input.deleted.rank(position);
            while let Some((_, n_rows)) = self.outputs.get(output)
                && rank >= output_start + n_rows
            {
                output_start += n_rows;
                output += 1;
            }
            if self.outputs.get(output).is_none() {
                break;
            }
            match translated.last_mut().filter(|(last, _)| *last == output) {
                Some((_, rows)) => {
                    rows.insert(rank - output_start);
                }
                None => translated.push((output, RoaringTreemap::from_iter([rank - output_start]))),
            }
        }
        Some(translated)
    }

    /// Path of an output.
    pub fn output(&self, index: usize) -> Option<&Arc<str>> {
        self.outputs.get(index).map(|(path, _)| path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(positions: impl IntoIterator<Item = u64>) -> RoaringTreemap {
        positions.into_iter().collect()
    }

    #[test]
    fn rows_move_up_by_the_deleted_ones_before_them() {
        let map = RowMap::new(
            [("a".to_owned(), 5, set([1, 2])), ("b".to_owned(), 4, set([]))],
            [("x".into(), 4), ("y".into(), 3)],
        );
        assert_eq!(map.translate("a", &set([0, 3, 4])).unwrap(), [(0, set([0, 1, 2]))]);
        // The first row of `b` is the last of the first output.
        assert_eq!(map.translate("b", &set([0, 1, 3])).unwrap(), [(0, set([3])), (1, set([0, 2]))]);
        assert_eq!(map.translate("a", &set([1, 2])).unwrap(), [], "they were deleted before");
        assert!(map.translate("c", &set([0])).is_none());
    }

    #[test]
    fn empty_outputs_and_positions_beyond_the_end_do_no_harm() {
        let map = RowMap::new([("a".to_owned(), 2, set([]))], [("x".into(), 0), ("y".into(), 2)]);
        assert_eq!(map.translate("a", &set([0, 1])).unwrap(), [(1, set([0, 1]))]);
        assert_eq!(map.translate("a", &set([u64::MAX / 2])).unwrap(), []);
    }
}

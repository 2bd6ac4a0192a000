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
    inputs: Vec<Mapped>,
    outputs: Vec<(Arc<str>, u64)>,
    by_key: HashMap<String, usize>,
}

/// An input whose live rows were written.
#[derive(Debug, Clone, Default)]
pub struct MappedInput {
    /// [`FileEntry::key`](frazil_table::file::FileEntry::key)
    pub key: String,
    /// Its rows, with deleted ones.
    pub n_rows: u64,
    /// Positions of the deleted rows.
    pub deleted: RoaringTreemap,
    /// Positions that a deletion vector or position deletes removed. A later vector of the file has them all, unless
    /// somebody took a delete back.
    pub by_position: RoaringTreemap,
}

#[derive(Debug, Clone)]
struct Mapped {
    /// Index of its first live row among all.
    first_rank: u64,
    deleted: RoaringTreemap,
    by_position: RoaringTreemap,
}

impl RowMap {
    /// `inputs` are in the order in which they were written; `outputs` are paths and rows.
    pub fn new(
        inputs: impl IntoIterator<Item = MappedInput>,
        outputs: impl IntoIterator<Item = (Arc<str>, u64)>,
    ) -> Self {
        let mut map = Self { outputs: outputs.into_iter().collect(), ..Self::default() };
        let mut rank = 0_u64;
        for MappedInput { key, n_rows, deleted, by_position } in inputs {
            let n_live = n_rows.saturating_sub(deleted.len());
            map.by_key.insert(key, map.inputs.len());
            map.inputs.push(Mapped { first_rank: rank, deleted, by_position });
            rank = rank.saturating_add(n_live);
        }
        map
    }

    /// Takes a newer deletion vector of an input. `false` if it lacks a row that an earlier one removed: the row is back,
    /// and none of the outputs has it.
    #[must_use]
    pub fn replace_vector(&mut self, key: &str, vector: &RoaringTreemap) -> bool {
        let Some(input) = self.by_key.get(key).and_then(|index| self.inputs.get_mut(*index)) else { return false };
        let has_all = input.by_position.is_subset(vector);
        if has_all {
            input.by_position = vector.clone();
        }
        has_all
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

    fn input<const N: usize>(key: &str, n_rows: u64, deleted: [u64; N]) -> MappedInput {
        MappedInput { key: key.to_owned(), n_rows, deleted: set(deleted), by_position: set(deleted) }
    }

    #[test]
    fn a_vector_that_takes_a_delete_back_is_seen() {
        let mut map = RowMap::new([input("a", 5, [1, 2])], [("x".into(), 3)]);
        assert!(map.replace_vector("a", &set([1, 2, 3])));
        assert!(!map.replace_vector("a", &set([1, 2])), "3 is back");
        assert!(!map.replace_vector("b", &set([])), "no such input");
    }

    #[test]
    fn rows_move_up_by_the_deleted_ones_before_them() {
        let map = RowMap::new([input("a", 5, [1, 2]), input("b", 4, [])], [("x".into(), 4), ("y".into(), 3)]);
        assert_eq!(map.translate("a", &set([0, 3, 4])).unwrap(), [(0, set([0, 1, 2]))]);
        // The first row of `b` is the last of the first output.
        assert_eq!(map.translate("b", &set([0, 1, 3])).unwrap(), [(0, set([3])), (1, set([0, 2]))]);
        assert_eq!(map.translate("a", &set([1, 2])).unwrap(), [], "they were deleted before");
        assert!(map.translate("c", &set([0])).is_none());
    }

    #[test]
    fn empty_outputs_and_positions_beyond_the_end_do_no_harm() {
        let map = RowMap::new([input("a", 2, [])], [("x".into(), 0), ("y".into(), 2)]);
        assert_eq!(map.translate("a", &set([0, 1])).unwrap(), [(1, set([0, 1]))]);
        assert_eq!(map.translate("a", &set([u64::MAX / 2])).unwrap(), []);
    }
}

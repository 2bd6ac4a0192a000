//! Which removed and added rows of one snapshot belong together. Pure: rows in, pairs out.
//!
//! Source of the rules: `docs/semantics.md`, "The change set of one snapshot".

use std::collections::{BTreeMap, HashMap};

use roaring::RoaringTreemap;

use crate::options::DuplicateKeys;

/// What becomes of a row that was removed and added again unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Unchanged {
    /// Nothing.
    #[default]
    Cancel,
    /// An update, if it has a key.
    Pair,
}

/// A row: a position in one of the sources of its side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RowRef {
    pub(crate) source: u32,
    pub(crate) position: u64,
}

/// A row that may belong to one of the other side. Equal hashes mean equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) at: RowRef,
    /// Of the key columns, or of `_row_id`; `None` if the row can be paired with no other.
    pub(crate) key: Option<u128>,
    /// Of all columns.
    pub(crate) row: u128,
}

/// What becomes of the rows that a snapshot removed and added. Rows that are not mentioned are deletes
/// and inserts.
#[derive(Debug, Default)]
pub(crate) struct Resolution {
    /// Removed rows, by source, that were added again unchanged: nothing happened to them.
    pub(crate) carried_removed: BTreeMap<u32, RoaringTreemap>,
    /// Added rows, by source, that were there before.
    pub(crate) carried_added: BTreeMap<u32, RoaringTreemap>,
    /// Added rows that are the new image of a removed one.
    pub(crate) pairs: HashMap<RowRef, RowRef>,
}

/// Several rows of one side share a key, and that was asked to be an error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DuplicateKey;

impl Resolution {
    /// Resolves some of the rows: all that share a key must be among them. Both sides in their order: rows
    /// removed by (data sequence number, path, position), rows added by (data sequence number, place in the
    /// manifests, position).
    pub(crate) fn resolve(
        &mut self,
        removed: Vec<Candidate>,
        added: Vec<Candidate>,
        policy: DuplicateKeys,
        unchanged: Unchanged,
    ) -> Result<(), DuplicateKey> {
        let (removed, added) = self.carry_over(removed, added, unchanged);
        self.pair(&removed, &added, policy)
    }

    /// Cancels equal rows one for one, the first of each side first, or makes updates of them. Returns what is
    /// left, in order.
    pub(crate) fn carry_over(
        &mut self,
        removed: Vec<Candidate>,
        added: Vec<Candidate>,
        unchanged: Unchanged,
    ) -> (Vec<Candidate>, Vec<Candidate>) {
        let mut fate_removed = vec![Fate::Left; removed.len()];
        let mut fate_added = vec![Fate::Left; added.len()];
        for (removed_indices, added_indices) in matches(&removed, &added, |row| Some(row.row)) {
            for (before, after) in removed_indices.iter().zip(&added_indices) {
                let fate = match (removed.get(*before), added.get(*after)) {
                    // Equal rows have equal keys, save where a key column is in no schema any more, or by `_row_id`.
                    (Some(before), Some(after))
                        if unchanged == Unchanged::Pair && before.key.is_some() && before.key == after.key =>
                    {
                        self.pairs.insert(after.at, before.at);
                        Fate::Paired
                    }
                    _ => Fate::Carried,
                };
                set(&mut fate_removed, *before, fate);
                set(&mut fate_added, *after, fate);
            }
        }
        (split(removed, &fate_removed, &mut self.carried_removed), split(added, &fate_added, &mut self.carried_added))
    }

    /// Pairs what is left. With n removals and m additions of a key and c = min(n, m), the last c removals
    /// are paired with the first c additions: surplus removals come first and surplus additions last, so
    /// that a keyed sink ends with a row that the table shows.
    pub(crate) fn pair(
        &mut self,
        removed: &[Candidate],
        added: &[Candidate],
        policy: DuplicateKeys,
    ) -> Result<(), DuplicateKey> {
        for (removed_indices, added_indices) in matches(removed, added, |row| row.key) {
            if removed_indices.len() > 1 || added_indices.len() > 1 {
                match policy {
                    DuplicateKeys::Pair => {}
                    DuplicateKeys::Plain => continue,
                    DuplicateKeys::Error => return Err(DuplicateKey),
                }
            }
            let n_surplus = removed_indices.len().saturating_sub(added_indices.len());
            for (before, after) in removed_indices.iter().skip(n_surplus).zip(&added_indices) {
                if let (Some(before), Some(after)) = (removed.get(*before), added.get(*after)) {
                    self.pairs.insert(after.at, before.at);
                }
            }
        }
        Ok(())
    }

    /// Memory that the result takes, roughly.
    pub(crate) fn size_bytes(&self) -> u64 {
        let carried = self.carried_removed.values().chain(self.carried_added.values());
        let bitmaps: usize = carried.map(RoaringTreemap::serialized_size).sum();
        (bitmaps + self.pairs.len() * 2 * size_of::<(RowRef, RowRef)>()) as u64
    }
}

/// Groups of rows of both sides that agree in `by`, as indices, each side in its order. Sorted rather than
/// hashed: that takes a few bytes a row, and carry-over of a rewritten partition has many.
fn matches(
    removed: &[Candidate],
    added: &[Candidate],
    by: impl Fn(&Candidate) -> Option<u128>,
) -> Vec<(Vec<usize>, Vec<usize>)> {
    let sorted = |rows: &[Candidate]| {
        let mut indices: Vec<(u128, usize)> =
            rows.iter().enumerate().filter_map(|(index, row)| Some((by(row)?, index))).collect();
        indices.sort_unstable();
        indices
    };
    let (removed, added) = (sorted(removed), sorted(added));
    let mut groups = Vec::new();
    let mut rest = added.as_slice();
    for group in removed.chunk_by(|a, b| a.0 == b.0) {
        let Some((value, _)) = group.first() else { continue };
        rest = rest.get(rest.partition_point(|row| row.0 < *value)..).unwrap_or_default();
        let n = rest.partition_point(|row| row.0 == *value);
        if n > 0 {
            let index = |rows: &[(u128, usize)]| rows.iter().map(|row| row.1).collect();
            groups.push((index(group), index(rest.get(..n).unwrap_or_default())));
        }
    }
    groups
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Left,
    Carried,
    Paired,
}

fn set(fates: &mut [Fate], index: usize, fate: Fate) {
    if let Some(slot) = fates.get_mut(index) {
        *slot = fate;
    }
}

/// Notes the rows that were carried over in `carried` and returns those that are left.
fn split(rows: Vec<Candidate>, fates: &[Fate], carried: &mut BTreeMap<u32, RoaringTreemap>) -> Vec<Candidate> {
    let mut left = Vec::new();
    for (row, fate) in rows.into_iter().zip(fates) {
        match fate {
            Fate::Carried => {
                carried.entry(row.at.source).or_default().insert(row.at.position);
            }
            Fate::Left => left.push(row),
            Fate::Paired => {}
        }
    }
    left
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn rows(side: &[(u128, u128)]) -> Vec<Candidate> {
        side.iter()
            .zip(0..)
            .map(|((key, row), position)| Candidate { at: RowRef { source: 0, position }, key: Some(*key), row: *row })
            .collect()
    }

    fn pairs(removed: &[(u128, u128)], added: &[(u128, u128)]) -> Vec<(u64, u64)> {
        let mut resolution = Resolution::default();
        resolution.resolve(rows(removed), rows(added), DuplicateKeys::Pair, Unchanged::Cancel).unwrap();
        let mut pairs: Vec<_> =
            resolution.pairs.into_iter().map(|(added, removed)| (removed.position, added.position)).collect();
        pairs.sort_unstable();
        pairs
    }

    #[test]
    fn surplus_additions_come_after_the_pair() {
        assert_eq!(pairs(&[(1, 10)], &[(1, 11), (1, 12)]), [(0, 0)]);
    }

    #[test]
    fn surplus_removals_come_before_the_pair() {
        assert_eq!(pairs(&[(1, 10), (1, 11)], &[(1, 12)]), [(1, 0)]);
    }

    #[test]
    fn equal_rows_cancel_one_for_one_before_pairing() {
        let mut resolution = Resolution::default();
        resolution
            .resolve(rows(&[(1, 10), (1, 10)]), rows(&[(1, 10), (1, 11)]), DuplicateKeys::Pair, Unchanged::Cancel)
            .unwrap();
        assert_eq!(resolution.carried_removed[&0].iter().collect::<Vec<_>>(), [0]);
        assert_eq!(resolution.carried_added[&0].iter().collect::<Vec<_>>(), [0]);
        assert_eq!(resolution.pairs.len(), 1);
    }

    #[test]
    fn rows_without_key_are_never_paired() {
        let row = |row| Candidate { at: RowRef { source: 0, position: 0 }, key: None, row };
        let mut resolution = Resolution::default();
        resolution.resolve(vec![row(1)], vec![row(2)], DuplicateKeys::Error, Unchanged::Cancel).unwrap();
        assert!(resolution.pairs.is_empty());
    }

    #[test]
    fn duplicate_keys_can_be_an_error_or_left_unpaired() {
        let (removed, added) = (rows(&[(1, 10)]), rows(&[(1, 11), (1, 12)]));
        let mut resolution = Resolution::default();
        assert_eq!(
            resolution.resolve(removed.clone(), added.clone(), DuplicateKeys::Error, Unchanged::Cancel),
            Err(DuplicateKey)
        );
        let mut resolution = Resolution::default();
        resolution.resolve(removed, added, DuplicateKeys::Plain, Unchanged::Cancel).unwrap();
        assert!(resolution.pairs.is_empty());
    }

    #[test]
    fn unchanged_rows_can_be_updates_and_the_others_are_paired_as_before() {
        let (removed, added) = (rows(&[(1, 10), (1, 11), (2, 20)]), rows(&[(2, 20), (1, 11), (1, 12)]));
        let mut resolution = Resolution::default();
        resolution.resolve(removed, added, DuplicateKeys::Pair, Unchanged::Pair).unwrap();
        assert!(resolution.carried_removed.is_empty() && resolution.carried_added.is_empty());
        let mut pairs: Vec<_> = resolution.pairs.iter().map(|(to, from)| (from.position, to.position)).collect();
        pairs.sort_unstable();
        assert_eq!(pairs, [(0, 2), (1, 1), (2, 0)]);
    }
}

//! Integer keys with a number each: one column needs no encoding.
//!
//! Loading and looking up cost what their cache misses cost, so there are as few as can be: one for a key that is
//! put in, and for most rows one in the filter, which is much smaller than the table.

use std::hash::BuildHasher;
use std::sync::OnceLock;

use super::word_bloom::WordBloom;
use super::{HASHER, Integers, KeyPart};

/// What a free slot holds. The key that is equal to it is kept beside the table.
const FREE: i64 = i64::MIN;

/// Rows that are looked up together.
const BLOCK: usize = 512;

/// Words of a bitmap of keys, for each key, beyond which a Bloom filter is smaller.
const BITMAP_KEYS_PER_WORD: usize = 2;

/// From an integer, or null, to the highest number that it was put in with.
#[derive(Default)]
pub(in crate::deletes) struct LongMap {
    /// Keys, each in the first free slot from the one its hash says. A quarter is free at least.
    slots: Vec<i64>,
    /// Number of the key in each slot; empty while all keys have the same, as those of one commit do.
    numbers: Vec<i64>,
    /// Keys in slots.
    n_slots_used: usize,
    /// The number of all keys in slots, while they have the same.
    number: i64,
    /// No key has a lower number.
    lowest_number: Option<i64>,
    /// Bounds of the keys in slots.
    bounds: Option<(i64, i64)>,
    null: Option<i64>,
    /// Number of the key [`FREE`].
    free_key: Option<i64>,
    /// Made for the first look-up.
    filter: OnceLock<Filter>,
}

/// Which keys may be there.
enum Filter {
    /// One bit for each value from the first key on, where keys are dense, as numbered ones are: it is exact, and
    /// rows in the keys' order find their bits side by side.
    Bitmap { first: i64, words: Vec<u64> },
    /// Keys from all over.
    Bloom(WordBloom),
}

impl LongMap {
    pub(super) fn n_keys(&self) -> usize {
        self.n_slots_used + usize::from(self.null.is_some()) + usize::from(self.free_key.is_some())
    }

    /// The keys in no order; null is the NULL key.
    pub(super) fn keys(&self) -> impl Iterator<Item = Option<i64>> {
        let special = self.null.map(|_| None).into_iter().chain(self.free_key.map(|_| Some(FREE)));
        self.used().map(Some).chain(special)
    }

    /// Memory that the keys take, with the filter that they will have.
    pub(super) fn size_bytes(&self) -> usize {
        let n_filter_words = self.n_slots_used / BITMAP_KEYS_PER_WORD + 64;
        (self.slots.len() + self.numbers.len() + n_filter_words) * size_of::<i64>()
    }

    /// Makes room for `n_keys`, so that filling needs no second table beside the first.
    pub(super) fn reserve(&mut self, n_keys: usize) {
        let n_slots = n_keys.saturating_mul(2);
        if n_slots > self.slots.len() {
            self.resize(n_slots);
        }
    }

    pub(super) fn insert(&mut self, keys: &Integers, number: i64, part: KeyPart, only: Option<&Self>) {
        self.filter.take();
        for (index, key) in keys.values.iter().enumerate() {
            if keys.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
                // The null key belongs to the first part.
                if part.part == 0 && only.is_none_or(|only| only.null.is_some()) {
                    self.null = self.null.max(Some(number));
                    self.lower(number);
                }
                continue;
            }
            let hash = HASHER.hash_one(*key);
            if part.contains(hash) && only.is_none_or(|only| only.get(*key, hash).is_some()) {
                self.put(*key, hash, number);
            }
        }
    }

    /// Calls `deleted` with the index of every key that has a number above `number`.
    pub(super) fn probe(&self, keys: &Integers, number: i64, mut deleted: impl FnMut(usize)) {
        if self.n_keys() == 0 {
            return;
        }
        if let Some(nulls) = &keys.nulls {
            for (index, key) in keys.values.iter().enumerate() {
                let known = if nulls.is_null(index) { self.null } else { self.get(*key, HASHER.hash_one(*key)) };
                if known.is_some_and(|known| known > number) {
                    deleted(index);
                }
            }
            return;
        }
        match self.filter() {
            // Every key that is there deletes.
            Filter::Bitmap { first, words } if self.lowest_number.is_some_and(|lowest| lowest > number) => {
                passing(&keys.values, |key| is_set(words, *first, key), |index, _| deleted(index));
            }
            Filter::Bitmap { first, words } => passing(
                &keys.values,
                |key| is_set(words, *first, key),
                |index, key| {
                    if self.find(key, HASHER.hash_one(key)).is_some_and(|known| known > number) {
                        deleted(index);
                    }
                },
            ),
            Filter::Bloom(bloom) => passing(
                &keys.values,
                |key| bloom.may_contain(HASHER.hash_one(key)),
                |index, key| {
                    if self.find(key, HASHER.hash_one(key)).is_some_and(|known| known > number) {
                        deleted(index);
                    }
                },
            ),
        }
    }

    fn used(&self) -> impl Iterator<Item = i64> {
        self.slots.iter().copied().filter(|key| *key != FREE)
    }

    fn get(&self, key: i64, hash: u64) -> Option<i64> {
        let may_be_there = match self.filter() {
            Filter::Bitmap { first, words } => is_set(words, *first, key),
            Filter::Bloom(bloom) => bloom.may_contain(hash),
        };
        if may_be_there { self.find(key, hash) } else { None }
    }

    fn find(&self, key: i64, hash: u64) -> Option<i64> {
        if key == FREE {
            return self.free_key;
        }
        let slot = self.slot(key, hash)?;
        (self.slots.get(slot) == Some(&key)).then(|| self.numbers.get(slot).copied().unwrap_or(self.number))
    }

    /// Where the key is, or would be; `None` if there are no slots.
    fn slot(&self, key: i64, hash: u64) -> Option<usize> {
        let start = home(hash, self.slots.len());
        let (before, after) = self.slots.split_at_checked(start)?;
        let is_place = |slot: &i64| *slot == key || *slot == FREE;
        let found = after.iter().position(is_place).map(|offset| start + offset);
        found.or_else(|| before.iter().position(is_place))
    }

    fn put(&mut self, key: i64, hash: u64, number: i64) {
        self.lower(number);
        if key == FREE {
            self.free_key = self.free_key.max(Some(number));
            return;
        }
        if (self.n_slots_used + 1) * 4 > self.slots.len() * 3 {
            self.resize((self.slots.len() * 2).max(64));
        }
        let Some(slot) = self.slot(key, hash) else { return };
        let Some(there) = self.slots.get_mut(slot) else { return };
        let is_new = *there == FREE;
        *there = key;
        if is_new {
            self.n_slots_used += 1;
            self.bounds = Some(self.bounds.map_or((key, key), |(least, most)| (least.min(key), most.max(key))));
            if self.n_slots_used == 1 {
                self.number = number;
            }
        }
        self.set_number(slot, number, is_new);
    }

    fn set_number(&mut self, slot: usize, number: i64, is_new: bool) {
        if self.numbers.is_empty() && number != self.number {
            self.numbers = vec![self.number; self.slots.len()];
        }
        if let Some(known) = self.numbers.get_mut(slot) {
            *known = if is_new { number } else { number.max(*known) };
        }
    }

    fn lower(&mut self, number: i64) {
        self.lowest_number = Some(self.lowest_number.map_or(number, |lowest| lowest.min(number)));
    }

    fn resize(&mut self, n_slots: usize) {
        let slots = std::mem::replace(&mut self.slots, vec![FREE; n_slots]);
        let n_numbers = if self.numbers.is_empty() { 0 } else { n_slots };
        let numbers = std::mem::replace(&mut self.numbers, vec![self.number; n_numbers]);
        for (old, key) in slots.into_iter().enumerate().filter(|(_, key)| *key != FREE) {
            let Some(slot) = self.slot(key, HASHER.hash_one(key)) else { return };
            if let Some(free) = self.slots.get_mut(slot) {
                *free = key;
            }
            if let (Some(known), Some(number)) = (self.numbers.get_mut(slot), numbers.get(old)) {
                *known = *number;
            }
        }
    }

    fn filter(&self) -> &Filter {
        self.filter.get_or_init(|| match self.bounds {
            // The key that is no key of a slot has no bit, so it must not be asked for.
            Some((first, last)) if self.free_key.is_none() && self.is_dense(first, last) => self.bitmap(first, last),
            _ => {
                let keys = self.used().chain(self.free_key.map(|_| FREE));
                Filter::Bloom(WordBloom::new(self.n_slots_used + 1, keys.map(|key| HASHER.hash_one(key))))
            }
        })
    }

    fn is_dense(&self, first: i64, last: i64) -> bool {
        last.abs_diff(first) / 64 < (self.n_slots_used / BITMAP_KEYS_PER_WORD + 64) as u64
    }

    fn bitmap(&self, first: i64, last: i64) -> Filter {
        let n_words = usize::try_from(last.abs_diff(first) / 64 + 1).unwrap_or(0);
        let mut words = vec![0; n_words];
        for key in self.used() {
            let (word, bit) = place(first, key);
            if let Some(word) = usize::try_from(word).ok().and_then(|word| words.get_mut(word)) {
                *word |= bit;
            }
        }
        Filter::Bitmap { first, words }
    }
}

/// The slot that the hash says, among `n_slots`. The hash's upper bits decide on the part that a key belongs to, so
/// that they are alike in the keys of one part, and its lower ones on bits of the filter.
#[allow(clippy::cast_possible_truncation)] // the upper half of the product is below `n_slots`
fn home(hash: u64, n_slots: usize) -> usize {
    ((u128::from(hash.rotate_left(20)) * n_slots as u128) >> 64) as usize
}

/// Word and bit of a key in a bitmap that begins with `first`.
#[inline]
fn place(first: i64, key: i64) -> (u64, u64) {
    // Keys before the first wrap to where no word is.
    let offset = key.wrapping_sub(first).cast_unsigned();
    (offset / 64, 1 << (offset % 64))
}

#[inline]
fn is_set(words: &[u64], first: i64, key: i64) -> bool {
    let (word, bit) = place(first, key);
    usize::try_from(word).ok().and_then(|word| words.get(word)).is_some_and(|word| word & bit != 0)
}

/// Calls `passed` for the keys that `filter` lets through, with their index. First the filter for a block of keys,
/// then the rest for those that pass: the first loop has no branch to mispredict, and cache misses overlap in both.
#[inline]
#[allow(clippy::cast_possible_truncation)] // an index in a block
fn passing(keys: &[i64], filter: impl Fn(i64) -> bool, mut passed: impl FnMut(usize, i64)) {
    let mut indexes = [0_u16; BLOCK];
    for (block, keys) in keys.chunks(BLOCK).enumerate() {
        let mut n_passed = 0;
        for (index, key) in keys.iter().enumerate() {
            if let Some(slot) = indexes.get_mut(n_passed) {
                *slot = index as u16;
            }
            n_passed += usize::from(filter(*key));
        }
        for index in indexes.iter().take(n_passed) {
            let index = usize::from(*index);
            if let Some(key) = keys.get(index) {
                passed(block * BLOCK + index, *key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;
    use arrow_buffer::NullBuffer;

    const WHOLE: KeyPart = KeyPart::WHOLE;

    fn integers(keys: &[Option<i64>]) -> Integers {
        let nulls = NullBuffer::from_iter(keys.iter().map(Option::is_some));
        Integers {
            values: keys.iter().map(|key| key.unwrap_or(7)).collect(),
            nulls: (nulls.null_count() > 0).then_some(nulls),
        }
    }

    fn found(map: &LongMap, keys: &[Option<i64>], number: i64) -> Vec<Option<i64>> {
        let mut found = Vec::new();
        map.probe(&integers(keys), number, |index| found.push(keys[index]));
        found
    }

    /// Puts batches of keys in and compares every answer with that of an ordered map.
    fn compare(batches: &[(Vec<Option<i64>>, i64)], asked: &[Option<i64>], n_reserved: usize) {
        let (mut map, mut model) = (LongMap::default(), BTreeMap::new());
        map.reserve(n_reserved);
        for (keys, number) in batches {
            map.insert(&integers(keys), *number, WHOLE, None);
            for key in keys {
                let known = model.entry(*key).or_insert(*number);
                *known = (*known).max(*number);
            }
            for number in [i64::MIN, 0, 1, 2, 3, i64::MAX] {
                let expected: Vec<Option<i64>> =
                    asked.iter().copied().filter(|key| model.get(key).is_some_and(|known| *known > number)).collect();
                assert_eq!(found(&map, asked, number), expected, "above {number}");
            }
        }
        let mut keys: Vec<Option<i64>> = map.keys().collect();
        keys.sort_unstable();
        assert_eq!(keys, model.keys().copied().collect::<Vec<_>>());
        assert_eq!(map.n_keys(), model.len());
    }

    fn some(keys: impl IntoIterator<Item = i64>) -> Vec<Option<i64>> {
        keys.into_iter().map(Some).collect()
    }

    #[test]
    fn dense_keys_are_found_whatever_their_numbers() {
        let asked = some(-500..3000);
        compare(&[(some((0..2000).step_by(3)), 2)], &asked, 0);
        compare(&[(some((0..2000).step_by(3)), 2), (some((0..2000).step_by(7)), 1)], &asked, 10);
        compare(&[(some((0..2000).step_by(3)), 1), (some((0..2000).step_by(7)), 3)], &asked, 10_000);
    }

    #[test]
    fn scattered_keys_are_found_whatever_their_numbers() {
        // Any odd factor of this size spreads them.
        let keys: Vec<i64> = (0..5000_i64).map(|n| n.wrapping_mul(0x1e37_79b9_7f4a_7c15)).collect();
        let asked = some(keys.iter().flat_map(|key| [*key, key.wrapping_add(1)]));
        compare(&[(some(keys[..3000].iter().copied()), 1)], &asked, 0);
        compare(&[(some(keys[..3000].iter().copied()), 1), (some(keys[2000..4000].iter().copied()), 2)], &asked, 6000);
    }

    #[test]
    fn null_and_the_key_of_free_slots_are_keys_as_others() {
        let asked = [None, Some(FREE), Some(FREE + 1), Some(0), Some(i64::MAX), None];
        for special in [vec![None], some([FREE]), vec![Some(FREE), None, Some(5)], some([i64::MAX, FREE + 1])] {
            compare(&[(special.clone(), 1)], &asked, 0);
            compare(&[(some(0..100), 2), (special, 1)], &asked, 0);
        }
        compare(&[(Vec::new(), 1)], &asked, 0);
    }

    #[test]
    fn each_key_belongs_to_one_part_and_parts_fill_their_slots_evenly() {
        let keys = integers(&some(0..100_000));
        let n_parts = 64;
        let parts: Vec<LongMap> = (0..n_parts)
            .map(|part| {
                let mut map = LongMap::default();
                map.insert(&keys, 1, KeyPart { part, n_parts }, None);
                map
            })
            .collect();
        assert_eq!(parts.iter().map(LongMap::n_keys).sum::<usize>(), 100_000);
        for part in &parts {
            let longest = part.slots.split(|key| *key == FREE).map(<[_]>::len).max();
            assert!(longest < Some(150), "{longest:?} slots in a row are taken");
        }
    }

    #[test]
    fn only_keys_that_another_map_holds_are_put_in() {
        let mut only = LongMap::default();
        only.insert(&integers(&[Some(1), Some(5), None]), 1, WHOLE, None);
        let mut map = LongMap::default();
        map.insert(&integers(&[Some(1), Some(2), None, Some(FREE)]), 9, WHOLE, Some(&only));
        let mut keys: Vec<_> = map.keys().collect();
        keys.sort_unstable();
        assert_eq!(keys, [None, Some(1)]);
    }
}

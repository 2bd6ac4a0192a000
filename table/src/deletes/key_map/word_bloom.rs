//! A Bloom filter of one word for each key: most rows have no deleted key, and need not touch the table.

/// Empty until it is made: it then lets everything through.
#[derive(Debug, Default)]
pub(super) struct WordBloom {
    words: Vec<u64>,
}

impl WordBloom {
    /// A filter with room for `n_keys`, of which these are the hashes.
    pub(super) fn new(n_keys: usize, hashes: impl Iterator<Item = u64>) -> Self {
        let mut filter = Self { words: vec![0; n_words(n_keys)] };
        hashes.for_each(|hash| filter.add(hash));
        filter
    }

    pub(super) fn is_too_small_for(&self, n_keys: usize) -> bool {
        n_words(n_keys) > self.words.len()
    }

    pub(super) fn add(&mut self, hash: u64) {
        if let Some(word) = slot(hash, self.words.len()).and_then(|slot| self.words.get_mut(slot)) {
            *word |= bits(hash);
        }
    }

    #[inline]
    pub(super) fn may_contain(&self, hash: u64) -> bool {
        match slot(hash, self.words.len()).and_then(|slot| self.words.get(slot)) {
            Some(word) => word & bits(hash) == bits(hash),
            None => true,
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.words.len() * size_of::<u64>()
    }
}

/// Sixteen bits a key or up to twice as many: a power of two of words.
fn n_words(n_keys: usize) -> usize {
    (n_keys / 4).next_power_of_two().max(64)
}

#[allow(clippy::cast_possible_truncation)] // a slot is smaller than the number of words
fn slot(hash: u64, n_words: usize) -> Option<usize> {
    n_words.checked_sub(1).map(|mask| (hash >> 20) as usize & mask)
}

fn bits(hash: u64) -> u64 {
    (1 << (hash & 63)) | (1 << ((hash >> 6) & 63)) | (1 << ((hash >> 12) & 63))
}

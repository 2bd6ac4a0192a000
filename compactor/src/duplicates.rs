//! Data files that a snapshot lists twice. Their rows would be written twice and then be taken out once.

use std::collections::HashSet;
use std::hash::Hasher;
use std::sync::Arc;

use frazil_table::TableError;
use frazil_table::file::FileEntry;
use frazil_table::manifest::{EntryStatus, EntryVisitor, ManifestEntry, ManifestFile};
use siphasher::sip::SipHasher13;

use crate::Result;

/// A hash of a file's path: equal paths have equal hashes.
pub(crate) fn path_hash(file: &FileEntry) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(file.key().as_bytes());
    hasher.finish()
}

/// Values that are there more than once.
pub(crate) fn repeated(mut values: Vec<u64>) -> HashSet<u64> {
    values.sort_unstable();
    values.windows(2).filter_map(|pair| pair.first().filter(|first| pair.last() == Some(first))).copied().collect()
}

/// Tells which paths of repeated hashes are the same: among many files, two hashes may be equal by chance.
#[derive(Debug)]
pub(crate) struct DuplicateScan {
    pub(crate) hashes: Arc<HashSet<u64>>,
    /// Paths with these hashes.
    pub(crate) found: Vec<String>,
}

impl EntryVisitor for DuplicateScan {
    fn visit(&mut self, _: &ManifestFile, entry: &ManifestEntry) -> Result<()> {
        if entry.status != EntryStatus::Deleted && self.hashes.contains(&path_hash(&entry.file)) {
            self.found.push(entry.file.key().to_owned());
        }
        Ok(())
    }
}

/// # Errors
/// [`TableError::Corrupt`] names a path that is there twice.
pub(crate) fn refuse_duplicates(mut paths: Vec<String>) -> Result<()> {
    paths.sort_unstable();
    match paths.windows(2).find_map(|pair| pair.first().filter(|first| pair.last() == Some(first))) {
        None => Ok(()),
        Some(path) => Err(TableError::Corrupt {
            path: path.clone(),
            detail: "the snapshot lists this data file twice, so that each of its rows is there twice; nothing was \
                     planned; remove one of the entries with the engine that wrote them"
                .to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::data_file;

    #[test]
    fn two_spellings_of_a_path_have_one_hash() {
        let hash = |path| path_hash(&data_file(path, 1, 1, 1));
        assert_eq!(hash("s3a://bucket/f.parquet"), hash("s3://bucket/f.parquet"));
        assert_ne!(hash("s3://bucket/f.parquet"), hash("s3://bucket/g.parquet"));
    }

    #[test]
    fn only_what_is_there_more_than_once_is_repeated() {
        assert_eq!(repeated(vec![3, 1, 2, 1, 5, 3, 3]), HashSet::from([1, 3]));
        assert_eq!(repeated(vec![1, 2]), HashSet::new());
        assert_eq!(repeated(Vec::new()), HashSet::new());
    }

    #[test]
    fn paths_with_the_same_hash_by_chance_are_not_refused() {
        refuse_duplicates(vec!["b".to_owned(), "a".to_owned()]).unwrap();
        let error = refuse_duplicates(vec!["b".to_owned(), "a".to_owned(), "b".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("path=`b`"), "{error}");
    }
}

//! What every kind of store has to do, written once and run against each: [`store_contract!`] makes a test of every
//! function here for one kind.
#![allow(clippy::single_range_in_vec_init, reason = "a list of one range is what is asked for")]

use std::any::Any;
use std::ops::Range;

use bytes::Bytes;
use frazil_table::TableError;
use frazil_table::storage::{ListedFile, Storage};

/// A store to be tried.
pub struct Subject {
    /// The handle.
    pub storage: Storage,
    /// A folder that exists in it, or needs not to, and is empty.
    pub root: String,
    /// The same folder in other spellings.
    pub aliases: Vec<String>,
    /// What must live as long as the store.
    pub _keep: Box<dyn Any + Send>,
}

/// Names that an URL, a shell or a store's conventions would spell otherwise.
const AWKWARD: &[&str] = &[
    "with space",
    "percent%20 50%",
    "hash#tag",
    "day=2026-11-25",
    "plus+and&",
    "question?mark",
    "žluťoučký 雪 🧊",
    "quote'\"`",
    "colon:semi;comma,",
    "brackets[]{}()<>",
    "tilde~at@dollar$star*",
    "back\\slash^pipe|",
    "..dots..",
    "%2F",
];

pub fn digits(n_bytes: usize) -> Bytes {
    (0..n_bytes).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

fn slice(bytes: &Bytes, range: &Range<u64>) -> Bytes {
    bytes.slice(usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap())
}

pub async fn what_was_written_is_read_back(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    let path = format!("{root}/file");
    for n_bytes in [1, 10, 100_000] {
        storage.write(&path, digits(n_bytes)).await.unwrap();
        assert_eq!(storage.read(&path).await.unwrap(), digits(n_bytes), "a later write replaces an earlier one");
        assert_eq!(storage.size(&path).await.unwrap(), n_bytes as u64);
        assert!(storage.exists(&path).await.unwrap());
    }
}

pub async fn awkward_names_are_kept_as_they_are(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    for (index, name) in AWKWARD.iter().enumerate() {
        let path = format!("{root}/{name}/{name}.parquet");
        let content = digits(10 + index);
        storage.write(&path, content.clone()).await.unwrap_or_else(|error| panic!("{path}: {error:?}"));
        assert_eq!(storage.read(&path).await.unwrap(), content, "{path}");
        assert_eq!(storage.read_ranges(&path, &[2..5]).await.unwrap(), [content.slice(2..5)], "{path}");
        let listed = storage.list(&format!("{root}/{name}")).await.unwrap();
        assert_eq!(listed, [ListedFile { path: path.clone(), size: content.len() as u64 }]);
    }
    // None of them is another's name.
    for (index, name) in AWKWARD.iter().enumerate() {
        assert_eq!(storage.size(&format!("{root}/{name}/{name}.parquet")).await.unwrap(), 10 + index as u64);
    }
}

pub async fn deep_folders_and_long_names_are_reached(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    let path = format!("{root}/{}/{}", vec!["folder"; 40].join("/"), "n".repeat(200));
    storage.write(&path, digits(7)).await.unwrap();
    assert_eq!(storage.read(&path).await.unwrap(), digits(7));
}

pub async fn ranges_come_in_the_order_asked_for(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    let (path, content) = (format!("{root}/ranges"), digits(100_000));
    storage.write(&path, content.clone()).await.unwrap();
    let ranges = [99_999..100_000, 0..4, 4..4, 50_000..60_000, 2..6, 0..100_000];
    let read = storage.read_ranges(&path, &ranges).await.unwrap();
    assert_eq!(read, ranges.iter().map(|range| slice(&content, range)).collect::<Vec<_>>());
    assert!(storage.read_ranges(&path, &[]).await.unwrap().is_empty());
}

pub async fn large_and_distant_ranges_are_complete(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    let (path, content) = (format!("{root}/large"), digits(9_000_000));
    storage.write(&path, content.clone()).await.unwrap();
    let ranges = [0..1, 100..4_000_000, 5_500_000..5_500_001, 7_000_000..9_000_000];
    let read = storage.read_ranges(&path, &ranges).await.unwrap();
    assert!(ranges.iter().zip(&read).all(|(range, bytes)| slice(&content, range) == *bytes));
    assert_eq!(storage.read(&path).await.unwrap(), content);
}

pub async fn the_end_of_a_file_comes_with_its_size(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    let (path, content) = (format!("{root}/suffix"), digits(10_000));
    storage.write(&path, content.clone()).await.unwrap();
    for n_bytes in [1, 8, 10_000, 20_000] {
        let kept = 10_000_usize.saturating_sub(n_bytes);
        let expected = (content.slice(kept..), 10_000);
        assert_eq!(storage.read_suffix(&path, n_bytes as u64).await.unwrap(), expected, "{n_bytes}");
    }
}

pub async fn an_empty_file_is_a_file(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    let path = format!("{root}/empty");
    storage.write(&path, Bytes::new()).await.unwrap();
    assert!(storage.exists(&path).await.unwrap());
    assert_eq!(storage.size(&path).await.unwrap(), 0);
    assert!(storage.read(&path).await.unwrap().is_empty());
    assert_eq!(storage.list(root).await.unwrap(), [ListedFile { path, size: 0 }]);
}

pub async fn a_missing_file_is_named_and_a_folder_is_none(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    storage.write(&format!("{root}/folder/file"), digits(5)).await.unwrap();
    for path in [format!("{root}/nothing"), format!("{root}/folder"), format!("{root}/folder/file/below")] {
        for outcome in [
            storage.read(&path).await.err(),
            storage.read_ranges(&path, &[0..4]).await.err(),
            storage.read_suffix(&path, 4).await.err(),
            storage.size(&path).await.err(),
        ] {
            let is_named = matches!(&outcome, Some(TableError::FileMissing { path: missing }) if *missing == path);
            assert!(is_named, "{path}: {outcome:?}");
        }
        assert!(!storage.exists(&path).await.unwrap(), "{path}");
    }
    assert!(storage.list(&format!("{root}/nothing")).await.unwrap().is_empty());
}

pub async fn a_range_beyond_the_end_means_that_the_metadata_lies(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    let path = format!("{root}/short");
    storage.write(&path, digits(100)).await.unwrap();
    for range in [90..101, 100..101, 200..300, 0..1 << 40] {
        let error = storage.read_ranges(&path, &[0..10, range.clone()]).await.unwrap_err();
        let is_corrupt = matches!(&error, TableError::Corrupt { path: at, .. } if *at == path);
        assert!(is_corrupt, "{range:?}: {error:?}");
    }
}

pub async fn listings_of_many_files_are_complete_and_sorted(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    let mut expected = Vec::new();
    for index in 0..25 {
        let path = format!("{root}/list/f{index:03}");
        storage.write(&path, digits(index)).await.unwrap();
        expected.push(ListedFile { path, size: index as u64 });
    }
    storage.write(&format!("{root}/list/folder/file"), digits(3)).await.unwrap();
    storage.write(&format!("{root}/list2"), digits(3)).await.unwrap();
    assert_eq!(storage.list(&format!("{root}/list")).await.unwrap(), expected);
    assert_eq!(storage.list(&format!("{root}/list/")).await.unwrap(), expected);
}

pub async fn many_reads_at_once_do_not_mix(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    let paths: Vec<String> = (1..=40).map(|index| format!("{root}/{index}")).collect();
    for (index, path) in paths.iter().enumerate() {
        storage.write(path, vec![u8::try_from(index).unwrap(); 1_000 + index].into()).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (index, path) in paths.into_iter().enumerate() {
        let storage = storage.clone();
        tasks.spawn(async move {
            let read = storage.read(&path).await.unwrap();
            assert_eq!(read, vec![u8::try_from(index).unwrap(); 1_000 + index]);
        });
    }
    assert_eq!(tasks.join_all().await.len(), 40);
}

pub async fn what_is_read_ahead_is_what_is_read(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    let mut files = Vec::new();
    for (index, n_bytes) in [10, 0, 70_000, 3_000_000].into_iter().enumerate() {
        let path = format!("{root}/ahead-{index}");
        storage.write(&path, digits(n_bytes)).await.unwrap();
        files.push((path, n_bytes));
    }
    let announced = files.iter().map(|(path, n_bytes)| (path.as_str().into(), *n_bytes as u64));
    let _ahead = storage.read_ahead(announced.chain([(format!("{root}/gone").into(), 10)]));
    for (path, n_bytes) in &files {
        let content = digits(*n_bytes);
        assert_eq!(storage.read(path).await.unwrap(), content);
        let (end, size) = match n_bytes {
            0 => continue,
            _ => storage.read_suffix(path, 8).await.unwrap(),
        };
        assert_eq!((end, size), (content.slice(n_bytes - 8..), *n_bytes as u64));
        assert_eq!(storage.read_ranges(path, &[1..9]).await.unwrap(), [content.slice(1..9)]);
    }
    assert!(matches!(storage.read(&format!("{root}/gone")).await, Err(TableError::FileMissing { .. })));
}

pub async fn other_spellings_lead_to_the_same_file(subject: Subject) {
    let Subject { storage, root, aliases, .. } = &subject;
    storage.write(&format!("{root}/file"), digits(20)).await.unwrap();
    for alias in aliases {
        assert_eq!(storage.read(&format!("{alias}/file")).await.unwrap(), digits(20), "{alias}");
        let (one, other) = (format!("{root}/file"), format!("{alias}/file"));
        assert_eq!(frazil_table::storage::identity(&one), frazil_table::storage::identity(&other));
    }
}

pub async fn the_iceberg_crate_reads_and_writes_the_same_files(subject: Subject) {
    let Subject { storage, root, .. } = &subject;
    let (io, path) = (storage.file_io(), format!("{root}/by iceberg"));
    let mut writer = io.new_output(&path).unwrap().writer().await.unwrap();
    writer.write(digits(100)).await.unwrap();
    writer.write(digits(50)).await.unwrap();
    writer.close().await.unwrap();
    assert_eq!(storage.size(&path).await.unwrap(), 150);
    let input = io.new_input(&path).unwrap();
    assert!(input.exists().await.unwrap());
    assert_eq!(input.reader().await.unwrap().read(100..150).await.unwrap(), digits(50));
    assert!(io.delete(&path).await.is_err(), "nothing is deleted this way");
}

/// Makes a test of everything that a store has to do. `$make` is an async function that gives a [`Subject`].
#[macro_export]
macro_rules! store_contract {
    ($($name:ident => $make:expr),+ $(,)?) => {
        $($crate::store_contract_of!(
            $name, $make,
            what_was_written_is_read_back,
            awkward_names_are_kept_as_they_are,
            deep_folders_and_long_names_are_reached,
            ranges_come_in_the_order_asked_for,
            large_and_distant_ranges_are_complete,
            the_end_of_a_file_comes_with_its_size,
            an_empty_file_is_a_file,
            a_missing_file_is_named_and_a_folder_is_none,
            a_range_beyond_the_end_means_that_the_metadata_lies,
            listings_of_many_files_are_complete_and_sorted,
            many_reads_at_once_do_not_mix,
            what_is_read_ahead_is_what_is_read,
            other_spellings_lead_to_the_same_file,
            the_iceberg_crate_reads_and_writes_the_same_files,
        );)+
    };
}

/// Part of [`store_contract!`].
#[macro_export]
macro_rules! store_contract_of {
    ($name:ident, $make:expr, $($check:ident),+ $(,)?) => {
        mod $name {
            $(
                #[tokio::test]
                async fn $check() {
                    super::contract::$check($make.await).await;
                }
            )+
        }
    };
}

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const LIMITS: AheadLimits = AheadLimits { bytes_max: 1_000, whole_file_bytes_max: 100, tail_bytes: 10, n_parallel: 4 };

/// Counts requests; every file is made of its index.
#[derive(Clone, Default)]
struct Store {
    n_requests: Arc<AtomicUsize>,
    n_at_once: Arc<AtomicUsize>,
    n_at_once_max: Arc<AtomicUsize>,
}

impl Store {
    async fn fetch(self, path: Arc<str>, range: Range<u64>) -> Result<Held> {
        self.n_requests.fetch_add(1, Ordering::SeqCst);
        let n = self.n_at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.n_at_once_max.fetch_max(n, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.n_at_once.fetch_sub(1, Ordering::SeqCst);
        let byte = path.parse::<u8>().map_err(crate::TableError::invalid)?;
        let bytes = vec![byte; usize::try_from(range.end - range.start).unwrap()];
        Ok(Held { start: range.start, bytes: bytes.into(), file_size: range.end })
    }

    fn n_requests(&self) -> usize {
        self.n_requests.load(Ordering::SeqCst)
    }
}

fn start(ahead: &Arc<Ahead>, store: &Store, files: impl IntoIterator<Item = (&'static str, u64)>) -> ReadAhead {
    let files = files.into_iter().map(|(path, size)| (Arc::from(path), size)).collect();
    let store = store.clone();
    ahead.start(files, Box::new(move |path, range| Box::pin(store.clone().fetch(path, range))))
}

async fn held(ahead: &Ahead, path: &str) -> Option<Held> {
    ahead.held(path, Wants::End).await.unwrap()
}

/// Lets the task get as far as it can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn small_files_come_whole_and_of_others_the_end() {
    let (ahead, store) = (Arc::new(Ahead::new(LIMITS)), Store::default());
    let _reading = start(&ahead, &store, [("1", 100), ("2", 101)]);
    settle().await;
    let whole = held(&ahead, "1").await.unwrap();
    assert_eq!((whole.start, whole.file_size, whole.bytes.len()), (0, 100, 100));
    assert_eq!(whole.get(&(90..100)).unwrap(), vec![1; 10]);
    assert_eq!(whole.get(&(90..101)), None);
    let tail = held(&ahead, "2").await.unwrap();
    assert_eq!((tail.start, tail.bytes.len()), (91, 10));
    assert_eq!(tail.suffix(10).unwrap().len(), 10);
    assert_eq!(tail.suffix(11), None);
    assert_eq!(tail.get(&(0..1)), None);
    assert!(held(&ahead, "3").await.is_none());
}

#[tokio::test]
async fn the_first_file_comes_alone_and_the_others_together_within_the_limit() {
    let (ahead, store) = (Arc::new(Ahead::new(LIMITS)), Store::default());
    let _reading = start(&ahead, &store, [("1", 10), ("2", 10), ("3", 10), ("4", 10), ("5", 10), ("6", 10), ("7", 10)]);
    settle().await;
    assert_eq!(store.n_requests(), 0, "the reader has not begun");
    assert!(held(&ahead, "1").await.is_some());
    settle().await;
    assert_eq!(store.n_requests(), 7);
    assert_eq!(store.n_at_once_max.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn after_a_failure_nothing_more_is_asked_for() {
    let (ahead, store) = (Arc::new(Ahead::new(LIMITS)), Store::default());
    let _reading = start(&ahead, &store, [("x", 10), ("2", 10), ("3", 10)]);
    assert!(ahead.held("x", Wants::End).await.is_err());
    settle().await;
    assert_eq!(store.n_requests(), 1);
}

#[tokio::test]
async fn no_more_is_held_than_allowed_and_readers_that_go_on_make_room() {
    let files: Vec<(&str, u64)> = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"]
        .into_iter()
        .map(|path| (path, 100))
        .collect();
    let (ahead, store) = (Arc::new(Ahead::new(LIMITS)), Store::default());
    let _reading = start(&ahead, &store, files);
    assert!(held(&ahead, "1").await.is_some());
    settle().await;
    assert_eq!(store.n_requests(), 10);
    assert_eq!(held(&ahead, "1").await.unwrap().bytes[0], 1);
    assert_eq!(held(&ahead, "4").await.unwrap().bytes[0], 4);
    settle().await;
    assert_eq!(store.n_requests(), 13);
    assert!(held(&ahead, "1").await.is_none(), "it made room");
    assert_eq!(held(&ahead, "13").await.unwrap().bytes[0], 13);
}

#[tokio::test]
async fn what_was_read_stays_while_there_is_room_and_is_not_fetched_again() {
    let (ahead, store) = (Arc::new(Ahead::new(LIMITS)), Store::default());
    let reading = start(&ahead, &store, [("1", 100), ("2", 100)]);
    assert!(held(&ahead, "1").await.is_some());
    settle().await;
    drop(reading);
    let _reading = start(&ahead, &store, [("1", 100), ("2", 100), ("3", 100)]);
    assert!(held(&ahead, "1").await.is_some());
    settle().await;
    assert!(held(&ahead, "3").await.is_some());
    assert_eq!(store.n_requests(), 3);
    assert!(held(&ahead, "1").await.is_some());
}

#[tokio::test]
async fn a_reader_that_ends_ends_its_requests_and_leaves_no_room_taken() {
    let (ahead, store) = (Arc::new(Ahead::new(LIMITS)), Store::default());
    for _ in 0..5 {
        let reading = start(&ahead, &store, (1..=20).map(|_| ("1", 100)).chain([("2", 90), ("3", 90)]));
        tokio::task::yield_now().await;
        drop(reading);
    }
    let _reading = start(&ahead, &store, [("4", 100), ("5", 100)]);
    settle().await;
    assert!(held(&ahead, "4").await.is_some() && held(&ahead, "5").await.is_some());
}

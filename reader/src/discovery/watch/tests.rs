#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use frazil_table::storage::Storage;
use tokio::sync::{Semaphore, mpsc};

use super::*;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Time passes when the test says so: each pause that is let pass ends at once.
#[derive(Debug)]
struct Steps {
    passes: Semaphore,
    pauses: mpsc::UnboundedSender<Duration>,
}

impl Clock for Steps {
    fn now_ms(&self) -> i64 {
        0
    }

    fn sleep<'s, 'a>(&'s self, duration: Duration) -> Boxed<'a, ()>
    where
        's: 'a,
        Self: 'a,
    {
        Box::pin(async move {
            self.pauses.send(duration).ok();
            self.passes.acquire().await.unwrap().forget();
        })
    }
}

/// Answers looks with the next of its answers, and counts them. Without an answer it never answers.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<frazil_table::Result<Option<Table>>>>,
    n_asked: AtomicU64,
    n_loaded: AtomicU64,
    /// Stays alive as long as the poller does.
    first: Mutex<Option<Table>>,
}

impl TableSource for Scripted {
    fn name(&self) -> &str {
        "db.t"
    }

    fn load<'s, 'a>(&'s self) -> Boxed<'a, frazil_table::Result<Table>>
    where
        's: 'a,
        Self: 'a,
    {
        self.n_loaded.fetch_add(1, Ordering::SeqCst);
        let table = self.first.lock().unwrap().clone().unwrap();
        Box::pin(async move { Ok(table) })
    }

    fn load_if_changed<'s, 't, 'a>(&'s self, _current: &'t Table) -> Boxed<'a, frazil_table::Result<Option<Table>>>
    where
        's: 'a,
        't: 'a,
        Self: 'a,
    {
        self.n_asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}

/// A table with so many columns, to tell states apart.
fn table(n: i32) -> Table {
    let fields: Vec<_> =
        (1..=n).map(|id| format!(r#"{{"id": {id}, "name": "c{id}", "required": false, "type": "long"}}"#)).collect();
    let metadata = format!(
        r#"{{"format-version": 2, "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1", "location": "memory://t",
        "last-sequence-number": 0, "last-updated-ms": 1, "last-column-id": {n}, "current-schema-id": 0,
        "schemas": [{{"type": "struct", "schema-id": 0, "fields": [{}]}}], "default-spec-id": 0,
        "partition-specs": [{{"spec-id": 0, "fields": []}}], "last-partition-id": 999, "default-sort-order-id": 0,
        "sort-orders": [{{"order-id": 0, "fields": []}}], "properties": {{}}}}"#,
        fields.join(", ")
    );
    let (metadata, foreign) = frazil_table::parse_metadata(metadata.as_bytes(), "v1.metadata.json").unwrap();
    Table::new("db.t", metadata, format!("memory://t/v{n}.metadata.json"), Storage::local(), foreign).unwrap()
}

fn state(looked: &Looked) -> &str {
    looked.as_ref().unwrap().metadata_location()
}

fn unavailable() -> frazil_table::Result<Option<Table>> {
    Err(TableError::Storage { path: "s3://b/t".to_owned(), source: "down".into() })
}

struct Setup {
    catalog: CatalogWatch,
    clock: Arc<Steps>,
    source: Arc<Scripted>,
    pauses: mpsc::UnboundedReceiver<Duration>,
}

fn setup(answers: Vec<frazil_table::Result<Option<Table>>>, settings: WatchSettings) -> Setup {
    let (sender, pauses) = mpsc::unbounded_channel();
    let clock = Arc::new(Steps { passes: Semaphore::new(0), pauses: sender });
    let source = Scripted { answers: Mutex::new(answers.into()), ..Scripted::default() };
    *source.first.lock().unwrap() = Some(table(1));
    Setup { catalog: CatalogWatch::new(settings, clock.clone()), clock, source: Arc::new(source), pauses }
}

/// Far apart: nothing happens but what the test lets pass.
fn slow() -> WatchSettings {
    WatchSettings { interval_max: Duration::from_secs(3600), ..WatchSettings::default() }
}

#[tokio::test]
async fn looks_are_told_to_all_who_watch_and_one_poller_looks_for_them() {
    let mut setup = setup(vec![Ok(None), Ok(Some(table(2)))], slow());
    let mut first = setup.catalog.load(setup.source.clone()).await.unwrap();
    let mut second = setup.catalog.load(setup.source.clone()).await.unwrap();
    assert_eq!(setup.source.n_loaded.load(Ordering::SeqCst), 1);
    for expected in ["memory://t/v1.metadata.json", "memory://t/v2.metadata.json"] {
        setup.pauses.recv().await.unwrap();
        setup.clock.passes.add_permits(1);
        let (first, second) = (first.next().await, second.next().await);
        assert_eq!([state(&first), state(&second)], [expected; 2]);
    }
    assert_eq!(setup.source.n_asked.load(Ordering::SeqCst), 2);
    // Who comes later knows at once.
    assert_eq!(first.clone().newest().metadata_location(), "memory://t/v2.metadata.json");
}

#[tokio::test]
async fn a_hint_is_followed_by_a_look_at_once() {
    let mut setup = setup(vec![Ok(Some(table(2))), Ok(None)], slow());
    let mut watch = setup.catalog.load(setup.source.clone()).await.unwrap();
    setup.pauses.recv().await.unwrap();
    // No time passes.
    watch.hints().committed(None);
    assert_eq!(state(&watch.next().await), "memory://t/v2.metadata.json");
    setup.pauses.recv().await.unwrap();
    watch.hints().notify();
    watch.hints().notify();
    assert_eq!(state(&watch.next().await), "memory://t/v2.metadata.json");
    assert_eq!(setup.source.n_asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_failure_is_told_and_looking_goes_on() {
    let mut setup = setup(vec![unavailable(), Ok(Some(table(2)))], slow());
    let mut watch = setup.catalog.load(setup.source.clone()).await.unwrap();
    assert_eq!(watch.look().await.unwrap_err().code(), "STORAGE_UNAVAILABLE");
    assert_eq!(watch.newest().metadata_location(), "memory://t/v1.metadata.json");
    setup.pauses.recv().await.unwrap();
    setup.clock.passes.add_permits(1);
    assert_eq!(state(&watch.next().await), "memory://t/v2.metadata.json");
}

#[tokio::test]
async fn what_is_asked_for_is_a_look_that_begins_later() {
    let setup = setup(vec![Ok(None), Ok(Some(table(2)))], slow());
    let mut watch = setup.catalog.load(setup.source.clone()).await.unwrap();
    let mut other = watch.clone();
    assert_eq!(state(&watch.look().await), "memory://t/v1.metadata.json");
    // The other one has not heard of that look, and asks for one all the same.
    assert_eq!(state(&other.look().await), "memory://t/v2.metadata.json");
}

#[tokio::test]
async fn the_poller_ends_with_the_last_who_watches_even_within_a_look() {
    let setup = setup(Vec::new(), slow());
    let mut watch = setup.catalog.load(setup.source.clone()).await.unwrap();
    let hints = watch.hints();
    {
        let mut look = pin!(watch.look());
        let mut context = Context::from_waker(Waker::noop());
        while setup.source.n_asked.load(Ordering::SeqCst) == 0 {
            assert!(matches!(look.as_mut().poll(&mut context), Poll::Pending));
            tokio::task::yield_now().await;
        }
    }
    let source = Arc::downgrade(&setup.source);
    drop((watch, setup.source));
    while source.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
    // Nobody is there who could follow it.
    hints.notify();
}

#[tokio::test]
async fn tables_share_the_budget_of_their_catalog() {
    let settings = WatchSettings { requests_per_second: 1, ..slow() };
    let mut setup = setup(vec![Ok(None), Ok(None)], settings);
    let mut watch = setup.catalog.load(setup.source.clone()).await.unwrap();
    setup.pauses.recv().await.unwrap();
    watch.look().await.unwrap();
    let interval = setup.pauses.recv().await.unwrap();
    assert!(interval > Duration::from_secs(60), "{interval:?}");
    // The budget of this second is used up: what is asked for now has to wait, although it is asked for at once.
    watch.hints().notify();
    let pause = setup.pauses.recv().await.unwrap();
    assert!(pause <= Duration::from_secs(1), "{pause:?}");
    setup.clock.passes.add_permits(1);
    watch.next().await.unwrap();
}

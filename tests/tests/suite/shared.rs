//! Scans that several consumers share: each gets what a stream of its own gives, and nobody waits for the others longer
//! than the buffer allows.

mod fixtures;
mod limits;
mod schedules;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use frazil_reader::discovery::{CatalogWatch, TableWatch, WatchSettings};
use frazil_reader::shared::{Next, SharedStream};
use frazil_reader::{ChangeStream, Event, Position, ReadError, ReadOptions, StreamHeader, read_changes};
use frazil_table::catalog::TableSource;
use frazil_table::filter::Filter;
use frazil_table::{SystemClock, Table, TableError};

use crate::positions::{Item, difference, push};

const LONG: Duration = Duration::from_secs(60);

/// A table whose newest state is what a test says.
#[derive(Debug)]
struct Growing {
    newest: Mutex<Table>,
    is_away: AtomicBool,
}

impl Growing {
    fn set(&self, table: Table) {
        *self.newest.lock().unwrap() = table;
    }
}

#[async_trait]
impl TableSource for Growing {
    fn name(&self) -> &str {
        "growing"
    }

    async fn load(&self) -> Result<Table, TableError> {
        Ok(self.newest.lock().unwrap().clone())
    }

    async fn load_if_changed(&self, current: &Table) -> Result<Option<Table>, TableError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(TableError::invalid("the catalog is away"));
        }
        let newest = self.newest.lock().unwrap().clone();
        Ok((newest.metadata_location() != current.metadata_location()).then_some(newest))
    }
}

/// Watches a table that is looked at when a test says so.
fn watch(table: Table) -> (Arc<Growing>, TableWatch) {
    let source = Arc::new(Growing { newest: Mutex::new(table.clone()), is_away: AtomicBool::new(false) });
    let settings = WatchSettings { interval_max: Duration::from_secs(24 * 3600), ..WatchSettings::default() };
    let watch = CatalogWatch::new(settings, Arc::new(SystemClock)).watch(source.clone(), table);
    (source, watch)
}

fn filter(sql: &str) -> Option<Filter> {
    Some(Filter::parse(sql).unwrap())
}

fn columns(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

/// What a consumer has got: rows and markers in their order, positions at the ends of snapshots, and its error.
#[derive(Debug)]
struct Got {
    items: Vec<Item>,
    positions: Vec<String>,
    error: Option<String>,
    announced: SchemaRef,
}

impl Got {
    fn new(header: &StreamHeader) -> Self {
        Self { items: Vec::new(), positions: Vec::new(), error: None, announced: header.schema.clone() }
    }

    fn push(&mut self, event: Event, position: Option<Position>) {
        match &event {
            Event::Changes(batch) => {
                assert!(batch.rows.num_rows() > 0 && batch.rows.num_rows() == batch.operations.len());
                assert_eq!(batch.rows.schema(), self.announced, "a batch has another schema than was announced");
            }
            Event::SchemaChange { schema, .. } => self.announced = schema.clone(),
            Event::SnapshotEnd { .. } => self.positions.push(position.unwrap().to_string()),
            _ => {}
        }
        push(&mut self.items, event);
    }

    fn fail(&mut self, error: &ReadError) {
        self.error = Some(format!("{error:?}"));
    }

    fn difference_to(&self, expected: &Self) -> Option<String> {
        difference(&self.items, &expected.items).or_else(|| {
            let is_same = self.positions == expected.positions && self.error == expected.error;
            (!is_same).then(|| {
                let n = self.positions.iter().zip(&expected.positions).take_while(|(one, other)| one == other).count();
                let position = |got: &Self| got.positions.get(n).map(|text| text.parse::<Position>());
                format!(
                    "position {n} is {:?}, expected {:?}; error {:?}, expected {:?}",
                    position(self),
                    position(expected),
                    self.error,
                    expected.error
                )
            })
        })
    }
}

/// Takes all that a stream of its own has.
async fn drain(stream: &mut ChangeStream, got: &mut Got) {
    loop {
        match stream.next().await {
            Ok(Some(event)) => got.push(event, stream.position()),
            Ok(None) => return,
            Err(error) => return got.fail(&error),
        }
    }
}

/// What a consumer gets that reads alone.
async fn alone(table: &Table, options: ReadOptions) -> Result<Got, ReadError> {
    let mut stream = read_changes(table, options).await?;
    let mut got = Got::new(stream.header());
    drain(&mut stream, &mut got).await;
    Ok(got)
}

/// A consumer of a shared scan.
struct Consumer {
    stream: SharedStream,
    got: Got,
    is_over: bool,
}

impl Consumer {
    fn new(stream: SharedStream) -> Self {
        let got = Got::new(stream.header());
        Self { stream, got, is_over: false }
    }

    /// Takes the next event. Gives up, by dropping the future, when others have had their turn so often.
    async fn poll(&mut self, n_turns: usize) {
        let next = tokio::select! {
            biased;
            next = self.stream.next_or_idle() => next,
            () = turns(n_turns) => return,
        };
        match next {
            Ok(Next::Event(event)) => self.got.push(event, self.stream.position()),
            Ok(Next::Idle) => {}
            Ok(Next::End) => self.is_over = true,
            Err(error) => {
                self.got.fail(&error);
                self.is_over = true;
            }
        }
    }

    /// Takes all that the table has, whether or not more may come.
    async fn drain(&mut self, watch: &mut TableWatch) {
        watch.look().await.unwrap();
        loop {
            match tokio::time::timeout(LONG, self.stream.next_or_idle()).await.expect("an event or a look") {
                Ok(Next::Event(event)) => self.got.push(event, self.stream.position()),
                Ok(Next::Idle) => return,
                Ok(Next::End) => self.is_over = true,
                Err(error) => {
                    self.got.fail(&error);
                    return;
                }
            }
            if self.is_over {
                return;
            }
            watch.hints().notify();
        }
    }
}

/// Lets other tasks run so often.
async fn turns(n: usize) {
    for _ in 0..n {
        tokio::task::yield_now().await;
    }
}

//! Reading fixture tables through the product, into canonical rows.

use std::sync::Arc;

use frazil_fixtures::{CanonicalRow, FixtureTable, Located, Rows, Schema};
use frazil_reader::{
    ChangelogOperation, Event, ReadError, ReadOptions, RowsOptions, SnapshotInfo, StreamHeader, read_changes, read_rows,
};
use frazil_table::Table;
use frazil_table::catalog::{TableLocator, load_table};
use frazil_table::storage::{PathMap, Storage};

use crate::canonical;

/// A storage that finds the unpacked fixtures at the paths which the tables store.
pub fn storage() -> Storage {
    Storage::local().with_path_map(PathMap::parse(&FixtureTable::path_maps()).unwrap())
}

/// The table as a user would name it first: by its catalog if it has one.
pub fn locator(fixture: &FixtureTable) -> TableLocator {
    match &fixture.located {
        // The metastore itself is for the live tests.
        Located::Folder | Located::Hive { .. } => TableLocator::Path(fixture.folder.display().to_string()),
        Located::Sqlite { database, catalog, namespace } => TableLocator::Sql {
            uri: format!("sqlite:{}", database.display()),
            catalog: Some(catalog.clone()),
            namespace: vec![namespace.clone()],
            table: fixture.name.clone(),
        },
    }
}

/// Loads a fixture table.
pub async fn open(fixture: &FixtureTable) -> Table {
    load_table(&locator(fixture), &storage())
        .await
        .unwrap_or_else(|error| panic!("{} cannot be loaded: {error:?}", fixture.label()))
}

/// Why no rows came.
#[derive(Debug)]
pub enum Failure {
    /// The product said so.
    Read(ReadError),
    /// What it delivered is not of the schema.
    Wrong(String),
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<String> for Failure {
    fn from(wrong: String) -> Self {
        Self::Wrong(wrong)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(error) => write!(f, "read failed: {error} ({error:?})"),
            Self::Wrong(wrong) => f.write_str(wrong),
        }
    }
}

/// All rows of one state; `schema` is what their columns must be.
pub async fn rows(table: &Table, schema: &Schema, options: RowsOptions) -> Result<Rows, Failure> {
    let mut stream = read_rows(table, options).await?;
    let announced = Arc::clone(stream.schema());
    let mut rows = Rows::default();
    while let Some(batch) = stream.next().await? {
        if batch.schema() != announced {
            return Err(Failure::Wrong("a batch has another schema than the stream".to_owned()));
        }
        canonical::rows_of(&batch, schema)?.into_iter().for_each(|row| rows.insert(row));
    }
    Ok(rows)
}

/// One change, and in which batch of the stream it came.
#[derive(Debug, Clone)]
pub struct Change {
    pub operation: ChangelogOperation,
    pub row: CanonicalRow,
    pub snapshot: Arc<SnapshotInfo>,
    pub batch: usize,
}

/// A change stream, read to its end.
#[derive(Debug)]
pub struct Stream {
    pub header: StreamHeader,
    pub items: Vec<Item>,
    /// What ended it.
    pub outcome: Result<(), Failure>,
}

/// What a change stream delivered.
#[derive(Debug, Clone)]
pub enum Item {
    SchemaChange { snapshot: Arc<SnapshotInfo>, from: i32, to: i32 },
    Change(Change),
    End { snapshot: Arc<SnapshotInfo>, snapshot_watermark_ms: i64 },
}

impl Stream {
    /// The changes alone.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.items.iter().filter_map(|item| match item {
            Item::Change(change) => Some(change),
            _ => None,
        })
    }
}

/// Reads all changes; an error before the header is an error, a later one ends the stream.
pub async fn changes(table: &Table, fixture: &FixtureTable, options: ReadOptions) -> Result<Stream, Failure> {
    let mut stream = read_changes(table, options).await?;
    let header = stream.header().clone();
    let mut collected = Stream { header: header.clone(), items: Vec::new(), outcome: Ok(()) };
    // Deletes that have their key alone are NULL in all other columns, required or not.
    let schema_of = |id: i32| match header.exact_before {
        true => fixture.schema(id.into()).clone(),
        false => nullable(fixture.schema(id.into())),
    };
    let mut schema = schema_of(header.schema_id);
    let mut announced = header.schema.clone();
    let mut n_batches = 0;
    loop {
        let event = match stream.next().await {
            Ok(Some(event)) => event,
            Ok(None) => return Ok(collected),
            Err(error) => {
                collected.outcome = Err(Failure::Read(error));
                return Ok(collected);
            }
        };
        match event {
            Event::SchemaChange { snapshot, from, to, schema: next } => {
                schema = schema_of(to);
                announced = next;
                collected.items.push(Item::SchemaChange { snapshot, from, to });
            }
            Event::KeyChange { .. } => {}
            Event::Truncate { .. } | Event::Gap { .. } | Event::Rollback { .. } => {
                panic!("a table of the fixtures has no gap")
            }
            Event::SnapshotEnd { snapshot, snapshot_watermark_ms } => {
                collected.items.push(Item::End { snapshot, snapshot_watermark_ms });
            }
            Event::Changes(batch) => {
                if batch.rows.schema() != announced {
                    return Err(Failure::Wrong("a batch has another schema than was announced".to_owned()));
                }
                let rows = canonical::rows_of(&batch.rows, &schema)?;
                if rows.is_empty() || rows.len() != batch.operations.len() {
                    return Err(Failure::Wrong(format!("{} kinds for {} rows", batch.operations.len(), rows.len())));
                }
                let changes = batch.operations.iter().zip(rows).map(|(operation, row)| {
                    let snapshot = Arc::clone(&batch.snapshot);
                    Item::Change(Change { operation: *operation, row, snapshot, batch: n_batches })
                });
                collected.items.extend(changes);
                n_batches += 1;
            }
        }
    }
}

/// Applies all changes, with `at_end` called for the rows that each snapshot leaves.
pub async fn fold(
    table: &Table,
    schema: &Schema,
    options: ReadOptions,
    mut at_end: impl FnMut(&SnapshotInfo, &Rows) -> Result<(), String>,
) -> Result<Rows, Failure> {
    let mut stream = read_changes(table, options).await?;
    let mut fold = Rows::default();
    while let Some(event) = stream.next().await? {
        match event {
            Event::SchemaChange { from, to, .. } => {
                return Err(Failure::Wrong(format!("the schema changes from {from} to {to}")));
            }
            Event::KeyChange { .. } => {}
            Event::Truncate { .. } | Event::Gap { .. } | Event::Rollback { .. } => {
                panic!("a table of the fixtures has no gap")
            }
            Event::SnapshotEnd { snapshot, .. } => at_end(&snapshot, &fold)?,
            Event::Changes(batch) => {
                for (operation, row) in batch.operations.iter().zip(canonical::rows_of(&batch.rows, schema)?) {
                    if operation.adds() {
                        fold.insert(row);
                    } else if !fold.remove(&row) {
                        return Err(Failure::Wrong(format!("{} of a row that is not there: {row}", operation.short())));
                    }
                }
            }
        }
    }
    Ok(fold)
}

fn nullable(schema: &Schema) -> Schema {
    let mut schema = schema.clone();
    schema.fields.iter_mut().for_each(|field| field.required = false);
    schema
}

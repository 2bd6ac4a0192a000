//! `frazil demo`: the changes of a table that Flink upserted into, and of one that is being upserted into and
//! compacted right now, each checked against the table itself.

mod compaction;
mod live;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use flate2::read::GzDecoder;
use frazil_reader::{Event, ReadOptions, RowsOptions, SchemaMode, read_changes, read_rows};
use frazil_table::Table;
use frazil_table::catalog::{TableLocator, load_table};
use frazil_table::storage::{PathMap, Storage};
use serde_json::json;
use tempfile::TempDir;

use self::compaction::Compaction;
use self::live::Live;
use crate::args::{DemoArgs, GlobalArgs};
use crate::error::CliError;
use crate::format::table::Table as TableText;
use crate::format::value::NamedWriter;
use crate::format::{Content, Sink};
use crate::output::{Look, Output};

/// Metadata and data files of an upsert table, written by Flink: two writers, equality and position deletes.
static ARCHIVE: &[u8] = include_bytes!("../../fixtures/demo/upsert_v2.tar.gz");

/// Where its writer put it: the paths in its metadata begin with this.
const STORED_FOLDER: &str = "/tmp/iceberg-fixtures/flink/fx";

/// Its folder's name.
const NAME: &str = "upsert_v2";

/// Runs the command.
///
/// # Errors
/// [`CliError::CheckFailed`] if the folded changes are not the table; else what reading and writing give.
pub(crate) async fn run(args: &DemoArgs, global: &GlobalArgs) -> Result<(), CliError> {
    let folder = unpack()?;
    let table = load(folder.path()).await?;
    let folded = fold(&table, global).await?;
    let (n_changes, n_snapshots) = (folded.n_changes, folded.n_snapshots);
    let n_rows = compare(&table, folded.rows).await?;
    say(global, &format!("\n{}\n", checked(n_changes, n_snapshots, n_rows)))?;

    let live = Live::run(args.seconds, global).await?;
    let (live_changes, live_snapshots) = (live.folded.n_changes, live.folded.n_snapshots);
    let live_rows = compare(&live.table, live.folded.rows).await?;
    say(global, &format!("\n{}", checked(live_changes, live_snapshots, live_rows)))?;
    let (data_files, delete_files) = live.compactions.last().map(Compaction::left).unwrap_or_default();
    let n_compactions = live.compactions.len();
    say(
        global,
        &format!("{n_compactions} compactions meanwhile left {data_files} data files and {delete_files} delete files"),
    )?;
    if global.json {
        let compactions: Vec<_> = live.compactions.iter().map(Compaction::json).collect();
        let result = json!({
            "written_by_flink": { "changes": n_changes, "snapshots": n_snapshots, "rows": n_rows },
            "written_meanwhile": { "changes": live_changes, "snapshots": live_snapshots, "rows": live_rows },
            "compactions": compactions,
            "data_files": data_files,
            "delete_files": delete_files,
            "equal": true,
        });
        Output::stdout().put(format!("{result}\n").as_bytes())?;
    }
    Ok(())
}

fn checked(n_changes: u64, n_snapshots: u64, n_rows: u64) -> String {
    format!("check: {n_changes} changes of {n_snapshots} snapshots fold to exactly the table's {n_rows} rows")
}

/// A line for people.
fn say(global: &GlobalArgs, text: &str) -> Result<(), CliError> {
    if global.json { Ok(()) } else { Output::stdout().put(format!("{text}\n").as_bytes()) }
}

fn unpack() -> Result<TempDir, CliError> {
    let failed = |path: PathBuf| move |source| CliError::Temporary { path, source };
    let folder = tempfile::Builder::new().prefix("frazil-demo-").tempdir().map_err(failed(std::env::temp_dir()))?;
    let path = folder.path().to_owned();
    tar::Archive::new(GzDecoder::new(ARCHIVE)).unpack(&path).map_err(failed(path))?;
    Ok(folder)
}

async fn load(folder: &Path) -> Result<Table, CliError> {
    let map = PathMap::parse(&[format!("{STORED_FOLDER}={}", folder.display())])?;
    let location = folder.join(NAME).display().to_string();
    Ok(load_table(&TableLocator::Path(location), &Storage::local().with_path_map(map)).await?)
}

/// What all changes together come to.
#[derive(Default)]
struct Folded {
    /// How often each row is there. A row is its JSON text, which is exact for every type.
    rows: HashMap<Vec<u8>, i64>,
    n_changes: u64,
    n_snapshots: u64,
}

/// Reads the changes of the whole history, shows them, and applies them to an empty table.
async fn fold(table: &Table, global: &GlobalArgs) -> Result<Folded, CliError> {
    // Images of different schemas could not be compared.
    let options = ReadOptions { schema: SchemaMode::PinnedToEnd, ..ReadOptions::default() };
    let mut stream = read_changes(table, options).await?;
    let header = stream.header();
    let mut screen = (!global.json)
        .then(|| TableText::new(Output::stdout(), &header.schema, Content::Changes, Look::of_stdout(), false));
    if let Some(screen) = &mut screen {
        let key = header.key.join(", ");
        screen.note(&format!("A table that two Flink writers upsert into, by its key ({key}):"))?;
        screen.note("what each of their commits changed, with the row before and after each update.\n")?;
    }
    let mut folded = Folded::default();
    while let Some(event) = stream.next().await? {
        folded.take(&event, screen.as_mut())?;
    }
    Ok(folded)
}

impl Folded {
    /// Applies what an event brings, and shows it.
    fn take(&mut self, event: &Event, screen: Option<&mut TableText>) -> Result<(), CliError> {
        match event {
            Event::Changes(batch) => {
                for (row, operation) in rows_of(&batch.rows)?.into_iter().zip(&batch.operations) {
                    *self.rows.entry(row).or_default() += if operation.adds() { 1 } else { -1 };
                    self.n_changes += 1;
                }
                if let Some(screen) = screen {
                    screen.changes(batch)?;
                }
            }
            Event::SnapshotEnd { .. } => self.n_snapshots += 1,
            // Nobody rolls the tables of the demo back, or lets their snapshots expire.
            Event::SchemaChange { .. }
            | Event::KeyChange { .. }
            | Event::Truncate { .. }
            | Event::Gap { .. }
            | Event::Rollback { .. } => {}
        }
        Ok(())
    }
}

/// Takes the rows of the table's head from what the changes came to. Returns how many they are.
async fn compare(table: &Table, mut folded: HashMap<Vec<u8>, i64>) -> Result<u64, CliError> {
    let mut stream = read_rows(table, RowsOptions::default()).await?;
    let mut n_rows = 0;
    while let Some(batch) = stream.next().await? {
        for row in rows_of(&batch)? {
            *folded.entry(row).or_default() -= 1;
            n_rows += 1;
        }
    }
    let mut different: Vec<_> = folded.into_iter().filter(|(_, n)| *n != 0).collect();
    different.sort();
    match different.first() {
        None => Ok(n_rows),
        Some((row, n)) => Err(CliError::CheckFailed(format!(
            "the folded changes differ from the table in {} rows, such as {} ({n} times more often than in the table)",
            different.len(),
            String::from_utf8_lossy(row)
        ))),
    }
}

fn rows_of(batch: &RecordBatch) -> Result<Vec<Vec<u8>>, CliError> {
    let schema = batch.schema_ref();
    let members: Vec<NamedWriter<'_>> = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| NamedWriter::new(field, column.as_ref()))
        .collect::<Result<_, _>>()?;
    let row = |row| {
        let mut text = Vec::new();
        for member in &members {
            member.write_json(row, &mut text);
            text.push(b' ');
        }
        text
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn global() -> GlobalArgs {
        GlobalArgs { json: true, ..GlobalArgs::default() }
    }

    #[tokio::test]
    async fn the_shipped_table_folds_to_its_rows() {
        let folder = unpack().unwrap();
        let table = load(folder.path()).await.unwrap();
        let folded = fold(&table, &global()).await.unwrap();
        assert_eq!(folded.n_snapshots, 9);
        assert_eq!(compare(&table, folded.rows).await.unwrap(), 62);
    }

    #[tokio::test]
    async fn a_change_too_many_or_too_few_fails_the_check() {
        let folder = unpack().unwrap();
        let table = load(folder.path()).await.unwrap();
        let folded = fold(&table, &global()).await.unwrap().rows;
        let row = folded.iter().find(|(_, n)| **n == 1).unwrap().0.clone();
        for n in [0, 2] {
            let mut changed = folded.clone();
            changed.insert(row.clone(), n);
            assert_eq!(compare(&table, changed).await.unwrap_err().code(), "CHECK_FAILED");
        }
    }
}

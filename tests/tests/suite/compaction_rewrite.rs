//! File groups of tables that other engines wrote, rewritten: the rows that the engine reads, and where each went.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use frazil_compactor::{
    FileGroup, GroupInput, GroupResult, InputReason, RewriteSettings, SortRows, Verify, rewrite_group,
};
use frazil_fixtures::{CanonicalRow, FixtureTable, Rows, Schema, Snapshot, Value, tables};
use frazil_table::deletes::{DeleteIndex, FileDeletes, GroupDeletes, KeySetLimit, LiveRows};
use frazil_table::file::{ColumnMetrics, FileEntry, WrittenFile};
use frazil_table::manifest::live_files;
use frazil_table::scan::{FileReader, Projection, RowSelect};
use frazil_table::{Table, TableError, parse_metadata};
use tempfile::TempDir;

use crate::fixtures::wait;
use crate::report::Report;
use crate::{canonical, read};

const MIB: u64 = 1 << 20;

/// The size of row groups that nothing in the fixtures comes near.
const LARGE: u64 = 128 * MIB;

/// A fixture table whose new files go to a folder of their own.
async fn open(fixture: &FixtureTable, outputs: &TempDir, row_group_bytes: u64) -> Table {
    let table = read::open(fixture).await;
    let mut json = serde_json::to_value(table.metadata()).unwrap();
    json["properties"]["write.data.path"] = outputs.path().display().to_string().into();
    json["properties"]["write.format.default"] = "parquet".into();
    // With whole bounds of text, nothing is copied.
    json["properties"]["write.metadata.metrics.default"] = "truncate(16)".into();
    json["properties"]["write.parquet.row-group-size-bytes"] = row_group_bytes.to_string().into();
    let location = table.metadata_location();
    let (metadata, _) = parse_metadata(json.to_string().as_bytes(), location).unwrap();
    let (storage, foreign) = (table.storage().clone(), table.foreign_fields().clone());
    Table::new(fixture.label(), metadata, location, storage, foreign).unwrap()
}

fn settings() -> RewriteSettings {
    RewriteSettings {
        sort: SortRows::WriteOrder,
        verify: Verify::Checksum,
        memory_limit_bytes: 256 * MIB,
        part: 0,
        attempt: 0,
    }
}

/// All live data files of a snapshot, by spec and partition.
async fn groups(table: &Table, snapshot_id: i64, target_file_size_bytes: u64) -> Result<Vec<FileGroup>, TableError> {
    let snapshot = table.metadata().snapshot_by_id(snapshot_id).unwrap();
    let files = live_files(table, snapshot).await?;
    let index = DeleteIndex::new(table, &files.deletes)?;
    let mut by_partition: BTreeMap<_, Vec<Arc<FileEntry>>> = BTreeMap::new();
    for file in files.data {
        by_partition.entry((file.spec_id.get(), file.partition.clone())).or_default().push(file);
    }
    let groups = by_partition.into_values().enumerate().map(|(id, mut files)| {
        files.sort_by_key(|file| (file.data_sequence_number, file.order));
        FileGroup {
            id: u32::try_from(id).unwrap(),
            spec_id: files[0].spec_id,
            partition: files[0].partition.clone(),
            data_sequence_number: files.iter().map(|file| file.data_sequence_number).max().unwrap(),
            target_file_size_bytes,
            inputs: files
                .into_iter()
                .map(|file| GroupInput { deletes: index.for_file(table, &file), file, reason: InputReason::All })
                .collect(),
        }
    });
    Ok(groups.collect())
}

fn projection(table: &Table) -> Projection {
    let projection = Projection::of_schema(table, table.metadata().current_schema()).unwrap();
    if has_lineage(table) { projection.with_lineage() } else { projection }
}

fn has_lineage(table: &Table) -> bool {
    table.metadata().format_version() as u8 >= 3
}

fn entry(group: &FileGroup, file: &WrittenFile) -> Arc<FileEntry> {
    let like = &group.inputs[0].file;
    Arc::new(FileEntry {
        path: file.path.clone(),
        format: file.format,
        record_count: file.record_count,
        file_size_bytes: file.file_size_bytes,
        metrics: file.metrics.clone(),
        first_row_id: None,
        ..(**like).clone()
    })
}

/// Rows of a file in their order, none of them left out.
async fn stored_rows(table: &Table, file: &Arc<FileEntry>, schema: &Schema) -> Result<Vec<CanonicalRow>, String> {
    let reader = FileReader::open(table, file).await.map_err(|error| error.to_string())?;
    let mut batches = reader.read(&projection(table), RowSelect::default(), 1000);
    let mut rows = Vec::new();
    while let Some(batch) = batches.next().await.map_err(|error| error.to_string())? {
        rows.extend(canonical::rows_of(&batch.batch, schema)?);
    }
    Ok(rows)
}

/// Live rows of the inputs with their files and positions.
async fn live_rows(
    table: &Table,
    group: &FileGroup,
    schema: &Schema,
) -> Result<Vec<(String, u64, CanonicalRow)>, String> {
    let text = |error: TableError| error.to_string();
    let files: Vec<_> = group.inputs.iter().map(|input| (input.file.clone(), input.deletes.clone())).collect();
    let deletes = GroupDeletes::load(table, &files, KeySetLimit { bytes_max: MIB }).await.map_err(text)?;
    let deletes = Arc::new(deletes);
    let mut rows = Vec::new();
    for (file, _) in &files {
        let mut live = LiveRows::open(table, file, deletes.clone(), &projection(table), RowSelect::default(), 1000)
            .await
            .map_err(text)?;
        while let Some(batch) = live.next().await.map_err(text)? {
            for (index, row) in canonical::rows_of(&batch.batch, schema)?.into_iter().enumerate() {
                rows.push((file.key().to_owned(), batch.positions.get(index).unwrap(), row));
            }
        }
    }
    Ok(rows)
}

/// What the engine reads, and each row where the map says.
async fn check(table: &Table, group: &FileGroup, result: &GroupResult, schema: &Schema) -> Result<Rows, String> {
    let mut outputs = Vec::new();
    for file in &result.outputs {
        if file.record_count == 0 {
            return Err(format!("an empty file, {}", file.path));
        }
        outputs.push(stored_rows(table, &entry(group, file), schema).await?);
    }
    let live = live_rows(table, group, schema).await?;
    let n_stored: u64 = outputs.iter().map(|rows| rows.len() as u64).sum();
    if n_stored != live.len() as u64 || n_stored != result.n_rows_read - result.n_rows_deleted {
        return Err(format!("{n_stored} rows are stored, {} are live, {result:?}", live.len()));
    }
    let map = result.rows.as_ref().unwrap();
    let mut seen = HashSet::new();
    for (key, position, row) in &live {
        let places = map.translate(key, &[*position].into_iter().collect()).ok_or("an input has no map")?;
        let [(output, positions)] = places.as_slice() else { return Err(format!("a row is at {places:?}")) };
        let at = positions.min().unwrap();
        if outputs[*output].get(usize::try_from(at).unwrap()) != Some(row) || !seen.insert((*output, at)) {
            return Err(format!("{key} {position} is not at {output} {at}"));
        }
    }
    Ok(outputs.into_iter().flatten().collect())
}

/// Rows of some groups, rewritten and checked; also what came of each group.
async fn rewritten(
    table: &Table,
    fixture: &FixtureTable,
    groups: &[FileGroup],
) -> Result<(Rows, Vec<GroupResult>), String> {
    let mut schema = fixture.schema(fixture.current_schema_id).clone();
    if has_lineage(table) {
        schema = schema.with_lineage();
    }
    let (mut rows, mut results) = (Rows::default(), Vec::new());
    for group in groups {
        let result = rewrite_group(table, group, &settings()).await.map_err(|error| format!("{error:?}"))?;
        check(table, group, &result, &schema).await?.iter().for_each(|row| rows.insert(row.clone()));
        results.push(result);
    }
    Ok((rows, results))
}

/// The group that the outputs of a group make.
fn group_of_outputs(group: &FileGroup, result: &GroupResult) -> FileGroup {
    let input =
        |file| GroupInput { file: entry(group, file), deletes: FileDeletes::default(), reason: InputReason::All };
    FileGroup { inputs: result.outputs.iter().map(input).collect(), ..group.clone() }
}

fn compare(report: &mut Report, place: &str, fixture: &FixtureTable, snapshot: &Snapshot, rows: &Rows) {
    report.count("rows", rows.len());
    let lineage = ["_row_id", "_last_updated_sequence_number"];
    let plain: Rows = rows.iter().map(|row| row.clone().without(&lineage)).collect();
    let expected = fixture.expected_rows_in_current_schema(snapshot);
    report.check(place, plain.difference_to(&expected).map_or(Ok(()), Err));
    if snapshot.schema_id == fixture.current_schema_id
        && let Some(expected) = fixture.expected_lineage(snapshot)
    {
        report.count("snapshots with lineage", 1);
        report.check(place, rows.difference_to(&expected).map_or(Ok(()), Err));
    }
}

#[test]
fn rewritten_groups_hold_the_rows_that_the_engine_reads() {
    let mut report = Report::new("rewritten file groups");
    for fixture in tables() {
        report.count("tables", 1);
        for snapshot in &fixture.snapshots {
            report.count("snapshots", 1);
            let place = format!("{} at {}", fixture.label(), snapshot.snapshot_id);
            // Every batch gets a file, or all of them one.
            let target = if snapshot.sequence_number % 2 == 0 { 1 } else { 512 * MIB };
            let outputs = TempDir::new().unwrap();
            let outcome = wait(async {
                let table = open(fixture, &outputs, LARGE).await;
                let groups = groups(&table, snapshot.snapshot_id, target).await.map_err(|e| e.to_string())?;
                rewritten(&table, fixture, &groups).await
            });
            match outcome {
                Err(failure) => report.fail(&place, failure),
                Ok((rows, results)) => {
                    report.count("groups", results.len());
                    compare(&mut report, &place, fixture, snapshot, &rows);
                    if results.iter().any(|result| result.n_row_groups_copied > 0) {
                        report.fail(&place, "small row groups were copied");
                    }
                }
            }
        }
    }
    report.finish();
}

/// A size of row groups, of which the row groups of the fixtures have a quarter.
const SMALL: u64 = 400;

#[test]
fn copied_row_groups_are_as_good_as_decoded_ones() {
    let mut report = Report::new("copied row groups");
    for fixture in tables() {
        let Some(snapshot) = fixture.snapshots.last() else { continue };
        report.count("tables", 1);
        let place = format!("{} at {}", fixture.label(), snapshot.snapshot_id);
        let outputs = TempDir::new().unwrap();
        let outcome = wait(async {
            let (large, small) = (open(fixture, &outputs, LARGE).await, open(fixture, &outputs, SMALL).await);
            let groups = groups(&large, snapshot.snapshot_id, 512 * MIB).await.map_err(|error| error.to_string())?;
            let (_, decoded) = rewritten(&large, fixture, &groups).await?;
            let (rows, copied) = rewritten(&small, fixture, &groups).await?;
            // Files of ours, which also have lineage.
            let (groups, of_ours) = groups
                .iter()
                .zip(decoded.clone())
                .filter(|(_, decoded)| !decoded.outputs.is_empty())
                .map(|(group, decoded)| (group_of_outputs(group, &decoded), decoded))
                .unzip::<_, _, Vec<_>, Vec<_>>();
            let (again, copied_again) = rewritten(&small, fixture, &groups).await?;
            let n_files: usize = groups.iter().map(|group| group.inputs.len()).sum();
            let n_copied: u64 = copied_again.iter().map(|again| again.n_row_groups_copied).sum();
            report.count("files of ours", n_files);
            report.count("row groups of ours", usize::try_from(n_copied).unwrap());
            if let Some(difference) = again.difference_to(&rows) {
                return Err(difference);
            }
            Ok::<_, String>((rows, [decoded, of_ours].concat(), [copied, copied_again].concat()))
        });
        let (rows, decoded, copied) = match outcome {
            Ok(outcome) => outcome,
            Err(failure) => {
                report.fail(&place, failure);
                continue;
            }
        };
        compare(&mut report, &place, fixture, snapshot, &rows);
        for (decoded, copied) in decoded.iter().zip(&copied) {
            report.count("row groups", usize::try_from(copied.n_row_groups_copied).unwrap());
            for (decoded, copied) in decoded.outputs.iter().zip(&copied.outputs) {
                report.check(&place, same_metrics(&decoded.metrics, &copied.metrics));
                report.count("bounds of decoded columns", decoded.metrics.lower_bounds.len());
                report.count("bounds", copied.metrics.lower_bounds.len());
            }
        }
    }
    let [n_copied, n_ours, n_files] =
        ["row groups", "row groups of ours", "files of ours"].map(|what| report.total(what));
    report.finish();
    // Some are too small, some tables want bloom filters.
    assert!(n_copied > 100 && n_ours * 10 > n_files * 9, "hardly anything was copied");
}

/// The bound, but for the sign of a zero, which Parquet's statistics do not have.
fn unsigned(bound: &[u8]) -> &[u8] {
    match bound {
        [0, 0, 0, 0x80] => &[0; 4],
        [0, 0, 0, 0, 0, 0, 0, 0x80] => &[0; 8],
        other => other,
    }
}

/// What is said of the copy is right, though it may be less.
fn same_metrics(decoded: &ColumnMetrics, copied: &ColumnMetrics) -> Result<(), String> {
    let counts = [(&decoded.value_counts, &copied.value_counts), (&decoded.null_counts, &copied.null_counts)]
        .into_iter()
        .find_map(|(decoded, copied)| copied.iter().find(|(id, n)| decoded.get(id) != Some(n)));
    if let Some(wrong) = counts {
        return Err(format!("{wrong:?} is not so, {decoded:?}"));
    }
    let nan = copied.nan_counts.iter().find(|(id, n_nan)| decoded.nan_counts.get(id) != Some(n_nan));
    let bound = [(&decoded.lower_bounds, &copied.lower_bounds), (&decoded.upper_bounds, &copied.upper_bounds)]
        .into_iter()
        .find_map(|(decoded, copied)| {
            copied.iter().find(|(id, bound)| decoded.get(id).map(|bound| unsigned(bound)) != Some(unsigned(bound)))
        });
    match (nan, bound) {
        (None, None) => Ok(()),
        wrong => Err(format!("{wrong:?} is not so, {decoded:?}")),
    }
}

/// A table that is to be sorted by its first column: by tens, those of each ten descending.
async fn open_sorted(fixture: &FixtureTable, outputs: &TempDir) -> Table {
    let table = open(fixture, outputs, LARGE).await;
    let mut json = serde_json::to_value(table.metadata()).unwrap();
    let id = table.metadata().current_schema().as_struct().fields()[0].id;
    let field = |transform: &str, direction: &str, nulls: &str| serde_json::json!({"transform": transform, "source-id": id, "direction": direction, "null-order": nulls});
    json["sort-orders"] = serde_json::json!([{"order-id": 7, "fields": [
        field("truncate[10]", "asc", "nulls-last"), field("identity", "desc", "nulls-last")]}]);
    json["default-sort-order-id"] = 7.into();
    let location = table.metadata_location();
    let (metadata, _) = parse_metadata(json.to_string().as_bytes(), location).unwrap();
    let (storage, foreign) = (table.storage().clone(), table.foreign_fields().clone());
    Table::new(fixture.label(), metadata, location, storage, foreign).unwrap()
}

#[test]
fn sorted_outputs_are_in_the_order_of_the_table() {
    let mut report = Report::new("sorted outputs");
    for fixture in tables() {
        let Some(snapshot) = fixture.snapshots.last() else { continue };
        let mut schema = fixture.schema(fixture.current_schema_id).clone();
        let is_long = |value: &Value| matches!(value, Value::Integer(_) | Value::Null);
        let expected = fixture.expected_rows_in_current_schema(snapshot);
        if !expected.iter().all(|row| is_long(&row.0[0].1)) {
            continue;
        }
        report.count("tables", 1);
        let outputs = TempDir::new().unwrap();
        let outcome = wait(async {
            let table = open_sorted(fixture, &outputs).await;
            if has_lineage(&table) {
                schema = schema.clone().with_lineage();
            }
            // Little memory: sorted in several parts.
            let settings = RewriteSettings { sort: SortRows::TableOrder, memory_limit_bytes: 100_000, ..settings() };
            let mut all = Rows::default();
            for group in groups(&table, snapshot.snapshot_id, 512 * MIB).await.map_err(|e| e.to_string())? {
                let result = rewrite_group(&table, &group, &settings).await.map_err(|error| format!("{error:?}"))?;
                if result.rows.is_some() {
                    return Err("sorted rows have a map".to_owned());
                }
                for file in &result.outputs {
                    let rows = stored_rows(&table, &entry(&group, file), &schema).await?;
                    let keys: Vec<_> = rows.iter().map(|row| order(&row.0[0].1)).collect();
                    if !keys.is_sorted() || file.sort_order_id != Some(7) {
                        return Err(format!("{:?} {keys:?}", file.sort_order_id));
                    }
                    report.count("outputs", 1);
                    rows.into_iter().for_each(|row| all.insert(row));
                }
            }
            Ok::<_, String>(all)
        });
        match outcome {
            Err(failure) => report.fail(fixture.label(), failure),
            Ok(rows) => compare(&mut report, &fixture.label(), fixture, snapshot, &rows),
        }
    }
    report.finish();
}

/// By tens, descending within each, nulls last.
fn order(value: &Value) -> (bool, i128, i128) {
    match value {
        Value::Integer(number) => {
            let number = i128::from(*number);
            (false, number.div_euclid(10), -number)
        }
        _ => (true, 0, 0),
    }
}

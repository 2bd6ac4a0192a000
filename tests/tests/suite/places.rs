//! Streams that are cut after every batch: they go on with the very next row.

use arrow_array::RecordBatch;
use frazil_fixtures::tables;
use frazil_reader::{Event, Mode, ReadOptions, read_changes};
use frazil_table::Table;

use crate::fixtures::wait;
use crate::read;
use crate::report::Report;

/// What happened, with the rows if some came. Rows are compared as such: the text of a schema is in no certain order.
type Line = (String, Option<RecordBatch>);

fn line(event: &Event) -> Line {
    match event {
        Event::Changes(batch) => (format!("{:?} {:?}", batch.snapshot, batch.operations), Some(batch.rows.clone())),
        Event::SchemaChange { snapshot, from, to, .. } => (format!("{snapshot:?} {from} {to}"), None),
        other => (format!("{other:?}"), None),
    }
}

/// Cuts of one stream: after each, all of its snapshot is computed anew.
const N_CUTS_MAX: usize = 12;

/// What a stream delivers, one line for each row or other event, and its error. After the first batches of
/// the first snapshots it is cut, and goes on with batches of another size.
async fn story(table: &Table, options: ReadOptions, is_cut: bool, report: &mut Report) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut n_cuts, mut n_in_snapshot) = (0, 0);
    let mut stream = match read_changes(table, options).await {
        Ok(stream) => stream,
        Err(error) => return vec![(error.to_string(), None)],
    };
    loop {
        match stream.next().await {
            Ok(None) => return lines,
            Ok(Some(Event::Changes(batch))) => {
                for (row, operation) in batch.operations.iter().enumerate() {
                    lines.push((format!("{} {operation:?}", batch.snapshot.ordinal), Some(batch.rows.slice(row, 1))));
                }
                n_in_snapshot += 1;
                if is_cut && n_in_snapshot <= 3 && n_cuts < N_CUTS_MAX {
                    n_cuts += 1;
                    report.count("cuts", 1);
                    stream.set_batch_rows(1 + lines.len() % 7);
                }
            }
            Ok(Some(event)) => {
                n_in_snapshot = 0;
                lines.push(line(&event));
            }
            Err(error) => {
                lines.push((error.to_string(), None));
                return lines;
            }
        }
    }
}

/// Everything that readers could change: what comes, in which order, and in which batches.
#[test]
fn several_readers_deliver_the_same_events_as_one() {
    let mut report = Report::new("readers");
    for fixture in tables() {
        let table = wait(read::open(fixture));
        for mode in [Mode::Append, Mode::Upsert, Mode::Changelog, Mode::Net] {
            let options = |readers| ReadOptions { mode, readers, batch_rows: 100, ..ReadOptions::default() };
            let expected = wait(events(&table, options(1)));
            report.count("events", expected.len());
            for readers in [2, 7] {
                let got = wait(events(&table, options(readers)));
                if got != expected {
                    let n = got.iter().zip(&expected).take_while(|(one, other)| one == other).count();
                    let what = format!("{:?} after {n} events, expected {:?}", got.get(n), expected.get(n));
                    report.fail(format!("{} {mode:?} {readers} readers", fixture.label()), what);
                }
            }
        }
    }
    report.finish();
}

/// Every event as it comes, and the error at the end.
async fn events(table: &Table, options: ReadOptions) -> Vec<Line> {
    let mut events = Vec::new();
    let mut stream = match read_changes(table, options).await {
        Ok(stream) => stream,
        Err(error) => return vec![(error.to_string(), None)],
    };
    loop {
        match stream.next().await {
            Ok(None) => return events,
            Ok(Some(event)) => events.push(line(&event)),
            Err(error) => {
                events.push((error.to_string(), None));
                return events;
            }
        }
    }
}

#[test]
fn a_stream_that_is_cut_after_every_batch_delivers_what_an_undisturbed_one_does() {
    let mut report = Report::new("cut streams");
    for fixture in tables() {
        let table = wait(read::open(fixture));
        for mode in [Mode::Append, Mode::Upsert, Mode::Changelog, Mode::Net] {
            let options = ReadOptions { mode, batch_rows: 7, ..ReadOptions::default() };
            let expected = wait(story(&table, ReadOptions { batch_rows: 8192, ..options.clone() }, false, &mut report));
            report.count("lines", expected.len());
            let cut = wait(story(&table, options, true, &mut report));
            if cut != expected {
                let n = cut.iter().zip(&expected).take_while(|(one, other)| one == other).count();
                let what = format!("{:?} after {n} lines, expected {:?}", cut.get(n), expected.get(n));
                report.fail(format!("{} {mode:?}", fixture.label()), what);
            }
        }
    }
    assert!(report.total("cuts") > 1000);
    report.finish();
}

//! Reads of a small table, for finding out whether a change made them slower. Ratios to a bare decode, to Flink
//! and memory are what the program `side_by_side` measures.
//!
//! `FRAZIL_BENCH_SHORT=1` measures for as short a time as CI can spare.

use std::time::Duration;

use anyhow::{Result, ensure};
use criterion::{Criterion, Throughput};
use frazil_benches::data::{DataFolder, DeleteScope, Events, small_commits};
use frazil_benches::events::KeyColumn;
use frazil_benches::subject::{self, BareInput, Found, Probe};
use frazil_benches::table::ManifestMerging;

fn main() -> Result<()> {
    let is_short = std::env::var_os("FRAZIL_BENCH_SHORT").is_some();
    let (n_rows, n_commits) = if is_short { (200_000, 100) } else { (1_000_000, 200) };
    let criterion = Criterion::default().without_plots();
    let criterion = if is_short {
        criterion.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1))
    } else {
        criterion.sample_size(20)
    };
    let mut criterion = criterion.configure_from_args();
    reads(&mut criterion, n_rows)?;
    newest_append(&mut criterion, n_commits)?;
    criterion.final_summary();
    Ok(())
}

fn reads(criterion: &mut Criterion, n_rows: i64) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let events = Events::new(DataFolder::default(), n_rows, 4, 1)?;
    let appended = runtime.block_on(subject::load(&events.appended()?))?;
    let by_position = runtime.block_on(subject::load(&events.deleted_by_position(DeleteScope::File)?))?;
    let keys = events.keys(KeyColumn::Id, n_rows / 10);
    let by_key = runtime.block_on(subject::load(&events.deleted_by_key(KeyColumn::Id, n_rows / 10)?))?;
    let files = runtime.block_on(subject::files(&appended))?;
    let probe = runtime.block_on(Probe::new(&by_key))?;
    // An error would look like a fast read.
    let counts = [
        subject::bare_decode(&files, BareInput::File)? == runtime.block_on(subject::append(&appended))?,
        totals(runtime.block_on(subject::rows(&by_position, None))?) == events.live_under_positions(),
        totals(runtime.block_on(subject::rows(&by_key, None))?) == events.live_under_keys(keys),
        i64::try_from(runtime.block_on(subject::semi_join(&by_key))?.1)? == keys.n_hits(),
        i64::try_from(probe.run()?.1)? == keys.n_hits(),
    ];
    ensure!(counts.iter().all(|is_right| *is_right), "reads have found wrong rows: {counts:?}");

    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Elements(u64::try_from(n_rows)?));
    group.bench_function("bare decode", |bencher| bencher.iter(|| subject::bare_decode(&files, BareInput::File)));
    group.bench_function("append", |bencher| bencher.iter(|| runtime.block_on(subject::append(&appended))));
    group.bench_function("position deletes", |bencher| {
        bencher.iter(|| runtime.block_on(subject::rows(&by_position, None)));
    });
    group.bench_function("equality deletes", |bencher| {
        bencher.iter(|| runtime.block_on(subject::rows(&by_key, None)));
    });
    group.bench_function("semi-join", |bencher| bencher.iter(|| runtime.block_on(subject::semi_join(&by_key))));
    group.bench_function("look-up of keys", |bencher| bencher.iter(|| probe.run()));
    group.finish();
    Ok(())
}

fn totals(found: Found) -> (u64, i64) {
    (found.n_rows, found.id_sum)
}

fn newest_append(criterion: &mut Criterion, n_commits: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let path = small_commits(&DataFolder::default(), n_commits, ManifestMerging::At(100))?;
    let found = runtime.block_on(subject::newest_append(&path))?.found;
    ensure!(found.n_rows > 0, "the newest append has no rows");
    criterion.bench_function("newest append", |bencher| {
        bencher.iter(|| runtime.block_on(subject::newest_append(&path)));
    });
    Ok(())
}

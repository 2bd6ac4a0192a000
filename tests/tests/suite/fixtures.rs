//! Every snapshot of every table that other engines wrote: rows, changes, the fold of the whole stream.

mod bounds;
mod change_sets;
mod columns;
mod conditions;
mod find;
mod fold;
mod history;
mod replace;
mod rows;

use std::future::Future;

use frazil_fixtures::{FileFormat, FixtureTable, tables};
use frazil_reader::ReadOptions;

/// Tables that can be read in full.
pub fn readable() -> impl Iterator<Item = &'static FixtureTable> {
    tables().iter().filter(|table| table.format == FileFormat::Parquet)
}

/// Tables whose data files are in a format that is not read yet.
fn unreadable() -> impl Iterator<Item = &'static FixtureTable> {
    tables().iter().filter(|table| table.format != FileFormat::Parquet)
}

pub fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn on_branch(branch: &str) -> ReadOptions {
    ReadOptions { branch: branch.to_owned(), ..ReadOptions::default() }
}

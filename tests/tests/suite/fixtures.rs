//! Every snapshot of every table that other engines wrote: rows, changes, the fold of the whole stream.

mod bounds;
mod change_sets;
mod columns;
mod conditions;
mod find;
mod fold;
mod history;
mod inline;
mod modes;
mod replace;
mod rows;

use std::future::Future;

use frazil_reader::ReadOptions;

pub fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn on_branch(branch: &str) -> ReadOptions {
    ReadOptions { branch: branch.to_owned(), ..ReadOptions::default() }
}

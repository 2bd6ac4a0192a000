//! Damaged, incomplete and lying tables; requests that no table can answer; a store that fails.
//!
//! Whatever is wrong, the outcome is an error of a fitting kind, in one line, that names the file and the cause;
//! never a panic, and never rows left out in silence.

pub mod copy;
mod cuts;
mod flips;
mod lies;
mod metadata;
mod missing;
mod regressions;
mod requests;
mod store;

use std::future::Future;

use frazil_reader::ReadError;
use frazil_table::TableError;

use crate::read::Failure;

/// An error must fit on a screen, whatever the file holds.
const MESSAGE_CHARACTERS_MAX: usize = 2_000;

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The table's error, if that is what ended a read.
fn table_error<T>(outcome: Result<T, Failure>) -> Result<TableError, String> {
    match outcome {
        Err(Failure::Read(ReadError::Table(error))) => Ok(error),
        Err(other) => Err(format!("{other}")),
        Ok(_) => Err("was read".to_owned()),
    }
}

/// Checks what every error message must be: one line of moderate length that holds `names`.
fn check_message(error: &TableError, names: &[&str]) -> Result<(), String> {
    let message = error.to_string();
    if message.is_empty() || message.contains(char::is_control) {
        return Err(format!("no single line: {message:?}"));
    }
    if message.chars().count() > MESSAGE_CHARACTERS_MAX {
        return Err(format!("too long: {message}"));
    }
    match names.iter().find(|name| !message.contains(**name)) {
        Some(name) => Err(format!("`{name}` is not named: {message}")),
        None => Ok(()),
    }
}

/// The file is corrupt, and the message says which, and why.
///
/// # Panics
/// It is another error, or none.
fn assert_corrupt<T>(outcome: Result<T, Failure>, file: &str, cause: &[&str]) {
    let error = table_error(outcome).unwrap();
    match &error {
        TableError::Corrupt { path, .. } => assert!(path.contains(file), "another file is blamed: {error}"),
        _ => panic!("another error: {error:?}"),
    }
    check_message(&error, cause).unwrap();
}

/// What is used is not supported, and the message says where, and what.
///
/// # Panics
/// It is another error, or none.
fn assert_unsupported<T>(outcome: Result<T, Failure>, file: &str, cause: &[&str]) {
    let error = table_error(outcome).unwrap();
    match &error {
        TableError::Unsupported { path, .. } => assert!(path.contains(file), "another file is blamed: {error}"),
        _ => panic!("another error: {error:?}"),
    }
    check_message(&error, cause).unwrap();
}

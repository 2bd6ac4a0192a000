//! Deletes files that are proved to be in no snapshot. The only place that deletes anything of a table.

use std::borrow::Cow;

use async_recursion::async_recursion as boxed;
use tracing::{info, warn};

use crate::storage::{Storage, canonical};

/// Deletes data and delete files that were written for a commit and are in none: those of a change that was left out of
/// it, or of one that ended as a conflict or an error. Never those of a commit whose outcome is unknown.
#[boxed]
pub async fn delete_unused(storage: &Storage, table: &str, files: &[String]) {
    delete_uncommitted(storage, table, files).await;
}

/// Deletes metadata files that the log of the metadata has dropped, after the commit that dropped them was proved made.
/// Only those beside `current`: a log names whatever its writer put there.
pub(super) async fn delete_old_metadata(storage: &Storage, table: &str, current: &str, files: &[String]) {
    for file in files.iter().filter(|file| file.ends_with(".metadata.json") && folder(file) == folder(current)) {
        match storage.delete(file).await {
            Ok(()) => info!(table, file, "metadata deleted that is remembered no more"),
            Err(error) => warn!(table, file, %error, "old metadata was not deleted"),
        }
    }
}

fn folder(path: &str) -> Option<Cow<'_, str>> {
    path.rsplit_once('/').map(|(folder, _)| canonical(folder))
}

/// Deletes the files of tries that were not committed. What cannot be deleted stays, and is told: it is nobody's, and
/// the sweep for orphans finds it.
///
/// `files` must be proved unreferenced: their commit was refused, or they are not listed by the one that was made.
pub(super) async fn delete_uncommitted(storage: &Storage, table: &str, files: &[String]) {
    let mut left = Vec::new();
    for file in files {
        if let Err(error) = storage.delete(file).await {
            left.push(file.as_str());
            warn!(table, file, %error, "uncommitted file was not deleted");
        }
    }
    if !files.is_empty() {
        info!(
            table,
            n_files_deleted = files.len() - left.len(),
            n_files_left = left.len(),
            "uncommitted files deleted"
        );
    }
}

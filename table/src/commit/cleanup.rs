//! Deletes metadata files that are proved to be in no snapshot. The only place that deletes anything of a table.

use tracing::{info, warn};

use crate::storage::Storage;

/// Deletes the files of tries that were not committed. What cannot be deleted stays, and is told: it is nobody's, and
/// the sweep for orphans finds it.
///
/// `files` must be proved unreferenced: their commit was refused, or they are not listed by the one that was made.
pub(super) async fn delete_uncommitted(storage: &Storage, table: &str, files: &[String]) {
    let mut left = Vec::new();
    for file in files {
        if let Err(error) = storage.delete(file).await {
            left.push(file.as_str());
            warn!(table, file, %error, "uncommitted metadata file was not deleted");
        }
    }
    if !files.is_empty() {
        info!(
            table,
            n_files_deleted = files.len() - left.len(),
            n_files_left = left.len(),
            "uncommitted metadata deleted"
        );
    }
}

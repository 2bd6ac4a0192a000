//! Commits to tables without a catalog: the next version is claimed by creating its file, which one of several who
//! try can do. Source: Iceberg spec, "File System Tables".

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use super::{ENDINGS, HINT_FILE, absolute, is_file, locate, newest_in};
use crate::commit::PendingCommit;
use crate::commit::metadata_file::{MetadataFile, next_version, version_of};
use crate::commit::target::{CommitBase, CommitTarget, SwapAnswer, lock_name_of_location};
use crate::commit::update::{MetadataUpdate, Requirement};
use crate::commit::{NewTable, document};
use crate::storage::{CreateAnswer, Storage};
use crate::{Clock, Result, SystemClock, TableError, metadata};

/// A table that is a folder with `vN.metadata.json`.
#[derive(Debug)]
struct PathTarget {
    place: String,
    name: String,
    storage: Storage,
    lock_name: String,
    clock: Arc<dyn Clock>,
    /// The store has shown that it does not create a file where there is one.
    has_put_if_absent: OnceCell<()>,
}

/// Where commits to the table at `path` go; `name` is the table's, for messages.
///
/// # Errors
/// As loading it; [`TableError::Unsupported`] if its folder is not of the kind that can be written.
pub(in crate::catalog) async fn target(path: &str, name: &str, storage: &Storage) -> Result<Arc<dyn CommitTarget>> {
    let place = absolute(path)?;
    if is_file(&place) {
        return Err(TableError::unsupported(name, "a single metadata file can only be read; name the table's folder"));
    }
    let (base, _) = load(&place, name, storage).await?;
    let location = base.table.metadata_location();
    if version_of(location).is_none() {
        return Err(TableError::unsupported(
            name,
            format!(
                "`{location}` is written by a catalog, which alone knows the table's state, so that the folder can only be \
                 read; name the table by its catalog"
            ),
        ));
    }
    Ok(Arc::new(PathTarget {
        place,
        name: name.to_owned(),
        storage: storage.clone(),
        lock_name: lock_name_of_location(base.table.metadata().location()),
        clock: Arc::new(SystemClock),
        has_put_if_absent: OnceCell::new(),
    }))
}

async fn load(place: &str, name: &str, storage: &Storage) -> Result<(CommitBase, Storage)> {
    let (location, file_storage) = locate(place, name, storage).await?;
    let (table, document) = metadata::load_document(&file_storage, storage, &location, name).await?;
    Ok((CommitBase { table, document }, file_storage))
}

/// Makes a table at `path`.
///
/// # Errors
/// [`TableError::InvalidRequest`] if there is one; what writing may give.
pub(in crate::catalog) async fn create(path: &str, storage: &Storage, new: NewTable) -> Result<()> {
    let place = absolute(path)?;
    if is_file(&place) {
        return Err(TableError::invalid(format!("`{path}` names a metadata file; name the folder of the new table")));
    }
    let folder = place.trim_end_matches('/');
    if let Some(location) = new.location.as_ref().filter(|location| location.trim_end_matches('/') != folder) {
        let detail = format!("a table without a catalog is where its path says, path=`{path}`, location=`{location}`");
        return Err(TableError::invalid(format!("{detail}; give no location")));
    }
    let there = || TableError::invalid(format!("there is a table already, path=`{path}`; name another folder"));
    for metadata_folder in [format!("{folder}/metadata"), folder.to_owned()] {
        if newest_in(&metadata_folder, storage).await?.is_some() {
            return Err(there());
        }
    }
    let document = new.document(folder)?;
    let location = format!("{folder}/metadata/v1{}", ENDINGS[0]);
    let file = MetadataFile::of(document, location).await?;
    match storage.create_new(&file.location, file.bytes()).await {
        CreateAnswer::Created => {
            write_hint(storage, &format!("{folder}/metadata"), 1).await;
            Ok(())
        }
        CreateAnswer::Exists => Err(there()),
        CreateAnswer::Failed(error) | CreateAnswer::Unknown(error) => Err(error),
    }
}

/// Readers begin there and go on; without it they list the folder.
async fn write_hint(storage: &Storage, folder: &str, version: u64) {
    let written = storage.write(&format!("{folder}/{HINT_FILE}"), Bytes::from(version.to_string())).await;
    if let Err(error) = written {
        tracing::debug!(folder, version, %error, "version hint is not written");
    }
}

impl PathTarget {
    /// The next version's file, in the storage where the base was found. The error is the answer.
    async fn prepare(
        &self,
        base: &CommitBase,
        updates: &[MetadataUpdate],
        requirements: &[Requirement],
    ) -> std::result::Result<(MetadataFile, Storage, u64), SwapAnswer> {
        let location = base.table.metadata_location();
        if let Some(reason) = document::unmet(&base.document, requirements) {
            return Err(SwapAnswer::Refused { reason });
        }
        // A version that was current long ago may have a next one that has been cleaned up, whose name is free.
        let (newest, storage) = locate(&self.place, &self.name, &self.storage).await.map_err(SwapAnswer::Failed)?;
        if newest != location {
            let reason = format!("the table's metadata has moved on, expected=`{location}`, found=`{newest}`");
            return Err(SwapAnswer::Refused { reason });
        }
        let Some((next, version)) = next_version(location, &base.document) else {
            let detail = format!("`{location}` is no `vN.metadata.json`, so that it can only be read");
            return Err(SwapAnswer::Failed(TableError::unsupported(&self.name, detail)));
        };
        let file = self.file(base, updates, next).await.map_err(SwapAnswer::Failed)?;
        self.check_store(&storage, location).await.map_err(SwapAnswer::Failed)?;
        Ok((file, storage, version))
    }

    async fn file(&self, base: &CommitBase, updates: &[MetadataUpdate], location: String) -> Result<MetadataFile> {
        let now_ms = self.clock.now_ms();
        let document: Map<String, Value> =
            document::apply(&base.document, base.table.metadata_location(), updates, now_ms)?;
        MetadataFile::of(document, location).await
    }

    /// Some servers that speak S3 take the condition of a write for a word that they do not know, and write over what
    /// is there. So the first commit puts the current file where it is, with the same content.
    async fn check_store(&self, storage: &Storage, location: &str) -> Result<()> {
        if storage.is_near(location) || storage.is_written_under_lock()? {
            return Ok(());
        }
        let check = || async {
            let bytes = storage.read(location).await?;
            match storage.create_new(location, bytes).await {
                CreateAnswer::Exists => Ok(()),
                CreateAnswer::Created => Err(TableError::unsupported(
                    location,
                    "the store writes over a file where it was told not to, so that two commits at once would lose \
                     one; keep the table in a catalog, or set `storage.written-under-lock` to true if everyone who \
                     commits holds the lock",
                )),
                CreateAnswer::Failed(error) | CreateAnswer::Unknown(error) => Err(error),
            }
        };
        self.has_put_if_absent.get_or_try_init(check).await.map(|&()| ())
    }
}

#[async_trait]
impl CommitTarget for PathTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn lock_name(&self) -> String {
        self.lock_name.clone()
    }

    async fn load(&self) -> Result<CommitBase> {
        load(&self.place, &self.name, &self.storage).await.map(|(base, _)| base)
    }

    async fn swap(&self, base: &CommitBase, updates: &[MetadataUpdate], requirements: &[Requirement]) -> SwapAnswer {
        let (file, storage, version) = match self.prepare(base, updates, requirements).await {
            Ok(prepared) => prepared,
            Err(answer) => return answer,
        };
        match storage.create_new(&file.location, file.bytes()).await {
            CreateAnswer::Created => {
                let folder = file.location.rsplit_once('/').map_or("", |(folder, _)| folder);
                write_hint(&storage, folder, version).await;
                SwapAnswer::Swapped
            }
            CreateAnswer::Exists => {
                SwapAnswer::Refused { reason: format!("another commit came first, metadata_file=`{}`", file.location) }
            }
            CreateAnswer::Failed(error) => SwapAnswer::Failed(error),
            CreateAnswer::Unknown(error) => SwapAnswer::Unknown(error),
        }
    }

    fn is_superseded(&self, pending: &PendingCommit, now: &CommitBase) -> bool {
        pending.base_metadata_location != now.table.metadata_location()
    }
}

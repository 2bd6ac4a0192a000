//! Files that must not be there yet, and files that are no longer needed: what commits ask of a store.

use async_recursion::async_recursion as boxed;
use bytes::Bytes;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use super::Storage;
use super::failure::Failure;
use super::object::Place;
use super::remote::Attempts;
use crate::{Result, TableError};

/// Property by which an operator vouches that whoever commits to tables of this store holds the commit lock.
const UNDER_LOCK: &[&str] = &["storage.written-under-lock"];

/// How the one attempt to create a file ended.
#[derive(Debug)]
#[must_use]
pub enum CreateAnswer {
    /// The file is there, with all of its content.
    Created,
    /// There was one already. It is not of this attempt, which was sent once.
    Exists,
    /// Definitely not created by this attempt.
    Failed(TableError),
    /// It was sent, and what became of it is not known. It may even happen later.
    Unknown(TableError),
}

/// An error from before a request was sent or a file got its name: nothing has happened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotMade(pub(super) std::io::Error);

impl Storage {
    /// Creates a file unless there is one, as one step: nobody sees a part of it, and of several who try one wins.
    /// Sent once; what a store's library would repeat is not repeated.
    ///
    /// Stores without such a step are refused with [`CreateAnswer::Failed`], save where the property
    /// `storage.written-under-lock` is `true`: then it is looked for the file first, which is no step at all, and
    /// right only if nobody else writes at that time.
    #[boxed]
    pub async fn create_new(&self, path: &str, bytes: Bytes) -> CreateAnswer {
        let (place, mode) = match self.prepared(path).await {
            Ok(Some(prepared)) => prepared,
            Ok(None) => return CreateAnswer::Exists,
            Err(error) => return CreateAnswer::Failed(error),
        };
        self.stores.counters.add_request();
        let options = PutOptions { mode, ..PutOptions::default() };
        match place.store.put_opts(&place.key, bytes.into(), options).await {
            Ok(_) => CreateAnswer::Created,
            Err(error) => answer_of(&place, error),
        }
    }

    /// Where to put a file, and how; `None` if it is known to be there.
    async fn prepared(&self, path: &str) -> Result<Option<(Place, PutMode)>> {
        let place = self.place_of(path, Attempts::Once).await?;
        if !self.is_written_under_lock()? {
            return Ok(Some((place, PutMode::Create)));
        }
        Ok((!self.exists(path).await?).then_some((place, PutMode::Overwrite)))
    }

    /// The operator says that whoever commits to tables of this storage holds the commit lock.
    pub(crate) fn is_written_under_lock(&self) -> Result<bool> {
        let flag = self.stores.remote.as_ref().map(|remote| remote.properties().flag(UNDER_LOCK)).transpose()?;
        Ok(flag.flatten().unwrap_or(false))
    }

    /// Deletes a file; one that is not there is no error. Whoever calls this must know that no metadata lists it.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        let place = self.place(path).await?;
        self.stores.counters.add_request();
        match place.store.delete(&place.key).await.map_err(|error| place.error(error)) {
            Err(TableError::FileMissing { .. }) => Ok(()),
            outcome => outcome,
        }
    }
}

fn answer_of(place: &Place, error: object_store::Error) -> CreateAnswer {
    use object_store::Error::{AlreadyExists, NotImplemented, NotModified, NotSupported, Precondition};
    match error {
        // What a condition that does not hold is called depends on the store.
        AlreadyExists { .. } | Precondition { .. } | NotModified { .. } => CreateAnswer::Exists,
        NotImplemented { .. } | NotSupported { .. } => CreateAnswer::Failed(TableError::unsupported(
            &place.shown,
            "the store cannot create a file only where there is none, which commits to tables without a catalog rest \
             on; keep the table in a catalog, or set `storage.written-under-lock` to true if everyone who commits \
             holds the lock",
        )),
        error if is_not_made(&error) => CreateAnswer::Failed(place.error(error)),
        error => CreateAnswer::Unknown(place.error(error)),
    }
}

/// The error says for certain that nothing has been written and nothing will be.
fn is_not_made(error: &object_store::Error) -> bool {
    let causes = || std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source());
    let is_before_it = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<NotMade>()
            || cause.downcast_ref::<HttpError>().is_some_and(|error| error.kind() == HttpErrorKind::Connect)
    };
    causes().any(is_before_it) || Failure::of(error).is_definite_refusal()
}

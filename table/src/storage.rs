//! Bytes at a path: one handle over every kind of store, with ranged and coalesced reads.
//!
//! Whatever this crate reads goes through [`Storage`], so a store given to [`StorageBuilder::store`] sees every
//! request: that is where tests inject faults and delays, and where other kinds of store are added.

mod ahead;
mod answer;
mod azure;
mod clock;
mod create;
mod credentials;
mod failure;
mod gcs;
#[cfg(feature = "hdfs")]
mod hdfs;
mod http;
mod iceberg_io;
mod limits;
mod local;
mod location;
mod object;
mod path_map;
mod properties;
mod ranges;
mod region;
mod remedy;
mod remote;
mod s3;
mod sts;
mod unsupported;
mod upload;
mod vended;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use async_recursion::async_recursion as boxed;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};

pub use ahead::{AheadLimits, ReadAhead};
pub use create::CreateAnswer;
pub use credentials::{CredentialSource, StorageCredential};
pub use limits::StoreLimits;
pub(crate) use location::canonical;
pub use location::identity;
pub use path_map::PathMap;
pub use ranges::RangeLimits;
pub use upload::Upload;

use self::ahead::{Ahead, Held, Wants};
use self::local::LocalStore;
use self::object::{Counters, Place, Target};
use self::properties::Properties;
use self::remote::{Attempts, Remote, Wanted};
use crate::{Result, TableError};

/// A file read at once may have this size at most: such files are metadata, and more of it than this is a
/// file taken for another, or would not leave memory for anything else.
pub const WHOLE_FILE_BYTES_MAX: u64 = 1 << 30;

/// A range of at least this size is checked against the file's size before memory is taken for it, so that
/// metadata that lies cannot exhaust memory.
const SIZE_CHECK_BYTES_MIN: u64 = 32 << 20;

/// Path in the form in which two spellings of one place are equal: `file:/x`, `file:///x` and `/x` become
/// `/x`. Other schemes, and `file:` with a host other than `localhost`, are unchanged.
pub fn normalize(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("file:") else { return path };
    let n_slashes = rest.bytes().take_while(|byte| *byte == b'/').count();
    match n_slashes {
        0 => path,
        2 => match rest.strip_prefix("//localhost") {
            Some(absolute) if absolute.starts_with('/') => absolute,
            _ => path,
        },
        n => rest.get(n - 1..).unwrap_or(rest),
    }
}

/// Every store that paths may point into, by scheme. A cheap handle: clones share stores and counters.
#[derive(Clone, Debug)]
pub struct Storage {
    stores: Arc<Stores>,
    path_map: Arc<PathMap>,
}

#[derive(Debug)]
struct Stores {
    by_scheme: BTreeMap<String, Arc<dyn ObjectStore>>,
    /// Serves the schemes of clouds that are not in `by_scheme`. `None` without properties to do it with.
    remote: Option<Remote>,
    range_limits: Option<RangeLimits>,
    /// For stores behind a network.
    ahead: Arc<Ahead>,
    ahead_limits: AheadLimits,
    counters: Arc<Counters>,
}

/// A file in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// The folder as it was asked for, `/`, and the file's name.
    pub path: String,
    /// Its size.
    pub size: u64,
}

/// What a [`Storage`] and all its clones have asked of their stores so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StorageCounters {
    /// Requests: one for each coalesced range, whole file, size, listing or write.
    pub n_requests: u64,
    /// Bytes of files that came back.
    pub n_bytes_read: u64,
}

impl Storage {
    /// The local file system (`/x`, `file:/x`, `file:///x`), and `memory://`, which is empty at first and
    /// lives as long as this handle or a clone of it.
    pub fn local() -> Self {
        Self::builder().build()
    }

    /// Starts from [`Storage::local`], to add or replace stores.
    pub fn builder() -> StorageBuilder {
        StorageBuilder::default()
    }

    /// The same stores and counters with other replacements of paths; those that were set are dropped.
    #[must_use]
    pub fn with_path_map(&self, path_map: PathMap) -> Self {
        Self { stores: Arc::clone(&self.stores), path_map: Arc::new(path_map) }
    }

    /// The same path map and counters with stores for `s3`, `s3a`, `s3n`, `gs`, `abfs`, `abfss`, `wasb`, `wasbs` and
    /// `hdfs` that are made from these properties when a path first needs them: one for each bucket. Stores
    /// that were given to the builder keep their schemes. Names are those of Iceberg's file IO and of pyiceberg
    /// (`s3.endpoint`, …); a wrong value is found when it is needed. Properties that were set are dropped.
    #[must_use]
    pub fn with_properties(&self, properties: BTreeMap<String, String>) -> Self {
        self.with_remote(self.remote_or_empty(|remote| remote.with_properties(properties)))
    }

    /// Adds credentials that a catalog vends for prefixes of paths; asked again before they expire.
    #[must_use]
    pub fn with_credentials(&self, source: Arc<dyn CredentialSource>) -> Self {
        self.with_remote(self.remote_or_empty(|remote| remote.with_credentials(source, clock::now_ms)))
    }

    /// The same with other limits of requests to stores that are made from properties. What the properties say
    /// of limits goes before these.
    #[must_use]
    pub fn with_store_limits(&self, limits: StoreLimits) -> Self {
        self.with_remote(self.remote_or_empty(|remote| remote.with_limits(limits)))
    }

    fn remote_or_empty(&self, change: impl FnOnce(&Remote) -> Remote) -> Remote {
        match &self.stores.remote {
            Some(remote) => change(remote),
            None => change(&Remote::new(Properties::default(), StoreLimits::default(), None)),
        }
    }

    fn with_remote(&self, remote: Remote) -> Self {
        let stores = Stores {
            by_scheme: self.stores.by_scheme.clone(),
            remote: Some(remote),
            range_limits: self.stores.range_limits,
            ahead: Arc::new(Ahead::new(self.stores.ahead_limits)),
            ahead_limits: self.stores.ahead_limits,
            counters: Arc::clone(&self.stores.counters),
        };
        Self { stores: Arc::new(stores), path_map: Arc::clone(&self.path_map) }
    }

    /// Replacements of paths that every operation applies first.
    pub fn path_map(&self) -> &PathMap {
        &self.path_map
    }

    /// Reads a whole file of [`WHOLE_FILE_BYTES_MAX`] at most.
    ///
    /// # Errors
    /// As [`Storage::read_limited`].
    #[boxed]
    pub async fn read(&self, path: &str) -> Result<Bytes> {
        self.read_limited(path, WHOLE_FILE_BYTES_MAX).await
    }

    /// Reads a whole file, in one request.
    ///
    /// # Errors
    /// [`TableError::FileMissing`]; [`TableError::MemoryLimit`] if the file is larger than `bytes_max`;
    /// [`TableError::Storage`] if the store does not answer; [`TableError::Unsupported`] for a scheme without
    /// a store.
    #[boxed]
    pub async fn read_limited(&self, path: &str, bytes_max: u64) -> Result<Bytes> {
        if let Some(bytes) = self.held(path, Wants::Any).await?.and_then(|held| held.suffix(held.file_size))
            && bytes.len() as u64 <= bytes_max
        {
            return Ok(bytes);
        }
        let place = self.place(path).await?;
        self.stores.counters.add_request();
        let answer = place.store.get(&place.key).await.map_err(|error| place.error(error))?;
        if answer.meta.size > bytes_max {
            return Err(TableError::MemoryLimit {
                needed_bytes: answer.meta.size,
                limit_bytes: bytes_max,
                detail: format!("reading the whole file `{}`", place.shown),
            });
        }
        let bytes = answer.bytes().await.map_err(|error| place.error(error))?;
        self.stores.counters.add_bytes(bytes.len());
        Ok(bytes)
    }

    /// Reads parts of a file. Ranges that are near each other are fetched with one request ([`RangeLimits`]);
    /// the result has one value for each range asked for, in that order. Empty ranges cost nothing.
    ///
    /// # Errors
    /// As [`Storage::read_limited`]; [`TableError::Corrupt`] if a range reaches beyond the end of the file,
    /// since then the metadata that it was taken from does not fit.
    #[boxed]
    pub async fn read_ranges(&self, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        if let Some(held) = self.held(path, Wants::Any).await?
            && let Some(bytes) = ranges.iter().map(|range| held.get(range)).collect()
        {
            return Ok(bytes);
        }
        let place = self.place(path).await?;
        if let Some(range) = ranges.iter().find(|range| range.start > range.end) {
            return Err(TableError::corrupt(&place.shown, format!("range {}..{} is reversed", range.start, range.end)));
        }
        let fetches = ranges::coalesce(ranges, &self.range_limits(&place));
        if fetches.iter().any(|fetch| fetch.end - fetch.start >= SIZE_CHECK_BYTES_MIN) {
            self.check_within_file(&place, &fetches).await?;
        }
        let fetched = match self.fetch(&place, &fetches).await {
            Ok(fetched) => fetched,
            Err(error) => {
                if place.may_be_beyond_end(&error) {
                    // The file's size decides.
                    self.check_within_file(&place, &fetches).await?;
                }
                return Err(place.error(error));
            }
        };
        if fetches.iter().zip(&fetched).any(|(fetch, bytes)| bytes.len() as u64 != fetch.end - fetch.start) {
            self.check_within_file(&place, &fetches).await?;
            return Err(TableError::corrupt(&place.shown, "the store sent fewer bytes than the range has"));
        }
        ranges::slice(ranges, &fetches, &fetched)
            .ok_or_else(|| TableError::internal(format!("ranges of `{}` were not all fetched", place.shown)))
    }

    /// Reads the last `n_bytes` of a file, or all of it if it is shorter, in one request. Also returns the
    /// size of the whole file.
    ///
    /// # Errors
    /// As [`Storage::read_limited`].
    #[boxed]
    pub async fn read_suffix(&self, path: &str, n_bytes: u64) -> Result<(Bytes, u64)> {
        if let Some(held) = self.held(path, Wants::End).await?
            && let Some(bytes) = held.suffix(n_bytes)
        {
            return Ok((bytes, held.file_size));
        }
        let place = self.place(path).await?;
        self.stores.counters.add_request();
        let options = GetOptions { range: Some(GetRange::Suffix(n_bytes)), ..GetOptions::default() };
        let answer = place.store.get_opts(&place.key, options).await.map_err(|error| place.error(error))?;
        let file_size = answer.meta.size;
        let bytes = answer.bytes().await.map_err(|error| place.error(error))?;
        self.stores.counters.add_bytes(bytes.len());
        Ok((bytes, file_size))
    }

    /// Says which files will be read soon, with the sizes that metadata gives, in the order in which they will
    /// be. Where requests take their time, small files are then fetched whole and of others the end, several at
    /// once and within [`AheadLimits`], and what is asked for of them later is answered from that. Files must
    /// not change. Failures show when a file is read. Ends when the result is dropped.
    pub fn read_ahead(&self, files: impl IntoIterator<Item = (Arc<str>, u64)>) -> ReadAhead {
        let files: Vec<_> = files.into_iter().collect();
        if files.first().is_none_or(|(path, _)| self.is_near(path)) {
            return ReadAhead::none();
        }
        let this = self.clone();
        self.stores.ahead.start(files, Box::new(move |path, range| Box::pin(this.clone().fetch_ahead(path, range))))
    }

    async fn fetch_ahead(self, path: Arc<str>, range: Range<u64>) -> Result<Held> {
        let place = self.place(&path).await?;
        self.stores.counters.add_request();
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let answer = place.store.get_opts(&place.key, options).await.map_err(|error| place.error(error))?;
        let (start, file_size) = (answer.range.start, answer.meta.size);
        let bytes = answer.bytes().await.map_err(|error| place.error(error))?;
        self.stores.counters.add_bytes(bytes.len());
        Ok(Held { start, bytes, file_size })
    }

    async fn held(&self, path: &str, wants: Wants) -> Result<Option<Held>> {
        self.stores.ahead.held(path, wants).await
    }

    /// A request costs little: the store is on this machine.
    pub(crate) fn is_near(&self, path: &str) -> bool {
        let stores = &self.stores;
        match object::target(&stores.by_scheme, stores.remote.is_some(), &self.path_map, path) {
            Ok(Target::Place(place)) => place.is_near,
            Ok(Target::Remote { .. }) => false,
            Err(_) => true,
        }
    }

    /// Size of a file in bytes.
    ///
    /// # Errors
    /// As [`Storage::read_limited`].
    #[boxed]
    pub async fn size(&self, path: &str) -> Result<u64> {
        let place = self.place(path).await?;
        self.size_at(&place).await
    }

    /// Whether there is a file at `path`; a folder is none.
    ///
    /// # Errors
    /// As [`Storage::read_limited`], save for a missing file.
    #[boxed]
    pub async fn exists(&self, path: &str) -> Result<bool> {
        match self.size(path).await {
            Ok(_) => Ok(true),
            Err(TableError::FileMissing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Files directly in a folder, sorted by path, without its subfolders. A folder that does not exist has
    /// no files.
    ///
    /// # Errors
    /// As [`Storage::read_limited`], save for a missing file.
    #[boxed]
    pub async fn list(&self, folder: &str) -> Result<Vec<ListedFile>> {
        let place = self.place(folder).await?;
        self.stores.counters.add_request();
        let listed = place.store.list_with_delimiter(Some(&place.key)).await.map_err(|error| place.error(error));
        let listed = match listed {
            Err(TableError::FileMissing { .. }) => return Ok(Vec::new()),
            outcome => outcome?,
        };
        let folder = folder.trim_end_matches('/');
        let mut files: Vec<ListedFile> = listed
            .objects
            .iter()
            .filter_map(|object| {
                let name = object.location.filename()?;
                Some(ListedFile { path: format!("{folder}/{name}"), size: object.size })
            })
            .collect();
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(files)
    }

    /// Names of the folders directly in a folder, sorted. A folder that does not exist has none.
    ///
    /// # Errors
    /// As [`Storage::read_limited`], save for a missing file.
    #[boxed]
    pub async fn list_folders(&self, folder: &str) -> Result<Vec<String>> {
        let place = self.place(folder).await?;
        self.stores.counters.add_request();
        let listed = place.store.list_with_delimiter(Some(&place.key)).await.map_err(|error| place.error(error));
        let listed = match listed {
            Err(TableError::FileMissing { .. }) => return Ok(Vec::new()),
            outcome => outcome?,
        };
        let mut names: Vec<String> =
            listed.common_prefixes.iter().filter_map(|prefix| prefix.filename().map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }

    /// Writes a whole file, over one that may be there.
    ///
    /// # Errors
    /// [`TableError::Storage`] if the store did not confirm it.
    #[boxed]
    pub async fn write(&self, path: &str, bytes: Bytes) -> Result<()> {
        let place = self.place(path).await?;
        self.stores.counters.add_request();
        place.store.put(&place.key, bytes.into()).await.map_err(|error| place.error(error))?;
        Ok(())
    }

    /// The same stores as the iceberg crate wants to see them. Deleting through it is refused.
    pub fn file_io(&self) -> iceberg::io::FileIO {
        iceberg_io::file_io(self.clone())
    }

    /// What was asked of the stores so far.
    pub fn counters(&self) -> StorageCounters {
        self.stores.counters.snapshot()
    }

    async fn place(&self, path: &str) -> Result<Place> {
        self.place_of(path, Attempts::Limited).await
    }

    async fn place_of(&self, path: &str, attempts: Attempts) -> Result<Place> {
        let remote = self.stores.remote.as_ref();
        match (object::target(&self.stores.by_scheme, remote.is_some(), &self.path_map, path)?, remote) {
            (Target::Place(place), _) => Ok(place),
            (Target::Remote { kind, authority, key, path, shown }, Some(remote)) => {
                let wanted = Wanted { kind, authority: &authority, path: &path, shown: &shown, attempts };
                let made = remote.store(&wanted).await?;
                Ok(Place { store: Arc::clone(&made.store), key, shown, made: Some(made), is_near: false })
            }
            (Target::Remote { shown, .. }, None) => Err(TableError::unsupported(shown, "no store for its scheme")),
        }
    }

    fn range_limits(&self, place: &Place) -> RangeLimits {
        self.stores.range_limits.unwrap_or(if place.is_near { RangeLimits::NEAR } else { RangeLimits::REMOTE })
    }

    async fn size_at(&self, place: &Place) -> Result<u64> {
        self.stores.counters.add_request();
        Ok(place.store.head(&place.key).await.map_err(|error| place.error(error))?.size)
    }

    async fn check_within_file(&self, place: &Place, fetches: &[Range<u64>]) -> Result<()> {
        let size = self.size_at(place).await?;
        match fetches.iter().find(|fetch| fetch.end > size) {
            None => Ok(()),
            Some(fetch) => Err(TableError::corrupt(
                &place.shown,
                format!("bytes {}..{} are needed but the file has {size}", fetch.start, fetch.end),
            )),
        }
    }

    async fn fetch(&self, place: &Place, fetches: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        let counters = &self.stores.counters;
        let fetched = if place.is_near {
            // One call opens the file once and reads range after range.
            fetches.iter().for_each(|_| counters.add_request());
            if fetches.is_empty() { Vec::new() } else { place.store.get_ranges(&place.key, fetches).await? }
        } else {
            let requests = fetches.iter().cloned().map(|fetch| {
                counters.add_request();
                place.store.get_range(&place.key, fetch)
            });
            let n_parallel = self.range_limits(place).n_parallel.max(1);
            futures::stream::iter(requests).buffered(n_parallel).try_collect().await?
        };
        fetched.iter().for_each(|bytes| counters.add_bytes(bytes.len()));
        Ok(fetched)
    }
}

/// Puts a [`Storage`] together.
#[derive(Debug)]
pub struct StorageBuilder {
    by_scheme: BTreeMap<String, Arc<dyn ObjectStore>>,
    range_limits: Option<RangeLimits>,
    ahead_limits: AheadLimits,
    path_map: PathMap,
}

impl Default for StorageBuilder {
    fn default() -> Self {
        let mut by_scheme: BTreeMap<String, Arc<dyn ObjectStore>> = BTreeMap::new();
        by_scheme.insert(object::SCHEME_FILE.to_owned(), Arc::new(LocalStore::default()));
        by_scheme.insert(object::SCHEME_MEMORY.to_owned(), Arc::new(InMemory::new()));
        Self { by_scheme, range_limits: None, ahead_limits: AheadLimits::REMOTE, path_map: PathMap::default() }
    }
}

impl StorageBuilder {
    /// Sends every path of `scheme` to `store`, in place of what served it. For `file` the store sees the
    /// absolute path without its leading `/`; for others all that follows `scheme://`, with the bucket.
    #[must_use]
    pub fn store(mut self, scheme: &str, store: Arc<dyn ObjectStore>) -> Self {
        self.by_scheme.insert(scheme.to_ascii_lowercase(), store);
        self
    }

    /// Replacements of paths that every operation applies first.
    #[must_use]
    pub fn path_map(mut self, path_map: PathMap) -> Self {
        self.path_map = path_map;
        self
    }

    /// How ranges are coalesced, for every store. Without it [`RangeLimits::NEAR`] holds for `file` and
    /// `memory`, [`RangeLimits::REMOTE`] for the others.
    #[must_use]
    pub fn range_limits(mut self, range_limits: RangeLimits) -> Self {
        self.range_limits = Some(range_limits);
        self
    }

    /// How much is fetched before it is asked for, of stores behind a network. Without it [`AheadLimits::REMOTE`].
    #[must_use]
    pub fn ahead_limits(mut self, ahead_limits: AheadLimits) -> Self {
        self.ahead_limits = ahead_limits;
        self
    }

    /// The finished handle, its counters at zero.
    pub fn build(self) -> Storage {
        let Self { by_scheme, range_limits, ahead_limits, path_map } = self;
        let ahead = Arc::new(Ahead::new(ahead_limits));
        let stores = Stores { by_scheme, remote: None, range_limits, ahead, ahead_limits, counters: Arc::default() };
        Storage { stores: Arc::new(stores), path_map: Arc::new(path_map) }
    }
}

#[cfg(test)]
mod tests;

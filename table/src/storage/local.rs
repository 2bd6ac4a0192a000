//! The local file system, reading ranges into buffers that are used again.
//!
//! Everything is left to object_store's own store, save for ranges of files: it takes fresh memory for each of
//! them, which the kernel has to hand out page by page, and zeroes it before it is read into. For column chunks of
//! some megabytes that costs a fifth of what decoding them does.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use tokio::runtime::Handle;

use super::create::NotMade;

/// Buffers that nobody reads from are kept up to this size together: about what one row group needs.
const IDLE_BYTES_MAX: usize = 64 << 20;

/// Smaller buffers are not kept: the allocator is good at them.
const KEPT_BYTES_MIN: usize = 64 << 10;

/// Files under `/`.
#[derive(Debug, Default)]
pub(super) struct LocalStore {
    inner: LocalFileSystem,
    buffers: Arc<Buffers>,
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn get_ranges(&self, key: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let path = self.inner.path_to_filesystem(key)?;
        let (buffers, wanted) = (self.buffers.clone(), ranges.to_vec());
        let read = match Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn_blocking(move || buffers.read(&path, &wanted)).await.ok().and_then(|read| read.ok())
            }
            Err(_) => buffers.read(&path, &wanted).ok(),
        };
        match read {
            Some(read) => Ok(read),
            // Asked again, the wrapped store says what is wrong in the words that it uses for every request.
            None => self.inner.get_ranges(key, ranges).await,
        }
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(key, options).await
    }

    async fn put_opts(&self, key: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if options.mode != PutMode::Create {
            return self.inner.put_opts(key, payload, options).await;
        }
        let path = self.inner.path_to_filesystem(key)?;
        match spawned(move || create_new(&path, &payload)).await? {
            Ok(()) => Ok(PutResult { e_tag: None, version: None }),
            Err(CreateError::Exists(source)) => {
                Err(object_store::Error::AlreadyExists { path: key.to_string(), source: source.into() })
            }
            Err(CreateError::NotMade(source)) => Err(generic(NotMade(source))),
            Err(CreateError::Unclear(source)) => Err(generic(source)),
        }
    }

    async fn put_multipart_opts(&self, key: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(key, options).await
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

/// Why a file was not created.
enum CreateError {
    Exists(io::Error),
    /// Nothing has its name.
    NotMade(io::Error),
    /// It may have its name: file systems of a network lose answers.
    Unclear(io::Error),
}

/// Writes a file under a name of its own and then gives it the one that is wanted, unless another has it: nobody sees
/// a part of it. When this returns, it outlives a loss of power.
fn create_new(path: &std::path::Path, payload: &PutPayload) -> std::result::Result<(), CreateError> {
    let folder = path.parent().ok_or_else(|| CreateError::NotMade(io::ErrorKind::InvalidInput.into()))?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // Lists leave out names that end so, as those that the wrapped store writes.
    let staged = folder.join(format!("{name}#{}", uuid::Uuid::new_v4().as_u64_pair().0));
    let written = std::fs::create_dir_all(folder).and_then(|()| {
        let mut file = File::options().write(true).create_new(true).open(&staged)?;
        payload.iter().try_for_each(|bytes| io::Write::write_all(&mut file, bytes))?;
        file.sync_all()
    });
    let linked = match written {
        // A network may lose the answer, and a second one then say that the name is taken: the file knows its names.
        Ok(()) => std::fs::hard_link(&staged, path)
            .or_else(|error| match n_names(&staged) {
                Some(2) => Ok(()),
                _ => Err(error),
            })
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => CreateError::Exists(error),
                io::ErrorKind::PermissionDenied
                | io::ErrorKind::Unsupported
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded => CreateError::NotMade(error),
                _ => CreateError::Unclear(error),
            }),
        Err(error) => Err(CreateError::NotMade(error)),
    };
    // What stays behind has no name that anyone reads.
    let _ = std::fs::remove_file(&staged);
    linked?;
    sync_folder(folder).map_err(CreateError::Unclear)
}

#[cfg(unix)]
fn n_names(path: &std::path::Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| std::os::unix::fs::MetadataExt::nlink(&metadata))
}

#[cfg(not(unix))]
fn n_names(_: &std::path::Path) -> Option<u64> {
    None
}

/// The name of a file is its folder's content.
#[cfg(unix)]
fn sync_folder(folder: &std::path::Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &std::path::Path) -> io::Result<()> {
    Ok(())
}

fn generic(source: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
    object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(source) }
}

/// Work that blocks, away from the runtime if there is one.
async fn spawned<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    match Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.map_err(generic),
        Err(_) => Ok(work()),
    }
}

/// Buffers that were read into and are free again.
#[derive(Default)]
struct Buffers {
    idle: Mutex<Vec<Vec<u8>>>,
}

impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffers").finish_non_exhaustive()
    }
}

impl Buffers {
    fn read(self: &Arc<Self>, path: &PathBuf, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        let file = File::open(path)?;
        ranges.iter().map(|range| self.read_range(&file, range)).collect()
    }

    fn read_range(self: &Arc<Self>, file: &File, range: &Range<u64>) -> io::Result<Bytes> {
        let n_bytes = range.end.saturating_sub(range.start);
        let n_bytes = usize::try_from(n_bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
        if n_bytes < KEPT_BYTES_MIN {
            let mut bytes = vec![0; n_bytes];
            read_exact_at(file, &mut bytes, range.start)?;
            return Ok(bytes.into());
        }
        let mut lent = Lent { buffer: self.take(n_bytes), n_bytes, home: self.clone() };
        read_exact_at(file, lent.buffer.get_mut(..n_bytes).unwrap_or_default(), range.start)?;
        Ok(Bytes::from_owner(lent))
    }

    /// A buffer of at least `n_bytes`, with any contents.
    fn take(&self, n_bytes: usize) -> Vec<u8> {
        let size = size_class(n_bytes);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let best = (idle.iter().enumerate())
            .filter(|(_, buffer)| (size..=size.saturating_mul(2)).contains(&buffer.len()))
            .min_by_key(|(_, buffer)| buffer.len());
        if let Some((index, _)) = best {
            return idle.swap_remove(index);
        }
        // What does not fit makes room: idle and lent buffers together stay within what was lent at one time.
        let mut n_freed = 0;
        while let Some(buffer) = idle.pop_if(|_| n_freed < size) {
            n_freed += buffer.len();
        }
        drop(idle);
        vec![0; size]
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let n_idle: usize = idle.iter().map(Vec::len).sum();
        if n_idle.saturating_add(buffer.len()) <= IDLE_BYTES_MAX {
            idle.push(buffer);
        }
    }
}

/// Sizes at most an eighth apart are one, so that the chunks of one column fit each other's buffers.
fn size_class(n_bytes: usize) -> usize {
    let step = (n_bytes.next_power_of_two() / 16).max(1);
    n_bytes.checked_next_multiple_of(step).unwrap_or(n_bytes)
}

/// A buffer with what was read into it, until the last of those who look at it is done.
struct Lent {
    buffer: Vec<u8>,
    n_bytes: usize,
    home: Arc<Buffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.buffer.get(..self.n_bytes).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.give_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, clippy::single_range_in_vec_init)]
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_nobody_looks_at_it() {
        let buffers = Arc::new(Buffers::default());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &content).unwrap();

        let first = buffers.read(&path, &[0..500_000]).unwrap();
        let slice = first[0].slice(7..9);
        let address = first[0].as_ptr();
        drop(first);
        assert!(buffers.idle.lock().unwrap().is_empty(), "a slice still looks at it");
        drop(slice);

        let second = buffers.read(&path, &[500_000..990_000, 3..10]).unwrap();
        assert_eq!(second[0].as_ptr(), address);
        assert_eq!(second[0], &content[500_000..990_000]);
        assert_eq!(second[1], &content[3..10]);
    }

    #[test]
    fn buffers_that_do_not_fit_make_room() {
        let buffers = Buffers::default();
        for n_bytes in [100_000, 200_000] {
            buffers.give_back(vec![0; n_bytes]);
        }
        assert_eq!(buffers.take(2_000_000).len(), size_class(2_000_000));
        assert!(buffers.idle.lock().unwrap().is_empty());
    }

    #[test]
    fn idle_buffers_are_bounded() {
        let buffers = Buffers::default();
        for _ in 0..5 {
            buffers.give_back(vec![0; IDLE_BYTES_MAX / 3]);
        }
        assert_eq!(buffers.idle.lock().unwrap().len(), 3);
    }

    #[test]
    fn sizes_are_rounded_up_by_an_eighth_at_most() {
        for n_bytes in [1, KEPT_BYTES_MIN, 65_537, 1 << 20, (1 << 20) + 1, 3_333_333, 20 << 20] {
            let size = size_class(n_bytes);
            assert!((n_bytes..=n_bytes + n_bytes / 8).contains(&size), "{n_bytes} became {size}");
        }
    }

    #[tokio::test]
    async fn of_many_who_create_a_file_one_wins_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(LocalStore::default());
        let key = Path::from_absolute_path(folder.path().join("a/b/v2")).unwrap();
        let attempts = (0..8_u8).map(|n| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move {
                let content = vec![n; 100_000];
                store.put_opts(&key, content.into(), PutMode::Create.into()).await.map(|_| n)
            })
        });
        let mut winners = Vec::new();
        for attempt in attempts.collect::<Vec<_>>() {
            match attempt.await.unwrap() {
                Ok(n) => winners.push(n),
                Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(std::fs::read(folder.path().join("a/b/v2")).unwrap(), vec![winners[0]; 100_000]);
        assert_eq!(std::fs::read_dir(folder.path().join("a/b")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn faults_are_those_of_the_wrapped_store() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::default();
        let key = |name: &str| Path::from_absolute_path(folder.path().join(name)).unwrap();
        let missing = store.get_ranges(&key("missing"), &[0..100_000]).await.unwrap_err();
        assert!(matches!(missing, object_store::Error::NotFound { .. }), "{missing}");
        std::fs::write(folder.path().join("short"), [0; 10]).unwrap();
        let short = store.get_ranges(&key("short"), &[0..100_000]).await.unwrap_err();
        assert!(short.to_string().contains("expected: 10"), "{short}");
    }
}

//! Groups in a folder: one file each, replaced as a whole, beside one that is locked while it is changed and one that
//! is locked while somebody reads.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use super::{Group, GroupClaim, GroupError, GroupKey, GroupStore};

/// Longest file of a group.
const FILE_BYTES_MAX: u64 = 1 << 20;

const SUFFIX: &str = ".json";

/// Keeps groups in a folder of this machine.
#[derive(Debug, Clone)]
pub struct FileGroupStore {
    folder: PathBuf,
}

impl FileGroupStore {
    /// In `folder`, which is made when the first group is.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn place(&self, key: &GroupKey) -> Place {
        Place { folder: self.folder.join(key.table_uuid().to_string()), name: key.name().to_owned() }
    }
}

#[async_trait]
impl GroupStore for FileGroupStore {
    async fn load(&self, key: &GroupKey) -> Result<Option<Group>, GroupError> {
        let place = self.place(key);
        blocking(move || place.read()).await
    }

    async fn store(&self, group: &Group) -> Result<(), GroupError> {
        let (place, group) = (self.place(&group.key()?), group.clone());
        blocking(move || place.replace(&group)).await
    }

    async fn delete(&self, key: &GroupKey, version: u64) -> Result<(), GroupError> {
        let place = self.place(key);
        blocking(move || place.delete(version)).await
    }

    async fn list(&self) -> Result<Vec<Group>, GroupError> {
        let folder = self.folder.clone();
        blocking(move || list(&folder)).await
    }

    async fn claim(&self, key: &GroupKey, owner: &str) -> Result<Box<dyn GroupClaim>, GroupError> {
        let (place, owner) = (self.place(key), owner.to_owned());
        blocking(move || Ok(Box::new(place.claim(&owner)?) as Box<dyn GroupClaim>)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GroupError> + Send + 'static,
) -> Result<T, GroupError> {
    match spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(unavailable(Path::new(""), io::Error::other(error))),
    }
}

fn unavailable(path: &Path, source: io::Error) -> GroupError {
    GroupError::Unavailable { path: path.display().to_string(), source }
}

/// Holds the lock of its file, which the system gives back when the process ends, however it does.
#[derive(Debug)]
struct Claim {
    _file: File,
}

impl GroupClaim for Claim {}

/// Files of one group.
struct Place {
    folder: PathBuf,
    name: String,
}

impl Place {
    fn path(&self, suffix: &str) -> PathBuf {
        self.folder.join(format!("{}{suffix}", self.name))
    }

    fn changed(&self) -> GroupError {
        GroupError::Changed { name: self.name.clone() }
    }

    fn read(&self) -> Result<Option<Group>, GroupError> {
        let path = self.path(SUFFIX);
        let Some(group) = read(&path)? else { return Ok(None) };
        if group.name != self.name {
            let detail = format!("it is of group `{}`", group.name.escape_default());
            return Err(GroupError::Damaged { path: path.display().to_string(), detail });
        }
        Ok(Some(group))
    }

    fn replace(&self, group: &Group) -> Result<(), GroupError> {
        let _lock = self.lock_for_change()?;
        let version = self.read()?.map_or(0, |there| there.version);
        if version.checked_add(1) != Some(group.version) {
            return Err(self.changed());
        }
        let path = self.path(SUFFIX);
        let json = serde_json::to_vec(group).map_err(|error| unavailable(&path, error.into()))?;
        let write = || -> io::Result<()> {
            let mut file = tempfile::Builder::new().prefix(".unfinished-").tempfile_in(&self.folder)?;
            file.write_all(&json)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            sync_folder(&self.folder)
        };
        write().map_err(|error| unavailable(&path, error))
    }

    fn delete(&self, version: u64) -> Result<(), GroupError> {
        let _lock = self.lock_for_change()?;
        if self.read()?.is_none_or(|there| there.version != version) {
            return Err(self.changed());
        }
        let path = self.path(SUFFIX);
        // The files that are locked stay: others may be waiting for them.
        fs::remove_file(&path).and_then(|()| sync_folder(&self.folder)).map_err(|error| unavailable(&path, error))
    }

    /// Changes of one group are made one after the other, for a moment each.
    fn lock_for_change(&self) -> Result<File, GroupError> {
        let path = self.path(".change");
        let lock = || {
            let file = self.open(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(|error| unavailable(&path, error))
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        File::options().read(true).write(true).create(true).truncate(false).open(path)
    }

    fn claim(&self, owner: &str) -> Result<Claim, GroupError> {
        let path = self.path(".reader");
        let mut file = self.open(&path).map_err(|error| unavailable(&path, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // What it says is for people: that it cannot be read changes nothing.
                let _ = (&file).take(1024).read_to_string(&mut owner);
                return Err(GroupError::Busy { name: self.name.clone(), owner: owner.trim().to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(unavailable(&path, error)),
        }
        file.set_len(0).and_then(|()| file.write_all(owner.as_bytes())).map_err(|error| unavailable(&path, error))?;
        Ok(Claim { _file: file })
    }
}

/// A name that was given to a file stays only when its folder has been written too.
fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn read(path: &Path) -> Result<Option<Group>, GroupError> {
    let damaged = |detail: String| GroupError::Damaged { path: path.display().to_string(), detail };
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() as u64 > FILE_BYTES_MAX => {
            return Err(damaged(format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unavailable(path, error)),
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| damaged(error.to_string()))
}

fn list(folder: &Path) -> Result<Vec<Group>, GroupError> {
    let mut groups = Vec::new();
    for table in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        for path in entries(&table)? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(SUFFIX) && !name.starts_with('.') {
                // It may just have been deleted.
                groups.extend(read(&path)?);
            }
        }
    }
    groups.sort_by(|one, other| {
        (&one.table, one.table_uuid, &one.name).cmp(&(&other.table, other.table_uuid, &other.name))
    });
    Ok(groups)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, GroupError> {
    let list = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    match list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        outcome => outcome.map_err(|error| unavailable(folder, error)),
    }
}

//! From a path to the store that holds it and its name there; from a store's errors to ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::ObjectStore;
use object_store::path::Path;

use super::{PathMap, StorageCounters, normalize};
use crate::error::one_line;
use crate::{Result, TableError};

pub(super) const SCHEME_FILE: &str = "file";
pub(super) const SCHEME_MEMORY: &str = "memory";

/// A path resolved to a store.
pub(super) struct Place {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) key: Path,
    /// The path for messages: as asked for, and where the path map leads if it leads elsewhere.
    pub(super) shown: String,
    /// A request costs about as much as reading a few kilobytes: the store is on this machine.
    pub(super) is_near: bool,
}

impl Place {
    pub(super) fn missing(&self) -> TableError {
        TableError::FileMissing { path: self.shown.clone() }
    }

    pub(super) fn error(&self, error: object_store::Error) -> TableError {
        match error {
            object_store::Error::NotFound { .. } => self.missing(),
            source if is_below_a_file(&source) => self.missing(),
            source => TableError::Storage { path: self.shown.clone(), source: Box::new(source) },
        }
    }
}

/// `x/y` is as missing where `x` is a file as where it is nothing; the file system tells the two apart.
fn is_below_a_file(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::NotADirectory)
}

/// Finds the store and the key of `path`.
pub(super) fn place(
    by_scheme: &BTreeMap<String, Arc<dyn ObjectStore>>,
    path_map: &PathMap,
    path: &str,
) -> Result<Place> {
    let mapped = path_map.apply(path);
    let shown = one_line(&if mapped == path { path.to_owned() } else { format!("{path} (mapped to {mapped})") });
    let normal = normalize(&mapped);
    let (scheme, rest) = match scheme_of(normal) {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None if normal.starts_with('/') => (SCHEME_FILE.to_owned(), normal),
        None => return Err(TableError::unsupported(shown, "the path is neither absolute nor has a scheme")),
    };
    if scheme == SCHEME_FILE && !normal.starts_with('/') {
        let detail =
            "a file on another host, or a relative one; a local file is `/path`, `file:/path` or `file:///path`";
        return Err(TableError::unsupported(shown, detail));
    }
    let Some(store) = by_scheme.get(&scheme) else {
        let known: Vec<&str> = by_scheme.keys().map(String::as_str).collect();
        let detail = format!(
            "no store for scheme `{scheme}`, there are: {}; a copy can be read with a path map",
            known.join(", ")
        );
        return Err(TableError::unsupported(shown, detail));
    };
    let is_file = scheme == SCHEME_FILE;
    let key = if is_file { resolve_dots(rest) } else { rest.trim_matches('/').to_owned() };
    // `parse` takes the text as it is; the conversions of `Path` would encode `%`, `#` and others once more.
    let key = Path::parse(&key).map_err(|error| TableError::unsupported(&shown, error))?;
    Ok(Place { store: Arc::clone(store), key, shown, is_near: is_file || scheme == SCHEME_MEMORY })
}

/// Splits `scheme:rest`. A colon after the first `/` belongs to a name.
pub(super) fn scheme_of(path: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = path.split_once(':')?;
    let mut characters = scheme.chars();
    let is_scheme = characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|other| other.is_ascii_alphanumeric() || matches!(other, '+' | '-' | '.'));
    is_scheme.then_some((scheme, rest))
}

/// Leaves out empty and `.` segments, and takes `..` by the text alone, as Hadoop's `Path` does: the file
/// system sees such a path in no other form.
fn resolve_dots(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    segments.join("/")
}

/// Counts what is asked of the stores. Only totals are read, so no order between them is needed.
#[derive(Debug, Default)]
pub(super) struct Counters {
    n_requests: AtomicU64,
    n_bytes_read: AtomicU64,
}

impl Counters {
    pub(super) fn add_request(&self) {
        self.n_requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_bytes(&self, n_bytes: usize) {
        self.n_bytes_read.fetch_add(n_bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> StorageCounters {
        StorageCounters {
            n_requests: self.n_requests.load(Ordering::Relaxed),
            n_bytes_read: self.n_bytes_read.load(Ordering::Relaxed),
        }
    }
}

//! From a path to the store that holds it and its name there; from a store's errors to ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::ObjectStore;
use object_store::path::Path;

use super::failure::{Failure, Verdict};
use super::location::{RemoteKind, split_authority};
use super::remote::Made;
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
    /// What there is to know of a store behind a network. `None` for one that was given.
    pub(super) made: Option<Arc<Made>>,
    /// A request costs about as much as reading a few kilobytes: the store is on this machine.
    pub(super) is_near: bool,
}

impl Place {
    pub(super) fn missing(&self) -> TableError {
        TableError::FileMissing { path: self.shown.clone() }
    }

    /// Whether the cause may be a range beyond the end of the file: stores word that in different ways.
    pub(super) fn may_be_beyond_end(&self, error: &object_store::Error) -> bool {
        match (&self.made, error) {
            (Some(_), error) => Failure::of(error).verdict() == Verdict::Unclear,
            (None, object_store::Error::NotFound { .. }) => false,
            (None, error) => !is_below_a_file(error),
        }
    }

    pub(super) fn error(&self, error: object_store::Error) -> TableError {
        if let Some(made) = &self.made {
            return Failure::of(&error).into_error(&made.origin, &self.shown);
        }
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

/// Where a path leads.
pub(super) enum Target {
    /// To a store that is there.
    Place(Place),
    /// To a store that properties describe.
    Remote {
        kind: RemoteKind,
        /// Bucket, container and account, or name node.
        authority: String,
        key: Path,
        /// The whole path, replacements applied.
        path: String,
        /// As in [`Place`].
        shown: String,
    },
}

/// Finds the store and the key of `path`. `has_remote`: there are properties to make stores from.
pub(super) fn target(
    by_scheme: &BTreeMap<String, Arc<dyn ObjectStore>>,
    has_remote: bool,
    path_map: &PathMap,
    path: &str,
) -> Result<Target> {
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
    // `parse` takes the text as it is; the conversions of `Path` would encode `%`, `#` and others once more.
    let parse = |key: &str| Path::parse(key).map_err(|error| TableError::unsupported(&shown, error));
    if let Some(store) = by_scheme.get(&scheme) {
        let is_file = scheme == SCHEME_FILE;
        let key = if is_file { parse(&resolve_dots(rest))? } else { parse(rest.trim_matches('/'))? };
        let is_near = is_file || scheme == SCHEME_MEMORY;
        return Ok(Target::Place(Place { store: Arc::clone(store), key, shown, made: None, is_near }));
    }
    let kind = RemoteKind::of_scheme(&scheme).filter(|_| has_remote);
    let Some(kind) = kind else {
        let known: Vec<&str> = by_scheme.keys().map(String::as_str).collect();
        let detail = format!(
            "no store for scheme `{scheme}`, there are: {}; a copy can be read with a path map",
            known.join(", ")
        );
        return Err(TableError::unsupported(shown, detail));
    };
    let Some((authority, key)) = split_authority(rest) else {
        let detail = format!("a path of {} has the form `{scheme}://bucket/key`", kind.name());
        return Err(TableError::unsupported(shown, detail));
    };
    let key = parse(key)?;
    Ok(Target::Remote { kind, authority: authority.to_owned(), key, path: normal.to_owned(), shown })
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

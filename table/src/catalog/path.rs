//! Tables without a catalog: a folder whose newest metadata file is the table's state, or one such file.
//!
//! Two kinds of folder exist. File-system tables number their files `vN.metadata.json`, and the next number is
//! claimed by creating the file, so the highest is the current one; `version-hint.text` only says where to
//! begin looking (source: Iceberg spec, "File System Tables"). Catalogs write `NNNNN-<uuid>.metadata.json` and
//! know themselves which is current: the highest number is a guess that holds unless two writers raced.

mod commit;

use std::path::{Component, Path, PathBuf};

pub(super) use self::commit::{create, target};

use crate::metadata;
use crate::storage::{ListedFile, PathMap, Storage, normalize};
use crate::table::Table;
use crate::{Result, TableError};

const HINT_FILE: &str = "version-hint.text";
/// A hint is one number; a larger file is none.
const HINT_BYTES_MAX: u64 = 1024;

/// Endings of metadata files, in the order in which they are tried.
const ENDINGS: [&str; 3] = [".metadata.json", ".gz.metadata.json", ".metadata.json.gz"];

/// The state of the table at `path`; `None` if its metadata file is still the one at `known`. `name` is the
/// table's, for messages.
pub(super) async fn load_unless_at(
    path: &str,
    name: &str,
    storage: &Storage,
    known: Option<&str>,
) -> Result<Option<Table>> {
    let (location, file_storage) = locate(&absolute(path)?, name, storage).await?;
    if known == Some(location.as_str()) {
        return Ok(None);
    }
    metadata::load_unmapped(&file_storage, storage, &location, name).await.map(Some)
}

/// The current metadata file, and the storage that it is in: with the path map only if it is needed to find it.
async fn locate(place: &str, name: &str, storage: &Storage) -> Result<(String, Storage)> {
    let literal = storage.with_path_map(PathMap::default());
    match find(place, name, &literal).await {
        Err(TableError::TableNotFound { .. }) if storage.path_map().apply(place) != place => {
            Ok((find(place, name, storage).await?, storage.clone()))
        }
        outcome => Ok((outcome?, literal)),
    }
}

/// The metadata file that `place` means; `name` is what the user wrote.
async fn find(place: &str, name: &str, storage: &Storage) -> Result<String> {
    if is_file(place) {
        return if storage.exists(place).await? {
            Ok(place.to_owned())
        } else {
            Err(not_found(name, "there is no such metadata file; name a metadata file or a table's folder".to_owned()))
        };
    }
    let folder = place.trim_end_matches('/');
    let mut looked_at = Vec::new();
    for metadata_folder in [format!("{folder}/metadata"), folder.to_owned()] {
        if let Some(location) = newest_in(&metadata_folder, storage).await? {
            return Ok(location);
        }
        looked_at.push(metadata_folder);
    }
    if matches!(storage.exists(folder).await, Ok(true)) {
        return Err(not_found(name, "this is a file, but no `*.metadata.json`; name a table's folder".to_owned()));
    }
    Err(not_found(
        name,
        format!(
            "no `vN.metadata.json` and no `NNNNN-<uuid>.metadata.json` in `{}`; name a table's folder or a metadata file",
            looked_at.join("` or `")
        ),
    ))
}

/// A path that names a metadata file itself.
fn is_file(place: &str) -> bool {
    place.ends_with(".json") || place.ends_with(".json.gz")
}

/// The current metadata file of a folder of such files; `None` if there is none.
async fn newest_in(folder: &str, storage: &Storage) -> Result<Option<String>> {
    if let Some(hint) = read_hint(folder, storage).await?
        && let Some(location) = from_hint(folder, hint, storage).await?
    {
        return Ok(Some(location));
    }
    newest_listed(folder, &storage.list(folder).await?)
}

/// The number in the hint; `None` if there is no hint, or none that can be understood: it may be lost or
/// half-written, and the folder tells the same.
async fn read_hint(folder: &str, storage: &Storage) -> Result<Option<u64>> {
    match storage.read_limited(&format!("{folder}/{HINT_FILE}"), HINT_BYTES_MAX).await {
        Ok(bytes) => Ok(std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok())),
        Err(TableError::FileMissing { .. } | TableError::MemoryLimit { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Goes forward from the hint, which is written after the file and so may be behind.
async fn from_hint(folder: &str, hint: u64, storage: &Storage) -> Result<Option<String>> {
    let mut newest = None;
    let mut versions = hint..;
    while let Some(version) = versions.next()
        && let Some(location) = version_file(folder, version, storage).await?
    {
        newest = Some(location);
    }
    Ok(newest)
}

async fn version_file(folder: &str, version: u64, storage: &Storage) -> Result<Option<String>> {
    for ending in ENDINGS {
        let location = format!("{folder}/v{version}{ending}");
        if storage.exists(&location).await? {
            return Ok(Some(location));
        }
    }
    Ok(None)
}

/// Metadata files of a folder by how they are named.
fn newest_listed(folder: &str, files: &[ListedFile]) -> Result<Option<String>> {
    let mut versions: Vec<(u64, &str)> = Vec::new();
    let mut numbered: Vec<(u64, &str)> = Vec::new();
    for file in files {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let Some(stem) = ENDINGS.iter().rev().find_map(|ending| name.strip_suffix(ending)) else { continue };
        if let Some(version) = stem.strip_prefix('v').and_then(parse_digits) {
            versions.push((version, &file.path));
        } else if let Some((number, _)) = stem.split_once('-')
            && let Some(number) = parse_digits(number)
        {
            numbered.push((number, &file.path));
        }
    }
    match (highest(&versions).first(), highest(&numbered).as_slice()) {
        (None, []) => Ok(None),
        (Some(version), []) => Ok(Some((*version).to_owned())),
        (None, [only]) => Ok(Some((*only).to_owned())),
        (None, [first, second, ..]) => Err(TableError::invalid(format!(
            "table folder is ambiguous, folder=`{folder}`: `{first}` and `{second}` have the same number; name the one \
             that is meant, or ask the table's catalog"
        ))),
        (Some(version), [numbered, ..]) => Err(TableError::invalid(format!(
            "table folder is ambiguous, folder=`{folder}`: it holds `{version}` and `{numbered}`, and no \
             `{HINT_FILE}`; name the one that is meant"
        ))),
    }
}

fn parse_digits(text: &str) -> Option<u64> {
    // `parse` alone would take a sign.
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// Paths with the highest number, those first whose ending is tried first.
fn highest<'a>(files: &[(u64, &'a str)]) -> Vec<&'a str> {
    let highest = files.iter().map(|(number, _)| *number).max();
    let mut paths: Vec<&str> =
        files.iter().filter(|(number, _)| Some(*number) == highest).map(|(_, path)| *path).collect();
    let rank = |path: &str| ENDINGS.iter().rposition(|ending| path.ends_with(ending));
    paths.sort_by_key(|path| (rank(path), path.to_string()));
    paths
}

/// A path of the local file system may be relative to the folder that the program runs in.
fn absolute(path: &str) -> Result<String> {
    let path = normalize(path);
    if path.is_empty() {
        return Err(TableError::invalid("the table's path is empty; name a table's folder or a metadata file"));
    }
    if path.starts_with('/') || path.contains(":/") {
        return Ok(path.to_owned());
    }
    let joined = std::path::absolute(path)
        .map_err(|source| TableError::Storage { path: path.to_owned(), source: Box::new(source) })?;
    let mut resolved = PathBuf::new();
    for component in joined.components() {
        match component {
            Component::ParentDir => {
                resolved.pop();
            }
            other => resolved.push(other),
        }
    }
    as_text(&resolved, path)
}

fn as_text(resolved: &Path, path: &str) -> Result<String> {
    let text = resolved.to_str().map(str::to_owned);
    text.ok_or_else(|| TableError::unsupported(path, "the current folder's name is not UTF-8; pass an absolute path"))
}

fn not_found(name: &str, detail: String) -> TableError {
    TableError::TableNotFound { table: name.to_owned(), detail }
}

#[cfg(test)]
mod tests;

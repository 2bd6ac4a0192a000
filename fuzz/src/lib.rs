//! Fuzz targets: bytes that nobody vouches for go in; an error of a fitting kind or a sound result comes out.
//!
//! [`Target::run`] panics on anything else. `fuzz/run` drives the targets with libFuzzer, the test suite replays
//! what was found before (`fuzz/regressions`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a target reports what it finds by a panic")]

mod avro;
mod blob;
mod manifest;
mod metadata;
mod position;
mod rows;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};

use rows::Format;

/// Something that takes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A table metadata file, plain or gzip.
    Metadata,
    /// A manifest list.
    ManifestList,
    /// A manifest.
    Manifest,
    /// A deletion vector blob.
    DeletionVector,
    /// A data or delete file in parquet.
    Parquet,
    /// A data or delete file in Avro.
    Avro,
    /// A data or delete file in ORC.
    Orc,
    /// The position of a stream, as bytes or as text.
    Position,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Metadata,
        Self::ManifestList,
        Self::Manifest,
        Self::DeletionVector,
        Self::Parquet,
        Self::Avro,
        Self::Orc,
        Self::Position,
    ];

    /// Its name on the command line and in folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::ManifestList => "manifest_list",
            Self::Manifest => "manifest",
            Self::DeletionVector => "deletion_vector",
            Self::Parquet => "parquet",
            Self::Avro => "avro",
            Self::Orc => "orc",
            Self::Position => "position",
        }
    }

    /// The target of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Feeds `data` to the target.
    ///
    /// # Panics
    /// It is neither read soundly nor refused with a fitting error: a finding.
    pub fn run(self, data: &[u8]) {
        match self {
            Self::Metadata => metadata::run(data),
            Self::ManifestList => manifest::run_list(data),
            Self::Manifest => manifest::run(data),
            Self::DeletionVector => blob::run(data),
            Self::Parquet => rows::run(Format::Parquet, data),
            Self::Avro => rows::run(Format::Avro, data),
            Self::Orc => rows::run(Format::Orc, data),
            Self::Position => position::run(data),
        }
    }

    /// Inputs to begin with, from the fixture tables.
    pub fn seeds(self) -> Vec<Vec<u8>> {
        match self {
            Self::Metadata => metadata::seeds(),
            Self::ManifestList => manifest::list_seeds(),
            Self::Manifest => manifest::seeds(),
            Self::DeletionVector => blob::seeds(),
            Self::Parquet => rows::seeds(Format::Parquet),
            Self::Avro => rows::seeds(Format::Avro),
            Self::Orc => rows::seeds(Format::Orc),
            Self::Position => position::seeds(),
        }
    }

    /// Inputs that were findings once, and must never be again.
    pub fn regressions(self) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions").join(self.name());
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }
}

/// Files of the fixture tables whose name `wanted` selects, without repetition of content.
fn fixture_files(wanted: impl Fn(&str) -> bool) -> Vec<Vec<u8>> {
    let mut folders: Vec<PathBuf> = frazil_fixtures::tables().iter().map(|table| table.folder.clone()).collect();
    let mut contents = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().and_then(|name| name.to_str()).is_some_and(&wanted) {
                contents.push(fs::read(path).unwrap());
            }
        }
    }
    contents.sort();
    contents.dedup();
    contents
}

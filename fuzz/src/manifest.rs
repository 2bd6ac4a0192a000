//! Manifest lists and manifests, and the decisions that are made on what they say.

use std::sync::{Arc, OnceLock};

use frazil_table::deletes::DeleteIndex;
use frazil_table::file::{FileContent, FileEntry};
use frazil_table::manifest::{ManifestContent, ManifestFile, parse_manifest, parse_manifest_list};
use frazil_table::{DataSequenceNumber, FieldId, SnapshotId, SpecId, Table};

use crate::avro::{self, Parts};
use crate::verdict::check_error;

const PATH: &str = "memory://fuzz/manifest.avro";

/// Fields of partition specs count up from here. Source: Iceberg spec, "Partition Specs".
const FIRST_PARTITION_FIELD_ID: i32 = 1000;

/// Files compared with each other at most.
const FILES_MAX: usize = 8;

/// What an input means: a whole file, or the records of one. There the first byte selects a schema, and the
/// second is the number of records.
fn file_of(data: &[u8], schemas: &[Vec<u8>]) -> Option<Vec<u8>> {
    if avro::is_file(data) {
        return Some(data.to_vec());
    }
    let (schema, rest) = data.split_first()?;
    let (n_records, block) = rest.split_first()?;
    let schema = schemas[usize::from(*schema) % schemas.len()].clone();
    Some(Parts { schema, n_records: n_records % 128, block: block.to_vec() }.to_file())
}

/// Files, and their records alone.
struct Seeds {
    files: Vec<Vec<u8>>,
    schemas: Vec<Vec<u8>>,
    blocks: Vec<Vec<u8>>,
}

impl Seeds {
    fn new(files: Vec<Vec<u8>>) -> Self {
        let parts: Vec<Parts> = files.iter().filter_map(|file| Parts::of(file)).collect();
        let mut schemas: Vec<Vec<u8>> = parts.iter().map(|parts| parts.schema.clone()).collect();
        schemas.sort();
        schemas.dedup();
        assert!((1..=256).contains(&schemas.len()), "one byte selects a schema of `{}`", schemas.len());
        let block = |parts: &Parts| {
            let schema = schemas.binary_search(&parts.schema).unwrap();
            [&[u8::try_from(schema).unwrap(), parts.n_records], parts.block.as_slice()].concat()
        };
        let blocks = parts.iter().map(block).collect();
        Self { files, schemas, blocks }
    }

    fn all(&self) -> Vec<Vec<u8>> {
        self.files.iter().chain(&self.blocks).cloned().collect()
    }
}

fn list_inputs() -> &'static Seeds {
    static SEEDS: OnceLock<Seeds> = OnceLock::new();
    SEEDS.get_or_init(|| Seeds::new(crate::fixture_files(|name| name.starts_with("snap-") && name.ends_with(".avro"))))
}

fn inputs() -> &'static Seeds {
    static SEEDS: OnceLock<Seeds> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let is_manifest = |name: &str| !name.starts_with("snap-") && name.ends_with(".avro") && name.contains("-m");
        Seeds::new(crate::fixture_files(is_manifest))
    })
}

pub(crate) fn run_list(data: &[u8]) {
    let Some(data) = file_of(data, &list_inputs().schemas) else { return };
    match parse_manifest_list(&data, PATH) {
        Err(error) => check_error(&error, PATH),
        Ok(list) => {
            for (index, manifest) in list.iter().enumerate() {
                assert_eq!(usize::try_from(manifest.index).unwrap(), index);
                let _ = (manifest.may_have_live_files(), manifest.n_live());
            }
        }
    }
}

pub(crate) fn run(data: &[u8]) {
    let Some(data) = file_of(data, &inputs().schemas) else { return };
    let partition: Vec<FieldId> = (0..3).map(|n| FieldId::new(FIRST_PARTITION_FIELD_ID + n)).collect();
    for content in [ManifestContent::Data, ManifestContent::Deletes] {
        match parse_manifest(&data, &manifest(content), &partition) {
            Err(error) => check_error(&error, PATH),
            Ok(entries) => {
                let files: Vec<_> = entries.iter().take(FILES_MAX).map(|entry| entry.file.clone()).collect();
                index_deletes(&files);
            }
        }
    }
}

fn manifest(content: ManifestContent) -> ManifestFile {
    ManifestFile {
        path: PATH.into(),
        length_bytes: None,
        spec_id: SpecId::new(0),
        content,
        sequence_number: 7,
        min_sequence_number: 0,
        added_snapshot_id: SnapshotId::new(1),
        n_added: None,
        n_existing: None,
        n_deleted: None,
        partitions: Vec::new(),
        first_row_id: Some(5),
        is_encrypted: false,
        index: 0,
    }
}

/// Takes every file for a data file and for each kind of delete: all bounds are looked at.
fn index_deletes(files: &[Arc<FileEntry>]) {
    let table = table();
    let as_delete = |file: &Arc<FileEntry>, content| {
        let mut equality_ids: Vec<FieldId> = file.metrics.lower_bounds.keys().copied().take(4).collect();
        equality_ids.push(FieldId::new(1));
        let data_sequence_number = DataSequenceNumber::new(i64::MAX);
        Arc::new(FileEntry { content, equality_ids, data_sequence_number, ..(**file).clone() })
    };
    for content in [FileContent::EqualityDeletes, FileContent::PositionDeletes] {
        let deletes: Vec<_> = files.iter().map(|file| as_delete(file, content)).collect();
        match DeleteIndex::new(table, &deletes) {
            Err(error) => check_error(&error, ""),
            Ok(index) => files.iter().for_each(|file| drop(index.for_file(table, file))),
        }
    }
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| crate::rows::open(frazil_fixtures::table("types_all")))
}

pub(crate) fn list_seeds() -> Vec<Vec<u8>> {
    list_inputs().all()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    inputs().all()
}

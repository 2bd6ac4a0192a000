//! Data and delete files: footers and headers, statistics, bloom filters, pages, blocks and streams, conversion to
//! the table's schema.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use frazil_fixtures::{FixtureTable, table};
use frazil_table::catalog::{TableLocator, load_table};
use frazil_table::deletes::{FileDeletes, KeyPart, KeySet, KeySetLimit, position_deletes};
use frazil_table::file::{FileContent, FileEntry, FileFormat};
use frazil_table::manifest::live_files;
use frazil_table::scan::{FileReader, KeyRanges, Projection, RowSelect};
use frazil_table::storage::{PathMap, Storage};
use frazil_table::{FieldId, Result, Table, TableError};

use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterVersion};

use crate::verdict::check_error;

/// How the files are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Parquet,
    Avro,
    Orc,
}

impl Format {
    fn path(self) -> &'static str {
        match self {
            Self::Parquet => "memory://fuzz/file.parquet",
            Self::Avro => "memory://fuzz/file.avro",
            Self::Orc => "memory://fuzz/file.orc",
        }
    }

    /// Tables with different types, schemas and kinds of delete files.
    fn tables(self) -> &'static [&'static str] {
        match self {
            Self::Parquet => &PARQUET_TABLES,
            Self::Avro => &["eq_avro", "avro_types_v3", "avro_evolved_v3", "avro_uncompressed", "avro_zstd"],
            Self::Orc => &["eq_orc", "orc_types_v3", "orc_evolved_v2", "orc_none", "orc_snappy"],
        }
    }

    fn is_of(self, file: &FileEntry) -> bool {
        let format = match self {
            Self::Parquet => FileFormat::Parquet,
            Self::Avro => FileFormat::Avro,
            Self::Orc => FileFormat::Orc,
        };
        file.format == format
    }
}

const PARQUET_TABLES: [&str; 9] = [
    "types_all",
    "types_time",
    "v3_ts_ns",
    "schema_evo",
    "part_ymh",
    "mor_pos_part",
    "eq_random",
    "changelog_v2",
    "upsert_v3",
];

/// Few rows at a time, so that small files have several batches.
const BATCH_ROWS: usize = 3;

/// A damaged file may claim that it has this many rows, and have them: they would only take time.
const ROWS_MAX: u64 = 100_000;

/// What the file is taken for. The first byte of an input selects one.
struct Role {
    table: Table,
    entry: FileEntry,
    /// A data file of the same table, for delete files to be applied to.
    victim: Arc<FileEntry>,
}

/// Roles by table and content, and the fixture files that fit them.
struct Roles {
    roles: Vec<Role>,
    seeds: Vec<Vec<u8>>,
}

pub(crate) fn run(format: Format, data: &[u8]) {
    let Some((selector, file)) = data.split_first() else { return };
    let roles = &roles(format).roles;
    let role = &roles[usize::from(*selector) % roles.len()];
    if let Err(error) = wait(read(format.path(), role, file)) {
        check_error(&error, format.path());
    }
}

async fn read(path: &str, role: &Role, bytes: &[u8]) -> Result<()> {
    let table = &role.table;
    table.storage().write(path, bytes.to_vec().into()).await?;
    let mut entry = FileEntry { path: path.into(), file_size_bytes: bytes.len() as u64, ..role.entry.clone() };
    entry.record_count = record_count(table, &entry).await?;
    if entry.record_count > ROWS_MAX {
        return Ok(());
    }
    let file = Arc::new(entry);
    match file.content {
        FileContent::Data => read_data(table, &file).await,
        FileContent::EqualityDeletes => {
            let limit = KeySetLimit { bytes_max: 1 << 28 };
            let files = [file.clone()];
            let keys = KeySet::load(table, &file.equality_ids, &files, KeyPart::WHOLE, None, limit).await?;
            assert!(keys.is_some_and(|keys| keys.is_empty() == (file.record_count == 0)));
            Ok(())
        }
        FileContent::PositionDeletes => {
            let deletes = FileDeletes { positions: vec![file], ..FileDeletes::default() };
            position_deletes(table, [(&*role.victim, &deletes)]).await.map(drop)
        }
    }
}

/// What the file itself says, as the refusal of a wrong number names it.
async fn record_count(table: &Table, entry: &FileEntry) -> Result<u64> {
    let lie = Arc::new(FileEntry { record_count: u64::MAX, ..entry.clone() });
    let refused = match FileReader::open(table, &lie).await {
        // An Avro file is counted at its end.
        Ok(reader) if lie.format == FileFormat::Avro => {
            let nothing = Projection::new(&[], table.foreign_fields())?;
            n_rows(&reader, &nothing, RowSelect::default()).await.map(drop)
        }
        outcome => outcome.map(drop),
    };
    match refused {
        Ok(()) => panic!("a file of 2^64-1 rows was read"),
        Err(TableError::Corrupt { path, detail }) => {
            let count = detail.split_once("the file has `").and_then(|(_, rest)| rest.split_once("` rows"));
            let count = count.and_then(|(count, _)| count.parse().ok());
            count.ok_or(TableError::Corrupt { path, detail })
        }
        Err(error) => Err(error),
    }
}

async fn read_data(table: &Table, file: &Arc<FileEntry>) -> Result<()> {
    let reader = FileReader::open(table, file).await?;
    let schema = table.metadata().current_schema();
    let projection = Projection::of_schema(table, schema)?.with_lineage();
    let all = n_rows(&reader, &projection, RowSelect::default()).await?;
    assert_eq!(all, file.record_count, "rows of the whole file");

    let wanted = [0, 2, 3, file.record_count / 2].into_iter().filter(|position| *position < file.record_count);
    let positions: std::collections::BTreeSet<u64> = wanted.collect();
    let select = RowSelect { positions: Some(Arc::new(positions.iter().copied().collect())), ..RowSelect::default() };
    let some = n_rows(&reader, &projection, select).await?;
    assert_eq!(some, positions.len() as u64, "rows at chosen positions");

    for field in schema.as_struct().fields().iter().filter(|field| field.field_type.is_primitive()).take(4) {
        let ids = vec![FieldId::new(field.id)];
        let mut batches = reader.read(&Projection::keys(table, &ids)?, RowSelect::default(), BATCH_ROWS);
        while let Some(batch) = batches.next().await? {
            let keys = KeyRanges { ids: ids.clone(), arrays: batch.batch.columns().to_vec() };
            let found = reader.row_groups_that_may_hold(&keys).await?;
            assert!(found.len() <= reader.row_groups().len());
        }
    }
    Ok(())
}

async fn n_rows(reader: &FileReader, projection: &Projection, select: RowSelect) -> Result<u64> {
    let mut batches = reader.read(projection, select, BATCH_ROWS);
    let mut n_rows = 0;
    while let Some(batch) = batches.next().await? {
        assert_eq!(batch.batch.num_rows(), batch.positions.len());
        n_rows += batch.batch.num_rows() as u64;
    }
    Ok(n_rows)
}

pub(crate) fn seeds(format: Format) -> Vec<Vec<u8>> {
    roles(format).seeds.clone()
}

fn roles(format: Format) -> &'static Roles {
    static ROLES: [OnceLock<Roles>; 3] = [const { OnceLock::new() }; 3];
    ROLES[format as usize].get_or_init(|| {
        let mut roles = Roles { roles: Vec::new(), seeds: Vec::new() };
        format.tables().iter().for_each(|name| wait(roles.add(format, &open(table(name)))).unwrap());
        assert!(roles.roles.len() <= 256, "one byte selects a role");
        roles
    })
}

impl Roles {
    async fn add(&mut self, format: Format, table: &Table) -> Result<()> {
        let mut files: HashMap<String, Arc<FileEntry>> = HashMap::new();
        for snapshot in table.metadata().snapshots() {
            let live = live_files(table, snapshot).await?;
            files.extend(live.data.into_iter().chain(live.deletes).map(|file| (file.key().to_owned(), file)));
        }
        let mut files: Vec<_> = files.into_values().filter(|file| format.is_of(file)).collect();
        files.sort_by(|left, right| left.path.cmp(&right.path));
        let victim = files.iter().find(|file| file.content == FileContent::Data).unwrap().clone();
        for content in [FileContent::Data, FileContent::PositionDeletes, FileContent::EqualityDeletes] {
            let of_content = || files.iter().filter(|file| file.content == content);
            let Some(entry) = of_content().next() else { continue };
            let selector = u8::try_from(self.roles.len()).unwrap();
            for file in of_content() {
                let bytes = table.storage().read(&file.path).await?;
                self.seeds.push([&[selector], &bytes[..]].concat());
            }
            if content == FileContent::Data && format == Format::Parquet {
                self.seeds
                    .extend(rewritten(table, entry).await?.into_iter().map(|file| [&[selector], &file[..]].concat()));
            }
            self.roles.push(Role { table: table.clone(), entry: (**entry).clone(), victim: victim.clone() });
        }
        Ok(())
    }
}

/// The rows of a data file in other forms, none of them compressed: a mutation of compressed pages is only ever
/// refused by the decompression.
async fn rewritten(table: &Table, file: &Arc<FileEntry>) -> Result<Vec<Vec<u8>>> {
    let projection = Projection::of_schema(table, table.metadata().current_schema())?;
    let mut batches = FileReader::open(table, file).await?.read(&projection, RowSelect::default(), BATCH_ROWS);
    let Some(batch) = batches.next().await? else { return Ok(Vec::new()) };
    let plain = || WriterProperties::builder().set_compression(Compression::UNCOMPRESSED);
    let forms = [
        plain().set_dictionary_enabled(false).set_bloom_filter_enabled(true),
        plain().set_writer_version(WriterVersion::PARQUET_2_0).set_data_page_row_count_limit(1),
        plain().set_writer_version(WriterVersion::PARQUET_2_0).set_dictionary_enabled(false),
        plain().set_max_row_group_row_count(Some(2)).set_bloom_filter_enabled(true).set_bloom_filter_ndv(1),
    ];
    let write = |properties: WriterProperties| {
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.batch.schema(), Some(properties)).unwrap();
        writer.write(&batch.batch).unwrap();
        writer.close().unwrap();
        bytes
    };
    Ok(forms.map(|properties| write(properties.build())).into())
}

/// Loads a fixture table; other files can be put into its storage under `memory://`.
pub(crate) fn open(fixture: &FixtureTable) -> Table {
    let storage = Storage::local().with_path_map(PathMap::parse(&FixtureTable::path_maps()).unwrap());
    wait(load_table(&TableLocator::Path(fixture.metadata_file.display().to_string()), &storage)).unwrap()
}

fn wait<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_current_thread().build().unwrap()).block_on(future)
}

//! Positions of streams, which come back from wherever somebody kept them.

use frazil_reader::{Position, ReadOptions, read_changes};
use frazil_table::catalog::{TableLocator, load_table};
use frazil_table::storage::{PathMap, Storage};

const CHECKSUM_BYTES: usize = 4;

/// Reads the bytes as they are, as text, and as the content of a position that is otherwise sound: no mutation would
/// ever hit upon length and checksum.
pub(crate) fn run(data: &[u8]) {
    check(data);
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(position) = text.parse::<Position>()
    {
        assert_eq!(position.to_string(), text.trim());
    }
    if let Some(content) = data.get(6..data.len().saturating_sub(CHECKSUM_BYTES)) {
        check(&sealed(content));
    }
}

fn check(bytes: &[u8]) {
    match Position::from_bytes(bytes) {
        // There is one sequence of bytes for each position.
        Ok(position) => {
            assert_eq!(position.to_bytes(), bytes);
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with("position ") && message.len() < 200, "{message}");
        }
    }
}

fn sealed(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(6 + content.len() + CHECKSUM_BYTES).unwrap();
    let body = [&1_u16.to_le_bytes(), length.to_le_bytes().as_slice(), content].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    [body.as_slice(), &crc.sum().to_le_bytes()].concat()
}

/// Positions after each event of a fixture's stream, as bytes and as text.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let fixture = frazil_fixtures::table("upsert_v2");
    let storage = Storage::local().with_path_map(PathMap::parse(&frazil_fixtures::FixtureTable::path_maps()).unwrap());
    let locator = TableLocator::Path(fixture.metadata_file.display().to_string());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let table = load_table(&locator, &storage).await.unwrap();
        let options = ReadOptions { batch_rows: 10, ..ReadOptions::default() };
        let mut stream = read_changes(&table, options).await.unwrap();
        let mut seeds = Vec::new();
        while stream.next().await.unwrap().is_some() {
            let position = stream.position().unwrap();
            seeds.push(position.to_bytes());
            seeds.push(position.to_string().into_bytes());
        }
        seeds
    })
}

//! Deletion vectors.

use frazil_table::deletes::parse_deletion_vector;

use crate::verdict::check_error;

const PATH: &str = "memory://fuzz/deletes.puffin";

/// Length and magic before the bitmap. Source: Iceberg puffin spec, "deletion-vector-v1 blob type".
const HEADER_BYTES: usize = 8;
const CHECKSUM_BYTES: usize = 4;

/// Reads the bytes as they are, and as the bitmap of a blob that is otherwise sound: no mutation would ever hit
/// upon the checksum.
pub(crate) fn run(data: &[u8]) {
    parse(data);
    if let Some(bitmap) = data.get(HEADER_BYTES..data.len().saturating_sub(CHECKSUM_BYTES)) {
        parse(&sealed(bitmap));
    }
}

fn parse(blob: &[u8]) {
    match parse_deletion_vector(blob, PATH) {
        Err(error) => check_error(&error, PATH),
        Ok(positions) => {
            // What the reader asks of a vector.
            let n = positions.len();
            assert_eq!(positions.is_empty(), n == 0);
            assert_eq!(positions.max().is_none(), n == 0);
            assert!(positions.iter().take(1_000).is_sorted());
        }
    }
}

fn sealed(bitmap: &[u8]) -> Vec<u8> {
    let body = [&[0xD1, 0xD3, 0x39, 0x64], bitmap].concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length, body.as_slice(), &crc32(&body).to_be_bytes()].concat()
}

/// CRC-32 of ISO 3309, bit by bit: blobs are small here.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// The blobs of all puffin files: they lie after the file's magic, one after the other, each with its length.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for file in crate::fixture_files(|name| name.ends_with(".puffin")) {
        let mut rest = file.get(4..).unwrap();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let end = 4 + usize::try_from(u32::from_be_bytes(*length)).unwrap() + CHECKSUM_BYTES;
            let is_vector = after.starts_with(&[0xD1, 0xD3, 0x39, 0x64]);
            let Some(blob) = rest.get(..end).filter(|_| is_vector) else { break };
            seeds.push(blob.to_vec());
            rest = rest.get(end..).unwrap();
        }
    }
    assert!(!seeds.is_empty(), "the fixtures have deletion vectors");
    seeds
}

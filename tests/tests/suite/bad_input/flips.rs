//! Files with a wrong byte somewhere.

use std::time::{Duration, Instant};

use frazil_table::TableError;

use super::copy::{Copy, Kind, name};
use super::{check_message, wait};
use crate::read::Failure;
use crate::report::Report;

/// Bytes changed in each file, one at a time.
const N_FLIPS: usize = 120;

/// Any read of these tables takes milliseconds.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Numbers that look random and are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

#[test]
fn a_file_with_a_wrong_byte_is_read_or_refused() {
    let mut report = Report::new("files with a wrong byte");
    for (seed, table) in (1..).zip([
        "upsert_v3",
        "mor_pos_part",
        "gzip_meta",
        "types_all",
        "schema_evo",
        "part_ymh",
        "eq_avro",
        "avro_types_v3",
        "avro_zstd",
        "eq_orc",
        "orc_types_v3",
        "orc_snappy",
        "mixed_formats",
    ]) {
        wait(async {
            let copy = Copy::of(table).await;
            for (kind, path) in copy.files().await {
                report.count("files", 1);
                let content = copy.content(&path).clone();
                let mut dice = Dice(seed << 8 | kind as u64);
                for _ in 0..N_FLIPS {
                    report.count("flips", 1);
                    let (at, flip) = (dice.below(content.len()), 1 + dice.below(255));
                    let mut damaged = content.to_vec();
                    damaged[at] ^= u8::try_from(flip).unwrap();
                    copy.write(&path, damaged).await;
                    let begin = Instant::now();
                    let outcome = copy.rows().await;
                    let place = format!("seed {seed}: {table} {kind:?} {} byte {at} ^ {flip:#04x}", name(&path));
                    if begin.elapsed() > TIME_MAX {
                        report.fail(&place, format!("took {:?}", begin.elapsed()));
                    }
                    match outcome {
                        Ok(_) => report.count("read", 1),
                        Err(failure) => report.check(&place, fitting(&failure, kind)),
                    }
                }
                copy.restore(&path).await;
            }
        });
    }
    report.finish();
}

/// Any error may come of a wrong byte in metadata: it may name another file, branch or column. Wrong bytes
/// in other files say something wrong about themselves.
fn fitting(failure: &Failure, kind: Kind) -> Result<(), String> {
    let error = match failure {
        Failure::Read(frazil_reader::ReadError::Table(error)) => error,
        // Columns were renamed: what is read is right, and not what the test expects.
        Failure::Wrong(_) if kind == Kind::Metadata => return Ok(()),
        other => return Err(format!("{other}")),
    };
    check_message(error, &[])?;
    let names_other_files =
        matches!(kind, Kind::Metadata | Kind::ManifestList | Kind::DataManifest | Kind::DeleteManifest);
    match error {
        TableError::Corrupt { .. } | TableError::Unsupported { .. } => Ok(()),
        TableError::FileMissing { .. } | TableError::MemoryLimit { .. } if names_other_files => Ok(()),
        other => Err(format!("another error: {other:?}")),
    }
}

//! Flink's source on the same table: another program, whose own figures are read from its output.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// One run within Flink, as its benchmark program printed it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeerRun {
    /// Rows.
    pub n_rows: u64,
    /// Rows for each second of CPU time of the whole process.
    pub rows_per_cpu_second: f64,
}

/// Reads the table `n_runs` times in one process of one task, and returns the runs after the first, which
/// compiles.
///
/// # Errors
/// The program failed or printed something else.
pub fn warm_runs(folder: &Path, n_runs: usize) -> Result<Vec<PeerRun>> {
    let output = Command::new(folder.join("run.sh"))
        .args(["gen.Bench", "read", "1", &n_runs.to_string()])
        .env("NICE", "0")
        .env("XMX", "4g")
        .output()
        .with_context(|| format!("{} cannot be run", folder.join("run.sh").display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let runs = text.lines().filter_map(parse).skip(1).collect::<Vec<_>>();
    if runs.is_empty() {
        bail!("Flink has not read the table:\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(runs)
}

/// Reads a line such as `READ par=1 run=0 rows=10 … rows/cpu-s=5 …`.
fn parse(line: &str) -> Option<PeerRun> {
    let line = line.strip_prefix("READ ")?;
    let field = |name: &str| line.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    Some(PeerRun { n_rows: field("rows")?.parse().ok()?, rows_per_cpu_second: field("rows/cpu-s")?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_flinks_benchmark_is_understood() {
        let line = "READ par=1 run=2 rows=9999872 submit->first=0.41s rows/s=900 processCpu=7.10s rows/cpu-s=1408432 x";
        assert_eq!(parse(line), Some(PeerRun { n_rows: 9_999_872, rows_per_cpu_second: 1_408_432.0 }));
        assert_eq!(parse("snapshot 1 rows 2"), None);
    }
}

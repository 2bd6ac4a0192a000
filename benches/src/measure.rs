//! CPU time and peak memory of a process, and measurements in processes of their own.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::subject::Found;

/// One run of one subject.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Run {
    /// Rows delivered; for key look-ups, rows looked at.
    pub n_rows: u64,
    /// Sum of their ids; for key look-ups, rows found.
    pub check: i64,
    /// CPU time of all threads, user and system.
    pub cpu_seconds: f64,
    /// Time on the clock.
    pub wall_seconds: f64,
    /// The most memory that the process has had, from its start on.
    pub peak_bytes: u64,
}

/// Takes the time of a piece of work.
#[derive(Debug)]
pub struct Stopwatch {
    cpu_seconds: f64,
    start: Instant,
}

impl Stopwatch {
    /// Starts it.
    #[allow(clippy::disallowed_methods)] // Time is what is measured.
    pub fn start() -> Self {
        Self { cpu_seconds: cpu_seconds(), start: Instant::now() }
    }

    /// Stops it.
    ///
    /// # Errors
    /// `/proc` is not there.
    pub fn stop(self, found: Found, check: i64) -> Result<Run> {
        let wall_seconds = self.start.elapsed().as_secs_f64();
        let cpu_seconds = cpu_seconds() - self.cpu_seconds;
        Ok(Run { n_rows: found.n_rows, check, cpu_seconds, wall_seconds, peak_bytes: peak_bytes()? })
    }
}

/// CPU time that this process has used: what `getrusage` adds up, in nanoseconds instead of microseconds.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// `VmHWM` of this process.
fn peak_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc/self/status has no VmHWM")?;
    let kilobytes = line.trim().strip_suffix("kB").context("VmHWM is not in kB")?;
    Ok(kilobytes.trim().parse::<u64>()? * 1024)
}

/// Runs this program again, with other arguments, and takes what it prints.
///
/// # Errors
/// It failed.
pub fn in_child(arguments: &[String]) -> Result<Run> {
    let output = Command::new(std::env::current_exe()?).args(arguments).output()?;
    if !output.status.success() {
        bail!("`{}` failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("`{}` printed no result", arguments.join(" ")))
}

/// Runs of several subjects, in turn: `runs[subject][round]`.
///
/// # Errors
/// One failed.
pub fn alternate(subjects: &[Vec<String>], n_rounds: usize) -> Result<Vec<Vec<Run>>> {
    let mut runs = vec![Vec::new(); subjects.len()];
    // The first round is not counted: it fills the file system's cache.
    for round in 0..=n_rounds {
        for (arguments, runs) in subjects.iter().zip(&mut runs) {
            let run = in_child(arguments)?;
            if round > 0 {
                runs.push(run);
            }
        }
    }
    Ok(runs)
}

/// Lowest, middle and highest of some values.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// Lowest.
    pub min: f64,
    /// Median; of an even number, the lower one.
    pub median: f64,
    /// Highest.
    pub max: f64,
}

impl Spread {
    /// `None` without values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let median = *values.get(values.len().checked_sub(1)? / 2)?;
        Some(Self { min: *values.first()?, median, max: *values.last()? })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_median_is_the_middle_value() {
        let spread = Spread::of([3.0, 1.0, 9.0]).unwrap();
        assert_eq!([spread.min, spread.median, spread.max], [1.0, 3.0, 9.0]);
        assert_eq!(Spread::of([2.0, 1.0]).unwrap().median, 1.0);
        assert!(Spread::of([]).is_none());
    }
}

//! Collecting what is wrong over many tables, so that one fault does not hide the next.

use std::fmt;
use std::io::Write as _;

/// What was compared, and what was wrong.
pub struct Report {
    title: &'static str,
    failures: Vec<String>,
    counts: Vec<(&'static str, usize)>,
}

impl Report {
    pub fn new(title: &'static str) -> Self {
        Self { title, failures: Vec::new(), counts: Vec::new() }
    }

    /// Adds to one of the totals.
    pub fn count(&mut self, what: &'static str, n: usize) {
        match self.counts.iter_mut().find(|(name, _)| *name == what) {
            Some((_, total)) => *total += n,
            None => self.counts.push((what, n)),
        }
    }

    /// One of the totals.
    pub fn total(&self, what: &str) -> usize {
        self.counts.iter().find(|(name, _)| *name == what).map_or(0, |(_, n)| *n)
    }

    pub fn fail(&mut self, place: impl fmt::Display, what: impl fmt::Display) {
        self.failures.push(format!("{place}: {what}"));
    }

    pub fn check(&mut self, place: impl fmt::Display, outcome: Result<(), String>) {
        if let Err(what) = outcome {
            self.fail(place, what);
        }
    }

    /// Prints the totals in one line, also when the test harness captures output.
    ///
    /// # Panics
    /// Something was wrong: lists all of it.
    pub fn finish(self) {
        let counts: Vec<String> = self.counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
        let line = format!("{}: {}, {} wrong\n", self.title, counts.join(", "), self.failures.len());
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        assert!(self.failures.is_empty(), "{line}  {}\n", self.failures.join("\n  "));
    }
}

/// `Err` with a message unless both are equal.
pub fn same<T: PartialEq + fmt::Debug>(what: &str, got: T, expected: T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{what} is {got:?}, expected {expected:?}")) }
}

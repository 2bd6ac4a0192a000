//! How far a compaction is: one line on a terminal, and nothing elsewhere.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use frazil_compactor::{CompactionPlan, GroupReport, LeftAlone, Progress};

use crate::inspect::size_text;

/// Shows how far a compaction is.
#[derive(Debug)]
pub(super) struct Screen {
    is_terminal: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    n_groups: usize,
    n_rewritten: usize,
    n_failed: usize,
    bytes: u64,
    bytes_rewritten: u64,
    /// Of the plan that was made last.
    left_alone: BTreeMap<LeftAlone, u64>,
}

impl Screen {
    pub(super) fn of_stderr() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), state: Mutex::default() }
    }

    /// Takes the line away. Returns what the last plan left alone.
    pub(super) fn close(&self) -> BTreeMap<LeftAlone, u64> {
        if self.is_terminal {
            // Nobody misses a line that cannot be shown.
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
        std::mem::take(&mut self.state().left_alone)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, state: &State) {
        if self.is_terminal {
            let _ = write!(io::stderr(), "\r{}\u{1b}[K", state.line());
        }
    }
}

impl State {
    fn line(&self) -> String {
        let failed = if self.n_failed > 0 { format!(", {} failed", self.n_failed) } else { String::new() };
        let (done, all) = (size_text(self.bytes_rewritten), size_text(self.bytes));
        format!("rewritten {} of {} groups, {done} of {all}{failed}", self.n_rewritten, self.n_groups)
    }
}

impl Progress for Screen {
    fn planned(&self, plan: &CompactionPlan) {
        let mut state = self.state();
        *state = State {
            n_groups: plan.groups.len(),
            bytes: plan.choices.iter().map(|choice| choice.input_bytes).sum(),
            left_alone: plan.left_alone(),
            ..State::default()
        };
        self.show(&state);
    }

    fn rewritten(&self, group: &GroupReport) {
        let mut state = self.state();
        state.n_rewritten += 1;
        state.bytes_rewritten += group.bytes_in;
        self.show(&state);
    }

    fn ended(&self, group: &GroupReport) {
        let mut state = self.state();
        state.n_failed += usize::from(matches!(group.outcome, frazil_compactor::GroupOutcome::Failed(_)));
        self.show(&state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is() {
        let mut state = State { n_groups: 3, n_rewritten: 1, bytes: 2048, bytes_rewritten: 1024, ..State::default() };
        assert_eq!(state.line(), "rewritten 1 of 3 groups, 1.0 KB of 2.0 KB");
        state.n_failed = 2;
        assert_eq!(state.line(), "rewritten 1 of 3 groups, 1.0 KB of 2.0 KB, 2 failed");
    }
}

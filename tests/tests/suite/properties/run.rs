//! Running many seeds on all cores, and finding the shortest history that fails.

use std::any::Any;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::{Builder, Runtime};

/// After so many failures no more seeds are started.
const N_FAILURES_MAX: usize = 3;

/// No history has more steps.
const N_STEPS_MAX: usize = 40;

/// What was done, counted.
#[derive(Debug, Default)]
pub struct Totals {
    counts: BTreeMap<&'static str, u64>,
}

impl Totals {
    pub fn add(&mut self, what: &'static str, n: usize) {
        *self.counts.entry(what).or_default() += n as u64;
    }

    pub fn get(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    fn merge(&mut self, other: Self) {
        for (what, n) in other.counts {
            *self.counts.entry(what).or_default() += n;
        }
    }

    /// Prints them in one line, also when the test harness captures output.
    pub fn print(&self, title: &str) {
        let counts: Vec<String> = self.counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
        std::io::stderr().write_all(format!("{title}: {}\n", counts.join(", ")).as_bytes()).unwrap();
    }
}

/// What went wrong, and the log of the history.
pub type Failure = (String, Vec<String>);

/// Runs `check`, with the history's log where it fails or panics.
pub fn logged<T>(log: &[String], check: impl FnOnce() -> Result<T, String>) -> Result<T, Failure> {
    let outcome = catch_unwind(AssertUnwindSafe(check));
    outcome
        .unwrap_or_else(|panic| Err(format!("panicked: {}", text_of(panic.as_ref()))))
        .map_err(|text| (text, log.to_vec()))
}

/// First seed and number of seeds, as the environment says.
pub fn histories(default: u64) -> (u64, u64) {
    let number = |name: &str| -> Option<u64> {
        std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
    };
    match (number("FRAZIL_SEED"), number("FRAZIL_HISTORIES")) {
        (Some(seed), n) => (seed, n.unwrap_or(1)),
        (None, n) => (0, n.unwrap_or(default)),
    }
}

/// Runs `one(seed, n_steps_max, runtime)` for each seed.
///
/// # Panics
/// Some history failed: prints the shortest beginnings of the first few.
pub fn run(first: u64, n: u64, one: impl Fn(u64, usize, &Runtime) -> Result<Totals, Failure> + Sync) -> Totals {
    let next = AtomicU64::new(first);
    let totals = Mutex::new(Totals::default());
    let failures: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                let caught = |seed: u64, n_steps: usize| {
                    catch_unwind(AssertUnwindSafe(|| one(seed, n_steps, &runtime)))
                        .unwrap_or_else(|panic| Err((format!("panicked: {}", text_of(panic.as_ref())), Vec::new())))
                };
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + n || failures.lock().unwrap().len() >= N_FAILURES_MAX {
                        return;
                    }
                    match caught(seed, N_STEPS_MAX) {
                        Ok(counted) => totals.lock().unwrap().merge(counted),
                        Err(whole) => {
                            let shortest = (0..N_STEPS_MAX).find_map(|n| Some((n, caught(seed, n).err()?)));
                            let (n_steps, (text, log)) = shortest.unwrap_or((N_STEPS_MAX, whole));
                            let log = log.join("\n  ");
                            let text = format!("FRAZIL_SEED={seed}, {n_steps} steps:\n  {log}\n  {text}");
                            failures.lock().unwrap().push(text);
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}\n", failures.join("\n\n"));
    let mut totals = totals.into_inner().unwrap();
    totals.add("histories", usize::try_from(n).unwrap());
    totals
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

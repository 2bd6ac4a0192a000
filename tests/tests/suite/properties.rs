//! Random histories, read by the product and compared with an independent model of the semantics.
//!
//! `FRAZIL_SEED` runs one history, `FRAZIL_HISTORIES` sets how many are run (from seed `FRAZIL_SEED`, else 0).
//! A failure prints its seed, and the shortest beginning of that history that fails.

pub mod check;
mod compaction;
mod modes;
pub mod run;

use frazil_testkit::random::{Compaction, RandomTable, random_table};
use tokio::runtime::Runtime;

use self::check::{Nets, check, net_by_step};
use self::run::{Totals, histories, logged, run};

/// Histories of the suite unless told otherwise.
const N_HISTORIES: u64 = 1000;

/// Histories of a control: enough to see what is wrong, with the seeds of the suite.
const N_CONTROL_HISTORIES: u64 = 150;

fn nets(runtime: &Runtime, random: &RandomTable) -> Result<Nets, String> {
    runtime.block_on(net_by_step(random))
}

#[test]
fn random_histories_are_read_as_the_model_says() {
    let (first, n) = histories(N_HISTORIES);
    let totals = run(first, n, |seed, n_steps, runtime| {
        let random = random_table(seed, Compaction::Sound, n_steps);
        logged(&random.log, || runtime.block_on(check(&random, seed)))
    });
    totals.print("properties");
    assert_eq!(totals.get("replace snapshots that changed rows"), 0);
    if n >= N_HISTORIES {
        for kind in ["+I", "-U", "-D", "replace snapshots", "folds by key"] {
            assert!(totals.get(kind) > n / 10, "too few of `{kind}` to mean anything");
        }
    }
}

#[test]
fn random_histories_in_the_other_modes_are_what_the_model_says() {
    let (first, n) = histories(N_HISTORIES / 4);
    let totals = run(first, n, |seed, n_steps, runtime| {
        let random = random_table(seed, Compaction::Sound, n_steps);
        logged(&random.log, || runtime.block_on(modes::check(&random, seed)))
    });
    totals.print("modes");
    if n >= N_HISTORIES / 4 {
        for what in ["upserts folded by key", "keyed deletes", "ranges summed up", "streams followed"] {
            assert!(totals.get(what) > n / 10, "too few of `{what}` to mean anything");
        }
    }
}

#[test]
fn compaction_inserted_in_a_history_is_invisible() {
    let (first, n) = histories(N_HISTORIES / 2);
    let totals = run(first, n, |seed, n_steps, runtime| {
        let mut totals = Totals::default();
        let with = random_table(seed, Compaction::Sound, n_steps);
        if !with.shape.comparable {
            return Ok(totals);
        }
        let without = random_table(seed, Compaction::Off, n_steps);
        let log = [with.log.as_slice(), &without.log].concat();
        let n_compared = logged(&log, || {
            let (with, without) = (nets(runtime, &with)?, nets(runtime, &without)?);
            if with == without { Ok(with.len()) } else { Err(format!("P4: with {with:?}\n  without {without:?}")) }
        })?;
        totals.add("histories compared", 1);
        totals.add("snapshots compared", n_compared);
        Ok(totals)
    });
    totals.print("compaction invisible");
}

/// The controls: compactions with a wrong output sequence number must be seen, and their rows be the model's.
#[test]
fn compaction_with_a_wrong_sequence_number_is_seen() {
    let (first, n) = histories(N_CONTROL_HISTORIES);
    for compaction in [Compaction::Min, Compaction::New] {
        let totals = run(first, n, |seed, n_steps, runtime| {
            let random = random_table(seed, compaction, n_steps);
            logged(&random.log, || {
                let mut totals = runtime.block_on(check(&random, seed))?;
                if random.shape.comparable {
                    let without = random_table(seed, Compaction::Off, n_steps);
                    let is_visible = nets(runtime, &random)? != nets(runtime, &without)?;
                    totals.add("histories in which compaction was visible", usize::from(is_visible));
                }
                Ok(totals)
            })
        });
        totals.print(&format!("compaction with sequence number {compaction:?}"));
        if n >= N_CONTROL_HISTORIES {
            assert!(totals.get("replace snapshots that changed rows") > 0, "{compaction:?}");
            assert!(totals.get("histories in which compaction was visible") > 0, "{compaction:?}");
        }
    }
}

//! libFuzzer on one target, which `FRAZIL_FUZZ_TARGET` names. `fuzz/run` builds and starts it.
//!
//! Seeds are written to the folder that `FRAZIL_FUZZ_CORPUS` names before the fuzzer reads it.
#![no_main]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unsafe_code)]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::{env, fs};

use frazil_fuzz::Target;
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<Target> = OnceLock::new();

/// Where libraries panicked.
static CAUGHT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fuzz_target!(init: start(), |data: &[u8]| {
    let run = || TARGET.get().unwrap().run(data);
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        std::process::abort();
    }
});

fn start() {
    let name = env::var("FRAZIL_FUZZ_TARGET").expect("FRAZIL_FUZZ_TARGET names a target");
    let target = Target::from_name(&name).unwrap_or_else(|| panic!("there is no target `{name}`"));
    TARGET.set(target).unwrap();
    if let Ok(folder) = env::var("FRAZIL_FUZZ_CORPUS") {
        fs::create_dir_all(&folder).unwrap();
        let regressions = target.regressions().into_iter().map(|(_, bytes)| bytes);
        for (index, seed) in target.seeds().into_iter().chain(regressions).enumerate() {
            fs::write(Path::new(&folder).join(format!("seed-{index}")), seed).unwrap();
        }
    }
    // In place of libFuzzer's hook, which ends the process on every panic.
    set_hook(Box::new(on_panic));
}

/// The product turns panics of libraries into errors: those are counted. A panic of its own is a finding even
/// where it would be caught.
fn on_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    if place.starts_with("table/") || place.starts_with("reader/") || place.starts_with("fuzz/") {
        eprintln!("finding: {info}");
        std::process::abort();
    }
    let mut caught = CAUGHT.lock().unwrap_or_else(PoisonError::into_inner);
    if !caught.contains(&place) {
        eprintln!("caught: {info}");
        caught.insert(place);
    }
}

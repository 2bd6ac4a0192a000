//! Inputs that the fuzzer found once.

use frazil_fuzz::Target;

use crate::report::Report;

#[test]
fn what_the_fuzzer_found_is_refused_or_read_now() {
    let mut report = Report::new("fuzz regressions");
    for target in Target::ALL {
        for (path, input) in target.regressions() {
            report.count("inputs", 1);
            let outcome = std::panic::catch_unwind(|| target.run(&input));
            if outcome.is_err() {
                report.fail(path.display(), "is a finding again");
            }
        }
    }
    report.finish();
}

#[test]
fn every_target_takes_its_seeds() {
    for target in Target::ALL {
        let seeds = target.seeds();
        assert!(!seeds.is_empty(), "{} has no seeds", target.name());
        seeds.iter().step_by(10).for_each(|seed| target.run(seed));
        target.run(&[]);
    }
}

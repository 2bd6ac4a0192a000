//! The model's own laws, on random histories and without any reader.

use std::collections::BTreeMap;

use crate::model::{Duplicates, History, Key, Kind, Multiset, Snapshot, fold, net};
use crate::random::{Compaction, random_table};
use crate::table::MAIN;
use crate::value::Row;

const N_SEEDS: u64 = 400;

/// Folds the changes of a line; returns how many `replace` snapshots changed rows.
fn check(seed: u64, history: &History, line: &[&Snapshot]) -> usize {
    let Some(first) = line.first() else { return 0 };
    let key = history.default_key(first, line.last().unwrap());
    let mut state = Multiset::new();
    let mut n_faulty = 0;
    let mut parent: Option<&Snapshot> = None;
    for snapshot in line {
        if let Some(parent) = parent {
            state = history.project_state(&state, history.schema_of(parent), history.schema_of(snapshot));
        }
        let changes = if parent.is_none() {
            history.full(snapshot)
        } else {
            history.changes(parent, snapshot, &key, Duplicates::Pair)
        };
        n_faulty += usize::from(snapshot.operation == "replace" && !changes.is_empty());
        fold(&mut state, &changes).unwrap_or_else(|change| panic!("seed {seed}: {change:?} in {}", snapshot.id));
        assert_eq!(state, history.rows(snapshot), "seed {seed}, snapshot {}", snapshot.id);
        parent = Some(snapshot);
    }
    n_faulty
}

#[test]
fn folded_changes_are_the_rows_and_sound_compaction_is_invisible() {
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut n_replace = 0;
    for seed in 0..N_SEEDS {
        let random = random_table(seed, Compaction::Sound, usize::MAX);
        let history = random.table.history();
        let line = random.table.lineage(MAIN);
        let n_faulty = check(seed, history, &line);
        assert_eq!(n_faulty, 0, "seed {seed}: {:#?}", random.log);
        n_replace += line.iter().filter(|snapshot| snapshot.operation == "replace").count();
        let key = Key::Columns(vec![1]);
        for pair in line.windows(2) {
            for (kind, _) in history.changes(Some(pair[0]), pair[1], &key, Duplicates::Pair) {
                *kinds.entry(kind).or_default() += 1;
            }
        }
    }
    println!("{n_replace} replace snapshots, {kinds:?}");
    assert!(n_replace > 100 && kinds.values().all(|n| *n > 100), "{n_replace} {kinds:?}");
}

#[test]
fn a_history_shows_the_same_rows_with_and_without_compaction() {
    for seed in 0..N_SEEDS {
        let with = random_table(seed, Compaction::Sound, usize::MAX);
        let without = random_table(seed, Compaction::Off, usize::MAX);
        if !with.shape.comparable {
            continue;
        }
        let rows = |random: &crate::random::RandomTable| -> Vec<(usize, BTreeMap<Row, i64>)> {
            let history = random.table.history();
            let net_of = |(step, id): &(usize, i64)| {
                let snapshot = &history.snapshots[id];
                let changes = history.full(snapshot);
                (*step, net(&changes))
            };
            random.steps.iter().map(net_of).collect()
        };
        assert_eq!(rows(&with), rows(&without), "seed {seed}: {:#?}\n{:#?}", with.log, without.log);
    }
}

#[test]
fn faulty_compaction_is_seen() {
    for compaction in [Compaction::Min, Compaction::New] {
        let mut n_faulty = 0;
        for seed in 0..N_SEEDS {
            let random = random_table(seed, compaction, usize::MAX);
            n_faulty += check(seed, random.table.history(), &random.table.lineage(MAIN));
        }
        println!("{compaction:?}: {n_faulty}");
        assert!(n_faulty > 0, "{compaction:?}");
    }
}

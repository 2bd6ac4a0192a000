//! Applying changes to rows, and summing them up.

use std::collections::BTreeMap;

use super::{Change, Kind, Multiset};
use crate::value::Row;

/// Counts rows.
pub fn multiset(rows: impl IntoIterator<Item = Row>) -> Multiset {
    let mut counts = Multiset::new();
    for row in rows {
        *counts.entry(row).or_default() += 1;
    }
    counts
}

/// Applies changes to folded rows.
///
/// # Errors
/// A change takes away a row that is not there: the row.
pub fn fold(state: &mut Multiset, changes: &[Change]) -> Result<(), Change> {
    for (kind, row) in changes {
        match kind {
            Kind::Insert | Kind::UpdateAfter => *state.entry(row.clone()).or_default() += 1,
            Kind::Delete | Kind::UpdateBefore => match state.get_mut(row) {
                None => return Err((*kind, row.clone())),
                Some(1) => {
                    state.remove(row);
                }
                Some(n) => *n -= 1,
            },
        }
    }
    Ok(())
}

/// What changes come to, equal rows of both directions cancelled: rows with how many more or fewer there are.
pub fn net(changes: &[Change]) -> BTreeMap<Row, i64> {
    let mut net = BTreeMap::new();
    for (kind, row) in changes {
        let step = if matches!(kind, Kind::Insert | Kind::UpdateAfter) { 1 } else { -1 };
        *net.entry(row.clone()).or_insert(0) += step;
    }
    net.retain(|_, n| *n != 0);
    net
}

//! Some rows of a data file, by position.

use std::sync::Arc;

use roaring::RoaringTreemap;

/// Some rows of a data file. How many rows the file has is not part of it, so that nothing grows with a number
/// that metadata merely claims.
#[derive(Debug, Clone)]
pub enum RowSet {
    /// Every row.
    All,
    /// Every row but those at these positions.
    Except(Arc<RoaringTreemap>),
    /// The rows at these positions.
    Only(Arc<RoaringTreemap>),
}

impl RowSet {
    /// No row.
    pub fn none() -> Self {
        Self::Only(Arc::default())
    }

    /// Rows in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, rows) | (rows, Self::All) => rows.clone(),
            (Self::Only(these), Self::Only(those)) => Self::Only(Arc::new(&**these & &**those)),
            (Self::Only(these), Self::Except(gone)) | (Self::Except(gone), Self::Only(these)) => {
                Self::Only(Arc::new(&**these - &**gone))
            }
            (Self::Except(gone), Self::Except(others)) => Self::Except(Arc::new(&**gone | &**others)),
        }
    }

    /// Rows in this set and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.intersection(&other.complement())
    }

    /// Rows in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.complement().intersection(&other.complement()).complement()
    }

    fn complement(&self) -> Self {
        match self {
            Self::All => Self::none(),
            Self::Except(positions) => Self::Only(positions.clone()),
            Self::Only(positions) => Self::Except(positions.clone()),
        }
    }

    /// How many of `n_rows` rows there are.
    pub fn n_rows(&self, n_rows: u64) -> u64 {
        match self {
            Self::All => n_rows,
            Self::Except(positions) => n_rows.saturating_sub(positions.len()),
            Self::Only(positions) => positions.len(),
        }
    }

    /// The row at a position is one of them.
    pub fn contains(&self, position: u64) -> bool {
        match self {
            Self::All => true,
            Self::Except(positions) => !positions.contains(position),
            Self::Only(positions) => positions.contains(position),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets over eight rows, given by their bits, in every form that they have.
    fn forms(bits: u8) -> Vec<RowSet> {
        let positions = |wanted: u8| -> Arc<RoaringTreemap> {
            Arc::new((0..8).filter(|position| wanted >> position & 1 == 1).collect())
        };
        let mut forms = vec![RowSet::Only(positions(bits)), RowSet::Except(positions(!bits))];
        if bits == u8::MAX {
            forms.push(RowSet::All);
        }
        forms
    }

    fn bits(set: &RowSet) -> u8 {
        (0..8).filter(|position| set.contains(*position)).map(|position| 1 << position).sum()
    }

    #[test]
    fn sets_combine_whatever_their_form() {
        for left in (0..=u8::MAX).step_by(15) {
            for right in (0..=u8::MAX).step_by(17) {
                for (a, b) in forms(left).iter().flat_map(|a| forms(right).into_iter().map(move |b| (a.clone(), b))) {
                    assert_eq!(bits(&a.intersection(&b)), left & right);
                    assert_eq!(bits(&a.union(&b)), left | right);
                    assert_eq!(bits(&a.difference(&b)), left & !right);
                    assert_eq!(a.n_rows(8), u64::from(left.count_ones()));
                }
            }
        }
    }
}

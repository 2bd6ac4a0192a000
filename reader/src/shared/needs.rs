//! What consumers read of a table, what a scan for several of them has to read, and whether that pays. Pure.

use std::sync::Arc;

use frazil_table::FieldId;
use frazil_table::filter::BoundFilter;

/// What has to be read for one consumer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Needs {
    /// Columns that it gets; `None` is all.
    pub(crate) columns: Option<Vec<FieldId>>,
    /// Rows that it gets; `None` is all.
    pub(crate) filter: Option<Arc<BoundFilter>>,
    pub(crate) readers: usize,
    pub(crate) memory_limit_bytes: u64,
}

/// What has to be read for several consumers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Union {
    /// Columns that one of them gets; `None` is all.
    pub(crate) columns: Option<Vec<FieldId>>,
    /// Columns that one of them filters by, each once.
    pub(crate) hidden: Vec<FieldId>,
    /// Rows that one of them gets; `None` is all.
    pub(crate) filter: Option<Arc<BoundFilter>>,
    /// What `filter` is made of.
    filters: Vec<Arc<BoundFilter>>,
    pub(crate) readers: usize,
    pub(crate) memory_limit_bytes: u64,
}

fn insert(ids: &mut Vec<FieldId>, more: impl IntoIterator<Item = FieldId>) {
    for id in more {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
}

impl Needs {
    /// The columns that it filters by.
    pub(crate) fn filter_ids(&self) -> Vec<FieldId> {
        self.filter.as_ref().map(|filter| filter.field_ids()).unwrap_or_default()
    }

    /// All columns that are decoded for it alone; `None` is every one.
    fn decoded(&self) -> Option<Vec<FieldId>> {
        let mut ids = self.columns.clone()?;
        insert(&mut ids, self.filter_ids());
        Some(ids)
    }
}

impl Union {
    /// Everything that these need.
    pub(crate) fn of<'a>(needs: impl Iterator<Item = &'a Needs> + Clone) -> Self {
        let mut columns = Some(Vec::new());
        let (mut hidden, mut filters) = (Vec::new(), Vec::<Arc<BoundFilter>>::new());
        for one in needs.clone() {
            columns = match (columns, &one.columns) {
                (Some(mut ids), Some(more)) => {
                    insert(&mut ids, more.iter().copied());
                    Some(ids)
                }
                _ => None,
            };
            insert(&mut hidden, one.filter_ids());
            if let Some(filter) = &one.filter
                && !filters.contains(filter)
            {
                filters.push(filter.clone());
            }
        }
        if needs.clone().any(|one| one.filter.is_none()) {
            filters.clear();
        }
        let filter = match filters.as_slice() {
            [one] => Some(one.clone()),
            several => BoundFilter::any_of(several.iter().map(Arc::as_ref)).map(Arc::new),
        };
        if filter.is_none() {
            filters.clear();
        }
        let readers = needs.clone().map(|one| one.readers).max().unwrap_or(1);
        let memory_limit_bytes = needs.map(|one| one.memory_limit_bytes).max().unwrap_or_default();
        Self { columns, hidden, filter, filters, readers, memory_limit_bytes }
    }

    /// Whoever needs this finds it in what is read.
    pub(crate) fn covers(&self, needs: &Needs) -> bool {
        let has_columns = is_among(needs.columns.as_deref(), self.columns.as_deref());
        let has_rows = self.filter.is_none() || needs.filter.as_ref().is_some_and(|one| self.filters.contains(one));
        has_columns && has_rows && needs.filter_ids().iter().all(|id| self.hidden.contains(id))
    }
}

/// One scan for all of these decodes no value that none of them asks for, as far as can be known before reading: either
/// they want the same rows, or whoever wants fewer rows asks for no column that the others do not have decoded anyway.
pub(crate) fn is_worth<'a>(needs: impl Iterator<Item = &'a Needs> + Clone) -> bool {
    let Some(first) = needs.clone().next() else { return true };
    if needs.clone().all(|one| one.filter == first.filter) {
        return true;
    }
    let for_all_rows = needs.clone().filter(|one| one.filter.is_none());
    if for_all_rows.clone().next().is_some() {
        let decoded = union_of(for_all_rows.map(Needs::decoded));
        return needs.map(Needs::decoded).all(|ids| is_among(ids.as_deref(), decoded.as_deref()));
    }
    // Rows of one are not those of another: no column may be decoded for one of them only.
    let decoded = union_of(needs.clone().map(Needs::decoded));
    needs.map(Needs::decoded).all(|ids| is_among(decoded.as_deref(), ids.as_deref()))
}

/// All of `ids` are in `all`; `None` is every column.
fn is_among(ids: Option<&[FieldId]>, all: Option<&[FieldId]>) -> bool {
    match (ids, all) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(ids), Some(all)) => ids.iter().all(|id| all.contains(id)),
    }
}

fn union_of(columns: impl Iterator<Item = Option<Vec<FieldId>>>) -> Option<Vec<FieldId>> {
    let mut all = Vec::new();
    for ids in columns {
        insert(&mut all, ids?);
    }
    Some(all)
}

#[cfg(test)]
mod tests;

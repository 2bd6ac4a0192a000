//! Reading with filters: which rows and changes come, and what is not read for them.

mod bad;
mod condition;
mod fixtures;
mod histories;
mod layouts;
mod orc;
mod pruning;
mod retract;

use frazil_reader::{ReadOptions, RowsOptions};
use frazil_table::filter::Filter;

fn filter(sql: &str) -> Option<Filter> {
    Some(Filter::parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}")))
}

fn rows_where(sql: &str) -> RowsOptions {
    RowsOptions { filter: filter(sql), ..RowsOptions::default() }
}

fn changes_where(sql: &str) -> ReadOptions {
    ReadOptions { filter: filter(sql), ..ReadOptions::default() }
}

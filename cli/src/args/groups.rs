//! Arguments of `frazil groups`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use frazil_reader::From;

use super::TableArgs;

/// `frazil groups`
#[derive(Debug, Subcommand)]
pub(crate) enum GroupsCommand {
    /// All groups: which table they read, where they stand, when they read last
    #[command(after_help = "Examples:\n  frazil groups list\n  frazil groups list --json")]
    List,
    /// Position of a group, and how far it is behind the table
    #[command(after_help = "Example:\n  frazil groups describe prod.db.orders --group billing")]
    Describe(GroupArgs),
    /// Sets a group to another place; only shows what would be done, unless --execute is passed
    #[command(after_help = concat!(
        "Examples:\n",
        "  frazil groups reset prod.db.orders --group billing --to latest\n",
        "  frazil groups reset prod.db.orders --group billing --to snapshot:4006482730745388459 --execute"
    ))]
    Reset(GroupResetArgs),
    /// Forgets a group
    #[command(after_help = "Example:\n  frazil groups delete prod.db.orders --group billing")]
    Delete(GroupArgs),
    /// All groups as JSON, to standard output
    #[command(after_help = "Example:\n  frazil groups export > groups.json")]
    Export,
    /// Takes groups from a file that `frazil groups export` wrote; those that are there already stay as they are
    #[command(after_help = "Example:\n  frazil groups import groups.json")]
    Import {
        /// The file
        file: PathBuf,
    },
}

/// Which group of which table.
#[derive(Debug, Args)]
pub(crate) struct GroupArgs {
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// The group
    #[arg(long, value_name = "NAME")]
    pub(crate) group: String,
}

/// `frazil groups reset`
#[derive(Debug, Args)]
pub(crate) struct GroupResetArgs {
    #[command(flatten)]
    pub(crate) group: GroupArgs,
    /// Where it goes on: earliest, latest, full, snapshot:ID, after:ID, timestamp:RFC3339 or tag:NAME
    #[arg(long, value_name = "START")]
    pub(crate) to: From,
    /// Do it
    #[arg(long)]
    pub(crate) execute: bool,
}

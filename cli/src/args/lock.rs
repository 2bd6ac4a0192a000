//! Arguments of `frazil lock`.

use clap::{Args, Subcommand};

use super::TABLE_HELP;

/// `frazil lock`
#[derive(Debug, Subcommand)]
pub(crate) enum LockCommand {
    /// Who holds the commit lock of a table, since when, and who waits
    #[command(after_help = "Examples:\n  frazil lock show prod.db.orders\n  frazil lock show prod.db.orders --json")]
    Show(LockTableArgs),
    /// Takes the commit lock of a table away from who holds it; asks first
    ///
    /// For a holder that hangs. One that was killed loses the lock by itself when its session ends. The holder is told,
    /// and no commit is lost: the catalog refuses one that comes too late.
    #[command(after_help = concat!(
        "Exit codes: 0 taken away, or it was free; 75 the lock has changed hands since it was shown\n\n",
        "Examples:\n",
        "  frazil lock break prod.db.orders\n",
        "  frazil lock break prod.db.orders --yes"
    ))]
    Break(LockBreakArgs),
}

/// Whose lock.
#[derive(Debug, Args)]
pub(crate) struct LockTableArgs {
    /// The table, named as for reading it
    #[arg(long_help = TABLE_HELP)]
    pub(crate) table: String,
}

/// `frazil lock break`
#[derive(Debug, Args)]
pub(crate) struct LockBreakArgs {
    #[command(flatten)]
    pub(crate) table: LockTableArgs,
    /// Without asking, for scripts
    #[arg(long)]
    pub(crate) yes: bool,
}

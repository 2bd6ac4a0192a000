//! The command line: what can be asked, and how its values are written.

mod choices;
mod compact;
mod groups;
mod lock;
mod serve;
mod values;
mod watermark;

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use frazil_reader::{At, From, MAIN_BRANCH, N_LANES_MAX, SchemaMode, To};

pub(crate) use self::choices::{
    CheckArg, DuplicateArg, ExpiredArg, FilterUpdatesArg, FormatArg, KeyChangeArg, KindArg, LongsArg, MismatchArg,
    NonAppendArg, RollbackArg, RouteArg, StyleArg,
};
pub(crate) use self::compact::CompactArgs;
pub(crate) use self::groups::{GroupArgs, GroupResetArgs, GroupsCommand};
pub(crate) use self::lock::{LockBreakArgs, LockCommand, LockTableArgs};
pub(crate) use self::serve::ServeArgs;
use self::values::{NameList, parse_duration, parse_names, parse_schema, parse_size};
pub(crate) use self::watermark::{NameArg, ReachArg, WatermarkArgs, WatermarkSetArgs, WatermarkSetCommand};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const TABLE_HELP: &str = "\
TABLE is the path or URI of a table's folder or of a metadata file, or `catalog.namespace.table`, or `namespace.table` \
in the catalog that --catalog or --catalog-uri names, or in the only one of the settings. What contains a `/` or exists \
on disk is a path.";

fn parse_readers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(readers) if (1..=256).contains(&readers) => Ok(readers),
        _ => Err("not a number from 1 to 256".to_owned()),
    }
}

fn parse_lanes(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(lanes) if (1..=N_LANES_MAX).contains(&lanes) => Ok(lanes),
        _ => Err(format!("not a number from 1 to {N_LANES_MAX}")),
    }
}

fn parse_lane_range(text: &str) -> Result<Range<u16>, String> {
    let bounds = text.split_once("..").and_then(|(start, end)| Some(start.parse().ok()?..end.parse().ok()?));
    match bounds {
        Some(range) if !range.is_empty() && range.end <= N_LANES_MAX => Ok(range),
        _ => Err(format!("not two numbers from 0 to {N_LANES_MAX}, the lower one first, such as 0..128")),
    }
}

/// A size in the settings, which is written as in options.
pub(crate) fn parse_memory_limit(text: &str) -> Result<u64, String> {
    parse_size(text)
}

/// Reads the changes of Apache Iceberg tables.
#[derive(Debug, Parser)]
#[command(
    name = "frazil",
    version,
    styles = STYLES,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 75 not yet, 130 interrupted, 143 terminated\n\n\
                  Examples:\n  frazil demo\n  frazil read warehouse/db/orders --from earliest"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Default, Args)]
pub(crate) struct GlobalArgs {
    /// Settings file [default: $FRAZIL_CONFIG, ./frazil.toml, frazil/frazil.toml in the user's configuration folder]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// Catalog of the settings to look in; with --catalog-uri of a database, the catalog within it
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub(crate) catalog: Option<String>,
    /// Address of a catalog: https://HOST/PATH, thrift://HOST:PORT, postgresql://USER@HOST/DB, sqlite:///PATH
    #[arg(long, global = true, value_name = "URI", help_heading = "Global options")]
    pub(crate) catalog_uri: Option<String>,
    /// Property of the catalog or the store, over the settings' (repeatable)
    ///
    /// By the names that Iceberg and pyiceberg use, such as warehouse, s3.endpoint or s3.region. Secrets are better
    /// kept in the environment or the settings file: arguments are seen by other users of the machine.
    #[arg(long, global = true, value_name = "KEY=VALUE", help_heading = "Global options")]
    pub(crate) property: Vec<String>,
    /// Memory that delete sets, before images and decoded batches may take, such as 512MB or 1GB
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size, help_heading = "Global options")]
    pub(crate) memory_limit: Option<u64>,
    /// Results and errors as JSON
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// More of what happens to standard error; twice for details
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Changes or rows of a table, to standard output or a file
    #[command(after_help = concat!(
        "Examples:\n",
        "  frazil read warehouse/db/orders --from snapshot:4006482730745388459\n",
        "  frazil read db.orders --catalog-uri sqlite:///tmp/catalog.db --mode rows --columns id,amount\n",
        "  frazil read warehouse/db/orders --format arrow -o changes.arrows\n",
        "  frazil read warehouse/db/orders --follow --mode upsert --format debezium-json"
    ))]
    Read(Box<ReadArgs>),
    /// Schema, snapshots, files and health of a table, with what to do about it
    #[command(
        after_help = "Examples:\n  frazil inspect warehouse/db/orders\n  frazil inspect warehouse/db/orders --json --partitions 10"
    )]
    Inspect(InspectArgs),
    /// Rewrites small files and files with deletes, while writers and readers go on
    #[command(after_help = concat!(
        "Exit codes: 0 done, or nothing to do; 1 failed, or done only in part; 2 wrong usage; 75 the lock is busy\n\n",
        "Examples:\n",
        "  frazil compact warehouse/db/orders --dry-run\n",
        "  frazil compact prod.db.orders --target-file-size-bytes 128MB --min-input-files 10\n",
        "  frazil compact prod.db.orders --where \"day >= '2026-11-20'\" --partial-progress --json\n",
        "  frazil compact prod.db.orders --option rewrite-job-order=files-desc --verify checksum"
    ))]
    Compact(Box<CompactArgs>),
    /// Event time up to which a table is complete
    #[command(after_help = concat!(
        "Exit codes: 0 reached, or shown; 75 not yet reached; 1 cannot tell; 2 wrong usage\n\n",
        "Examples:\n",
        "  frazil watermark warehouse/db/orders\n",
        "  frazil watermark warehouse/db/orders --reach 2026-11-21T01:00:00Z && ./hourly-job\n",
        "  frazil watermark warehouse/db/orders --reach 2026-11-21Z --wait --timeout 2h\n",
        "  frazil watermark warehouse/db/orders --name column:ordered_at --lateness 10m"
    ))]
    Watermark(WatermarkArgs),
    /// Consumer groups: positions kept under a name, for `frazil read --group`
    #[command(subcommand)]
    #[command(after_help = "Example:\n  frazil groups list")]
    Groups(GroupsCommand),
    /// The commit lock of a table
    #[command(subcommand)]
    #[command(after_help = "Example:\n  frazil lock show prod.db.orders")]
    Lock(LockCommand),
    /// Changes and watermarks over gRPC and Arrow Flight, to clients in any language
    #[command(after_help = concat!(
        "Exit codes: 0 ended by a signal; 1 failed; 2 wrong usage\n\n",
        "Examples:\n",
        "  frazil serve ./warehouse\n",
        "  frazil serve --catalog prod --listen 127.0.0.1:7447"
    ))]
    Serve(ServeArgs),
    /// Shows the changes of a table that Flink wrote, then of one that is being written, and checks them
    #[command(after_help = "Example:\n  frazil demo --seconds 5")]
    Demo(DemoArgs),
    /// The settings in use
    #[command(subcommand)]
    #[command(after_help = "Example:\n  frazil config check")]
    Config(ConfigCommand),
    /// Shell completions, to standard output
    #[command(after_help = "Example:\n  frazil completions bash > ~/.local/share/bash-completion/completions/frazil")]
    Completions {
        /// Shell to complete in
        shell: Shell,
    },
}

/// `frazil config`
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Reads the settings, tries every catalog with its warehouse and the lock, and says what is wrong where
    #[command(after_help = "Examples:\n  frazil config check\n  frazil config check --catalog prod --json")]
    Check,
}

/// Which table, and where its files are now.
#[derive(Debug, Args)]
pub(crate) struct TableArgs {
    /// Path or URI of a table's folder or metadata file, or namespace.table
    #[arg(long_help = TABLE_HELP)]
    pub(crate) table: String,
    /// Replaces a prefix of every path in metadata, for tables that were copied or mounted elsewhere (repeatable)
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) path_map: Vec<String>,
}

/// `frazil demo`
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// For how long a table is written to, in seconds
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
}

/// `frazil read`
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// What to deliver
    #[arg(long, value_enum, default_value_t = ModeArg::Changelog)]
    pub(crate) mode: ModeArg,
    /// Go on as the table grows, until interrupted or an end is reached
    #[arg(long)]
    pub(crate) follow: bool,
    /// Longest time between two looks at the table with --follow, such as 500ms or 5s [default: 500ms]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) poll_interval: Option<Duration>,
    /// Give up when nothing has worked for this long, with --follow, such as 30s or 2h [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) retry_timeout: Option<Duration>,
    /// First snapshot of the changes [default: earliest, with --follow full]
    ///
    /// earliest, latest (only changes after the head), full (all rows at the end), snapshot:ID (inclusive),
    /// after:ID (exclusive), timestamp:RFC3339 (the first commit at or after it), tag:NAME (exclusive),
    /// position:TOKEN (where an earlier read with the same options stood)
    #[arg(long, value_name = "START")]
    pub(crate) from: Option<From>,
    /// Consumer group: go on where the last read for it ended, and keep the position as rows are written
    ///
    /// --from says where it starts the first time. One process at a time reads for a group.
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Last snapshot of the changes, inclusive [default: latest]
    ///
    /// latest, snapshot:ID, timestamp:RFC3339 (the last commit at or before it)
    #[arg(long, value_name = "END")]
    pub(crate) to: Option<To>,
    /// State of the table for --mode rows [default: latest]
    ///
    /// latest, snapshot:ID, timestamp:RFC3339 (the last commit at or before it), tag:NAME
    #[arg(long, value_name = "STATE")]
    pub(crate) at: Option<At>,
    /// Key columns, by which removals and additions become updates
    ///
    /// Without it, the table's identifier fields, else the columns of its equality deletes.
    #[arg(long, value_name = "COLUMNS", value_parser = parse_names)]
    pub(crate) key: Option<NameList>,
    /// Columns to show, in this order; dotted names reach into structs, and "a,b" in quotes is one name
    #[arg(long, value_name = "COLUMNS", value_parser = parse_names)]
    pub(crate) columns: Option<NameList>,
    /// Kinds of changes to leave out
    #[arg(long, value_name = "KINDS", value_enum, value_delimiter = ',', ignore_case = true)]
    pub(crate) drop_kinds: Vec<KindArg>,
    /// Only rows for which this condition holds: the SQL of a WHERE clause, such as "amount > 10 AND region = 'eu'"
    ///
    /// Comparison, AND, OR, NOT, IN, BETWEEN, LIKE, STARTS WITH, IS NULL, IS NAN, IS TRUE. Dotted names reach into
    /// structs, and names in double quotes may have any character. It may use columns that are not shown.
    #[arg(long = "where", value_name = "SQL")]
    pub(crate) filter: Option<String>,
    /// What becomes of an update of which --where matches one image only
    #[arg(long, value_name = "POLICY", value_enum)]
    pub(crate) filter_updates: Option<FilterUpdatesArg>,
    /// Branch whose history is read
    #[arg(long, value_name = "NAME", default_value = MAIN_BRANCH)]
    pub(crate) branch: String,
    /// Stop after N rows; an update counts as two, and may be cut between its images
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// What to do with a compaction that changed rows
    #[arg(long, value_name = "POLICY", value_enum)]
    pub(crate) on_replace_mismatch: Option<MismatchArg>,
    /// How to check that compactions change no row
    #[arg(long, value_name = "LEVEL", value_enum)]
    pub(crate) replace_check: Option<CheckArg>,
    /// What to do with several changes of one key in one snapshot
    #[arg(long, value_name = "POLICY", value_enum)]
    pub(crate) duplicate_keys: Option<DuplicateArg>,
    /// Also updates that changed nothing: rows that were written again as they were
    #[arg(long)]
    pub(crate) emit_noop_updates: bool,
    /// What to do where the table's identifier fields, by which updates are paired, change
    #[arg(long, value_name = "POLICY", value_enum)]
    pub(crate) on_key_change: Option<KeyChangeArg>,
    /// What --mode append does with a snapshot that does more than add
    #[arg(long, value_name = "POLICY", value_enum)]
    pub(crate) on_non_append: Option<NonAppendArg>,
    /// Files of a snapshot that are read at once; what comes out is the same, and in the same order
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_readers)]
    pub(crate) readers: usize,
    /// Lanes that rows are spread over, 1 to 256; each keeps its order when the lanes are read by several commands
    #[arg(long, value_name = "N", value_parser = parse_lanes)]
    pub(crate) lanes: Option<u16>,
    /// What decides the lane of a row [default: by the table]
    #[arg(long, value_name = "ROUTE", value_enum)]
    pub(crate) route: Option<RouteArg>,
    /// Only rows of these lanes: from A, inclusive, to B, exclusive [default: all]
    ///
    /// Commands over other lanes of the same --lanes and --route read the others.
    #[arg(long, value_name = "A..B", value_parser = parse_lane_range)]
    pub(crate) lane_range: Option<Range<u16>>,
    /// What to do where what was read last, with --group or --from after: or position:, has expired
    #[arg(long, value_name = "POLICY", value_enum)]
    pub(crate) on_expired: Option<ExpiredArg>,
    /// What to do where the branch was rolled back behind what was read last
    #[arg(long, value_name = "POLICY", value_enum)]
    pub(crate) on_rollback: Option<RollbackArg>,
    /// Schema of the rows: follow (each snapshot's own) or pinned:ID
    ///
    /// The default is follow; with --format arrow, csv or parquet, which have one schema, that of the last snapshot.
    #[arg(long, value_name = "SCHEMA", value_parser = parse_schema)]
    pub(crate) schema: Option<SchemaMode>,
    /// Also tell where snapshots end and schemas change
    #[arg(long)]
    pub(crate) markers: bool,
    /// Form of the output [default: table on a terminal, else jsonl]
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatArg>,
    /// Names and values of the change columns [default: iceberg]
    #[arg(long, value_enum)]
    pub(crate) style: Option<StyleArg>,
    /// How 64-bit integers are written in JSON [default: number]
    #[arg(long, value_enum)]
    pub(crate) longs: Option<LongsArg>,
    /// Write to a file, which appears when it is complete
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `frazil inspect`
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// Branch whose files are counted
    #[arg(long, value_name = "NAME", default_value = MAIN_BRANCH)]
    pub(crate) branch: String,
    /// Partitions to show at most: those with most small files and deletes
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) partitions: usize,
    /// Snapshots to show at most, the newest; --json has all of them
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) snapshots: usize,
}

/// What `read` delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeArg {
    /// Every change, with the row before and after each update
    Changelog,
    /// For a sink with one row for each key: rows as they are now, and keys that are gone
    Upsert,
    /// What all changes of the range come to
    Net,
    /// Rows that were added; fails at a snapshot that does more than add
    Append,
    /// The rows of one state of the table
    Rows,
}

#[cfg(test)]
mod tests;

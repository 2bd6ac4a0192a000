//! Arguments of `frazil compact`.

use clap::Args;

use super::TableArgs;

/// `frazil compact`
#[derive(Debug, Args)]
pub(crate) struct CompactArgs {
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// Show what would be rewritten and why; nothing is locked or written
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Branch that is compacted [default: main]
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Only files that may hold rows for which this condition holds: the SQL of a WHERE clause
    #[arg(long = "where", value_name = "SQL")]
    filter: Option<String>,
    /// Any compaction option by its name (repeatable)
    ///
    /// Those with an own flag, and min-file-size-bytes, max-file-size-bytes, max-file-group-size-bytes,
    /// partial-progress.max-commits, partial-progress.max-failed-commits, rewrite-job-order, output-spec-id.
    /// The same names after `frazil.compaction.` are table properties, which options here go before.
    #[arg(long, value_name = "KEY=VALUE")]
    option: Vec<String>,
    /// Size that files are to have, such as 128MB [default: the table's write.target-file-size-bytes, else 512MB]
    #[arg(long, value_name = "SIZE")]
    target_file_size_bytes: Option<String>,
    /// Files of a partition that make rewriting them worth while [default: 5]
    #[arg(long, value_name = "N")]
    min_input_files: Option<String>,
    /// Delete files that apply to a data file, from which on it is rewritten, or none [default: 10]
    #[arg(long, value_name = "N")]
    delete_file_threshold: Option<String>,
    /// Share of a file's rows deleted by position, from which on it is rewritten [default: 0.3]
    #[arg(long, value_name = "RATIO")]
    delete_ratio_threshold: Option<String>,
    /// Rewrite every file, whatever its size and deletes
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    rewrite_all: Option<String>,
    /// Also drop delete files that no data file needs
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    remove_dangling_deletes: Option<String>,
    /// Commit groups that are done while others are not
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    partial_progress: Option<String>,
    /// File groups that are rewritten at the same time [default: 2]
    #[arg(long, value_name = "N")]
    max_concurrent_file_group_rewrites: Option<String>,
    /// Order of the rows in new files: write-order or table [default: write-order]
    #[arg(long, value_name = "ORDER")]
    sort: Option<String>,
    /// What is checked before the commit: count, checksum or off [default: count]
    #[arg(long, value_name = "CHECK")]
    verify: Option<String>,
    /// What to do where others delete rows of rewritten files meanwhile: remap or redo [default: remap]
    #[arg(long, value_name = "POLICY")]
    on_conflict: Option<String>,
    /// Data sequence number of new files: merged-max, starting-snapshot or max-input [default: merged-max]
    #[arg(long, value_name = "RULE")]
    output_sequence_number: Option<String>,
}

impl CompactArgs {
    /// The options that were given, by their names.
    ///
    /// # Errors
    /// What is wrong with them, for people.
    pub(crate) fn options(&self) -> Result<Vec<(&str, &str)>, String> {
        let mut pairs = Vec::new();
        for option in &self.option {
            let Some((name, value)) = option.split_once('=') else {
                return Err(format!("--option `{option}` has no value; write it as KEY=VALUE"));
            };
            pairs.push((name.trim(), value));
        }
        let flags = [
            ("branch", &self.branch),
            ("where", &self.filter),
            ("target-file-size-bytes", &self.target_file_size_bytes),
            ("min-input-files", &self.min_input_files),
            ("delete-file-threshold", &self.delete_file_threshold),
            ("delete-ratio-threshold", &self.delete_ratio_threshold),
            ("rewrite-all", &self.rewrite_all),
            ("remove-dangling-deletes", &self.remove_dangling_deletes),
            ("partial-progress.enabled", &self.partial_progress),
            ("max-concurrent-file-group-rewrites", &self.max_concurrent_file_group_rewrites),
            ("sort", &self.sort),
            ("verify", &self.verify),
            ("on-conflict", &self.on_conflict),
            ("output-sequence-number", &self.output_sequence_number),
        ];
        pairs.extend(flags.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        let mut names: Vec<&str> = pairs.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        match names.windows(2).find_map(|pair| (pair.first() == pair.last()).then(|| pair.first().copied())?) {
            Some(name) => Err(format!("compaction option `{name}` is given twice; leave one out")),
            None => Ok(pairs),
        }
    }
}

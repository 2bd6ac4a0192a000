//! The report as text for people.

use std::fmt::Write;

use anstyle::{AnsiColor, Effects, Style};
use unicode_width::UnicodeWidthStr;

use super::files::Counts;
use super::health::{Health, Severity};
use super::history::HistoryReport;
use super::manifests::ManifestsReport;
use super::report::{FilesReport, Report, SchemaReport, SnapshotReport};
use crate::format::table::{pad, printable};
use crate::format::time::{duration_text, short_time};
use crate::output::Look;

const HEADING: Style = Style::new().effects(Effects::BOLD);

/// The whole report, with the newest `n_snapshots_max` snapshots.
pub(crate) fn render(report: &Report, n_snapshots_max: usize, look: Look) -> String {
    let mut out = String::new();
    let facts = [
        ("table", report.table.clone()),
        ("uuid", report.table_uuid.clone()),
        ("format version", report.format_version.to_string()),
        ("location", report.location.clone()),
        ("metadata file", report.metadata_file.clone()),
        ("last updated", report.last_updated.clone()),
    ];
    for (name, value) in facts {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name:<15} {}", printable(&value));
    }
    for schema in &report.schemas {
        if schema.schema_id == report.current_schema_id {
            schema_text(schema, report.schemas.len(), look, &mut out);
        }
    }
    specs_text(report, look, &mut out);
    snapshots_text(&report.snapshots, n_snapshots_max, look, &mut out);
    refs_text(report, look, &mut out);
    match &report.files {
        None => heading("files: the branch has no snapshot yet", look, &mut out),
        Some(files) => files_text(files, look, &mut out),
    }
    if let Some(manifests) = &report.manifests {
        manifests_text(manifests, look, &mut out);
    }
    history_text(&report.history, look, &mut out);
    if let Some(health) = &report.health {
        health_text(health, look, &mut out);
    }
    out
}

pub(crate) fn heading(text: &str, look: Look, out: &mut String) {
    let text = printable(text);
    let _ = if look.is_coloured { writeln!(out, "\n{HEADING}{text}{HEADING:#}") } else { writeln!(out, "\n{text}") };
}

fn schema_text(schema: &SchemaReport, n_schemas: usize, look: Look, out: &mut String) {
    let key = if schema.key.is_empty() { "none".to_owned() } else { schema.key.join(", ") };
    heading(&format!("schema {} of {n_schemas}, identifier columns: {key}", schema.schema_id), look, out);
    let mut grid = Grid::new(&[("id", true), ("column", false), ("type", false), ("required", false)]);
    for column in &schema.columns {
        let required = if column.required { "yes" } else { "" };
        grid.row([column.id.to_string(), column.name.clone(), column.type_text.clone(), required.to_owned()]);
    }
    grid.render(out);
}

fn specs_text(report: &Report, look: Look, out: &mut String) {
    heading("partition specs", look, out);
    for spec in &report.partition_specs {
        let fields: Vec<String> = spec
            .fields
            .iter()
            .map(|field| format!("{}({}) as {}", field.transform, field.source, field.name))
            .collect();
        let fields = if fields.is_empty() { "unpartitioned".to_owned() } else { fields.join(", ") };
        let default = if spec.is_default { " (default)" } else { "" };
        let _ = writeln!(out, "  {}{default}: {}", spec.spec_id, printable(&fields));
    }
}

fn snapshots_text(snapshots: &[SnapshotReport], n_max: usize, look: Look, out: &mut String) {
    heading(&format!("snapshots: {}", snapshots.len()), look, out);
    let n_hidden = snapshots.len().saturating_sub(n_max);
    let shown = snapshots.get(n_hidden..).unwrap_or_default();
    if n_hidden > 0 {
        let _ = writeln!(out, "  {n_hidden} older ones; --snapshots shows more");
    }
    if shown.is_empty() {
        return;
    }
    let mut grid = Grid::new(&[
        ("seq", true),
        ("snapshot", true),
        ("parent", true),
        ("time", false),
        ("operation", false),
        ("+files", true),
        ("-files", true),
        ("+rows", true),
        ("-rows", true),
        ("+deletes", true),
        ("-deletes", true),
        ("", false),
    ]);
    for snapshot in shown {
        grid.row(snapshot_cells(snapshot));
    }
    grid.render(out);
}

fn snapshot_cells(snapshot: &SnapshotReport) -> [String; 12] {
    // The summary leaves out what is zero.
    let count = |count: Option<u64>| count.map_or_else(|| "0".to_owned(), |count| count.to_string());
    [
        snapshot.sequence_number.to_string(),
        snapshot.snapshot_id.to_string(),
        snapshot.parent_snapshot_id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
        short_time(snapshot.timestamp_ms),
        snapshot.operation.clone(),
        count(snapshot.added_data_files),
        count(snapshot.removed_data_files),
        count(snapshot.added_rows),
        count(snapshot.removed_rows),
        count(snapshot.added_delete_files),
        count(snapshot.removed_delete_files),
        if snapshot.is_on_branch { String::new() } else { "not on the branch".to_owned() },
    ]
}

fn refs_text(report: &Report, look: Look, out: &mut String) {
    heading("branches and tags", look, out);
    let mut grid = Grid::new(&[("type", false), ("name", false), ("snapshot", true)]);
    for reference in &report.refs {
        grid.row([reference.kind.clone(), reference.name.clone(), reference.snapshot_id.to_string()]);
    }
    grid.render(out);
}

fn files_text(files: &FilesReport, look: Look, out: &mut String) {
    let small = size_text(files.small_file_size_bytes);
    let text = format!("files of {} at snapshot {} (small: below {small})", files.branch, files.snapshot_id);
    heading(&text, look, out);
    let mut grid = Grid::new(&[
        ("partition", false),
        ("spec", true),
        ("data files", true),
        ("rows", true),
        ("size", true),
        ("average", true),
        ("small", true),
        ("position deletes", true),
        ("equality deletes", true),
        ("deletion vectors", true),
        ("delete entries", true),
        ("deleted rows", true),
        ("under equality deletes", true),
        ("dangling", true),
    ]);
    for partition in &files.partitions {
        let name = if partition.partition.is_empty() { "all" } else { &partition.partition };
        grid.row(file_cells(name, &partition.spec_id.to_string(), &partition.counts));
    }
    if files.n_partitions != 1 {
        grid.row(file_cells("total", "", &files.total));
    }
    grid.render(out);
    let n_hidden = files.n_partitions.saturating_sub(files.partitions.len() as u64);
    if n_hidden > 0 {
        let _ =
            writeln!(out, "  {n_hidden} more partitions, with fewer small files and deletes; --partitions shows more");
    }
}

fn file_cells(name: &str, spec: &str, counts: &Counts) -> [String; 14] {
    [
        name.to_owned(),
        spec.to_owned(),
        counts.data_files.to_string(),
        counts.data_rows.to_string(),
        size_text(counts.data_bytes),
        size_text(counts.average_file_size_bytes),
        format!("{:.0} %", counts.small_file_ratio * 100.0),
        counts.position_delete_files.to_string(),
        counts.equality_delete_files.to_string(),
        counts.deletion_vectors.to_string(),
        counts.delete_entries.to_string(),
        format!("{:.0} %", counts.deleted_row_ratio * 100.0),
        counts.data_files_under_equality_deletes.to_string(),
        counts.dangling_delete_files.to_string(),
    ]
}

fn manifests_text(manifests: &ManifestsReport, look: Look, out: &mut String) {
    heading(&format!("manifests: {}", manifests.count()), look, out);
    let facts = [
        ("of data, of deletes", format!("{}, {}", manifests.data_manifests, manifests.delete_manifests)),
        ("size, average", format!("{}, {}", size_text(manifests.bytes), size_text(manifests.average_bytes))),
        ("small", format!("{} (below {})", manifests.small_manifests, size_text(manifests.small_manifest_size_bytes))),
    ];
    facts_text(facts, out);
}

fn history_text(history: &HistoryReport, look: Look, out: &mut String) {
    heading("history", look, out);
    let oldest = match (&history.oldest_snapshot, history.oldest_snapshot_age_ms) {
        (Some(time), Some(age)) => format!("{time}, {} ago", duration_text(age)),
        _ => "none".to_owned(),
    };
    let kept = format!(
        "{}, and {} snapshots at least",
        duration_text(history.max_snapshot_age_ms),
        history.min_snapshots_to_keep
    );
    facts_text(
        [
            ("metadata file", history.metadata_file_bytes.map_or_else(|| "unknown".to_owned(), size_text)),
            ("oldest snapshot", oldest),
            ("to be kept", kept),
            ("past that", format!("{} of {} snapshots", history.expirable_snapshots, history.snapshots)),
        ],
        out,
    );
    let Some(growth) = &history.growth else { return };
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
    let text = format!(
        "{} commits, {} data files, {} rows, {} (in {})",
        growth.commits_per_day,
        or_unknown(growth.added_data_files_per_day.map(|n| n.to_string())),
        or_unknown(growth.added_rows_per_day.map(|n| n.to_string())),
        or_unknown(growth.added_bytes_per_day.map(size_text)),
        duration_text(growth.span_ms)
    );
    facts_text([("added each day", text)], out);
}

fn facts_text<const N: usize>(facts: [(&str, String); N], out: &mut String) {
    for (name, value) in facts {
        let _ = writeln!(out, "  {name:<19}  {}", printable(&value));
    }
}

fn health_text(health: &Health, look: Look, out: &mut String) {
    heading(&format!("health: {} of 100", health.score), look, out);
    if health.findings.is_empty() {
        let _ = writeln!(out, "  nothing to do");
    }
    for finding in &health.findings {
        let style = severity_style(finding.severity);
        let (on, off) = match look.is_coloured {
            true => (style.render().to_string(), style.render_reset().to_string()),
            false => (String::new(), String::new()),
        };
        let name = finding.severity.name();
        let _ = writeln!(out, "  {on}{name:<8}{off}  {}  (-{})", printable(&finding.what), finding.points);
        let _ = writeln!(out, "            why: {}", finding.why);
        let _ = writeln!(out, "            do:  {}", printable(&finding.remedy));
    }
}

fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Info => AnsiColor::Cyan.on_default(),
        Severity::Warning => AnsiColor::Yellow.on_default(),
        Severity::Critical => AnsiColor::Red.on_default().effects(Effects::BOLD),
    }
}

/// A size with three digits or so.
#[expect(clippy::cast_precision_loss, reason = "shown with one digit after the point")]
pub(crate) fn size_text(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KB", "MB", "GB", "TB"] {
        if size < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} PB")
}

/// Aligned columns.
pub(crate) struct Grid<const N: usize> {
    to_the_right: [bool; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Grid<N> {
    pub(crate) fn new(columns: &[(&str, bool); N]) -> Self {
        Self { to_the_right: columns.map(|(_, right)| right), rows: vec![columns.map(|(name, _)| name.to_owned())] }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| printable(&cell)));
    }

    pub(crate) fn render(&self, out: &mut String) {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(widths).zip(self.to_the_right) {
                line.push_str("  ");
                pad(cell, width, right, &mut line);
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(size_text(0), "0 B");
        assert_eq!(size_text(1023), "1023 B");
        assert_eq!(size_text(1536), "1.5 KB");
        assert_eq!(size_text(512 * 1024 * 1024), "512.0 MB");
        assert_eq!(size_text(u64::MAX), "16384.0 PB");
    }

    #[test]
    fn grids_are_aligned() {
        let mut grid = Grid::new(&[("id", true), ("name", false), ("", false)]);
        grid.row(["1".to_owned(), "氷".to_owned(), String::new()]);
        grid.row(["100".to_owned(), "a\nb".to_owned(), "x".to_owned()]);
        let mut out = String::new();
        grid.render(&mut out);
        assert_eq!(out, "   id  name\n    1  氷\n  100  a\\nb  x\n");
    }
}

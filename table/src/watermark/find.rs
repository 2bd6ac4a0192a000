//! Finding marks in snapshot summaries and table properties. No I/O.

use std::collections::{BTreeSet, HashMap};

use iceberg::spec::SnapshotRef;

use super::{EventTime, KAFKA_CONNECT_KEY, Mark, Origin, TableWatermark, TimeUnit};
use crate::ids::SnapshotId;
use crate::{Result, TableError};

/// Before the name of a writer in a summary key.
pub(crate) const SUMMARY_PREFIX: &str = "watermark.";
const IDLE_SUFFIX: &str = ".idle";

/// Characters of a value or name that a message shows.
const SHOWN_CHARACTERS_MAX: usize = 100;

/// One snapshot of the branch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commit<'a> {
    pub(super) snapshot_id: SnapshotId,
    pub(super) committed_at_ms: i64,
    pub(super) summary: &'a HashMap<String, String>,
}

impl<'a> Commit<'a> {
    pub(super) fn new(snapshot: &'a SnapshotRef) -> Self {
        Self {
            snapshot_id: SnapshotId::new(snapshot.snapshot_id()),
            committed_at_ms: snapshot.timestamp_ms(),
            summary: &snapshot.summary().additional_properties,
        }
    }
}

/// The marks of all writers that any snapshot or property knows of, by name. `commits` are oldest first.
pub(super) fn all_writers(
    commits: &[Commit<'_>],
    properties: &HashMap<String, String>,
    branch: &str,
) -> Result<TableWatermark> {
    let writers = writers(commits, properties);
    if writers.is_empty() {
        return Err(TableError::watermark_unknown(format!(
            "no snapshot of branch `{}` and no table property has a watermark",
            shown(branch)
        )));
    }
    let mut warnings = Vec::new();
    let mut marks = Vec::with_capacity(writers.len());
    for writer in &writers {
        let is_idle = is_idle(commits, properties, writer).map_err(Unreadable::error)?;
        match key_mark(commits, properties, &writer_key(writer), None, &mut warnings) {
            Ok(found) => marks.extend(found.map(|found| found.mark(writer.clone(), is_idle))),
            // Marking a writer idle is the remedy for one that left rubbish and will not come back.
            Err(unreadable) if is_idle => warnings.push(format!("{unreadable}: left out, since the writer is idle")),
            Err(unreadable) => return Err(unreadable.error()),
        }
    }
    let time = marks.iter().filter(|mark| !mark.is_idle).map(|mark| mark.time).min();
    let time = time.ok_or_else(|| {
        TableError::watermark_unknown(format!(
            "all writers are marked idle, writers=`{}`; ask for one by its name, or clear its key `{SUMMARY_PREFIX}<name>{IDLE_SUFFIX}`",
            listed(&writers)
        ))
    })?;
    Ok(TableWatermark { time, marks, warnings })
}

/// The mark of one writer, which must be there.
pub(super) fn writer(
    commits: &[Commit<'_>],
    properties: &HashMap<String, String>,
    name: &str,
    warnings: &mut Vec<String>,
) -> Result<Mark> {
    let key = writer_key(name);
    let is_idle = is_idle(commits, properties, name).map_err(Unreadable::error)?;
    match key_mark(commits, properties, &key, None, warnings).map_err(Unreadable::error)? {
        Some(found) => Ok(found.mark(name.to_owned(), is_idle)),
        None => Err(absent(commits, properties, &key)),
    }
}

/// The mark under any key, which must be there.
pub(super) fn property(
    commits: &[Commit<'_>],
    properties: &HashMap<String, String>,
    key: &str,
    unit: TimeUnit,
    warnings: &mut Vec<String>,
) -> Result<Mark> {
    match key_mark(commits, properties, key, Some(unit), warnings).map_err(Unreadable::error)? {
        Some(found) => Ok(found.mark(format!("property:{key}"), false)),
        None => Err(absent(commits, properties, key)),
    }
}

fn absent(commits: &[Commit<'_>], properties: &HashMap<String, String>, key: &str) -> TableError {
    let writers = writers(commits, properties);
    let others = if writers.is_empty() {
        "none has left a watermark".to_owned()
    } else {
        format!("known writers are `{}`", listed(&writers))
    };
    TableError::watermark_unknown(format!(
        "no snapshot of the branch and no table property has the key `{}`; check the name ({others})",
        shown(key)
    ))
}

/// Key of the watermark of a writer.
fn writer_key(name: &str) -> String {
    if name == KAFKA_CONNECT_KEY { KAFKA_CONNECT_KEY.to_owned() } else { format!("{SUMMARY_PREFIX}{name}") }
}

/// Names of all writers that left a watermark.
fn writers(commits: &[Commit<'_>], properties: &HashMap<String, String>) -> BTreeSet<String> {
    let keys = commits.iter().flat_map(|commit| commit.summary.keys()).chain(properties.keys());
    let name = |key: &String| {
        if key == KAFKA_CONNECT_KEY {
            return Some(KAFKA_CONNECT_KEY.to_owned());
        }
        let name = key.strip_prefix(SUMMARY_PREFIX)?;
        (!name.is_empty() && !name.ends_with(IDLE_SUFFIX)).then(|| name.to_owned())
    };
    keys.filter_map(name).collect()
}

/// A value, and where it was found.
struct Found {
    key: String,
    time: EventTime,
    origin: Origin,
}

impl Found {
    fn mark(self, name: String, is_idle: bool) -> Mark {
        Mark { name, key: self.key, time: self.time, origin: self.origin, is_idle }
    }
}

/// A value that is none of what its key may hold.
#[derive(Debug, thiserror::Error)]
#[error("`{key}` of {place} is `{text}`, which is not {expected}")]
struct Unreadable {
    key: String,
    place: String,
    text: String,
    expected: String,
}

impl Unreadable {
    fn error(self) -> TableError {
        TableError::watermark_unknown(self)
    }
}

/// The highest value that the branch's snapshots have under the key, since a watermark never decreases; if none
/// has it, the table property's. `None` if that is missing too. Without a unit the value is a writer's mark.
///
/// The newest value must be readable: it is what its writer says now. An older one cannot change that the newest
/// holds, so one that cannot be read is warned of.
fn key_mark(
    commits: &[Commit<'_>],
    properties: &HashMap<String, String>,
    key: &str,
    unit: Option<TimeUnit>,
    warnings: &mut Vec<String>,
) -> std::result::Result<Option<Found>, Unreadable> {
    let parse = |text: &str, place: String| {
        let time = match unit {
            None => EventTime::parse_mark(text),
            Some(unit) => EventTime::parse(text, unit),
        };
        time.ok_or_else(|| Unreadable {
            key: shown(key),
            place,
            text: shown(text),
            expected: match unit {
                None => "milliseconds since the epoch or a time of RFC 3339, up to the year 9999".to_owned(),
                Some(unit) => format!("{unit}, up to the year 9999"),
            },
        })
    };
    let mut highest: Option<Found> = None;
    for commit in commits.iter().rev() {
        let Some(text) = commit.summary.get(key) else { continue };
        let time = match (parse(text, format!("snapshot {}", commit.snapshot_id)), &highest) {
            (Ok(time), _) => time,
            (Err(unreadable), None) => return Err(unreadable),
            (Err(unreadable), Some(_)) => {
                warnings.push(format!("{unreadable}: left out, since a newer snapshot has the key too"));
                continue;
            }
        };
        if highest.as_ref().is_none_or(|found| found.time < time) {
            let origin = Origin::Summary { snapshot_id: commit.snapshot_id, committed_at_ms: commit.committed_at_ms };
            highest = Some(Found { key: key.to_owned(), time, origin });
        }
    }
    if highest.is_some() {
        return Ok(highest);
    }
    let Some(text) = properties.get(key) else { return Ok(None) };
    let time = parse(text, "the table's properties".to_owned())?;
    Ok(Some(Found { key: key.to_owned(), time, origin: Origin::Property }))
}

/// The writer is marked idle. A mark in a summary holds until a newer snapshot has a watermark of the writer, who
/// is then back; one in the table's properties holds until it is taken away.
fn is_idle(
    commits: &[Commit<'_>],
    properties: &HashMap<String, String>,
    writer: &str,
) -> std::result::Result<bool, Unreadable> {
    let (key, idle_key) = (writer_key(writer), format!("{SUMMARY_PREFIX}{writer}{IDLE_SUFFIX}"));
    let parse = |text: &str, place: String| match text.trim() {
        text if text.eq_ignore_ascii_case("true") => Ok(true),
        text if text.eq_ignore_ascii_case("false") => Ok(false),
        text => {
            Err(Unreadable { key: shown(&idle_key), place, text: shown(text), expected: "true or false".to_owned() })
        }
    };
    for commit in commits.iter().rev() {
        if let Some(text) = commit.summary.get(&idle_key) {
            return parse(text, format!("snapshot {}", commit.snapshot_id));
        }
        if commit.summary.contains_key(&key) {
            break;
        }
    }
    properties.get(&idle_key).map_or(Ok(false), |text| parse(text, "the table's properties".to_owned()))
}

/// A key or value of the table, short enough for a message.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    const N_NAMES_MAX: usize = 10;
    let mut listed: Vec<String> = names.iter().take(N_NAMES_MAX).map(|name| shown(name)).collect();
    if names.len() > N_NAMES_MAX {
        listed.push("…".to_owned());
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests;

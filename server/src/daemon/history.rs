//! What outlives the process: runs that have ended, and what is paused.
//!
//! Runs are lines of JSON in `runs.jsonl`, appended one by one, and written anew when there are twice as many as are
//! kept. What is paused is `pauses.json`. One process at a time uses a folder.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::error::DaemonError;
use super::record::RunRecord;
use super::scheduler::Pauses;

/// Runs that are kept.
const N_RECORDS_MAX: usize = 5_000;
const RUNS: &str = "runs.jsonl";
const PAUSES: &str = "pauses.json";
const LOCK: &str = "lock";

/// Runs that have ended.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Oldest first.
    records: VecDeque<RunRecord>,
    files: Option<Files>,
}

#[derive(Debug)]
struct Files {
    folder: PathBuf,
    /// Held as long as the folder is in use.
    _lock: File,
    n_lines: usize,
    /// What the file ends with is not known to be a whole line.
    is_torn: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PausesFile {
    all: bool,
    tables: BTreeSet<String>,
}

impl History {
    /// The history of a folder, which is made if it is not there, and what was paused.
    ///
    /// # Errors
    /// [`DaemonError::State`] if the folder cannot be used, another process uses it, or what is paused cannot be read.
    pub(super) fn open(folder: &Path) -> Result<(Self, Pauses), DaemonError> {
        let wrong = |path: &Path, detail: String| DaemonError::State { path: path.to_owned(), detail };
        let failed = |path: &Path, error: &io::Error| wrong(path, error.to_string());
        fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        let path = folder.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| failed(&path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let detail = "another process uses it; give each its own, with `state` in [compaction]".to_owned();
                return Err(wrong(folder, detail));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&path, &error)),
        }
        let path = folder.join(PAUSES);
        let pauses = match read(&path).map_err(|error| failed(&path, &error))? {
            None => Pauses::default(),
            Some(bytes) => {
                let parsed: PausesFile = serde_json::from_slice(&bytes).map_err(|error| {
                    wrong(&path, format!("what is paused cannot be read: {error}; correct the file, or remove it"))
                })?;
                Pauses { is_all: parsed.all, tables: parsed.tables }
            }
        };
        let path = folder.join(RUNS);
        let bytes = read(&path).map_err(|error| failed(&path, &error))?.unwrap_or_default();
        let files = Files { folder: folder.to_owned(), _lock: lock, n_lines: 0, is_torn: false };
        let mut history = Self { records: VecDeque::new(), files: Some(files) };
        let is_damaged = history.parse(&path, &bytes);
        if is_damaged {
            // What could not be read is kept for people.
            let aside = path.with_extension("jsonl.damaged");
            fs::copy(&path, &aside).map_err(|error| failed(&aside, &error))?;
            history.rewrite().map_err(|error| failed(&path, &error))?;
        }
        Ok((history, pauses))
    }

    /// Takes the lines that can be read; `true` if there are others.
    fn parse(&mut self, path: &Path, bytes: &[u8]) -> bool {
        let (mut n_bad, mut first_bad, mut n_lines) = (0_usize, None, 0);
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            n_lines += 1;
            match serde_json::from_slice(line) {
                Ok(record) => self.push(record),
                Err(error) => {
                    n_bad += 1;
                    first_bad.get_or_insert((index + 1, error));
                }
            }
        }
        if let Some(files) = &mut self.files {
            files.n_lines = n_lines;
        }
        let is_torn = bytes.last().is_some_and(|last| *last != b'\n');
        if let Some((line, error)) = first_bad {
            let path = path.display();
            warn!(%path, n_bad, line, %error, "lines of the history cannot be read; a copy is kept beside it");
        }
        is_torn || n_bad > 0
    }

    fn push(&mut self, record: RunRecord) {
        self.records.push_back(record);
        if self.records.len() > N_RECORDS_MAX {
            self.records.pop_front();
        }
    }

    /// All that are kept, oldest first.
    pub(super) fn records(&self) -> impl Iterator<Item = &RunRecord> {
        self.records.iter()
    }

    /// The newest, newest first: of a table, or of all.
    pub(super) fn newest(&self, table: Option<&str>, n_max: usize) -> Vec<RunRecord> {
        let records = self.records.iter().rev().filter(|record| table.is_none_or(|table| record.table == table));
        records.take(n_max).cloned().collect()
    }

    /// Keeps a run that has ended.
    ///
    /// # Errors
    /// If it cannot be written. It is kept in memory all the same, and written with the next one.
    pub(super) fn add(&mut self, record: RunRecord) -> io::Result<()> {
        let mut line = serde_json::to_vec(&record)?;
        line.push(b'\n');
        self.push(record);
        let Some(files) = &mut self.files else { return Ok(()) };
        if files.is_torn || files.n_lines >= 2 * N_RECORDS_MAX {
            return self.rewrite();
        }
        files.is_torn = true;
        let mut file = OpenOptions::new().create(true).append(true).open(files.folder.join(RUNS))?;
        file.write_all(&line)?;
        file.sync_data()?;
        files.n_lines += 1;
        files.is_torn = false;
        Ok(())
    }

    /// Keeps what is paused.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn keep_pauses(&self, pauses: &Pauses) -> io::Result<()> {
        let Some(files) = &self.files else { return Ok(()) };
        let file = PausesFile { all: pauses.is_all, tables: pauses.tables.clone() };
        replace(&files.folder, PAUSES, &serde_json::to_vec(&file)?)
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let Some(files) = &mut self.files else { return Ok(()) };
        files.is_torn = true;
        let mut bytes = Vec::new();
        for record in &self.records {
            serde_json::to_writer(&mut bytes, record)?;
            bytes.push(b'\n');
        }
        replace(&files.folder, RUNS, &bytes)?;
        files.n_lines = self.records.len();
        files.is_torn = false;
        Ok(())
    }
}

/// `None` if the file is not there.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whoever reads the file sees the old content or the new, also after a crash.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let new = folder.join(format!("{name}.new"));
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, folder.join(name))?;
    // Other systems than Unix do not open folders.
    match File::open(folder) {
        Ok(folder) => folder.sync_all(),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use tempfile::TempDir;

    use super::*;
    use crate::daemon::record::{RunState, RunWork, Trigger};

    fn record(n: u32, table: &str) -> RunRecord {
        RunRecord {
            run_id: format!("r-{n}"),
            table: table.to_owned(),
            group: "default".to_owned(),
            trigger: Trigger::Schedule,
            options: BTreeMap::new(),
            state: RunState::Succeeded,
            queued_at_ms: 1,
            started_at_ms: Some(2),
            ended_at_ms: Some(3),
            work: RunWork { snapshot_ids: vec![7, 8], n_data_files_rewritten: 5, ..RunWork::default() },
            error: String::new(),
        }
    }

    fn ids(history: &History, table: Option<&str>) -> Vec<String> {
        history.newest(table, 100).into_iter().map(|record| record.run_id).collect()
    }

    #[test]
    fn runs_and_pauses_are_there_again_after_a_restart() {
        let folder = TempDir::new().unwrap();
        let pauses = Pauses { is_all: false, tables: BTreeSet::from(["b".to_owned()]) };
        {
            let (mut history, none) = History::open(folder.path()).unwrap();
            assert_eq!(none, Pauses::default());
            history.add(record(1, "a")).unwrap();
            history.add(record(2, "b")).unwrap();
            history.keep_pauses(&pauses).unwrap();
        }
        let (history, kept) = History::open(folder.path()).unwrap();
        assert_eq!(history.newest(Some("b"), 1), [record(2, "b")]);
        assert_eq!((ids(&history, None), kept), (vec!["r-2".to_owned(), "r-1".to_owned()], pauses));
        let text = fs::read_to_string(folder.path().join(RUNS)).unwrap();
        let first = r#"{"run-id":"r-1","table":"a","group":"default","trigger":"schedule","state":"succeeded","#;
        assert!(text.starts_with(first), "{text}");
    }

    #[test]
    fn what_is_damaged_is_put_aside_and_the_rest_stays() {
        let folder = TempDir::new().unwrap();
        let (mut history, _) = History::open(folder.path()).unwrap();
        history.add(record(1, "a")).unwrap();
        history.add(record(2, "a")).unwrap();
        drop(history);
        let path = folder.path().join(RUNS);
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - 20);
        bytes.splice(0..0, b"nonsense \xff\n".iter().copied());
        fs::write(&path, &bytes).unwrap();
        let (mut history, _) = History::open(folder.path()).unwrap();
        assert_eq!(ids(&history, None), ["r-1"]);
        assert_eq!(fs::read(path.with_extension("jsonl.damaged")).unwrap(), bytes);
        history.add(record(3, "a")).unwrap();
        drop(history);
        assert_eq!(ids(&History::open(folder.path()).unwrap().0, None), ["r-3", "r-1"]);
    }

    #[test]
    fn pauses_that_cannot_be_read_are_no_pauses_to_forget() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(PAUSES), "{").unwrap();
        let error = History::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("what is paused cannot be read") && error.contains("correct the file"), "{error}");
    }

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let folder = TempDir::new().unwrap();
        let (_held, _) = History::open(folder.path()).unwrap();
        let error = History::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("another process uses it"), "{error}");
    }

    #[test]
    fn the_history_is_bounded_in_memory_and_on_disk() {
        let folder = TempDir::new().unwrap();
        let mut text = String::new();
        for n in 0..2 * N_RECORDS_MAX {
            text += &(serde_json::to_string(&record(u32::try_from(n).unwrap(), "a")).unwrap() + "\n");
        }
        fs::write(folder.path().join(RUNS), text).unwrap();
        let (mut history, _) = History::open(folder.path()).unwrap();
        assert_eq!(history.records().count(), N_RECORDS_MAX);
        history.add(record(99_999, "a")).unwrap();
        let text = fs::read_to_string(folder.path().join(RUNS)).unwrap();
        assert_eq!(text.lines().count(), N_RECORDS_MAX);
        assert!(text.lines().last().unwrap().contains("r-99999"));
    }
}

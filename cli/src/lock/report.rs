//! A lock and those in line for it, as text for people and as JSON.

use frazil_lock::{Head, LockLine, LockName, Member};
use serde::Serialize;

use crate::error::CliError;
use crate::format::table::printable;
use crate::format::time::{commit_timestamp, duration_text, short_time};

/// Everything that `lock show` shows. The names of the fields are those of `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    table: String,
    lock: String,
    held: bool,
    holder: Option<MemberReport>,
    n_waiting: usize,
    waiting: Vec<MemberReport>,
    /// What was committed last, as far as it was announced.
    head: Option<Head>,
    /// What ages are counted to.
    #[serde(skip)]
    now_ms: i64,
}

/// What `lock break` did.
#[derive(Debug, Serialize)]
pub(super) struct Broken {
    table: String,
    lock: String,
    broken: bool,
    /// Who held it.
    holder: Option<MemberReport>,
}

#[derive(Debug, Serialize)]
struct MemberReport {
    id: String,
    token: i64,
    host: Option<String>,
    pid: Option<u32>,
    program: Option<String>,
    purpose: Option<String>,
    /// What another program says of itself.
    text: Option<String>,
    /// When it took its place in line, RFC 3339.
    since: String,
    since_ms: i64,
    #[serde(skip)]
    shown: String,
}

impl MemberReport {
    fn new(member: &Member) -> Self {
        let holder = member.holder.as_ref();
        Self {
            id: member.id.clone(),
            token: member.token,
            host: holder.map(|holder| holder.host.clone()),
            pid: holder.map(|holder| holder.pid),
            program: holder.map(|holder| holder.program.clone()),
            purpose: holder.map(|holder| holder.purpose.clone()),
            text: member.text.clone(),
            since: commit_timestamp(member.since_ms),
            since_ms: member.since_ms,
            shown: printable(&member.to_string()),
        }
    }

    fn line(&self, now_ms: i64) -> String {
        // The service's clock may be ahead of ours.
        let age = u64::try_from(now_ms.saturating_sub(self.since_ms)).unwrap_or(0);
        format!("{}; in line since {}, {}", self.shown, short_time(self.since_ms), duration_text(age))
    }
}

impl Report {
    /// `now_ms` is what ages are counted to.
    pub(super) fn new(table: &str, name: &LockName, line: &LockLine, head: Option<Head>, now_ms: i64) -> Self {
        Self {
            table: table.to_owned(),
            lock: name.to_string(),
            held: line.holder.is_some(),
            holder: line.holder.as_ref().map(MemberReport::new),
            n_waiting: line.n_waiting,
            waiting: line.waiting.iter().map(MemberReport::new).collect(),
            head,
            now_ms,
        }
    }

    /// # Errors
    /// [`CliError::Internal`]: a report that cannot be written as JSON is a fault.
    pub(super) fn json(&self) -> Result<String, CliError> {
        pretty(self)
    }

    pub(super) fn text(&self) -> String {
        let Self { lock, holder, n_waiting, waiting, head, .. } = self;
        let mut lines = Vec::new();
        match holder {
            Some(holder) => {
                lines.push(format!("lock {} is held", printable(lock)));
                lines.push(format!("  holder   {}", holder.line(self.now_ms)));
                lines.push(format!("  token    {}", holder.token));
                lines.push(format!("  waiting  {n_waiting}"));
            }
            None => lines.push(format!("lock {} is free", printable(lock))),
        }
        lines.extend(waiting.iter().map(|member| format!("    {}", member.line(self.now_ms))));
        if let Some(n_more) = n_waiting.checked_sub(waiting.len()).filter(|n_more| *n_more > 0) {
            lines.push(format!("    and {n_more} more"));
        }
        if let Some(head) = head {
            let snapshot = head.snapshot_id.map(|id| format!("snapshot {id}, ")).unwrap_or_default();
            lines.push(format!(
                "  head     {snapshot}{}",
                printable(head.metadata_location.as_deref().unwrap_or_default())
            ));
        }
        lines.join("\n") + "\n"
    }
}

impl Broken {
    pub(super) fn new(table: &str, name: &LockName, holder: Option<&Member>) -> Self {
        Self {
            table: table.to_owned(),
            lock: name.to_string(),
            broken: holder.is_some(),
            holder: holder.map(MemberReport::new),
        }
    }

    /// # Errors
    /// As [`Report::json`].
    pub(super) fn json(&self) -> Result<String, CliError> {
        pretty(self)
    }

    pub(super) fn text(&self) -> String {
        let lock = printable(&self.lock);
        match &self.holder {
            Some(holder) => format!("lock {lock} was taken away from {}\n", holder.shown),
            None => format!("lock {lock} is free; there was nothing to take away\n"),
        }
    }
}

fn pretty(report: &impl Serialize) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(report).map_err(|error| CliError::Internal(format!("report: {error}")))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use frazil_lock::Holder;
    use serde_json::Value;

    use super::*;

    fn member(id: &str, holder: Option<Holder>, text: Option<&str>) -> Member {
        Member { id: id.to_owned(), token: 7, holder, text: text.map(str::to_owned), since_ms: 1_764_000_000_000 }
    }

    fn line() -> LockLine {
        let holder = Holder {
            host: "h1".to_owned(),
            pid: 12,
            program: "frazil".to_owned(),
            purpose: "commit".to_owned(),
            since_ms: 0,
        };
        let waiting = vec![member("b", None, Some("10.0.0.1\u{1b}[31m"))];
        LockLine { holder: Some(member("a", Some(holder), None)), waiting, n_waiting: 3 }
    }

    fn name() -> LockName {
        LockName::new("prod.db.t").unwrap()
    }

    #[test]
    fn the_text_says_who_holds_it_since_when_and_who_waits() {
        let text = Report::new("db.t", &name(), &line(), None, 1_764_000_012_000).text();
        assert_eq!(
            text,
            "lock prod.db.t is held\n\
             \x20 holder   frazil on h1, pid 12, commit; in line since 2025-11-24 16:00:00Z, 12s\n\
             \x20 token    7\n\
             \x20 waiting  3\n\
             \x20   another program, 10.0.0.1\\u{1b}[31m; in line since 2025-11-24 16:00:00Z, 12s\n\
             \x20   and 2 more\n"
        );
        let head = Head { metadata_location: Some("s3://b/v2.json".to_owned()), snapshot_id: Some(5) };
        let free = Report::new("db.t", &name(), &LockLine::default(), Some(head), 0).text();
        assert_eq!(free, "lock prod.db.t is free\n  head     snapshot 5, s3://b/v2.json\n");
    }

    #[test]
    fn the_json_has_the_same() {
        let json = Report::new("db.t", &name(), &line(), None, 0).json().unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["held"], &json["holder"]["pid"]), (&Value::from(true), &Value::from(12)));
        assert_eq!(json["waiting"][0]["holder"], Value::Null);
        assert_eq!(json["holder"]["since"], "2025-11-24T16:00:00.000000+00:00");
        let broken: Value = serde_json::from_str(&Broken::new("db.t", &name(), None).json().unwrap()).unwrap();
        assert_eq!(broken["broken"], false);
    }
}

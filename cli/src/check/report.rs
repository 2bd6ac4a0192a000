//! What `config check` found, as text and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::error::CliError;

/// Of all catalogs and the lock.
pub(super) struct Report {
    /// Settings files that were read.
    pub(super) files: Vec<String>,
    /// Settings of `[reader]`, from all places.
    pub(super) reader: Vec<(&'static str, String)>,
    pub(super) catalogs: Vec<CatalogReport>,
    /// `None` if no lock is set.
    pub(super) lock: Option<LockReport>,
    /// Settings of `[compaction]`, as those of a catalog.
    pub(super) compaction: Vec<(String, String, String)>,
}

/// Of the lock.
pub(super) struct LockReport {
    pub(super) kind: &'static str,
    /// As those of a catalog.
    pub(super) properties: Vec<(String, String, String)>,
    pub(super) steps: Vec<Step>,
}

/// Of one catalog.
pub(super) struct CatalogReport {
    pub(super) name: String,
    /// Empty if it could not be told.
    pub(super) kind: String,
    /// Name, value as it may be shown, and where it was set.
    pub(super) properties: Vec<(String, String, String)>,
    pub(super) steps: Vec<Step>,
}

/// One thing that was tried.
pub(super) struct Step {
    what: &'static str,
    /// What works, or what is wrong and what to do about it.
    detail: String,
    /// The error as programs see it; `None` if it works.
    pub(super) error: Option<Value>,
}

impl Step {
    pub(super) fn passed(what: &'static str, detail: String) -> Self {
        Self { what, detail, error: None }
    }

    pub(super) fn failed(what: &'static str, error: &CliError) -> Self {
        let line = error.line();
        let detail = line.strip_prefix("error: ").unwrap_or(&line).to_owned();
        Self { what, detail, error: error.json().get("error").cloned() }
    }
}

impl CatalogReport {
    fn has_failed(&self) -> bool {
        self.steps.iter().any(|step| step.error.is_some())
    }
}

impl Report {
    pub(super) fn n_failed(&self) -> usize {
        self.catalogs.iter().filter(|catalog| catalog.has_failed()).count()
    }

    pub(super) fn has_lock_failed(&self) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.steps.iter().any(|step| step.error.is_some()))
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let files = if self.files.is_empty() { "none".to_owned() } else { self.files.join(", ") };
        let _ = writeln!(text, "settings files: {files}");
        for (name, value) in &self.reader {
            let _ = writeln!(text, "{name} = {value}");
        }
        if self.catalogs.is_empty() {
            let _ = writeln!(text, "no catalogs; add [catalog.NAME] with type and uri to frazil.toml");
        }
        for catalog in &self.catalogs {
            let kind = if catalog.kind.is_empty() { "?" } else { &catalog.kind };
            let _ = writeln!(text, "\ncatalog {} ({kind})", catalog.name);
            write_part(&mut text, &catalog.properties, &catalog.steps);
        }
        if let Some(lock) = &self.lock {
            let _ = writeln!(text, "\nlock ({})", lock.kind);
            write_part(&mut text, &lock.properties, &lock.steps);
        }
        if !self.compaction.is_empty() {
            let _ = writeln!(text, "\ncompaction");
            write_part(&mut text, &self.compaction, &[]);
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let catalogs = self.catalogs.iter().map(|catalog| {
            json!({
                "name": catalog.name,
                "type": catalog.kind,
                "ok": !catalog.has_failed(),
                "properties": properties_json(&catalog.properties),
                "steps": steps_json(&catalog.steps),
            })
        });
        let lock = self.lock.as_ref().map(|lock| {
            json!({
                "type": lock.kind,
                "ok": !self.has_lock_failed(),
                "properties": properties_json(&lock.properties),
                "steps": steps_json(&lock.steps),
            })
        });
        json!({
            "ok": self.n_failed() == 0 && !self.has_lock_failed(),
            "files": self.files,
            "reader": self.reader.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<String, Value>>(),
            "catalogs": catalogs.collect::<Vec<Value>>(),
            "lock": lock,
            "compaction": properties_json(&self.compaction),
        })
    }
}

fn write_part(text: &mut String, properties: &[(String, String, String)], steps: &[Step]) {
    // Writing to a string does not fail.
    for (name, value, origin) in properties {
        let _ = writeln!(text, "  {name} = {value}  [{origin}]");
    }
    for step in steps {
        let mark = if step.error.is_none() { "ok    " } else { "FAILED" };
        let _ = writeln!(text, "  {mark} {}: {}", step.what, step.detail);
    }
}

fn properties_json(properties: &[(String, String, String)]) -> Value {
    let properties =
        properties.iter().map(|(name, value, origin)| (name.clone(), json!({ "value": value, "origin": origin })));
    Value::Object(properties.collect())
}

fn steps_json(steps: &[Step]) -> Value {
    let step = |step: &Step| match &step.error {
        None => json!({ "step": step.what, "ok": true, "detail": step.detail }),
        Some(error) => json!({ "step": step.what, "ok": false, "error": error }),
    };
    steps.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use frazil_table::TableError;

    use super::*;

    fn report() -> Report {
        let step = Step::failed("catalog", &TableError::catalog("b", "who?; check `token`").into());
        let catalog = |name: &str, step| CatalogReport {
            name: name.to_owned(),
            kind: "rest".to_owned(),
            properties: vec![("uri".to_owned(), "http://h".to_owned(), "frazil.toml:2".to_owned())],
            steps: vec![step],
        };
        Report {
            files: vec!["frazil.toml".to_owned()],
            reader: vec![("monitor-interval", "10s".to_owned())],
            lock: Some(LockReport {
                kind: "zookeeper",
                properties: vec![("connect".to_owned(), "z:2181".to_owned(), "frazil.toml:5".to_owned())],
                steps: vec![Step::failed("lock", &CliError::Usage("no; do that".to_owned()))],
            }),
            compaction: vec![("schedule".to_owned(), "1h".to_owned(), "frazil.toml:9".to_owned())],
            catalogs: vec![catalog("a", Step::passed("catalog", "answers".to_owned())), catalog("b", step)],
        }
    }

    #[test]
    fn the_text_says_what_works_what_does_not_and_where_it_was_set() {
        let text = report().text();
        assert!(
            text.contains("catalog a (rest)\n  uri = http://h  [frazil.toml:2]\n  ok     catalog: answers\n"),
            "{text}"
        );
        assert!(text.contains("  FAILED catalog: catalog unavailable, catalog=`b`: who?; check `token`\n"), "{text}");
        assert!(text.ends_with(
            "\nlock (zookeeper)\n  connect = z:2181  [frazil.toml:5]\n  FAILED lock: no; do that\n\
                 \ncompaction\n  schedule = 1h  [frazil.toml:9]\n"
        ));
        assert_eq!(report().n_failed(), 1);
    }

    #[test]
    fn the_json_has_the_same() {
        let json = report().json();
        assert_eq!(json["ok"], false);
        assert_eq!(json["catalogs"][0]["ok"], true);
        assert_eq!(json["catalogs"][0]["properties"]["uri"]["origin"], "frazil.toml:2");
        assert_eq!(json["lock"]["properties"]["connect"]["value"], "z:2181");
        assert_eq!(json["lock"]["ok"], false);
        assert_eq!(json["compaction"]["schedule"]["value"], "1h");
        assert_eq!(json["catalogs"][1]["steps"][0]["error"]["code"], "CATALOG_UNAVAILABLE");
    }
}

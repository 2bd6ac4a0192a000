//! Which tables are meant by patterns of names.

use std::fmt;

/// Patterns of table names, in order: the last one that matches a name decides.
///
/// `*` is any text within one level of a name, `**` any text; a pattern after `!` takes out what it matches. A name
/// without either means that table, also if no catalog lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TablePatterns {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    is_exclusion: bool,
    text: String,
}

impl TablePatterns {
    /// # Errors
    /// What would be right.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let parse = |text: &str| {
            let text = text.trim();
            let (is_exclusion, pattern) = match text.strip_prefix('!') {
                Some(pattern) => (true, pattern.trim()),
                None => (false, text),
            };
            if pattern.is_empty() {
                return Err(
                    "a pattern is empty; use names such as prod.db.orders, prod.db.* or !prod.db.tmp_*".to_owned()
                );
            }
            Ok(Pattern { is_exclusion, text: pattern.to_owned() })
        };
        let patterns: Vec<Pattern> = texts.into_iter().map(parse).collect::<Result<_, _>>()?;
        if patterns.first().is_some_and(|first| first.is_exclusion) {
            return Err(
                "the first pattern takes tables out, and there are none yet; begin with what is meant".to_owned()
            );
        }
        Ok(Self { patterns })
    }

    /// No table is meant.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The name is meant.
    pub fn matches(&self, name: &str) -> bool {
        let last = self.patterns.iter().rev().find(|pattern| matches(pattern.text.as_bytes(), name.as_bytes()));
        last.is_some_and(|pattern| !pattern.is_exclusion)
    }

    /// There are patterns, for which names have to be listed.
    pub(super) fn has_wildcards(&self) -> bool {
        self.patterns.iter().any(|pattern| !pattern.is_exclusion && pattern.text.contains('*'))
    }

    /// Tables that are meant by their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let plain = self.patterns.iter().filter(|pattern| !pattern.is_exclusion && !pattern.text.contains('*'));
        plain.map(|pattern| pattern.text.as_str()).filter(|name| self.matches(name))
    }
}

impl fmt::Display for TablePatterns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Pattern { is_exclusion, text }) in self.patterns.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let mark = if *is_exclusion { "!" } else { "" };
            write!(formatter, "{comma}{mark}{text}")?;
        }
        Ok(())
    }
}

/// Goes back to the last star and lets it take one byte more, to the one before it only if that is a `**` and this one
/// cannot grow: time is at most the product of the lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    /// Where to go on if what follows a star does not match: in the pattern, and in the name.
    #[derive(Clone, Copy)]
    struct Retry {
        pattern: usize,
        name: usize,
    }
    let (mut at, mut position) = (0, 0);
    let (mut star, mut wide): (Option<Retry>, Option<Retry>) = (None, None);
    loop {
        if pattern.get(at) == Some(&b'*') {
            if pattern.get(at + 1) == Some(&b'*') {
                at += 2;
                (star, wide) = (None, Some(Retry { pattern: at, name: position }));
            } else {
                at += 1;
                star = Some(Retry { pattern: at, name: position });
            }
            continue;
        }
        match (pattern.get(at), name.get(position)) {
            (None, None) => return true,
            (Some(expected), Some(found)) if expected == found => {
                (at, position) = (at + 1, position + 1);
                continue;
            }
            _ => {}
        }
        let within_level = |retry: &Retry| name.get(retry.name).is_some_and(|byte| !matches!(byte, b'.' | b'/'));
        if let Some(retry) = star.filter(within_level) {
            (at, position) = (retry.pattern, retry.name + 1);
            star = Some(Retry { name: position, ..retry });
        } else if let Some(retry) = wide.filter(|retry| retry.name < name.len()) {
            (at, position) = (retry.pattern, retry.name + 1);
            (star, wide) = (None, Some(Retry { name: position, ..retry }));
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["prod.db.*"], "prod.db.orders", true)]
    #[case(&["prod.db.*"], "prod.db.inner.orders", false)]
    #[case(&["prod.db.*"], "prod.database.orders", false)]
    #[case(&["prod.**"], "prod.db.inner.orders", true)]
    #[case(&["**"], "/warehouse/db/t", true)]
    #[case(&["prod.*.orders"], "prod.db.orders", true)]
    #[case(&["prod.*.orders"], "prod.db.orders_v2", false)]
    #[case(&["**.orders_*_eu"], "prod.db.orders_1_2_eu", true)]
    #[case(&["**.a*b"], "x.acb.acc.ab", true)]
    #[case(&["*.a*b"], "x.acb.acc.ab", false)]
    #[case(&["/warehouse/*/t"], "/warehouse/db/t", true)]
    #[case(&["/warehouse/*/t"], "/warehouse/a/b/t", false)]
    #[case(&["prod.db.orders"], "prod.db.orders", true)]
    #[case(&["prod.db.*", "!prod.db.tmp_*"], "prod.db.tmp_1", false)]
    #[case(&["prod.db.*", "!prod.db.tmp_*", "prod.db.tmp_keep"], "prod.db.tmp_keep", true)]
    #[case(&[], "prod.db.orders", false)]
    fn a_name_is_meant_or_not(#[case] patterns: &[&str], #[case] name: &str, #[case] expected: bool) {
        assert_eq!(TablePatterns::parse(patterns.iter().copied()).unwrap().matches(name), expected);
    }

    #[test]
    fn tables_that_are_named_need_not_be_listed() {
        let patterns = TablePatterns::parse(["/w/t", "prod.db.*", "prod.x.y", "!prod.x.*"]).unwrap();
        assert_eq!(patterns.names().collect::<Vec<_>>(), ["/w/t"]);
        assert!(patterns.has_wildcards());
        assert_eq!(patterns.to_string(), "/w/t, prod.db.*, prod.x.y, !prod.x.*");
    }

    #[test]
    fn what_means_nothing_is_refused() {
        assert!(TablePatterns::parse([" "]).unwrap_err().contains("a pattern is empty"));
        assert!(TablePatterns::parse(["!a.*"]).unwrap_err().contains("begin with what is meant"));
    }
}

//! Replacing prefixes of paths, so that tables that were copied or mounted elsewhere can be read.

use std::borrow::Cow;

use super::location::canonical;
use super::normalize;
use super::object::scheme_of;
use crate::{Result, TableError};

/// Replacements of path prefixes. The longest prefix that matches wins; a prefix matches whole names only
/// (`/a` matches `/a/b`, not `/ab`), and `file:/x`, `file:///x` and `/x` are one prefix, as are `s3://x`, `s3a://x` and
/// `s3n://x`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathMap {
    /// Longest `old` first. Neither side ends in `/`.
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    old: String,
    new: String,
}

impl PathMap {
    /// Reads `OLD=NEW` arguments. If there are several `=`, the one that a `/` or a scheme follows is meant,
    /// so that folders such as `day=1` can stand in both.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if an argument is not of that form, or two lead from one `OLD` to different places.
    pub fn parse(args: &[String]) -> Result<Self> {
        let mut entries: Vec<Entry> = Vec::with_capacity(args.len());
        for arg in args {
            let entry = parse_entry(arg)?;
            // One place may be given by each of its spellings.
            if entries.contains(&entry) {
                continue;
            }
            if entries.iter().any(|other| other.old == entry.old) {
                return Err(TableError::invalid(format!("path map `{arg}`: its old prefix is given twice")));
            }
            entries.push(entry);
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.old.len()));
        Ok(Self { entries })
    }

    /// The path to look at instead of `path`; `path` itself if no prefix matches.
    pub fn apply<'a>(&self, path: &'a str) -> Cow<'a, str> {
        if self.entries.is_empty() {
            return Cow::Borrowed(path);
        }
        let normal = canonical(path);
        for Entry { old, new } in &self.entries {
            if let Some(rest) = normal.strip_prefix(old.as_str())
                && (rest.is_empty() || rest.starts_with('/'))
            {
                return Cow::Owned(if rest.is_empty() && new.is_empty() {
                    "/".to_owned()
                } else {
                    format!("{new}{rest}")
                });
            }
        }
        Cow::Borrowed(path)
    }

    /// Nothing is replaced.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn parse_entry(arg: &str) -> Result<Entry> {
    let wrong = |cause: &str| {
        TableError::invalid(format!("path map `{arg}` {cause}; expected OLD=NEW, two absolute paths or URIs"))
    };
    let splits: Vec<(&str, &str)> =
        arg.match_indices('=').filter_map(|(at, _)| Some((arg.get(..at)?, arg.get(at + 1..)?))).collect();
    let mut likely = splits.iter().filter(|(_, new)| is_absolute(new));
    let (old, new) = match (likely.next(), likely.next()) {
        (Some(split), None) => *split,
        (Some(_), Some(_)) => return Err(wrong("can be split in more than one place")),
        (None, _) if splits.is_empty() => return Err(wrong("has no `=`")),
        (None, _) => return Err(wrong("has a new prefix that is not absolute")),
    };
    if !is_absolute(old) {
        return Err(wrong("has an old prefix that is not absolute"));
    }
    let trim = |prefix: &str| prefix.trim_end_matches('/').to_owned();
    Ok(Entry { old: trim(&canonical(old)), new: trim(normalize(new)) })
}

fn is_absolute(path: &str) -> bool {
    path.starts_with('/') || scheme_of(path).is_some_and(|(_, rest)| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    fn map(args: &[&str]) -> PathMap {
        PathMap::parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[rstest]
    #[case("/a/b", "/new/b")]
    #[case("file:/a/b", "/new/b")]
    #[case("file:///a/b", "/new/b")]
    #[case("/a", "/new")]
    #[case("/a/", "/new/")]
    #[case("/ab", "/ab")]
    #[case("/x/a/b", "/x/a/b")]
    #[case("s3://a/b", "s3://a/b")]
    fn spellings_of_one_prefix_are_replaced_alike(#[case] path: &str, #[case] expected: &str) {
        for old in ["/a", "/a/", "file:/a", "file:///a/"] {
            assert_eq!(map(&[&format!("{old}=/new/")]).apply(path), expected);
        }
    }

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let args = ["/a=/one", "/a/b/c=/three", "/a/b=s3://two/x"];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let map = map(&order.map(|index: usize| args[index]));
            assert_eq!(map.apply("/a/b/c/d"), "/three/d");
            assert_eq!(map.apply("file:/a/b/d"), "s3://two/x/d");
            assert_eq!(map.apply("/a/bc"), "/one/bc");
        }
    }

    #[test]
    fn buckets_and_the_root_can_be_replaced() {
        assert_eq!(map(&["s3://bucket=/mnt/bucket"]).apply("s3://bucket/a%20b/c"), "/mnt/bucket/a%20b/c");
        assert_eq!(map(&["s3://bucket=/mnt/bucket"]).apply("s3://bucket2/c"), "s3://bucket2/c");
        assert_eq!(map(&["/=/mnt"]).apply("file:/x"), "/mnt/x");
        assert_eq!(map(&["/mnt=/"]).apply("/mnt/x"), "/x");
        assert_eq!(map(&["/mnt=/"]).apply("/mnt"), "/");
    }

    #[test]
    fn schemes_that_mean_one_store_are_one_prefix() {
        for old in ["s3://bucket/t", "s3a://bucket/t/", "s3n://bucket/t"] {
            let map = map(&[&format!("{old}=/mnt")]);
            for path in ["s3://bucket/t/x", "s3a://bucket/t/x", "s3n://bucket/t/x"] {
                assert_eq!(map.apply(path), "/mnt/x");
            }
        }
        assert_eq!(map(&["s3://bucket=/mnt", "s3a://bucket=/mnt"]).apply("s3n://bucket/x"), "/mnt/x");
        assert_eq!(map(&["/=/mnt"]).apply("s3a://bucket/t/x"), "s3a://bucket/t/x");
        assert_eq!(map(&["/bucket=/mnt"]).apply("s3a://bucket/t/x"), "s3a://bucket/t/x");
    }

    #[test]
    fn an_equals_sign_may_stand_in_a_folder_name() {
        assert_eq!(map(&["/a/day=1=/b/day=2"]).apply("/a/day=1/f"), "/b/day=2/f");
        assert_eq!(map(&["/a=s3://b/c"]).apply("/a/day=1/f"), "s3://b/c/day=1/f");
    }

    #[rstest]
    #[case(&["/a"], "has no `=`")]
    #[case(&["=/b"], "old prefix that is not absolute")]
    #[case(&["/a="], "new prefix that is not absolute")]
    #[case(&["/a=b"], "new prefix that is not absolute")]
    #[case(&["/a=/b=/c"], "more than one place")]
    #[case(&["/a=/b", "file:/a/=/c"], "given twice")]
    fn a_malformed_argument_is_named_with_its_cause(#[case] args: &[&str], #[case] cause: &str) {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let error = PathMap::parse(&args).unwrap_err().to_string();
        assert!(error.contains(cause), "{error}");
    }
}

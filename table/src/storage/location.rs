//! What a URI says: which kind of store, which bucket or container of it, and which key there.

use std::borrow::Cow;

use super::normalize;

/// Kinds of stores that are reached over a network, and made from properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RemoteKind {
    S3,
    Gcs,
    Azure,
    Hdfs,
}

impl RemoteKind {
    /// The kind that serves a lower-case scheme. `None` for other schemes.
    pub(super) fn of_scheme(scheme: &str) -> Option<Self> {
        Some(match scheme {
            "s3" | "s3a" | "s3n" => Self::S3,
            "gs" => Self::Gcs,
            "abfs" | "abfss" | "wasb" | "wasbs" => Self::Azure,
            "hdfs" => Self::Hdfs,
            _ => return None,
        })
    }

    /// For messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::S3 => "S3",
            Self::Gcs => "Google Cloud Storage",
            Self::Azure => "Azure storage",
            Self::Hdfs => "HDFS",
        }
    }
}

/// Path in the form in which files are compared: two spellings of one place have the same. Local paths are as
/// [`normalize`] gives them. `s3`, `s3a` and `s3n` are one store, and so are `abfs`, `abfss`, `wasb` and `wasbs`:
/// of those what follows the scheme's colon is compared.
pub fn identity(path: &str) -> &str {
    match family(path) {
        // Every path of every entry comes this way: no scheme is copied to compare it.
        Some((_, rest)) => rest,
        None => normalize(path),
    }
}

/// Path with one scheme for all that mean one store, and local paths as [`normalize`] gives them.
pub(crate) fn canonical(path: &str) -> Cow<'_, str> {
    match family(path) {
        Some((scheme, rest)) => Cow::Owned(format!("{scheme}:{rest}")),
        None => Cow::Borrowed(normalize(path)),
    }
}

/// The scheme that stands for all that mean the store of `path`, and what follows the colon. `None` where there
/// is one spelling.
fn family(path: &str) -> Option<(&'static str, &str)> {
    let (scheme, rest) = path.split_once(':')?;
    let is_one_of = |names: &[&str]| names.iter().any(|name| scheme.eq_ignore_ascii_case(name));
    if !rest.starts_with("//") {
        return None;
    }
    if is_one_of(&["s3", "s3a", "s3n"]) {
        Some(("s3", rest))
    } else if is_one_of(&["abfss", "abfs", "wasbs", "wasb"]) {
        Some(("abfss", rest))
    } else {
        None
    }
}

/// What follows a scheme's colon, `//authority/key`, split in two. Slashes around the key are left out.
pub(super) fn split_authority(rest: &str) -> Option<(&str, &str)> {
    let rest = rest.strip_prefix("//")?;
    let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
    Some((authority, key.trim_matches('/')))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("s3://b/x/y", "s3a://b/x/y")]
    #[case("s3://b/x/y", "s3n://b/x/y")]
    #[case("S3A://b/x/y", "s3://b/x/y")]
    #[case("abfss://c@a.dfs.core.windows.net/x", "abfs://c@a.dfs.core.windows.net/x")]
    #[case("wasbs://c@a.blob.core.windows.net/x", "wasb://c@a.blob.core.windows.net/x")]
    #[case("file:/x/y", "/x/y")]
    #[case("file:///x/y", "/x/y")]
    fn two_spellings_of_one_place_are_the_same_file(#[case] one: &str, #[case] other: &str) {
        assert_eq!(identity(one), identity(other));
        assert_eq!(canonical(one), canonical(other));
    }

    #[rstest]
    #[case("s3://b/x", "s3://B/x")]
    #[case("s3://b/x", "s3a://b/X")]
    #[case("s3://b/x", "gs://b/x")]
    #[case("s3://b/x", "s3x://b/x")]
    #[case("s3:x", "s3a:x")]
    #[case("hdfs://a/x", "hdfs://b/x")]
    #[case("/x/s3:y", "/x/s3a:y")]
    fn other_places_are_other_files(#[case] one: &str, #[case] other: &str) {
        assert_ne!(identity(one), identity(other));
        assert_ne!(canonical(one), canonical(other));
    }

    #[rstest]
    #[case("//b/x/y", Some(("b", "x/y")))]
    #[case("//b", Some(("b", "")))]
    #[case("//b/", Some(("b", "")))]
    #[case("///x", Some(("", "x")))]
    #[case("/x", None)]
    fn the_authority_stands_between_two_slashes_and_one(#[case] rest: &str, #[case] expected: Option<(&str, &str)>) {
        assert_eq!(split_authority(rest), expected);
    }
}

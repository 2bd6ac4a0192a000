//! Properties of stores, by the names that Iceberg's file IO and pyiceberg use.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::error::one_line;
use crate::{Result, TableError};

/// Names with values. Values may be secrets: neither `Debug` nor an error shows one.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Properties(BTreeMap<String, String>);

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl From<BTreeMap<String, String>> for Properties {
    fn from(properties: BTreeMap<String, String>) -> Self {
        Self(properties)
    }
}

impl Properties {
    /// These, with others in place of those of the same name.
    pub(super) fn with(&self, others: &BTreeMap<String, String>) -> Self {
        let mut all = self.0.clone();
        all.extend(others.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self(all)
    }

    /// The value of the first of `names` that has one; an empty value is none.
    pub(super) fn text(&self, names: &[&str]) -> Option<&str> {
        names.iter().filter_map(|name| self.0.get(*name)).map(|value| value.trim()).find(|value| !value.is_empty())
    }

    /// As [`Self::text`], of a value that becomes part of a header or of a URL.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] if it has spaces or characters that are not printable ASCII.
    pub(super) fn token(&self, names: &[&str]) -> Result<Option<&str>> {
        match self.text(names) {
            Some(value) if !value.bytes().all(|byte| byte.is_ascii_graphic()) => {
                let cause = "has spaces, line breaks or characters beyond ASCII; check what was pasted";
                Err(self.wrong(names, cause))
            }
            value => Ok(value),
        }
    }

    /// `true` or `false`, in any case.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] for another value.
    pub(super) fn flag(&self, names: &[&str]) -> Result<Option<bool>> {
        match self.text(names).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.wrong(names, "is neither `true` nor `false`")),
        }
    }

    /// A whole number.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] for another value.
    pub(super) fn number(&self, names: &[&str]) -> Result<Option<u64>> {
        let parse = |value: &str| value.parse().map_err(|_| self.wrong(names, "is no whole number"));
        self.text(names).map(parse).transpose()
    }

    /// A time span: a number of seconds, or a number with `ms`, `s` or `m`.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] for another value, or one over a day.
    pub(super) fn duration(&self, names: &[&str]) -> Result<Option<Duration>> {
        let Some(value) = self.text(names) else { return Ok(None) };
        let digits = value.trim_end_matches(|character: char| character.is_ascii_alphabetic());
        let unit = match value.strip_prefix(digits).unwrap_or_default() {
            "ms" => 0.001,
            "" | "s" => 1.0,
            "m" => 60.0,
            _ => return Err(self.wrong(names, "is no time span such as `500ms`, `20s` or `2m`")),
        };
        let seconds = digits.parse::<f64>().ok().map(|number| number * unit);
        match seconds.filter(|seconds| (0.001..=86_400.0).contains(seconds)) {
            Some(seconds) => Ok(Some(Duration::from_secs_f64(seconds))),
            None => Err(self.wrong(names, "is no time span between `1ms` and a day, such as `500ms`, `20s` or `2m`")),
        }
    }

    /// URL of a server: `http` or `https`, a host, perhaps a port and a path.
    ///
    /// # Errors
    /// [`TableError::InvalidRequest`] for another value.
    pub(super) fn endpoint(&self, names: &[&str]) -> Result<Option<Endpoint>> {
        let Some(text) = self.token(names)? else { return Ok(None) };
        let wrong = || self.wrong(names, "is no URL such as `https://host:port`");
        let url = reqwest::Url::parse(text).map_err(|_| wrong())?;
        let is_plain = match url.scheme() {
            "http" => true,
            "https" => false,
            _ => return Err(wrong()),
        };
        // Whatever is not allowed here would end up in front of, or behind, a path.
        let is_bare = url.has_host() && url.username().is_empty() && url.query().is_none() && url.fragment().is_none();
        if !is_bare || url.password().is_some() {
            return Err(wrong());
        }
        Ok(Some(Endpoint { url: url.as_str().trim_end_matches('/').to_owned(), is_plain }))
    }

    /// Names and values of the properties that begin with `prefix`, without it.
    pub(super) fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.trim())))
    }

    /// Names of all properties.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What is wrong with the value that [`Self::text`] gives for `names`.
    pub(super) fn wrong(&self, names: &[&str], cause: &str) -> TableError {
        let given = names.iter().find(|name| self.0.get(**name).is_some_and(|value| !value.trim().is_empty()));
        let name = given.or(names.first()).copied().unwrap_or_default();
        TableError::invalid(format!("storage property `{name}` {cause}"))
    }
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Without a slash at the end.
    pub(super) url: String,
    /// There is no TLS.
    pub(super) is_plain: bool,
}

/// A name that becomes part of a host name or a URL: a bucket, container, account or region.
///
/// # Errors
/// [`TableError::InvalidRequest`] if it has other characters than such names have.
pub(super) fn check_name(what: &str, name: &str) -> Result<()> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'$');
    if name.is_empty() || name.len() > 255 || !name.bytes().all(is_allowed) {
        return Err(TableError::invalid(format!(
            "`{}` is no name of a {what}: letters, digits, `.`, `-`, `_` are allowed",
            one_line(name)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    fn properties(entries: &[(&str, &str)]) -> Properties {
        Properties(entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn the_first_name_with_a_value_wins_and_an_empty_one_is_none() {
        let given = properties(&[("s3.region", " "), ("client.region", "eu-west-1"), ("region", "x")]);
        assert_eq!(given.text(&["s3.region", "client.region", "region"]), Some("eu-west-1"));
        assert_eq!(given.text(&["s3.region"]), None);
        assert_eq!(given.text(&[]), None);
    }

    #[rstest]
    #[case("500ms", 500)]
    #[case("20s", 20_000)]
    #[case("2m", 120_000)]
    #[case("1.5", 1_500)]
    #[case("60.0", 60_000)]
    fn a_time_span_is_a_number_of_seconds_or_has_a_unit(#[case] text: &str, #[case] milliseconds: u64) {
        let given = properties(&[("t", text)]);
        assert_eq!(given.duration(&["t"]).unwrap(), Some(Duration::from_millis(milliseconds)));
    }

    #[rstest]
    fn what_is_no_time_span_is_refused(
        #[values("0", "-1s", "1h", "s", "nan", "inf", "1e300", "2d", "25 ms x")] text: &str,
    ) {
        let error = properties(&[("t", text)]).duration(&["t"]).unwrap_err().to_string();
        assert!(error.contains("`t` is no time span"), "{error}");
    }

    #[rstest]
    #[case("http://127.0.0.1:9000/", "http://127.0.0.1:9000", true)]
    #[case("HTTPS://Host", "https://host", false)]
    #[case("http://[::1]:9000", "http://[::1]:9000", true)]
    #[case("https://host/devstoreaccount1/", "https://host/devstoreaccount1", false)]
    fn an_endpoint_is_a_url_of_a_server(#[case] text: &str, #[case] url: &str, #[case] is_plain: bool) {
        let expected = Endpoint { url: url.to_owned(), is_plain };
        assert_eq!(properties(&[("e", text)]).endpoint(&["e"]).unwrap(), Some(expected));
    }

    #[rstest]
    fn what_is_no_url_of_a_server_is_refused(
        #[values(
            "127.0.0.1:9000",
            "no-url",
            "ftp://h",
            "http://",
            "http://h:99999",
            "http://u:p@h",
            "http://h?x",
            "http://h#x",
            "http://a b"
        )]
        text: &str,
    ) {
        let error = properties(&[("s3.endpoint", text)]).endpoint(&["s3.endpoint"]).unwrap_err().to_string();
        assert!(error.contains("`s3.endpoint`") && !error.contains(text), "{error}");
    }

    #[test]
    fn neither_debug_nor_an_error_shows_a_value() {
        let given = properties(&[("s3.secret-access-key", "hush hush"), ("s3.anonymous", "hush")]);
        let errors = [
            given.token(&["s3.secret-access-key"]).unwrap_err(),
            given.flag(&["s3.anonymous"]).unwrap_err(),
            given.number(&["s3.anonymous"]).unwrap_err(),
            given.duration(&["s3.anonymous"]).unwrap_err(),
        ];
        for text in errors.iter().flat_map(|error| [error.to_string(), format!("{error:?}")]) {
            assert!(!text.contains("hush") && text.contains("s3."), "{text}");
        }
        assert_eq!(format!("{given:?}"), r#"{"s3.anonymous", "s3.secret-access-key"}"#);
    }
}

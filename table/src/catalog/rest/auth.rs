//! What proves to a REST catalog who asks: a token, OAuth2 client credentials, or a name and password.

use std::fmt;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use tokio::sync::Mutex;

use super::http::{Failure, Http};
use crate::catalog::config::{CatalogConfig, without_secrets};
use crate::{Result, TableError};

/// A token is replaced this long before it expires, so that it does not expire on its way.
const BEFORE_EXPIRY_MS: i64 = 30_000;
/// What the answer with a token may have.
const TOKEN_BYTES_MAX: usize = 1 << 20;
/// Where tokens are given unless settings say otherwise. Source: Iceberg REST specification.
const TOKEN_PATH: &str = "v1/oauth/tokens";

/// How requests are authorized.
pub(super) enum Auth {
    /// They are not.
    None,
    /// One header for all time.
    Fixed(HeaderValue),
    /// Tokens that expire.
    OAuth2(Box<OAuth2>),
}

/// Where tokens come from, and the one in use.
pub(super) struct OAuth2 {
    uri: String,
    form: Vec<(&'static str, String)>,
    current: Mutex<Option<Token>>,
}

struct Token {
    header: HeaderValue,
    /// `None` if the server says nothing of an end.
    refresh_at_ms: Option<i64>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("None"),
            Self::Fixed(_) => formatter.write_str("Fixed(***)"),
            Self::OAuth2(oauth2) => write!(formatter, "OAuth2({})", without_secrets(&oauth2.uri)),
        }
    }
}

impl Auth {
    /// What the properties ask for; `base` is the catalog's address.
    pub(super) fn of(config: &CatalogConfig, base: &str) -> Result<Self> {
        if config.flag("rest.sigv4-enabled")? == Some(true) {
            return Err(unsupported(config, "requests signed with AWS SigV4 (`rest.sigv4-enabled`)"));
        }
        match config.get("rest.auth.type").or_else(|| config.get("auth.type")).unwrap_or_default() {
            "none" | "noop" => Ok(Self::None),
            "basic" => Self::basic(config),
            "" | "oauth2" | "legacyoauth2" => Self::token_or_oauth2(config, base),
            other => Err(unsupported(config, &format!("authentication of type `{other}`"))),
        }
    }

    fn basic(config: &CatalogConfig) -> Result<Self> {
        let part = |name: &str| {
            let long = format!("rest.auth.basic.{name}");
            config.get(&long).or_else(|| config.get(&format!("auth.basic.{name}"))).map(str::to_owned)
        };
        let (Some(user), Some(password)) = (part("username"), part("password")) else {
            return Err(TableError::invalid(format!(
                "catalog `{}` with authentication of type `basic` needs `rest.auth.basic.username` and `rest.auth.basic.password`",
                config.name
            )));
        };
        // The client library makes the header, as for any request.
        let request = reqwest::Client::new().get("http://localhost/").basic_auth(user, Some(password)).build();
        let header = request.ok().and_then(|request| request.headers().get(AUTHORIZATION).cloned());
        header.map(Self::Fixed).ok_or_else(|| TableError::internal("the header for a name and password"))
    }

    fn token_or_oauth2(config: &CatalogConfig, base: &str) -> Result<Self> {
        let first = |names: [&str; 2]| names.into_iter().find_map(|name| config.get(name)).map(str::to_owned);
        let credential = match (config.get("auth.oauth2.client_id"), config.get("auth.oauth2.client_secret")) {
            (Some(id), Some(secret)) => Some(format!("{id}:{secret}")),
            _ => config.get("credential").map(str::to_owned),
        };
        let Some(credential) = credential else {
            return match config.get("token") {
                Some(token) => bearer(token).map(Self::Fixed).ok_or_else(|| wrong_token(&config.name)),
                None => Ok(Self::None),
            };
        };
        let mut form = vec![("grant_type", "client_credentials".to_owned())];
        match credential.split_once(':') {
            Some((id, secret)) => form.extend([("client_id", id.to_owned()), ("client_secret", secret.to_owned())]),
            None => form.push(("client_secret", credential)),
        }
        form.push(("scope", first(["scope", "auth.oauth2.scope"]).unwrap_or_else(|| "catalog".to_owned())));
        form.extend(config.get("audience").map(|audience| ("audience", audience.to_owned())));
        form.extend(config.get("resource").map(|resource| ("resource", resource.to_owned())));
        let uri = match first(["oauth2-server-uri", "auth.oauth2.token_url"]) {
            Some(uri) if uri.contains("://") => uri,
            Some(path) => format!("{base}/{}", path.trim_start_matches('/')),
            None => format!("{base}/{TOKEN_PATH}"),
        };
        Ok(Self::OAuth2(Box::new(OAuth2 { uri, form, current: Mutex::new(None) })))
    }

    /// Whether a new token may be had if the one in use is refused.
    pub(super) fn is_renewable(&self) -> bool {
        matches!(self, Self::OAuth2(_))
    }

    /// The header for the next request. `refused` is one that the catalog did not accept any more.
    pub(super) async fn header(&self, http: &Http, refused: Option<&HeaderValue>) -> Result<Option<HeaderValue>> {
        let oauth2 = match self {
            Self::None => return Ok(None),
            Self::Fixed(header) => return Ok(Some(header.clone())),
            Self::OAuth2(oauth2) => oauth2,
        };
        // Held while a token is asked for: those who wait here take the one that comes.
        let mut current = oauth2.current.lock().await;
        if let Some(token) = current.as_ref()
            && Some(&token.header) != refused
            && token.refresh_at_ms.is_none_or(|at_ms| http.clock.now_ms() < at_ms)
        {
            return Ok(Some(token.header.clone()));
        }
        let token = oauth2.fetch(http).await?;
        let header = token.header.clone();
        *current = Some(token);
        Ok(Some(header))
    }
}

impl OAuth2 {
    /// Source: RFC 6749, 4.4.
    async fn fetch(&self, http: &Http) -> Result<Token> {
        let sent = http.send(&self.uri, TOKEN_BYTES_MAX, || http.client.post(&self.uri).form(&self.form)).await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(Failure::Other(error)) => return Err(error),
            Err(Failure::Refused(refusal)) if matches!(refusal.status.as_u16(), 400 | 401 | 403) => {
                return Err(http.refused_token(&self.uri, &refusal));
            }
            Err(Failure::Refused(refusal)) => return Err(http.refused(&self.uri, &refusal)),
        };
        let no_token = |what: &str| {
            TableError::catalog(
                &http.catalog,
                format!("the token endpoint `{}` {what}; check `oauth2-server-uri`", without_secrets(&self.uri)),
            )
        };
        let json = http.json(&self.uri, &answer).map_err(|_| no_token("does not answer with a JSON object"))?;
        let token = json.get("access_token").and_then(serde_json::Value::as_str);
        let header = token.and_then(bearer).ok_or_else(|| no_token("gives no `access_token`"))?;
        let lifetime_ms = json.get("expires_in").and_then(serde_json::Value::as_f64).map(|seconds| seconds * 1000.0);
        let refresh_at_ms = lifetime_ms.filter(|ms| ms.is_finite() && *ms > 0.0).map(|ms| {
            // One that lives shorter than the margin is used for half of its life.
            #[expect(clippy::cast_possible_truncation, reason = "a conversion of floats saturates")]
            let ms = ms as i64;
            http.clock.now_ms().saturating_add(ms.saturating_sub(BEFORE_EXPIRY_MS).max(ms / 2))
        });
        Ok(Token { header, refresh_at_ms })
    }
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn wrong_token(catalog: &str) -> TableError {
    TableError::invalid(format!("the `token` of catalog `{catalog}` has characters that no token has; check it"))
}

fn unsupported(config: &CatalogConfig, what: &str) -> TableError {
    TableError::unsupported(
        &config.name,
        format!("{what} cannot be used; give a `token`, or OAuth2's `credential` as id:secret"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use rstest::rstest;

    use super::*;
    use crate::catalog::config::CatalogKind;

    fn auth(properties: &[(&str, &str)]) -> Result<Auth> {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Auth::of(&CatalogConfig { name: "prod".to_owned(), kind: CatalogKind::Rest, properties }, "http://h/api")
    }

    fn oauth2(properties: &[(&str, &str)]) -> OAuth2 {
        match auth(properties).unwrap() {
            Auth::OAuth2(oauth2) => *oauth2,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn client_credentials_go_to_the_catalog_unless_another_server_is_named() {
        let plain = oauth2(&[("credential", "id:se:cret"), ("audience", "a")]);
        assert_eq!(plain.uri, "http://h/api/v1/oauth/tokens");
        let form: Vec<(&str, &str)> = plain.form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(
            form,
            [
                ("grant_type", "client_credentials"),
                ("client_id", "id"),
                ("client_secret", "se:cret"),
                ("scope", "catalog"),
                ("audience", "a")
            ]
        );
        assert_eq!(oauth2(&[("credential", "x"), ("oauth2-server-uri", "https://o/t")]).uri, "https://o/t");
        assert_eq!(oauth2(&[("credential", "x"), ("oauth2-server-uri", "/t")]).uri, "http://h/api/t");
    }

    #[test]
    fn a_name_and_password_are_one_header() {
        let auth =
            auth(&[("auth.type", "basic"), ("auth.basic.username", "me"), ("auth.basic.password", "pw")]).unwrap();
        let Auth::Fixed(header) = &auth else { panic!("{auth:?}") };
        assert_eq!(header.to_str().unwrap(), "Basic bWU6cHc=");
        assert!(!format!("{auth:?}").contains("bWU6cHc"));
    }

    #[rstest]
    #[case(&[("rest.sigv4-enabled", "true")], "SigV4")]
    #[case(&[("rest.auth.type", "google")], "`google`")]
    #[case(&[("auth.type", "basic")], "rest.auth.basic.username")]
    #[case(&[("token", "a\nb")], "token")]
    fn what_cannot_be_done_is_refused_by_name(#[case] properties: &[(&str, &str)], #[case] named: &str) {
        let error = auth(properties).unwrap_err().to_string();
        assert!(error.contains(named) && error.contains("prod"), "{error}");
    }
}

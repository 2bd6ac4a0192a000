//! Bearer tokens: who may call, by hashes of what they send.

use std::fmt;
use std::sync::Arc;

use frazil_table::Advice;
use ring::digest::{SHA256, digest};
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

use crate::status::status;

/// Names of those who may call, with the SHA-256 of their tokens.
#[derive(Clone)]
pub struct Tokens {
    known: Arc<[(String, [u8; 32])]>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.known.iter().map(|(name, _)| name)).finish()
    }
}

impl Tokens {
    /// From the text of a file: a name and the token's SHA-256 in hexadecimal on each line, such as `sha256sum` gives;
    /// empty lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// What is wrong in which line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut known = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_whitespace();
            let (Some(name), Some(hash), None) = (words.next(), words.next(), words.next()) else {
                return Err(format!("line {number} is no name with a hash; write `NAME SHA256`"));
            };
            let hash = hex(hash).ok_or_else(|| {
                format!("line {number} has no SHA-256 of 64 hexadecimal digits; `printf %s TOKEN | sha256sum` gives it")
            })?;
            known.push((name.to_owned(), hash));
        }
        if known.is_empty() {
            return Err("there is no token in it; write `NAME SHA256` on a line".to_owned());
        }
        Ok(Self { known: known.into() })
    }

    /// Who has this token.
    fn owner(&self, token: &str) -> Option<&str> {
        let given = digest(&SHA256, token.as_bytes());
        // Hashes are compared, so that the time it takes says nothing of a token.
        self.known.iter().find(|(_, hash)| hash == given.as_ref()).map(|(name, _)| name.as_str())
    }
}

/// 32 bytes as 64 hexadecimal digits.
pub(crate) fn hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Lets those pass who send a token that is known; everyone if there are none.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) tokens: Option<Tokens>,
}

impl Interceptor for Gate {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let Some(tokens) = &self.tokens else { return Ok(request) };
        let refused = |why: &str| {
            let message = format!("{why}; send `authorization: Bearer TOKEN`");
            status(Code::Unauthenticated, "UNAUTHENTICATED", &message, Advice::FixRequest)
        };
        let Some(header) = request.metadata().get("authorization") else { return Err(refused("there is no token")) };
        let token = header.to_str().ok().and_then(|header| {
            let (scheme, token) = header.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        match token.and_then(|token| tokens.owner(token)) {
            Some(_) => Ok(request),
            None => Err(refused("the token is not known")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // printf %s secret | sha256sum
    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    fn call(tokens: Option<Tokens>, header: Option<&str>) -> Result<(), Code> {
        let mut request = Request::new(());
        if let Some(header) = header {
            request.metadata_mut().insert("authorization", header.parse().unwrap());
        }
        Gate { tokens }.call(request).map(|_| ()).map_err(|status| status.code())
    }

    #[test]
    fn only_known_tokens_pass() {
        let tokens = Tokens::parse(&format!("# team\n\nteam-a {SECRET}\n")).unwrap();
        assert_eq!(call(Some(tokens.clone()), Some("Bearer secret")), Ok(()));
        assert_eq!(call(Some(tokens.clone()), Some("bearer secret")), Ok(()));
        for header in [None, Some("secret"), Some("Basic secret"), Some("Bearer other"), Some("Bearer "), Some(SECRET)]
        {
            assert_eq!(call(Some(tokens.clone()), header), Err(Code::Unauthenticated), "{header:?}");
        }
        assert_eq!(call(None, None), Ok(()));
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, expected) in [
            ("", "no token in it"),
            ("a", "line 1 is no name with a hash"),
            ("#\na b", "line 2 has no SHA-256"),
            (&format!("a {SECRET} x"), "line 1 is no name"),
        ] {
            let error = Tokens::parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}

//! What a store answers when it refuses: the few facts that help, of the XML, JSON or text that it sends.

use serde::{Deserialize, Serialize};

use crate::error::one_line;

/// Begins an encoded answer within the text of an error.
const MARK: &str = "answer:";

/// Of a store's own words this many characters are shown.
const MESSAGE_CHARACTERS_MAX: usize = 200;

/// The facts of an answer that refuses. It travels through the store's library as the body of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: u16,
    /// The store's code for the reason. Empty if it gave none.
    pub(super) code: String,
    /// The store's words. Empty if it gave none.
    pub(super) message: String,
    /// Where the bucket is, if the answer tells.
    pub(super) region: Option<String>,
    /// Seconds that the request's time is ahead of the store's, if the answer gives both.
    pub(super) ahead_seconds: Option<i64>,
    /// A page for people, such as a web server's: whatever answered is no store.
    pub(super) is_page: bool,
}

impl Answer {
    /// `region_header` and `code_header` are headers that give what a body may lack.
    pub(super) fn parse(status: u16, body: &str, region_header: Option<&str>, code_header: Option<&str>) -> Self {
        let body = body.trim_start_matches('\u{feff}').trim();
        let json: Option<serde_json::Value> = body.starts_with('{').then(|| serde_json::from_str(body).ok()).flatten();
        let (code, message) = match &json {
            Some(json) => json_reason(json),
            None if body.contains("<Code>") => (element(body, "Code"), element(body, "Message")),
            // Google answers some requests with a line of text.
            None if !body.starts_with('<') => (None, Some(body.to_owned())),
            None => (None, None),
        };
        let lower: String = body.chars().take(100).collect::<String>().to_ascii_lowercase();
        let region = element(body, "Region").or_else(|| region_header.map(str::to_owned));
        let ahead = || {
            let time = |name| parse_time(&element(body, name)?);
            Some((time("RequestTime")? - time("ServerTime")?).num_seconds())
        };
        Self {
            status,
            code: short(code.as_deref().or(code_header).unwrap_or_default()),
            message: short(message.as_deref().unwrap_or_default()),
            region: region.map(|region| short(&region)),
            ahead_seconds: ahead(),
            is_page: lower.starts_with("<!doctype html") || lower.contains("<html"),
        }
    }

    pub(super) fn encode(&self) -> String {
        format!("{MARK}{}", serde_json::to_string(self).unwrap_or_default())
    }

    /// The answer that stands somewhere in the text of an error.
    pub(super) fn find(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(MARK)?;
        serde_json::Deserializer::from_str(rest).into_iter().next()?.ok()
    }

    /// For messages: `HTTP 403 AccessDenied, "Access Denied"`.
    pub(super) fn shown(&self) -> String {
        let mut text = format!("HTTP {}", self.status);
        if !self.code.is_empty() {
            text = format!("{text} {}", self.code);
        }
        if !self.message.is_empty() && self.message != self.code {
            text = format!("{text}, \"{}\"", self.message);
        }
        text
    }
}

/// Google's APIs, and token services.
fn json_reason(json: &serde_json::Value) -> (Option<String>, Option<String>) {
    let text = |value: Option<&serde_json::Value>| value.and_then(|value| value.as_str()).map(str::to_owned);
    match json.get("error") {
        Some(error @ serde_json::Value::Object(_)) => {
            (text(error.get("status")).or_else(|| text(error.get("code"))), text(error.get("message")))
        }
        Some(error) => (text(Some(error)), text(json.get("error_description"))),
        None => (text(json.get("code")), text(json.get("message"))),
    }
}

/// Text of the first XML element of this name.
pub(super) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    Some(text.replace("&amp;", "&"))
}

/// Reads the two forms of time that S3 has.
pub(super) fn parse_time(text: &str) -> Option<chrono::DateTime<chrono::Utc>> {
    let compact = chrono::NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok();
    let compact = compact.map(|time| time.and_utc());
    compact.or_else(|| chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()))
}

/// The first line, cut; nothing of a text in which a signature may stand.
fn short(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default().trim_end_matches(['.', ' ']);
    if ["sig=", "Signature=", "token="].iter().any(|word| line.contains(word)) {
        return String::new();
    }
    let cut: String = line.chars().take(MESSAGE_CHARACTERS_MAX).collect();
    // A quote or the mark within would end the text early for whoever reads it.
    one_line(&cut).replace('"', "'").replace(MARK, "answer ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        403,
        "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>Access &lt;Denied&gt;</Message><HostId>x</HostId></Error>",
        "HTTP 403 AccessDenied, \"Access <Denied>\""
    )]
    #[case(
        403,
        "\u{feff}<Error><Code>AuthenticationFailed</Code><Message>Server failed.\nRequestId:7</Message></Error>",
        "HTTP 403 AuthenticationFailed, \"Server failed\""
    )]
    #[case(
        401,
        r#"{"error":{"code":401,"message":"Invalid Credentials","status":"UNAUTHENTICATED"}}"#,
        "HTTP 401 UNAUTHENTICATED, \"Invalid Credentials\""
    )]
    #[case(400, r#"{"error":"invalid_grant","error_description":"bad key"}"#, "HTTP 400 invalid_grant, \"bad key\"")]
    #[case(404, "No such object: b/x", "HTTP 404, \"No such object: b/x\"")]
    #[case(502, "<html><body>Bad Gateway</body></html>", "HTTP 502")]
    #[case(400, "", "HTTP 400")]
    #[case(400, "{", "HTTP 400, \"{\"")]
    #[case(403, "<Error><Code>X</Code><Message>GET /b?sig=abc refused</Message></Error>", "HTTP 403 X")]
    fn the_reason_is_found_in_what_stores_send(#[case] status: u16, #[case] body: &str, #[case] shown: &str) {
        let answer = Answer::parse(status, body, None, None);
        assert_eq!(answer.shown(), shown);
        let within = format!("Error performing GET http://h/b in 1s - Server returned: {}: more", answer.encode());
        assert_eq!(Answer::find(&within).unwrap(), answer);
    }

    #[test]
    fn a_region_comes_from_the_body_or_the_header() {
        let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
        assert_eq!(Answer::parse(400, body, Some("x"), None).region.as_deref(), Some("eu-west-1"));
        assert_eq!(Answer::parse(301, "", Some("eu-north-1"), None).region.as_deref(), Some("eu-north-1"));
    }

    #[test]
    fn the_difference_of_the_clocks_is_taken_from_the_answer() {
        let body = "<Error><Code>RequestTimeTooSkewed</Code><RequestTime>20261125T120000Z</RequestTime>\
                    <ServerTime>2026-11-25T11:00:00Z</ServerTime></Error>";
        assert_eq!(Answer::parse(403, body, None, None).ahead_seconds, Some(3_600));
    }

    #[test]
    fn text_without_end_is_cut_and_text_without_an_answer_gives_none() {
        let body = format!("<Error><Code>{0}</Code><Message>{0}</Message></Error>", "x".repeat(60_000));
        assert!(Answer::parse(403, &body, None, None).shown().len() < 500);
        assert_eq!(Answer::find("HTTP error: connection reset"), None);
        assert_eq!(Answer::find("answer:{\"status\": -1"), None);
    }
}

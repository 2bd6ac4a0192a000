//! The two files of AWS profiles, `config` and `credentials`: from their text to properties of a store.
//!
//! What needs a program or a browser (`credential_process`, single sign-on) is refused by name.

use std::collections::{BTreeMap, BTreeSet};

/// Why a profile gives no properties.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProfileError {
    /// There is no such profile.
    #[error("AWS profile `{name}` is in neither file; there are: {known}")]
    Missing {
        /// The profile.
        name: String,
        /// Those there are.
        known: String,
    },
    /// The profile has a setting that cannot be followed.
    #[error(
        "AWS profile `{name}` has `{setting}`, which is not offered; get credentials with `aws configure \
         export-credentials --profile {name} --format env` and set the variables that it prints"
    )]
    Unsupported {
        /// The profile.
        name: String,
        /// The setting.
        setting: String,
    },
    /// Something that the profile needs is not there.
    #[error("AWS profile `{name}`: {detail}")]
    Incomplete {
        /// The profile.
        name: String,
        /// What is missing, and what to do.
        detail: String,
    },
}

/// Settings of one profile, nested ones as `s3.addressing_style`.
type Settings = BTreeMap<String, String>;

/// Settings that need another program, or a person.
const UNSUPPORTED: &[&str] =
    &["credential_process", "sso_session", "sso_start_url", "sso_account_id", "login_session", "mfa_serial"];

/// Settings and the properties that they are.
const PROPERTIES: &[(&str, &str)] = &[
    ("aws_access_key_id", "s3.access-key-id"),
    ("aws_secret_access_key", "s3.secret-access-key"),
    ("aws_session_token", "s3.session-token"),
    ("region", "client.region"),
    ("ca_bundle", "s3.ca-bundle"),
    ("role_arn", "s3.role-arn"),
    ("role_session_name", "s3.role-session-name"),
    ("external_id", "client.assume-role.external-id"),
    ("web_identity_token_file", "s3.web-identity-token-file"),
    ("endpoint_url", "s3.endpoint"),
    ("s3.endpoint_url", "s3.endpoint"),
];

/// Properties of a store by the profile `name`. `config` and `credentials` are the texts of the two files, empty if
/// there is none. `None` if the profile is `default` and neither file has it.
///
/// # Errors
/// [`ProfileError`] says which profile or setting is at fault.
pub(crate) fn properties(
    config: &str,
    credentials: &str,
    name: &str,
) -> Result<Option<BTreeMap<String, String>>, ProfileError> {
    let profiles = Profiles::parse(config, credentials);
    let Some(settings) = profiles.by_name.get(name) else {
        return if name == "default" { Ok(None) } else { Err(profiles.missing(name)) };
    };
    let is_keyed = settings.contains_key("aws_access_key_id");
    // Keys go first, as the AWS tools have it: then nothing has to be asked for.
    if !is_keyed && let Some(setting) = UNSUPPORTED.iter().find(|setting| settings.contains_key(**setting)) {
        return Err(ProfileError::Unsupported { name: name.to_owned(), setting: (*setting).to_owned() });
    }
    let mut properties = translate(settings);
    let source = (settings.get("source_profile"), settings.contains_key("web_identity_token_file"));
    match (settings.contains_key("role_arn"), source) {
        (true, (Some(source), false)) => properties.extend(profiles.keys_of_source(name, source)?),
        (true, (None, false)) => match settings.get("credential_source").map(String::as_str) {
            // The container's or the machine's are what is left if there are no keys.
            Some("Ec2InstanceMetadata" | "EcsContainer") => {}
            Some("Environment") | None if is_keyed => {}
            Some(other) => {
                let setting = format!("credential_source = {other}");
                return Err(ProfileError::Unsupported { name: name.to_owned(), setting });
            }
            None => {
                let detail = "`role_arn` needs `source_profile`, `credential_source` or `web_identity_token_file`";
                return Err(ProfileError::Incomplete { name: name.to_owned(), detail: detail.to_owned() });
            }
        },
        _ => {}
    }
    if settings.get("s3.addressing_style").is_some_and(|style| style == "path") {
        properties.insert("s3.path-style-access".to_owned(), "true".to_owned());
    }
    Ok(Some(properties))
}

fn translate(settings: &Settings) -> BTreeMap<String, String> {
    let known = PROPERTIES.iter().filter_map(|(setting, property)| Some((*property, settings.get(*setting)?)));
    // Of two for one property the later counts.
    known.map(|(property, value)| (property.to_owned(), value.clone())).collect()
}

struct Profiles {
    by_name: BTreeMap<String, Settings>,
}

impl Profiles {
    fn parse(config: &str, credentials: &str) -> Self {
        let mut by_name: BTreeMap<String, Settings> = BTreeMap::new();
        for (section, settings) in sections(config) {
            // In this file all but the default's have a word in front.
            let name = match section.split_once(char::is_whitespace) {
                Some(("profile", name)) => name.trim(),
                None if section == "default" => "default",
                _ => continue,
            };
            by_name.entry(name.trim_matches(['"', '\'']).to_owned()).or_default().extend(settings);
        }
        for (section, settings) in sections(credentials) {
            by_name.entry(section).or_default().extend(settings);
        }
        Self { by_name }
    }

    fn missing(&self, name: &str) -> ProfileError {
        let known: BTreeSet<&str> = self.by_name.keys().map(String::as_str).collect();
        let known = match known.len() {
            0 => "none".to_owned(),
            _ => known.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        };
        ProfileError::Missing { name: name.to_owned(), known }
    }

    /// The keys with which `name` takes on its role.
    fn keys_of_source(&self, name: &str, source: &str) -> Result<BTreeMap<String, String>, ProfileError> {
        let settings = self.by_name.get(source).ok_or_else(|| self.missing(source))?;
        let is_keyed = settings.contains_key("aws_access_key_id");
        let needs_more = UNSUPPORTED.iter().find(|setting| settings.contains_key(**setting));
        match needs_more {
            Some(setting) if !is_keyed => {
                return Err(ProfileError::Unsupported { name: source.to_owned(), setting: (*setting).to_owned() });
            }
            _ if source != name && settings.contains_key("role_arn") => {
                let setting = format!("source_profile = {source}, which takes on a role itself");
                return Err(ProfileError::Unsupported { name: name.to_owned(), setting });
            }
            _ if !is_keyed => {
                let detail = format!("its source_profile `{source}` has no aws_access_key_id");
                return Err(ProfileError::Incomplete { name: name.to_owned(), detail });
            }
            _ => {}
        }
        let keys = ["s3.access-key-id", "s3.secret-access-key", "s3.session-token"];
        Ok(translate(settings).into_iter().filter(|(property, _)| keys.contains(&property.as_str())).collect())
    }
}

/// Sections with their settings, in the order of the file. Lines that are none are left out, as the AWS tools do.
fn sections(text: &str) -> Vec<(String, Settings)> {
    let mut sections: Vec<(String, Settings)> = Vec::new();
    let mut parent: Option<String> = None;
    for line in text.trim_start_matches('\u{feff}').lines() {
        let is_indented = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            sections.push((section.trim().to_owned(), Settings::new()));
            parent = None;
            continue;
        }
        let (Some((_, settings)), Some((key, value))) = (sections.last_mut(), line.split_once('=')) else { continue };
        let (key, value) = (key.trim().to_ascii_lowercase(), without_comment(value).to_owned());
        match &parent {
            Some(parent) if is_indented => {
                settings.insert(format!("{parent}.{key}"), value);
            }
            _ if value.is_empty() => parent = Some(key),
            _ => {
                parent = None;
                settings.insert(key, value);
            }
        }
    }
    sections
}

/// A comment begins with a space and `#` or `;`: secrets may hold both characters.
fn without_comment(value: &str) -> &str {
    let end = [" #", " ;", "\t#", "\t;"].iter().filter_map(|start| value.find(start)).min();
    end.and_then(|end| value.get(..end)).unwrap_or(value).trim()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    const CONFIG: &str = "
# comment
[default]
region = eu-west-1
[profile dev]
region=us-east-2   # where it is
s3 =
    addressing_style = path
    endpoint_url = http://127.0.0.1:9000
output = json
[profile with-role]
role_arn = arn:aws:iam::1:role/r
source_profile = dev
external_id = x
[profile chained]
role_arn = arn:aws:iam::1:role/r2
source_profile = with-role
[profile web]
role_arn = arn:aws:iam::1:role/w
web_identity_token_file = /var/token
[profile process]
credential_process = /bin/x
[profile sso]
sso_session = s
sso_account_id = 1
[profile lonely]
role_arn = arn:aws:iam::1:role/l
[profile no-keys]
region = x
[profile on-no-keys]
role_arn = arn
source_profile = no-keys
[profile machine]
role_arn = arn
credential_source = Ec2InstanceMetadata
[sso-session s]
sso_start_url = https://x
";
    const CREDENTIALS: &str = "\u{feff}[default]\r\naws_access_key_id = AKD\r\naws_secret_access_key = se#cr;et=/+\r\n\
[dev]\naws_access_key_id=AKV\naws_secret_access_key=s2\naws_session_token = t==\n";

    fn read(name: &str) -> Result<BTreeMap<String, String>, ProfileError> {
        properties(CONFIG, CREDENTIALS, name).map(Option::unwrap)
    }

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn both_files_make_a_profile() {
        let expected = map(&[
            ("s3.access-key-id", "AKD"),
            ("s3.secret-access-key", "se#cr;et=/+"),
            ("client.region", "eu-west-1"),
        ]);
        assert_eq!(read("default").unwrap(), expected);
    }

    #[test]
    fn nested_settings_belong_to_their_service() {
        let expected = map(&[
            ("s3.access-key-id", "AKV"),
            ("s3.secret-access-key", "s2"),
            ("s3.session-token", "t=="),
            ("client.region", "us-east-2"),
            ("s3.endpoint", "http://127.0.0.1:9000"),
            ("s3.path-style-access", "true"),
        ]);
        assert_eq!(read("dev").unwrap(), expected);
    }

    #[test]
    fn a_role_is_taken_on_with_the_keys_of_another_profile_or_a_token_file() {
        let expected = map(&[
            ("s3.access-key-id", "AKV"),
            ("s3.secret-access-key", "s2"),
            ("s3.session-token", "t=="),
            ("s3.role-arn", "arn:aws:iam::1:role/r"),
            ("client.assume-role.external-id", "x"),
        ]);
        assert_eq!(read("with-role").unwrap(), expected);
        let expected = map(&[("s3.role-arn", "arn:aws:iam::1:role/w"), ("s3.web-identity-token-file", "/var/token")]);
        assert_eq!(read("web").unwrap(), expected);
        assert_eq!(read("machine").unwrap(), map(&[("s3.role-arn", "arn")]));
    }

    #[rstest]
    #[case("chained", "which takes on a role itself")]
    #[case("process", "`credential_process`")]
    #[case("sso", "`sso_session`")]
    #[case("lonely", "`role_arn` needs")]
    #[case("on-no-keys", "`no-keys` has no aws_access_key_id")]
    #[case("nobody", "is in neither file; there are: `chained`, `default`, ")]
    #[case("s", "is in neither file")]
    fn what_cannot_be_followed_is_named(#[case] name: &str, #[case] cause: &str) {
        let error = read(name).unwrap_err().to_string();
        assert!(error.contains(cause) && !error.contains("s2"), "{error}");
    }

    #[test]
    fn without_files_there_is_no_default_profile() {
        assert_eq!(properties("", "", "default"), Ok(None));
        assert!(properties("", "", "dev").unwrap_err().to_string().ends_with("there are: none"));
    }

    #[test]
    fn text_that_is_no_such_file_gives_nothing() {
        assert_eq!(properties("a = b\n[\n]=\n[default", "\0\u{1}=[", "default"), Ok(Some(BTreeMap::new())));
    }
}

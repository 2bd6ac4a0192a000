//! `[server]`: where `frazil serve` listens, who may connect, and what they may ask for.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use frazil_server::auth::Tokens;
use frazil_server::flight::tickets::Tickets;
use frazil_server::{Limits, ServeSettings, Tls};
use frazil_table::catalog::parse_duration;

use super::Environment;
use crate::args::parse_memory_limit;
use crate::error::CliError;

/// Settings of `[server]`.
pub(super) const KEYS: [&str; 11] = [
    "listen",
    "tls-certificate",
    "tls-key",
    "tls-client-ca",
    "tokens",
    "ticket-key",
    "ticket-time-to-live",
    "max-streams",
    "stream-memory-limit",
    "stall-timeout",
    "heartbeat-interval",
];

/// Bytes of a file with a certificate, tokens or a key, at most.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How the server is set up.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerSettings {
    listen: Option<SocketAddr>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    tls_client_ca: Option<PathBuf>,
    tokens: Option<PathBuf>,
    ticket_key: Option<PathBuf>,
    limits: Limits,
}

impl ServerSettings {
    /// Takes the value of one key; the error says what would be right.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let value = value.trim();
        let file = || match value {
            "" => Err("expected a file".to_owned()),
            path => Ok(Some(PathBuf::from(path))),
        };
        let duration = || {
            let time = parse_duration(value).filter(|time| !time.is_zero());
            time.ok_or_else(|| "not a duration above zero, such as 10s or 1h".to_owned())
        };
        match key {
            "listen" => {
                let address = value.parse().map_err(|_| "expected an address and a port, such as 127.0.0.1:7447")?;
                self.listen = Some(address);
            }
            "tls-certificate" => self.tls_certificate = file()?,
            "tls-key" => self.tls_key = file()?,
            "tls-client-ca" => self.tls_client_ca = file()?,
            "tokens" => self.tokens = file()?,
            "ticket-key" => self.ticket_key = file()?,
            "ticket-time-to-live" => self.limits.ticket_time_to_live = duration()?,
            "max-streams" => {
                let number = value.parse().ok().filter(|number| (1..=100_000).contains(number));
                self.limits.streams_max = number.ok_or("expected a number from 1 to 100000")?;
            }
            "stream-memory-limit" => self.limits.stream_memory_bytes = parse_memory_limit(value)?,
            "stall-timeout" => self.limits.stall_timeout = duration()?,
            "heartbeat-interval" => self.limits.heartbeat_interval = duration()?,
            _ => return Err("not a setting of this version".to_owned()),
        }
        Ok(())
    }

    /// Variables of the environment go over the file.
    pub(super) fn apply(&mut self, environment: &Environment) -> Result<(), CliError> {
        for key in KEYS {
            let variable = format!("FRAZIL_SERVER_{}", key.replace('-', "_").to_uppercase());
            if let Some(value) = environment.filled(&variable) {
                let wrong = |cause| CliError::Usage(format!("variable {variable}=`{value}` is wrong: {cause}"));
                self.set(key, value).map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// Where to listen, if that is set.
    pub(crate) fn listen(&self) -> Option<SocketAddr> {
        self.listen
    }

    /// What clients may ask for.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Reads certificates and tokens.
    ///
    /// # Errors
    /// [`CliError::Usage`] names the file that is missing or wrong.
    pub(crate) fn open(&self) -> Result<ServeSettings, CliError> {
        let tls = match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls {
                certificate: text("tls-certificate", certificate)?,
                key: text("tls-key", key)?,
                client_ca: self.tls_client_ca.as_deref().map(|path| text("tls-client-ca", path)).transpose()?,
            }),
            (None, None) if self.tls_client_ca.is_none() => None,
            _ => {
                return Err(CliError::Usage(
                    "[server] has a part of TLS only; set tls-certificate and tls-key".to_owned(),
                ));
            }
        };
        let tokens = match &self.tokens {
            None => None,
            Some(path) => {
                let tokens = Tokens::parse(&text("tokens", path)?);
                Some(tokens.map_err(|cause| wrong("tokens", path, &cause))?)
            }
        };
        Ok(ServeSettings { tls, tokens })
    }

    /// What signs tickets: the key of the settings, which all servers of a cluster share, else one of this process.
    ///
    /// # Errors
    /// [`CliError::Usage`] if the file is missing or wrong.
    pub(crate) fn tickets(&self) -> Result<Tickets, CliError> {
        let Some(path) = &self.ticket_key else {
            return Tickets::of_this_process()
                .ok_or_else(|| CliError::Internal("the system gives no random bytes".to_owned()));
        };
        let text = text("ticket-key", path)?;
        Tickets::parse(text.trim()).ok_or_else(|| {
            wrong("ticket-key", path, "it is no 64 hexadecimal digits; `openssl rand -hex 32` makes some")
        })
    }
}

fn text(key: &str, path: &Path) -> Result<String, CliError> {
    let size = fs::metadata(path).map_err(|error| wrong(key, path, &error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(wrong(key, path, "it is larger than 1 MiB"));
    }
    fs::read_to_string(path).map_err(|error| wrong(key, path, &error.to_string()))
}

fn wrong(key: &str, path: &Path, cause: &str) -> CliError {
    CliError::Usage(format!("[server] {key}=`{}` cannot be used: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("listen", "localhost", "expected an address and a port")]
    #[case("max-streams", "0", "expected a number from 1")]
    #[case("stall-timeout", "0s", "not a duration above zero")]
    #[case("tokens", "", "expected a file")]
    #[case("port", "1", "not a setting")]
    fn wrong_values_are_refused(#[case] key: &str, #[case] value: &str, #[case] expected: &str) {
        let error = ServerSettings::default().set(key, value).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn every_key_can_be_set_and_has_a_variable() {
        for key in KEYS {
            assert_ne!(
                ServerSettings::default().set(key, "?"),
                Err("not a setting of this version".to_owned()),
                "{key}"
            );
        }
        let mut settings = ServerSettings::default();
        let variables = [("FRAZIL_SERVER_MAX_STREAMS", "7"), ("FRAZIL_SERVER_LISTEN", "127.0.0.1:1")];
        settings.apply(&Environment::for_tests(&variables)).unwrap();
        assert_eq!((settings.limits().streams_max, settings.listen()), (7, "127.0.0.1:1".parse().ok()));
    }

    #[test]
    fn half_of_tls_is_refused() {
        let mut settings = ServerSettings::default();
        settings.set("tls-certificate", "a.pem").unwrap();
        assert!(settings.open().unwrap_err().line().contains("set tls-certificate and tls-key"));
    }
}

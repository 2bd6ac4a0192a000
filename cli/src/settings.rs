//! Settings of the program: defaults, below the file, below the environment, below the command's options.
//!
//! Catalogs also come from pyiceberg's settings, below all of these, so that a set-up that works there works here.

mod aws_profile;
mod cloud;
mod compaction;
mod environment;
mod file;
mod lock;
mod positions;
mod pyiceberg;
mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use frazil_table::catalog::{CatalogConfig, CatalogKind, is_secret, without_secrets};

pub(crate) use self::compaction::CompactionSettings;
pub(crate) use self::environment::Environment;
pub(crate) use self::lock::{LockKind, LockSettings};
pub(crate) use self::positions::PositionsSettings;
use self::pyiceberg::PyIceberg;
pub(crate) use self::server::ServerSettings;
use crate::args::GlobalArgs;
use crate::error::CliError;

const FILE: &str = "frazil.toml";
const VARIABLE_PREFIX: &str = "FRAZIL_";

/// A value, and where it was set.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) value: String,
    /// File and line, variable, or option.
    pub(crate) origin: String,
}

impl Setting {
    fn new(value: String, origin: String) -> Self {
        Self { value, origin }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name is not known here, so any value may be a secret.
        write!(formatter, "*** from {}", self.origin)
    }
}

/// Settings by name.
pub(crate) type Properties = BTreeMap<String, Setting>;

/// All that is set outside of the command's own options.
#[derive(Debug)]
pub(crate) struct Settings {
    environment: Environment,
    file: file::FileSettings,
    /// The settings file in use.
    pub(crate) file_path: Option<PathBuf>,
    reader: file::ReaderSettings,
    lock: LockSettings,
    positions: PositionsSettings,
    server: ServerSettings,
    compaction: CompactionSettings,
    cloud: BTreeMap<String, String>,
}

/// Catalogs by name.
#[derive(Debug, Default)]
pub(crate) struct Catalogs {
    by_name: BTreeMap<String, Properties>,
    /// The one meant where none is named and there are several.
    default: Option<String>,
    /// pyiceberg's file, if it was read.
    pub(crate) pyiceberg_path: Option<PathBuf>,
}

impl Settings {
    /// Reads the settings file and the environment.
    ///
    /// # Errors
    /// [`CliError::Usage`] with what is wrong and where.
    pub(crate) fn load(global: &GlobalArgs) -> Result<Self, CliError> {
        let environment = Environment::of_program();
        let (file_path, text) = match find_file(global, &environment)? {
            Some((path, text)) => (Some(path), text),
            None => (None, String::new()),
        };
        let name = file_path.as_deref().unwrap_or(Path::new(FILE)).display().to_string();
        let file = file::parse(&text, &name, &environment)?;
        let mut reader = file.reader;
        for (variable, key) in
            [("FRAZIL_MEMORY_LIMIT", "memory-limit"), ("FRAZIL_MONITOR_INTERVAL", "monitor-interval")]
        {
            if let Some(value) = environment.filled(variable) {
                let wrong = |cause| CliError::Usage(format!("variable {variable}=`{value}` is wrong: {cause}"));
                reader.set(key, value).map_err(wrong)?;
            }
        }
        let mut lock = file.lock.clone();
        lock.apply(&environment)?;
        let mut positions = file.positions.clone();
        positions.apply(&environment)?;
        let mut server = file.server.clone();
        server.apply(&environment)?;
        let mut compaction = file.compaction.clone();
        compaction.apply(&environment)?;
        let cloud = cloud::merged(&aws_profile(&environment), &cloud::properties(&environment));
        Ok(Self { environment, file, file_path, reader, lock, positions, server, compaction, cloud })
    }

    /// How tables are read.
    pub(crate) fn reader(&self) -> file::ReaderSettings {
        self.reader
    }

    /// How tables are locked.
    pub(crate) fn lock(&self) -> &LockSettings {
        &self.lock
    }

    /// Where consumer groups are kept.
    pub(crate) fn positions(&self) -> &PositionsSettings {
        &self.positions
    }

    /// How `frazil serve` is set up.
    pub(crate) fn server(&self) -> &ServerSettings {
        &self.server
    }

    /// Which tables are compacted by schedule, and how.
    pub(crate) fn compaction(&self) -> &CompactionSettings {
        &self.compaction
    }

    /// The standard variables of clouds, and properties given as options, for paths that no catalog gave.
    ///
    /// # Errors
    /// [`CliError::Usage`] if an option is no `key=value`.
    pub(crate) fn storage_properties(&self, global: &GlobalArgs) -> Result<BTreeMap<String, String>, CliError> {
        let own = option_properties(global)?;
        Ok(cloud::merged(&self.cloud, &own.into_iter().map(|(name, setting)| (name, setting.value)).collect()))
    }

    /// What an option says.
    pub(crate) fn option(name: &str, value: &str) -> Setting {
        Setting::new(value.to_owned(), name.to_owned())
    }

    /// All catalogs, also those of pyiceberg.
    ///
    /// # Errors
    /// [`CliError::Usage`] with what is wrong and where.
    pub(crate) fn catalogs(&self) -> Result<Catalogs, CliError> {
        let (pyiceberg_path, mut pyiceberg) = match self.find_pyiceberg()? {
            Some((path, text)) => {
                let settings = pyiceberg::parse(&text, &path.display().to_string())?;
                (Some(path), settings)
            }
            None => (None, PyIceberg::default()),
        };
        pyiceberg::apply_environment(&mut pyiceberg, &self.environment);
        let default = self.environment.filled("FRAZIL_CATALOG").map(str::to_owned).or(pyiceberg.default_catalog);
        Ok(combined(pyiceberg.catalogs, &self.file.catalogs, &self.environment, default, pyiceberg_path))
    }

    /// Where pyiceberg looks, in its order.
    fn find_pyiceberg(&self) -> Result<Option<(PathBuf, String)>, CliError> {
        let named = self.environment.filled("PYICEBERG_HOME").map(PathBuf::from);
        let folders = [named, self.environment.home(), Some(PathBuf::new())];
        for path in folders.into_iter().flatten().map(|folder| folder.join(pyiceberg::FILE)) {
            if let Some(text) = environment::read(&path).map_err(|error| unreadable(&path, &error))? {
                return Ok(Some((path, text)));
            }
        }
        Ok(None)
    }

    /// What a catalog is told: its own properties, over the standard variables of clouds.
    ///
    /// # Errors
    /// [`CliError::Usage`] if its type is not given and its address does not tell it; else as
    /// [`CatalogKind::parse`].
    pub(crate) fn config(&self, name: &str, properties: &Properties) -> Result<CatalogConfig, CliError> {
        let kind = kind(name, properties)?;
        let own = properties.iter().map(|(name, setting)| (name.clone(), setting.value.clone())).collect();
        Ok(CatalogConfig { name: name.to_owned(), kind, properties: cloud::merged(&self.cloud, &own) })
    }
}

impl Catalogs {
    /// Names of all catalogs.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.by_name.keys().map(String::as_str).collect()
    }

    /// A catalog by its name, whatever its case.
    pub(crate) fn get(&self, name: &str) -> Option<(&str, &Properties)> {
        let exact = self.by_name.get_key_value(name);
        let found = exact.or_else(|| self.by_name.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)));
        found.map(|(name, properties)| (name.as_str(), properties))
    }

    /// The catalog meant where none is named: the default, else the only one, else the one named `default`.
    ///
    /// # Errors
    /// [`CliError::Usage`] if the default is not there.
    pub(crate) fn unnamed(&self) -> Result<Option<(&str, &Properties)>, CliError> {
        if let Some(default) = &self.default {
            return match self.get(default) {
                Some(found) => Ok(Some(found)),
                None => Err(CliError::Usage(format!(
                    "the default catalog `{default}` is not in the settings; configured are: {}",
                    self.names().join(", ")
                ))),
            };
        }
        match self.by_name.first_key_value() {
            Some((name, properties)) if self.by_name.len() == 1 => Ok(Some((name, properties))),
            _ => Ok(self.get("default")),
        }
    }

    /// The catalog that the options name, else all; options go over the settings. One of which only the address is given
    /// is called `unnamed`.
    ///
    /// # Errors
    /// [`CliError::Usage`] if the settings do not have it, or an option is no `key=value`.
    pub(crate) fn chosen(&self, global: &GlobalArgs, unnamed: &str) -> Result<Vec<(String, Properties)>, CliError> {
        let own = option_properties(global)?;
        let with_own = |name: &str, properties: &Properties| {
            let mut properties = properties.clone();
            properties.extend(own.clone());
            (name.to_owned(), properties)
        };
        if let Some(uri) = &global.catalog_uri {
            let name = global.catalog.as_deref().unwrap_or(unnamed);
            let configured = self.get(name).map(|(_, properties)| properties.clone()).unwrap_or_default();
            let (name, mut properties) = with_own(name, &configured);
            properties.insert("uri".to_owned(), Settings::option("--catalog-uri", uri));
            return Ok(vec![(name, properties)]);
        }
        match &global.catalog {
            None => Ok(self.iter().map(|(name, properties)| with_own(name, properties)).collect()),
            Some(name) => match self.get(name) {
                Some((name, properties)) => Ok(vec![with_own(name, properties)]),
                None => Err(self.unknown(name)),
            },
        }
    }

    /// The error for a name that the settings do not have.
    pub(crate) fn unknown(&self, name: &str) -> CliError {
        let names = self.names();
        CliError::Usage(if names.is_empty() {
            format!(
                "catalog `{name}` is not in the settings, which have none; add [catalog.{name}] to frazil.toml, or pass \
                 --catalog-uri"
            )
        } else {
            format!("catalog `{name}` is not in the settings; configured are: {}", names.join(", "))
        })
    }

    /// Catalogs with these names, each at `http://NAME`.
    #[cfg(test)]
    pub(crate) fn for_tests(names: &[&str]) -> Self {
        let properties = |name: &str| {
            Properties::from([("uri".to_owned(), Setting::new(format!("http://{name}"), "test".to_owned()))])
        };
        let by_name = names.iter().map(|name| ((*name).to_owned(), properties(name))).collect();
        Self { by_name, ..Self::default() }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Properties)> {
        self.by_name.iter().map(|(name, properties)| (name.as_str(), properties))
    }
}

/// The properties given as options.
///
/// # Errors
/// [`CliError::Usage`] if one is no `key=value`.
pub(crate) fn option_properties(global: &GlobalArgs) -> Result<Properties, CliError> {
    let parse = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), Setting::new(value.to_owned(), "--property".to_owned())))
        }
        // It may be a secret without its name.
        _ => Err(CliError::Usage("--property takes key=value, such as s3.endpoint=http://host:9000".to_owned())),
    };
    global.property.iter().map(parse).collect()
}

/// What a setting may be shown as.
pub(crate) fn shown(name: &str, setting: &Setting) -> String {
    if is_secret(name) { "***".to_owned() } else { without_secrets(&setting.value) }
}

fn kind(name: &str, properties: &Properties) -> Result<CatalogKind, CliError> {
    let value = |key: &str| properties.get(key).map(|setting| setting.value.trim()).filter(|value| !value.is_empty());
    for key in ["py-catalog-impl", "catalog-impl"] {
        if let (Some(class), None) = (value(key), value("type")) {
            return Err(CliError::Usage(format!(
                "catalog `{name}` is of the class `{class}`, which cannot be loaded; set `type` to one of {}",
                CatalogKind::NAMES.join(", ")
            )));
        }
    }
    if let Some(kind) = value("type") {
        return Ok(CatalogKind::parse(kind, name)?);
    }
    let by_uri = value("uri").and_then(CatalogKind::of_uri);
    by_uri.or_else(|| value("warehouse").filter(|_| value("uri").is_none()).map(|_| CatalogKind::Path)).ok_or_else(
        || {
            CliError::Usage(format!(
                "catalog `{name}` has no `type`, and its `uri` does not tell one; set `type` to one of {}",
                CatalogKind::NAMES.join(", ")
            ))
        },
    )
}

/// Catalogs of pyiceberg, those of the settings file in place of them, and variables over both.
fn combined(
    pyiceberg: BTreeMap<String, Properties>,
    file: &BTreeMap<String, Properties>,
    environment: &Environment,
    default: Option<String>,
    pyiceberg_path: Option<PathBuf>,
) -> Catalogs {
    let mut by_name = file.clone();
    for (name, properties) in pyiceberg {
        if !by_name.keys().any(|known| known.eq_ignore_ascii_case(&name)) {
            by_name.insert(name, properties);
        }
    }
    for (variable, value) in environment.with_prefix(VARIABLE_PREFIX) {
        let named = variable.get(VARIABLE_PREFIX.len()..).and_then(pyiceberg::property);
        let Some((catalog, key)) = named else { continue };
        let same = |known: &&String| known.to_lowercase().replace('_', "-") == catalog;
        let name = by_name.keys().find(same).cloned().unwrap_or(catalog);
        by_name.entry(name).or_default().insert(key, Setting::new(value.to_owned(), variable.to_owned()));
    }
    Catalogs { by_name, default, pyiceberg_path }
}

/// The settings file: the one named must be there, others may.
fn find_file(global: &GlobalArgs, environment: &Environment) -> Result<Option<(PathBuf, String)>, CliError> {
    let named = match (&global.config, environment.filled("FRAZIL_CONFIG")) {
        (Some(path), _) => Some((path.clone(), "--config")),
        (None, Some(path)) => Some((PathBuf::from(path), "FRAZIL_CONFIG")),
        (None, None) => None,
    };
    if let Some((path, by)) = named {
        return match environment::read(&path).map_err(|error| unreadable(&path, &error))? {
            Some(text) => Ok(Some((path, text))),
            None => Err(CliError::Usage(format!("there is no settings file {}, which {by} names", path.display()))),
        };
    }
    let in_config = environment.config_folder().map(|folder| folder.join("frazil").join(FILE));
    for path in [Some(PathBuf::from(FILE)), in_config].into_iter().flatten() {
        if let Some(text) = environment::read(&path).map_err(|error| unreadable(&path, &error))? {
            return Ok(Some((path, text)));
        }
    }
    Ok(None)
}

/// Properties of the AWS profile in use. A profile that cannot be used concerns those only who read from S3, and
/// they are told by the store that they have no credentials; so it is a warning here.
fn aws_profile(environment: &Environment) -> BTreeMap<String, String> {
    let named = environment.filled("AWS_PROFILE").or_else(|| environment.filled("AWS_DEFAULT_PROFILE"));
    let text = |variable: &str, name: &str| {
        let folder = || environment.home().map(|home| home.join(".aws").join(name));
        let path = environment.filled(variable).map(PathBuf::from).or_else(folder);
        let text = path.as_deref().map(environment::read).transpose();
        text.map(|text| text.flatten().unwrap_or_default()).map_err(|error| error.to_string())
    };
    let found = text("AWS_CONFIG_FILE", "config").and_then(|config| {
        let credentials = text("AWS_SHARED_CREDENTIALS_FILE", "credentials")?;
        aws_profile::properties(&config, &credentials, named.unwrap_or("default")).map_err(|error| error.to_string())
    });
    match found {
        Ok(properties) => properties.unwrap_or_default(),
        Err(error) if named.is_some() => {
            tracing::warn!(%error, "AWS profile is not used");
            BTreeMap::new()
        }
        Err(error) => {
            tracing::debug!(%error, "AWS profile is not used");
            BTreeMap::new()
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::Usage(format!("settings file {} cannot be read: {error}; correct or remove it", path.display()))
}

#[cfg(test)]
mod tests;

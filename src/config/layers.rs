//! The layers of the settings, and the errors of a setting.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};
use secrecy::SecretString;
use serde::de::{DeserializeOwned, Deserializer, Error, SeqAccess, Unexpected, Visitor};

/// A setting that cannot be used: its name and the rule that it breaks, never its value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {rule}")]
pub struct ConfigError {
    /// `setting http.listen`, or the settings file.
    setting: String,
    rule: Cow<'static, str>,
}

impl ConfigError {
    /// An error of one setting, named by its path in the file.
    #[must_use]
    pub fn new(setting: impl Into<String>, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { setting: format!("setting {}", setting.into()), rule: rule.into() }
    }

    /// An error of the whole settings file.
    fn file(path: &Path, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { setting: format!("the settings file {}", path.display()), rule: rule.into() }
    }
}

impl From<figment::Error> for ConfigError {
    /// Takes the path and the kind only, because figment's own text contains the value.
    fn from(error: figment::Error) -> Self {
        let mut setting = error.path.join(".");
        let rule = match &error.kind {
            Kind::UnknownField(name, _) => {
                let known = setting.rsplit('.').next() == Some(name);
                if !known {
                    setting = [setting.as_str(), name]
                        .iter()
                        .filter(|part| !part.is_empty())
                        .copied()
                        .collect::<Vec<_>>()
                        .join(".");
                }
                Cow::Borrowed("is not a known setting: check its spelling")
            }
            Kind::InvalidType(_, wanted) | Kind::InvalidValue(_, wanted) => {
                Cow::Owned(format!("must be {}", in_words(wanted)))
            }
            Kind::UnknownVariant(_, known) => Cow::Owned(format!("must be one of {}", known.join(", "))),
            // The rules of this service begin like this. A library's message is not repeated, because it may contain
            // the value.
            Kind::Message(rule) if rule.starts_with("must ") => Cow::Owned(rule.clone()),
            _ => Cow::Borrowed("has an invalid value"),
        };
        Self::new(setting, rule)
    }
}

/// The words for a type of Rust, by which serde names what it wants.
fn in_words(wanted: &str) -> &str {
    match wanted {
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, and not negative",
        "a boolean" => "true or false",
        "a string" | "string" => "a text",
        "path string" => "a path",
        "a sequence" => "a list",
        "a map" => "a section",
        _ if wanted.starts_with("struct ") => "a section with settings, and not a value",
        _ if wanted.starts_with("enum ") => "one of the words of this setting",
        _ => wanted,
    }
}

/// The settings of all layers: the defaults, the file, and the environment.
pub(super) fn merge<T: DeserializeOwned>(
    file: Option<&Path>,
    environment: Vec<(String, String)>,
) -> Result<T, ConfigError> {
    let mut figment = Figment::new();
    if let Some(text) = text_of(file)? {
        let dict = <Toml as Format>::from_str::<Dict>(&text).map_err(|error| {
            let line =
                error.span().map_or(0, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
            ConfigError::file(file.unwrap_or(Path::new(USUAL)), format!("line {} is not valid TOML", line + 1))
        })?;
        figment = figment.merge(Serialized::defaults(dict));
    }
    figment = figment.merge(Serialized::defaults(nested(environment, sections::<T>())?));
    Ok(figment.extract_lossy()?)
}

/// The settings file that is read if it exists.
const USUAL: &str = "lethe.toml";

/// The words for a file that cannot be read.
pub(super) fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        kind => kind.to_string(),
    }
}

fn text_of(file: Option<&Path>) -> Result<Option<String>, ConfigError> {
    let path = file.unwrap_or(Path::new(USUAL));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ConfigError::file(path, format!("cannot be read: {}", words(&error)))),
    }
}

/// The names of a type's fields, as serde tells them to a text with an unknown one.
fn sections<T: DeserializeOwned>() -> &'static [&'static str] {
    match Figment::from(Serialized::default("?", "")).extract::<T>().map_err(|error| error.kind) {
        Err(Kind::UnknownField(_, known)) => known,
        _ => &[],
    }
}

/// Whether this is the rest of a variable that Kubernetes sets for a service, such as `LETHE_AUDIT_SERVICE_HOST`.
fn is_service_link(rest: &str) -> bool {
    ["port", "service_host", "service_port"].contains(&rest)
        || rest.starts_with("port_")
        || rest.starts_with("service_port_")
}

/// The environment as sections. A name without `__` is not a setting, except the data folder, because Kubernetes sets
/// `LETHE_PORT` for a service called lethe. A section's name with one underscore only is an error.
fn nested(environment: Vec<(String, String)>, sections: &[&str]) -> Result<Dict, ConfigError> {
    let mut root = Dict::new();
    for (name, value) in environment {
        let Some(path) = name.strip_prefix("LETHE_").map(str::to_ascii_lowercase) else { continue };
        let parts: Vec<&str> = path.split("__").collect();
        match parts.as_slice() {
            ["data_dir"] => {}
            [word] => {
                let rest = |section| word.strip_prefix(section).and_then(|rest: &str| rest.strip_prefix('_'));
                let slipped = sections.iter().filter_map(rest).any(|rest| !is_service_link(rest));
                if slipped {
                    return Err(ConfigError::new(name, "must have two underscores between its section and its name"));
                }
                continue;
            }
            _ => {}
        }
        insert(&mut root, &parts, value);
    }
    Ok(root)
}

fn insert(dict: &mut Dict, path: &[&str], value: String) {
    match path {
        [] => {}
        [name] => {
            dict.insert((*name).to_owned(), Value::from(value));
        }
        [section, rest @ ..] => {
            let inner = dict.entry((*section).to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Reads a secret from the file that its twin names.
pub(super) fn twin(setting: &str, secret: &mut Option<SecretString>, file: Option<&Path>) -> Result<(), ConfigError> {
    let Some(file) = file else { return Ok(()) };
    if secret.is_some() {
        return Err(ConfigError::new(setting, format!("must not be set together with {setting}_file")));
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| ConfigError::new(format!("{setting}_file"), format!("cannot be read: {}", words(&error))))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(ConfigError::new(format!("{setting}_file"), "must not name an empty file"));
    }
    *secret = Some(text.into());
    Ok(())
}

/// A list of words: an array in the file, or words with commas between them in the environment.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Words;

    impl<'de> Visitor<'de> for Words {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of words")
        }

        fn visit_str<E>(self, words: &str) -> Result<Vec<String>, E> {
            Ok(words.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<Vec<String>, A::Error> {
            let mut list = Vec::new();
            while let Some(word) = words.next_element()? {
                list.push(word);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_any(Words)
}

/// An IP address with a port.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    struct ListenAddress;

    impl Visitor<'_> for ListenAddress {
        type Value = SocketAddr;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an IP address and a port, such as 127.0.0.1:8080 or [::]:8080")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<SocketAddr, E> {
            text.trim().parse().map_err(|_| E::invalid_value(Unexpected::Other("text"), &self))
        }
    }

    deserializer.deserialize_any(ListenAddress)
}

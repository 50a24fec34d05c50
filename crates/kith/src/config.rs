//! Configuration: one list of settings, each by file, environment and flag. The flag wins, then the environment, then the
//! file, then the default. `kith config` prints this list.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use kith_trust::{KeyConfig, Secret};
use serde::Deserialize;

use crate::cli::Global;

/// One setting, documented once.
pub struct Setting {
    pub key: &'static str,
    pub variable: &'static str,
    pub flag: &'static str,
    pub default: &'static str,
    pub what: &'static str,
}

/// Every setting there is.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "data",
        variable: "KITH_DATA",
        flag: "--data DIR",
        default: "./kith-data",
        what: "Folder of the record: the SQLite database, the notices sent, and by default keys and checkpoints.",
    },
    Setting {
        key: "listen",
        variable: "KITH_LISTEN",
        flag: "--listen ADDRESS",
        default: "127.0.0.1:8080",
        what: "Address and port that `serve` and `demo` listen on.",
    },
    Setting {
        key: "agreements",
        variable: "KITH_AGREEMENTS",
        flag: "--agreements DIR",
        default: "built in",
        what: "Folder of sharing agreements (*.cedar) used instead of the built-in one.",
    },
    Setting {
        key: "content",
        variable: "KITH_CONTENT",
        flag: "--content DIR",
        default: "built in",
        what: "Folder of pathways and vocabularies used instead of the built-in ones.",
    },
    Setting {
        key: "keys",
        variable: "KITH_KEYS",
        flag: "--keys DIR",
        default: "keys in the data folder",
        what: "Folder of key files, made at the first start for its owner alone. Better on another disk than the record.",
    },
    Setting {
        key: "checkpoints",
        variable: "KITH_CHECKPOINTS",
        flag: "--checkpoints DIR",
        default: "the data folder",
        what: "Folder that signed checkpoints of the audit chain are written to. Better on another machine.",
    },
    Setting {
        key: "-",
        variable: "KITH_MASTER_KEY",
        flag: "none: a secret",
        default: "a file in keys",
        what: "Master key of attachments, 64 hexadecimal digits; KITH_MASTER_KEY_FILE names a file of it instead.",
    },
    Setting {
        key: "-",
        variable: "KITH_MASTER_KEY_PREVIOUS",
        flag: "none: a secret",
        default: "none",
        what: "Master key used before, until `kith keys rotate` is done; KITH_MASTER_KEY_PREVIOUS_FILE likewise.",
    },
    Setting {
        key: "-",
        variable: "KITH_AUDIT_KEY",
        flag: "none: a secret",
        default: "a file in keys",
        what: "Key that signs checkpoints of the audit (an Ed25519 seed, 64 hexadecimal digits); KITH_AUDIT_KEY_FILE likewise.",
    },
    Setting {
        key: "tls",
        variable: "KITH_TLS",
        flag: "--tls",
        default: "false",
        what: "Kith stands behind a proxy that speaks TLS: cookies are Secure and HSTS is sent.",
    },
    Setting {
        key: "public_url",
        variable: "KITH_PUBLIC_URL",
        flag: "--public-url URL",
        default: "none",
        what: "Where browsers reach this site, such as https://kith.example.nhs.uk: needed for signing in with a provider and for SMART apps.",
    },
    Setting {
        key: "people_issuer",
        variable: "KITH_PEOPLE_ISSUER",
        flag: "--people-issuer URL",
        default: "none",
        what: "The OpenID provider for people, speaking as NHS login does, with people_client and people_key.",
    },
    Setting {
        key: "people_client",
        variable: "KITH_PEOPLE_CLIENT",
        flag: "--people-client ID",
        default: "none",
        what: "This site's client id at the provider for people.",
    },
    Setting {
        key: "people_key",
        variable: "KITH_PEOPLE_KEY",
        flag: "--people-key FILE",
        default: "none",
        what: "File with this site's RSA private key (PKCS#8, PEM) or client secret at the provider for people.",
    },
    Setting {
        key: "staff_issuer",
        variable: "KITH_STAFF_ISSUER",
        flag: "--staff-issuer URL",
        default: "none",
        what: "The OpenID provider for staff, speaking as NHS Care Identity (CIS2) does, with staff_client and staff_key.",
    },
    Setting {
        key: "staff_client",
        variable: "KITH_STAFF_CLIENT",
        flag: "--staff-client ID",
        default: "none",
        what: "This site's client id at the provider for staff.",
    },
    Setting {
        key: "staff_key",
        variable: "KITH_STAFF_KEY",
        flag: "--staff-key FILE",
        default: "none",
        what: "File with this site's RSA private key (PKCS#8, PEM) or client secret at the provider for staff.",
    },
    Setting {
        key: "accounts",
        variable: "KITH_ACCOUNTS",
        flag: "--accounts",
        default: "false",
        what: "People and staff may sign in with accounts of this site (`kith account add`): a password and a code from an app.",
    },
    Setting {
        key: "durable",
        variable: "KITH_DURABLE",
        flag: "--durable BOOL",
        default: "true",
        what: "Wait for the disk at every commit, so that a power cut loses nothing.",
    },
    Setting {
        key: "log",
        variable: "KITH_LOG",
        flag: "--log FILTER",
        default: "warn,kith=info",
        what: "What is logged, as tracing filters: never a name, an NHS number or free text.",
    },
];

/// What the configuration file may hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    listen: Option<String>,
    agreements: Option<PathBuf>,
    content: Option<PathBuf>,
    keys: Option<PathBuf>,
    checkpoints: Option<PathBuf>,
    tls: Option<bool>,
    public_url: Option<String>,
    people_issuer: Option<String>,
    people_client: Option<String>,
    people_key: Option<PathBuf>,
    staff_issuer: Option<String>,
    staff_client: Option<String>,
    staff_key: Option<PathBuf>,
    accounts: Option<bool>,
    durable: Option<bool>,
    log: Option<String>,
}

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Config {
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub agreements: Option<PathBuf>,
    pub content: Option<PathBuf>,
    /// Where secrets come from; shows nothing of them.
    pub keys: KeyConfig,
    pub checkpoints: Option<PathBuf>,
    pub tls: bool,
    /// Without a slash at the end.
    pub public_url: Option<String>,
    pub people_login: Option<ProviderConfig>,
    pub staff_login: Option<ProviderConfig>,
    pub accounts: bool,
    pub durable: bool,
    pub log: String,
}

/// An OpenID provider and this site as its client.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    pub issuer: String,
    pub client: String,
    /// File with the private key or secret.
    pub key: PathBuf,
}

/// All three parts of a provider, or none of them.
fn whole(
    whom: &str,
    issuer: Option<String>,
    client: Option<String>,
    key: Option<PathBuf>,
) -> anyhow::Result<Option<ProviderConfig>> {
    match (issuer, client, key) {
        (None, None, None) => Ok(None),
        (Some(issuer), Some(client), Some(key)) => Ok(Some(ProviderConfig { issuer, client, key })),
        _ => bail!("{whom}_issuer, {whom}_client and {whom}_key belong together: give all three or none"),
    }
}

impl Config {
    /// Flags and environment have been read by clap; the file fills what they leave open.
    pub fn resolve(global: &Global) -> anyhow::Result<Self> {
        let file = match &global.config {
            Some(path) => read(path)?,
            None if Path::new("kith.toml").exists() => read(Path::new("kith.toml"))?,
            None => File::default(),
        };
        let listen = global.listen.clone().or(file.listen).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        Ok(Self {
            data: global.data.clone().or(file.data).unwrap_or_else(|| PathBuf::from("kith-data")),
            listen: listen
                .replace("localhost", "127.0.0.1")
                .parse()
                .with_context(|| "listen must be an address and a port, such as 127.0.0.1:8080".to_owned())?,
            agreements: global.agreements.clone().or(file.agreements),
            content: global.content.clone().or(file.content),
            keys: KeyConfig {
                folder: global.keys.clone().or(file.keys),
                signing: secret("KITH_AUDIT_KEY")?,
                master: secret("KITH_MASTER_KEY")?,
                previous: secret("KITH_MASTER_KEY_PREVIOUS")?.into_iter().collect(),
            },
            checkpoints: global.checkpoints.clone().or(file.checkpoints),
            tls: global.tls || file.tls.unwrap_or(false),
            public_url: public_url(global.public_url.clone().or(file.public_url))?,
            people_login: whole(
                "people",
                global.people_issuer.clone().or(file.people_issuer),
                global.people_client.clone().or(file.people_client),
                global.people_key.clone().or(file.people_key),
            )?,
            staff_login: whole(
                "staff",
                global.staff_issuer.clone().or(file.staff_issuer),
                global.staff_client.clone().or(file.staff_client),
                global.staff_key.clone().or(file.staff_key),
            )?,
            accounts: global.accounts || file.accounts.unwrap_or(false),
            durable: global.durable.or(file.durable).unwrap_or(true),
            log: global.log.clone().or(file.log).unwrap_or_else(|| "warn,kith=info".to_owned()),
        })
    }
}

fn public_url(given: Option<String>) -> anyhow::Result<Option<String>> {
    let Some(url) = given else { return Ok(None) };
    let bare = url.trim_end_matches('/').to_owned();
    let named = bare.strip_prefix("https://").or_else(|| bare.strip_prefix("http://"));
    let good = named.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', ' ']));
    anyhow::ensure!(good, "public_url must be a scheme and a host, such as https://kith.example.nhs.uk");
    Ok(Some(bare))
}

/// A secret from the environment, or from the file that `<name>_FILE` names. It is not a flag: other users of the machine see
/// the arguments of every process. No error shows any of it.
fn secret(name: &str) -> anyhow::Result<Option<Secret>> {
    let text = match (std::env::var_os(name), std::env::var_os(format!("{name}_FILE"))) {
        (Some(_), Some(_)) => bail!("give {name} or {name}_FILE, not both"),
        (Some(text), None) => text.into_string().map_err(|_| anyhow::anyhow!("{name} is not text"))?,
        (None, Some(path)) => std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the file that {name}_FILE names, {}", Path::new(&path).display()))?,
        (None, None) => return Ok(None),
    };
    Secret::parse(&text).map(Some).map_err(|_| anyhow::anyhow!("{name} must have 64 hexadecimal digits"))
}

fn read(path: &Path) -> anyhow::Result<File> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    match toml::from_str(&text) {
        Ok(file) => Ok(file),
        Err(error) => bail!("{}: {error}\nhint: `kith config` lists the settings there are", path.display()),
    }
}

/// The list of settings as a table for people.
pub fn describe() -> String {
    let mut out =
        String::from("Settings, by file (kith.toml or --config FILE), environment and flag; the flag wins.\n\n");
    for s in SETTINGS {
        out.push_str(&format!(
            "{:<13} {}\n              environment {}, flag {}, default {}\n\n",
            s.key, s.what, s.variable, s.flag, s.default
        ));
    }
    out
}

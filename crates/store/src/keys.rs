//! The secrets of one place, kept outside the database: the key that signs checkpoints of the audit chain, and the master
//! keys that wrap the keys of attachments. They come from the environment or from a folder of files that only Kith's own
//! user may read; they are never printed, logged or put into an error.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::{Digest, Sha256};

use crate::model::StoreError;
use crate::sqlite::hex;

/// 32 secret bytes. Shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// New, from the system's randomness.
    pub fn random() -> Result<Self, StoreError> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| StoreError::Key("there is no randomness to make one of".into()))?;
        Ok(Self(bytes))
    }

    /// 64 hexadecimal digits, spaces around them ignored. The error does not say what was given.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let text = text.trim();
        let wrong = || StoreError::Key("it must have 64 hexadecimal digits".into());
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }

    /// The bytes: for ciphers alone.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn text(&self) -> String {
        hex(&self.0)
    }
}

/// Where the keys come from. A key that is given is used; one that is not is read from the folder, and made there if need be.
#[derive(Debug, Clone, Default)]
pub struct KeyConfig {
    /// Folder of key files; `keys` in the data folder if `None`. Better on another disk than the database.
    pub folder: Option<PathBuf>,
    /// Signs checkpoints (an Ed25519 seed).
    pub signing: Option<Secret>,
    /// Wraps the keys of attachments.
    pub master: Option<Secret>,
    /// Master keys used before, until `kith keys rotate` has wrapped everything anew.
    pub previous: Vec<Secret>,
}

/// A master key, and the name it goes by: the first 16 digits of a hash of it, which tell nothing of it.
struct Master {
    name: String,
    key: RandomizedNonceKey,
}

impl Master {
    fn of(secret: &Secret) -> Result<Self, StoreError> {
        let mut hash = Sha256::new();
        hash.update(b"kith master key");
        hash.update(secret.0);
        let key = RandomizedNonceKey::new(&AES_256_GCM, &secret.0)
            .map_err(|_| StoreError::Key("a master key cannot be used".into()))?;
        Ok(Self { name: hex(&hash.finalize()[..8]), key })
    }
}

/// The key that signs, and its public part.
struct Signing {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl Signing {
    fn of(seed: &Secret) -> Result<Self, StoreError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed.0)
            .map_err(|_| StoreError::Key("the signing key cannot be used".into()))?;
        let public = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| StoreError::Key("the signing key has no public part".into()))?;
        Ok(Self { pair, public })
    }
}

/// The keys in use.
pub struct Keys {
    signing: RwLock<Signing>,
    /// File of the signing key; `None` where it was given.
    signing_file: Option<PathBuf>,
    /// Newest last.
    masters: RwLock<Vec<Arc<Master>>>,
    /// Where master keys are read from anew when one is not known; `None` where they were given.
    folder: Option<PathBuf>,
}

const SIGNING: &str = "audit-signing.key";

impl Keys {
    /// Reads the keys, making those that are missing. `data` is the data folder.
    pub fn open(data: &Path, config: &KeyConfig) -> Result<Self, StoreError> {
        let folder = config.folder.clone().unwrap_or_else(|| data.join("keys"));
        let seed = match &config.signing {
            Some(seed) => seed.clone(),
            None => read_or_make(&folder, SIGNING)?,
        };
        let signing_file = config.signing.is_none().then(|| folder.join(SIGNING));
        let signing = RwLock::new(Signing::of(&seed)?);
        let (masters, folder) = match &config.master {
            Some(master) => {
                let given = config.previous.iter().chain([master]);
                (given.map(|secret| Master::of(secret).map(Arc::new)).collect::<Result<_, _>>()?, None)
            }
            None => {
                if master_files(&folder)?.is_empty() {
                    make(&folder, &master_file(1))?;
                }
                (read_masters(&folder)?, Some(folder))
            }
        };
        Ok(Self { signing, signing_file, masters: RwLock::new(masters), folder })
    }

    /// The public key by which anybody can check a checkpoint: keep it where the keeper of the database cannot change it.
    pub fn public(&self) -> [u8; 32] {
        self.signing.read().unwrap_or_else(PoisonError::into_inner).public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        let signature = signing.pair.try_sign(message).map_err(|_| StoreError::Key("signing failed".into()))?;
        Ok(signature.as_ref().to_vec())
    }

    /// Makes a new signing key in place of the one in the file. `announce` is given its public part before it takes over, to
    /// have it vouched for by the old key. The old key is gone after.
    pub(crate) fn replace_signing(
        &self,
        announce: impl FnOnce(&[u8; 32]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let Some(file) = &self.signing_file else {
            return Err(StoreError::Key("the signing key was given, not read from a file: give another".into()));
        };
        let folder = file.parent().unwrap_or(Path::new("."));
        let begun = format!("{SIGNING}.new");
        let _ = fs::remove_file(folder.join(&begun));
        let seed = make(folder, &begun)?;
        let signing = Signing::of(&seed)?;
        announce(&signing.public)?;
        fs::rename(folder.join(&begun), file).map_err(|e| StoreError::Key(format!("{SIGNING}: {e}")))?;
        *self.signing.write().unwrap_or_else(PoisonError::into_inner) = signing;
        Ok(())
    }

    /// Names of the master keys, the one in use last.
    pub fn masters(&self) -> Vec<String> {
        self.masters.read().unwrap_or_else(PoisonError::into_inner).iter().map(|m| m.name.clone()).collect()
    }

    /// Makes a new master key in the folder and uses it from now on. Where keys are given by the environment, there is
    /// nothing to make: the new one is given too.
    pub fn new_master(&self) -> Result<String, StoreError> {
        if let Some(folder) = &self.folder {
            let next = master_files(folder)?.last().map_or(1, |(number, _)| number + 1);
            make(folder, &master_file(next))?;
            self.reload()?;
        }
        Ok(self.newest()?.name.clone())
    }

    /// Reads the folder again: another process may have made a new master key.
    pub(crate) fn reload(&self) -> Result<(), StoreError> {
        if let Some(folder) = &self.folder {
            *self.masters.write().unwrap_or_else(PoisonError::into_inner) = read_masters(folder)?;
        }
        Ok(())
    }

    fn newest(&self) -> Result<Arc<Master>, StoreError> {
        let masters = self.masters.read().unwrap_or_else(PoisonError::into_inner);
        masters.last().cloned().ok_or_else(|| StoreError::Key("there is no master key".into()))
    }

    fn named(&self, name: &str) -> Option<Arc<Master>> {
        self.masters.read().unwrap_or_else(PoisonError::into_inner).iter().find(|m| m.name == name).cloned()
    }

    /// Whether a master key is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.named(name).is_some()
    }

    /// A data key wrapped by the newest master key, with that key's name.
    pub(crate) fn wrap(&self, data_key: &[u8; 32]) -> Result<(String, Vec<u8>), StoreError> {
        let master = self.newest()?;
        Ok((master.name.clone(), seal(&master.key, b"kith data key", data_key)?))
    }

    pub(crate) fn unwrap(&self, master: &str, wrapped: &[u8]) -> Result<[u8; 32], StoreError> {
        if !self.has(master) {
            self.reload()?;
        }
        let Some(found) = self.named(master) else {
            return Err(StoreError::Key(format!(
                "attachments are sealed under master key {master}, and the keys given are {}",
                self.masters().join(", ")
            )));
        };
        let plain = open(&found.key, b"kith data key", wrapped)
            .ok_or_else(|| StoreError::Key(format!("master key {master} does not open what it sealed")))?;
        plain.try_into().map_err(|_| StoreError::Key("a data key has another length".into()))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("public", &hex(&self.public()))
            .field("masters", &self.masters())
            .finish_non_exhaustive()
    }
}

/// Nonce, then ciphertext and tag. AES-256-GCM with a random nonce: a key seals fewer than 2^32 things (NIST SP 800-38D,
/// section 8.3), which one person's attachments never reach.
pub(crate) fn seal(key: &RandomizedNonceKey, bound_to: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut sealed = plain.to_vec();
    let nonce = key
        .seal_in_place_append_tag(Aad::from(bound_to), &mut sealed)
        .map_err(|_| StoreError::Key("sealing failed".into()))?;
    let mut out = Vec::with_capacity(sealed.len() + 12);
    out.extend_from_slice(nonce.as_ref());
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// The inverse of [`seal`]; `None` with another key, another place or altered bytes.
pub(crate) fn open(key: &RandomizedNonceKey, bound_to: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(12)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut buffer = sealed.to_vec();
    let length = key.open_in_place(nonce, Aad::from(bound_to), &mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

fn master_file(number: u32) -> String {
    format!("master-{number:04}.key")
}

/// Master keys in the folder with their numbers, oldest first.
fn master_files(folder: &Path) -> Result<Vec<(u32, PathBuf)>, StoreError> {
    let mut files = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(StoreError::Key(format!("the folder of keys cannot be read: {error}"))),
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|n| n.strip_prefix("master-")?.strip_suffix(".key")?.parse().ok());
        if let Some(number) = number {
            files.push((number, entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

fn read_masters(folder: &Path) -> Result<Vec<Arc<Master>>, StoreError> {
    master_files(folder)?.iter().map(|(_, path)| Master::of(&read(path)?).map(Arc::new)).collect()
}

fn read(path: &Path) -> Result<Secret, StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).map_err(|e| StoreError::Key(format!("{name}: {e}")))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(StoreError::Key(format!(
                "{name} can be read by other users (mode {:o}): make it readable by its owner alone (chmod 600)",
                mode & 0o777
            )));
        }
    }
    let text = fs::read_to_string(path).map_err(|e| StoreError::Key(format!("{name}: {e}")))?;
    Secret::parse(&text).map_err(|_| StoreError::Key(format!("{name} must hold 64 hexadecimal digits")))
}

fn read_or_make(folder: &Path, name: &str) -> Result<Secret, StoreError> {
    let path = folder.join(name);
    if path.exists() { read(&path) } else { make(folder, name) }
}

/// A new key in a file of its own that only its owner may read, safe on the disk before it is used.
fn make(folder: &Path, name: &str) -> Result<Secret, StoreError> {
    let failed = |e: std::io::Error| StoreError::Key(format!("{name} cannot be made: {e}"));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
        options.mode(0o600);
        let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    }
    let path = folder.join(name);
    let secret = Secret::random()?;
    // Whole under its name or not there: a process killed in between leaves no half key behind.
    let begun = folder.join(format!(".{name}.{}", std::process::id()));
    let _ = fs::remove_file(&begun);
    let mut file = options.open(&begun).map_err(failed)?;
    file.write_all(format!("{}\n", secret.text()).as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let linked = fs::hard_link(&begun, &path);
    let _ = fs::remove_file(&begun);
    match linked {
        Ok(()) => Ok(secret),
        // Another process was first.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => read(&path),
        Err(error) => Err(failed(error)),
    }
}

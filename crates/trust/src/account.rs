//! Accounts of this site, for places with neither NHS login nor NHS Care Identity: a password and a code from an app.
//!
//! Passwords follow NIST SP 800-63B-4 (2025) and the NCSC's advice: length counts, composition does not, the common and the
//! guessable are refused, nothing expires by itself. They are kept by Argon2id with the parameters OWASP gives as least
//! (19 MiB, 2 passes, 1 lane; 2025). Codes are those of RFC 6238. Ten recovery codes, each good once, stand in for a lost
//! phone.

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use jiff::{SignedDuration, Timestamp};
use kith_store::{Batch, KeyValue};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::actor::Purpose;
use crate::door::Door;
use crate::error::Error;
use crate::session::{event, key};
use crate::totp;

const ACCOUNTS: &str = "account";

/// A set-up code is good for this long.
pub const SETUP_LASTS: SignedDuration = SignedDuration::from_hours(72);
/// Fewest and most characters of a password.
pub const PASSWORD_LEAST: usize = 12;
pub const PASSWORD_MOST: usize = 128;
const RECOVERY_CODES: usize = 10;

/// Whom an account signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountOf {
    /// `Patient/…`.
    Person(String),
    /// `PractitionerRole/…`: the post they work in.
    Post(String),
}

/// An account as an operator sees it.
#[derive(Debug, Clone, Serialize)]
pub struct AccountView {
    pub name: String,
    pub of: AccountOf,
    pub made: Timestamp,
    /// `set-up` (waiting for the person), `live` or `disabled`.
    pub state: &'static str,
    pub recovery_codes_left: usize,
}

/// How an attempt to sign in came out. What was wrong is not told apart: not to the person, who might be somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    Right(AccountOf),
    Wrong,
}

/// What setting an account up gives, once.
#[derive(Debug, Clone)]
pub struct SetUp {
    pub of: AccountOf,
    /// Ten codes for when the phone is lost. Kept only as hashes.
    pub recovery: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Account {
    name: String,
    of: AccountOf,
    made: Timestamp,
    disabled: bool,
    /// A hash of the set-up code, until when, and the app's secret once it has been shown.
    setup: Option<Waiting>,
    password: Option<String>,
    totp: Option<String>,
    recovery: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Waiting {
    hash: String,
    until: Timestamp,
    totp: String,
}

/// Names are compared in small letters.
fn normal(name: &str) -> String {
    name.trim().to_lowercase()
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

fn hash(password: &str) -> Result<String, Error> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = hasher().hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|e| Error::Storage(format!("no password hash: {e}")))?.to_string())
}

fn holds(password: &str, kept: &str) -> bool {
    PasswordHash::new(kept).is_ok_and(|kept| hasher().verify_password(password.as_bytes(), &kept).is_ok())
}

/// A hash of nothing anybody knows: checked where there is no account, so that the time taken says nothing.
fn decoy() -> &'static str {
    static DECOY: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    DECOY.get_or_init(|| hash(&uuid::Uuid::new_v4().to_string()).unwrap_or_default())
}

/// What is wrong with a password, as what to do about it; `None` if it is good.
pub fn password_problem(password: &str, name: &str) -> Option<&'static str> {
    let length = password.chars().count();
    if length < PASSWORD_LEAST {
        return Some("Use 12 characters or more. Three random words work well");
    }
    if length > PASSWORD_MOST {
        return Some("Use 128 characters or fewer");
    }
    let small = password.to_lowercase();
    let letters: String = small.chars().filter(|c| c.is_alphanumeric()).collect();
    let name: String = normal(name).chars().filter(|c| c.is_alphanumeric()).collect();
    if name.chars().count() >= 4 && letters.contains(&name) {
        return Some("Do not use your sign-in name in your password");
    }
    let distinct: std::collections::BTreeSet<char> = small.chars().collect();
    if distinct.len() < 5 || run(&small) {
        return Some("Do not use repeated or neighbouring characters. Three random words work well");
    }
    // What is left of a password when a common one and the usual decoration are taken away must still be something.
    let rest = COMMON.iter().fold(letters, |rest, common| rest.replace(common, ""));
    if rest.chars().filter(|c| c.is_alphabetic()).count() < 5 {
        return Some("This password is one of the first that somebody would guess. Three random words work well");
    }
    None
}

/// Words that attackers try first, in small letters.
const COMMON: [&str; 32] = [
    "password",
    "passw0rd",
    "p4ssword",
    "qwertyuiop",
    "qwerty",
    "asdfgh",
    "zxcvbn",
    "letmein",
    "welcome",
    "iloveyou",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "superman",
    "batman",
    "liverpool",
    "arsenal",
    "chelsea",
    "admin",
    "login",
    "secret",
    "changeme",
    "kith",
    "nhs",
    "hospital",
    "health",
    "surgery",
    "abc",
    "london",
];

/// Whether nearly all of it is one run up, down or along: `123456789012`, `aaaaaaaaaaaa`.
fn run(text: &str) -> bool {
    let codes: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    let steps =
        codes.windows(2).filter(|pair| (pair[1] - pair[0]).abs() <= 1 || (pair[0] - pair[1]).abs() == 9).count();
    steps * 10 >= codes.len().saturating_sub(1) * 8
}

impl Door {
    async fn account(&self, name: &str) -> Result<Option<Account>, Error> {
        let kept = self.inner.store.get(ACCOUNTS, &normal(name), self.now()).await?;
        Ok(kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Writes an account; `once` names an act that must not be done twice: `false` if it was done before.
    async fn keep_account(&self, account: &Account, what: &str, once: Option<String>) -> Result<bool, Error> {
        let kith = self.system("Kith accounts");
        let mut batch = Batch::new(self.now(), kith.origin());
        batch.set.push(KeyValue {
            space: ACCOUNTS,
            key: normal(&account.name),
            value: serde_json::to_vec(account).ok(),
            expires: None,
        });
        batch.audit.push(event(what, Purpose::Operations, account.of.reference()));
        batch.once = once.map(|key| (key, [0; 32]));
        Ok(!self.inner.store.commit(batch).await?.replayed)
    }

    /// Adds an account and gives its set-up code, which is kept as a hash alone.
    pub async fn add_account(&self, name: &str, of: AccountOf) -> Result<String, Error> {
        let name = normal(name);
        let fits =
            (3..=60).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@".contains(&b));
        if !fits {
            return Err(Error::invalid("name", "must have 3 to 60 letters, digits and - _ . @"));
        }
        let right = match &of {
            AccountOf::Person(reference) => reference.starts_with("Patient/"),
            AccountOf::Post(reference) => reference.starts_with("PractitionerRole/"),
        };
        if !right || self.system("Kith accounts").read(of.reference()).await.is_err() {
            return Err(Error::invalid("of", "must be a Patient/… or PractitionerRole/… of the record"));
        }
        if self.account(&name).await?.is_some() {
            return Err(Error::invalid("name", "is taken"));
        }
        let (waiting, code) = self.waiting()?;
        let account = Account {
            name,
            of,
            made: self.now(),
            disabled: false,
            setup: Some(waiting),
            password: None,
            totp: None,
            recovery: Vec::new(),
        };
        self.keep_account(&account, "account-added", None).await?;
        Ok(code)
    }

    fn waiting(&self) -> Result<(Waiting, String), Error> {
        let code = grouped(&totp::base32(&random()?));
        let until = self.now().saturating_add(SETUP_LASTS).unwrap_or(Timestamp::MAX);
        Ok((Waiting { hash: key(&plain(&code)), until, totp: totp::base32(&random()?) }, code))
    }

    /// Takes password, app and recovery codes away, ends every session, and gives a new set-up code.
    pub async fn reset_account(&self, name: &str) -> Result<String, Error> {
        let mut account = self.account(name).await?.ok_or(Error::NotFound)?;
        let (waiting, code) = self.waiting()?;
        account.setup = Some(waiting);
        account.password = None;
        account.totp = None;
        account.recovery.clear();
        account.disabled = false;
        self.keep_account(&account, "account-reset", None).await?;
        self.end_sessions_of(&account.of).await?;
        Ok(code)
    }

    /// Nobody signs in with it any more; every session of its holder ends.
    pub async fn disable_account(&self, name: &str) -> Result<(), Error> {
        let mut account = self.account(name).await?.ok_or(Error::NotFound)?;
        account.disabled = true;
        account.setup = None;
        self.keep_account(&account, "account-disabled", None).await?;
        self.end_sessions_of(&account.of).await?;
        Ok(())
    }

    async fn end_sessions_of(&self, of: &AccountOf) -> Result<(), Error> {
        let reference = match of {
            AccountOf::Person(reference) => reference.clone(),
            AccountOf::Post(post) => {
                let post = self.system("Kith accounts").read(post).await?;
                post.value["practitioner"]["reference"].as_str().unwrap_or_default().to_owned()
            }
        };
        self.end_all_of(&reference).await?;
        Ok(())
    }

    /// Every account, by name.
    pub async fn accounts(&self) -> Result<Vec<AccountView>, Error> {
        let kept = self.inner.store.list(ACCOUNTS, self.now()).await?;
        let accounts = kept.into_iter().filter_map(|(_, bytes)| serde_json::from_slice::<Account>(&bytes).ok());
        Ok(accounts
            .map(|account| AccountView {
                state: match (account.disabled, account.password.is_some()) {
                    (true, _) => "disabled",
                    (false, true) => "live",
                    (false, false) => "set-up",
                },
                recovery_codes_left: account.recovery.len(),
                name: account.name,
                of: account.of,
                made: account.made,
            })
            .collect())
    }

    /// The secret for the app, in base32, for whoever brings a live set-up code.
    pub async fn account_app_secret(&self, name: &str, code: &str) -> Result<Option<String>, Error> {
        Ok(self.waiting_account(name, code).await?.and_then(|account| Some(account.setup?.totp)))
    }

    async fn waiting_account(&self, name: &str, code: &str) -> Result<Option<Account>, Error> {
        let account = self.account(name).await?.filter(|account| !account.disabled);
        let brought = key(&plain(code));
        Ok(account.filter(|account| {
            let waiting = account.setup.as_ref();
            waiting.is_some_and(|w| w.until > self.now() && bool::from(w.hash.as_bytes().ct_eq(brought.as_bytes())))
        }))
    }

    /// Ends the set-up with a password and the app's first code. `None` if a code is wrong or lapsed. The caller has
    /// checked the password with [`password_problem`].
    pub async fn set_up_account(
        &self,
        name: &str,
        code: &str,
        password: &str,
        first: &str,
    ) -> Result<Option<SetUp>, Error> {
        let Some(mut account) = self.waiting_account(name, code).await? else { return Ok(None) };
        let Some(waiting) = account.setup.take() else { return Ok(None) };
        if let Some(problem) = password_problem(password, name) {
            return Err(Error::invalid("password", problem));
        }
        let Some(step) = totp::matches(&waiting.totp, first, self.now()) else { return Ok(None) };
        let password = password.to_owned();
        account.password = Some(apart(move || hash(&password)).await??);
        account.totp = Some(waiting.totp);
        let codes = (0..RECOVERY_CODES).map(|_| Ok(grouped(&totp::base32(&random()?[..10]))));
        let codes = codes.collect::<Result<Vec<String>, Error>>()?;
        account.recovery = codes.iter().map(|code| key(&plain(code))).collect();
        let once = Some(used(&account.name, &step.to_string()));
        if !self.keep_account(&account, "account-set-up", once).await? {
            return Ok(None);
        }
        Ok(Some(SetUp { of: account.of, recovery: codes }))
    }

    /// Checks a password and a second code: six digits from the app, or a recovery code. Each code is good once. Takes as
    /// long for a name that is nobody's.
    pub async fn check_account(&self, name: &str, password: &str, second: &str) -> Result<Checked, Error> {
        let account = self.account(name).await?.filter(|account| !account.disabled && account.password.is_some());
        let kept = account.as_ref().and_then(|a| a.password.clone()).unwrap_or_else(|| decoy().to_owned());
        let tried = password.chars().take(PASSWORD_MOST + 1).collect::<String>();
        let right = apart(move || holds(&tried, &kept)).await?;
        let Some(mut account) = account.filter(|_| right) else { return self.wrong(name).await };
        let second = plain(second);
        let app = account.totp.as_deref().and_then(|secret| totp::matches(secret, &second, self.now()));
        let (what, mark) = if let Some(step) = app {
            ("account-checked", step.to_string())
        } else {
            let brought = key(&second);
            let found = account.recovery.iter().position(|kept| bool::from(kept.as_bytes().ct_eq(brought.as_bytes())));
            let Some(at) = found else { return self.wrong(name).await };
            account.recovery.remove(at);
            ("account-recovery-code-used", brought)
        };
        let once = Some(used(&account.name, &mark));
        if self.keep_account(&account, what, once).await? {
            Ok(Checked::Right(account.of))
        } else {
            self.wrong(name).await
        }
    }

    async fn wrong(&self, name: &str) -> Result<Checked, Error> {
        // Whose, if anybody's; the name as typed may hold anything and is not kept.
        let of = self.account(name).await?.map(|account| account.of.reference().to_owned()).unwrap_or_default();
        self.system("Kith accounts").record_event("sign-in-refused", &of).await?;
        Ok(Checked::Wrong)
    }
}

impl AccountOf {
    /// `Patient/…` or `PractitionerRole/…`.
    pub fn reference(&self) -> &str {
        match self {
            Self::Person(reference) | Self::Post(reference) => reference,
        }
    }
}

/// Names one use of a code, for the store's promise that an act is done once.
fn used(name: &str, mark: &str) -> String {
    format!("account-code|{}|{mark}", normal(name))
}

/// Away from the threads that serve requests: a password hash takes tens of milliseconds.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Storage(e.to_string()))
}

/// 160 random bits.
fn random() -> Result<[u8; 20], Error> {
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes).map_err(|e| Error::Storage(format!("no randomness: {e}")))?;
    Ok(bytes)
}

/// In groups of four, for reading aloud and typing.
fn grouped(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// As typed, without spaces and hyphens, in capitals.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).take(64).collect::<String>().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_passwords_of_any_kind_are_taken_and_guessable_ones_are_not() {
        for good in ["correct horse battery", "violet-kettle-osprey", "7 Kettles & an osprey", "żółty kubek na stole"]
        {
            assert_eq!(password_problem(good, "ada.lovelace"), None, "{good}");
        }
        for bad in [
            "",
            "short",
            "elevenchars",
            "password1234",
            "Password123!",
            "qwertyuiop12",
            "123456789012",
            "aaaaaaaaaaaa",
            "abababababab",
            "letmein!2026",
            "kithkithkith1",
            "ada.lovelace1815",
            "WelcomeWelcome1",
            "abcdefghijklmn",
            &"long ".repeat(40),
        ] {
            assert!(password_problem(bad, "ada.lovelace").is_some(), "{bad}");
        }
    }

    #[test]
    fn a_password_is_kept_by_argon2id_and_never_twice_alike() {
        let (one, two) = (hash("violet-kettle-osprey").unwrap(), hash("violet-kettle-osprey").unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
        assert!(holds("violet-kettle-osprey", &one) && !holds("violet-kettle-ospreys", &one) && !holds("", "nonsense"));
    }
}

//! The ways to prove who you are, as configured.

use anyhow::Context;
use kith_trust::Door;
use kith_web::sign_in::{BACK, Credential, Means, Provider, RoleMap, Transport};
use kith_web::{Demo, SignIn};

use crate::config::{Config, ProviderConfig};

/// The demonstration's choice of who to be; or the providers and accounts that the configuration names.
pub async fn ways(door: &Door, demo: Option<&Demo>, config: &Config) -> anyhow::Result<SignIn> {
    let roles = match &config.content {
        Some(folder) => RoleMap::load(folder)?,
        None => RoleMap::built_in()?,
    };
    if let Some(demo) = demo {
        return SignIn::demonstration(door, demo, roles)
            .await
            .context("the demonstration's sign-in could not be set up");
    }
    let mut ways = SignIn::closed(roles);
    if let Some(people) = &config.people_login {
        ways.people = Some(provider(Means::NhsLogin, people, config)?);
    }
    if let Some(staff) = &config.staff_login {
        ways.staff = Some(provider(Means::CareIdentity, staff, config)?);
    }
    ways.accounts = config.accounts;
    Ok(ways)
}

fn provider(means: Means, from: &ProviderConfig, config: &Config) -> anyhow::Result<Provider> {
    let public = config.public_url.as_deref().context(
        "public_url is needed for signing in with a provider: where browsers reach this site\nhint: `kith config` explains it",
    )?;
    // The file's name may be said; what it holds may not.
    let key = std::fs::read_to_string(&from.key).with_context(|| format!("cannot read {}", from.key.display()))?;
    let credential = Credential::read(&key).with_context(|| format!("{} is not usable", from.key.display()))?;
    let back = format!("{}{BACK}", public.trim_end_matches('/'));
    Ok(Provider::new(means, &from.issuer, &from.client, credential, &back, Transport::network()?)?)
}

//! Signing keys: made at the start, never written down.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How tokens are signed (RFC 7518, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Es256,
    Es384,
}

impl Algorithm {
    /// The name in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
        }
    }
}

/// No key could be made, or nothing signed: the machine has no randomness.
#[derive(Debug)]
pub struct KeyError;

impl std::fmt::Display for KeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the key for signing tokens failed")
    }
}

impl std::error::Error for KeyError {}

enum Pair {
    Rsa(RsaKeyPair),
    Elliptic(EcdsaKeyPair),
}

/// A private key and how it signs.
pub struct SigningKey {
    pair: Pair,
    algorithm: Algorithm,
    id: String,
}

impl SigningKey {
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::Es256 => {
                Pair::Elliptic(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeyError)?)
            }
            Algorithm::Es384 => {
                Pair::Elliptic(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map_err(|_| KeyError)?)
            }
            _ => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError)?),
        };
        let public = match &pair {
            Pair::Rsa(pair) => Sha256::digest(pair.public_key().as_ref()),
            Pair::Elliptic(pair) => Sha256::digest(pair.public_key().as_ref()),
        };
        Ok(Self { pair, algorithm, id: URL_SAFE_NO_PAD.encode(&public[..12]) })
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half as a JSON Web Key (RFC 7517).
    pub fn public(&self) -> Value {
        let mut key = match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                json!({
                    "kty": "RSA",
                    "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
                    "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
                })
            }
            Pair::Elliptic(pair) => {
                // An uncompressed point: 4, x, y.
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if self.algorithm == Algorithm::Es384 { "P-384" } else { "P-256" };
                json!({"kty": "EC", "crv": curve, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
            }
        };
        key["use"] = json!("sig");
        key["alg"] = json!(self.algorithm.name());
        key["kid"] = json!(self.id);
        key
    }

    /// A signed token (RFC 7515, compact) with these claims.
    pub fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        self.sign_as(self.algorithm.name(), claims)
    }

    /// As [`SigningKey::sign`], with a header that says something else: for tests of those who check it.
    pub fn sign_as(&self, named: &str, claims: &Value) -> Result<String, KeyError> {
        let header = json!({"typ": "JWT", "alg": named, "kid": self.id});
        let text =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.signature(text.as_bytes())?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn signature(&self, text: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let how: &'static dyn RsaEncoding = match self.algorithm {
                    Algorithm::Rs384 => &RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &RSA_PKCS1_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(how, &random, text, &mut signature).map_err(|_| KeyError)?;
                Ok(signature)
            }
            Pair::Elliptic(pair) => Ok(pair.sign(&random, text).map_err(|_| KeyError)?.as_ref().to_vec()),
        }
    }
}

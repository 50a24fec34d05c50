//! Codes from an app: RFC 6238 (TOTP) over RFC 4226 (HOTP) with SHA-1, six digits and steps of 30 seconds, which is what
//! every authenticator app takes; and base32 (RFC 4648) for its secret.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

const STEP: i64 = 30;
const DIGITS: u32 = 6;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The code of a counter (RFC 4226, section 5.3).
fn hotp(secret: &[u8], counter: u64, digits: u32) -> String {
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&counter.to_be_bytes());
    let tag = mac.finalize().into_bytes();
    let offset = usize::from(tag[19] & 0xf);
    let number = u32::from_be_bytes([tag[offset] & 0x7f, tag[offset + 1], tag[offset + 2], tag[offset + 3]]);
    format!("{:0width$}", number % 10_u32.pow(digits), width = digits as usize)
}

/// The step whose code this is: the present one, the one before or the one after, for clocks that differ.
pub(crate) fn matches(secret: &str, code: &str, now: Timestamp) -> Option<u64> {
    let secret = unbase32(secret)?;
    if code.len() != DIGITS as usize {
        return None;
    }
    let present = u64::try_from(now.as_second().div_euclid(STEP)).ok()?;
    // All three are tried, whichever fits, so that the time taken says nothing.
    let steps = [present.saturating_sub(1), present, present + 1];
    let fits = steps.map(|step| bool::from(hotp(&secret, step, DIGITS).as_bytes().ct_eq(code.as_bytes())));
    steps.into_iter().zip(fits).find_map(|(step, fits)| fits.then_some(step))
}

/// The code an app shows now for a secret in base32; `None` if it is not one. For tests and for commands that try it.
pub fn code_now(secret: &str, now: Timestamp) -> Option<String> {
    let step = u64::try_from(now.as_second().div_euclid(STEP)).ok()?;
    Some(hotp(&unbase32(secret)?, step, DIGITS))
}

/// What an app reads from a picture or takes by hand (`otpauth`, Key Uri Format).
pub fn uri(secret: &str, site: &str, account: &str) -> String {
    let plain =
        |text: &str| text.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.@".contains(*c)).collect::<String>();
    let (site, account) = (plain(site), plain(account));
    format!("otpauth://totp/{site}:{account}?secret={secret}&issuer={site}&algorithm=SHA1&digits=6&period=30")
}

pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut five = [0; 5];
        five[..chunk.len()].copy_from_slice(chunk);
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let letters = (chunk.len() * 8).div_ceil(5);
        for n in 0..letters {
            out.push(char::from(ALPHABET[(bits >> (35 - 5 * n) & 31) as usize]));
        }
    }
    out
}

fn unbase32(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut held, mut out) = (0_u32, 0, Vec::new());
    for letter in text.bytes().filter(|b| *b != b'-' && *b != b' ') {
        let value = ALPHABET.iter().position(|a| *a == letter.to_ascii_uppercase())?;
        bits = bits << 5 | u32::try_from(value).ok()?;
        held += 5;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standards_test_vectors() {
        // RFC 6238, appendix B, SHA-1.
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, "94287082"),
            (1111111109, "07081804"),
            (1111111111, "14050471"),
            (1234567890, "89005924"),
            (2000000000, "69279037"),
            (20000000000, "65353130"),
        ] {
            assert_eq!(hotp(secret, seconds / 30, 8), code, "at {seconds}");
        }
        // RFC 4226, appendix D.
        let codes =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(hotp(secret, counter, 6), code);
        }
        // RFC 4648, section 10.
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
            assert_eq!(unbase32(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(unbase32("1!"), None);
    }

    #[test]
    fn a_code_is_taken_one_step_early_or_late_and_no_more() {
        let secret = base32(b"12345678901234567890");
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
        let code = code_now(&secret, at(1_234_567_890)).unwrap();
        assert_eq!(code, "005924");
        for seconds in [-30, 0, 30] {
            assert_eq!(matches(&secret, &code, at(1_234_567_890 + seconds)), Some(1_234_567_890 / 30), "{seconds}");
        }
        for seconds in [-61, 60, 3600] {
            assert_eq!(matches(&secret, &code, at(1_234_567_890 + seconds)), None, "{seconds}");
        }
        for wrong in ["", "5924", "0005924", "abcdef", "005925"] {
            assert_eq!(matches(&secret, wrong, at(1_234_567_890)), None, "{wrong}");
        }
    }
}

//! Signatures of API v3, both ways: RSA with SHA-256 (PKCS #1 v1.5) over lines that each end with a line feed.
//!
//! ```text
//! ours        METHOD \n path and query \n timestamp \n nonce \n body \n
//! theirs      Wechatpay-Timestamp \n Wechatpay-Nonce \n body \n
//! the app's   appid \n timestamp \n nonce \n package \n
//! ```

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};

/// A message may be this much older or newer than the clock, seconds; older ones may be replays.
pub(super) const CLOCK_MAX_S: u64 = 300;

/// Why a message isn't taken for the platform's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureError {
    #[error("header {name} is missing")]
    Missing { name: &'static str },
    #[error("header {name} is given {count} times")]
    Repeated { name: &'static str, count: usize },
    #[error("header {name} is {value:?}, not {expected}")]
    Other { name: &'static str, value: String, expected: &'static str },
    #[error("header {TIMESTAMP} is {value}, more than {CLOCK_MAX_S} s from the clock's {now_s}")]
    Clock { value: u64, now_s: u64 },
    #[error("header {SERIAL} is {value:?}, which is no key of the platform's that is configured")]
    UnknownKey { value: String },
    #[error("header {SIGNATURE} doesn't sign this message under the key {serial:?}")]
    Wrong { serial: String },
}

const TIMESTAMP: &str = "Wechatpay-Timestamp";
const NONCE: &str = "Wechatpay-Nonce";
const SIGNATURE: &str = "Wechatpay-Signature";
const SERIAL: &str = "Wechatpay-Serial";

/// A public key of the platform's.
pub(super) struct PlatformKey {
    pub(super) serial: String,
    key: UnparsedPublicKey<Vec<u8>>,
}

impl PlatformKey {
    /// Reads a PEM file's `PUBLIC KEY`. What is wrong with it comes back as words.
    pub(super) fn from_pem(serial: &str, pem: &[u8]) -> Result<PlatformKey, String> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem)
            .map_err(|error| format!("no PEM file with a PUBLIC KEY: {error}"))?;
        let rsa = rsa_key_in(&der).ok_or("the PUBLIC KEY is no RSA key")?;
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rsa.to_vec());
        Ok(PlatformKey { serial: serial.to_owned(), key })
    }
}

/// AlgorithmIdentifier of an RSA key (RFC 3279): rsaEncryption, NULL.
const RSA_ALGORITHM: [u8; 13] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
const DER_SEQUENCE: u8 = 0x30;
const DER_BIT_STRING: u8 = 0x03;

/// The RSAPublicKey in a SubjectPublicKeyInfo (RFC 5280).
fn rsa_key_in(der: &[u8]) -> Option<&[u8]> {
    let (whole, rest) = der_value(DER_SEQUENCE, der)?;
    let (algorithm, key) = der_value(DER_SEQUENCE, whole)?;
    let (bits, rest_of_whole) = der_value(DER_BIT_STRING, key)?;
    let fits = rest.is_empty() && rest_of_whole.is_empty() && algorithm == RSA_ALGORITHM;
    // The first byte says how many bits of the last don't belong to it: none do of a key.
    bits.strip_prefix(&[0]).filter(|_| fits)
}

/// The value that begins here if it has this tag, and what follows it.
fn der_value(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => rest.split_first().map(|(&length, rest)| (usize::from(length), rest))?,
        0x82 => rest.split_first_chunk().map(|(&length, rest)| (u16::from_be_bytes(length).into(), rest))?,
        _ => return None,
    };
    rest.split_at_checked(length).filter(|_| first == tag)
}

/// What the platform signed, and with what.
struct Seal<'h> {
    timestamp: &'h str,
    nonce: &'h str,
    signature: &'h str,
    serial: &'h str,
}

impl<'h> Seal<'h> {
    fn of(headers: &'h HeaderMap) -> Result<Seal<'h>, SignatureError> {
        Ok(Seal {
            timestamp: only(headers, TIMESTAMP)?,
            nonce: only(headers, NONCE)?,
            signature: only(headers, SIGNATURE)?,
            serial: only(headers, SERIAL)?,
        })
    }
}

/// The one value of a header that must be there once.
fn only<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(SignatureError::Missing { name })?;
    match values.count() {
        0 => value.to_str().map_err(|_| {
            let value = String::from_utf8_lossy(value.as_bytes()).chars().take(64).collect();
            SignatureError::Other { name, value, expected: "printable ASCII" }
        }),
        more => Err(SignatureError::Repeated { name, count: more + 1 }),
    }
}

/// Whether the platform signed this body a moment ago. `now_s` is in seconds since 1970 UTC.
///
/// # Errors
/// [`SignatureError`]. The platform now and then sends a signature that is wrong on purpose (`WECHATPAY/SIGNTEST/…`), and
/// watches that it is refused.
pub(super) fn verify(
    keys: &[PlatformKey],
    headers: &HeaderMap,
    body: &[u8],
    now_s: u64,
) -> Result<(), SignatureError> {
    let seal = Seal::of(headers)?;
    let shown = |text: &str| text.chars().take(64).collect::<String>();
    let timestamp_s: u64 = seal.timestamp.parse().map_err(|_| SignatureError::Other {
        name: TIMESTAMP,
        value: shown(seal.timestamp),
        expected: "seconds since 1970",
    })?;
    if timestamp_s.abs_diff(now_s) > CLOCK_MAX_S {
        return Err(SignatureError::Clock { value: timestamp_s, now_s });
    }
    let key = keys
        .iter()
        .find(|key| key.serial == seal.serial)
        .ok_or_else(|| SignatureError::UnknownKey { value: shown(seal.serial) })?;
    let signature = BASE64.decode(seal.signature).map_err(|_| SignatureError::Other {
        name: SIGNATURE,
        value: shown(seal.signature),
        expected: "Base64",
    })?;
    let message = [seal.timestamp.as_bytes(), b"\n", seal.nonce.as_bytes(), b"\n", body, b"\n"].concat();
    key.key.verify(&message, &signature).map_err(|_| SignatureError::Wrong { serial: key.serial.clone() })
}

/// The merchant's own key.
pub(super) struct MerchantKey {
    pair: RsaKeyPair,
}

impl MerchantKey {
    /// Reads a PEM file's private key, PKCS #8 or PKCS #1. What is wrong with it comes back as words.
    pub(super) fn from_pem(pem: &[u8]) -> Result<MerchantKey, String> {
        let der = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|error| format!("no PEM file with a private key: {error}"))?;
        let pair = match &der {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err("the private key is no RSA key".to_owned()),
        };
        let pair = pair.map_err(|error| format!("the private key can't be used: {error}"))?;
        Ok(MerchantKey { pair })
    }

    /// Signs lines, each of which is closed by a line feed; in Base64.
    pub(super) fn sign(&self, lines: &[&str]) -> String {
        let message: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a signature has the length of its key's modulus");
        BASE64.encode(signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::wechat_pay::tests::{PLATFORM_PUBLIC_PEM, Platform, SERIAL_NO};

    const NOW_S: u64 = 1_795_493_106;

    fn keys() -> Vec<PlatformKey> {
        vec![PlatformKey::from_pem(SERIAL_NO, PLATFORM_PUBLIC_PEM.as_bytes()).expect("a key")]
    }

    fn refused(change: impl FnOnce(&mut HeaderMap)) -> SignatureError {
        let mut headers = Platform::new().sign(NOW_S, b"body");
        assert_eq!(verify(&keys(), &headers, b"body", NOW_S), Ok(()));
        change(&mut headers);
        verify(&keys(), &headers, b"body", NOW_S).unwrap_err()
    }

    #[test]
    fn every_header_is_needed_once_and_as_it_was_sent() {
        for name in [TIMESTAMP, NONCE, SIGNATURE, SERIAL] {
            assert_eq!(refused(|headers| drop(headers.remove(name))), SignatureError::Missing { name });
            let twice = refused(|headers| {
                let value = headers[name].clone();
                headers.append(name, value);
            });
            assert_eq!(twice, SignatureError::Repeated { name, count: 2 });
            let binary = refused(|headers| {
                drop(headers.insert(name, axum::http::HeaderValue::from_bytes(b"\xff\xfe").expect("bytes")));
            });
            assert!(matches!(binary, SignatureError::Other { name: named, .. } if named == name), "{binary}");
            let empty = refused(|headers| drop(headers.insert(name, "".parse().expect("a value"))));
            assert!(!empty.to_string().is_empty());
        }
        let set = |name: &'static str, value: &str| {
            let value = value.parse().expect("a value");
            refused(|headers| drop(headers.insert(name, value)))
        };
        assert_eq!(
            set(SERIAL, "PUB_KEY_ID_9"),
            SignatureError::UnknownKey { value: "PUB_KEY_ID_9".to_owned() }
        );
        for odd in ["", "-1", "now", "1795493106.5", "18446744073709551616"] {
            assert!(set(TIMESTAMP, odd).to_string().contains("seconds since 1970"), "{odd}");
        }
        assert!(set(SIGNATURE, "*").to_string().contains("not Base64"));
        // A probe of the platform's: right but for its prefix.
        assert!(set(SIGNATURE, "WECHATPAY/SIGNTEST/abcd").to_string().contains(SIGNATURE));
        assert!(matches!(set(NONCE, "another"), SignatureError::Wrong { .. }));
        assert!(matches!(set(TIMESTAMP, "1795493107"), SignatureError::Wrong { .. }));
    }

    #[test]
    fn five_minutes_on_either_side_are_taken_and_no_more() {
        let headers = Platform::new().sign(NOW_S, b"body");
        let at = |now_s| verify(&keys(), &headers, b"body", now_s);
        for now_s in [NOW_S - CLOCK_MAX_S, NOW_S + CLOCK_MAX_S] {
            assert_eq!(at(now_s), Ok(()));
        }
        for now_s in [0, NOW_S - CLOCK_MAX_S - 1, NOW_S + CLOCK_MAX_S + 1, u64::MAX] {
            assert_eq!(at(now_s), Err(SignatureError::Clock { value: NOW_S, now_s }));
        }
    }

    #[test]
    fn another_body_or_another_key_is_wrong() {
        let headers = Platform::new().sign(NOW_S, b"body");
        for body in [&b""[..], b"bodY", b"body\n"] {
            assert!(matches!(verify(&keys(), &headers, body, NOW_S), Err(SignatureError::Wrong { .. })));
        }
        let stranger = Platform::stranger().sign(NOW_S, b"body");
        assert!(matches!(verify(&keys(), &stranger, b"body", NOW_S), Err(SignatureError::Wrong { .. })));
    }

    #[test]
    fn what_is_no_rsa_key_is_said_to_be_none() {
        let said = |pem: &str| PlatformKey::from_pem("1", pem.as_bytes()).err().expect("it is refused");
        assert!(said("").contains("no PEM file with a PUBLIC KEY"));
        assert!(said(&PLATFORM_PUBLIC_PEM.replace("PUBLIC KEY", "CERTIFICATE")).contains("PUBLIC KEY"));
        // An Ed25519 key.
        let ed25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                       -----END PUBLIC KEY-----\n";
        assert_eq!(said(ed25519), "the PUBLIC KEY is no RSA key");
        let whole =
            SubjectPublicKeyInfoDer::from_pem_slice(PLATFORM_PUBLIC_PEM.as_bytes()).expect("a key").to_vec();
        for length in 0..whole.len() {
            assert_eq!(rsa_key_in(&whole[..length]), None, "cut off at {length}");
        }
        assert!(MerchantKey::from_pem(PLATFORM_PUBLIC_PEM.as_bytes()).is_err());
    }
}

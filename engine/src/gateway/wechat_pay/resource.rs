//! The sealed part of a notification: AEAD_AES_256_GCM under the merchant's APIv3 key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::fields::{FieldError, Fields, other};

/// Bytes of an APIv3 key.
pub(super) const API_KEY_BYTES: usize = 32;

/// The key that the merchant and the platform share.
pub(super) struct ApiKey(LessSafeKey);

impl ApiKey {
    pub(super) fn new(key: &[u8; API_KEY_BYTES]) -> ApiKey {
        ApiKey(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key of AES-256's length")))
    }

    /// Opens the `resource` of a notification.
    ///
    /// # Errors
    /// A field is missing or odd, or the resource wasn't sealed under this key.
    pub(super) fn open(&self, notification: &Fields) -> Result<Vec<u8>, FieldError> {
        notification.expect("/resource/algorithm", "AEAD_AES_256_GCM")?;
        const CIPHERTEXT: &str = "/resource/ciphertext";
        const NONCE: &str = "/resource/nonce";
        let ciphertext = notification.text(CIPHERTEXT)?;
        let nonce = notification.text(NONCE)?;
        let associated = notification.text_if_any("/resource/associated_data")?.unwrap_or("");
        let nonce_bytes: [u8; NONCE_LEN] =
            nonce.as_bytes().try_into().map_err(|_| other(NONCE, &nonce.into(), "12 bytes"))?;
        let mut bytes =
            BASE64.decode(ciphertext).map_err(|_| other(CIPHERTEXT, &ciphertext.into(), "Base64"))?;
        let nonce = Nonce::assume_unique_for_key(nonce_bytes);
        match self.0.open_in_place(nonce, Aad::from(associated.as_bytes()), &mut bytes) {
            Ok(plain) => Ok(plain.to_vec()),
            Err(_) => Err(other(CIPHERTEXT, &ciphertext.into(), "sealed under the APIv3 key")),
        }
    }
}

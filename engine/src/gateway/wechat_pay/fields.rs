//! A JSON object of the platform, whose fields are taken out one by one. What doesn't fit names field and value.

use serde_json::Value;

/// Why a field doesn't fit.
#[derive(Debug, thiserror::Error)]
pub(super) enum FieldError {
    /// The bytes are no JSON.
    #[error("{what} isn't JSON: {source}")]
    NotJson { what: &'static str, source: serde_json::Error },
    /// There is no such field.
    #[error("{field} is missing")]
    Missing { field: String },
    /// Something else stands there.
    #[error("{field} is {value}, not {expected}")]
    Other { field: String, value: String, expected: String },
}

/// Most characters of a value that a message repeats.
const SHOWN_MAX: usize = 64;

pub(super) struct Fields(Value);

impl Fields {
    /// Reads an object; `what` it is only serves the message.
    pub(super) fn parse(what: &'static str, bytes: &[u8]) -> Result<Fields, FieldError> {
        serde_json::from_slice(bytes).map(Fields).map_err(|source| FieldError::NotJson { what, source })
    }

    fn find(&self, pointer: &str) -> Result<&Value, FieldError> {
        self.0.pointer(pointer).ok_or_else(|| FieldError::Missing { field: name(pointer) })
    }

    /// The text at a JSON pointer, such as `/amount/currency`.
    pub(super) fn text(&self, pointer: &str) -> Result<&str, FieldError> {
        let value = self.find(pointer)?;
        value.as_str().ok_or_else(|| other(pointer, value, "text"))
    }

    /// The text at a JSON pointer, or nothing where there is no such field.
    pub(super) fn text_if_any(&self, pointer: &str) -> Result<Option<&str>, FieldError> {
        if self.0.pointer(pointer).is_none() { Ok(None) } else { self.text(pointer).map(Some) }
    }

    /// The amount at a JSON pointer: a whole number of fen above zero.
    pub(super) fn amount_fen(&self, pointer: &str) -> Result<i64, FieldError> {
        let value = self.find(pointer)?;
        let amount_fen = value.as_i64().filter(|&amount_fen| amount_fen > 0);
        amount_fen.ok_or_else(|| other(pointer, value, "a whole number of fen above zero"))
    }

    /// Holds the text at a JSON pointer to what must stand there.
    pub(super) fn expect(&self, pointer: &str, expected: &str) -> Result<(), FieldError> {
        match self.text(pointer)? {
            found if found == expected => Ok(()),
            found => Err(other(pointer, &found.into(), &format!("{expected:?}"))),
        }
    }
}

/// A value that doesn't fit; quotes and control characters in it are escaped, as in JSON.
pub(super) fn other(pointer: &str, value: &Value, expected: &str) -> FieldError {
    let text = value.to_string();
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    FieldError::Other { field: name(pointer), value: shown, expected: expected.to_owned() }
}

fn name(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

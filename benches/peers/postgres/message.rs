//! PostgreSQL's protocol (version 3), as far as the harness needs it.
//!
//! ```text
//! start     length i32 │ 196608 i32 │ name \0 value \0 … \0
//! message   tag u8 │ length i32, itself included │ body
//! ```
//!
//! A debit is Bind, Execute and Sync in one write; BindComplete, DataRow, CommandComplete and ReadyForQuery come back.
//! Numbers are big-endian, parameters and results binary.

/// Why a message can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The connection broke.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The bytes are no message, or not one that belongs here.
    #[error("not what PostgreSQL says here: {0}")]
    Malformed(&'static str),
    /// The server said so.
    #[error("{message} ({code})")]
    Server {
        /// The condition's five characters.
        code: String,
        /// What it says.
        message: String,
    },
}

/// What came until the server was ready for the next request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The columns of each row; `None` for a null.
    pub rows: Vec<Vec<Option<Vec<u8>>>>,
    /// The condition's code and what it says, if the request failed.
    pub error: Option<(String, String)>,
}

impl Response {
    /// The rows, or the server's error.
    ///
    /// # Errors
    /// [`MessageError::Server`].
    pub fn into_rows(self) -> Result<Vec<Vec<Option<Vec<u8>>>>, MessageError> {
        match self.error {
            None => Ok(self.rows),
            Some((code, message)) => Err(MessageError::Server { code, message }),
        }
    }
}

/// A parameter in binary.
#[derive(Clone, Copy, Debug)]
pub enum Parameter {
    /// `integer`.
    Integer(i32),
    /// `bigint`.
    Bigint(i64),
}

/// Writes the message that opens a connection.
pub fn append_start(output: &mut Vec<u8>, user: &str, database: &str) {
    append_sized(output, |body| {
        body.extend_from_slice(&196_608_i32.to_be_bytes());
        for text in ["user", user, "database", database] {
            append_text(body, text);
        }
        body.push(0);
    });
}

/// Writes a simple query, which needs no Sync.
pub fn append_query(output: &mut Vec<u8>, sql: &str) {
    output.push(b'Q');
    append_sized(output, |body| append_text(body, sql));
}

/// Writes a Parse that prepares a named statement, and a Sync.
pub fn append_parse(output: &mut Vec<u8>, statement: &str, sql: &str) {
    output.push(b'P');
    append_sized(output, |body| {
        append_text(body, statement);
        append_text(body, sql);
        body.extend_from_slice(&0_i16.to_be_bytes());
    });
    append_sync(output);
}

/// Writes Bind, Execute and Sync for a prepared statement.
pub fn append_execution(output: &mut Vec<u8>, statement: &str, parameters: &[Parameter]) {
    output.push(b'B');
    append_sized(output, |body| {
        append_text(body, "");
        append_text(body, statement);
        // One format code for all: binary. The same for the results.
        body.extend_from_slice(&[0, 1, 0, 1]);
        body.extend_from_slice(&(parameters.len() as i16).to_be_bytes());
        for parameter in parameters {
            match parameter {
                Parameter::Integer(value) => {
                    body.extend_from_slice(&4_i32.to_be_bytes());
                    body.extend_from_slice(&value.to_be_bytes());
                }
                Parameter::Bigint(value) => {
                    body.extend_from_slice(&8_i32.to_be_bytes());
                    body.extend_from_slice(&value.to_be_bytes());
                }
            }
        }
        body.extend_from_slice(&[0, 1, 0, 1]);
    });
    output.push(b'E');
    append_sized(output, |body| {
        append_text(body, "");
        body.extend_from_slice(&0_i32.to_be_bytes());
    });
    append_sync(output);
}

fn append_sync(output: &mut Vec<u8>) {
    output.push(b'S');
    append_sized(output, |_| {});
}

fn append_text(output: &mut Vec<u8>, text: &str) {
    output.extend_from_slice(text.as_bytes());
    output.push(0);
}

/// Writes a length and what `body` writes, the length counting itself.
fn append_sized(output: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = output.len();
    output.extend_from_slice(&[0; 4]);
    body(output);
    let length = (output.len() - start) as i32;
    output[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Everything up to the first ReadyForQuery in these bytes, with its length; `None` until that has come.
///
/// # Errors
/// [`MessageError::Malformed`].
pub fn parse_response(bytes: &[u8]) -> Result<Option<(usize, Response)>, MessageError> {
    let mut response = Response::default();
    let mut place = 0;
    while let Some((tag, body)) = message_at(&bytes[place..])? {
        place += 5 + body.len();
        match tag {
            b'Z' => return Ok(Some((place, response))),
            b'D' => response.rows.push(row(body)?),
            b'E' => response.error = Some((error_field(body, b'C'), error_field(body, b'M'))),
            // 0 is AuthenticationOk; whatever else would be a question that these servers don't ask.
            b'R' if body != [0; 4] => return Err(MessageError::Malformed("authentication is asked for")),
            _ => {}
        }
    }
    Ok(None)
}

fn message_at(bytes: &[u8]) -> Result<Option<(u8, &[u8])>, MessageError> {
    let Some(&[tag, l0, l1, l2, l3]) = bytes.first_chunk::<5>() else { return Ok(None) };
    let length = i32::from_be_bytes([l0, l1, l2, l3]);
    let length = usize::try_from(length).ok().filter(|&length| length >= 4);
    let length = length.ok_or(MessageError::Malformed("a message's length"))?;
    Ok(bytes.get(5..1 + length).map(|body| (tag, body)))
}

fn row(mut body: &[u8]) -> Result<Vec<Option<Vec<u8>>>, MessageError> {
    const CUT: MessageError = MessageError::Malformed("a row that is cut");
    let mut take = |count: usize| -> Result<&[u8], MessageError> {
        let (taken, rest) = body.split_at_checked(count).ok_or(CUT)?;
        body = rest;
        Ok(taken)
    };
    let count = take(2)?;
    let count = u16::from_be_bytes([count[0], count[1]]);
    let mut columns = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let length = take(4)?;
        let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
        columns.push(match usize::try_from(length) {
            Ok(length) => Some(take(length)?.to_vec()),
            Err(_) => None,
        });
    }
    Ok(columns)
}

fn error_field(body: &[u8], name: u8) -> String {
    let field = body.split(|&byte| byte == 0).find(|field| field.first() == Some(&name));
    field.map_or_else(String::new, |field| String::from_utf8_lossy(&field[1..]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_the_bytes_that_the_manual_draws() {
        let mut bytes = Vec::new();
        append_start(&mut bytes, "u", "d");
        assert_eq!(bytes, b"\0\0\0\x1b\0\x03\0\0user\0u\0database\0d\0\0");

        bytes.clear();
        append_query(&mut bytes, "SELECT 1");
        assert_eq!(bytes, b"Q\0\0\0\x0dSELECT 1\0");

        bytes.clear();
        append_parse(&mut bytes, "s", "SELECT $1");
        assert_eq!(bytes, b"P\0\0\0\x12s\0SELECT $1\0\0\0S\0\0\0\x04");

        bytes.clear();
        append_execution(&mut bytes, "s", &[Parameter::Integer(258), Parameter::Bigint(-1)]);
        let bind = b"B\0\0\0\x25\0s\0\0\x01\0\x01\0\x02\0\0\0\x04\0\0\x01\x02\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xff\0\x01\0\x01";
        assert_eq!(bytes[..bind.len()], bind[..]);
        assert_eq!(bytes[bind.len()..], b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04"[..]);
    }

    #[test]
    fn a_response_is_whole_with_its_ready_for_query() {
        let bytes = b"2\0\0\0\x04D\0\0\0\x12\0\x02\0\0\0\x04\0\0\0\x07\xff\xff\xff\xffC\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I2\0";
        let whole = bytes.len() - 2;
        let response = Response { rows: vec![vec![Some(vec![0, 0, 0, 7]), None]], error: None };
        assert_eq!(parse_response(bytes).expect("well formed"), Some((whole, response)));
        for end in 0..whole {
            assert_eq!(parse_response(&bytes[..end]).expect("not yet"), None, "{end}");
        }
    }

    #[test]
    fn an_error_is_told_with_its_code() {
        let bytes = b"E\0\0\0\x1dSERROR\0C23505\0Mno, thanks\0\0Z\0\0\0\x05E";
        let mut bytes = bytes.to_vec();
        bytes[4] = (bytes.len() - 6 - 1) as u8;
        let (_, response) = parse_response(&bytes).expect("well formed").expect("whole");
        let error = response.into_rows().expect_err("refused").to_string();
        assert_eq!(error, "no, thanks (23505)");
        assert!(parse_response(b"D\0\0\0\x02").is_err());
        assert!(parse_response(b"R\0\0\0\x08\0\0\0\x03").is_err());
    }
}

//! Redis's protocol (RESP 2), as far as the harness needs it.
//!
//! ```text
//! request   *N \r\n  then N × ( $LENGTH \r\n BYTES \r\n )
//! reply     +TEXT \r\n   -ERROR \r\n   :INTEGER \r\n   $LENGTH \r\n BYTES \r\n   $-1 \r\n   *N \r\n N × reply
//! ```

use std::io::Write;

/// Why a reply can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum RespError {
    /// The connection broke.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The bytes are no reply.
    #[error("not a reply of Redis: {0:?}")]
    Malformed(String),
    /// The server said so.
    #[error("{0}")]
    Server(String),
    /// A reply of another type than the request has.
    #[error("another reply than asked for: {0:?}")]
    Unexpected(Reply),
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+`, a short text.
    Text(String),
    /// `-`, an error.
    Error(String),
    /// `:`, an integer.
    Integer(i64),
    /// `$`, bytes; `None` for nothing there.
    Bytes(Option<Vec<u8>>),
    /// `*`, replies in a row.
    Array(Vec<Reply>),
}

/// Writes a request.
pub fn append_request(output: &mut Vec<u8>, parts: &[&[u8]]) {
    append_length(output, b'*', parts.len());
    for part in parts {
        append_length(output, b'$', part.len());
        output.extend_from_slice(part);
        output.extend_from_slice(b"\r\n");
    }
}

fn append_length(output: &mut Vec<u8>, sign: u8, length: usize) {
    output.push(sign);
    write!(output, "{length}\r\n").expect("a vector takes all");
}

/// The first reply in these bytes with its length; `None` until it is whole.
///
/// # Errors
/// [`RespError::Malformed`].
pub fn parse_reply(bytes: &[u8]) -> Result<Option<(usize, Reply)>, RespError> {
    let Some(line_end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let malformed = || RespError::Malformed(String::from_utf8_lossy(&bytes[..line_end]).into_owned());
    let (sign, line) = bytes[..line_end].split_first().ok_or_else(malformed)?;
    let text = std::str::from_utf8(line).map_err(|_| malformed())?;
    let number = || text.parse::<i64>().map_err(|_| malformed());
    let mut length = line_end + 2;
    let reply = match sign {
        b'+' => Reply::Text(text.to_owned()),
        b'-' => Reply::Error(text.to_owned()),
        b':' => Reply::Integer(number()?),
        b'$' => match usize::try_from(number()?) {
            Err(_) => Reply::Bytes(None),
            Ok(count) => {
                let Some(body) = bytes.get(length..length + count + 2) else { return Ok(None) };
                length += count + 2;
                Reply::Bytes(Some(body[..count].to_vec()))
            }
        },
        b'*' => {
            let mut replies = Vec::new();
            for _ in 0..number()? {
                let Some((used, reply)) = parse_reply(&bytes[length..])? else { return Ok(None) };
                length += used;
                replies.push(reply);
            }
            Reply::Array(replies)
        }
        _ => return Err(malformed()),
    };
    Ok(Some((length, reply)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_an_array_of_strings() {
        let mut bytes = Vec::new();
        append_request(&mut bytes, &[b"GET", b"a:7"]);
        assert_eq!(bytes, b"*2\r\n$3\r\nGET\r\n$3\r\na:7\r\n");
    }

    #[test]
    fn every_kind_of_reply_is_read_and_a_part_of_one_is_waited_for() {
        let bytes = |text: &str| Reply::Bytes(Some(text.into()));
        for (text, reply) in [
            ("+OK\r\n", Reply::Text("OK".into())),
            ("-ERR no\r\n", Reply::Error("ERR no".into())),
            (":-12\r\n", Reply::Integer(-12)),
            ("$5\r\na\r\nbc\r\n", bytes("a\r\nbc")),
            ("$-1\r\n", Reply::Bytes(None)),
            ("*2\r\n:1\r\n$1\r\nx\r\n", Reply::Array(vec![Reply::Integer(1), bytes("x")])),
            ("*0\r\n", Reply::Array(vec![])),
        ] {
            let followed = format!("{text}+next\r\n");
            let read = parse_reply(followed.as_bytes()).expect("well formed");
            assert_eq!(read, Some((text.len(), reply)), "{text:?}");
            for end in 0..text.len() {
                assert_eq!(parse_reply(&text.as_bytes()[..end]).expect("not yet"), None, "{text:?} to {end}");
            }
        }
        for text in ["?\r\n", ":x\r\n", "\r\n"] {
            assert!(parse_reply(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}

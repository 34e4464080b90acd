//! Why a client's request has no answer.

use crate::command_table::Kind;
use crate::error::{DecodeError, EncodeError};
use crate::session::OpenError;
use crate::sign_in::SignInError;

/// Why a client's request has no answer. A refusal by the server is an answer, and no error.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// No answer in time. The outcome is unknown: retry with the same sequence.
    #[error("no answer in time")]
    TimedOut,
    /// The sign-in failed.
    #[error("sign-in failed: {0}")]
    SignIn(#[from] SignInError),
    /// A frame's MAC or counter is wrong.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A frame can't be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The request can't be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The answer is of a kind that the request isn't answered with.
    #[error("an answer of kind {0:?} to another request")]
    WrongAnswer(Kind),
    /// Too many bytes wait to be written: the server doesn't read.
    #[error("too many requests wait to be written")]
    QueueFull,
}

//! The wire of Yika: fixed-layout, authenticated frames between tills and the engine.
//!
//! A pure codec: bytes in, values out, and back. It does no input or output, knows no clock and draws no random
//! numbers; feature `client` adds an asynchronous client. It isn't the rules of money (a frame may ask for
//! anything; the ledger judges) and it isn't the log's format.
//!
//! ```text
//! till                                                            server
//!  Request::encode ─▶ Session::seal ─▶ ~~~ TCP ~~~ ─▶ frame::length ─▶ Session::open ─▶ Request::decode
//!  Answer::decode ◀─ Session::open ◀─ ~~~ TCP ~~~ ◀──────────────── Session::seal ◀─ Answer::encode
//! ```
//!
//! | to learn about | read |
//! |---|---|
//! | the frame and its header | [`frame`] |
//! | every kind of frame, once | [`command_table`] |
//! | what a till asks, what it is told | [`request`], [`answer`], [`bill`] |
//! | how a session begins, and what holds it | [`sign_in`], [`session`] |
//! | sales made while offline | [`offline_record`] |
//! | one-time codes | [`payment_code`] |
//! | query passwords, virtual cards and phone numbers | [`password`], [`holder_digest`] |
//! | codes of an offline till, paid by phone | [`self_scan`] |
//! | which key comes from which | [`keys`] |
//! | how a till gets its next key | [`wrapped_key`] |
//! | outcomes and what a till does about them | [`result_code`] |
//! | what a till says about them | [`voice`] |
//!
//! A body of a frame is a file in `message/`, a kind of frame a row in `message/table.rs`; both are seen through the
//! modules above.
//!
//! `README.md` beside the sources draws every byte, for clients in other languages; `vectors.json` lets them test.
//!
//! # Invariants
//! - Nothing is allocated before a frame's length was held to its kind's maximum, and nothing by the codec at all.
//! - A frame with any fault gives nothing: reserved bytes are zero, counts match, enumerations are known.
//! - Reading bytes never panics, whatever they are.
//! - An answer echoes terminal, epoch, sequence and request id of its request.
//! - Counter and MAC are given when a frame is sent, never before.
//! - No `unsafe`.

#![forbid(unsafe_code)]

pub mod answer;
pub mod bill;
pub mod block_list;
pub mod card;
mod card_tacs;
pub mod channel;
#[cfg(feature = "client")]
pub mod client;
pub mod command_table;
pub mod error;
pub mod frame;
pub mod holder_digest;
pub mod ids;
pub mod keys;
pub mod mac;
mod message;
pub mod offline_record;
pub mod password;
pub mod payment_code;
pub mod request;
pub mod result_code;
pub mod self_scan;
pub mod session;
pub mod sign_in;
pub mod tables;
pub mod terminal_kind;
pub mod text;
pub mod till_totals;
pub mod voice;
pub mod wrapped_key;

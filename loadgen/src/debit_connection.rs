//! What a server must do to be driven by the loops of this crate: take one debit at a time on a connection.
//!
//! The loops know the traffic, the clock and the counting; what stands on the wire is the connection's. So a server
//! that is held against another gets the same debits in the same shape from the same loop.

use std::fmt::Display;
use std::future::Future;

use protocol::result_code::ResultCode;

/// One debit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebitOrder {
    /// The connection's own count without a hole; used again only after an answer that leaves no trace.
    pub sequence: u32,
    /// Who pays: a holder's number, from 0.
    pub holder: u32,
    /// How much, in fen.
    pub amount_fen: i64,
    /// The wall clock when it is sent: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

/// One connection with one debit in flight.
pub trait DebitConnection: 'static {
    /// Why the connection can't be used any more.
    type Error: Display + 'static;

    /// Sends a debit and awaits its outcome: a refusal is one, a broken connection isn't.
    fn debit(&mut self, order: &DebitOrder) -> impl Future<Output = Result<ResultCode, Self::Error>>;
}

/// A connection and what it begins with.
pub struct Seat<C> {
    /// The connection, ready for its first debit.
    pub connection: C,
    /// The sequence of its first debit.
    pub first_sequence: u32,
}

impl<C> Seat<C> {
    /// A connection to books that it has never sent a debit to.
    pub fn fresh(connection: C) -> Seat<C> {
        Seat { connection, first_sequence: 1 }
    }
}

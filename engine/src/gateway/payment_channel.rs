//! What the gateway needs of a payment platform: to make an order, to open what it tells, to ask it.

use axum::http::HeaderMap;
use protocol::channel::Channel;
use protocol::text::OrderNumber;
use serde_json::Value;

/// A payment platform that the school is a merchant of.
///
/// Calls to the platform block, for seconds at most; the gateway makes them on threads that may.
pub trait PaymentChannel: Send + Sync + 'static {
    /// By which way the ledger knows its money.
    fn channel(&self) -> Channel;

    /// Makes an order; gives what the phone's app needs to have it paid.
    ///
    /// # Errors
    /// [`PlatformError`]; whether the order was made isn't known then.
    fn create(&self, order: &NewOrder) -> Result<Value, PlatformError>;

    /// Checks who a notification is from and opens it. `now_s` is the wall clock, in seconds since 1970 UTC.
    ///
    /// # Errors
    /// [`NotificationError`]: nothing of it counts.
    fn open(&self, headers: &HeaderMap, body: &[u8], now_s: u64) -> Result<Payment, NotificationError>;

    /// Asks what became of an order of this number.
    ///
    /// # Errors
    /// [`PlatformError`].
    fn query(&self, number: &str) -> Result<OrderState, PlatformError>;
}

/// An order to be made.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// The gateway's own number for it: see [`super::ticket`].
    pub number: String,
    /// What the platform hands back with the payment.
    pub attach: String,
    /// The amount, in fen.
    pub amount_fen: i64,
    /// Who pays, as the platform knows them.
    pub payer: String,
    /// When it can't be paid any more: seconds since 1970 UTC.
    pub expires_s: u64,
}

/// What the platform says was paid. That it says so is verified; whether it belongs to an order of ours isn't yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The gateway's own number of the order.
    pub number: String,
    /// What was attached to the order.
    pub attach: String,
    /// What was paid, in fen.
    pub amount_fen: i64,
    /// The platform's own number, by which it counts once.
    pub platform_number: OrderNumber,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// It was paid.
    Paid(Payment),
    /// It isn't paid, or it is and was given back: the platform's word for it.
    Unpaid(String),
    /// The platform has no such order.
    Unknown,
}

/// Why the platform couldn't be asked, or its answer doesn't count.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// No answer: no connection, none in time, or too long.
    #[error("the platform doesn't answer: {0}")]
    NoAnswer(String),
    /// It answered that it won't.
    #[error("the platform refused with HTTP {status}: {body}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The beginning of what it said.
        body: String,
    },
    /// The answer isn't the platform's, or says something that doesn't fit.
    #[error("the platform's answer doesn't count: {0}")]
    Answer(NotificationError),
}

/// Why what the platform seems to have said doesn't count. Each says which field or header, and what stands there.
#[derive(Debug, thiserror::Error)]
pub enum NotificationError {
    /// It can't be told to be the platform's.
    #[error("not authentic: {0}")]
    NotAuthentic(String),
    /// It is the platform's, and nothing that an account can be credited for.
    #[error("{0}")]
    Unacceptable(String),
}

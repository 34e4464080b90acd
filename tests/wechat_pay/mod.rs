//! WeChat Pay and a school that is a merchant of it, on the loopback.
//!
//! ```text
//! platform   the payment platform's HTTP, API v3: orders, queries, signed notifications; and what can go wrong with them
//! school     the gateway's configuration with its keys, and the backend of the phone's app
//! ```

pub mod platform;
pub mod school;

//! The wire of Yika: a pure codec of fixed-layout, authenticated frames.

pub mod answer;
pub mod bill;
pub mod channel;
pub mod command_table;
pub mod error;
pub mod frame;
pub mod ids;
pub mod keys;
pub mod mac;
pub mod offline_record;
pub mod payment_code;
pub mod request;
pub mod result_code;
pub mod session;
pub mod sign_in;
pub mod terminal_kind;
pub mod text;

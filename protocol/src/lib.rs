//! The wire of Yika: a pure codec of fixed-layout, authenticated frames.

pub mod ids;
pub mod result_code;

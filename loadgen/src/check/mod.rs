//! Afterwards: is everything that the server acknowledged there, exactly once, with its amount?

mod report;

pub use report::CheckReport;

//! Brings a campus into the books: card holders from CSV, merchants and terminals from TOML.
//!
//! A file is read and checked whole before the first record is written, and every change is a record like any
//! other. Importing the same file again changes nothing. A dry run decides everything and keeps nothing.

pub mod apply;
pub mod campus;
pub mod roster;

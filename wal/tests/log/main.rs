//! The log as its users see it.

mod model;
mod serving;

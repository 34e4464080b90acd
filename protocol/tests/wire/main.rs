//! The wire, tested as its users see it.

mod hostile_frames;
mod round_trip;
mod support;

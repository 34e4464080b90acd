//! The wire, tested as its users see it.

#[cfg(feature = "client")]
mod client;
mod golden;
mod hostile_frames;
mod json;
mod layouts;
mod round_trip;
mod support;

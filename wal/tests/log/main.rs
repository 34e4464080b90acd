//! The log as its users see it.

mod crash_images;
mod model;
mod random_crashes;
mod serving;

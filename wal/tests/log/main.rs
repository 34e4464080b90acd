//! The log as its users see it.

mod crash_images;
mod files;
mod model;
mod random_crashes;
mod reading;
mod recovery_cases;
mod serving;

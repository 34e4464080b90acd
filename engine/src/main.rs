//! The `yika` command.
fn main() {}

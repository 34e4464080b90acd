//! The `yika` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    engine::cli::program()
}

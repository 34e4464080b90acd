//! `yika cutoff`, `verify`, `settle` and `inspect`.

use std::process::ExitCode;

use super::{CliResult, CutoffArgs, InspectArgs, SettleArgs, VerifyArgs};

pub(super) fn cutoff(_args: &CutoffArgs) -> CliResult {
    Ok(ExitCode::SUCCESS)
}
pub(super) fn verify(_args: &VerifyArgs) -> CliResult {
    Ok(ExitCode::SUCCESS)
}
pub(super) fn settle(_args: &SettleArgs) -> CliResult {
    Ok(ExitCode::SUCCESS)
}
pub(super) fn inspect(_args: &InspectArgs) -> CliResult {
    Ok(ExitCode::SUCCESS)
}

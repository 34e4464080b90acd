//! What a process keeps in memory, as the kernel counts it.

use std::path::PathBuf;

use serde::Serialize;

use super::LimitsError;

/// A process's resident memory, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Resident {
    /// Its own: tables, buffers, stacks. This is what accounts cost.
    pub own_bytes: u64,
    /// Pages of files that it has mapped: the log. The kernel takes them back when it needs them.
    pub mapped_bytes: u64,
}

impl Resident {
    /// Of a process that is running.
    ///
    /// # Errors
    /// It isn't there any more.
    pub fn of(process_id: u32) -> Result<Resident, LimitsError> {
        let path = PathBuf::from(format!("/proc/{process_id}/status"));
        match std::fs::read_to_string(&path) {
            Ok(status) => Ok(parse(&status)),
            Err(source) => Err(LimitsError::File { path, source }),
        }
    }
}

fn parse(status: &str) -> Resident {
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
    };
    Resident { own_bytes: bytes("RssAnon:").unwrap_or(0), mapped_bytes: bytes("RssFile:").unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_lines_are_read() {
        let status = "Name:\tyika\nVmRSS:\t  300 kB\nRssAnon:\t     200 kB\nRssFile:\t     100 kB\n";
        assert_eq!(parse(status), Resident { own_bytes: 200 << 10, mapped_bytes: 100 << 10 });
    }
}

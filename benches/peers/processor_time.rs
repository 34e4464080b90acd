//! Processor time of a server: user and system time of all its processes, as the kernel counts it.

use std::fs;
use std::io;
use std::time::Duration;

/// What `/proc/PID/stat` says about a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ProcessTime {
    parent: u32,
    /// User and system time, clock ticks.
    ticks: u64,
}

/// User and system time so far of the processes named and, for each, of those that it is the parent of.
///
/// # Errors
/// One of those named isn't there.
pub fn of(processes: &[u32]) -> io::Result<Duration> {
    let mut ticks = 0;
    for &process in processes {
        ticks += read(process)?.ticks;
    }
    for entry in fs::read_dir("/proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended since the directory was read.
        if let Ok(time) = read(process)
            && processes.contains(&time.parent)
            && !processes.contains(&process)
        {
            ticks += time.ticks;
        }
    }
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

fn read(process: u32) -> io::Result<ProcessTime> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    parse(&stat)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("not a stat line: {stat:?}")))
}

fn parse(stat: &str) -> Option<ProcessTime> {
    // The command's name may hold anything, so count from the bracket that closes it.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let user: u64 = fields.nth(9)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(ProcessTime { parent, ticks: user + system })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_command_is_called() {
        let stat = "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 500 60 8 9 20 0 1 0 100 200 300\n";
        assert_eq!(parse(stat), Some(ProcessTime { parent: 7, ticks: 560 }));
        assert_eq!(parse("42 (a"), None);
    }

    #[test]
    fn this_process_takes_time_and_a_missing_one_is_an_error() {
        assert!(of(&[std::process::id()]).is_ok());
        assert!(of(&[0]).is_err());
    }
}

//! A server as a process of its own, watched through its standard output.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::ledger::Sizes;

/// Tables with room for so many accounts, each with a card and an old one: for books that this program makes and
/// serves by itself.
pub(super) fn sizes_for(accounts: u32) -> Sizes {
    let accounts_max = accounts.next_power_of_two().max(1 << 16);
    Sizes { shards: 4, accounts_max, cards_max: 2 * accounts_max, ..Sizes::default() }
}

/// What a server says when it starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Started {
    /// Where it listens.
    pub listening: SocketAddr,
    /// From its start until it listened, milliseconds.
    pub ready_ms: f64,
    /// The last record of the snapshot it loaded.
    pub snapshot_record: Option<u64>,
    /// Records replayed from the log.
    pub records_replayed: u64,
    /// That took this long, milliseconds.
    pub replay_ms: f64,
    /// Records a second.
    pub replay_records_per_s: f64,
    /// The last record of the log.
    pub last_record: u64,
    /// How the log ended.
    pub tail: String,
}

/// One stage of a live request's way, as a server says when it stops.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageLine {
    /// Its name.
    pub stage: String,
    /// Requests counted.
    pub count: u64,
    /// Mean, microseconds.
    pub mean_us: f64,
    /// 99.9th percentile, microseconds.
    pub p999_us: f64,
}

#[derive(Deserialize)]
struct Stopped {
    stages: Vec<StageLine>,
}

/// A running server. Dropped, it is killed.
pub struct ServerProcess {
    child: Child,
    lines: BufReader<ChildStdout>,
    started: Started,
}

impl ServerProcess {
    /// Starts this program's `serve` and waits until it listens.
    ///
    /// # Errors
    /// What the server said, or why it said nothing.
    pub fn start(
        data_dir: &Path,
        listen: SocketAddr,
        durability: &str,
        accounts: u32,
    ) -> Result<ServerProcess, String> {
        let program = std::env::current_exe().map_err(|e| format!("this program's own path: {e}"))?;
        let sizes = sizes_for(accounts);
        let mut child = Command::new(program)
            .arg("serve")
            .arg("--json")
            .arg("--data")
            .arg(data_dir)
            .args(["--listen", &listen.to_string(), "--durability", durability])
            .args(["--shards", &sizes.shards.to_string()])
            .args(["--accounts-max", &sizes.accounts_max.to_string()])
            .args(["--cards-max", &sizes.cards_max.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("the server can't be started: {e}"))?;
        let mut lines = BufReader::new(child.stdout.take().expect("standard output is piped"));
        match next_line(&mut lines) {
            Ok(started) => Ok(ServerProcess { child, lines, started }),
            Err(reason) => {
                let _ = child.kill();
                let status = child.wait().map_or_else(|e| e.to_string(), |status| status.to_string());
                Err(format!("the server didn't start ({status}): {reason}"))
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.started.listening
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said when it started.
    pub fn started(&self) -> &Started {
        &self.started
    }

    /// Kills it as a power cut to the process would: SIGKILL, nothing drained, nothing sealed.
    ///
    /// # Errors
    /// It had ended before, which it shouldn't.
    pub fn kill(mut self) -> Result<(), String> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(format!("the server ended by itself: {status}"));
        }
        self.child.kill().map_err(|e| format!("the server can't be killed: {e}"))?;
        self.child.wait().map_err(|e| format!("the killed server can't be awaited: {e}"))?;
        Ok(())
    }

    /// Stops it cleanly and gives what it said about its stages.
    ///
    /// # Errors
    /// It didn't stop cleanly.
    pub fn stop(mut self) -> Result<Vec<StageLine>, String> {
        let pid =
            i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a child has a process id");
        kill_process(pid, Signal::TERM).map_err(|e| format!("the server can't be told to stop: {e}"))?;
        let stopped: Result<Stopped, String> = next_line(&mut self.lines);
        let status = self.child.wait().map_err(|e| format!("the server can't be awaited: {e}"))?;
        match stopped {
            Ok(stopped) if status.success() => Ok(stopped.stages),
            Ok(_) => Err(format!("the server stopped with {status}")),
            Err(reason) => Err(format!("the server stopped with {status}: {reason}")),
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ready again in {:.0} ms, {} records replayed at {:.0}/s",
            self.ready_ms, self.records_replayed, self.replay_records_per_s
        )
    }
}

fn next_line<T: for<'de> Deserialize<'de>>(lines: &mut impl BufRead) -> Result<T, String> {
    let mut line = String::new();
    match lines.read_line(&mut line) {
        Ok(0) => Err("it said nothing on standard output".to_owned()),
        Ok(_) => serde_json::from_str(&line).map_err(|e| format!("{e} in {line:?}")),
        Err(e) => Err(e.to_string()),
    }
}

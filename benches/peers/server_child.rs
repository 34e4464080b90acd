//! A server of another make as a child process: started with its output in a file, awaited, stopped, and quoted from
//! its log when it fails.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::error::PeersError;

/// How long a server may take until it answers, and until it has stopped.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);
/// Lines of a failed server's log that are shown.
const TAIL_LINES: usize = 8;

/// A running server. Dropped, it is stopped by its own signal, and killed if it doesn't heed that.
pub struct ServerChild {
    system: &'static str,
    child: Child,
    log: PathBuf,
    stop_signal: Signal,
}

impl ServerChild {
    /// Starts a server whose output goes to `log`.
    ///
    /// # Errors
    /// The program can't be started.
    pub fn start(
        system: &'static str,
        command: &mut Command,
        log: &Path,
        stop_signal: Signal,
    ) -> Result<ServerChild, PeersError> {
        let output = File::create(log).map_err(PeersError::file(log))?;
        let errors = output.try_clone().map_err(PeersError::file(log))?;
        let child =
            command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().map_err(|e| {
                PeersError::system(system, format!("{}: {e}", command.get_program().display()))
            })?;
        Ok(ServerChild { system, child, log: log.to_owned(), stop_signal })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// The server ended, or time is up; with the end of its log.
    pub fn await_ready(&mut self, mut ready: impl FnMut() -> bool) -> Result<(), PeersError> {
        let give_up = Instant::now() + PATIENCE;
        while !ready() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.failure(&format!("didn't start ({status})")));
            }
            if Instant::now() > give_up {
                return Err(self.failure(&format!("isn't ready after {} s", PATIENCE.as_secs())));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// A fault of this server, with the end of its log.
    pub fn failure(&self, what: &str) -> PeersError {
        PeersError::system(self.system, format!("{what}{}", tail_of(&self.log)))
    }
}

impl Drop for ServerChild {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid
            && matches!(self.child.try_wait(), Ok(None))
            && kill_process(pid, self.stop_signal).is_ok()
        {
            let give_up = Instant::now() + PATIENCE;
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < give_up {
                thread::sleep(PAUSE);
            }
        }
        // What it held was only this run's.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of a log, as lines to put behind a message; empty when it says nothing.
fn tail_of(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    if tail.is_empty() {
        return "; its log is empty".to_owned();
    }
    tail.iter().fold("; its log ends:".to_owned(), |text, line| text + "\n    " + line)
}

/// Runs a command to its end; gives its standard output.
///
/// # Errors
/// It can't be started, or fails; with what it said.
pub fn run(system: &'static str, command: &mut Command) -> Result<String, PeersError> {
    let program = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| PeersError::system(system, format!("{program}: {e}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(PeersError::system(system, format!("{program}: {}: {}", output.status, said.trim())))
}

/// A loopback address that nobody listens on at this moment.
///
/// # Errors
/// The operating system's.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// The user that servers run as which refuse to be root's; `None` when this process isn't root's either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherUser(Option<(u32, u32)>);

impl OtherUser {
    /// The user that Debian's server has, or else nobody.
    ///
    /// # Errors
    /// This is root, and there is neither.
    pub fn find(system: &'static str) -> Result<OtherUser, PeersError> {
        let names = ["postgres", "nobody"];
        if !geteuid().is_root() {
            return Ok(OtherUser(None));
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = names.iter().find_map(|name| ids_of(&users, name));
        let missing =
            || PeersError::system(system, format!("refuses to be root's, and there is no user {names:?}"));
        found.map(|ids| OtherUser(Some(ids))).ok_or_else(missing)
    }

    /// Makes a command run as this user.
    pub fn run_as<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        match self.0 {
            Some((user, group)) => command.uid(user).gid(group),
            None => command,
        }
    }

    /// Makes a directory that is this user's alone.
    ///
    /// # Errors
    /// The file system's.
    pub fn make_directory(&self, path: &Path) -> Result<(), PeersError> {
        let make = || {
            fs::create_dir_all(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
            match self.0 {
                Some((user, group)) => chown(path, Some(user), Some(group)),
                None => Ok(()),
            }
        };
        make().map_err(PeersError::file(path))
    }
}

fn ids_of(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Where a program lies: in `directory` when one is given, else on the path, else in one of these folders.
pub fn find_program(name: &str, directory: Option<&Path>, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let searched: Vec<PathBuf> = match directory {
        Some(directory) => vec![directory.to_owned()],
        None => std::env::split_paths(&path).chain(folders.iter().cloned()).collect(),
    };
    searched.into_iter().map(|folder| folder.join(name)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_ends_is_quoted() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let mut child = ServerChild::start("a peer", &mut command, &log, Signal::TERM).expect("sh is there");
        let error = child.await_ready(|| false).expect_err("it ends").to_string();
        assert_eq!(error, "a peer: didn't start (exit status: 3); its log ends:\n    one\n    two");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("/nowhere/at-all");
        let started =
            ServerChild::start("a peer", &mut command, &folder.path().join("log"), Signal::TERM).map(|_| ());
        let error = started.expect_err("there is none").to_string();
        assert!(error.starts_with("a peer: /nowhere/at-all: No such file"), "{error}");
    }

    #[test]
    fn only_the_end_of_a_long_log_is_shown() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let log = folder.path().join("log");
        fs::write(&log, (1..=50).map(|line| format!("line {line}\n")).collect::<String>()).expect("written");
        let tail = tail_of(&log);
        assert!(
            tail.ends_with("\n    line 50") && tail.contains("line 43\n") && !tail.contains("line 42\n"),
            "{tail}"
        );
    }

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "postgresql:x:1:2::/:\npostgres:x:104:112:x:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(ids_of(users, "postgres"), Some((104, 112)));
        assert_eq!(ids_of(users, "nobody"), None);
    }
}

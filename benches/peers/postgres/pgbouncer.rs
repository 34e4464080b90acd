//! PgBouncer in front of a cluster: many tills share sixteen server processes, one transaction at a time each.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::client::{DATABASE, STATEMENT, STATEMENT_SQL, Session};
use crate::error::PeersError;
use crate::exchange::run_here;
use crate::server_child::{OtherUser, ServerChild, free_address, run};
use crate::system::SystemId;

const NAME: &str = SystemId::Pgbouncer.name();
/// Server processes behind the pooler.
pub const SERVER_CONNECTIONS: u32 = 16;

/// A running pooler.
pub struct Pgbouncer {
    server: ServerChild,
    address: SocketAddr,
    /// From 1.21 on it keeps track of prepared statements itself.
    tracks_statements: bool,
}

impl Pgbouncer {
    /// Starts one in front of the cluster at `cluster`.
    ///
    /// A till's prepared statement must be known to whichever server process gets its transaction. From 1.21 on the
    /// pooler sees to that (`max_prepared_statements`). Before, it only passes bytes on, so each server process is
    /// given the statement when the pooler connects it (`connect_query`): then a till's Bind finds it everywhere,
    /// and nothing is parsed or planned again either.
    ///
    /// # Errors
    /// It doesn't start.
    pub fn start(
        program: &Path,
        user: OtherUser,
        folder: &Path,
        cluster: SocketAddr,
    ) -> Result<Pgbouncer, PeersError> {
        user.make_directory(folder)?;
        let address = free_address().map_err(PeersError::machine("a free port"))?;
        let tracks_statements = version(program)? >= (1, 21);
        let configuration = folder.join("pgbouncer.ini");
        let text = configuration_of(address, cluster, tracks_statements);
        fs::write(&configuration, text).map_err(PeersError::file(&configuration))?;
        let mut command = Command::new(program);
        command.arg(&configuration).current_dir(folder);
        let log = folder.with_extension("log");
        let server = ServerChild::start(NAME, user.run_as(&mut command), &log, Signal::TERM)?;
        let mut pooler = Pgbouncer { server, address, tracks_statements };
        pooler.server.await_ready(|| run_here(Session::open(address, DATABASE)).is_ok())?;
        Ok(pooler)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// True when a till prepares its statement through it; else every server process has it already.
    pub fn tracks_statements(&self) -> bool {
        self.tracks_statements
    }
}

fn configuration_of(address: SocketAddr, cluster: SocketAddr, tracks_statements: bool) -> String {
    let statements = if tracks_statements { "max_prepared_statements = 100" } else { "" };
    let parameters = "integer, integer, integer, bigint";
    format!(
        "[databases]\n\
         {DATABASE} = host={} port={} dbname={DATABASE} user={DATABASE} \
         connect_query='PREPARE {STATEMENT} ({parameters}) AS {STATEMENT_SQL}'\n\
         [pgbouncer]\n\
         listen_addr = {}\n\
         listen_port = {}\n\
         unix_socket_dir =\n\
         auth_type = any\n\
         pool_mode = transaction\n\
         default_pool_size = {SERVER_CONNECTIONS}\n\
         min_pool_size = {SERVER_CONNECTIONS}\n\
         max_client_conn = 4000\n\
         listen_backlog = 4096\n\
         server_idle_timeout = 0\n\
         server_lifetime = 86400\n\
         log_connections = 0\n\
         log_disconnections = 0\n\
         {statements}\n",
        cluster.ip(),
        cluster.port(),
        address.ip(),
        address.port()
    )
}

/// Major and minor version.
fn version(program: &Path) -> Result<(u32, u32), PeersError> {
    let said = run(NAME, Command::new(program).arg("--version"))?;
    parse_version(&said).ok_or_else(|| PeersError::system(NAME, format!("not a version: {said:?}")))
}

fn parse_version(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.lines().next()?.split_whitespace().nth(1)?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What it says about its version.
///
/// # Errors
/// The program can't be run.
pub fn version_text(program: &Path) -> Result<String, PeersError> {
    let (major, minor) = version(program)?;
    Ok(format!("{major}.{minor}"))
}

/// Where the program lies; Debian keeps it out of an ordinary user's path.
pub fn find_program(directory: Option<&Path>) -> Option<PathBuf> {
    crate::server_child::find_program("pgbouncer", directory, &[PathBuf::from("/usr/sbin")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        assert_eq!(parse_version("PgBouncer 1.18.0\nlibevent 2.1.12-stable\n"), Some((1, 18)));
        assert!(parse_version("PgBouncer 1.21.0\n") >= Some((1, 21)));
        assert_eq!(parse_version("nothing"), None);
    }

    #[test]
    fn every_server_process_is_given_the_statement_unless_the_pooler_tracks_it() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let text = configuration_of(address(1), address(2), false);
        assert!(text.contains(
            "yika = host=127.0.0.1 port=2 dbname=yika user=yika connect_query='PREPARE debit (integer, integer, \
             integer, bigint) AS SELECT debit($1, $2, $3, $4)'\n"
        ));
        assert!(text.contains("default_pool_size = 16\n") && !text.contains("max_prepared_statements"));
        assert!(configuration_of(address(1), address(2), true).contains("max_prepared_statements = 100\n"));
    }
}

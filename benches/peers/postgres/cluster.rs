//! A PostgreSQL cluster of the run's own: made by `initdb`, served on a free port of the loopback, gone afterwards.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine::limits::books::OPENING_FEN;
use rustix::process::Signal;

use super::client::{DATABASE, Session};
use super::message::MessageError;
use crate::error::PeersError;
use crate::exchange::run_here;
use crate::journal::{Journal, TillEntries};
use crate::server_child::{OtherUser, ServerChild, free_address, run};
use crate::system::SystemId;

const NAME: &str = SystemId::Postgres.name();
const SCHEMA: &str = include_str!("debit.sql");

/// What is set, beside address and port. Durability is whole: `fsync`, `full_page_writes` and `synchronous_commit` are
/// on, no table is unlogged.
pub const SETTINGS: [(&str, &str); 19] = [
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    // One write with O_DSYNC for all that is waiting, instead of a write and an fdatasync.
    ("wal_sync_method", "open_datasync"),
    // With others about to commit, one waits a little for them: about half of what a sync takes.
    ("commit_delay", "100"),
    ("commit_siblings", "5"),
    // A lone server: no standby needs more in the log.
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("wal_buffers", "64MB"),
    // No checkpoint while it is measured, and old log files used again.
    ("max_wal_size", "8GB"),
    ("min_wal_size", "2GB"),
    ("checkpoint_timeout", "1h"),
    ("shared_buffers", "1GB"),
    ("huge_pages", "try"),
    ("max_connections", "1100"),
    // The statement's plan never depends on its parameters.
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
    // No system calls for what nobody looks at.
    ("update_process_title", "off"),
    ("track_activities", "off"),
];

/// A running cluster with the schema in it.
pub struct Cluster {
    server: ServerChild,
    address: SocketAddr,
    accounts: u32,
}

impl Cluster {
    /// Makes and starts one, with so many accounts.
    ///
    /// # Errors
    /// `initdb` or the server fails.
    pub fn start(
        programs: &Path,
        user: OtherUser,
        folder: &Path,
        accounts: u32,
    ) -> Result<Cluster, PeersError> {
        user.make_directory(folder)?;
        let data = folder.join("data");
        let mut initdb = Command::new(programs.join("initdb"));
        initdb
            .args(["--username", DATABASE, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"])
            .args(["--no-sync", "--pgdata"])
            .arg(&data)
            .current_dir(folder);
        run(NAME, user.run_as(&mut initdb))?;

        let address = free_address().map_err(PeersError::machine("a free port"))?;
        let mut command = Command::new(programs.join("postgres"));
        command.arg("-D").arg(&data).current_dir(folder);
        let port = address.port().to_string();
        let own =
            [("listen_addresses", "127.0.0.1"), ("port", port.as_str()), ("unix_socket_directories", "")];
        for (name, value) in own.iter().chain(&SETTINGS) {
            command.args(["-c", &format!("{name}={value}")]);
        }
        // Whatever it holds is this run's only: at the end nothing has to be flushed.
        let log = folder.with_extension("log");
        let server = ServerChild::start(NAME, user.run_as(&mut command), &log, Signal::QUIT)?;
        let mut cluster = Cluster { server, address, accounts };
        cluster.server.await_ready(|| run_here(Session::open(address, "postgres")).is_ok())?;
        cluster.execute("postgres", &[&format!("CREATE DATABASE {DATABASE}")])?;
        cluster.execute(DATABASE, &[SCHEMA])?;
        Ok(cluster)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The postmaster; the server processes are its children.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// The accounts in its books.
    pub fn accounts(&self) -> u32 {
        self.accounts
    }

    fn execute(&self, database: &str, statements: &[&str]) -> Result<(), PeersError> {
        let all = async {
            let mut session = Session::open(self.address, database).await?;
            for statement in statements {
                session.query(statement).await?;
            }
            Ok::<_, MessageError>(())
        };
        run_here(all).map_err(|error| self.server.failure(&error.to_string()))
    }

    /// Makes the books as they were before the first run, on disk and in memory, with nothing left to write.
    ///
    /// # Errors
    /// The server's.
    pub fn refresh(&self) -> Result<(), PeersError> {
        let accounts = format!(
            "INSERT INTO account SELECT id, {OPENING_FEN} FROM generate_series(0, {}) AS id",
            self.accounts - 1
        );
        let vacuum = "VACUUM (FREEZE, ANALYZE) account";
        self.execute(DATABASE, &["TRUNCATE account, journal", &accounts, vacuum, "CHECKPOINT"])
    }

    /// What the books hold of the first so many tills.
    ///
    /// # Errors
    /// The server's.
    pub fn journal(&self, tills: u32) -> Result<Journal, PeersError> {
        run_here(self.read_journal(tills)).map_err(|error| self.server.failure(&error.to_string()))
    }

    async fn read_journal(&self, tills: u32) -> Result<Journal, MessageError> {
        let mut session = Session::open(self.address, DATABASE).await?;
        let mut journal = Journal::empty(tills as usize);
        let entries = "SELECT terminal, count(*), min(sequence), max(sequence), sum(amount)::bigint \
                       FROM journal GROUP BY terminal";
        for row in session.query(entries).await? {
            let numbers: Option<Vec<i64>> = row.iter().map(|column| number(column.as_deref())).collect();
            let Some([terminal, count, sequence_min, sequence_max, amount_fen]) = numbers.as_deref() else {
                return Err(MessageError::Malformed("a row of the journal"));
            };
            let entries = TillEntries {
                count: count.cast_unsigned(),
                sequence_min: sequence_min.cast_unsigned(),
                sequence_max: sequence_max.cast_unsigned(),
            };
            match journal.tills.get_mut(*terminal as usize) {
                Some(till) => *till = entries,
                None => return Err(MessageError::Malformed("an entry of a till that took no part")),
            }
            journal.entries_fen += amount_fen;
        }
        let held = session.query("SELECT sum(balance)::bigint FROM account").await?;
        let held_fen = held.first().and_then(|row| number(row.first()?.as_deref()));
        let held_fen = held_fen.ok_or(MessageError::Malformed("no sum of the balances"))?;
        journal.balances_lost_fen = i64::from(self.accounts) * OPENING_FEN - held_fen;
        Ok(journal)
    }
}

fn number(text: Option<&[u8]>) -> Option<i64> {
    std::str::from_utf8(text?).ok()?.parse().ok()
}

/// The directory of the newest server programs on this machine; Debian keeps each version's apart.
pub fn find_programs(directory: Option<&Path>) -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_unstable_by_key(|(version, _)| std::cmp::Reverse(*version));
    let folders: Vec<PathBuf> = versions.into_iter().map(|(_, folder)| folder).collect();
    let postgres = crate::server_child::find_program("postgres", directory, &folders)?;
    postgres.parent().map(Path::to_owned)
}

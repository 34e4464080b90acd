//! Redis as a peer: one Lua script for each debit, the append-only file synced before every answer.
//!
//! Configured as its own documents advise for this: `appendonly yes`, `appendfsync always`, no RDB snapshots, no rewrite
//! of the file while it is measured, one I/O thread (more only take the client's core), no slow log. A balance is a
//! string, a till's journal a hash from sequence to entry, so `HSETNX` is the duplicate check and the entry in one. The
//! script is loaded once and called by its digest.

mod resp;

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use engine::limits::books::OPENING_FEN;
use loadgen::debit_connection::{DebitConnection, DebitOrder};
use protocol::result_code::ResultCode;
use rustix::process::Signal;

use crate::error::PeersError;
use crate::exchange::{Exchange, run_here};
use crate::journal::Journal;
use crate::peer::Peer;
use crate::server_child::{ServerChild, free_address, run};
use crate::system::SystemId;
use resp::{Reply, RespError, append_request, parse_reply};

const NAME: &str = SystemId::Redis.name();
const SCRIPT: &str = include_str!("debit.lua");
/// Keys in one request when accounts are made and read.
const KEYS_AT_ONCE: u32 = 1_000;

/// Redis with a directory of its own; a new process with empty books for each run.
pub struct Redis {
    program: PathBuf,
    folder: PathBuf,
    accounts: u32,
    runs: u32,
    server: Option<(ServerChild, SocketAddr, Rc<str>)>,
}

impl Redis {
    /// With so many accounts. Starts it once, to see that it does.
    ///
    /// # Errors
    /// It doesn't start.
    pub fn new(program: PathBuf, folder: PathBuf, accounts: u32) -> Result<Redis, PeersError> {
        let mut redis = Redis { program, folder, accounts, runs: 0, server: None };
        redis.refresh()?;
        Ok(redis)
    }

    /// What it says about its version.
    ///
    /// # Errors
    /// The program can't be run.
    pub fn version(program: &Path) -> Result<String, PeersError> {
        let said = run(NAME, Command::new(program).arg("--version"))?;
        let version = said.split_whitespace().find_map(|word| word.strip_prefix("v="));
        Ok(version.unwrap_or(said.trim()).to_owned())
    }

    fn start(&self, folder: &Path) -> Result<(ServerChild, SocketAddr), PeersError> {
        let address = free_address().map_err(PeersError::machine("a free port"))?;
        let mut command = Command::new(&self.program);
        command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--dir"]).arg(folder);
        for (name, value) in [
            ("--daemonize", "no"),
            ("--save", ""),
            ("--appendonly", "yes"),
            ("--appendfsync", "always"),
            ("--auto-aof-rewrite-percentage", "0"),
            ("--io-threads", "1"),
            ("--maxclients", "10000"),
            ("--tcp-backlog", "4096"),
            ("--slowlog-log-slower-than", "-1"),
            ("--latency-tracking", "no"),
        ] {
            command.args([name, value]);
        }
        let mut server = ServerChild::start(NAME, &mut command, &folder.join("redis.log"), Signal::TERM)?;
        server.await_ready(|| {
            let pong = run_here(async {
                let mut exchange = Exchange::open(address).await?;
                call(&mut exchange, &[b"PING"]).await
            });
            pong.is_ok_and(|reply| reply == Reply::Text("PONG".to_owned()))
        })?;
        Ok((server, address))
    }

    fn running(&self) -> Result<(SocketAddr, &Rc<str>), PeersError> {
        let server = self.server.as_ref();
        server.map(|(_, address, digest)| (*address, digest)).ok_or_else(|| failure(&"isn't running"))
    }
}

fn failure(reason: &dyn std::fmt::Display) -> PeersError {
    PeersError::system(NAME, reason.to_string())
}

async fn call(exchange: &mut Exchange, parts: &[&[u8]]) -> Result<Reply, RespError> {
    append_request(exchange.output(), parts);
    exchange.send().await?;
    match exchange.receive(parse_reply).await? {
        Reply::Error(message) => Err(RespError::Server(message)),
        reply => Ok(reply),
    }
}

fn account_keys(from: u32, to: u32) -> Vec<Vec<u8>> {
    (from..to).map(|account| format!("a:{account}").into_bytes()).collect()
}

/// Opens the accounts and loads the script; gives its digest.
async fn load(address: SocketAddr, accounts: u32) -> Result<String, RespError> {
    let mut exchange = Exchange::open(address).await?;
    let opening = OPENING_FEN.to_string();
    for from in (0..accounts).step_by(KEYS_AT_ONCE as usize) {
        let keys = account_keys(from, accounts.min(from + KEYS_AT_ONCE));
        let mut parts: Vec<&[u8]> = vec![b"MSET"];
        for key in &keys {
            parts.extend([key.as_slice(), opening.as_bytes()]);
        }
        call(&mut exchange, &parts).await?;
    }
    match call(&mut exchange, &[b"SCRIPT", b"LOAD", SCRIPT.as_bytes()]).await? {
        Reply::Bytes(Some(digest)) => Ok(String::from_utf8_lossy(&digest).into_owned()),
        reply => Err(RespError::Unexpected(reply)),
    }
}

async fn read_journal(address: SocketAddr, accounts: u32, tills: u32) -> Result<Journal, RespError> {
    let mut exchange = Exchange::open(address).await?;
    let mut journal = Journal::empty(tills as usize);
    for (till, entries) in journal.tills.iter_mut().enumerate() {
        let Reply::Array(fields) = call(&mut exchange, &[b"HGETALL", format!("j:{till}").as_bytes()]).await?
        else {
            return Err(RespError::Malformed(format!("the journal of till {till}")));
        };
        for field in fields.chunks(2) {
            let (sequence, amount_fen) =
                entry_of(field).ok_or_else(|| RespError::Malformed(format!("an entry: {field:?}")))?;
            entries.add(sequence);
            journal.entries_fen += amount_fen;
        }
    }
    let mut held_fen = 0;
    for from in (0..accounts).step_by(KEYS_AT_ONCE as usize) {
        let keys = account_keys(from, accounts.min(from + KEYS_AT_ONCE));
        let mut parts: Vec<&[u8]> = vec![b"MGET"];
        parts.extend(keys.iter().map(Vec::as_slice));
        let Reply::Array(balances) = call(&mut exchange, &parts).await? else {
            return Err(RespError::Malformed("balances".to_owned()));
        };
        for balance in &balances {
            held_fen +=
                number(balance).ok_or_else(|| RespError::Malformed(format!("a balance: {balance:?}")))?;
        }
    }
    journal.balances_lost_fen = i64::from(accounts) * OPENING_FEN - held_fen;
    Ok(journal)
}

fn number(reply: &Reply) -> Option<i64> {
    let Reply::Bytes(Some(bytes)) = reply else { return None };
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Sequence and amount of a journal's field: `SEQUENCE` → `a:ACCOUNT:AMOUNT:AFTER`.
fn entry_of(field: &[Reply]) -> Option<(u64, i64)> {
    let [sequence, Reply::Bytes(Some(entry))] = field else { return None };
    let amount_fen = std::str::from_utf8(entry).ok()?.split(':').nth(2)?.parse().ok()?;
    Some((number(sequence)?.try_into().ok()?, amount_fen))
}

impl Peer for Redis {
    type Connection = RedisTill;

    fn accounts(&self) -> u32 {
        self.accounts
    }

    fn refresh(&mut self) -> Result<(), PeersError> {
        // The one before must have let go of its files.
        self.server = None;
        let _ = fs::remove_dir_all(self.folder.join(self.runs.to_string()));
        self.runs += 1;
        let folder = self.folder.join(self.runs.to_string());
        fs::create_dir_all(&folder).map_err(PeersError::file(&folder))?;
        let (server, address) = self.start(&folder)?;
        let digest = run_here(load(address, self.accounts)).map_err(|e| server.failure(&e.to_string()))?;
        self.server = Some((server, address, digest.into()));
        Ok(())
    }

    fn processes(&self) -> Vec<u32> {
        self.server.iter().map(|(server, ..)| server.id()).collect()
    }

    async fn connect(&self, till: u32) -> Result<RedisTill, PeersError> {
        let (address, digest) = self.running()?;
        let exchange = Exchange::open(address).await.map_err(|e| failure(&e))?;
        let journal = format!("j:{till}").into_bytes();
        Ok(RedisTill { exchange, digest: Rc::clone(digest), journal, words: [const { Vec::new() }; 3] })
    }

    fn journal(&mut self, tills: u32) -> Result<Journal, PeersError> {
        let (address, _) = self.running()?;
        run_here(read_journal(address, self.accounts, tills)).map_err(|e| failure(&e))
    }
}

/// A till's connection to Redis.
pub struct RedisTill {
    exchange: Exchange,
    digest: Rc<str>,
    journal: Vec<u8>,
    /// Account, sequence and amount as text; their room is used again.
    words: [Vec<u8>; 3],
}

impl DebitConnection for RedisTill {
    type Error = RespError;

    async fn debit(&mut self, order: &DebitOrder) -> Result<ResultCode, RespError> {
        let [account, sequence, amount] = &mut self.words;
        for word in [&mut *account, sequence, amount] {
            word.clear();
        }
        write!(account, "a:{}", order.holder)?;
        write!(sequence, "{}", order.sequence)?;
        write!(amount, "{}", order.amount_fen)?;
        let parts: [&[u8]; 7] =
            [b"EVALSHA", self.digest.as_bytes(), b"2", account, &self.journal, sequence, amount];
        match call(&mut self.exchange, &parts).await? {
            Reply::Integer(0..) => Ok(ResultCode::Approved),
            Reply::Integer(-1) => Ok(ResultCode::IdentityConflict),
            Reply::Integer(-2) => Ok(ResultCode::InsufficientFunds),
            Reply::Integer(-3) => Ok(ResultCode::UnknownAccount),
            reply => Err(RespError::Unexpected(reply)),
        }
    }
}

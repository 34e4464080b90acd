//! The `yika` command: flags in, one function of the library called, words or JSON out.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::import::campus::ClockMinute;
use crate::import::roster::TextEncoding;
use crate::ledger::Sizes;

mod bench_limits;
mod books;
mod daily_cutoff;
mod gateway;
mod import;
mod practice;
mod rush;
mod serve;
pub mod server_process;

/// The transaction engine behind a campus card.
#[derive(Debug, Parser)]
#[command(name = "yika", version, about, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: CliCommand,
}

const EXAMPLES: &str = "\
Try it:
  yika rush                                       a lunch from nothing: campus, server, tills, kill, check
  yika import campus campus.toml --data DIR       merchants, terminals, meal periods, limits
  yika import holders roster.csv --data DIR       card holders, UTF-8 or GBK
  yika serve --data DIR                           serve tills on 127.0.0.1:7401
  yika gateway --config gateway.toml              take WeChat Pay's notifications, make orders for the app
  yika keys --data DIR --out campus.json          what the load generator needs to play the tills
  yika practice --data DIR --out campus.json      books and campus to measure with: see loadgen capacity --help
  yika cutoff --data DIR                          close the open business date
  yika settle --data DIR --date 2026-11-24 --out OUT
  yika verify --data DIR                          recompute every balance from the log";

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Serves tills over TCP until SIGTERM or Ctrl-C, then drains, seals the log and saves a snapshot.
    Serve(ServeArgs),
    /// Makes WeChat Pay orders for the phone's app and credits what is paid, until SIGTERM or Ctrl-C. It is a terminal of the
    /// server's, of kind phone-gateway.
    Gateway(GatewayArgs),
    /// Brings card holders, merchants and terminals into the books. The same file again changes nothing.
    #[command(subcommand)]
    Import(ImportCommand),
    /// Writes the campus with its keys as JSON, for load generators and test clients. Keep it secret.
    Keys(KeysArgs),
    /// Makes books to measure with: tills, and holders with a card and money; and the campus file for `loadgen`.
    Practice(PracticeArgs),
    /// Closes the open business date: what comes later is posted on the next.
    Cutoff(CutoffArgs),
    /// Checks a data directory: chain, checksums, and every balance recomputed from the log.
    Verify(VerifyArgs),
    /// Writes the settlement folder of a closed business date.
    Settle(SettleArgs),
    /// Prints records of the log.
    Inspect(InspectArgs),
    /// Plays a whole lunch: makes a campus, serves it, kills the server in the middle, checks everything.
    Rush(RushArgs),
    /// Measures durable debits beside an echo server, the bare disk and the bare memory, in one run.
    BenchLimits(BenchLimitsArgs),
}

/// Where the books lie.
#[derive(Args, Clone, Debug)]
struct DataArgs {
    /// Data directory.
    #[arg(long = "data", value_name = "DIR")]
    dir: PathBuf,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Durability {
    /// Write through with one system call a block (`pwritev2`, RWF_DSYNC); mapped for reading.
    #[default]
    Through,
    /// Store to the memory map and sync it (`msync`).
    Map,
}

/// Most accounts unless told otherwise.
const ACCOUNTS_MAX: u32 = 131_072;

/// Sizes of the tables: fixed while running, may differ at the next start.
#[derive(Args, Clone, Debug)]
struct SizeArgs {
    /// Shards: a power of two up to 64.
    #[arg(long, default_value_t = 4)]
    shards: usize,
    /// Most accounts.
    #[arg(long, default_value_t = ACCOUNTS_MAX)]
    accounts_max: u32,
    /// Most card numbers, old ones among them.
    #[arg(long, default_value_t = 262_144)]
    cards_max: u32,
    /// Most terminals.
    #[arg(long, default_value_t = 8_192)]
    terminals_max: u16,
    /// Outcomes remembered in memory for each terminal: a power of two. Older ones are found in the log.
    #[arg(long, default_value_t = 1_024)]
    outcomes_per_terminal: usize,
    /// Most two-phase taps whose chips nobody knows to be written, over all shards: as many as accounts unless told otherwise,
    /// which is never full.
    #[arg(long)]
    open_taps_max: Option<u32>,
    /// Most cards of which more is known than whose they are: that they expire, came back, or were another's before. As many as
    /// card numbers unless told otherwise, which is never full.
    #[arg(long)]
    card_pasts_max: Option<u32>,
}

impl SizeArgs {
    fn sizes(&self) -> Sizes {
        Sizes {
            shards: self.shards,
            accounts_max: self.accounts_max,
            cards_max: self.cards_max,
            terminals_max: self.terminals_max,
            outcomes_per_terminal: self.outcomes_per_terminal,
            open_taps_max: self.open_taps_max.unwrap_or(self.accounts_max),
            card_pasts_max: self.card_pasts_max.unwrap_or(self.cards_max),
            ..Sizes::default()
        }
    }
}

#[derive(Args, Debug)]
struct ServeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:7401")]
    listen: SocketAddr,
    /// Worker threads.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Most connections at a time.
    #[arg(long, default_value_t = 8_192)]
    connections_max: usize,
    /// How the log is written.
    #[arg(long, value_enum, default_value_t)]
    durability: Durability,
    /// Bound on the log's files together, bytes; at the bound debits are refused, reversals still fit.
    #[arg(long)]
    log_bytes_max: Option<u64>,
    /// Close the business date every day at this campus time (+08:00), HH:MM. From 12:00 on the day's own date is
    /// closed, before it the day before's. Left out, dates are closed by `yika cutoff` only.
    #[arg(long, value_name = "HH:MM", value_parser = parse_clock_minute)]
    cutoff_at: Option<ClockMinute>,
    /// Serve figures over HTTP on this address (/metrics.json, /metrics in Prometheus' format); port 0 takes any
    /// free one. They hold no account, card or till. Left out, nothing listens.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Say in the program's trace when a live request took longer than this, milliseconds (YIKA_LOG=info shows it).
    #[arg(long, default_value_t = 100)]
    slow_ms: u64,
    #[command(flatten)]
    sizes: SizeArgs,
    /// Print start and stop as one JSON line each.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct GatewayArgs {
    /// Configuration, TOML: server, terminal, addresses, merchant and keys. The README has an example.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print start and stop as one JSON line each.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum ImportCommand {
    /// Card holders from a CSV with the columns CardNo (student number) and AccessCardNo (card number).
    Holders(ImportHoldersArgs),
    /// Merchants, terminals, meal periods and limits from a TOML file.
    Campus(ImportCampusArgs),
}

#[derive(Args, Debug)]
struct ImportHoldersArgs {
    /// The CSV file.
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// The file's encoding.
    #[arg(long, value_enum, default_value_t = TextEncoding::Auto)]
    encoding: TextEncoding,
    /// Say what would change, change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    sizes: SizeArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct ImportCampusArgs {
    /// The TOML file.
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Say what would change, change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    sizes: SizeArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct KeysArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Address that the file shall name.
    #[arg(long, default_value = "127.0.0.1:7401")]
    address: SocketAddr,
    /// File to write.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    sizes: SizeArgs,
}

#[derive(Args, Debug)]
struct PracticeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Tills.
    #[arg(long, default_value_t = 1_000)]
    tills: u16,
    /// Holders, at least as many as tills. Nobody has a limit for a day.
    #[arg(long, default_value_t = 30_000)]
    holders: u32,
    /// Address that the campus file shall name.
    #[arg(long, default_value = "127.0.0.1:7401")]
    address: SocketAddr,
    /// Campus file to write. It holds the keys.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args, Debug)]
struct CutoffArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    sizes: SizeArgs,
}

#[derive(Args, Debug)]
struct VerifyArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct SettleArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The business date, YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// Folder to write into; the date's own folder is made in it.
    #[arg(long)]
    out: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct InspectArgs {
    #[command(flatten)]
    data: DataArgs,
    /// First record.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Last record; the newest when left out.
    #[arg(long)]
    to: Option<u64>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct RushArgs {
    /// Card holders from a CSV instead of made-up ones.
    #[arg(long, value_name = "FILE")]
    roster: Option<PathBuf>,
    /// Made-up card holders.
    #[arg(long, default_value_t = 30_000, conflicts_with = "roster")]
    holders: u32,
    /// Tills.
    #[arg(long, default_value_t = 200)]
    tills: u32,
    /// Length of the compressed lunch, seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// The traffic's seed: the same seed plays the same lunch.
    #[arg(long, default_value_t = 20_260_901)]
    seed: u64,
    /// Data directory; left out, a fresh one under target/.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How the log is written.
    #[arg(long, value_enum, default_value_t)]
    durability: Durability,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct BenchLimitsArgs {
    /// Rounds; each figure is the median of them.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Length of each closed run, seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Length of each run at half load, seconds: a 99.9th percentile needs many requests.
    #[arg(long, default_value_t = 30.0)]
    half_load_seconds: f64,
    /// Numbers of connections, one request in flight on each.
    #[arg(long, value_delimiter = ',', default_value = "1,64,256,1000")]
    connections: Vec<u32>,
    /// Accounts in the books.
    #[arg(long, default_value_t = 1_000_000)]
    accounts: u32,
    /// Records in the log that the server replays when it starts.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// A short run with few accounts, to see that it works: its figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Directory to make the run's own folder in, on the disk to be measured; the system's temporary one when left out.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How the log is written.
    #[arg(long, value_enum, default_value_t)]
    durability: Durability,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    /// Be the echo server of another run.
    #[arg(long, hide = true)]
    serve_echo: bool,
}

/// The whole `yika` program: its arguments read, its diagnostics on standard error, the command run.
pub fn program() -> ExitCode {
    let filter = EnvFilter::try_from_env("YIKA_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Cli::parse().run()
}

impl Cli {
    /// Runs the command. Errors go to standard error as one line; the exit code is 1 then.
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            CliCommand::Serve(args) => serve::serve(&args),
            CliCommand::Gateway(args) => gateway::gateway(&args),
            CliCommand::Import(ImportCommand::Holders(args)) => import::holders(&args),
            CliCommand::Import(ImportCommand::Campus(args)) => import::campus(&args),
            CliCommand::Keys(args) => import::keys(&args),
            CliCommand::Practice(args) => practice::practice(&args),
            CliCommand::Cutoff(args) => books::cutoff(&args),
            CliCommand::Verify(args) => books::verify(&args),
            CliCommand::Settle(args) => books::settle(&args),
            CliCommand::Inspect(args) => books::inspect(&args),
            CliCommand::Rush(args) => rush::rush(&args),
            CliCommand::BenchLimits(args) => bench_limits::bench_limits(&args),
        };
        match result {
            Ok(code) => code,
            Err(error) => {
                eprintln!("yika: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

fn parse_clock_minute(text: &str) -> Result<ClockMinute, String> {
    ClockMinute::try_from(text.to_owned())
}

/// What a command may end with: a message for a person.
type CliResult = Result<ExitCode, Box<dyn std::error::Error>>;

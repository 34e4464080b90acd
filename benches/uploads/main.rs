//! `cargo run --release -p benches --bin uploads`: how fast offline sales come in, what the machine would give at most,
//! and what a storm of uploads does to live traffic.
//!
//! ```text
//!   signed_frames: records with their TACs, frames with their session's counter and MAC, all before the clock starts
//!        │
//!        ▼
//!   uploader ── tcp, one batch in flight for each till ──▶ `yika serve`: open, TAC, decide, log, answer
//!   loadgen  ── tcp, open loop at half load ────────────▶                                  (storm only)
//!
//!   bound: TAC + hash chain + as many cache misses + copy, one loop, no socket, no other thread
//! ```
//!
//! Uploads and bound take turns. A round is void unless every record was approved, and the run is void unless the audit
//! of the whole log finds each acknowledged record once. Nothing here judges a time.
//!
//! The tills are elsewhere in a real campus; here they share the machine's processors with the server. In the storm the
//! uploading client therefore runs at low priority, so that what it costs to play a thousand tills isn't counted as
//! what they do to live traffic.

mod bound;
mod report;
mod signed_frames;
mod storm;
mod uploader;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use benches::run_folder;
use clap::Parser;
use engine::audit::{self, AuditOptions};
use engine::cli::server_process::ServerProcess;
use engine::limits::books::{self, BooksSpec};
use engine::opened_books::LogBackEnd;

use crate::report::{Report, Round};
use crate::signed_frames::Tills;

type Failure = Box<dyn std::error::Error>;

/// Measures uploads of offline sales: records a second, beside a bound from the same run, and live traffic beside them.
#[derive(Debug, Parser)]
#[command(name = "uploads")]
struct Args {
    /// JSON instead of words.
    #[arg(long)]
    json: bool,
    /// About a second of everything, to see that it works; its figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Where the books are made, in a folder that is removed afterwards. The system's temporary folder unless given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Accounts, each with a card.
    #[arg(long, default_value_t = 1_000_000)]
    accounts: u32,
    /// Tills that upload in the rounds, one batch in flight each.
    #[arg(long, default_value_t = 64)]
    tills: u16,
    /// Records in one batch, 1 to 2,000.
    #[arg(long, default_value_t = 1_000)]
    batch: u32,
    /// Rounds of uploads and bound in turns.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// About so many seconds of uploads in each round.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// About so many seconds of uploads without a pause, after the rounds; 0 leaves them out.
    #[arg(long, default_value_t = 22.0)]
    sustained_seconds: f64,
    /// Rounds of live traffic with and without a storm; 0 leaves them out.
    #[arg(long, default_value_t = 3)]
    storm_rounds: u32,
    /// Seconds of live traffic in each.
    #[arg(long, default_value_t = 20.0)]
    storm_seconds: f64,
    /// Tills that serve people during the storm.
    #[arg(long, default_value_t = 256)]
    live_tills: u16,
    /// Live requests a second; half of what the tills reach in a closed loop unless given.
    #[arg(long)]
    live_rate: Option<f64>,
    /// Tills that upload during the storm.
    #[arg(long, default_value_t = 1_000)]
    storm_tills: u16,
    /// Records a second that are made ready for the storm.
    #[arg(long, default_value_t = 1_200_000)]
    storm_records_per_s: u32,
}

impl Args {
    fn checked(self) -> Result<Args, Failure> {
        if !(1..=2_000).contains(&self.batch) {
            return Err("--batch must be 1 to 2,000".into());
        }
        if self.tills == 0 || self.storm_tills == 0 || self.live_tills == 0 || self.rounds == 0 {
            return Err("--tills, --storm-tills, --live-tills and --rounds must be at least 1".into());
        }
        let in_range = |seconds: f64| (0.0..=600.0).contains(&seconds);
        if !in_range(self.seconds) || !in_range(self.sustained_seconds) || !in_range(self.storm_seconds) {
            return Err("seconds must be 0 to 600".into());
        }
        Ok(if self.quick { self.quick_ones() } else { self })
    }

    fn quick_ones(self) -> Args {
        Args {
            accounts: 20_000,
            tills: 8,
            batch: 500,
            rounds: 1,
            seconds: 0.3,
            sustained_seconds: 0.0,
            storm_rounds: 1,
            storm_seconds: 0.5,
            live_tills: 8,
            live_rate: Some(2_000.0),
            storm_tills: 8,
            storm_records_per_s: 2_000_000,
            ..self
        }
    }
}

fn main() -> ExitCode {
    // This program is the server too: `yika serve`, in a process of its own.
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return engine::cli::program();
    }
    let run = || -> Result<ExitCode, Failure> {
        let args = Args::parse().checked()?;
        let report = measure(&args)?;
        if args.json {
            println!("{}", serde_json::to_string(&report)?);
        } else {
            print!("{report}");
        }
        Ok(if report.void.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    };
    run().unwrap_or_else(|error| {
        eprintln!("uploads: {error}");
        ExitCode::FAILURE
    })
}

/// Records that a first, short upload brings, to find how many make the wanted time.
const FIRST_RECORDS: u64 = 1_000_000;

fn measure(args: &Args) -> Result<Report, Failure> {
    engine::limits::open_files::raise()?;
    let run_folder = run_folder::make("uploads", args.data.as_deref())?;
    let folder = run_folder.path();
    let uploading = args.tills.max(args.storm_tills);
    say(&format!("books with {} accounts", args.accounts));
    let spec = BooksSpec {
        accounts: args.accounts,
        tills: args.live_tills + uploading,
        debits: 0,
        back_end: LogBackEnd::Through,
    };
    let campus = books::make(folder, &spec)?;
    let server = ServerProcess::start(
        folder,
        std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        "through",
        args.accounts,
    )?;
    let campus = loadgen::Campus { address: server.address(), ..campus };
    let mut tills = Tills::new(&campus, usize::from(args.live_tills));
    let mut report = Report::new(args, folder);

    let first = if args.quick { 20_000 } else { FIRST_RECORDS };
    let mut rate_per_s = upload(&mut tills, args.tills, args.batch, first, &mut report)?.records_per_s();
    let mut bound = bound::Bound::new(&campus);
    for round in 0..args.rounds {
        // Who goes first changes from round to round.
        let early = round.is_multiple_of(2).then(|| bound.run(args.bound_records()));
        let records = (rate_per_s * args.seconds) as u64;
        let uploaded = upload(&mut tills, args.tills, args.batch, records, &mut report)?;
        let bound_per_s = early.unwrap_or_else(|| bound.run(args.bound_records()));
        rate_per_s = uploaded.records_per_s();
        say(&format!("round {}: {rate_per_s:.0} records/s, bound {bound_per_s:.0}/s", round + 1));
        report.rounds.push(Round { uploaded, bound_per_s });
    }
    drop(bound);
    if args.sustained_seconds > 0.0 {
        let records = (rate_per_s * args.sustained_seconds) as u64;
        let uploaded = upload(&mut tills, args.tills, args.batch, records, &mut report)?;
        say(&format!("{:.1} s without a pause: {:.0} records/s", uploaded.seconds, uploaded.records_per_s()));
        report.sustained = Some(uploaded);
    }
    if args.storm_rounds > 0 {
        report.storm = Some(storm::measure(args, &campus, &mut tills, &mut report)?);
    }
    report.stages = server.stop()?;

    say("audit of the whole log");
    let begun = Instant::now();
    let audit = audit::verify(folder, &AuditOptions::default())?;
    say(&format!("audited {} records in {:.1} s", audit.records, begun.elapsed().as_secs_f64()));
    report.judge(&audit);
    Ok(report)
}

impl Args {
    fn bound_records(&self) -> u64 {
        if self.quick { 20_000 } else { 3_000_000 }
    }
}

/// Signs so many records and uploads them all.
fn upload(
    tills: &mut Tills<'_>,
    count: u16,
    batch: u32,
    records: u64,
    report: &mut Report,
) -> Result<uploader::Uploaded, Failure> {
    let sessions = tills.sign(0..usize::from(count), batch, records)?;
    let uploaded = uploader::upload(sessions, &uploader::Stop::default(), Duration::from_secs(60))?;
    report.count(&uploaded);
    Ok(uploaded)
}

fn say(what: &str) {
    eprintln!("uploads: {what}");
}

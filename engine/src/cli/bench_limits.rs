//! `yika bench-limits`: what the engine reaches, beside what the machine gives, in one run.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use loadgen::campus::Campus;
use loadgen::closed::closed_on;
use loadgen::config::{ClosedConfig, ProgressLine, RunConfig};
use loadgen::machine::Machine;
use loadgen::open::{OpenReport, open_on};
use loadgen::outcome_log::OutcomeLog;
use loadgen::profile::{PlanScope, PoissonConfig, ProfileConfig, SalesMix};
use loadgen::progress::RunControl;
use loadgen::report::{ClosedReport, LatencySummary};

use super::server_process::{ServerProcess, Started};
use super::{BenchLimitsArgs, CliResult, Durability};
use crate::audit::{self, AuditOptions};
use crate::limits::books::{self, BooksSpec, CARD_COUNTERS_USED};
use crate::limits::disk::Disk;
use crate::limits::echo_process::{self, EchoProcess};
use crate::limits::ledger_alone::{BATCH, LedgerAlone, LedgerRound};
use crate::limits::memory::Resident;
use crate::limits::open_files;
use crate::limits::replay::Replay;
use crate::limits::report::{
    AuditFigures, ECHO_GOAL_CONNECTIONS, HalfLoad, Latency, LedgerFigures, LimitsReport, Memory,
    ReplaySection, StartUp, Throughput,
};
use crate::limits::spread::Spread;
use crate::limits::{echo_client, echo_server};

type Failure = Box<dyn std::error::Error>;

/// The traffic's seed: which accounts, and when at half load.
const SEED: u64 = 20_260_901;
/// Shards of the ledger alone: as many as a server has.
const SHARDS: usize = 4;

/// Starts from each books.
const REPLAY_ROUNDS: u32 = 7;
/// The books with small blocks: about as many debits a block as 200 tills leave at a lunch's pace.
const SMALL_BLOCK_DEBITS: u64 = 6;
const SMALL_BLOCKS_RECORDS: u64 = 60_000;
const SMALL_BLOCKS_ACCOUNTS: u32 = 30_000;

/// What is run, after `--quick` has been taken into account.
struct Plan {
    accounts: u32,
    records: u64,
    rounds: u32,
    closed: Duration,
    half_load: Duration,
    settle: Duration,
    connections: Vec<u32>,
    ledger_debits: u64,
    durability: Durability,
}

impl Plan {
    fn of(args: &BenchLimitsArgs) -> Result<Plan, Failure> {
        let connections = args.connections.clone();
        if connections.is_empty() || connections.iter().any(|&count| !(1..=8_000).contains(&count)) {
            return Err("--connections: each must be 1 to 8,000".into());
        }
        if args.rounds == 0 || args.accounts == 0 {
            return Err("--rounds and --accounts must be at least 1".into());
        }
        let seconds = |name: &str, value: f64| match Duration::try_from_secs_f64(value) {
            Ok(time) if !time.is_zero() => Ok(time),
            _ => Err(format!("--{name}: must be a positive number of seconds")),
        };
        let plan = Plan {
            accounts: args.accounts,
            records: args.records,
            rounds: args.rounds,
            closed: seconds("seconds", args.seconds)?,
            half_load: seconds("half-load-seconds", args.half_load_seconds)?,
            settle: Duration::from_millis(500),
            connections,
            ledger_debits: 4_000_000,
            durability: args.durability,
        };
        let most = plan.connections.iter().max().copied().unwrap_or(1);
        if plan.accounts < most && !args.quick {
            return Err(format!("--accounts: {most} connections need as many accounts").into());
        }
        if !args.quick {
            return Ok(plan);
        }
        Ok(Plan {
            accounts: 20_000,
            records: 20_000,
            rounds: 1,
            closed: Duration::from_millis(500),
            half_load: Duration::from_secs(1),
            settle: Duration::from_millis(100),
            ledger_debits: 200_000,
            ..plan
        })
    }

    fn durability(&self) -> &'static str {
        match self.durability {
            Durability::Through => "through",
            Durability::Map => "map",
        }
    }

    fn books(&self) -> BooksSpec {
        BooksSpec {
            accounts: self.accounts,
            tills: self.connections.iter().max().map_or(1, |&most| most as u16),
            debits: self.records,
            back_end: self.durability.into(),
        }
    }
}

pub(super) fn bench_limits(args: &BenchLimitsArgs) -> CliResult {
    if args.serve_echo {
        echo_process::serve(echo_server::serve)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan::of(args)?;
    open_files::raise().map_err(|e| format!("the limit of open files can't be raised: {e}"))?;
    let folder = Folder::new(args.data.as_deref())?;
    let report = measure(&plan, &folder.path)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(if report.void.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(plan: &Plan, folder: &Path) -> Result<LimitsReport, Failure> {
    let without_accounts = memory_without_accounts(plan, &folder.join("empty"))?;
    let dir = folder.join("books");
    say(&format!("books with {} accounts, {} records in the log", plan.accounts, plan.records));
    let campus = books::make(&dir, &plan.books())?;

    let replay = replay_figures(plan, folder, &dir)?;
    say("a server with these books, and an echo server");
    let server = start_server(&dir, plan, plan.accounts)?;
    let started = server.started().clone();
    let with_accounts = Resident::of(server.id())?;
    let echo = EchoProcess::start(["bench-limits", "--serve-echo"])?;
    let campus = Campus { address: server.address(), ..campus };

    let mut runs = Runs::new(plan, &campus, echo.address());
    let mut ledger = LedgerAlone::new(plan.accounts, SHARDS, SEED)?;
    ledger.debits::<BATCH>(plan.ledger_debits / 10)?;
    ledger.touches(plan.ledger_debits / 10);
    let mut disk = Disk::new(&folder.join("disk"), plan.durability.into());
    let mut ledger_rounds = Vec::new();
    let mut disk_rounds = Vec::new();
    for round in 0..plan.rounds {
        runs.closed_round(round)?;
        disk_rounds.push(disk.write_pages(plan.closed)?);
        ledger_rounds.push(ledger.round(plan.ledger_debits)?);
    }
    drop(ledger);
    let ledger = ledger_figures(&ledger_rounds);
    let throughput = runs.throughput();
    let half_load = runs.half_load(&throughput)?;
    let disk = Latency::of(&disk_rounds);
    server.stop()?;

    say("audit of the whole log");
    let before = Instant::now();
    let audit = audit::verify(&dir, &AuditOptions::default())?;
    say(&format!("audited {} records in {:.1} s", audit.records, before.elapsed().as_secs_f64()));
    let acknowledged = runs.acknowledged + plan.records;
    // Every debit of the books and of the runs is of one fen.
    let debits = u64::try_from(audit.totals.debits_fen).unwrap_or(0);
    if !audit.ok {
        runs.void.push(format!("the audit found {} violations", audit.violations_total));
    }
    if debits < acknowledged {
        runs.void.push(format!("{acknowledged} debits were acknowledged, {debits} are in the log"));
    }
    let own_bytes = with_accounts.own_bytes.saturating_sub(without_accounts.own_bytes);
    let half_load_bound_us = half_load.echo.p999_us.median + 2.0 * disk.p999_us.median;
    Ok(LimitsReport {
        echo_ratio: throughput.iter().map(|line| (line.connections, line.ratio.median)).collect(),
        half_load_p999_ratio: half_load.debit.p999_us.median / half_load_bound_us,
        ledger_ratio: ledger.ratio.median,
        ledger_fair_ratio_1: ledger.fair_ratio_1.median,
        ledger_fair_ratio_64: ledger.fair_ratio_64.median,
        replay_records_per_s: started.replay_records_per_s,
        replay_ratio: replay.large_blocks.ratio.median,
        machine: Machine::here(Some(folder)),
        durability: plan.durability(),
        rounds: plan.rounds,
        seconds: plan.closed.as_secs_f64(),
        accounts: plan.accounts,
        throughput,
        disk,
        half_load,
        ledger,
        start_up: start_up(&started),
        replay,
        memory: Memory {
            bytes_per_account: own_bytes as f64 / f64::from(plan.accounts),
            with_accounts,
            without_accounts,
        },
        audit: AuditFigures { ok: audit.ok, records: audit.records, debits, acknowledged },
        void: runs.void,
    })
}

/// Starts from the books at `dir`, and from smaller ones whose blocks are as small as a lunch's.
fn replay_figures(plan: &Plan, folder: &Path, dir: &Path) -> Result<ReplaySection, Failure> {
    say("starts from these books, and from some with small blocks");
    let mut large = Replay::of(dir, &plan.books())?;
    let small_dir = folder.join("small-blocks");
    let small_books = BooksSpec {
        accounts: plan.accounts.min(SMALL_BLOCKS_ACCOUNTS),
        debits: plan.records.min(SMALL_BLOCKS_RECORDS),
        ..plan.books()
    };
    let mut small = Replay::in_blocks(&small_dir, &small_books, SMALL_BLOCK_DEBITS)?;
    for _ in 0..REPLAY_ROUNDS.min(plan.rounds * 3) {
        large.round()?;
        small.round()?;
    }
    Ok(ReplaySection { large_blocks: large.figures(), small_blocks: small.figures() })
}

fn start_server(dir: &Path, plan: &Plan, accounts: u32) -> Result<ServerProcess, String> {
    ServerProcess::start(dir, SocketAddr::from(([127, 0, 0, 1], 0)), plan.durability(), accounts)
}

/// The same tills, one account, the smallest tables.
fn memory_without_accounts(plan: &Plan, dir: &Path) -> Result<Resident, Failure> {
    books::make(dir, &BooksSpec { accounts: 1, debits: 0, ..plan.books() })?;
    let server = start_server(dir, plan, 1)?;
    let resident = Resident::of(server.id())?;
    // These books are of no further use: nothing has to be sealed.
    server.kill()?;
    Ok(resident)
}

fn ledger_figures(rounds: &[LedgerRound]) -> LedgerFigures {
    let of = |figure: fn(&LedgerRound) -> f64| Spread::of(rounds.iter().map(figure));
    LedgerFigures {
        debits_per_s: of(|round| round.debits_64),
        touches_per_s: of(|round| round.plain),
        ratio: of(|round| round.debits_64 / round.plain),
        fair_per_s_64: of(|round| round.fair_64),
        fair_ratio_64: of(|round| round.debits_64 / round.fair_64),
        debits_per_s_1: of(|round| round.debits_1),
        fair_per_s_1: of(|round| round.fair_1),
        fair_ratio_1: of(|round| round.debits_1 / round.fair_1),
    }
}

fn start_up(started: &Started) -> StartUp {
    StartUp { ready_ms: started.ready_ms, records: started.records_replayed, replay_ms: started.replay_ms }
}

/// One closed run of each side.
struct Pair {
    connections: u32,
    echo: ClosedReport,
    debits: ClosedReport,
}

/// The runs against the two servers, and what they came to.
struct Runs<'a> {
    plan: &'a Plan,
    campus: &'a Campus,
    echo: SocketAddr,
    pairs: Vec<Pair>,
    /// Debits acknowledged while the runs measured.
    acknowledged: u64,
    /// Where the next run's card counters begin: each run's lie above those before.
    card_counter: u32,
    void: Vec<String>,
}

impl<'a> Runs<'a> {
    fn new(plan: &'a Plan, campus: &'a Campus, echo: SocketAddr) -> Runs<'a> {
        Runs {
            plan,
            campus,
            echo,
            pairs: Vec::new(),
            acknowledged: 0,
            card_counter: CARD_COUNTERS_USED,
            void: Vec::new(),
        }
    }

    fn next_card_counter(&mut self) -> u32 {
        let first = self.card_counter;
        self.card_counter = first.saturating_add(CARD_COUNTERS_USED);
        first
    }

    /// Every number of connections once, both sides; who goes first changes from round to round.
    fn closed_round(&mut self, round: u32) -> Result<(), Failure> {
        for &connections in &self.plan.connections {
            let (echo, debits);
            if round.is_multiple_of(2) {
                echo = self.closed_echo(connections)?;
                debits = self.closed_debits(connections, round)?;
            } else {
                debits = self.closed_debits(connections, round)?;
                echo = self.closed_echo(connections)?;
            }
            say(&format!(
                "round {}, {connections} connections: {:.0} echoes/s, {:.0} debits/s",
                round + 1,
                echo.completed_per_s,
                debits.completed_per_s
            ));
            self.pairs.push(Pair { connections, echo, debits });
        }
        Ok(())
    }

    fn closed_echo(&mut self, connections: u32) -> Result<ClosedReport, Failure> {
        let config = self.closed_config(connections, 0);
        let seats = echo_client::open(self.echo, connections);
        let run = closed_on(seats, &config, self.plan.accounts, &|_| true, &mut || {})?;
        self.check_closed(&run, "echoes");
        Ok(run)
    }

    fn closed_debits(&mut self, connections: u32, round: u32) -> Result<ClosedReport, Failure> {
        let card_counter_first = Some(self.next_card_counter());
        let config = ClosedConfig { card_counter_first, ..self.closed_config(connections, round) };
        let run = loadgen::closed::closed(self.campus, &config)?;
        self.acknowledged += run.completed;
        self.check_closed(&run, "debits");
        Ok(run)
    }

    fn closed_config(&self, connections: u32, round: u32) -> ClosedConfig {
        ClosedConfig {
            settle_ns: self.plan.settle.as_nanos() as u64,
            measure_ns: self.plan.closed.as_nanos() as u64,
            ..ClosedConfig::new(connections, SEED + u64::from(round))
        }
    }

    fn check_closed(&mut self, run: &ClosedReport, what: &str) {
        if run.refused > 0 || run.failed > 0 {
            self.void.push(format!(
                "{} connections: {} {what} refused {:?}, {} connections failed: {}",
                run.connections,
                run.refused,
                run.refused_by_code,
                run.failed,
                run.first_failure.as_deref().unwrap_or_default()
            ));
        }
    }

    fn throughput(&self) -> Vec<Throughput> {
        let line = |&connections: &u32| {
            let of = |figure: &dyn Fn(&Pair) -> f64| {
                Spread::of(self.pairs.iter().filter(|pair| pair.connections == connections).map(figure))
            };
            let us = |ns: u64| ns as f64 / 1_000.0;
            Throughput {
                connections,
                echo_per_s: of(&|pair| pair.echo.completed_per_s),
                debits_per_s: of(&|pair| pair.debits.completed_per_s),
                ratio: of(&|pair| pair.debits.completed_per_s / pair.echo.completed_per_s.max(1.0)),
                debit_p50_us: of(&|pair| us(pair.debits.latency.p50_ns)),
                debit_p99_us: of(&|pair| us(pair.debits.latency.p99_ns)),
                echo_p99_us: of(&|pair| us(pair.echo.histogram.value_at_quantile(0.99))),
            }
        };
        self.plan.connections.iter().map(line).collect()
    }

    /// Both sides at half of what the debits reached in the closed runs with the same connections.
    fn half_load(&mut self, throughput: &[Throughput]) -> Result<HalfLoad, Failure> {
        let line = throughput
            .iter()
            .find(|line| line.connections == ECHO_GOAL_CONNECTIONS)
            .or_else(|| throughput.iter().max_by_key(|line| line.connections))
            .ok_or("no number of connections was run")?;
        let (connections, rate_per_s) = (line.connections, line.debits_per_s.median / 2.0);
        let (mut debit, mut debit_lag) = (Vec::new(), Vec::new());
        let (mut echo, mut echo_lag) = (Vec::new(), Vec::new());
        for round in 0..self.plan.rounds {
            let echo_first = round.is_multiple_of(2);
            for is_echo in [echo_first, !echo_first] {
                if is_echo {
                    let run = self.open_echo(connections, rate_per_s, round)?;
                    echo_lag.push(run.lag);
                    echo.push(run.latency);
                } else {
                    let (latency, lag) = self.open_debits(connections, rate_per_s, round)?;
                    debit.push(latency);
                    debit_lag.push(lag);
                }
            }
            say(&format!("round {} of half load is done", round + 1));
        }
        let us = |figure: fn(&LatencySummary) -> u64, of: &[LatencySummary]| {
            Spread::of(of.iter().map(|latency| figure(latency) as f64 / 1_000.0))
        };
        Ok(HalfLoad {
            connections,
            rate_per_s,
            seconds: self.plan.half_load.as_secs_f64(),
            debit: Latency {
                p50_us: us(|latency| latency.p50_ns, &debit),
                p99_us: us(|latency| latency.p99_ns, &debit),
                p999_us: us(|latency| latency.p999_ns, &debit),
            },
            echo: Latency::of(&echo),
            debit_lag_p999_us: us(|latency| latency.p999_ns, &debit_lag),
            echo_lag_p999_us: Latency::of(&echo_lag).p999_us,
        })
    }

    fn half_load_profile(&self, rate_per_s: f64) -> ProfileConfig {
        let duration_ns = self.plan.half_load.as_nanos() as u64;
        ProfileConfig::Poisson(PoissonConfig { rate_per_s, duration_ns, sales: SalesMix::one_fen_by_card() })
    }

    fn open_echo(&mut self, connections: u32, rate_per_s: f64, round: u32) -> Result<OpenReport, Failure> {
        let holders = self.plan.accounts;
        let scope = PlanScope { seed: SEED + u64::from(round), tills: connections, holders };
        let seats = echo_client::open(self.echo, connections);
        let run = open_on(seats, &self.half_load_profile(rate_per_s), scope)?;
        if run.approved != run.intended {
            self.void.push(format!("half load: {} of {} echoes came", run.approved, run.intended));
        }
        Ok(run)
    }

    /// The latency of debits from their intended start, and the generator's own lag.
    fn open_debits(
        &mut self,
        connections: u32,
        rate_per_s: f64,
        round: u32,
    ) -> Result<(LatencySummary, LatencySummary), Failure> {
        let config = RunConfig {
            tills: Some(connections),
            card_counter_first: Some(self.next_card_counter()),
            progress: ProgressLine::Never,
            ..RunConfig::new(self.half_load_profile(rate_per_s), SEED + u64::from(round))
        };
        let run = loadgen::run(self.campus, &config, &RunControl::new(), &mut OutcomeLog::new())?;
        self.acknowledged += run.counts.approved;
        let failures = run.failures();
        if !failures.is_empty() {
            self.void.push(format!("half load: {}", failures.join("; ")));
        }
        if run.counts.approved != run.counts.intended {
            self.void.push(format!("half load: not every debit was approved: {:?}", run.counts));
        }
        Ok((run.latency, run.lag))
    }
}

/// Where the run's files lie; gone with it.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(data: Option<&Path>) -> Result<Folder, Failure> {
        let parent = data.map_or_else(std::env::temp_dir, Path::to_owned);
        let path = parent.join(format!("yika-bench-limits-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Folder { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("yika: {} is left behind: {error}", self.path.display());
        }
    }
}

fn say(what: &str) {
    eprintln!("bench-limits: {what}");
}

//! `yika serve`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use wal::{LogWriter, Tail};

use super::{CliResult, Durability, ServeArgs, daily_cutoff};
use crate::data_dir::DataDir;
use crate::opened_books::{LogBackEnd, OpenOptions, OpenedBooks};
use crate::runtime::engine::StartReport;
use crate::server::stages::StageSummary;
use crate::server::{Server, ServerConfig, ServerError, metrics};

impl From<Durability> for LogBackEnd {
    fn from(durability: Durability) -> LogBackEnd {
        match durability {
            Durability::Through => LogBackEnd::Through,
            Durability::Map => LogBackEnd::Map,
        }
    }
}

pub(super) fn serve(args: &ServeArgs) -> CliResult {
    let begun = Instant::now();
    let data = DataDir::create_or_open(&args.data.dir)?;
    let master_key = data.master_key()?;
    let options = OpenOptions {
        sizes: args.sizes.sizes(),
        back_end: args.durability.into(),
        log_bytes_max: args.log_bytes_max,
    };
    let (books, report) = OpenedBooks::open(data, &options)?;
    let writer = LogWriter::spawn(books.engine().log().clone())?;
    let config = ServerConfig {
        workers: args.workers,
        connections_max: args.connections_max,
        slow_request_min: Duration::from_millis(args.slow_ms),
        ..ServerConfig::default()
    };
    let (engine, passwords) = (books.engine().clone(), books.passwords().clone());
    let server = Server::start(engine, passwords, master_key, args.listen, config)?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let failure = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let metrics_address = match args.metrics {
            Some(address) => {
                let listener = metrics::listen(address).await?;
                let address = listener.local_addr()?;
                tokio::spawn(metrics::serve(listener, server.metrics()));
                Some(address)
            }
            None => None,
        };
        // Only now: who reads that it listens may tell it to stop at once.
        print_start(args, &server, metrics_address, &report, begun);
        let failed = server.failure();
        if let Some(minute) = args.cutoff_at {
            tokio::spawn(daily_cutoff::run(books.engine().clone(), minute));
        }
        Ok::<_, ServerError>(tokio::select! {
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            cause = failed => Some(cause),
        })
    })?;
    if let Some(cause) = failure {
        // Nothing more can be acknowledged, and the log's pages can't be trusted by this process any more.
        return Err(format!("{}: {cause}; what was acknowledged is durable", args.data.dir.display()).into());
    }
    let stopped = server.stop()?;
    drop(writer);
    let last = books.close()?;
    print_stop(args, last.0, &stopped.stages);
    Ok(ExitCode::SUCCESS)
}

fn print_start(
    args: &ServeArgs,
    server: &Server,
    metrics_address: Option<SocketAddr>,
    report: &StartReport,
    begun: Instant,
) {
    let recovery = &report.recovery;
    let tail = match recovery.tail {
        Tail::New => "a new log".to_owned(),
        Tail::Sealed => "the log was sealed by a clean stop".to_owned(),
        Tail::Unsealed => "the last process was stopped without a seal".to_owned(),
        Tail::Torn { segment, page } => {
            format!(
                "a block in segment {segment}, page {page} was torn; it was never acknowledged and is gone"
            )
        }
    };
    let ready = begun.elapsed();
    let replay_s = report.replay_time.as_secs_f64();
    let records_per_s = recovery.records_replayed as f64 / replay_s.max(1e-9);
    if args.json {
        println!(
            "{}",
            json!({
                "listening": server.address().to_string(),
                "metrics": metrics_address.map(|address| address.to_string()),
                "ready_ms": ready.as_secs_f64() * 1_000.0,
                "snapshot_record": report.snapshot.as_ref().map(|(last, _)| last.0),
                "snapshot_ms": report.snapshot_time.as_secs_f64() * 1_000.0,
                "records_replayed": recovery.records_replayed,
                "replay_ms": replay_s * 1_000.0,
                "replay_records_per_s": records_per_s,
                "last_record": recovery.last_number,
                "tail": tail,
                "accounts": report.accounts,
                "cards": report.cards,
                "terminals": report.terminals,
                "passwords_lost": report.passwords_lost,
            })
        );
        return;
    }
    for rejected in &report.snapshots_rejected {
        println!("snapshot passed over: {rejected}");
    }
    for rejected in &report.order_runs_rejected {
        println!("part of the order index made anew: {rejected}");
    }
    if report.passwords_lost > 0 {
        println!(
            "{} query passwords are lost: give their holders new ones at a counter",
            report.passwords_lost
        );
    }
    match &report.snapshot {
        Some((last, path)) => println!(
            "snapshot up to record {last} from {} in {:.1} ms",
            path.display(),
            report.snapshot_time.as_secs_f64() * 1_000.0
        ),
        None => println!("no snapshot: the whole log is replayed"),
    }
    println!(
        "replayed {} records in {:.1} ms ({:.0}/s) up to record {}; {tail}",
        recovery.records_replayed,
        replay_s * 1_000.0,
        records_per_s,
        recovery.last_number
    );
    println!("{} accounts, {} cards, {} terminals", report.accounts, report.cards, report.terminals);
    if let Some(address) = metrics_address {
        println!("figures on http://{address}/metrics.json and http://{address}/metrics");
    }
    println!("listening on {} after {:.1} ms", server.address(), ready.as_secs_f64() * 1_000.0);
}

fn print_stop(args: &ServeArgs, last_record: u64, stages: &[StageSummary]) {
    if args.json {
        println!("{}", json!({ "stopped": true, "last_record": last_record, "stages": stages }));
        return;
    }
    println!("stopped cleanly at record {last_record}: log sealed, snapshot saved");
    for stage in stages.iter().filter(|stage| stage.count > 0) {
        println!(
            "  {:<7} mean {:>8.1} µs   p50 {:>8.1}   p99 {:>8.1}   p99.9 {:>8.1}",
            stage.stage, stage.mean_us, stage.p50_us, stage.p99_us, stage.p999_us
        );
    }
}

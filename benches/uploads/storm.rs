//! The storm: a thousand tills upload all they have while others serve people at half load.
//!
//! Live traffic is loadgen's open loop on its own tills; with and without the storm it is the same schedule.

use std::fmt;
use std::thread;
use std::time::Duration;

use engine::limits::books::CARD_COUNTERS_USED;
use engine::limits::spread::Spread;
use loadgen::config::{ClosedConfig, ProgressLine, RunConfig};
use loadgen::outcome_log::OutcomeLog;
use loadgen::profile::{PoissonConfig, ProfileConfig, SalesMix};
use loadgen::report::LatencySummary;
use loadgen::{Campus, RunControl};
use serde::Serialize;

use crate::report::Report;
use crate::signed_frames::Tills;
use crate::uploader::{self, Stop, Uploaded};
use crate::{Args, Failure, say};

const SEED: u64 = 20_261_125;
/// A batch of a till may wait for those of all others.
const PATIENCE: Duration = Duration::from_secs(60);
/// Priority of the uploading client: see the [crate].
const CLIENT_NICE: i32 = 10;

/// Live traffic and uploads beside each other.
#[derive(Debug, Serialize)]
pub struct Storm {
    /// Tills that served people.
    pub live_tills: u16,
    /// Intended live requests a second.
    pub live_rate_per_s: f64,
    /// Tills that uploaded.
    pub tills: u16,
    /// Seconds of each run.
    pub seconds: f64,
    /// Each with its live traffic alone and in the storm.
    pub rounds: Vec<StormRound>,
}

/// Live traffic alone, and in the storm.
#[derive(Debug, Serialize)]
pub struct StormRound {
    /// From the intended start to the answer.
    pub alone: LatencySummary,
    /// The load generator's own lag.
    pub alone_lag: LatencySummary,
    /// From the intended start to the answer.
    pub in_storm: LatencySummary,
    /// The load generator's own lag.
    pub in_storm_lag: LatencySummary,
    /// Records acknowledged while live traffic ran, a second.
    pub uploads_per_s: f64,
    /// The whole upload, what was in flight at the end included.
    pub uploaded: Uploaded,
}

/// Runs every round.
pub fn measure(
    args: &Args,
    campus: &Campus,
    tills: &mut Tills<'_>,
    report: &mut Report,
) -> Result<Storm, Failure> {
    let mut live = Live { args, campus, card_counter: CARD_COUNTERS_USED };
    let live_rate_per_s = match args.live_rate {
        Some(rate) => rate,
        None => live.closed_per_s(report)? / 2.0,
    };
    let mut storm = Storm {
        live_tills: args.live_tills,
        live_rate_per_s,
        tills: args.storm_tills,
        seconds: args.storm_seconds,
        rounds: Vec::new(),
    };
    for round in 0..args.storm_rounds {
        // Who goes first changes from round to round.
        let early =
            if round.is_multiple_of(2) { Some(live.run(live_rate_per_s, round, report)?) } else { None };
        let records = (args.storm_seconds * f64::from(args.storm_records_per_s)) as u64;
        let sessions = tills.sign(0..usize::from(args.storm_tills), args.batch, records)?;
        let stop = Stop::default();
        let client_stop = stop.clone();
        let client = thread::spawn(move || {
            let _ = rustix::process::setpriority_process(None, CLIENT_NICE);
            uploader::upload(sessions, &client_stop, PATIENCE).map_err(|error| error.to_string())
        });
        let lived = live.run(live_rate_per_s, round, report);
        let acknowledged = stop.acknowledged();
        stop.stop();
        let uploaded = client.join().map_err(|_| "the uploading client panicked")??;
        let (in_storm, in_storm_lag, elapsed_s) = lived?;
        report.count(&uploaded);
        // A quick run only shows that everything works, however fast the machine is.
        if uploaded.unsent_batches == 0 && !args.quick {
            report
                .void
                .push("the storm was over before live traffic: give --storm-records-per-s more".to_owned());
        }
        let (alone, alone_lag, _) = match early {
            Some(early) => early,
            None => live.run(live_rate_per_s, round, report)?,
        };
        let uploads_per_s = acknowledged as f64 / elapsed_s;
        say(&format!(
            "storm {}: p99.9 {:.2} ms alone, {:.2} ms beside {uploads_per_s:.0} records/s",
            round + 1,
            alone.p999_ns as f64 / 1e6,
            in_storm.p999_ns as f64 / 1e6,
        ));
        storm.rounds.push(StormRound { alone, alone_lag, in_storm, in_storm_lag, uploads_per_s, uploaded });
    }
    Ok(storm)
}

struct Live<'a> {
    args: &'a Args,
    campus: &'a Campus,
    /// Where the next run's card counters begin: each run's lie above those before.
    card_counter: u32,
}

impl Live<'_> {
    fn next_card_counter(&mut self) -> u32 {
        let first = self.card_counter;
        self.card_counter = first.saturating_add(CARD_COUNTERS_USED);
        first
    }

    fn closed_per_s(&mut self, report: &mut Report) -> Result<f64, Failure> {
        let config = ClosedConfig {
            card_counter_first: Some(self.next_card_counter()),
            ..ClosedConfig::new(self.args.live_tills.into(), SEED)
        };
        let run = loadgen::closed(self.campus, &config)?;
        if run.refused > 0 || run.failed > 0 {
            report.void.push(format!("closed loop: {} refused, {} failed", run.refused, run.failed));
        }
        Ok(run.completed_per_s)
    }

    /// Latency, the generator's lag, and the seconds that it took.
    fn run(
        &mut self,
        rate_per_s: f64,
        round: u32,
        report: &mut Report,
    ) -> Result<(LatencySummary, LatencySummary, f64), Failure> {
        let sales = SalesMix::one_fen_by_card();
        let duration_ns = Duration::from_secs_f64(self.args.storm_seconds).as_nanos() as u64;
        let profile = ProfileConfig::Poisson(PoissonConfig { rate_per_s, duration_ns, sales });
        let config = RunConfig {
            tills: Some(self.args.live_tills.into()),
            card_counter_first: Some(self.next_card_counter()),
            progress: ProgressLine::Never,
            ..RunConfig::new(profile, SEED + u64::from(round))
        };
        let run = loadgen::run(self.campus, &config, &RunControl::new(), &mut OutcomeLog::new())?;
        let failures = run.failures();
        if !failures.is_empty() {
            report.void.push(format!("live traffic: {}", failures.join("; ")));
        }
        if run.counts.approved != run.counts.intended {
            report.void.push(format!("live traffic: not every debit was approved: {:?}", run.counts));
        }
        Ok((run.latency, run.lag, run.elapsed_ns as f64 / 1e9))
    }
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |of: fn(&StormRound) -> u64| {
            let spread = Spread::of(self.rounds.iter().map(|round| of(round) as f64 / 1e6));
            format!("{:.2} ms ({:.2}–{:.2})", spread.median, spread.lowest, spread.highest)
        };
        let ratio = Spread::of(
            self.rounds.iter().map(|round| round.in_storm.p999_ns as f64 / round.alone.p999_ns as f64),
        );
        let uploads = Spread::of(self.rounds.iter().map(|round| round.uploads_per_s));
        writeln!(
            f,
            "storm      {} tills upload, {} serve {:.0}/s, {:.0} s each, {} rounds",
            self.tills,
            self.live_tills,
            self.live_rate_per_s,
            self.seconds,
            self.rounds.len()
        )?;
        writeln!(f, "  alone    p99.9 {}, p50 {}", ms(|r| r.alone.p999_ns), ms(|r| r.alone.p50_ns))?;
        writeln!(f, "  storm    p99.9 {}, p50 {}", ms(|r| r.in_storm.p999_ns), ms(|r| r.in_storm.p50_ns))?;
        writeln!(
            f,
            "  ratio    {:.2} ({:.2}–{:.2}); the generator's own lag p99.9 {} alone, {} in the storm",
            ratio.median,
            ratio.lowest,
            ratio.highest,
            ms(|r| r.alone_lag.p999_ns),
            ms(|r| r.in_storm_lag.p999_ns)
        )?;
        writeln!(
            f,
            "  uploads  {:.2} M/s meanwhile ({:.2}–{:.2})",
            uploads.median * 1e-6,
            uploads.lowest * 1e-6,
            uploads.highest * 1e-6
        )
    }
}

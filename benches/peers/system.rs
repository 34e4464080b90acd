//! The systems that are held against each other, and what a run of one comes to.

use std::time::Duration;

use loadgen::config::ClosedConfig;
use loadgen::profile::{LunchConfig, PlanScope, PoissonConfig, ProfileConfig, SalesMix};
use loadgen::report::LatencySummary;
use serde::Serialize;

use crate::echo::EchoKind;
use crate::error::PeersError;
use crate::journal::AMOUNT_FEN;
use crate::void::Void;

/// The traffic's seed: who pays, and when in an open run. Each round adds its number.
pub const SEED: u64 = 20_260_901;

/// A system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemId {
    /// Echo on tokio's multi-thread scheduler.
    EchoMultiThread,
    /// Echo on a `current_thread` runtime for each core.
    EchoPerCore,
    /// Echo on one `current_thread` runtime.
    EchoOneThread,
    /// Echo on bare epoll.
    EchoEpoll,
    /// Echo on bare epoll which makes a page durable before it answers.
    EchoDurable,
    /// Yika.
    Yika,
    /// Redis.
    Redis,
    /// PostgreSQL, a server process for each till.
    Postgres,
    /// PostgreSQL behind PgBouncer.
    Pgbouncer,
}

impl SystemId {
    /// Every system, in the order of the table.
    pub const ALL: [SystemId; 9] = [
        SystemId::EchoMultiThread,
        SystemId::EchoPerCore,
        SystemId::EchoOneThread,
        SystemId::EchoEpoll,
        SystemId::EchoDurable,
        SystemId::Yika,
        SystemId::Redis,
        SystemId::Postgres,
        SystemId::Pgbouncer,
    ];
    /// The echo servers of which the best is "echo" in every ratio.
    pub const TOKIO_ECHOES: [SystemId; 3] =
        [SystemId::EchoMultiThread, SystemId::EchoPerCore, SystemId::EchoOneThread];

    /// Its name in tables and messages.
    pub const fn name(self) -> &'static str {
        match self {
            SystemId::EchoMultiThread => "echo, tokio multi-thread",
            SystemId::EchoPerCore => "echo, tokio per core",
            SystemId::EchoOneThread => "echo, tokio one thread",
            SystemId::EchoEpoll => "echo, bare epoll",
            SystemId::EchoDurable => "echo, bare epoll, durable",
            SystemId::Yika => "Yika",
            SystemId::Redis => "Redis",
            SystemId::Postgres => "PostgreSQL",
            SystemId::Pgbouncer => "PostgreSQL + PgBouncer",
        }
    }

    /// How it waits, if it is an echo server.
    pub const fn echo_kind(self) -> Option<EchoKind> {
        match self {
            SystemId::EchoMultiThread => Some(EchoKind::MultiThread),
            SystemId::EchoPerCore => Some(EchoKind::PerCore),
            SystemId::EchoOneThread => Some(EchoKind::OneThread),
            SystemId::EchoEpoll => Some(EchoKind::Epoll),
            SystemId::EchoDurable => Some(EchoKind::Durable),
            _ => None,
        }
    }

    /// True for software of others, which a machine may lack: the run goes on without it.
    pub const fn is_peer(self) -> bool {
        matches!(self, SystemId::Redis | SystemId::Postgres | SystemId::Pgbouncer)
    }
}

/// A closed run: each till sends its next debit when it has the answer to the last.
#[derive(Clone, Copy, Debug)]
pub struct ClosedLoad {
    /// Tills.
    pub connections: u32,
    /// Before it is measured.
    pub settle: Duration,
    /// Measured.
    pub measure: Duration,
    /// The round, from 0.
    pub round: u32,
}

impl ClosedLoad {
    /// As the load generator takes it.
    pub fn config(&self) -> ClosedConfig {
        ClosedConfig {
            settle_ns: self.settle.as_nanos() as u64,
            measure_ns: self.measure.as_nanos() as u64,
            amount_fen: AMOUNT_FEN,
            ..ClosedConfig::new(self.connections, SEED + u64::from(self.round))
        }
    }
}

/// When the debits of an open run are due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Traffic {
    /// Every till has its own Poisson process; so many debits a second, all tills together.
    Poisson(f64),
    /// A canteen's lunch, ninety minutes in twenty seconds; so many debits a second on average.
    Lunch(f64),
}

impl Traffic {
    /// Intended debits a second, on average.
    pub const fn mean_per_s(self) -> f64 {
        match self {
            Traffic::Poisson(mean_per_s) | Traffic::Lunch(mean_per_s) => mean_per_s,
        }
    }
}

/// An open run: every debit's moment is fixed by the seed before the run.
#[derive(Clone, Copy, Debug)]
pub struct OpenLoad {
    /// Tills.
    pub tills: u32,
    /// When debits are due.
    pub traffic: Traffic,
    /// How long.
    pub measure: Duration,
    /// The round, from 0.
    pub round: u32,
}

/// Canteen time in a second of a lunch.
const LUNCH_COMPRESSION: u64 = 270;

impl OpenLoad {
    /// What is played to so many holders.
    pub fn profile(&self, holders: u32) -> ProfileConfig {
        let duration_ns = self.measure.as_nanos() as u64;
        match self.traffic {
            Traffic::Poisson(rate_per_s) => ProfileConfig::Poisson(PoissonConfig {
                rate_per_s,
                duration_ns,
                sales: SalesMix::one_fen_by_card(),
            }),
            // Only what every system can do: sales by card, no lost answers, no till offline.
            Traffic::Lunch(mean_per_s) => ProfileConfig::Lunch(LunchConfig {
                duration_ns,
                canteen_duration_ns: duration_ns * LUNCH_COMPRESSION,
                meals_per_holder: mean_per_s * self.measure.as_secs_f64() / f64::from(holders),
                price_min_fen: AMOUNT_FEN,
                price_max_fen: AMOUNT_FEN,
                code_share: 0.0,
                query_share: 0.0,
                answer_lost_share: 0.0,
                reversal_share: 0.0,
                offline_share: 0.0,
                ..LunchConfig::default()
            }),
        }
    }

    /// On what.
    pub fn scope(&self, holders: u32) -> PlanScope {
        PlanScope { seed: SEED + u64::from(self.round), tills: self.tills, holders }
    }
}

/// What stands in Yika's log for the debits of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LogUse {
    /// Bytes of a debit's records with their headers.
    pub bytes_per_debit: f64,
    /// What blocks add to that: their own headers, and the rest of their last page.
    pub padding_per_debit: f64,
}

/// What a closed run came to. Only what was acknowledged while it was measured counts in rate and latency.
#[derive(Clone, Debug)]
pub struct ClosedRun {
    /// Durable debits (or echoes) a second.
    pub per_s: f64,
    /// From sending to answer.
    pub latency: LatencySummary,
    /// User and system time of the server for each.
    pub processor_us: f64,
    /// Refused while it was measured.
    pub refused: u64,
    /// Connections that broke.
    pub failed: u64,
    /// Acknowledged from the first to the last.
    pub acknowledged: u64,
    /// Entries in the journal afterwards; `None` of an echo server, which keeps none.
    pub journaled: Option<u64>,
    /// Of Yika only.
    pub log: Option<LogUse>,
    /// Why the run is void; empty when it stands.
    pub void: Vec<Void>,
}

/// What an open run came to.
#[derive(Clone, Debug)]
pub struct OpenRun {
    /// From the intended moment to the answer.
    pub latency: LatencySummary,
    /// The generator's own lag.
    pub lag: LatencySummary,
    /// Debits intended.
    pub intended: u64,
    /// Debits acknowledged.
    pub acknowledged: u64,
    /// Debits refused.
    pub refused: u64,
    /// Debits that were never sent.
    pub dropped: u64,
    /// Entries in the journal afterwards.
    pub journaled: Option<u64>,
    /// Why the run is void; empty when it stands.
    pub void: Vec<Void>,
}

/// A system that can be measured. Every run has fresh books and ends with the exactly-once check.
pub trait System {
    /// A closed run.
    ///
    /// # Errors
    /// The system broke, or couldn't be made ready.
    fn closed(&mut self, load: &ClosedLoad) -> Result<ClosedRun, PeersError>;

    /// An open run.
    ///
    /// # Errors
    /// The system broke, or couldn't be made ready.
    fn open(&mut self, load: &OpenLoad) -> Result<OpenRun, PeersError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadgen::profile::IntentAction;

    #[test]
    fn both_kinds_of_traffic_are_one_fen_by_card_at_the_mean_asked_for() {
        for traffic in [Traffic::Poisson(2_000.0), Traffic::Lunch(2_000.0)] {
            let load = OpenLoad { tills: 50, traffic, measure: Duration::from_secs(5), round: 0 };
            let profile = load.profile(1_000);
            profile.validate().expect("settings in their ranges");
            let mut count = 0;
            for intent in profile.plan(load.scope(1_000)).into_iter().flat_map(|plan| plan.intents) {
                match intent.action {
                    IntentAction::Sale { amount_fen, answers_lost, .. } => {
                        assert_eq!((amount_fen, answers_lost), (AMOUNT_FEN, 0));
                    }
                    other => panic!("{other:?}"),
                }
                count += 1;
            }
            // A queue that is full at closing time sends some of a lunch away.
            assert!((7_500..=10_500).contains(&count), "{traffic:?}: {count}");
        }
    }
}

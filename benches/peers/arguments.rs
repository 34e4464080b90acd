//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::contenders::Programs;
use crate::echo::EchoKind;
use crate::error::PeersError;
use crate::measure::Measure;
use crate::rounds::Pace;

/// Holds Yika against Redis, PostgreSQL, echo servers and the bare disk: the same traffic, in turns, in one run.
///
/// Servers are started here, on the loopback, with directories of their own that are gone afterwards. Peers that aren't
/// installed are skipped: apt-get install postgresql postgresql-contrib pgbouncer redis-server
#[derive(Debug, Parser)]
#[command(name = "peers")]
pub struct Arguments {
    /// Rounds; each figure is the median of them.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// Length of each closed run, seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Length of each open run, seconds: a 99.9th percentile needs many requests.
    #[arg(long, default_value_t = 10.0)]
    open_seconds: f64,
    /// Accounts in every system's books.
    #[arg(long, default_value_t = 100_000)]
    accounts: u32,
    /// Only these measures.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Measure>,
    /// One short round with few accounts, to see that it works: its figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Directory to make the run's own folder in, on the disk to be measured; the system's temporary one when left out.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Directory of redis-server, instead of the usual places.
    #[arg(long, value_name = "DIR")]
    redis: Option<PathBuf>,
    /// Directory of postgres and initdb, instead of the usual places.
    #[arg(long, value_name = "DIR")]
    postgres: Option<PathBuf>,
    /// Directory of pgbouncer, instead of the usual places.
    #[arg(long, value_name = "DIR")]
    pgbouncer: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
    /// Be an echo server of another run.
    #[arg(long, value_enum, hide = true)]
    pub serve_echo: Option<EchoKind>,
}

impl Arguments {
    /// How long and how often.
    ///
    /// # Errors
    /// A number is out of its range.
    pub fn pace(&self) -> Result<Pace, PeersError> {
        let seconds = |name: &'static str, value: f64| match Duration::try_from_secs_f64(value) {
            Ok(time) if !time.is_zero() => Ok(time),
            _ => {
                Err(PeersError::Argument { name, reason: "must be a positive number of seconds".to_owned() })
            }
        };
        let pace = Pace {
            rounds: self.rounds,
            settle: Duration::from_millis(500),
            closed: seconds("seconds", self.seconds)?,
            open: seconds("open-seconds", self.open_seconds)?,
            disk: Duration::from_secs(1),
        };
        if self.rounds == 0 {
            return Err(PeersError::Argument { name: "rounds", reason: "must be at least 1".to_owned() });
        }
        let most = self.measures().iter().map(|measure| measure.tills()).max().unwrap_or(1);
        if self.accounts() < most {
            let reason = format!("{most} tills need as many accounts");
            return Err(PeersError::Argument { name: "accounts", reason });
        }
        Ok(if self.quick { quick() } else { pace })
    }

    /// What is measured.
    pub fn measures(&self) -> Vec<Measure> {
        Measure::ALL
            .into_iter()
            .filter(|measure| self.only.is_empty() || self.only.contains(measure))
            .collect()
    }

    /// Accounts in every system's books.
    pub fn accounts(&self) -> u32 {
        if self.quick { 10_000 } else { self.accounts }
    }

    /// Where programs are looked for.
    pub fn programs(&self) -> Programs {
        Programs {
            redis: self.redis.clone(),
            postgres: self.postgres.clone(),
            pgbouncer: self.pgbouncer.clone(),
        }
    }
}

fn quick() -> Pace {
    Pace {
        rounds: 1,
        settle: Duration::from_millis(100),
        closed: Duration::from_millis(500),
        open: Duration::from_secs(1),
        disk: Duration::from_millis(200),
    }
}

//! What is measured: which systems, with how many tills, in which loop.

use clap::ValueEnum;
use serde::Serialize;

use crate::system::SystemId::{
    self, EchoDurable, EchoEpoll, EchoMultiThread, EchoOneThread, EchoPerCore, Pgbouncer, Postgres, Redis,
    Yika,
};

/// A measure. All its systems are run in each round, and each round begins with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Closed loop, one till alone, with the bare disk.
    #[value(name = "closed-1")]
    Closed1,
    /// Closed loop, 64 tills.
    #[value(name = "closed-64")]
    Closed64,
    /// Closed loop, 100 tills: what a debit takes of the log.
    #[value(name = "closed-100")]
    Closed100,
    /// Closed loop, 200 tills.
    #[value(name = "closed-200")]
    Closed200,
    /// Closed loop, 256 tills.
    #[value(name = "closed-256")]
    Closed256,
    /// Closed loop, 1,000 tills.
    #[value(name = "closed-1000")]
    Closed1000,
    /// Open loop at half of what Yika completes with 256 tills, with the bare disk.
    HalfLoad,
    /// Open loop at half of what Redis completes with 1,000 tills.
    RedisHalf,
    /// Open loop, a lunch on 1,000 tills: waves of people, three times the mean at their height.
    Lunch,
}

/// How the tills of a measure send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// Each sends its next debit when it has the answer to the last.
    Closed,
    /// At moments fixed beforehand: half of what this system completes in the closed loop.
    HalfOf(SystemId),
    /// At moments fixed beforehand: a lunch's.
    Lunch,
}

impl Measure {
    /// Every measure; those of the closed loop first, because the rates of the others come from them.
    pub const ALL: [Measure; 9] = [
        Measure::Closed1,
        Measure::Closed64,
        Measure::Closed100,
        Measure::Closed200,
        Measure::Closed256,
        Measure::Closed1000,
        Measure::HalfLoad,
        Measure::RedisHalf,
        Measure::Lunch,
    ];

    /// Tills.
    pub const fn tills(self) -> u32 {
        match self {
            Measure::Closed1 => 1,
            Measure::Closed64 => 64,
            Measure::Closed100 => 100,
            Measure::Closed200 => 200,
            Measure::Closed256 | Measure::HalfLoad => 256,
            Measure::Closed1000 | Measure::RedisHalf | Measure::Lunch => 1_000,
        }
    }

    /// How its tills send.
    pub const fn sending(self) -> Sending {
        match self {
            Measure::HalfLoad => Sending::HalfOf(Yika),
            Measure::RedisHalf => Sending::HalfOf(Redis),
            Measure::Lunch => Sending::Lunch,
            _ => Sending::Closed,
        }
    }

    /// True when the bare disk is measured beside it.
    pub const fn with_disk(self) -> bool {
        matches!(self, Measure::Closed1 | Measure::HalfLoad)
    }

    /// Who takes part.
    pub const fn systems(self) -> &'static [SystemId] {
        match self {
            Measure::Closed1 => {
                &[EchoMultiThread, EchoPerCore, EchoOneThread, EchoEpoll, EchoDurable, Yika, Redis, Postgres]
            }
            Measure::Closed64 | Measure::Closed256 => {
                &[EchoMultiThread, EchoPerCore, EchoOneThread, EchoEpoll, EchoDurable, Yika]
            }
            Measure::Closed100 => &[Yika],
            Measure::Closed200 => &[Yika, Redis, Postgres, Pgbouncer],
            Measure::Closed1000 => {
                &[EchoMultiThread, EchoPerCore, EchoOneThread, EchoEpoll, EchoDurable, Yika, Redis]
            }
            Measure::HalfLoad => &[EchoMultiThread, EchoPerCore, EchoOneThread, EchoDurable, Yika],
            Measure::RedisHalf => &[EchoMultiThread, EchoPerCore, EchoOneThread, EchoDurable, Yika, Redis],
            Measure::Lunch => &[EchoOneThread, EchoDurable, Yika, Redis, Pgbouncer],
        }
    }

    /// Its name on the command line and in JSON.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

//! Random histories with kills, power failures and failing syncs at random operations, also during recovery. What was
//! acknowledged is there, whole groups only, nothing else; and what was recovered stays, whatever comes next.
//!
//! `YIKA_SEED=<n> cargo test -p wal --test log random_crashes` runs one seed again; `YIKA_SEEDS=<n>` sets how many.

use crate::model::*;
use wal::{AppendError, Log, LogConfig, Priority, Simulated};

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

struct History {
    seed: u64,
    draws: Draws,
    storage: Simulated,
    config: LogConfig,
    /// All records that may be in the log.
    records: Vec<Owned>,
    /// How many of them must be.
    acknowledged: usize,
    tag: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut draws = Draws::new(seed);
        let block_bytes_max = 4096 << draws.below(4);
        let config = LogConfig { block_bytes_max, ..small_config() };
        Self { seed, draws, storage: Simulated::new(), config, records: Vec::new(), acknowledged: 0, tag: 0 }
    }

    /// Opens the log, perhaps dying in it, until it is open.
    fn open(&mut self) -> Log {
        loop {
            if self.draws.below(4) == 0 {
                self.storage.stop_at_operation(1 + self.draws.below(5));
            }
            match open(&self.storage, self.config, 0) {
                Ok((log, _, replayed)) => {
                    self.check(&replayed);
                    return log;
                }
                Err(wal::WalError::Io { .. }) => self.die(),
                Err(error) => panic!("seed {}: {error}", self.seed),
            }
        }
    }

    fn check(&mut self, replayed: &[Owned]) {
        let seed = self.seed;
        assert!(replayed.len() >= self.acknowledged, "seed {seed}: an acknowledged record is lost");
        assert!(self.records.starts_with(replayed), "seed {seed}: not a prefix of what was appended");
        assert!(
            replayed.last().is_none_or(|last| last.remaining_in_group == 0),
            "seed {seed}: a group is cut"
        );
        self.records.truncate(replayed.len());
        self.acknowledged = replayed.len();
    }

    fn die(&mut self) {
        self.storage = if self.draws.below(2) == 0 {
            self.storage.kill()
        } else {
            self.storage.crash(self.draws.next())
        };
    }

    fn append(&mut self, log: &Log) {
        let sizes: Vec<usize> =
            (0..1 + self.draws.below(3)).map(|_| 8 * self.draws.below(64) as usize).collect();
        self.tag += 1;
        let group = group(self.tag, &sizes);
        match append(log, &group, Priority::Normal) {
            Ok(number) => {
                assert_eq!(number as usize, self.records.len() + 1, "seed {}", self.seed);
                self.records.extend(group);
            }
            Err(AppendError::StagingFull | AppendError::Poisoned) => {}
            Err(refusal) => panic!("seed {}: {refusal}", self.seed),
        }
    }

    /// One process's life.
    fn live(&mut self) {
        let log = self.open();
        let now = self.storage.operations();
        // Short lives leave the end of one torn block right behind the first block of the next process.
        let lifetime = [3, 8, 60][self.draws.below(3) as usize];
        let fate = now + 1 + self.draws.below(lifetime);
        match self.draws.below(4) {
            0 => self.storage.fail_at_operation(fate),
            1 => {}
            _ => self.storage.stop_at_operation(fate),
        }
        let steps = self.draws.below(100);
        for _ in 0..steps {
            let groups_max = [2, 6, 40][self.draws.below(3) as usize];
            for _ in 0..self.draws.below(groups_max) {
                self.append(&log);
            }
            let written = if self.draws.below(3) == 0 {
                log.commit_all().map(|_| ())
            } else {
                log.commit().map(|_| ())
            };
            self.acknowledged = log.durable() as usize;
            if written.is_err() {
                assert!(log.poisoned(), "seed {}: {written:?}", self.seed);
                break;
            }
        }
        if self.draws.below(4) == 0 && log.seal().is_ok() {
            self.acknowledged = self.records.len();
        }
        drop(log);
        self.die();
    }
}

#[test]
fn random_crashes() {
    let seeds = match from_environment("YIKA_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..from_environment("YIKA_SEEDS").unwrap_or(300),
    };
    println!("seeds {seeds:?}; YIKA_SEED=<n> cargo test -p wal --test log random_crashes runs one again");
    for seed in seeds {
        println!("seed {seed}");
        let mut history = History::new(seed);
        for _ in 0..12 {
            history.live();
        }
        history.storage.stop_at_operation(u64::MAX);
        drop(history.open());
    }
}

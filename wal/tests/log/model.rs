//! What the tests share: a clock set by hand, records that can be told apart, and the records that a log must hold.

use parking_lot::Mutex;
use std::sync::Arc;
use wal::{
    AppendError, Clock, Log, LogConfig, LogId, Priority, Record, RecordRef, RecoveryReport, Simulated,
    WalError,
};

pub(crate) const LOG_ID: LogId = LogId(*b"sixteen bytes id");
pub(crate) const SECOND_NS: u64 = 1_000_000_000;

/// A clock set by hand: wall and monotonic nanoseconds.
pub(crate) struct Hands(Mutex<(u64, u64)>);

impl Hands {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new((1_700_000_000 * SECOND_NS, 5 * SECOND_NS))))
    }

    pub(crate) fn pass(&self, ns: u64) {
        let mut hands = self.0.lock();
        hands.0 += ns;
        hands.1 += ns;
    }

    pub(crate) fn move_wall(&self, ns: i64) {
        let mut hands = self.0.lock();
        hands.0 = hands.0.saturating_add_signed(ns);
    }
}

impl Clock for Hands {
    fn wall_ns(&self) -> u64 {
        self.0.lock().0
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.lock().1
    }
}

/// A stream of draws (xorshift), for tests whose seed is printed.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }
}

/// A record that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) kind: u8,
    pub(crate) version: u8,
    pub(crate) first_in_group: bool,
    pub(crate) remaining_in_group: u16,
    pub(crate) payload: Vec<u8>,
}

impl From<RecordRef<'_>> for Owned {
    fn from(record: RecordRef<'_>) -> Self {
        Self {
            kind: record.kind,
            version: record.version,
            first_in_group: record.first_in_group,
            remaining_in_group: record.remaining_in_group,
            payload: record.payload.to_vec(),
        }
    }
}

/// A group of `sizes.len()` records with payloads of these sizes; their bytes tell them apart.
pub(crate) fn group(tag: u64, sizes: &[usize]) -> Vec<Owned> {
    let payload = |index: usize, size: usize| {
        let mut bytes = Vec::with_capacity(size);
        let mut draws = Draws::new(tag * 31 + index as u64);
        while bytes.len() < size {
            bytes.extend(draws.next().to_le_bytes());
        }
        bytes
    };
    sizes
        .iter()
        .enumerate()
        .map(|(index, size)| Owned {
            kind: 1 + (tag % 200) as u8,
            version: 1,
            first_in_group: index == 0,
            remaining_in_group: (sizes.len() - 1 - index) as u16,
            payload: payload(index, *size),
        })
        .collect()
}

/// Stages one group.
pub(crate) fn append(log: &Log, group: &[Owned], priority: Priority) -> Result<u64, AppendError> {
    let records: Vec<Record<'_>> = group
        .iter()
        .map(|record| Record { kind: record.kind, version: record.version, payload: &record.payload })
        .collect();
    log.stage().append(&records, priority)
}

pub(crate) fn small_config() -> LogConfig {
    LogConfig::small(LOG_ID)
}

/// Opens a log on simulated storage and collects what it replays, checking that numbers are dense and time goes forwards.
pub(crate) fn open(
    storage: &Simulated,
    config: LogConfig,
    replay_from: u64,
) -> Result<(Log, RecoveryReport, Vec<Owned>), WalError> {
    let mut replayed = Vec::new();
    let mut number_next = replay_from.max(1);
    let mut last_time_ns = 0;
    let (log, report) =
        Log::open(Arc::new(storage.clone()), config, Hands::new(), replay_from, &mut |records| {
            for record in records {
                assert_eq!(record.number, number_next);
                assert!(record.time_ns >= last_time_ns);
                number_next += 1;
                last_time_ns = record.time_ns;
                replayed.push(record.into());
            }
        })?;
    assert_eq!(report.last_number + 1, number_next);
    Ok((log, report, replayed))
}

/// All records of a log, read by number.
pub(crate) fn read_all(reader: &wal::LogReader) -> Vec<Owned> {
    (1..=reader.last_number()).map(|number| reader.record(number).unwrap().unwrap().into()).collect()
}

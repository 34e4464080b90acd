//! A turn of changes: everything held, and what is configured held for writing.
//!
//! What serves stands still for as long as it lasts, so a turn takes few commands at a time.

use parking_lot::{MutexGuard, RwLockWriteGuard};
use protocol::ids::RecordNumber;
use wal::{AppendError, Stage};

use super::engine::{Configuration, Engine, Reply};
use super::turn::{self, refusal_of};
use crate::ledger::limits::GROUP_RECORDS_MAX;
use crate::ledger::record::PayloadBuffer;
use crate::ledger::{Command, Decision, Parts, Shard, Stamp, apply, decide};

/// The registry and the directory for writing, every shard, and the staging buffer.
pub struct ChangeTurn<'e> {
    configuration: RwLockWriteGuard<'e, Configuration>,
    shards: AllShards<'e>,
    stage: Stage<'e>,
    payloads: [PayloadBuffer; GROUP_RECORDS_MAX],
}

/// All shards, held.
struct AllShards<'e> {
    guards: Vec<MutexGuard<'e, Shard>>,
}

impl<'e> ChangeTurn<'e> {
    /// Takes hold of everything, in the order of the [module](super).
    pub(super) fn begin(engine: &'e Engine, configuration: RwLockWriteGuard<'e, Configuration>) -> Self {
        let guards = engine.shards().iter().map(|shard| shard.lock()).collect();
        let shards = AllShards { guards };
        let stage = engine.log().stage();
        ChangeTurn { configuration, shards, stage, payloads: turn::PAYLOADS }
    }

    /// Decides one command and, if it changes anything, appends its records and applies them.
    pub fn execute(&mut self, command: &Command<'_>) -> Reply {
        self.try_execute(command).unwrap_or_else(|error| Reply::Refused(refusal_of(error)))
    }

    /// The same, with the log's own word for why it takes nothing.
    pub(super) fn try_execute(&mut self, command: &Command<'_>) -> Result<Reply, AppendError> {
        let ChangeTurn { configuration, shards, stage, payloads } = self;
        let Configuration { registry, directory, parameters } = &mut **configuration;
        let stamp = Stamp { number: RecordNumber(stage.next_number()), time_ns: stage.time_ns() };
        let decision = decide(registry, directory, shards, command, stamp);
        if let Decision::Done { group, .. } = &decision {
            turn::append(stage, group, payloads)?;
            for (record, number) in group.records().zip(stamp.number.0..) {
                let number = RecordNumber(number);
                apply(registry, directory, shards, number, stamp.time_ns, record)
                    .expect("a group that was decided on this state applies to it");
                if record.kind().changes_parameters() {
                    *parameters = number;
                }
            }
        }
        Ok(Reply::of(&decision))
    }
}

impl Parts for AllShards<'_> {
    fn shard_count(&self) -> usize {
        self.guards.len()
    }

    fn shard(&self, i: usize) -> &Shard {
        &self.guards[i]
    }

    fn shard_mut(&mut self, i: usize) -> &mut Shard {
        &mut self.guards[i]
    }
}

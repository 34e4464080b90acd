//! A turn: the shards that a batch of commands touches, held together with the staging buffer.

use crossbeam::utils::CachePadded;
use parking_lot::{Mutex, MutexGuard, RwLockReadGuard};
use protocol::ids::{AccountId, Epoch, RecordNumber, Sequence};
use protocol::result_code::ResultCode;
use wal::{AppendError, Priority, Stage};

use super::engine::{Configuration, Engine, Reply};
use crate::ledger::holder::Holder;
use crate::ledger::limits::{GROUP_RECORDS_MAX, PAYLOAD_BYTES_MAX, SHARDS_MAX};
use crate::ledger::open_taps::open_tap;
use crate::ledger::record::PayloadBuffer;
use crate::ledger::state::{account, holder, terminal_entry};
use crate::ledger::terminal_entry::TerminalEntry;
use crate::ledger::{
    Command, Decision, Group, Lead, Leads, Need, Parts, Request, Shard, ShardSet, Stamp, TerminalSlot,
    apply_posting, decide_with, shards_touched_with, touch_parts, touch_routes,
};

/// The right to look credentials up, and from there to take hold of shards.
pub struct Routes<'e> {
    engine: &'e Engine,
    configuration: RwLockReadGuard<'e, Configuration>,
}

/// Shards and staging buffer, held. Commands executed in one turn stand next to each other in the log and have
/// one logged time.
pub struct Turn<'e> {
    routes: Routes<'e>,
    held: HeldShards<'e>,
    leads: Leads,
    /// Commands executed so far.
    executed: usize,
    stage: Stage<'e>,
    payloads: [PayloadBuffer; GROUP_RECORDS_MAX],
}

/// Guards of some shards, by shard number.
pub(super) struct HeldShards<'e> {
    guards: [Option<MutexGuard<'e, Shard>>; SHARDS_MAX],
    shards: &'e [CachePadded<Mutex<Shard>>],
    shard_count: usize,
}

impl<'e> Routes<'e> {
    pub(super) fn new(engine: &'e Engine, configuration: RwLockReadGuard<'e, Configuration>) -> Routes<'e> {
        Routes { engine, configuration }
    }

    /// What is configured.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Takes hold of every shard that these commands touch, in rising order, and of the staging buffer.
    ///
    /// Reads the cache lines that they will need on the way, all routes before the first shard and all accounts
    /// before the first decision, so that a batch's misses overlap.
    pub fn hold_for<'c>(self, commands: impl Iterator<Item = Command<'c>> + Clone) -> Turn<'e> {
        let directory = &self.configuration.directory;
        let shards = self.engine.shards();
        let mut touched = ShardSet::default();
        let mut leads = Leads::default();
        touch_routes(directory, commands.clone());
        for command in commands.clone() {
            let lead = Lead::of(directory, &command);
            touched = touched.with(shards_touched_with(shards.len(), &command, lead));
            leads.push(lead);
        }
        let held = HeldShards::take(shards, touched);
        for (place, command) in commands.enumerate() {
            let lead = leads.get(place).unwrap_or_else(|| Lead::of(directory, &command));
            touch_parts(&held, &command, lead);
        }
        let stage = self.engine.log().stage();
        Turn { routes: self, held, leads, executed: 0, stage, payloads: PAYLOADS }
    }

    /// The student or staff number of an account, padded with zeros.
    pub fn student_number(&self, id: AccountId) -> Option<[u8; 16]> {
        let shards = self.engine.shards();
        let held = HeldShards::take(shards, ShardSet::one(id.0 as usize & (shards.len() - 1)));
        account(&held, id).map(|account| *account.student_number())
    }

    /// What is known of an account's holder.
    pub fn holder(&self, id: AccountId) -> Holder {
        let shards = self.engine.shards();
        let held = HeldShards::take(shards, ShardSet::one(id.0 as usize & (shards.len() - 1)));
        holder(&held, id)
    }

    /// The highest sequence seen from a till in its epoch; 0 for none, and for an epoch that isn't its current one.
    pub fn last_sequence(&self, slot: TerminalSlot, epoch: Epoch) -> Sequence {
        let seen = self.with_terminal(slot, |entry| (entry.epoch(), entry.gaps().highest()));
        Sequence(seen.filter(|(open, _)| *open == epoch).map_or(0, |(_, highest)| highest))
    }

    /// Looks at a till's entry, its shard held meanwhile; none where no till has the slot.
    pub fn with_terminal<T>(&self, slot: TerminalSlot, look: impl FnOnce(&TerminalEntry) -> T) -> Option<T> {
        let shards = self.engine.shards();
        let held = HeldShards::take(shards, ShardSet::one(usize::from(slot.0) & (shards.len() - 1)));
        terminal_entry(&held, slot).map(look)
    }
}

impl Turn<'_> {
    /// Full blocks of the log that wait to be written: see [`Stage::full_blocks_waiting`].
    pub fn full_blocks_waiting(&self) -> usize {
        self.stage.full_blocks_waiting()
    }

    /// Ends the turn and hands each shard to whoever waits for it. A thread that takes the next turn at once would
    /// otherwise have it again before the one that waits has woken.
    pub fn yield_to_others(self) {
        let Turn { routes, held, stage, .. } = self;
        drop(stage);
        for guard in held.guards.into_iter().flatten() {
            MutexGuard::unlock_fair(guard);
        }
        drop(routes);
    }

    /// Decides one command and, if it changes anything, appends its records and applies them.
    ///
    /// The command's shards must be among those held; it costs least in the order that they were held for. What
    /// [configures](Command::configures) goes through [`Engine::changes`].
    pub fn execute(&mut self, command: &Command<'_>) -> Reply {
        let lead = self.leads.get(self.executed).unwrap_or(Lead::NONE);
        self.executed += 1;
        let reply = self.execute_led(command, lead);
        match command.request {
            Request::TopUp(_) | Request::Tender(_) => self.say_if_index_is_due(),
            Request::CardTap(_) => return self.with_chip(reply),
            _ => {}
        }
        reply
    }

    fn execute_led(&mut self, command: &Command<'_>, lead: Lead) -> Reply {
        let stamp = Stamp { number: RecordNumber(self.stage.next_number()), time_ns: self.stage.time_ns() };
        let Configuration { registry, directory, .. } = &*self.routes.configuration;
        // By reference: a decision is too large to be moved.
        match &decide_with(registry, directory, &self.held, command, lead, stamp) {
            Decision::Done { outcome, group } => {
                if let Err(error) = append(&mut self.stage, group, &mut self.payloads) {
                    return Reply::Refused(refusal_of(error));
                }
                for (record, number) in group.records().zip(stamp.number.0..) {
                    apply_posting(&mut self.held, RecordNumber(number), stamp.time_ns, record)
                        .expect("a group that was decided on this state applies to it");
                }
                Reply::Outcome(*outcome)
            }
            Decision::Needs(need) => self.with_what_is_at_hand(command, lead, *need),
            decision => Reply::of(decision),
        }
    }

    /// Decides again where nothing need be fetched: most orders are new, and memory is enough to say so; and a shard more is held
    /// at once unless another has it.
    #[inline(never)]
    fn with_what_is_at_hand(&mut self, command: &Command<'_>, lead: Lead, need: Need) -> Reply {
        let mut known = command.known.copied().unwrap_or_default();
        let shard_mask = self.held.shard_count - 1;
        match need {
            Need::Order { key, forgotten } => {
                known.order = self.routes.engine.orders().rule_out(key, forgotten);
                if known.order.is_none() {
                    return Reply::Needs(need);
                }
            }
            Need::Till(slot) if self.held.takes(usize::from(slot.0) & shard_mask) => known.till = Some(slot),
            Need::Account(id) if self.held.takes(id.0 as usize & shard_mask) => known.account = Some(id),
            _ => return Reply::Needs(need),
        }
        self.execute_led(&Command { request: command.request, known: Some(&known) }, lead)
    }

    /// What came of a tap, with what to write on the chip as long as it is open.
    #[inline(never)]
    fn with_chip(&self, reply: Reply) -> Reply {
        let Reply::Outcome(outcome) = reply else { return reply };
        let Some(account) = outcome.account.filter(|_| outcome.code.is_approved()) else { return reply };
        // A card that is another's by now leads to another shard: its tap is long closed.
        if !self.held.has(account.0 as usize & (self.held.shard_count - 1)) {
            return reply;
        }
        match open_tap(&self.held, account).filter(|tap| tap.record() == outcome.record.0) {
            Some(tap) => Reply::Tap { outcome, chip: tap.chip() },
            None => reply,
        }
    }

    /// Whoever makes the index of orders is told when a shard has many that aren't in it, or none that it may forget.
    #[inline(never)]
    fn say_if_index_is_due(&self) {
        if self.held.guards.iter().flatten().any(|shard| shard.is_order_index_due()) {
            self.routes.engine.orders().say_due();
        }
    }
}

/// Room for the payloads of one group's records.
pub(super) const PAYLOADS: [PayloadBuffer; GROUP_RECORDS_MAX] = [[0; PAYLOAD_BYTES_MAX]; GROUP_RECORDS_MAX];

/// Stages a group: all of it or nothing.
pub(super) fn append(
    stage: &mut Stage<'_>,
    group: &Group<'_>,
    payloads: &mut [PayloadBuffer; GROUP_RECORDS_MAX],
) -> Result<u64, AppendError> {
    const EMPTY: wal::Record<'static> = wal::Record { kind: 0, version: 0, payload: &[] };
    let mut records = [EMPTY; GROUP_RECORDS_MAX];
    let mut count = 0;
    let mut priority = Priority::Normal;
    for (record, payload) in group.records().zip(payloads) {
        // The last record is what was asked for: what it brings along must not let a sale into the reserve.
        priority = if record.kind().uses_reserve() { Priority::Reserved } else { Priority::Normal };
        records[count] = wal::Record {
            kind: record.kind() as u8,
            version: record.version(),
            payload: record.payload(payload),
        };
        count += 1;
    }
    stage.append(&records[..count], priority)
}

/// How a till is told that nothing was taken. None of these uses its sequence up.
pub(super) fn refusal_of(error: AppendError) -> ResultCode {
    match error {
        AppendError::Full => ResultCode::LogFull,
        AppendError::StagingFull => ResultCode::Busy,
        AppendError::Poisoned | AppendError::Sealed => ResultCode::Stopping,
        AppendError::GroupTooLarge | AppendError::InvalidRecord => {
            unreachable!("a ledger's group fits a block: its sizes are constants below the log's")
        }
    }
}

impl<'e> HeldShards<'e> {
    pub(super) fn take(shards: &'e [CachePadded<Mutex<Shard>>], set: ShardSet) -> HeldShards<'e> {
        let mut guards = [const { None }; SHARDS_MAX];
        for shard in set.iter() {
            guards[shard] = Some(shards[shard].lock());
        }
        HeldShards { guards, shards, shard_count: shards.len() }
    }

    /// Takes one shard more, out of order: without waiting for it, so nobody can wait for ever. True when it is held.
    fn takes(&mut self, shard: usize) -> bool {
        if self.guards[shard].is_none() {
            self.guards[shard] = self.shards[shard].try_lock();
        }
        self.has(shard)
    }

    fn has(&self, shard: usize) -> bool {
        self.guards[shard].is_some()
    }
}

impl Parts for HeldShards<'_> {
    fn shard_count(&self) -> usize {
        self.shard_count
    }

    fn shard(&self, i: usize) -> &Shard {
        self.guards[i].as_deref().expect("a decision asks for the shards that it said it touches")
    }

    fn shard_mut(&mut self, i: usize) -> &mut Shard {
        self.guards[i].as_deref_mut().expect("a decision asks for the shards that it said it touches")
    }
}

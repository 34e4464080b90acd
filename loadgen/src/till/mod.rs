//! One till, counter or gateway as a state machine: events in, steps out, time passed in. No clock, no socket, no randomness of its own.
//!
//! ```text
//!           connected                 answer
//!   Down ─────────────▶ Up: idle ◀──────────────┐
//!    ▲  ▲                │ due                  │
//!    │  │ broken         ▼                      │
//!    │  └─────────── waiting ── 3 s ──▶ pausing (1 s, then 2 s) ──▶ sent again, same sequence
//!    │                   │ third time unanswered
//!    │ back              ▼
//!  Offline          reversal stored ──▶ sent before the next sale, until answered
//!  (sales stored)
//! ```
//!
//! **Invariants**
//! - At most one live request and one upload batch are in flight.
//! - Every sale gets the next sequence. A sequence is used again only when each of its frames was answered with a
//!   code that leaves no trace.
//! - A sale whose outcome isn't known is never left behind: it is retried, then reversed, and stands as unknown in
//!   the log until an answer says otherwise. What can't be reversed, a [deed](crate::deed), is retried until it is
//!   answered.
//! - An intended start never moves. Whatever the till is kept busy with, latency counts from the intention.

mod answers;
mod live;
mod offline;

use protocol::channel::ReversalReason;
use protocol::ids::{Epoch, RequestId, SaleId, Sequence, TerminalId};
use protocol::offline_record::OfflineRecord;
use protocol::request::{Heartbeat, Request, RequestIds, Upload};

use crate::config::TillTimers;
use crate::deed::{Lines, Recent};
use crate::outcome_log::EntryId;
use crate::profile::{Intent, IntentAction, StoredSale, TillPlan};
use crate::random::Random;
use crate::terminal_keys::SignedIn;
use crate::world::World;
use live::{Live, Phase};

/// Misses of the heartbeat after which the till takes the connection for dead.
const HEARTBEATS_MISSED_MAX: u32 = 3;

/// What a till is told once.
#[derive(Clone, Debug)]
pub struct TillSettings {
    /// The timers.
    pub timers: TillTimers,
    /// Records in one upload frame.
    pub upload_batch_records: usize,
    /// Lateness at which a person leaves.
    pub late_max_ns: u64,
}

/// What the till wants done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TillStep {
    /// Connect and sign in, then report [`Till::on_connected`] or [`Till::on_connection_lost`].
    Connect,
    /// Close the connection; nothing is to be reported.
    Disconnect,
    /// Send this; its content is [`Till::request`].
    Send(SendOrder),
    /// Nothing to do before one of these moments, or an answer.
    Wait {
        /// The next intended request is due: wake precisely. `None` when no intention waits for its time.
        intent_ns: Option<u64>,
        /// A timer runs out: waking some milliseconds late does no harm. `u64::MAX` for none.
        deadline_ns: u64,
    },
    /// All is done.
    Finished,
}

/// A frame to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendOrder {
    /// What its header says.
    pub ids: RequestIds,
    /// What its body is.
    pub body: SendBody,
}

/// The body of a frame to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendBody {
    /// The live request.
    Live,
    /// The next batch of stored records: this many.
    Upload {
        /// Records in the batch.
        count: usize,
    },
    /// A heartbeat.
    Heartbeat {
        /// The till's clock.
        till_time_ns: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// No connection; the next attempt is due at `retry_ns`.
    Down { since_ns: u64, retry_ns: u64, failures: u32 },
    /// Signing in.
    Connecting { since_ns: u64, failures: u32 },
    /// Signed in.
    Up,
    /// To be closed; then down, or offline by plan.
    Closing { then_offline: bool },
    /// The network is gone by plan.
    Offline,
}

#[derive(Clone, Copy, Debug)]
struct StoredReversal {
    original: SaleId,
    original_entry: EntryId,
    amount_fen: i64,
    account: u32,
}

#[derive(Clone, Copy, Debug)]
struct UploadInFlight {
    count: usize,
    batch: u32,
    sent_ns: u64,
    deadline_ns: u64,
}

/// A till.
pub struct Till {
    terminal: TerminalId,
    epoch: Epoch,
    settings: TillSettings,
    random: Random,
    intents: std::iter::Peekable<Box<dyn Iterator<Item = Intent>>>,
    /// Added to every intention's time: when the run began on the run's clock. `None` before it begins.
    start_ns: Option<u64>,
    link: Link,
    /// 0 until the server has told the last one it saw.
    next_sequence: u32,
    next_request_id: u32,
    live: Option<Live>,
    reversal: Option<StoredReversal>,
    recent: Recent,
    /// What the live request carries.
    lines: Lines,
    /// It was told of a newer key than it has, and fetches it before anything else.
    asks_for_key: bool,
    /// It loses the next sale by card that it stores.
    loses_sale: bool,
    stored_before: Vec<StoredSale>,
    stored: Vec<OfflineRecord>,
    stored_entries: Vec<EntryId>,
    stored_holders: Vec<u32>,
    /// Records before this one are uploaded.
    stored_next: usize,
    upload: Option<UploadInFlight>,
    upload_retry_ns: u64,
    next_batch: u32,
    heartbeat_sent_ns: Option<u64>,
    heartbeats_missed: u32,
    last_sent_ns: u64,
    last_heard_ns: u64,
    free_ns: u64,
    disturbed: bool,
    stopping: bool,
}

impl Till {
    /// A till that hasn't connected yet. The jitter of its reconnections comes from the seed and its number.
    pub fn new(sale: (TerminalId, Epoch), plan: TillPlan, settings: TillSettings, random: Random) -> Till {
        let (terminal, epoch) = sale;
        Till {
            terminal,
            epoch,
            settings,
            random,
            intents: plan.intents.peekable(),
            start_ns: None,
            link: Link::Down { since_ns: 0, retry_ns: 0, failures: 0 },
            next_sequence: 0,
            next_request_id: 1,
            live: None,
            reversal: None,
            recent: Recent::new(),
            lines: Lines::default(),
            asks_for_key: false,
            loses_sale: false,
            stored_before: plan.stored,
            stored: Vec::new(),
            stored_entries: Vec::new(),
            stored_holders: Vec::new(),
            stored_next: 0,
            upload: None,
            upload_retry_ns: 0,
            next_batch: 1,
            heartbeat_sent_ns: None,
            heartbeats_missed: 0,
            last_sent_ns: 0,
            last_heard_ns: 0,
            free_ns: 0,
            disturbed: false,
            stopping: false,
        }
    }

    /// The schedule begins at this moment of the run's clock.
    pub fn start(&mut self, start_ns: u64) {
        self.start_ns = Some(start_ns);
        self.free_ns = self.free_ns.max(start_ns);
    }

    /// Begins nothing any more; what is in flight goes on. Intentions left over aren't counted.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// True while signed in.
    pub fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// True while a live request waits for its answer.
    pub fn is_waiting(&self) -> bool {
        matches!(self.live, Some(Live { phase: Phase::Waiting { .. }, .. }))
    }

    /// The content of an order that [`Till::poll`] gave, as long as no other event came between.
    pub fn request(&self, order: &SendOrder) -> Option<Request<'_>> {
        match order.body {
            SendBody::Live => self.live.as_ref().map(|live| self.lines.carried_by(live.request)),
            SendBody::Heartbeat { till_time_ns } => Some(Request::Heartbeat(Heartbeat { till_time_ns })),
            SendBody::Upload { count } => Some(Request::Upload(Upload {
                batch: self.upload.as_ref()?.batch,
                records: self.stored.get(self.stored_next..self.stored_next + count)?,
            })),
        }
    }

    /// What to do now. Call it again after each step, until it says wait or finished.
    pub fn poll(&mut self, now_ns: u64, world: &mut World) -> TillStep {
        match self.link {
            Link::Closing { then_offline } => {
                self.link = if then_offline {
                    Link::Offline
                } else {
                    Link::Down { since_ns: now_ns, retry_ns: now_ns + self.draw_backoff(0), failures: 0 }
                };
                TillStep::Disconnect
            }
            Link::Connecting { .. } => self.wait(u64::MAX, now_ns),
            Link::Offline => self.poll_offline(now_ns, world),
            Link::Down { since_ns, retry_ns, failures } => {
                if self.is_done() {
                    return TillStep::Finished;
                }
                if now_ns >= retry_ns {
                    self.link = Link::Connecting { since_ns, failures };
                    return TillStep::Connect;
                }
                let offline_ns = since_ns.saturating_add(self.settings.timers.offline_after_ns);
                if now_ns >= offline_ns && self.next_sequence != 0 {
                    self.give_live_up_for_offline(world);
                    self.store_due_sales(now_ns, since_ns, world);
                    return self.wait(retry_ns, now_ns);
                }
                let deadline_ns = retry_ns.min(if now_ns >= offline_ns { u64::MAX } else { offline_ns });
                TillStep::Wait { intent_ns: None, deadline_ns }
            }
            Link::Up => self.poll_up(now_ns, world),
        }
    }

    fn poll_up(&mut self, now_ns: u64, world: &mut World) -> TillStep {
        if self.stopping && self.live.is_none() && self.reversal.is_none() && self.upload.is_none() {
            return TillStep::Finished;
        }
        if let Some(upload) = self.upload
            && now_ns >= upload.deadline_ns
        {
            self.lose_connection(world);
            return self.poll(now_ns, world);
        }
        if let Some(step) = self.poll_live(now_ns, world) {
            return step;
        }
        if let Some(step) = self.poll_upload(now_ns) {
            return step;
        }
        if self.is_done() {
            return TillStep::Finished;
        }
        let heartbeat_ns = self.last_sent_ns.saturating_add(self.settings.timers.heartbeat_ns);
        if now_ns >= heartbeat_ns {
            if self.heartbeat_sent_ns.is_some() {
                self.heartbeats_missed += 1;
            }
            if self.heartbeats_missed >= HEARTBEATS_MISSED_MAX {
                self.lose_connection(world);
                return self.poll(now_ns, world);
            }
            self.heartbeat_sent_ns = Some(now_ns);
            let till_time_ns = world.unix_ns(now_ns);
            return TillStep::Send(self.order(SendBody::Heartbeat { till_time_ns }, Sequence(0), now_ns));
        }
        let live_ns = self.live.as_ref().map_or(u64::MAX, Live::deadline_ns);
        let upload_ns = match self.upload {
            Some(upload) => upload.deadline_ns,
            None if self.upload_pending() > 0 => self.upload_retry_ns,
            None => u64::MAX,
        };
        self.wait(live_ns.min(upload_ns).min(heartbeat_ns), now_ns)
    }

    /// Waits for a timer, and for the next intention when the till is free to take it.
    fn wait(&mut self, deadline_ns: u64, now_ns: u64) -> TillStep {
        let takes_intents = match self.link {
            Link::Up => self.live.is_none(),
            Link::Offline => true,
            Link::Down { since_ns, .. } => {
                now_ns >= since_ns.saturating_add(self.settings.timers.offline_after_ns)
            }
            Link::Connecting { .. } | Link::Closing { .. } => false,
        };
        let intent_ns = if takes_intents && !self.stopping { self.next_intent_ns() } else { None };
        if takes_intents && intent_ns.is_none_or(|intent_ns| intent_ns > now_ns) {
            self.disturbed = self.disturbed && self.link != Link::Up;
        }
        TillStep::Wait { intent_ns, deadline_ns }
    }

    /// When the next intention is due on the run's clock.
    fn next_intent_ns(&mut self) -> Option<u64> {
        let start_ns = self.start_ns?;
        self.intents.peek().map(|intent| start_ns.saturating_add(intent.at_ns))
    }

    /// Takes the next intention if it is due, with its moment on the run's clock.
    fn take_due(&mut self, now_ns: u64) -> Option<(u64, IntentAction)> {
        let at_ns = self.next_intent_ns()?;
        if self.stopping || at_ns > now_ns {
            return None;
        }
        self.intents.next().map(|intent| (at_ns, intent.action))
    }

    fn is_done(&mut self) -> bool {
        let schedule_ended = self.stopping || (self.start_ns.is_some() && self.intents.peek().is_none());
        let uploaded = self.stopping || (self.upload_pending() == 0 && self.stored_before.is_empty());
        schedule_ended && uploaded && self.live.is_none() && self.reversal.is_none() && self.upload.is_none()
    }

    /// Signed in.
    pub fn on_connected(&mut self, now_ns: u64, told: &SignedIn, world: &mut World) {
        world.measurement.counts.sign_ins += 1;
        self.next_sequence = self.next_sequence.max(told.last_sequence.0.saturating_add(1));
        self.asks_for_key = world.terminal_keys.signed_in(self.terminal, told);
        self.link = Link::Up;
        self.free_ns = self.free_ns.max(now_ns);
        self.last_sent_ns = now_ns;
        self.last_heard_ns = now_ns;
        self.heartbeat_sent_ns = None;
        self.heartbeats_missed = 0;
        self.upload_retry_ns = 0;
        self.store_sales_from_before(now_ns, world);
    }

    /// The connection couldn't be made, the sign-in failed, or the connection broke.
    pub fn on_connection_lost(&mut self, now_ns: u64, world: &mut World) {
        let (since_ns, failures) = match self.link {
            Link::Connecting { since_ns, failures } => (since_ns, failures + 1),
            Link::Down { since_ns, failures, .. } => (since_ns, failures),
            Link::Up => (now_ns, 0),
            Link::Closing { .. } | Link::Offline => return,
        };
        world.measurement.counts.disconnects += 1;
        self.forget_in_flight(world);
        let retry_ns = now_ns.saturating_add(self.draw_backoff(failures));
        self.link = Link::Down { since_ns, retry_ns, failures };
    }

    /// Gives the connection up from this side: the next step closes it.
    fn lose_connection(&mut self, world: &mut World) {
        world.measurement.counts.disconnects += 1;
        self.forget_in_flight(world);
        self.link = Link::Closing { then_offline: false };
    }

    /// What was in flight on a lost connection will get no answer: the live request is sent again on the next.
    fn forget_in_flight(&mut self, world: &mut World) {
        self.disturbed = true;
        self.upload = None;
        self.heartbeat_sent_ns = None;
        if let Some(live) = &mut self.live
            && live.lose_answer()
        {
            world.measurement.counts.answers_lost += 1;
        }
    }

    /// A pause before connecting again: doubles with each failure, drawn from its upper half.
    fn draw_backoff(&mut self, failures: u32) -> u64 {
        let timers = &self.settings.timers;
        let full_ns = timers
            .reconnect_min_ns
            .saturating_mul(1_u64.checked_shl(failures).unwrap_or(u64::MAX))
            .min(timers.reconnect_max_ns);
        self.random.between(full_ns / 2, full_ns)
    }

    fn order(&mut self, body: SendBody, sequence: Sequence, now_ns: u64) -> SendOrder {
        let request_id = RequestId(self.next_request_id);
        self.next_request_id = self.next_request_id.wrapping_add(1);
        self.last_sent_ns = now_ns;
        SendOrder {
            ids: RequestIds { terminal: self.terminal, epoch: self.epoch, sequence, request_id },
            body,
        }
    }

    fn sale_id(&self, sequence: u32) -> SaleId {
        SaleId { terminal: self.terminal, epoch: self.epoch, sequence: Sequence(sequence) }
    }

    fn take_sequence(&mut self) -> u32 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }

    /// Counts what the schedule still holds and what never found its end; the run is over.
    pub fn finish(&mut self, world: &mut World) {
        if !self.stopping && self.start_ns.is_some() {
            for intent in self.intents.by_ref() {
                if matches!(intent.action, IntentAction::Sale { .. } | IntentAction::Deed(_)) {
                    world.measurement.counts.intended += 1;
                    world.measurement.counts.dropped += 1;
                }
            }
        }
        let counts = &mut world.measurement.counts;
        counts.upload_pending += (self.upload_pending() + self.stored_before.len()) as u64;
        let is_open = self.live.as_ref().is_some_and(Live::takes_sequence);
        counts.unknown += u64::from(is_open) + u64::from(self.reversal.is_some());
    }
}

const REVERSAL_REASON: ReversalReason = ReversalReason::NoAnswer;

#[cfg(test)]
mod tests;

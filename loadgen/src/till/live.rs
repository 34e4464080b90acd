//! The one live request: sent, awaited, retried with the same sequence, and reversed when no answer ever came.

use protocol::frame::Header;
use protocol::ids::{RequestId, Sequence};
use protocol::request::{CardDebit, CodeDebit, Request, Reversal};

use super::{Link, REVERSAL_REASON, SendBody, StoredReversal, Till, TillStep, World};
use crate::deed::{DeedKind, Doing, Errand, Place};
use crate::measurement::Completion;
use crate::outcome_log::{EntryId, OutcomeKind, SaleState};
use crate::profile::{IntentAction, Tender};

/// Frames of one request before the till gives up: the first and two retries.
const ATTEMPTS_MAX: u32 = 3;

/// A request on its way to a final answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    pub(super) request: Request<'static>,
    pub(super) phase: Phase,
    pub(super) what: What,
    /// Its sequence; 0 for what takes none.
    pub(super) sequence: u32,
    intended_ns: u64,
    sent_ns: u64,
    attempts: u32,
    /// Frames of it that got no answer. While 0, a code that leaves no trace proves that nothing happened.
    pub(super) unanswered: u32,
    /// Answers that the schedule lets the network swallow.
    pub(super) answers_to_lose: u8,
    last_request_id: RequestId,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Sale {
        holder: u32,
        amount_fen: i64,
        entry: EntryId,
    },
    Reversal {
        reversal: StoredReversal,
        entry: EntryId,
    },
    /// A deed, and its entry where it takes a sequence.
    Deed {
        doing: Doing,
        entry: Option<EntryId>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// To be sent as soon as there is a connection and the pause is over.
    Pausing { until_ns: u64 },
    /// Sent.
    Waiting { deadline_ns: u64 },
}

impl Live {
    pub(super) fn deadline_ns(&self) -> u64 {
        match self.phase {
            Phase::Pausing { until_ns } => until_ns,
            Phase::Waiting { deadline_ns } => deadline_ns,
        }
    }

    /// The connection is gone: an answer that was awaited won't come. True when one was.
    pub(super) fn lose_answer(&mut self) -> bool {
        let waiting = matches!(self.phase, Phase::Waiting { .. });
        if waiting {
            self.unanswered += 1;
            self.phase = Phase::Pausing { until_ns: 0 };
        }
        waiting
    }

    /// True for what has an identity, and so an entry in the outcome log.
    pub(super) fn takes_sequence(&self) -> bool {
        self.sequence != 0
    }

    fn is_reversal(&self) -> bool {
        matches!(self.what, What::Reversal { .. })
    }

    /// True while nothing but an answer can end it: it may have been carried out, and nothing undoes it.
    fn must_be_answered(&self) -> bool {
        match self.what {
            What::Sale { .. } => false,
            What::Reversal { .. } => true,
            What::Deed { entry, .. } => entry.is_some() && self.unanswered > 0,
        }
    }

    /// True when an answer with this header is one to it. For what has an identity that is one to an earlier frame, too.
    pub(super) fn is_answered_by(&self, header: &Header) -> bool {
        if self.takes_sequence() {
            Sequence(self.sequence) == header.sequence
        } else {
            self.is_last_frame(header)
        }
    }

    /// True when a frame with this header answers the frame that was sent last.
    pub(super) fn is_last_frame(&self, header: &Header) -> bool {
        self.last_request_id == header.request_id
    }

    /// Ended by an answer now.
    pub(super) fn completion(&self, answered_ns: u64, disturbed: bool) -> Completion {
        Completion { intended_ns: self.intended_ns, sent_ns: self.sent_ns, answered_ns, disturbed }
    }
}

impl Till {
    /// Moves the live request on, or begins the next. `None` when it has nothing to send.
    pub(super) fn poll_live(&mut self, now_ns: u64, world: &mut World) -> Option<TillStep> {
        loop {
            let Some(live) = &mut self.live else {
                if self.link != Link::Up {
                    return Some(self.poll(now_ns, world));
                }
                if !self.begin_next(now_ns, world) {
                    return None;
                }
                continue;
            };
            match live.phase {
                Phase::Pausing { until_ns } if now_ns >= until_ns => {
                    return Some(self.send_live(now_ns, world));
                }
                Phase::Waiting { deadline_ns } if now_ns >= deadline_ns => {
                    live.unanswered += 1;
                    self.disturbed = true;
                    world.measurement.counts.answers_lost += 1;
                    // Nothing at all was heard since it was sent: the connection itself may be dead.
                    let silent = live.answers_to_lose == 0 && self.last_heard_ns < live.sent_ns;
                    let last = live.attempts >= ATTEMPTS_MAX;
                    self.pause_or_give_up(now_ns, world);
                    if last && silent {
                        self.lose_connection(world);
                        return Some(self.poll(now_ns, world));
                    }
                }
                Phase::Pausing { .. } | Phase::Waiting { .. } => return None,
            }
        }
    }

    fn send_live(&mut self, now_ns: u64, world: &mut World) -> TillStep {
        let timeout_ns = self.settings.timers.answer_timeout_ns;
        let sequence = self.live.as_ref().map_or(0, |live| live.sequence);
        let order = self.order(SendBody::Live, Sequence(sequence), now_ns);
        if let Some(live) = &mut self.live {
            if live.attempts == 0 {
                let due_ns = live.intended_ns.max(self.free_ns);
                world.measurement.record_lag(due_ns, now_ns);
                world.measurement.counts.sent += u64::from(!live.is_reversal());
            } else {
                world.measurement.counts.retries += 1;
            }
            live.attempts += 1;
            live.sent_ns = now_ns;
            live.last_request_id = order.ids.request_id;
            live.phase = Phase::Waiting { deadline_ns: now_ns.saturating_add(timeout_ns) };
        }
        TillStep::Send(order)
    }

    /// Begins the stored reversal, or asks for a newer key, or begins the next due intention. False when nothing is there.
    fn begin_next(&mut self, now_ns: u64, world: &mut World) -> bool {
        if let Some(reversal) = self.reversal.take() {
            self.begin_reversal(now_ns, reversal, world);
            return true;
        }
        // It may have fetched it with a request that it sent again.
        if std::mem::take(&mut self.asks_for_key) && world.terminal_keys.is_behind(self.terminal) {
            world.measurement.counts.intended += 1;
            return self.begin_deed(&Errand::new(DeedKind::TerminalKey, 0), now_ns, now_ns, world);
        }
        while let Some((at_ns, action)) = self.take_due(now_ns) {
            let late = now_ns.saturating_sub(at_ns) > self.settings.late_max_ns;
            match action {
                IntentAction::GoOffline => {
                    self.upload = None;
                    self.link = Link::Closing { then_offline: true };
                    return true;
                }
                IntentAction::GoOnline => continue,
                IntentAction::LoseSequence => self.lose_sequence(world),
                IntentAction::LoseSale => {}
                IntentAction::Sale { .. } | IntentAction::Deed(_) if late => {
                    world.measurement.counts.intended += 1;
                    world.measurement.counts.dropped += 1;
                }
                IntentAction::Deed(errand) => {
                    world.measurement.counts.intended += 1;
                    if self.begin_deed(&errand, now_ns, at_ns, world) {
                        return true;
                    }
                    world.measurement.counts.impossible += 1;
                }
                IntentAction::Sale { holder, amount_fen, tender, answers_lost } => {
                    world.measurement.counts.intended += 1;
                    let unix_ns = world.unix_ns(now_ns);
                    let Some((request, kind)) = self.present(holder, amount_fen, tender, unix_ns, world)
                    else {
                        world.measurement.counts.impossible += 1;
                        continue;
                    };
                    let sequence = self.take_sequence();
                    let account = world.people.account(holder).0;
                    let sale = self.sale_id(sequence);
                    let entry = world.log.open(sale, kind, SaleState::Unknown, account, amount_fen, 0);
                    self.begin(
                        request,
                        What::Sale { holder, amount_fen, entry },
                        sequence,
                        at_ns,
                        answers_lost,
                    );
                    return true;
                }
            }
        }
        false
    }

    /// The person presents the card or the phone. A person without the one uses the other.
    fn present(
        &mut self,
        holder: u32,
        amount_fen: i64,
        tender: Tender,
        till_time_ns: u64,
        world: &mut World,
    ) -> Option<(Request<'static>, OutcomeKind)> {
        if tender == Tender::Code || !world.people.has_card(holder) {
            if let Some(code) = world.people.show_code(holder, till_time_ns) {
                let request = Request::CodeDebit(CodeDebit { code, amount_fen, till_time_ns });
                return Some((request, OutcomeKind::CodeDebit));
            }
            if world.people.has_card(holder) {
                world.measurement.counts.codes_substituted += 1;
            }
        }
        let tap = world.people.tap(holder, self.sale_id(self.next_sequence), amount_fen)?;
        let debit = CardDebit { card_uid: tap.card_uid, card_counter: tap.counter, amount_fen, till_time_ns };
        Some((Request::CardDebit(debit), OutcomeKind::CardDebit))
    }

    fn begin(
        &mut self,
        request: Request<'static>,
        what: What,
        sequence: u32,
        intended_ns: u64,
        answers_to_lose: u8,
    ) {
        self.live = Some(Live {
            request,
            phase: Phase::Pausing { until_ns: 0 },
            what,
            sequence,
            intended_ns,
            sent_ns: 0,
            attempts: 0,
            unanswered: 0,
            answers_to_lose,
            last_request_id: RequestId(0),
        });
    }

    fn begin_reversal(&mut self, now_ns: u64, reversal: StoredReversal, world: &mut World) {
        let sequence = self.take_sequence();
        let entry = world.log.open(
            self.sale_id(sequence),
            OutcomeKind::Reversal,
            SaleState::Unknown,
            reversal.account,
            reversal.amount_fen,
            reversal.original.sequence.0,
        );
        let request = Request::Reversal(Reversal {
            original_epoch: reversal.original.epoch,
            original_sequence: reversal.original.sequence,
            amount_fen: reversal.amount_fen,
            reason: REVERSAL_REASON,
            till_time_ns: world.unix_ns(now_ns),
        });
        self.begin(request, What::Reversal { reversal, entry }, sequence, now_ns, 0);
    }

    /// Begins a deed. False when it can't be done.
    fn begin_deed(&mut self, errand: &Errand, now_ns: u64, intended_ns: u64, world: &mut World) -> bool {
        let sale = self.sale_id(self.next_sequence);
        let unix_ns = world.unix_ns(now_ns);
        let unsent_records = (self.upload_pending() + self.stored_before.len()) as u32;
        let (recent, lines) = (&mut self.recent, &mut self.lines);
        let mut place = Place { sale, unix_ns, unsent_records, recent, lines };
        let Some(begun) = Doing::begin(errand, &mut place, world) else { return false };
        let (doing, entry) = (begun.doing, begun.entry);
        let entry = entry.map(|entry| {
            let kind = OutcomeKind::Deed(doing.kind());
            let (account, amount_fen) = (entry.account.0, entry.amount_fen);
            world.log.open(sale, kind, SaleState::Unknown, account, amount_fen, entry.reference)
        });
        let sequence = if entry.is_some() { self.take_sequence() } else { 0 };
        let what = What::Deed { doing, entry };
        self.begin(begun.request, what, sequence, intended_ns, errand.answers_lost);
        true
    }

    /// An attempt failed: pause and send the same again, or, after the last, store the reversal.
    pub(super) fn pause_or_give_up(&mut self, now_ns: u64, world: &mut World) {
        let Some(live) = &mut self.live else { return };
        let pauses_ns = self.settings.timers.retry_pauses_ns;
        if live.attempts < ATTEMPTS_MAX || live.must_be_answered() {
            let pause_ns = pauses_ns[(live.attempts.max(1) as usize - 1).min(pauses_ns.len() - 1)];
            live.phase = Phase::Pausing { until_ns: now_ns.saturating_add(pause_ns) };
            return;
        }
        let live = *live;
        self.live = None;
        self.free_ns = now_ns;
        self.give_up(&live, world);
    }

    /// Gives up what needn't be answered: what certainly wasn't carried out never was, a sale that may have been is reversed.
    fn give_up(&mut self, live: &Live, world: &mut World) {
        let measurement = &mut world.measurement;
        measurement.by_message.of(live.request.kind()).unanswered += 1;
        match live.what {
            What::Deed { doing, entry: None } => {
                measurement.counts.queries_failed += 1;
                doing.not_done(world);
            }
            What::Deed { doing, entry: Some(entry) } => {
                self.never_begun(live, entry, world);
                doing.not_done(world);
            }
            What::Sale { entry, .. } if live.unanswered == 0 => self.never_begun(live, entry, world),
            What::Sale { holder, amount_fen, entry } => {
                self.reversal = Some(StoredReversal {
                    original: self.sale_id(live.sequence),
                    original_entry: entry,
                    amount_fen,
                    account: world.people.account(holder).0,
                });
            }
            What::Reversal { .. } => unreachable!("a reversal is never given up"),
        }
    }

    /// Every frame was answered with a code that leaves no trace: the sequence is free again.
    fn never_begun(&mut self, live: &Live, entry: EntryId, world: &mut World) {
        world.measurement.counts.given_up += 1;
        world.log.set_state(entry, SaleState::NotUsed);
        self.free_sequence(live.sequence);
    }

    /// The till takes itself for offline: a sale without an answer becomes a stored reversal. What must be answered keeps
    /// its sequence and goes on when the network is back.
    pub(super) fn give_live_up_for_offline(&mut self, world: &mut World) {
        if let Some(live) = self.live.take_if(|live| !live.must_be_answered()) {
            self.give_up(&live, world);
        }
    }

    /// A sequence that nothing is ever sent under.
    pub(super) fn lose_sequence(&mut self, world: &mut World) {
        let sequence = self.take_sequence();
        world.holes.leave(self.sale_id(sequence));
    }

    pub(super) fn free_sequence(&mut self, sequence: u32) {
        if sequence != 0 && self.next_sequence == sequence + 1 {
            self.next_sequence = sequence;
        }
    }
}

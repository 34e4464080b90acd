//! The one live request: sent, awaited, retried with the same sequence, and reversed when no answer ever came.

use protocol::answer::{Answer, MoneyAnswer};
use protocol::frame::Header;
use protocol::ids::{RequestId, Sequence};
use protocol::request::{AccountSelector, BalanceQuery, CardDebit, CodeDebit, Request, Reversal};
use protocol::result_code::{ResultCode, TillAction};

use super::{Link, REVERSAL_REASON, SendBody, StoredReversal, Till, TillStep, World};
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
    what: What,
    /// Its sequence; 0 for a query.
    sequence: u32,
    intended_ns: u64,
    sent_ns: u64,
    attempts: u32,
    /// Frames of it that got no answer. While 0, a code that leaves no trace proves that nothing happened.
    unanswered: u32,
    /// Answers that the schedule lets the network swallow.
    answers_to_lose: u8,
    last_request_id: RequestId,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug)]
enum What {
    Sale { holder: u32, amount_fen: i64, entry: EntryId },
    Query,
    Reversal { reversal: StoredReversal, entry: EntryId },
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

    /// True for a sale or a reversal without its final answer.
    pub(super) fn is_open_sale(&self) -> bool {
        !matches!(self.what, What::Query)
    }

    fn is_reversal(&self) -> bool {
        matches!(self.what, What::Reversal { .. })
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

    /// Begins the stored reversal, or the next due intention. False when neither is there.
    fn begin_next(&mut self, now_ns: u64, world: &mut World) -> bool {
        if let Some(reversal) = self.reversal.take() {
            self.begin_reversal(now_ns, reversal, world);
            return true;
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
                IntentAction::Sale { .. } | IntentAction::BalanceQuery { .. } if late => {
                    world.measurement.counts.intended += 1;
                    world.measurement.counts.dropped += 1;
                }
                IntentAction::BalanceQuery { holder } => {
                    world.measurement.counts.intended += 1;
                    let account = AccountSelector::Account(world.people.account(holder));
                    let request = Request::Balance(BalanceQuery { account });
                    self.begin(request, What::Query, 0, at_ns, 0);
                    return true;
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

    /// An attempt failed: pause and send the same again, or, after the last, store the reversal.
    fn pause_or_give_up(&mut self, now_ns: u64, world: &mut World) {
        let Some(live) = &mut self.live else { return };
        let pauses_ns = self.settings.timers.retry_pauses_ns;
        // A reversal is never given up.
        if live.attempts < ATTEMPTS_MAX || live.is_reversal() {
            let pause_ns = pauses_ns[(live.attempts.max(1) as usize - 1).min(pauses_ns.len() - 1)];
            live.phase = Phase::Pausing { until_ns: now_ns.saturating_add(pause_ns) };
            return;
        }
        let (what, sequence, unanswered) = (live.what, live.sequence, live.unanswered);
        self.live = None;
        self.free_ns = now_ns;
        match what {
            What::Query => world.measurement.counts.queries_failed += 1,
            What::Sale { entry, .. } if unanswered == 0 => {
                // Every frame was answered with a code that leaves no trace: the sequence is free again.
                world.measurement.counts.given_up += 1;
                world.log.set_state(entry, SaleState::NotUsed);
                self.free_sequence(sequence);
            }
            What::Sale { holder, amount_fen, entry } => {
                self.reversal = Some(StoredReversal {
                    original: self.sale_id(sequence),
                    original_entry: entry,
                    amount_fen,
                    account: world.people.account(holder).0,
                });
            }
            What::Reversal { .. } => unreachable!("a reversal is never given up"),
        }
    }

    fn free_sequence(&mut self, sequence: u32) {
        if sequence != 0 && self.next_sequence == sequence + 1 {
            self.next_sequence = sequence;
        }
    }

    /// The till takes itself for offline: a sale without an answer becomes a stored reversal.
    pub(super) fn give_live_up_for_offline(&mut self, world: &mut World) {
        let Some(live) = self.live.take() else { return };
        match live.what {
            What::Query => world.measurement.counts.queries_failed += 1,
            What::Sale { entry, .. } if live.unanswered == 0 => {
                world.measurement.counts.given_up += 1;
                world.log.set_state(entry, SaleState::NotUsed);
                self.free_sequence(live.sequence);
            }
            What::Sale { holder, amount_fen, entry } => {
                self.reversal = Some(StoredReversal {
                    original: self.sale_id(live.sequence),
                    original_entry: entry,
                    amount_fen,
                    account: world.people.account(holder).0,
                });
            }
            // A reversal keeps its own sequence and goes on when the network is back.
            What::Reversal { .. } => self.live = Some(live),
        }
    }

    /// An answer came and was authentic.
    pub fn on_answer(&mut self, now_ns: u64, header: &Header, answer: &Answer<'_>, world: &mut World) {
        self.last_heard_ns = now_ns;
        match answer {
            Answer::Heartbeat(_) => {
                self.heartbeat_sent_ns = None;
                self.heartbeats_missed = 0;
                world.measurement.counts.heartbeats += 1;
            }
            Answer::Batch(batch) => self.on_batch(now_ns, batch, world),
            Answer::Money(money) => self.on_money(now_ns, header, money, world),
            Answer::Balance(balance) => {
                let matches = matches!(self.live, Some(Live { what: What::Query, last_request_id, .. })
                    if last_request_id == header.request_id);
                if matches && balance.code.action() == TillAction::Retry {
                    world.measurement.transient_by_code.add(balance.code);
                    self.pause_or_give_up(now_ns, world);
                } else if matches {
                    self.finish_query(now_ns, balance.code.is_approved(), world);
                }
            }
            Answer::Refused(refusal) => self.on_refused(now_ns, header, refusal.code, world),
            Answer::SignedOut | Answer::Bill(_) | Answer::Statement(_) => {
                world.measurement.counts.answers_wrong += 1;
            }
        }
    }

    fn finish_query(&mut self, now_ns: u64, approved: bool, world: &mut World) {
        let Some(live) = self.live.take() else { return };
        self.free_ns = now_ns;
        if approved {
            world.measurement.counts.queries_answered += 1;
            world.measurement.query.saturating_record(now_ns.saturating_sub(live.intended_ns));
        } else {
            world.measurement.counts.queries_failed += 1;
        }
    }

    /// The frame wasn't carried out. After a fault of the session the server closes; so does the till.
    fn on_refused(&mut self, now_ns: u64, header: &Header, code: ResultCode, world: &mut World) {
        world.measurement.transient_by_code.add(code);
        if code.number() / 100 == 1 {
            self.lose_connection(world);
            return;
        }
        if self.live.as_ref().is_some_and(|live| live.last_request_id == header.request_id) {
            self.pause_or_give_up(now_ns, world);
        } else if self.upload.is_some() {
            self.on_batch_refused(now_ns);
        }
    }

    fn on_money(&mut self, now_ns: u64, header: &Header, answer: &MoneyAnswer, world: &mut World) {
        let Some(live) = &mut self.live else { return };
        // Any answer to this identity counts, that to an earlier frame too.
        if live.sequence == 0 || Sequence(live.sequence) != header.sequence || header.epoch != self.epoch {
            return;
        }
        if live.answers_to_lose > 0 {
            live.answers_to_lose -= 1;
            return;
        }
        if answer.code.action() == TillAction::Retry {
            world.measurement.transient_by_code.add(answer.code);
            self.pause_or_give_up(now_ns, world);
            return;
        }
        if answer.code.number() / 100 == 1 {
            world.measurement.transient_by_code.add(answer.code);
            self.lose_connection(world);
            return;
        }
        let live = *live;
        self.live = None;
        self.free_ns = now_ns;
        if answer.code.is_transient() && live.unanswered == 0 {
            self.free_sequence(live.sequence);
        }
        match live.what {
            What::Sale { holder, amount_fen, entry } => {
                self.finish_sale(now_ns, &live, (holder, amount_fen, entry), answer, world);
            }
            What::Reversal { reversal, entry } => finish_reversal(reversal, entry, answer, world),
            What::Query => world.measurement.counts.answers_wrong += 1,
        }
    }

    fn finish_sale(
        &mut self,
        now_ns: u64,
        live: &Live,
        (holder, amount_fen, entry): (u32, i64, EntryId),
        answer: &MoneyAnswer,
        world: &mut World,
    ) {
        let completion = Completion {
            intended_ns: live.intended_ns,
            sent_ns: live.sent_ns,
            answered_ns: now_ns,
            disturbed: self.disturbed,
        };
        let state = if answer.code.is_approved() {
            let account = world.people.account(holder);
            if answer.account != Some(account) || answer.amount_fen != amount_fen {
                world.measurement.counts.answers_wrong += 1;
            }
            world.served[holder as usize] = true;
            world.measurement.record_approved(completion);
            SaleState::Approved
        } else {
            world.measurement.record_refused(answer.code, completion);
            if answer.code == ResultCode::Reversed { SaleState::Reversed } else { SaleState::Refused }
        };
        world.log.close(entry, state, answer.code.number(), answer.record.0);
    }
}

fn finish_reversal(reversal: StoredReversal, entry: EntryId, answer: &MoneyAnswer, world: &mut World) {
    let counts = &mut world.measurement.counts;
    let (own, original) = match answer.code {
        code if code.is_approved() => {
            counts.reversed += 1;
            (SaleState::Approved, Some(SaleState::Reversed))
        }
        ResultCode::Reversed => {
            counts.reversed += 1;
            (SaleState::Refused, Some(SaleState::Reversed))
        }
        ResultCode::NothingToReverse => {
            counts.reversal_found_refusal += 1;
            (SaleState::Refused, Some(SaleState::Refused))
        }
        code => {
            counts.unknown += 1;
            world.measurement.refused_by_code.add(code);
            (SaleState::Refused, None)
        }
    };
    world.log.close(entry, own, answer.code.number(), answer.record.0);
    if let Some(state) = original {
        world.log.set_state(reversal.original_entry, state);
    }
}

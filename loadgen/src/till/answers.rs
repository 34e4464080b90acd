//! What an answer means: the live request ends, is sent again, or the session is over.

use protocol::answer::{Answer, HeartbeatAnswer, MoneyAnswer};
use protocol::command_table::Kind;
use protocol::frame::Header;
use protocol::ids::AccountId;
use protocol::result_code::{ResultCode, TillAction};

use super::live::{Live, What};
use super::{StoredReversal, Till, World};
use crate::answer_code::code_of;
use crate::deed::{Doing, Done};
use crate::measurement::Completion;
use crate::outcome_log::{EntryId, SaleState};

impl Till {
    /// An answer came and was authentic.
    pub fn on_answer(&mut self, now_ns: u64, header: &Header, answer: &Answer<'_>, world: &mut World) {
        self.last_heard_ns = now_ns;
        match answer {
            Answer::Heartbeat(told) => self.on_heartbeat(now_ns, told, world),
            Answer::Batch(batch) => self.on_batch(now_ns, batch, world),
            Answer::Refused(refusal) => self.on_refused(now_ns, header, refusal.code, world),
            other => match code_of(other) {
                Some(code) => self.on_outcome(now_ns, header, code, other, world),
                None => world.measurement.counts.answers_wrong += 1,
            },
        }
    }

    fn on_heartbeat(&mut self, now_ns: u64, told: &HeartbeatAnswer, world: &mut World) {
        world.people.code_key_is(told.code_key_version);
        self.asks_for_key |= world.terminal_keys.heard_of(self.terminal, told.key_version);
        self.heartbeats_missed = 0;
        world.measurement.counts.heartbeats += 1;
        if let Some(sent_ns) = self.heartbeat_sent_ns.take() {
            let completion =
                Completion { intended_ns: sent_ns, sent_ns, answered_ns: now_ns, disturbed: self.disturbed };
            world.measurement.record_done(Kind::Heartbeat, completion);
        }
    }

    /// The frame wasn't carried out. After a fault of the session the server closes; so does the till.
    fn on_refused(&mut self, now_ns: u64, header: &Header, code: ResultCode, world: &mut World) {
        world.measurement.transient_by_code.add(code);
        if code.number() / 100 == 1 {
            self.lose_connection(world);
            return;
        }
        if self.live.as_ref().is_some_and(|live| live.is_last_frame(header)) {
            self.pause_or_give_up(now_ns, world);
        } else if self.upload.is_some() {
            self.on_batch_refused(now_ns);
        }
    }

    fn on_outcome(
        &mut self,
        now_ns: u64,
        header: &Header,
        code: ResultCode,
        answer: &Answer<'_>,
        world: &mut World,
    ) {
        let Some(live) = &mut self.live else { return };
        if !live.is_answered_by(header) || header.epoch != self.epoch {
            return;
        }
        if live.answers_to_lose > 0 {
            live.answers_to_lose -= 1;
            return;
        }
        if code.action() == TillAction::Retry {
            world.measurement.transient_by_code.add(code);
            self.pause_or_give_up(now_ns, world);
            return;
        }
        if code.number() / 100 == 1 {
            world.measurement.transient_by_code.add(code);
            self.lose_connection(world);
            return;
        }
        let live = *live;
        self.live = None;
        self.free_ns = now_ns;
        if code.is_transient() && live.unanswered == 0 {
            self.free_sequence(live.sequence);
        }
        match (live.what, answer) {
            (What::Sale { holder, amount_fen, entry }, Answer::Money(money)) => {
                self.finish_sale(now_ns, &live, (holder, amount_fen, entry), money, world);
            }
            (What::Reversal { reversal, entry }, Answer::Money(money)) => {
                let completion = live.completion(now_ns, self.disturbed);
                finish_reversal(reversal, entry, money, completion, world);
            }
            (What::Deed { doing, entry }, _) => {
                self.finish_deed(now_ns, &live, (&doing, entry), (code, answer), world);
            }
            (What::Sale { .. } | What::Reversal { .. }, _) => world.measurement.counts.answers_wrong += 1,
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
        let completion = live.completion(now_ns, self.disturbed);
        let message = live.request.kind();
        let state = if answer.code.is_approved() {
            let account = world.people.account(holder);
            if answer.account != Some(account) || answer.amount_fen != amount_fen {
                world.measurement.counts.answers_wrong += 1;
            }
            world.served[holder as usize] = true;
            world.measurement.record_approved(message, completion);
            self.recent.sale = Some(Done { sale: self.sale_id(live.sequence), entry, account, amount_fen });
            SaleState::Approved
        } else {
            world.measurement.record_refused(message, answer.code, completion);
            if answer.code == ResultCode::Reversed { SaleState::Reversed } else { SaleState::Refused }
        };
        world.close(entry, state, answer.code.number(), answer.record.0);
    }

    /// What it means for the books stands in its entry; what it means for people, cards and originals the deed knows.
    fn finish_deed(
        &mut self,
        now_ns: u64,
        live: &Live,
        (doing, entry): (&Doing, Option<EntryId>),
        (code, answer): (ResultCode, &Answer<'_>),
        world: &mut World,
    ) {
        let completion = live.completion(now_ns, self.disturbed);
        let approved = code.is_approved();
        if let (Some(entry), Some(money)) = (entry, crate::deed::money(answer)) {
            let state = if approved { SaleState::Approved } else { SaleState::Refused };
            world.close(entry, state, code.number(), money.record.0);
            if approved && doing.amount_is_told() {
                world.log.set_amount(entry, money.amount_fen);
            }
            let account = world.log.entry(entry).account;
            let done = Done {
                sale: self.sale_id(live.sequence),
                entry,
                account: AccountId(account),
                amount_fen: money.amount_fen,
            };
            if approved {
                *self.recent.of(doing.kind()) = Some(done);
            }
        }
        let counts = &mut world.measurement.counts;
        match (approved, entry) {
            (true, Some(_)) => counts.deeds_done += 1,
            (true, None) => counts.queries_answered += 1,
            (false, Some(_)) => counts.deeds_refused += 1,
            (false, None) => counts.queries_failed += 1,
        }
        if !approved {
            world.measurement.record_not_done(live.request.kind(), code, completion);
            doing.refused(answer, world);
            return;
        }
        world.measurement.record_done(live.request.kind(), completion);
        if !doing.approved(answer, world) {
            world.measurement.counts.answers_wrong += 1;
        }
    }
}

fn finish_reversal(
    reversal: StoredReversal,
    entry: EntryId,
    answer: &MoneyAnswer,
    completion: Completion,
    world: &mut World,
) {
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
    if answer.code.is_approved() {
        world.measurement.record_done(Kind::Reversal, completion);
    } else {
        world.measurement.record_not_done(Kind::Reversal, answer.code, completion);
    }
    world.close(entry, own, answer.code.number(), answer.record.0);
    if let Some(state) = original {
        world.log.set_state(reversal.original_entry, state);
    }
}

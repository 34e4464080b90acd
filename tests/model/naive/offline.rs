//! Uploaded records: facts.

use engine::ledger::account::AccountStatus;
use engine::ledger::command::OfflineFact;
use protocol::result_code::ResultCode;

use super::debits::sells;
use super::gaps::Told;
use super::identity::{Standing, bad_field, told_again};
use super::{Answer, Ask, Body, Deed, Model, Other, answer, day_of};

const ONE_DAY_S: u32 = 86_400;
const CLOCK_DRIFT_NS: u64 = 300_000_000_000;

impl Model {
    pub(super) fn offline(&mut self, r: &OfflineFact<'_>) -> Answer {
        let body = if r.carried.by_scan {
            Body::Scanned { amount_fen: r.amount_fen }
        } else {
            Body::Card { card_uid: r.card_uid.0, amount_fen: r.amount_fen }
        };
        let ask = match self.ask(&r.sale, body, r.amount_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if r.record_terminal != r.sale.terminal {
            return self.keep_out(&ask, ResultCode::WrongTerminal, 0, true);
        }
        if ask.sequence != 0 {
            match self.tills[ask.till].standing(ask.epoch, ask.sequence) {
                Standing::Fresh | Standing::OlderUnknown => {}
                Standing::TooManyGaps => return answer(ResultCode::TooManyGaps, ask.amount_fen),
                Standing::Known(past) => {
                    let dead = past.reversed || past.deed == Deed::Tombstone;
                    let same = past.deed == Deed::Tombstone || past.body == ask.body;
                    let happened = matches!(
                        past.deed,
                        Deed::Debit { .. } | Deed::OfflineDebit { .. } | Deed::ScanPending
                    );
                    return if same && dead {
                        self.keep_out(&ask, ResultCode::Reversed, past.record, !past.suspended)
                    } else if same && happened {
                        told_again(&past)
                    } else {
                        self.conflict(&ask, &past)
                    };
                }
            }
        }
        if let Some(answer) = bad_field(&ask, sells(self.tills[ask.till].kind)) {
            return answer;
        }
        if !r.authentic {
            return self.keep_out(&ask, ResultCode::NotAuthentic, 0, true);
        }
        if r.carried.by_scan {
            let record = self.next_record();
            return self.settle(&ask, record, ResultCode::PaymentPending, Deed::ScanPending, None);
        }
        let (payer, answer) = self.post_fact(&ask, r, false);
        if let Some(account) = payer
            && r.carried.previous.terminal.0 != 0
        {
            let (card_uid, till_time_ns) = (r.card_uid.0, r.till_time_ns);
            self.told.push(Told { card_uid, previous: r.carried.previous, till_time_ns, account });
        }
        answer
    }

    /// Says who pays, and what is answered. What never came, and a card told of, is flagged for that alone.
    pub(super) fn post_fact(
        &mut self,
        ask: &Ask<'_>,
        r: &OfflineFact<'_>,
        told: bool,
    ) -> (Option<u32>, Answer) {
        let merchant = self.tills[ask.till].merchant;
        let day = day_of(r.till_time_ns).min(self.today());
        let mut flagged = told || r.till_time_ns > self.time_ns + CLOCK_DRIFT_NS || !self.trades(merchant);
        flagged |= r.list.is_some_and(|list| list.age_s > ONE_DAY_S);
        let since_ns = r.carried.offline_since_ns;
        flagged |= since_ns != 0 && r.till_time_ns > since_ns + 3 * u64::from(ONE_DAY_S) * 1_000_000_000;
        let (payer, too_late) = self.holder_at(r.card_uid.0, r.till_time_ns).unzip();
        if let Some(id) = payer {
            let account = &self.accounts[id as usize];
            let policy = self.policy(account.class);
            flagged |= r.amount_fen > i64::from(policy.offline_debit_max_fen);
            flagged |= account.spent_on_fen(day) + r.amount_fen > i64::from(policy.offline_day_max_fen);
        }
        let lost_since =
            self.blocked.get(&r.card_uid.0).filter(|&&(_, lost)| lost).map(|&(since_ns, _)| since_ns);
        let was_lost = payer.is_some() && lost_since.is_some_and(|since_ns| r.till_time_ns > since_ns);
        // What a lost card pays isn't its holder's: the school's, or the merchant's whose till knew, or should have known.
        let payer = payer.filter(|_| !was_lost);
        let mut given_fen = 0;
        if was_lost {
            flagged |=
                r.list.is_none_or(|list| list.age_s > ONE_DAY_S || !self.lacks(list.version, r.card_uid.0));
            self.owe(Other::LostCards, -r.amount_fen);
        } else if let Some(id) = payer {
            flagged |= too_late == Some(true);
            let policy = self.policy(self.accounts[id as usize].class);
            let account = &mut self.accounts[id as usize];
            flagged |= account.status != AccountStatus::Open;
            given_fen = account.take_from_card(r.amount_fen);
            account.see_counter(r.card_uid.0, r.card_counter.0);
            account.add_spent(day, r.amount_fen);
            flagged |= account.wallets.sum_fen() < policy.floor_fen;
        } else {
            flagged = true;
            self.owe(Other::UnknownCardClearing, -r.amount_fen);
        }
        let owed = if flagged { Other::HeldBack(merchant) } else { Other::Merchant(merchant) };
        self.owe(owed, r.amount_fen);
        let code = if flagged { ResultCode::ApprovedFlagged } else { ResultCode::Approved };
        let record = self.next_record();
        let deed = Deed::OfflineDebit { merchant, day, given_fen, flagged };
        (payer, self.settle(ask, record, code, deed, payer))
    }

    /// Whether a till whose block-list was of this version didn't have the last move of a card that is blocked.
    fn lacks(&self, version: u32, card_uid: u64) -> bool {
        let newest = self.block_moves.iter().rposition(|&(moved, _)| moved == card_uid);
        version > 0 && newest.is_some_and(|place| (version as usize) < place + 1)
    }
}

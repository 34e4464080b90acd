//! What an offline till shows, paid by phone.

use engine::ledger::command::ScanPay;
use engine::ledger::registry::TerminalKind;
use protocol::result_code::ResultCode;

use super::debits::{Limited, sells};
use super::identity::{Standing, bad_field};
use super::{Answer, Ask, Body, Deed, Model, Other, PaidFrom, answer};

const TEN_MINUTES_NS: u64 = 600_000_000_000;
const CLOCKS_DIFFER_NS: u64 = 300_000_000_000;

impl Model {
    pub(super) fn scan_pay(&mut self, r: &ScanPay<'_>) -> Answer {
        let scanned = (r.scanned.epoch.0, r.scanned.sequence.0);
        let body = Body::ScanPay {
            account: r.account,
            terminal: r.scanned.terminal.0,
            scanned,
            amount_fen: r.amount_fen,
            till_time_ns: r.till_time_ns,
        };
        let ask = match self.ask(&r.sale, body, r.amount_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return self.as_the_sale_stands(answer, r);
        }
        if let Some(answer) = bad_field(&ask, self.tills[ask.till].kind == TerminalKind::PhoneGateway) {
            return answer;
        }
        if scanned.1 == 0 {
            return answer(ResultCode::SequenceZero, ask.amount_fen);
        }
        let slot = usize::from(r.scanned_slot.0);
        let known = self
            .tills
            .get(slot)
            .is_some_and(|t| t.terminal == r.scanned.terminal.0 && t.enabled && sells(t.kind));
        if !known || slot == ask.till || !r.authentic {
            return self.refuse(&ask, ResultCode::ScanNotAuthentic, None);
        }
        let expired = self.time_ns > r.till_time_ns + TEN_MINUTES_NS
            || r.till_time_ns > self.time_ns + CLOCKS_DIFFER_NS;
        let forgotten = self.tills[slot].has_forgotten(scanned, self.bounds.outcomes_per_terminal);
        let past = match self.tills[slot].standing(scanned.0, scanned.1) {
            Standing::Fresh | Standing::OlderUnknown => None,
            // Nobody asks the log about a code that can't be paid any more.
            Standing::Known(_) if forgotten && expired => None,
            Standing::Known(past) => Some(past),
            Standing::TooManyGaps => return answer(ResultCode::TooManyGaps, ask.amount_fen),
        };
        let selected = self.select(&r.account);
        let sold = Ask {
            till: slot,
            epoch: scanned.0,
            sequence: scanned.1,
            body: Body::Scanned { amount_fen: r.amount_fen },
            amount_fen: r.amount_fen,
            sale: &r.sale,
        };
        let mut codes = Vec::new();
        if let Some(past) = &past {
            let gone = past.reversed || past.deed == Deed::Tombstone;
            let same = past.body == sold.body;
            let paid = matches!(past.deed, Deed::Debit { .. });
            if gone {
                codes.push(ResultCode::ScanWithdrawn);
            } else if same && paid && selected.ok().is_some() && past.payer == selected.ok() {
                return self.told_that_it_is_paid(&ask, past.code, selected.ok());
            } else if same && paid {
                codes.push(ResultCode::ScanPaidBefore);
            } else if !same || past.deed != Deed::ScanPending {
                codes.push(ResultCode::ScanConflict);
            }
        }
        if expired {
            codes.push(ResultCode::ScanExpired);
        }
        codes.extend(selected.err());
        codes.extend(selected.ok().and_then(|id| self.forbidden(&sold, id, Limited::AsScans, 0)));
        match (codes.into_iter().min(), selected) {
            (Some(code), _) => self.refuse(&ask, code, selected.ok()),
            (None, Ok(id)) => self.pay_scanned(&ask, &sold, id, r.till_connected),
            (None, Err(_)) => unreachable!("nobody to pay is a code"),
        }
    }

    /// What was told as paid before, and what the till took back since.
    fn as_the_sale_stands(&self, mut answer: Answer, r: &ScanPay<'_>) -> Answer {
        let till = self.tills.get(usize::from(r.scanned_slot.0));
        let past = till
            .filter(|till| till.terminal == r.scanned.terminal.0)
            .and_then(|till| till.past.get(&(r.scanned.epoch.0, r.scanned.sequence.0)));
        if let Answer::Outcome(said) = &mut answer
            && said.code.is_approved()
            && past.is_some_and(|past| past.reversed)
        {
            said.code = ResultCode::Reversed;
            said.repeat = false;
        }
        answer
    }

    /// The sale under the till's identity, and under the gateway's what it was told.
    fn pay_scanned(&mut self, ask: &Ask<'_>, sold: &Ask<'_>, id: u32, till_connected: bool) -> Answer {
        let code = if till_connected { ResultCode::ApprovedFlagged } else { ResultCode::Approved };
        let merchant = self.tills[sold.till].merchant;
        let day = self.today();
        let account = &mut self.accounts[id as usize];
        account.wallets.transition_fen -= sold.amount_fen;
        account.add_spent(day, sold.amount_fen);
        self.owe(Other::Merchant(merchant), sold.amount_fen);
        let deed = Deed::Debit { wallet: PaidFrom::Transition, merchant, day, given_fen: 0 };
        let record = self.next_record();
        self.settle(sold, record, code, deed, Some(id));
        let record = self.next_record();
        self.settle(ask, record, code, Deed::Other, Some(id))
    }

    fn told_that_it_is_paid(&mut self, ask: &Ask<'_>, code: ResultCode, id: Option<u32>) -> Answer {
        let record = self.next_record();
        let mut answer = self.settle(ask, record, code, Deed::Other, id);
        if let Answer::Outcome(said) = &mut answer {
            said.repeat = true;
        }
        answer
    }
}

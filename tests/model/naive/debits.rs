//! Taps and payment codes.

use engine::ledger::account::AccountStatus;
use engine::ledger::command::{CardDebit, CodeDebit, CodeVerdict, PasswordDebit, Sale};
use engine::ledger::registry::{AuthoriseRule, Policy, TerminalKind};
use protocol::ids::CardUid;
use protocol::result_code::ResultCode;

use super::identity::bad_field;
use super::{Answer, Ask, Body, Deed, Model, OpenTap, Other, PaidFrom};

const FIVE_MINUTES_NS: u64 = 300_000_000_000;
const WRONG_CODES_MAX: u32 = 10;

pub(super) fn is_attended(kind: TerminalKind) -> bool {
    matches!(kind, TerminalKind::PointOfSale | TerminalKind::PhoneGateway | TerminalKind::Counter)
}

/// A tap.
pub(super) struct Tapped {
    pub(super) card_uid: CardUid,
    pub(super) counter: u32,
    pub(super) amount_fen: i64,
    pub(super) way: Way,
}

/// In one phase, in two, or with a password that is well-formed or not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Once,
    TwoPhase,
    Password(bool),
}

/// What limits a debit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Limited {
    AsEver,
    AsCodes,
    /// As ever, but that it counts in no meal period.
    AsScans,
    ByNothing,
}

pub(super) fn sells(kind: TerminalKind) -> bool {
    kind != TerminalKind::Door
}

impl Model {
    pub(super) fn card_debit(&mut self, r: &CardDebit<'_>) -> Answer {
        let (card_uid, counter) = (r.card_uid, r.card_counter.0);
        self.tap(&r.sale, &Tapped { card_uid, counter, amount_fen: r.amount_fen, way: Way::Once })
    }

    pub(super) fn password_debit(&mut self, r: &PasswordDebit<'_>) -> Answer {
        let (card_uid, counter, way) = (r.card_uid, r.card_counter.0, Way::Password(r.well_formed));
        self.tap(&r.sale, &Tapped { card_uid, counter, amount_fen: r.amount_fen, way })
    }

    pub(super) fn tap(&mut self, sale: &Sale<'_>, tapped: &Tapped) -> Answer {
        let Tapped { card_uid, counter, amount_fen, way } = *tapped;
        let two_phase = way == Way::TwoPhase;
        let by_password = matches!(way, Way::Password(_));
        let body = Body::Card { card_uid: card_uid.0, amount_fen };
        let ask = match self.ask(sale, body, amount_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known_tap(&ask, two_phase) {
            return answer;
        }
        let kind = self.tills[ask.till].kind;
        if let Some(answer) = bad_field(&ask, if by_password { is_attended(kind) } else { sells(kind) }) {
            return answer;
        }
        let id = match self.current_card(card_uid) {
            Ok(id) => id,
            Err((code, id)) => return self.refuse(&ask, code, id),
        };
        if counter <= self.accounts[id as usize].card_counter {
            return self.refuse(&ask, ResultCode::CardCounterReplayed, Some(id));
        }
        self.resolve(id, counter);
        if self.has_expired(id, self.today()) {
            return self.refuse(&ask, ResultCode::CardExpired, Some(id));
        }
        let limited = if by_password { Limited::ByNothing } else { Limited::AsEver };
        if let Way::Password(well_formed) = way
            && let Some(code) = self.password_is_wrong(id, well_formed, sale)
        {
            return self.refuse(&ask, code, Some(id));
        }
        let beside_fen = self.beside_fen(id, amount_fen);
        if let Some(code) = self.forbidden(&ask, id, limited, beside_fen) {
            return self.refuse(&ask, code, Some(id));
        }
        if by_password {
            self.forget_failures(id);
        }
        self.let_stand(id);
        let till = ask.till;
        let account = &mut self.accounts[id as usize];
        if two_phase {
            let named = (ask.epoch, ask.sequence);
            account.open_tap = Some(OpenTap { till, named, counter, contradicted: false });
        } else {
            account.card_counter = counter;
            account.card_seen = account.card_seen.max(counter);
        }
        let left_fen = account.wallets.card_fen - amount_fen - beside_fen;
        let load_fen = account.wallets.electronic_fen.min(-left_fen);
        let settle_fen = (-account.wallets.transition_fen).min(left_fen);
        if load_fen > 0 {
            account.wallets.electronic_fen -= load_fen;
            account.wallets.card_fen += load_fen;
        }
        if settle_fen > 0 {
            // What was paid by phone is paid with what the tap leaves on the card.
            account.wallets.transition_fen += settle_fen;
            account.take_from_card(settle_fen);
        }
        if load_fen > 0 || settle_fen > 0 {
            let record = self.next_record();
            self.link(id, record);
        }
        let answer = self.debit(&ask, id, PaidFrom::Card, beside_fen);
        let past = self.tills[till].past.get_mut(&(ask.epoch, ask.sequence)).expect("it was settled");
        past.two_phase = two_phase;
        answer
    }

    pub(super) fn code_debit(&mut self, r: &CodeDebit<'_>) -> Answer {
        let body = Body::Code { digits: r.digits, amount_fen: r.amount_fen };
        let ask = match self.ask(&r.sale, body, r.amount_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        if let Some(answer) = bad_field(&ask, sells(self.tills[ask.till].kind)) {
            return answer;
        }
        let time_ns = self.time_ns;
        let till = &mut self.tills[ask.till];
        let window_over = time_ns >= till.bad_codes_since_ns + FIVE_MINUTES_NS;
        let locked = till.bad_codes >= WRONG_CODES_MAX && !window_over;
        let (account, step, nonce) = match r.verdict {
            CodeVerdict::Malformed => return self.refuse(&ask, ResultCode::CodeMalformed, None),
            _ if locked => return self.refuse(&ask, ResultCode::CodeLocked, None),
            CodeVerdict::NotAuthentic => {
                if till.bad_codes == 0 || window_over {
                    till.bad_codes = 0;
                    till.bad_codes_since_ns = time_ns;
                }
                till.bad_codes += 1;
                return self.refuse(&ask, ResultCode::CodeNotAuthentic, None);
            }
            CodeVerdict::Expired => return self.refuse(&ask, ResultCode::CodeExpired, None),
            CodeVerdict::Authentic { account, step, nonce } => (account.0, step, nonce),
        };
        let key_is_in_use = self.key_is_in_use(r.key_version, step);
        let Some(holder) = self.accounts.get_mut(account as usize) else {
            return self.refuse(&ask, ResultCode::UnknownAccount, None);
        };
        // Of the steps that it used or revoked codes of, an account remembers the newest and the two before it.
        let newest = holder.codes_used.last().map_or(0, |&(step, _)| step).max(holder.codes_revoked_to);
        let code = if step + 2 < newest {
            Some(ResultCode::CodeExpired)
        } else if step <= holder.codes_revoked_to {
            Some(ResultCode::CodeRevoked)
        } else if holder.codes_used.contains(&(step, nonce)) {
            Some(ResultCode::CodeUsed)
        } else if !key_is_in_use {
            Some(ResultCode::CodeKeyRetired)
        } else {
            None
        };
        if let Some(code) = code {
            return self.refuse(&ask, code, Some(account));
        }
        holder.codes_used.insert((step, nonce));
        if self.lacks_a_phone(account) {
            return self.refuse(&ask, ResultCode::CodeNotBound, Some(account));
        }
        let beside_fen = self.beside_fen(account, r.amount_fen);
        match self.forbidden(&ask, account, Limited::AsCodes, beside_fen) {
            Some(code) => self.refuse(&ask, code, Some(account)),
            None => self.debit(&ask, account, PaidFrom::Transition, beside_fen),
        }
    }

    pub(super) fn forbidden(
        &self,
        ask: &Ask<'_>,
        id: u32,
        limited: Limited,
        beside_fen: i64,
    ) -> Option<ResultCode> {
        let account = &self.accounts[id as usize];
        let policy = self.policy(account.class);
        let lower = |class_fen: u32, own_fen: u32| match own_fen {
            0 => i64::from(class_fen),
            own_fen => i64::from(class_fen.min(own_fen)),
        };
        let paid_fen = ask.amount_fen + beside_fen;
        let day_fen = account.spent_on_fen(self.today()) + paid_fen;
        let (once_fen, above) = match (limited, policy.code_max_fen) {
            (Limited::AsCodes, 0) => (policy.debit_max_fen, ResultCode::CodeLimit),
            (Limited::AsCodes, code_max_fen) => (code_max_fen, ResultCode::CodeLimit),
            _ => (policy.debit_max_fen, ResultCode::DebitLimit),
        };
        let is_limited = limited != Limited::ByNothing;
        let balance_fen = account.wallets.sum_fen();
        if account.status == AccountStatus::Closed {
            Some(ResultCode::AccountClosed)
        } else if account.status == AccountStatus::Frozen {
            Some(ResultCode::AccountFrozen)
        } else if !self.trades(self.tills[ask.till].merchant) {
            Some(ResultCode::UnknownMerchant)
        } else if is_limited && paid_fen > lower(once_fen, account.debit_max_fen) {
            Some(above)
        } else if is_limited && day_fen > lower(policy.day_max_fen, account.day_max_fen) {
            Some(ResultCode::DayLimit)
        } else if is_limited && limited != Limited::AsScans && self.is_above_meal(id, paid_fen) {
            Some(ResultCode::MealLimit)
        } else if !authorised(&policy, balance_fen, paid_fen) {
            Some(ResultCode::InsufficientFunds)
        } else {
            None
        }
    }

    fn debit(&mut self, ask: &Ask<'_>, id: u32, wallet: PaidFrom, beside_fen: i64) -> Answer {
        let paid_fen = ask.amount_fen + beside_fen;
        let day = self.today();
        let merchant = self.tills[ask.till].merchant;
        let account = &mut self.accounts[id as usize];
        let given_fen = match wallet {
            PaidFrom::Card => account.take_from_card(paid_fen),
            PaidFrom::Transition => {
                account.wallets.transition_fen -= paid_fen;
                0
            }
        };
        account.add_spent(day, paid_fen);
        self.owe(Other::Merchant(merchant), ask.amount_fen);
        let record = self.next_record();
        let deed = Deed::Debit { wallet, merchant, day, given_fen };
        let answer = self.settle(ask, record, ResultCode::Approved, deed, Some(id));
        let counts_in = self.counts_in(id);
        self.accounts[id as usize].add_meal(day, counts_in, paid_fen);
        let past = self.tills[ask.till].past.get_mut(&(ask.epoch, ask.sequence));
        past.expect("it was settled").counts_in = counts_in;
        self.told_with(ask, answer, beside_fen, 1)
    }
}

/// Only the sum counts; a class may ask for more than zero, and may go down to a floor.
fn authorised(policy: &Policy, balance_fen: i64, amount_fen: i64) -> bool {
    let enough = balance_fen - amount_fen >= policy.floor_fen;
    match policy.rule {
        AuthoriseRule::Covers => enough,
        AuthoriseRule::AboveZero => enough && balance_fen > 0,
    }
}

//! Cards at a counter: issued, replaced, returned, taken back with the account's end.

use engine::ledger::account::AccountStatus;
use engine::ledger::command::{AccountClose, AccountSelector, CardIssue, CardReplace, CardReturn, CardStock};
use engine::ledger::registry::TerminalKind;
use protocol::card::{CardKind, CardTerms, ReplaceReason};
use protocol::result_code::ResultCode;

use super::identity::bad_identity;
use super::{Answer, Ask, Body, CardOwner, Deed, Holding, Model, Other, Wallets, answer, day_of};

const DAY_NS: u64 = 86_400_000_000_000;

/// When a day begins: days are the campus's, eight hours ahead, and the first of 2000 is day 0.
fn begins_ns(day: u16) -> u64 {
    (u64::from(day) + 10_957) * DAY_NS - DAY_NS / 3
}

impl Model {
    pub(super) fn card_issue(&mut self, r: &CardIssue<'_>) -> Answer {
        let body = Body::CardIssue {
            account: r.account,
            card_uid: r.card_uid.0,
            kind: r.kind,
            expires_day: r.expires_day,
            fee_fen: r.fee_fen,
        };
        let ask = match self.ask(&r.sale, body, r.fee_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        if let Some(answer) = self.bad_card_field(&ask, r.card_uid.0 != 0) {
            return answer;
        }
        let selected = self.select_lost_or_not(&r.account);
        let terms = CardTerms { kind: r.kind, expires_day: r.expires_day };
        let mut codes = self.cant_be_had(r.card_uid.0, selected.ok(), terms);
        codes.extend(self.isnt_in_stock(r.card_uid.0));
        match selected {
            Ok(id) => {
                codes.extend(self.not_open(id));
                if self.accounts[id as usize].card.is_some() {
                    codes.push(ResultCode::CardAlreadyCurrent);
                }
            }
            Err(code) => codes.push(code),
        }
        self.give(&ask, codes, selected.ok(), Some((r.card_uid.0, r.expires_day)), false)
    }

    pub(super) fn card_replace(&mut self, r: &CardReplace<'_>) -> Answer {
        let body = Body::CardReplace {
            account: r.account,
            new_card: r.new_card.0,
            reason: r.reason,
            terms: r.terms,
            fee_fen: r.fee_fen,
        };
        let ask = match self.ask(&r.sale, body, r.fee_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        if let Some(answer) = self.bad_card_field(&ask, r.new_card.0 != 0) {
            return answer;
        }
        let selected = self.select_lost_or_not(&r.account);
        let mut codes = self.cant_be_had(r.new_card.0, selected.ok(), r.terms);
        codes.extend(self.isnt_in_stock(r.new_card.0));
        match selected {
            Ok(id) => {
                codes.extend(self.not_open(id));
                if self.accounts[id as usize].card.is_none() {
                    codes.push(ResultCode::CardNotCurrent);
                }
            }
            Err(code) => codes.push(code),
        }
        let lost = r.reason == ReplaceReason::Lost;
        self.give(&ask, codes, selected.ok(), Some((r.new_card.0, r.terms.expires_day)), lost)
    }

    pub(super) fn card_return(&mut self, r: &CardReturn<'_>) -> Answer {
        let body = Body::CardReturn { account: r.account, card_uid: r.card_uid.0 };
        let ask = match self.ask(&r.sale, body, 0) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        if let Some(answer) = self.bad_card_field(&ask, r.card_uid.0 != 0) {
            return answer;
        }
        let selected = self.select_lost_or_not(&r.account);
        let mut codes = Vec::new();
        if !matches!(self.cards.get(&r.card_uid.0), Some(CardOwner::Account(_))) {
            codes.push(ResultCode::UnknownCard);
        }
        match selected {
            Ok(id) if self.accounts[id as usize].card != Some(r.card_uid.0) => {
                codes.push(ResultCode::CardNotCurrent);
            }
            Ok(id) if self.awaits_card(id) => codes.push(ResultCode::TapOpen),
            Ok(_) => {}
            Err(code) => codes.push(code),
        }
        let answer = self.give(&ask, codes, selected.ok(), None, false);
        if matches!(&answer, Answer::Outcome(said) if said.code == ResultCode::Approved) {
            self.come_back(r.card_uid.0);
        }
        answer
    }

    pub(super) fn card_stock(&mut self, r: &CardStock<'_>) -> Answer {
        let body = Body::CardStock { first: r.first.0, count: r.count };
        let ask = match self.ask(&r.sale, body, 0) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        if let Some(answer) = bad_identity(&ask, self.tills[ask.till].kind == TerminalKind::Counter) {
            return answer;
        }
        if r.count == 0 || r.count > 1_024 {
            return answer(ResultCode::CardCountWrong, 0);
        }
        let end = u128::from(r.first.0) + u128::from(r.count);
        if r.first.0 == 0 || end > u128::from(u64::MAX) + 1 {
            return answer(ResultCode::CardRangeWrong, 0);
        }
        let cards: Vec<u64> = (r.first.0..).take(usize::from(r.count)).collect();
        if cards.iter().any(|card| self.stock.contains(card)) {
            return self.refuse(&ask, ResultCode::StockOverlaps, None);
        }
        let is_known = |card: &u64| match self.cards.get(card) {
            None => false,
            Some(CardOwner::Nobody) => true,
            // Who has it hasn't brought it back, whoever that is.
            Some(CardOwner::Account(_)) => {
                let latest = self.holdings.get(card).and_then(|holdings| holdings.last());
                latest.is_none_or(|holding| holding.ended_ns.is_none())
            }
        };
        if cards.iter().any(is_known) {
            return self.refuse(&ask, ResultCode::StockCardKnown, None);
        }
        self.stock.extend(cards);
        let record = self.next_record();
        self.settle(&ask, record, ResultCode::Approved, Deed::Other, None)
    }

    fn isnt_in_stock(&self, card_uid: u64) -> Option<ResultCode> {
        let is_missing = self.office.cards_from_stock && !self.stock.contains(&card_uid);
        is_missing.then_some(ResultCode::CardNotInStock)
    }

    pub(super) fn account_close(&mut self, r: &AccountClose<'_>) -> Answer {
        let card_uid = r.card_uid.0;
        let body = Body::AccountClose { account: r.account, card_uid, way: r.way };
        let ask = match self.ask(&r.sale, body, 0) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        if let Some(answer) = self.bad_card_field(&ask, true) {
            return answer;
        }
        let selected = self.select_lost_or_not(&r.account);
        let mut codes = Vec::new();
        if card_uid != 0 && !matches!(self.cards.get(&card_uid), Some(CardOwner::Account(_))) {
            codes.push(ResultCode::UnknownCard);
        }
        match selected {
            Err(code) => codes.push(code),
            Ok(id) => {
                let account = &self.accounts[id as usize];
                if account.status != AccountStatus::Closed || account.wallets.sum_fen() <= 0 {
                    codes.extend(self.not_open(id));
                }
                if card_uid != 0 && account.card != Some(card_uid) {
                    codes.push(ResultCode::CardNotCurrent);
                }
                if card_uid == 0 && account.card.is_some() && !account.card_lost {
                    codes.push(ResultCode::CardNotBack);
                }
                if account.wallets.sum_fen() < 0 {
                    codes.push(ResultCode::BalanceNegative);
                }
                if self.awaits_card(id) {
                    codes.push(ResultCode::TapOpen);
                }
            }
        }
        let (None, Ok(id)) = (codes.iter().min(), selected) else {
            let code = codes.into_iter().min().expect("whoever isn't found is refused");
            return self.refuse(&ask, code, selected.ok());
        };
        let answer = self.pay_out_and_close(ask, id);
        self.come_back(card_uid);
        answer
    }

    /// What was paid by phone comes off the card first, the school's part before all; what is left of that goes back.
    fn pay_out_and_close(&mut self, ask: Ask<'_>, id: u32) -> Answer {
        let account = &mut self.accounts[id as usize];
        let by_phone_fen = (-account.wallets.transition_fen).min(account.wallets.card_fen).max(0);
        let school_fen = (account.subsidy_fen - by_phone_fen).max(0);
        let own_fen = account.wallets.sum_fen() - school_fen;
        if school_fen > 0 {
            account.wallets.card_fen -= school_fen;
            account.subsidy_fen = 0;
            self.owe(Other::SubsidyClearing, school_fen);
            let record = self.next_record();
            self.link(id, record);
        }
        if own_fen > 0 {
            let account = &mut self.accounts[id as usize];
            (account.wallets, account.subsidy_fen) = (Wallets::default(), 0);
            self.owe(Other::Payable, own_fen);
            let record = self.next_record();
            self.link(id, record);
        }
        self.block(self.accounts[id as usize].card, false);
        let account = &mut self.accounts[id as usize];
        account.change_card(None);
        account.status = AccountStatus::Closed;
        let record = self.next_record();
        let ask = Ask { amount_fen: own_fen, ..ask };
        self.settle(&ask, record, ResultCode::Approved, Deed::Other, Some(id))
    }

    /// At the counter, a lost card names its account like any other.
    pub(super) fn select_lost_or_not(&self, selector: &AccountSelector) -> Result<u32, ResultCode> {
        match (self.select(selector), selector) {
            (Err(ResultCode::CardLost), AccountSelector::Card(card_uid)) => match self.cards.get(&card_uid.0)
            {
                Some(CardOwner::Account(owner)) => Ok(*owner),
                _ => Err(ResultCode::CardLost),
            },
            (selected, _) => selected,
        }
    }

    /// What no request may carry.
    fn bad_card_field(&self, ask: &Ask<'_>, to_be_had: bool) -> Option<Answer> {
        let is_counter = self.tills[ask.till].kind == TerminalKind::Counter;
        let code = match ask.amount_fen {
            ..=-1 => ResultCode::AmountNotPositive,
            1_000_000_001.. => ResultCode::AmountTooLarge,
            _ if ask.sequence == 0 => ResultCode::SequenceZero,
            _ if is_counter && to_be_had => return None,
            _ => ResultCode::NotPermitted,
        };
        Some(answer(code, ask.amount_fen))
    }

    /// A number is given out once, and again when it came back: at once to the same person, to another thirty days later.
    fn cant_be_had(&self, card_uid: u64, to: Option<u32>, terms: CardTerms) -> Vec<ResultCode> {
        let never_good = terms.expires_day != 0 && terms.expires_day <= self.today();
        if never_good || terms.expires_day == 0 && terms.kind != CardKind::Standard {
            return vec![ResultCode::CardTermsWrong];
        }
        let owner = match self.cards.get(&card_uid) {
            None => return Vec::new(),
            Some(CardOwner::Nobody) => return vec![ResultCode::CardTaken],
            Some(CardOwner::Account(owner)) => *owner,
        };
        if self.accounts[owner as usize].card == Some(card_uid) {
            return vec![ResultCode::CardTaken];
        }
        let latest = self.holdings.get(&card_uid).and_then(|holdings| holdings.last());
        match latest.and_then(|holding| holding.ended_ns) {
            None => vec![ResultCode::CardNotReusable],
            Some(_) if to == Some(owner) => Vec::new(),
            Some(ended_ns) if self.today() >= day_of(ended_ns) + 30 => Vec::new(),
            Some(_) => vec![ResultCode::CardNotReusableYet],
        }
    }

    /// A card is at the counter again: who has it next is another, or the same one.
    fn come_back(&mut self, card_uid: u64) {
        let now_ns = self.time_ns;
        if let Some(holding) = self.holdings.get_mut(&card_uid).and_then(|holdings| holdings.last_mut()) {
            let expired = Some(holding.expires_day).filter(|day| *day != 0).map(begins_ns);
            holding.ended_ns = Some(expired.map_or(now_ns, |expired_ns| expired_ns.min(now_ns)));
        }
    }

    /// Whose a card is from now on.
    pub(super) fn hold(&mut self, card_uid: u64, account: u32, expires_day: u16) {
        let time_ns = self.time_ns;
        let lost = self.blocked.get(&card_uid).copied().filter(|&(_, lost)| lost);
        self.free(Some(card_uid));
        self.cards.insert(card_uid, CardOwner::Account(account));
        self.stock.remove(&card_uid);
        let holdings = self.holdings.entry(card_uid).or_default();
        match holdings.last_mut().filter(|holding| holding.account == account) {
            Some(holding) => (holding.expires_day, holding.ended_ns) = (expires_day, None),
            None => {
                // What was paid after it was lost isn't seen as that any more: it is looked at all the same.
                if let (Some(before), Some((lost_ns, _))) = (holdings.last_mut(), lost) {
                    before.ended_ns = before.ended_ns.map(|ended_ns| ended_ns.min(lost_ns + 1));
                }
                let since_ns = if holdings.is_empty() { 0 } else { time_ns };
                holdings.push(Holding { account, since_ns, expires_day, ended_ns: None });
            }
        }
    }

    /// Who had a card at a time, and whether it was too late to pay with it; the last two who had it are remembered.
    pub(super) fn holder_at(&self, card_uid: u64, time_ns: u64) -> Option<(u32, bool)> {
        match self.cards.get(&card_uid) {
            Some(CardOwner::Account(_)) => {}
            _ => return None,
        }
        let latest = self.holdings[&card_uid].iter().rev().take(2);
        let holding = latest.into_iter().find(|holding| holding.since_ns <= time_ns)?;
        let expired = holding.expires_day != 0 && day_of(time_ns) >= holding.expires_day;
        let came_back = holding.ended_ns.is_some_and(|ended_ns| time_ns >= ended_ns);
        Some((holding.account, expired || came_back))
    }

    /// Whether the account's card has expired by a day.
    pub(super) fn has_expired(&self, id: u32, day: u16) -> bool {
        let current =
            self.accounts[id as usize].card.and_then(|card_uid| self.holdings.get(&card_uid)?.last());
        current.is_some_and(|holding| holding.expires_day != 0 && holding.expires_day <= day)
    }

    /// Only a card that can be presented says what became of its open tap.
    fn awaits_card(&self, id: u32) -> bool {
        let account = &self.accounts[id as usize];
        account.open_tap.is_some()
            && account.status == AccountStatus::Open
            && !account.card_lost
            && !self.has_expired(id, self.today())
    }

    fn not_open(&self, id: u32) -> Option<ResultCode> {
        match self.accounts[id as usize].status {
            AccountStatus::Open => None,
            AccountStatus::Frozen => Some(ResultCode::AccountFrozen),
            AccountStatus::Closed => Some(ResultCode::AccountClosed),
        }
    }

    /// The electronic wallet pays; what it lacks, the card, even if nothing is on it.
    fn take_fee(&mut self, id: u32, fee_fen: i64) {
        let account = &mut self.accounts[id as usize];
        let from_card_fen = (fee_fen - account.wallets.electronic_fen).max(0);
        account.wallets.electronic_fen -= fee_fen - from_card_fen;
        account.take_from_card(from_card_fen);
        self.owe(Other::Fees, fee_fen);
        let record = self.next_record();
        self.link(id, record);
    }

    /// The lowest code, or the account has this card from now on; `lost` is the one before.
    fn give(
        &mut self,
        ask: &Ask<'_>,
        codes: Vec<ResultCode>,
        account: Option<u32>,
        card: Option<(u64, u16)>,
        lost: bool,
    ) -> Answer {
        let (None, Some(id)) = (codes.iter().min(), account) else {
            let code = codes.into_iter().min().expect("whoever isn't found is refused");
            return self.refuse(ask, code, account);
        };
        if let Some((card_uid, expires_day)) = card {
            self.hold(card_uid, id, expires_day);
        }
        if ask.amount_fen > 0 {
            self.take_fee(id, ask.amount_fen);
        }
        self.block(self.accounts[id as usize].card, lost);
        let a = &mut self.accounts[id as usize];
        a.change_card(card.map(|(card_uid, _)| card_uid));
        let record = self.next_record();
        self.settle(ask, record, ResultCode::Approved, Deed::Other, account)
    }
}

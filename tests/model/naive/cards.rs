//! Cards at a counter: issued, replaced, returned.

use engine::ledger::account::AccountStatus;
use engine::ledger::command::{AccountSelector, CardIssue, CardReplace, CardReturn};
use engine::ledger::registry::TerminalKind;
use protocol::card::CardKind;
use protocol::result_code::ResultCode;

use super::{Answer, Ask, Body, CardOwner, Deed, Model, Other, answer};

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
        let to_be_had = r.card_uid.0 != 0 && r.kind == CardKind::Standard && r.expires_day == 0;
        if let Some(answer) = self.bad_card_field(&ask, to_be_had) {
            return answer;
        }
        let selected = self.select_lost_or_not(&r.account);
        let mut codes = self.given_before(r.card_uid.0);
        match selected {
            Ok(id) => {
                codes.extend(self.not_open(id));
                if self.accounts[id as usize].card.is_some() {
                    codes.push(ResultCode::CardAlreadyCurrent);
                }
            }
            Err(code) => codes.push(code),
        }
        self.give(&ask, codes, selected.ok(), Some(r.card_uid.0))
    }

    pub(super) fn card_replace(&mut self, r: &CardReplace<'_>) -> Answer {
        let body = Body::CardReplace {
            account: r.account,
            new_card: r.new_card.0,
            reason: r.reason,
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
        let mut codes = self.given_before(r.new_card.0);
        match selected {
            Ok(id) => {
                codes.extend(self.not_open(id));
                if self.accounts[id as usize].card.is_none() {
                    codes.push(ResultCode::CardNotCurrent);
                }
            }
            Err(code) => codes.push(code),
        }
        self.give(&ask, codes, selected.ok(), Some(r.new_card.0))
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
            Ok(_) => {}
            Err(code) => codes.push(code),
        }
        self.give(&ask, codes, selected.ok(), None)
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

    /// A number is given out once.
    fn given_before(&self, card_uid: u64) -> Vec<ResultCode> {
        match self.cards.get(&card_uid) {
            None => Vec::new(),
            Some(CardOwner::Account(owner)) if self.accounts[*owner as usize].card != Some(card_uid) => {
                vec![ResultCode::CardNotReusable]
            }
            Some(_) => vec![ResultCode::CardTaken],
        }
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

    /// The lowest code, or the account has this card from now on.
    fn give(
        &mut self,
        ask: &Ask<'_>,
        codes: Vec<ResultCode>,
        account: Option<u32>,
        card: Option<u64>,
    ) -> Answer {
        let (None, Some(id)) = (codes.iter().min(), account) else {
            let code = codes.into_iter().min().expect("whoever isn't found is refused");
            return self.refuse(ask, code, account);
        };
        if let Some(card_uid) = card {
            self.cards.insert(card_uid, CardOwner::Account(id));
        }
        if ask.amount_fen > 0 {
            self.take_fee(id, ask.amount_fen);
        }
        self.block(self.accounts[id as usize].card);
        let a = &mut self.accounts[id as usize];
        (a.card, a.card_lost, a.card_counter, a.card_seen) = (card, false, 0, 0);
        let record = self.next_record();
        self.settle(ask, record, ResultCode::Approved, Deed::Other, account)
    }
}

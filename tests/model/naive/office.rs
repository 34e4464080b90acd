//! What operators do: freeze, limit, adjust, and approve each other's adjustments.

use engine::ledger::account::AccountStatus;
use engine::ledger::command::{
    AccountFreeze, AccountLimits, AccountSelector, Adjust, AdjustDecide, AdjustExpire,
};
use engine::ledger::record::Wallet;
use engine::ledger::registry::{OfficeRules, TerminalKind};
use protocol::request::{AdjustDirection, FreezeAction, Verdict};
use protocol::result_code::ResultCode;

use super::{Answer, Ask, Body, Deed, Model, Other, Said, answer};

/// What was proposed, whatever became of it.
#[derive(Clone, Copy, Debug)]
pub struct Proposal {
    pub account: u32,
    pub amount_fen: i64,
    pub wallet: Wallet,
    pub direction: AdjustDirection,
    pub proposer: u32,
    pub expires_ns: u64,
    pub waits: bool,
}

/// Who sees to accounts, and who to money.
const CARD_CENTRE: [TerminalKind; 2] = [TerminalKind::CardCentre, TerminalKind::Administrator];
const FINANCE: [TerminalKind; 2] = [TerminalKind::Finance, TerminalKind::Administrator];

impl Model {
    pub(super) fn account_freeze(&mut self, r: &AccountFreeze<'_>) -> Answer {
        let body = Body::Freeze { account: r.account, action: r.action, reason: r.reason.to_vec() };
        let (ask, account) = match self.begin(&r.sale, body, 0, &CARD_CENTRE, r.reason, &r.account, true) {
            Ok(begun) => begun,
            Err(answer) => return answer,
        };
        let frozen = self.accounts[account as usize].status == AccountStatus::Frozen;
        let status = match r.action {
            FreezeAction::Freeze if frozen => {
                return self.refuse(&ask, ResultCode::AlreadyFrozen, Some(account));
            }
            FreezeAction::Freeze => AccountStatus::Frozen,
            FreezeAction::Unfreeze if !frozen => {
                return self.refuse(&ask, ResultCode::NotFrozen, Some(account));
            }
            FreezeAction::Unfreeze => AccountStatus::Open,
        };
        self.accounts[account as usize].status = status;
        self.settled(&ask, ResultCode::Approved, account)
    }

    pub(super) fn account_limits(&mut self, r: &AccountLimits<'_>) -> Answer {
        let (debit_max_fen, day_max_fen, class) = (r.debit_max_fen, r.day_max_fen, r.class);
        let body = Body::Limits {
            account: r.account,
            limits: (debit_max_fen, day_max_fen, class),
            reason: r.reason.to_vec(),
        };
        let known_class = class < 64;
        let begun = self.begin(&r.sale, body, 0, &CARD_CENTRE, r.reason, &r.account, known_class);
        let (ask, account) = match begun {
            Ok(begun) => begun,
            Err(answer) => return answer,
        };
        let present = self.accounts[account as usize].class;
        let gives_credit = self.policy(class).floor_fen < self.policy(present).floor_fen;
        if gives_credit && self.tills[ask.till].kind != TerminalKind::Administrator {
            return answer(ResultCode::WrongRole, 0);
        }
        let changed = &mut self.accounts[account as usize];
        (changed.debit_max_fen, changed.day_max_fen, changed.class) = (debit_max_fen, day_max_fen, class);
        self.settled(&ask, ResultCode::Approved, account)
    }

    pub(super) fn adjust(&mut self, r: &Adjust<'_>) -> Answer {
        let (amount_fen, wallet, direction) = (r.amount_fen, r.wallet, r.direction);
        let body =
            Body::Adjust { account: r.account, amount_fen, wallet, direction, reason: r.reason.to_vec() };
        let adjustable = wallet != Wallet::Transition;
        let begun = self.begin(&r.sale, body, amount_fen, &FINANCE, r.reason, &r.account, adjustable);
        let (ask, account) = match begun {
            Ok(begun) => begun,
            Err(answer) => return answer,
        };
        if let Some(code) = self.cant_adjust(account, wallet, direction, amount_fen) {
            return self.refuse(&ask, code, Some(account));
        }
        let alone = (r.sale.terminal.0, self.today());
        let alone_fen = self.adjusted_alone_fen.get(&alone).copied().unwrap_or(0) + amount_fen;
        let day_max_fen = i64::from(self.office.adjust_alone_day_max_fen);
        if amount_fen <= self.office.adjust_alone_max_fen && (day_max_fen == 0 || alone_fen <= day_max_fen) {
            self.adjusted_alone_fen.insert(alone, alone_fen);
            self.correct(account, wallet, direction, amount_fen);
            return self.settled(&ask, ResultCode::Approved, account);
        }
        if self.proposals.values().filter(|proposal| proposal.waits).count() >= 256 {
            return answer(ResultCode::Busy, amount_fen);
        }
        let proposal = Proposal {
            account,
            amount_fen,
            wallet,
            direction,
            proposer: r.sale.terminal.0,
            expires_ns: self.time_ns + u64::from(self.office.proposal_s) * 1_000_000_000,
            waits: true,
        };
        self.proposals.insert(self.last_record + 1, proposal);
        self.settled(&ask, ResultCode::AwaitsApproval, account)
    }

    pub(super) fn adjust_decide(&mut self, r: &AdjustDecide<'_>) -> Answer {
        let body = Body::Decide { proposal: r.proposal.0, verdict: r.verdict, reason: r.reason.to_vec() };
        let mut ask = match self.ask(&r.sale, body, 0) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask).or_else(|| self.bad_office_field(&ask, &FINANCE, r.reason)) {
            return answer;
        }
        let Some(proposal) = self.proposals.get(&r.proposal.0).copied() else {
            return self.refuse(&ask, ResultCode::UnknownProposal, None);
        };
        if !proposal.waits {
            return self.refuse(&ask, ResultCode::ProposalClosed, None);
        }
        let Proposal { account, amount_fen, wallet, direction, .. } = proposal;
        ask.amount_fen = amount_fen;
        let mut codes = Vec::new();
        if self.time_ns >= proposal.expires_ns {
            codes.push(ResultCode::ProposalExpired);
        }
        if r.verdict == Verdict::Approve {
            if self.accounts[account as usize].status == AccountStatus::Closed {
                codes.push(ResultCode::AccountClosed);
            }
            if proposal.proposer == r.sale.terminal.0 {
                codes.push(ResultCode::SamePerson);
            }
            codes.extend(self.cant_adjust(account, wallet, direction, amount_fen));
        }
        if let Some(&code) = codes.iter().min() {
            return self.refuse(&ask, code, Some(account));
        }
        if r.verdict == Verdict::Approve {
            self.correct(account, wallet, direction, amount_fen);
        }
        self.close(r.proposal.0);
        self.settled(&ask, ResultCode::Approved, account)
    }

    pub(super) fn adjust_expire(&mut self, r: &AdjustExpire) -> Answer {
        let time_ns = self.time_ns;
        let due = self.proposals.get(&r.proposal.0).copied();
        let Some(proposal) = due.filter(|proposal| proposal.waits && proposal.expires_ns <= time_ns) else {
            return answer(ResultCode::UnknownProposal, 0);
        };
        self.close(r.proposal.0);
        let record = self.next_record();
        self.link(proposal.account, record);
        Answer::Outcome(Said {
            code: ResultCode::Approved,
            account: Some(proposal.account),
            amount_fen: proposal.amount_fen,
            balance_after_fen: self.balance_fen(Some(proposal.account)),
            record,
            repeat: false,
        })
    }

    pub(super) fn set_office_rules(&mut self, rules: OfficeRules) -> Answer {
        if !(0..=1_000_000_000).contains(&rules.adjust_alone_max_fen) || rules.proposal_s == 0 {
            return self.stands(ResultCode::NotPermitted, None);
        }
        if self.office == rules {
            return self.stands(ResultCode::Approved, None);
        }
        self.office = rules;
        self.changed(ResultCode::Approved, None)
    }

    fn close(&mut self, proposal: u64) {
        self.proposals.get_mut(&proposal).expect("it was looked at").waits = false;
    }

    /// Everything up to the account: the identity, the fields, who asks and why, whose it is.
    #[expect(clippy::too_many_arguments, reason = "it is what three requests begin with, in one place")]
    fn begin<'a>(
        &mut self,
        sale: &'a engine::ledger::command::Sale<'a>,
        body: Body,
        amount_fen: i64,
        roles: &[TerminalKind],
        reason: &[u8],
        selector: &AccountSelector,
        can_be_had: bool,
    ) -> Result<(Ask<'a>, u32), Answer> {
        let has_amount = matches!(body, Body::Adjust { .. });
        let ask = self.ask(sale, body, amount_fen)?;
        if let Some(answer) = self.known(&ask) {
            return Err(answer);
        }
        if has_amount && amount_fen <= 0 {
            return Err(answer(ResultCode::AmountNotPositive, amount_fen));
        }
        if has_amount && amount_fen > 1_000_000_000 {
            return Err(answer(ResultCode::AmountTooLarge, amount_fen));
        }
        if let Some(answer) = self.bad_office_field(&ask, roles, reason) {
            return Err(answer);
        }
        if !can_be_had {
            return Err(answer(ResultCode::NotPermitted, amount_fen));
        }
        match self.select_lost_or_not(selector) {
            Err(code) => Err(self.refuse(&ask, code, None)),
            Ok(id) if self.accounts[id as usize].status == AccountStatus::Closed => {
                Err(self.refuse(&ask, ResultCode::AccountClosed, Some(id)))
            }
            Ok(id) => Ok((ask, id)),
        }
    }

    pub(super) fn bad_office_field(
        &self,
        ask: &Ask<'_>,
        roles: &[TerminalKind],
        reason: &[u8],
    ) -> Option<Answer> {
        let kind = self.tills[ask.till].kind;
        let code = if ask.sequence == 0 {
            ResultCode::SequenceZero
        } else if !kind.is_operator() {
            ResultCode::NotPermitted
        } else if !roles.contains(&kind) {
            ResultCode::WrongRole
        } else if reason.is_empty() {
            ResultCode::ReasonMissing
        } else if reason.len() > 96 {
            ResultCode::ReasonTooLong
        } else {
            return None;
        };
        Some(answer(code, ask.amount_fen))
    }

    fn cant_adjust(
        &self,
        id: u32,
        wallet: Wallet,
        direction: AdjustDirection,
        amount_fen: i64,
    ) -> Option<ResultCode> {
        let account = &self.accounts[id as usize];
        // Nothing here comes near the range of balances.
        if direction == AdjustDirection::Give {
            return None;
        }
        let own_fen = match wallet {
            Wallet::Card => account.wallets.card_fen - account.subsidy_fen,
            _ => account.wallets.electronic_fen,
        };
        let all_own_fen = account.wallets.sum_fen() - account.subsidy_fen;
        (own_fen < amount_fen || all_own_fen < amount_fen).then_some(ResultCode::InsufficientFunds)
    }

    fn correct(&mut self, id: u32, wallet: Wallet, direction: AdjustDirection, amount_fen: i64) {
        let change_fen = if direction == AdjustDirection::Give { amount_fen } else { -amount_fen };
        let wallets = &mut self.accounts[id as usize].wallets;
        match wallet {
            Wallet::Card => wallets.card_fen += change_fen,
            _ => wallets.electronic_fen += change_fen,
        }
        self.owe(Other::Adjustments, -change_fen);
    }

    fn settled(&mut self, ask: &Ask<'_>, code: ResultCode, account: u32) -> Answer {
        let record = self.next_record();
        self.settle(ask, record, code, Deed::Other, Some(account))
    }
}

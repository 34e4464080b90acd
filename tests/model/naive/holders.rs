//! Holders: query passwords, virtual cards, phone numbers, and cards reported lost.

use engine::ledger::account::AccountStatus;
use engine::ledger::command::{
    AccountSelector, LossLift, LossReport, PasswordImport, PasswordSet, PhoneChange, Sale, VirtualBind,
    VirtualUnbind,
};
use engine::ledger::registry::TerminalKind;
use protocol::result_code::ResultCode;

use super::{Answer, Ask, Body, Deed, Model, answer};
use crate::stream::{imported, typed};

const FAILURES_MAX: u32 = 5;
const HALF_AN_HOUR_NS: u64 = 30 * 60 * 1_000_000_000;
const HALF_A_MINUTE_NS: u64 = 30 * 1_000_000_000;

/// What is known of a holder.
#[derive(Debug, Default)]
pub struct Holder {
    pub password: Option<u8>,
    failures: u32,
    locked_until_ns: u64,
    pub virtual_card: Option<u64>,
    was_bound: bool,
    phone: Option<u64>,
}

impl Holder {
    /// How close to being locked it is: wrong passwords, or more than may be while it is locked.
    pub fn guessed(&self, time_ns: u64) -> u32 {
        if time_ns < self.locked_until_ns { FAILURES_MAX } else { self.failures }
    }
}

impl Model {
    pub(super) fn password_set(&mut self, r: &PasswordSet<'_>) -> Answer {
        let body = Body::PasswordSet { account: r.account };
        let ask = match self.holder_ask(&r.sale, body, &[TerminalKind::Counter]) {
            Ok(ask) => ask,
            Err(answer) => return answer,
        };
        let id = match self.named(&ask, &r.account, r.well_formed) {
            Ok(id) => id,
            Err(answer) => return answer,
        };
        if self.accounts[id as usize].status == AccountStatus::Closed {
            return self.refuse(&ask, ResultCode::AccountClosed, Some(id));
        }
        let holder = &mut self.accounts[id as usize].holder;
        holder.password = Some(typed(&r.sale));
        (holder.failures, holder.locked_until_ns) = (0, 0);
        self.done(&ask, id)
    }

    pub(super) fn password_import(&mut self, r: &PasswordImport) -> Answer {
        let id = r.account.0;
        let Some(account) = self.accounts.get_mut(id as usize) else {
            return self.stands(ResultCode::UnknownAccount, None);
        };
        if account.holder.password.is_some() {
            return self.stands(ResultCode::Approved, Some(id));
        }
        account.holder.password = Some(imported(r.password.0));
        let answer = self.changed(ResultCode::Approved, Some(id));
        self.link(id, self.last_record);
        answer
    }

    pub(super) fn virtual_bind(&mut self, r: &VirtualBind<'_>) -> Answer {
        let new = r.virtual_id.0;
        let body = Body::VirtualBind { student_number: r.student_number, virtual_id: new };
        let account = AccountSelector::StudentNumber(r.student_number);
        let (ask, id) =
            match self.by_password(&r.sale, body, &[TerminalKind::PhoneGateway], &account, r.well_formed) {
                Ok(asked) => asked,
                Err(answer) => return answer,
            };
        let owner = self.accounts.iter().position(|account| account.holder.virtual_card == Some(new));
        let code = match (owner, self.accounts[id as usize].status) {
            (Some(owner), _) if owner == id as usize => Some(ResultCode::VirtualAlreadyBound),
            (Some(_), _) => Some(ResultCode::VirtualTaken),
            (None, AccountStatus::Open) => None,
            (None, AccountStatus::Frozen) => Some(ResultCode::AccountFrozen),
            (None, AccountStatus::Closed) => Some(ResultCode::AccountClosed),
        };
        if let Some(code) = code {
            return self.refuse(&ask, code, Some(id));
        }
        self.forget_failures(id);
        let holder = &mut self.accounts[id as usize].holder;
        let moves = holder.virtual_card.replace(new).is_some();
        holder.was_bound = true;
        holder.phone = None;
        if moves {
            self.void_codes(id, r.intake_step);
        }
        self.done(&ask, id)
    }

    pub(super) fn virtual_unbind(&mut self, r: &VirtualUnbind<'_>) -> Answer {
        let body = Body::VirtualUnbind { virtual_id: r.virtual_id.0 };
        let (ask, id) = match self.by_virtual_card(&r.sale, body, r.virtual_id.0) {
            Ok(asked) => asked,
            Err(answer) => return answer,
        };
        let holder = &mut self.accounts[id as usize].holder;
        (holder.virtual_card, holder.phone) = (None, None);
        self.void_codes(id, r.intake_step);
        self.done(&ask, id)
    }

    pub(super) fn phone_change(&mut self, r: &PhoneChange<'_>) -> Answer {
        let body = Body::PhoneChange { virtual_id: r.virtual_id.0, phone: r.phone.0 };
        let (ask, id) = match self.by_virtual_card(&r.sale, body, r.virtual_id.0) {
            Ok(asked) => asked,
            Err(answer) => return answer,
        };
        if self.accounts[id as usize].holder.phone == Some(r.phone.0) {
            return self.refuse(&ask, ResultCode::PhoneUnchanged, Some(id));
        }
        self.accounts[id as usize].holder.phone = Some(r.phone.0);
        self.done(&ask, id)
    }

    pub(super) fn loss_report(&mut self, r: &LossReport<'_>) -> Answer {
        let body = Body::LossReport { account: r.account };
        self.lose_or_find(&r.sale, body, (&r.account, r.well_formed), true)
    }

    pub(super) fn loss_lift(&mut self, r: &LossLift<'_>) -> Answer {
        let body = Body::LossLift { account: r.account };
        self.lose_or_find(&r.sale, body, (&r.account, r.well_formed), false)
    }

    fn lose_or_find(
        &mut self,
        sale: &Sale<'_>,
        body: Body,
        (account, well_formed): (&AccountSelector, bool),
        lost: bool,
    ) -> Answer {
        let may = [TerminalKind::Counter, TerminalKind::PhoneGateway];
        let (ask, id) = match self.by_password(sale, body, &may, account, well_formed) {
            Ok(asked) => asked,
            Err(answer) => return answer,
        };
        let account = &mut self.accounts[id as usize];
        let code = match (account.card, account.card_lost) {
            (None, _) => Some(ResultCode::NoCard),
            (Some(_), true) if lost => Some(ResultCode::CardAlreadyLost),
            (Some(_), false) if !lost => Some(ResultCode::CardNotLost),
            _ => None,
        };
        if let Some(code) = code {
            return self.refuse(&ask, code, Some(id));
        }
        account.card_lost = lost;
        let card = account.card;
        if lost {
            self.block(card, true);
        } else {
            self.free(card);
        }
        self.forget_failures(id);
        self.done(&ask, id)
    }

    /// Whether a payment code of this account is refused for want of a phone.
    pub(super) fn lacks_a_phone(&self, id: u32) -> bool {
        let account = &self.accounts[id as usize];
        let asked_for = account.holder.was_bound || self.policy(account.class).codes_need_phone;
        account.holder.virtual_card.is_none() && asked_for
    }

    fn holder_ask<'a>(
        &mut self,
        sale: &'a Sale<'a>,
        body: Body,
        may: &[TerminalKind],
    ) -> Result<Ask<'a>, Answer> {
        let ask = self.ask(sale, body, 0)?;
        if let Some(answer) = self.known(&ask) {
            return Err(answer);
        }
        if ask.sequence == 0 {
            return Err(answer(ResultCode::SequenceZero, 0));
        }
        if !may.contains(&self.tills[ask.till].kind) {
            return Err(answer(ResultCode::NotPermitted, 0));
        }
        Ok(ask)
    }

    /// The account that is meant, when what came along is a password at all.
    fn named(&mut self, ask: &Ask<'_>, account: &AccountSelector, well_formed: bool) -> Result<u32, Answer> {
        let selected = self.select_lost_or_not(account);
        let malformed = (!well_formed).then_some(ResultCode::PasswordMalformed);
        match (selected, selected.err().into_iter().chain(malformed).min()) {
            (Ok(id), None) => Ok(id),
            (selected, code) => {
                Err(self.refuse(ask, code.expect("it isn't found or malformed"), selected.ok()))
            }
        }
    }

    fn by_password<'a>(
        &mut self,
        sale: &'a Sale<'a>,
        body: Body,
        may: &[TerminalKind],
        account: &AccountSelector,
        well_formed: bool,
    ) -> Result<(Ask<'a>, u32), Answer> {
        let ask = self.holder_ask(sale, body, may)?;
        let id = self.named(&ask, account, well_formed)?;
        match self.password_is_wrong(id, well_formed, sale) {
            None => Ok((ask, id)),
            Some(code) => Err(self.refuse(&ask, code, Some(id))),
        }
    }

    /// Why what came along isn't the account's password; a wrong one is counted.
    pub(super) fn password_is_wrong(
        &mut self,
        id: u32,
        well_formed: bool,
        sale: &Sale<'_>,
    ) -> Option<ResultCode> {
        let time_ns = self.time_ns;
        let holder = &mut self.accounts[id as usize].holder;
        Some(match holder.password {
            _ if !well_formed => ResultCode::PasswordMalformed,
            _ if time_ns < holder.locked_until_ns => ResultCode::PasswordLocked,
            None => ResultCode::PasswordNotSet,
            Some(right) if right == typed(sale) => return None,
            Some(_) => {
                holder.failures += 1;
                if holder.failures == FAILURES_MAX {
                    holder.failures = 0;
                    holder.locked_until_ns = time_ns + HALF_AN_HOUR_NS;
                }
                ResultCode::PasswordWrong
            }
        })
    }

    fn by_virtual_card<'a>(
        &mut self,
        sale: &'a Sale<'a>,
        body: Body,
        virtual_id: u64,
    ) -> Result<(Ask<'a>, u32), Answer> {
        let ask = self.holder_ask(sale, body, &[TerminalKind::PhoneGateway])?;
        let owner =
            (0..).zip(&self.accounts).find(|(_, account)| account.holder.virtual_card == Some(virtual_id));
        match owner.map(|(id, _)| id) {
            Some(id) => Ok((ask, id)),
            None => Err(self.refuse(&ask, ResultCode::VirtualNotBound, None)),
        }
    }

    pub(super) fn forget_failures(&mut self, id: u32) {
        let holder = &mut self.accounts[id as usize].holder;
        (holder.failures, holder.locked_until_ns) = (0, 0);
    }

    /// Whatever a phone can have shown by now is revoked.
    fn void_codes(&mut self, id: u32, intake_step: u32) {
        let shown = intake_step.max((self.time_ns / HALF_A_MINUTE_NS) as u32) + 1;
        let revoked = &mut self.accounts[id as usize].codes_revoked_to;
        *revoked = shown.max(*revoked);
    }

    fn done(&mut self, ask: &Ask<'_>, id: u32) -> Answer {
        let record = self.next_record();
        self.settle(ask, record, ResultCode::Approved, Deed::Other, Some(id))
    }
}

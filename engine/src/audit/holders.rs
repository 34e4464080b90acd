//! Holders, from records alone: query passwords, virtual cards and lost cards, and what may be done with which.

use std::collections::{HashMap, HashSet};

use protocol::ids::AccountId;
use protocol::payment_code::{LIVE_STEPS_EACH_WAY, step_at};
use protocol::result_code::ResultCode;

use crate::ledger::limits::{PASSWORD_FAILURES_MAX, PASSWORD_LOCK_NS};
use crate::ledger::record::{
    LossRecord, PasswordSetRecord, PhoneSetRecord, Record, VirtualBoundRecord, VirtualUnboundRecord,
};

/// Every holder that a record speaks of.
#[derive(Clone, Debug, Default)]
pub(super) struct Holders {
    of: HashMap<AccountId, Holder>,
    /// Whose each virtual card is.
    virtual_cards: HashMap<u64, AccountId>,
    /// The vault's numbers that records gave.
    passwords: HashSet<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Holder {
    has_password: bool,
    failures: u8,
    locked_until_ns: u64,
    virtual_id: u64,
    was_bound: bool,
    /// The last step whose payment codes are void.
    void_to_step: u32,
    card_lost: bool,
}

impl Holder {
    /// Its payment codes up to this step are void from now on: at least whatever can have been shown by logged time.
    fn void(&mut self, to_step: u32, time_ns: u64) -> Result<(), String> {
        self.void_to_step = self.void_to_step.max(to_step);
        let shown = step_at(time_ns) + LIVE_STEPS_EACH_WAY;
        if u64::from(to_step) < shown {
            return Err(format!("codes are void up to step {to_step}, and were shown up to {shown}"));
        }
        Ok(())
    }
}

/// No phone gives way, so no code is void.
fn expect_none_void(to_step: u32) -> Result<(), String> {
    if to_step == 0 {
        Ok(())
    } else {
        Err(format!("codes are void up to step {to_step}, and no phone showed any"))
    }
}

impl Holders {
    fn of(&mut self, account: AccountId) -> &mut Holder {
        self.of.entry(account).or_default()
    }

    /// Takes a record about an account's holder, or another one; `current` is the account's card.
    ///
    /// # Errors
    /// What is wrong, in words; here and below.
    pub(super) fn take(
        &mut self,
        record: &Record<'_>,
        account: AccountId,
        current: Option<u64>,
        time_ns: u64,
    ) -> Result<(), String> {
        match record {
            Record::Refusal(money) if money.result_code() == Some(ResultCode::PasswordWrong) => {
                self.password_wrong(account, time_ns)
            }
            Record::PasswordSet(r) => self.password_set(r, account),
            Record::VirtualBound(r) => self.bound(r, account, time_ns),
            Record::VirtualUnbound(r) => self.unbound(r, account, time_ns),
            Record::PhoneSet(r) => self.phone_set(r, account),
            Record::LossReported(r) => self.loss(r, (account, current), true, time_ns),
            Record::LossLifted(r) => self.loss(r, (account, current), false, time_ns),
            _ => Ok(()),
        }
    }

    fn password_set(&mut self, r: &PasswordSetRecord, account: AccountId) -> Result<(), String> {
        let holder = self.of(account);
        (holder.has_password, holder.failures, holder.locked_until_ns) = (true, 0, 0);
        let number = r.password.get();
        if number != 0 && self.passwords.insert(number) {
            Ok(())
        } else {
            Err(format!("the vault's number {number} is no password's, or another one's"))
        }
    }

    /// A password was wrong.
    fn password_wrong(&mut self, account: AccountId, time_ns: u64) -> Result<(), String> {
        let tried = self.tried(account, time_ns);
        let holder = self.of(account);
        holder.failures += 1;
        if holder.failures == PASSWORD_FAILURES_MAX {
            holder.failures = 0;
            holder.locked_until_ns = time_ns + PASSWORD_LOCK_NS;
        }
        tried
    }

    /// A password is tried only where there is one, and not while the account is locked.
    fn tried(&mut self, account: AccountId, time_ns: u64) -> Result<(), String> {
        let holder = self.of(account);
        if !holder.has_password {
            return Err(format!("account {account} has no password to be tried"));
        }
        if time_ns < holder.locked_until_ns {
            return Err(format!("account {account} is locked until {} ns", holder.locked_until_ns));
        }
        Ok(())
    }

    /// A password was right, and what was asked with it is done.
    pub(super) fn was_right(&mut self, account: AccountId, time_ns: u64) -> Result<(), String> {
        let tried = self.tried(account, time_ns);
        self.of(account).failures = 0;
        tried
    }

    fn bound(&mut self, r: &VirtualBoundRecord, account: AccountId, time_ns: u64) -> Result<(), String> {
        let tried = self.was_right(account, time_ns);
        let (new, old) = (r.virtual_id.get(), r.old.get());
        let holder = self.of(account);
        let had = std::mem::replace(&mut holder.virtual_id, new);
        holder.was_bound = true;
        let voided = if old == 0 {
            expect_none_void(r.void_to_step.get())
        } else {
            holder.void(r.void_to_step.get(), time_ns)
        };
        self.virtual_cards.remove(&had);
        if had != old {
            return Err(format!("virtual card {old} gives way; account {account} had {had}"));
        }
        match self.virtual_cards.insert(new, account) {
            None if new != 0 => tried.and(voided),
            other => Err(format!("virtual card {new} is bound already, to {other:?}")),
        }
    }

    fn unbound(&mut self, r: &VirtualUnboundRecord, account: AccountId, time_ns: u64) -> Result<(), String> {
        let holder = self.of(account);
        let had = std::mem::take(&mut holder.virtual_id);
        let voided = holder.void(r.void_to_step.get(), time_ns);
        self.virtual_cards.remove(&had);
        self.expect_own(account, had, r.virtual_id.get()).and(voided)
    }

    fn phone_set(&mut self, r: &PhoneSetRecord, account: AccountId) -> Result<(), String> {
        let has = self.of(account).virtual_id;
        self.expect_own(account, has, r.virtual_id.get())
    }

    fn expect_own(&self, account: AccountId, has: u64, named: u64) -> Result<(), String> {
        if has == named && has != 0 {
            Ok(())
        } else {
            Err(format!("virtual card {named} is named; account {account} has {has}"))
        }
    }

    /// A card is reported lost, or found again; `current` is the account's.
    fn loss(
        &mut self,
        r: &LossRecord,
        (account, current): (AccountId, Option<u64>),
        lost: bool,
        time_ns: u64,
    ) -> Result<(), String> {
        let tried = self.was_right(account, time_ns);
        let was_lost = std::mem::replace(&mut self.of(account).card_lost, lost);
        if current != Some(r.card_uid.get()) || was_lost == lost {
            return Err(format!(
                "card {} is said to be lost: {lost}; account {account} has {current:?}, lost: {was_lost}",
                r.card_uid
            ));
        }
        tried
    }

    /// The account's card is another now, or none, or terms say what it is.
    pub(super) fn set_lost(&mut self, account: AccountId, lost: bool) {
        self.of(account).card_lost = lost;
    }

    /// The account's card paid online.
    pub(super) fn card_paid(&self, account: AccountId) -> Result<(), String> {
        match self.of.get(&account) {
            Some(Holder { card_lost: true, .. }) => Err(format!("the card of account {account} is lost")),
            _ => Ok(()),
        }
    }

    /// A payment code of the account, of this step, paid; `needs_phone` says whether its class asks for one.
    pub(super) fn code_paid(
        &self,
        account: AccountId,
        needs_phone: bool,
        step_nonce: Option<(u32, u8)>,
    ) -> Result<(), String> {
        let holder = self.of.get(&account).copied().unwrap_or_default();
        if holder.virtual_id == 0 && (needs_phone || holder.was_bound) {
            return Err(format!("no phone is bound to account {account}"));
        }
        if let Some((step, _)) = step_nonce
            && step <= holder.void_to_step
        {
            return Err(format!(
                "codes of account {account} are void up to step {}, not {step}",
                holder.void_to_step
            ));
        }
        Ok(())
    }
}

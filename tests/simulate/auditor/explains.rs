//! Which request a record is the outcome of.

use engine::ledger::command::Channel;
use engine::ledger::record::{Liability, MoneyRecord, OfflineReview};
use engine::ledger::{LedgerAccount, LedgerClass, Record};
use protocol::ids::SaleId;
use protocol::request::Verdict;

use super::Auditor;
use super::subsidies::same_lines;
use crate::ask::Ask;

impl Auditor {
    /// Whether a body that was sent explains a record.
    pub(super) fn explains(&self, ask: &Ask, money: &MoneyRecord, record: &Record<'_>) -> bool {
        // A decision's amount is that of what it decides; what is paid out isn't asked for.
        let asks_for_amount =
            !matches!(ask, Ask::Decide { .. }) && !matches!(record, Record::AccountClosed(_));
        // Where nobody told of it, no amount is known.
        let asks_for_amount =
            asks_for_amount && !matches!((record, ask), (Record::Refusal(_), Ask::PostTold { .. }));
        if asks_for_amount && ask.amount_fen() != money.amount_fen.get() {
            return false;
        }
        let owner_of = |uid| self.cards.get(&uid).copied();
        match (record, *ask) {
            (Record::FullDebit(r), Ask::ChipTap { card_uid, counter, .. }) => {
                r.is_two_phase() && money.token.get() == counter && owner_of(card_uid) == money.person()
            }
            (Record::TapConfirmed(r), Ask::Confirm { epoch, sequence, write, .. }) => {
                (r.original().epoch, r.original().sequence, r.write) == (epoch, sequence, write.number())
            }
            (Record::Debit(_) | Record::FullDebit(_), Ask::Tap { card_uid, password, .. }) => {
                money.channel() == Some(Channel::Card)
                    && owner_of(card_uid) == money.person()
                    && money.is_by_password() == password.is_some()
            }
            (Record::Debit(_) | Record::FullDebit(_), Ask::Code { account, .. }) => {
                money.channel() == Some(Channel::Code) && account.is_some() && account == money.person()
            }
            (Record::TopUp(r), Ask::TopUp { account, channel, order_number, .. }) => {
                money.person() == Some(account)
                    && money.channel() == Some(channel)
                    && r.order_number == order_number
            }
            (Record::Tender(r), Ask::Tender { channel, order_number, .. }) => {
                money.person().is_none() && money.channel() == Some(channel) && r.order_number == order_number
            }
            (Record::OfflineDebit(r), Ask::Offline { card_uid, authentic, own, .. }) => {
                let credited = matches!(
                    money.credit_account().class(),
                    LedgerClass::Merchant(_) | LedgerClass::HeldBack(_)
                );
                let payer = match r.liability() {
                    Some(Liability::Holder) => owner_of(card_uid),
                    _ => None,
                };
                authentic && own && credited && r.card() == card_uid && payer == money.person()
            }
            (Record::OfflineDebit(r), Ask::PostTold { card_uid, counter, told, .. }) => {
                let payer = match r.liability() {
                    Some(Liability::Holder) => owner_of(card_uid),
                    _ => None,
                };
                r.offline_review().has(OfflineReview::TOLD)
                    && (money.sale(), r.card(), money.token.get()) == (told, card_uid, counter)
                    && payer == money.person()
            }
            (Record::ToldPosted(r), Ask::PostTold { card_uid, counter, told, .. }) => {
                (r.told(), r.card_uid.get(), r.card_counter.get()) == (told, card_uid.0, counter)
            }
            (Record::FullReversal(r), Ask::Reversal { epoch, sequence, .. })
            | (Record::Void(r), Ask::Void { epoch, sequence, .. }) => {
                (r.original().epoch, r.original().sequence) == (epoch, sequence)
            }
            (
                Record::Reversal(r) | Record::ReversalBeforeOriginal(r),
                Ask::Reversal { epoch, sequence, .. },
            ) => (r.original().epoch, r.original().sequence) == (epoch, sequence),
            (Record::Refund(r), Ask::Refund { epoch, sequence, .. }) => {
                r.original() == SaleId { epoch, sequence, ..money.sale() }
            }
            (Record::TopUpUndo(r), Ask::TopUpUndo { epoch, sequence, .. }) => {
                (r.original().epoch, r.original().sequence) == (epoch, sequence)
                    && money.channel() == Some(Channel::Counter)
            }
            (Record::Repeat(r), Ask::Reversal { epoch, sequence, .. }) => {
                (r.original().epoch, r.original().sequence) == (epoch, sequence) && self.is_gone(r.original())
            }
            (
                Record::Repeat(_),
                Ask::TopUp { channel, order_number, .. } | Ask::Tender { channel, order_number, .. },
            ) => self.orders.contains(&(channel as u8, order_number)),
            (Record::CardIssued(r), Ask::Issue { account, card_uid, expires_day }) => {
                money.person() == Some(account)
                    && r.card_uid.get() == card_uid.0
                    && r.expires_day.get() == expires_day
            }
            (Record::CardReplaced(r), Ask::Replace { account, new_card, .. }) => {
                money.person() == Some(account) && r.new.get() == new_card.0
            }
            (Record::CardReturned(r), Ask::GiveBack { account, card_uid }) => {
                money.person() == Some(account) && r.card_uid.get() == card_uid.0
            }
            (Record::PasswordSet(_), Ask::SetPassword { account, .. })
            | (Record::LossReported(_), Ask::Lose { account, .. })
            | (Record::LossLifted(_), Ask::Find { account, .. }) => money.person() == Some(account),
            (Record::VirtualBound(r), Ask::BindPhone { virtual_id, .. }) => r.virtual_id.get() == virtual_id,
            (Record::VirtualUnbound(r), Ask::UnbindPhone { virtual_id }) => r.virtual_id.get() == virtual_id,
            (Record::PhoneSet(r), Ask::TellPhone { virtual_id, phone }) => {
                (r.virtual_id.get(), r.phone.get()) == (virtual_id, phone)
            }
            (Record::ScanPaid(_), Ask::ScanPay { account, scanned, .. }) => {
                money.person() == Some(account) && money.sale() == scanned
            }
            (Record::ScanPending(_), Ask::ScanUpload { .. }) => true,
            (Record::ScanTold(r), Ask::ScanPay { account, scanned, .. }) => {
                let paid = self.sales.get(&scanned);
                paid.is_some_and(|paid| {
                    paid.record == r.original_record.get() && paid.account == Some(account)
                })
            }
            (Record::GapClosed(r), Ask::CloseGap { till, epoch, first, last, .. }) => {
                (r.till.get(), r.epoch.get()) == (till.0, epoch.0)
                    && (r.first.get(), r.last.get()) == (first.0, last.0)
            }
            (Record::CodesRevoked(_), Ask::Revoke { account }) => money.person() == Some(account),
            (Record::CodeKeyRotated(r), Ask::NewCodeKey { key_version }) => {
                r.key_version.get() == key_version
            }
            (Record::CardsStocked(r), Ask::Stock { first, count }) => {
                (r.first.get(), r.count.get()) == (first.0, count)
            }
            (Record::TerminalKeyRotated(r, _), Ask::NewTerminalKey { terminal, key_version }) => {
                (r.terminal.get(), r.key_version.get()) == (terminal.0, key_version)
            }
            (Record::AccountChanged(..), Ask::Freeze { account, .. } | Ask::Limits { account, .. }) => {
                money.person() == Some(account)
            }
            (Record::Adjustment(r, _), Ask::Adjust { account, .. }) => {
                money.person() == Some(account) && r.proposal.get() == 0
            }
            (Record::AdjustmentProposed(..), Ask::Adjust { account, .. }) => money.person() == Some(account),
            (Record::Adjustment(r, _), Ask::Decide { proposal, verdict }) => {
                r.proposal.get() == proposal.0 && verdict == Verdict::Approve
            }
            (Record::AdjustmentClosed(r, _), Ask::Decide { proposal, verdict }) => {
                r.proposal.get() == proposal.0 && verdict == Verdict::Reject
            }
            (Record::AccountClosed(r), Ask::Close { account, card_uid }) => {
                money.person() == Some(account) && r.card_uid.get() == card_uid.0
            }
            (Record::SubsidyOpened(r, _), Ask::OpenBatch { batch, .. }) => r.batch.get() == batch,
            (Record::SubsidyLines(r, bytes), Ask::Page { batch, lines }) => {
                r.batch.get() == batch && same_lines(bytes, lines)
            }
            (Record::SubsidyStepped(r, _), Ask::Step { batch, .. }) => r.batch.get() == batch,
            (Record::Refusal(_), _) => money.credit_account() == LedgerAccount::NONE,
            _ => false,
        }
    }
}

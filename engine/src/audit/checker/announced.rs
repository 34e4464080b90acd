//! What a record says of the next one of its group.

use protocol::ids::{AccountId, SaleId};

use super::super::report::Check;
use super::Checker;
use crate::ledger::record::{
    CardIssuedRecord, CardReplacedRecord, FullDebitRecord, MoneyRecord, OfflineReview, Record, RecordKind,
    RefundRecord, ScanPaidRecord, SubsidyRecord, WalletsRecord,
};

/// What a load or a settling announced, the tap that must follow in its group, or a fee, what it is paid for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Announced {
    pub(super) kind: RecordKind,
    pub(super) sale: SaleId,
    pub(super) account: AccountId,
    pub(super) amount_fen: i128,
    /// What was on the card before it.
    pub(super) card_fen: i128,
}

impl Announced {
    pub(super) fn is_of(&self, money: &MoneyRecord) -> bool {
        money.sale() == self.sale && money.person() == Some(self.account)
    }
}

impl Checker<'_> {
    /// A load or a settling is followed, in its group, by the tap that it serves, a fee by what it is paid for, which doesn't
    /// come without it, and what was paid by phone by the gateway's memo. A load brings no more than the tap lacks, a settling takes no more than the tap leaves.
    pub(super) fn close_announced(&mut self, record: &Record<'_>) {
        if let Some(before) = self.announced.take() {
            match record {
                Record::CardIssued(CardIssuedRecord { money, .. })
                | Record::CardReplaced(CardReplacedRecord { money, .. })
                    if before.kind == RecordKind::Fee && before.is_of(money) =>
                {
                    let asked_fen = i128::from(money.amount_fen.get());
                    self.check(before.amount_fen == asked_fen, Check::Group, || {
                        format!("{} fen were paid before for what costs {asked_fen}", before.amount_fen)
                    });
                }
                Record::Debit(money) | Record::FullDebit(FullDebitRecord { money, .. })
                    if matches!(before.kind, RecordKind::Load | RecordKind::Settle)
                        && before.is_of(money) =>
                {
                    let paid_fen = money.amount_fen.get() + record.pricing_fen();
                    let lacking_fen = i128::from(paid_fen) - before.card_fen;
                    if before.kind == RecordKind::Load {
                        self.check(before.amount_fen <= lacking_fen, Check::Load, || {
                            format!(
                                "{} fen were loaded before, {lacking_fen} were lacking",
                                before.amount_fen
                            )
                        });
                    } else {
                        self.check(before.amount_fen <= -lacking_fen, Check::Settle, || {
                            format!(
                                "{} fen were settled before, {} were left",
                                before.amount_fen, -lacking_fen
                            )
                        });
                    }
                }
                Record::Payable(WalletsRecord { money, .. })
                    if before.kind == RecordKind::Refund && before.is_of(money) =>
                {
                    let payable_fen = i128::from(money.amount_fen.get());
                    self.check(payable_fen <= before.amount_fen, Check::Group, || {
                        format!("{payable_fen} fen become payable of {} given back", before.amount_fen)
                    });
                }
                Record::SubsidyClaimed(SubsidyRecord { money, .. })
                    if before.kind == RecordKind::SubsidyTakenBack && before.is_of(money) => {}
                // The gateway's own, under another identity.
                Record::ScanTold(r) if before.kind == RecordKind::ScanPaid => {
                    let (told, paid) = (r.money.person(), r.original_record.get());
                    let follows = told == Some(before.account) && paid + 1 == self.number;
                    self.check(follows, Check::Group, || {
                        format!(
                            "account {} paid before, and {told:?} is told of record {paid}",
                            before.account
                        )
                    });
                }
                _ => {
                    self.violate(
                        Check::Group,
                        format!("the record before serves sale {}, not this", before.sale),
                    );
                }
            }
        } else if let Record::CardIssued(CardIssuedRecord { money, .. })
        | Record::CardReplaced(CardReplacedRecord { money, .. }) = record
        {
            let asked_fen = money.amount_fen.get();
            self.check(asked_fen == 0, Check::Group, || {
                format!("nothing was paid before for what costs {asked_fen}")
            });
        } else if let Record::Payable(_) = record {
            self.violate(Check::Group, "nothing was given back before what becomes payable".to_owned());
        }
        let remaining = self.remaining_in_group;
        if matches!(record, Record::TapUndone(_)) {
            return self.check(remaining > 0, Check::Group, || {
                "what undoes a tap stands before the record of who found it out".to_owned()
            });
        }
        if let Record::PaidOut(paid) = record {
            self.paid_before.push(paid.money);
            return self.check(remaining > 0, Check::Group, || {
                "what is paid out stands before the record that closes the account".to_owned()
            });
        }
        let paid_before = core::mem::take(&mut self.paid_before);
        self.closing(record, &paid_before);
        if let Record::OfflineDebit(debit) = record
            && debit.offline_review().has(OfflineReview::TOLD)
        {
            return self.check(remaining == 1, Check::Group, || {
                "what is posted on a card's word is followed by who had it posted".to_owned()
            });
        }
        let (Record::Load(money)
        | Record::Settle(WalletsRecord { money, .. })
        | Record::Fee(WalletsRecord { money, .. })
        | Record::ScanPaid(ScanPaidRecord { money, .. })
        | Record::SubsidyTakenBack(SubsidyRecord { money, mode: SubsidyRecord::CLEARED, .. })
        | Record::Refund(RefundRecord { money, .. })) = record
        else {
            return self.check(remaining == 0, Check::Group, || {
                "only a load, a settling, a fee, a self-scan, a refund or what makes place for a subsidy is followed in its group"
                    .to_owned()
            });
        };
        if matches!(record, Record::Refund(_)) && remaining == 0 {
            return;
        }
        self.check(remaining == 1, Check::Group, || {
            "what is followed in its group is followed by one record".to_owned()
        });
        self.announced = money.person().and_then(|account| {
            let card_fen = self.books.person(account)?.card_fen;
            let amount_fen = i128::from(money.amount_fen.get() + record.pricing_fen());
            Some(Announced { kind: record.kind(), sale: money.sale(), account, amount_fen, card_fen })
        });
    }
}

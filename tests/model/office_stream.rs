//! What operators ask in a stream: mostly what may be asked, by who may.

use engine::ledger::command::{
    AccountFreeze, AccountLimits, Adjust, AdjustDecide, AdjustExpire, Request, SetOfficeRules,
    TerminalKeyRotate, TerminalKeyTaken,
};
use engine::ledger::record::Wallet;
use engine::ledger::registry::OfficeRules;
use protocol::ids::{RecordNumber, TerminalId};
use protocol::request::{AdjustDirection, FreezeAction, Verdict};

use super::naive::Model;
use super::stream::Stream;

/// Slots of operators, and of a till that isn't one.
const CARD_CENTRE: [u16; 3] = [7, 7, 11];
const FINANCE: [u16; 4] = [8, 8, 9, 11];
const ADMINISTRATOR: [u16; 1] = [11];
const ANYBODY: [u16; 5] = [3, 7, 8, 10, 11];

const REASONS: [&[u8]; 4] =
    ["卡片捡到".as_bytes(), "重复扣款".as_bytes(), b"as the holder asked", "毕业离校".as_bytes()];

impl Stream {
    pub(super) fn at_the_office(&mut self, model: &Model) -> Request<'static> {
        let reason = match self.random.below(40) {
            0 => &[][..],
            1 => &[b'w'; 97],
            2 => &[b'w'; 96],
            _ => self.random.of(&REASONS),
        };
        match self.random.below(22) {
            20..22 => {
                let at = self.random.below(model.tills.len() as u64 + 1) as usize;
                let (terminal, version) =
                    model.tills.get(at).map_or((1, 0), |till| (till.terminal, till.key_version));
                let terminal = TerminalId(terminal);
                if self.random.chance(30) {
                    return Request::TerminalKeyTaken(TerminalKeyTaken { terminal, key_version: version });
                }
                let key_version = version + self.random.of(&[1, 1, 1, 1, 0, 2]);
                let sale = self.office_sale(model, &ADMINISTRATOR);
                Request::TerminalKeyRotate(TerminalKeyRotate { sale, terminal, key_version, reason })
            }
            0..4 => {
                let sale = self.office_sale(model, &CARD_CENTRE);
                let account = self.selector(model);
                // More often the one that opens accounts again.
                let action =
                    self.random.of(&[FreezeAction::Freeze, FreezeAction::Unfreeze, FreezeAction::Unfreeze]);
                Request::AccountFreeze(AccountFreeze { sale, account, action, reason })
            }
            4..7 => Request::AccountLimits(AccountLimits {
                sale: self.office_sale(model, &CARD_CENTRE),
                account: self.selector(model),
                debit_max_fen: self.random.of(&[0, 0, 1_500, 900_000]),
                day_max_fen: self.random.of(&[0, 0, 4_000]),
                class: self.random.of(&[0, 1, 2, 3, 3, 3, 64]),
                reason,
            }),
            7..13 => Request::Adjust(Adjust {
                sale: self.office_sale(model, &FINANCE),
                account: self.selector(model),
                amount_fen: self.random.of(&[1, 300, 900, 1_000, 1_001, 2_500, 9_000, 0, -5, 1_000_000_001]),
                wallet: self.random.of(&[
                    Wallet::Card,
                    Wallet::Card,
                    Wallet::Electronic,
                    Wallet::Electronic,
                    Wallet::Transition,
                ]),
                direction: self.random.of(&[AdjustDirection::Give, AdjustDirection::Take]),
                reason,
            }),
            13..18 => {
                let proposal = self.proposal(model);
                let verdict = self.random.of(&[Verdict::Approve, Verdict::Approve, Verdict::Reject]);
                let sale = self.office_sale(model, &FINANCE);
                Request::AdjustDecide(AdjustDecide { sale, proposal, verdict, reason })
            }
            18 => Request::AdjustExpire(AdjustExpire { proposal: self.proposal(model) }),
            _ => Request::SetOfficeRules(SetOfficeRules {
                rules: OfficeRules {
                    adjust_alone_max_fen: self.random.of(&[1_000, 1_000, 1_000, 0, 2_500, -1]),
                    adjust_alone_day_max_fen: self.random.of(&[3_000, 3_000, 20_000, 0]),
                    proposal_s: self.random.of(&[600, 3_600, 86_400, 0]),
                    cards_from_stock: self.random.chance(30),
                },
            }),
        }
    }

    fn office_sale(&mut self, model: &Model, slots: &[u16]) -> engine::ledger::command::Sale<'static> {
        let slot = if self.random.chance(92) { self.random.of(slots) } else { self.random.of(&ANYBODY) };
        self.sale(model, slot)
    }

    /// Mostly one that waits.
    fn proposal(&mut self, model: &Model) -> RecordNumber {
        let waiting: Vec<u64> = model
            .proposals
            .iter()
            .filter(|(_, proposal)| proposal.waits)
            .map(|(&record, _)| record)
            .collect();
        match self.random.below(10) {
            0 => RecordNumber(self.random.below(model.last_record + 5)),
            1 if !model.proposals.is_empty() => {
                let at = self.random.below(model.proposals.len() as u64) as usize;
                RecordNumber(*model.proposals.keys().nth(at).expect("within"))
            }
            _ if waiting.is_empty() => RecordNumber(model.last_record),
            _ => RecordNumber(self.random.of(&waiting)),
        }
    }
}

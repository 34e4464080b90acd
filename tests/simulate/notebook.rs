//! What a client wrote down of the answers it got. The server never sees it.

use std::collections::{BTreeMap, BTreeSet};

use engine::ledger::Outcome;
use protocol::ids::SaleId;
use protocol::result_code::ResultCode;

use super::ask::Ask;
use super::auditor::Auditor;

/// The first definite answer about a sale.
#[derive(Clone, Copy, Debug)]
pub struct Note {
    pub ask: Ask,
    pub outcome: Outcome,
    /// Answered "reversed" since, or from the beginning.
    pub reversed: bool,
}

/// One till's notes.
#[derive(Default)]
pub struct Notebook {
    notes: BTreeMap<SaleId, Note>,
    /// Sales that the till has asked to undo.
    undone: BTreeSet<SaleId>,
}

/// Whether a code says nothing about the sale itself.
pub fn is_kept_out(code: ResultCode) -> bool {
    matches!(code, ResultCode::IdentityConflict | ResultCode::NotAuthentic | ResultCode::WrongTerminal)
}

impl Notebook {
    pub fn undo(&mut self, original: SaleId) {
        self.undone.insert(original);
    }

    pub fn notes(&self) -> &BTreeMap<SaleId, Note> {
        &self.notes
    }

    pub fn note(&self, sale: SaleId) -> Option<&Note> {
        self.notes.get(&sale)
    }

    /// Writes a definite answer down, and holds it against the one before.
    ///
    /// # Errors
    /// The server has changed its mind.
    pub fn write(&mut self, sale: SaleId, ask: Ask, outcome: &Outcome) -> Result<(), String> {
        // Of a confirmation it says that the tap is: the refusal is the confirmation's own outcome.
        let gone = outcome.code == ResultCode::Reversed && !matches!(ask, Ask::Confirm { .. });
        // It is undone elsewhere, and its own identity is asked about as it was told first.
        let elsewhere = ask.undone_as(sale) != sale;
        // A tap whose chip wasn't written is undone when the card is there again: its till is told when it asks.
        let may_be_undone = elsewhere || matches!(ask, Ask::ChipTap { .. }) || self.undone.contains(&sale);
        if gone && !may_be_undone {
            return Err(format!("{sale} is answered as reversed, and the till never reversed it"));
        }
        match self.notes.get_mut(&sale) {
            None => {
                self.notes.insert(sale, Note { ask, outcome: *outcome, reversed: gone });
            }
            Some(note) if gone => note.reversed = true,
            Some(note) if elsewhere && note.outcome.code == ResultCode::Reversed => note.outcome = *outcome,
            Some(note) if note.reversed && !elsewhere => {
                return Err(format!("{sale} was reversed and is answered {outcome:?}"));
            }
            // A phone has paid it meanwhile.
            Some(note) if note.outcome.code == ResultCode::PaymentPending && outcome.code.is_approved() => {
                note.outcome = *outcome;
            }
            Some(note) => {
                let same = note.outcome.code == outcome.code
                    && note.outcome.record == outcome.record
                    && note.outcome.amount_fen == outcome.amount_fen
                    && note.outcome.balance_after_fen == outcome.balance_after_fen
                    && note.outcome.account == outcome.account;
                if !same {
                    return Err(format!("{sale} was answered {:?}, now {outcome:?}", note.outcome));
                }
            }
        }
        Ok(())
    }

    /// Holds every note against the log.
    ///
    /// # Errors
    /// An acknowledged outcome that isn't in the log as it was told.
    pub fn check(&self, auditor: &Auditor) -> Result<(), String> {
        for (sale, note) in &self.notes {
            check_against_log(auditor, *sale, &note.ask, &note.outcome)?;
            if note.reversed && !auditor.is_gone(note.ask.undone_as(*sale)) {
                return Err(format!("{sale} was acknowledged as reversed, the log has it standing"));
            }
        }
        Ok(())
    }
}

/// Holds one definite outcome, as told, against the durable log.
///
/// # Errors
/// The log has it otherwise, or not at all.
pub fn check_against_log(auditor: &Auditor, sale: SaleId, ask: &Ask, told: &Outcome) -> Result<(), String> {
    let entry = auditor.entry(sale);
    if told.code == ResultCode::Reversed && entry.is_none_or(|entry| entry.code != ResultCode::Reversed) {
        return if auditor.is_gone(ask.undone_as(sale)) {
            Ok(())
        } else {
            Err(format!("{sale} was told as reversed, the durable log knows of no reversal"))
        };
    }
    if told.code == ResultCode::PaymentPending {
        return if auditor.noted(sale, told.record.0) {
            Ok(())
        } else {
            Err(format!("{sale} was told {told:?}, the durable log (to {}) hasn't noted it", auditor.last()))
        };
    }
    let Some(entry) = entry else {
        return Err(format!("{sale} was told {told:?}, the durable log (to {}) hasn't it", auditor.last()));
    };
    let same = entry.record == told.record.0
        && entry.code == told.code
        && entry.amount_fen + entry.beside_fen == told.amount_fen
        && entry.balance_after_fen == told.balance_after_fen
        && entry.account == told.account;
    if same { Ok(()) } else { Err(format!("{sale} was told {told:?}, the durable log has {entry:?}")) }
}

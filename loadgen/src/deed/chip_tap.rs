//! A sale at a till that writes chips: the tap, and then what became of the chip. Here every chip is written; a till that
//! never gets to say so leaves it to the card's next tap.

use protocol::answer::Answer;
use protocol::card::ChipWrite;
use protocol::request::{CardDebit, Request, TapConfirm};

use super::{Begun, Deed, DeedKind, Entry, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct ChipTap {
    holder: u32,
    entry: Entry,
}

impl Deed for ChipTap {
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<ChipTap>> {
        let Errand { holder, amount_fen, .. } = *errand;
        let tap = world.people.tap(holder, place.sale, amount_fen)?;
        let entry = Entry::new(world.people.account(holder), amount_fen);
        let request = Request::CardTap(CardDebit {
            card_uid: tap.card_uid,
            card_counter: tap.counter,
            amount_fen,
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: ChipTap { holder, entry }, request, entry: Some(entry) })
    }

    /// Retried so late that the card has been presented elsewhere meanwhile, it has no chip to be written any more.
    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.served[self.holder as usize] = true;
        self.entry.is_said_by(answer)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ChipWritten {
    entry: Entry,
}

impl Deed for ChipWritten {
    /// Of the tap just before, unless that wasn't approved.
    fn begin(_: &Errand, place: &mut Place<'_>, _: &mut World) -> Option<Begun<ChipWritten>> {
        let tap = place.recent.of(DeedKind::ChipTap).take()?;
        let entry = Entry::new(tap.account, tap.amount_fen);
        let request = Request::TapConfirm(TapConfirm {
            original_terminal: tap.sale.terminal,
            original_epoch: tap.sale.epoch,
            original_sequence: tap.sale.sequence,
            amount_fen: tap.amount_fen,
            write: ChipWrite::Written,
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: ChipWritten { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}

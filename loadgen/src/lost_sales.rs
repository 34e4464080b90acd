//! Sales that tills without a network made and lost, from there until a counter has them posted on the card's word.
//!
//! The chip has paid, and tells of it with its next sale. Once that was uploaded, a counter can name the card and its counter.

use std::collections::{HashMap, VecDeque};

use protocol::ids::{AccountId, SaleId};

use crate::people::CardTap;

/// A sale whose record is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostSale {
    /// Who paid.
    pub account: AccountId,
    /// With which card, and its counter.
    pub tap: CardTap,
    /// How much.
    pub amount_fen: i64,
}

/// All of them that weren't posted yet.
#[derive(Clone, Debug, Default)]
pub struct LostSales {
    /// By the sale that tells of it, which wasn't uploaded yet.
    stored: HashMap<SaleId, LostSale>,
    /// Those that were told of, oldest first.
    told: VecDeque<LostSale>,
}

impl LostSales {
    /// A till has lost a sale, and has stored this one behind it, of the same card.
    pub fn lose(&mut self, lost: LostSale, witness: SaleId) {
        self.stored.insert(witness, lost);
    }

    /// A stored sale was uploaded and accepted.
    pub fn uploaded(&mut self, sale: SaleId) {
        self.told.extend(self.stored.remove(&sale));
    }

    /// Takes the oldest that was told of.
    pub fn take(&mut self) -> Option<LostSale> {
        self.told.pop_front()
    }

    /// It couldn't be posted now.
    pub fn put_back(&mut self, lost: LostSale) {
        self.told.push_back(lost);
    }
}

#[cfg(test)]
mod tests {
    use protocol::ids::{CardCounter, CardUid, Epoch, Sequence, TerminalId};

    use super::*;

    #[test]
    fn a_lost_sale_is_posted_once_and_only_when_its_witness_has_come() {
        let sale =
            |sequence| SaleId { terminal: TerminalId(5), epoch: Epoch(1), sequence: Sequence(sequence) };
        let tap = CardTap { card_uid: CardUid(70), counter: CardCounter(3) };
        let lost = LostSale { account: AccountId(1), tap, amount_fen: 500 };
        let mut sales = LostSales::default();
        sales.lose(lost, sale(8));
        sales.uploaded(sale(7));
        assert_eq!(sales.take(), None);
        sales.uploaded(sale(8));
        sales.uploaded(sale(8));
        assert_eq!((sales.take(), sales.take()), (Some(lost), None));
        sales.put_back(lost);
        assert_eq!(sales.take(), Some(lost));
    }
}

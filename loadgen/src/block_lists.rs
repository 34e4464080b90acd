//! The block-lists that tills keep: brought up to date page by page, and held to their digest before they count.

use std::collections::{BTreeSet, HashMap};

use protocol::answer::BlockListAnswer;
use protocol::block_list::digest;
use protocol::ids::{CardUid, TerminalId};
use protocol::request::BlockListQuery;

/// Lines that a till asks for at a time.
const LINES_MAX: u16 = 500;

/// The list of one till.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockList {
    /// The version that it judges by; 0 for none yet.
    version: u32,
    cards: BTreeSet<u64>,
    /// A whole list that has come in part.
    coming: Option<Coming>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Coming {
    version: u32,
    cards: BTreeSet<u64>,
}

impl BlockList {
    /// What to ask for next.
    pub fn query(&self) -> BlockListQuery {
        let coming = self.coming.as_ref();
        BlockListQuery {
            have_version: self.version,
            of_version: coming.map_or(0, |coming| coming.version),
            after_card: CardUid(coming.and_then(|coming| coming.cards.last().copied()).unwrap_or(0)),
            lines_max: LINES_MAX,
        }
    }

    /// Its version and its digest.
    pub fn active(&self) -> (u32, [u8; 16]) {
        (self.version, digest_of(self.version, &self.cards))
    }

    /// Takes a page. False when it doesn't lead where it says; the list is then as it was.
    pub fn take(&mut self, page: &BlockListAnswer<'_>) -> bool {
        let coming = self.coming.take();
        let (mut version, mut cards) = if page.whole {
            let begun = coming.filter(|coming| coming.version == page.version);
            (page.version, begun.map_or_else(BTreeSet::new, |coming| coming.cards))
        } else {
            (self.version, self.cards.clone())
        };
        for line in page.lines {
            if !page.whole {
                version += 1;
                if line.version.get() != version {
                    return false;
                }
            }
            let card = line.card_uid.get();
            let moved = if line.blocked == 1 { cards.insert(card) } else { cards.remove(&card) };
            if !moved {
                return false;
            }
        }
        if page.more && page.whole {
            self.coming = Some(Coming { version, cards });
            return true;
        }
        let is_newest = version == page.version && cards.len() == page.cards as usize;
        if !page.more && (!is_newest || digest_of(version, &cards) != page.digest) {
            return false;
        }
        (self.version, self.cards) = (version, cards);
        true
    }
}

fn digest_of(version: u32, cards: &BTreeSet<u64>) -> [u8; 16] {
    digest(version, cards.iter().map(|&card| CardUid(card)))
}

/// The lists of all tills.
#[derive(Clone, Debug, Default)]
pub struct BlockLists {
    lists: HashMap<TerminalId, BlockList>,
}

impl BlockLists {
    /// A till's list.
    pub fn of(&mut self, terminal: TerminalId) -> &mut BlockList {
        self.lists.entry(terminal).or_default()
    }
}

#[cfg(test)]
mod tests {
    use protocol::block_list::BlockListLine;
    use protocol::result_code::ResultCode;

    use super::*;

    fn page<'a>(
        version: u32,
        listed: &[u64],
        whole: bool,
        lines: &'a [BlockListLine],
    ) -> BlockListAnswer<'a> {
        let cards: BTreeSet<u64> = listed.iter().copied().collect();
        BlockListAnswer {
            code: ResultCode::Approved,
            whole,
            version,
            more: false,
            digest: digest_of(version, &cards),
            cards: cards.len() as u32,
            lines,
        }
    }

    #[test]
    fn a_list_comes_whole_in_pages_and_goes_on_by_moves() {
        let mut list = BlockList::default();
        let first = [BlockListLine::card(CardUid(5)), BlockListLine::card(CardUid(9))];
        assert!(list.take(&BlockListAnswer { more: true, ..page(4, &[5, 9, 12], true, &first) }));
        assert_eq!(
            (list.query().of_version, list.query().after_card, list.query().have_version),
            (4, CardUid(9), 0)
        );
        assert!(list.take(&page(4, &[5, 9, 12], true, &[BlockListLine::card(CardUid(12))])));
        assert_eq!((list.active().0, list.query().of_version), (4, 0));

        let moves = [BlockListLine::step(5, CardUid(7), true), BlockListLine::step(6, CardUid(9), false)];
        assert!(list.take(&page(6, &[5, 7, 12], false, &moves)));
        assert_eq!(list.active(), (6, page(6, &[5, 7, 12], true, &[]).digest));
        assert!(list.take(&page(6, &[5, 7, 12], false, &[])), "nothing new");
    }

    #[test]
    fn a_page_that_leads_elsewhere_changes_nothing() {
        let mut list = BlockList::default();
        assert!(list.take(&page(1, &[5], true, &[BlockListLine::card(CardUid(5))])));
        let before = list.clone();
        let skipped = [BlockListLine::step(3, CardUid(7), true)];
        let known = [BlockListLine::step(2, CardUid(5), true)];
        let stranger = [BlockListLine::step(2, CardUid(8), false)];
        let right = [BlockListLine::step(2, CardUid(7), true)];
        assert!(!list.take(&page(3, &[5, 7], false, &skipped)), "a gap");
        assert!(!list.take(&page(2, &[5], false, &known)), "blocked twice");
        assert!(!list.take(&page(2, &[5], false, &stranger)), "freed, and never blocked");
        assert!(!list.take(&page(2, &[5, 8], false, &right)), "another digest");
        assert!(!list.take(&page(3, &[5, 7], false, &right)), "not the newest");
        assert_eq!(list, before);
        assert!(list.take(&page(2, &[5, 7], false, &right)));
    }
}

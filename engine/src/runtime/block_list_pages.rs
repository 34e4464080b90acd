//! Pages of the block-list for tills, and whether a till's list is the one that it says it is.
//!
//! The list is copied and its digest made once a version, on the slow lane, while nothing is held but the configuration for
//! reading; the registry knows its cards and the latest moves ([`crate::ledger::block_list`]).

use std::collections::BTreeSet;

use protocol::block_list::{BlockListLine, digest};
use protocol::ids::{CardUid, RecordNumber};
use protocol::request::{BlockListActive, BlockListQuery};

use super::engine::Engine;
use crate::ledger::block_list::BlockList;

/// What a till is told of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockListPage {
    /// Whether the lines are of the whole list; moves otherwise.
    pub whole: bool,
    /// The version that the list has.
    pub version: u32,
    /// Whether more lines follow.
    pub more: bool,
    /// The digest of that version.
    pub digest: [u8; 16],
    /// How many cards it has.
    pub cards: u32,
    /// The lines.
    pub lines: Vec<BlockListLine>,
    /// The newest record that this depends on.
    pub observed: RecordNumber,
}

/// The whole list of one version.
#[derive(Debug, Default)]
struct Whole {
    version: u32,
    cards: Vec<CardUid>,
    digest: [u8; 16],
}

/// The newest list that was asked for, kept for whoever asks next.
#[derive(Debug, Default)]
pub(super) struct BlockListPages {
    whole: Option<Whole>,
}

impl BlockListPages {
    /// The page that a query asks for.
    pub(super) fn page(&mut self, engine: &Engine, query: &BlockListQuery) -> BlockListPage {
        let routes = engine.routes();
        let registry = &routes.configuration().registry;
        let list = registry.block_list();
        let whole = self.whole_of(list);
        let lines_max = usize::from(query.lines_max);
        let page = BlockListPage {
            version: whole.version,
            digest: whole.digest,
            // Cards have a table, whose size fits.
            cards: whole.cards.len() as u32,
            observed: registry.changed(),
            ..BlockListPage::default()
        };
        let moves =
            list.moves_after(query.have_version).filter(|_| query.have_version > 0 && query.of_version == 0);
        if let Some(mut moves) = moves {
            let lines = moves
                .by_ref()
                .take(lines_max)
                .map(|step| BlockListLine::step(step.version, step.card_uid, step.blocked));
            let lines = lines.collect();
            return BlockListPage { lines, more: moves.next().is_some(), ..page };
        }
        // Another version than that of the pages before begins anew.
        let after = if query.of_version == whole.version { query.after_card } else { CardUid(0) };
        let from = whole.cards.partition_point(|card| *card <= after);
        let left = &whole.cards[from..];
        let lines = left.iter().take(lines_max).map(|&card| BlockListLine::card(card)).collect();
        BlockListPage { whole: true, lines, more: left.len() > lines_max, ..page }
    }

    /// Whether a till's list is that of its version, as far as it can be told: the newest, or one whose moves are kept.
    pub(super) fn is_right(&mut self, engine: &Engine, active: &BlockListActive) -> bool {
        let routes = engine.routes();
        let list = routes.configuration().registry.block_list();
        let whole = self.whole_of(list);
        if active.version == whole.version {
            return active.digest == whole.digest;
        }
        let Some(moves) = list.moves_after(active.version) else { return false };
        // Undone in turn, from the newest back.
        let mut cards: BTreeSet<CardUid> = whole.cards.iter().copied().collect();
        let moves: Vec<_> = moves.collect();
        for step in moves.into_iter().rev() {
            if step.blocked {
                cards.remove(&step.card_uid);
            } else {
                cards.insert(step.card_uid);
            }
        }
        active.digest == digest(active.version, cards.iter().copied())
    }

    fn whole_of(&mut self, list: &BlockList) -> &Whole {
        let version = list.version();
        if self.whole.as_ref().is_none_or(|whole| whole.version != version) {
            let cards = list.full();
            let digest = digest(version, cards.iter().copied());
            self.whole = Some(Whole { version, cards, digest });
        }
        self.whole.as_ref().expect("it was made where it wasn't there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Request;
    use crate::ledger::account::AccountStatus;
    use crate::ledger::command::SetAccountTerms;
    use crate::runtime::small_engine::small_engine;
    use protocol::ids::AccountId;

    fn set_lost(engine: &Engine, account: u32, card_lost: bool) {
        let done = engine.configure(Request::SetAccountTerms(SetAccountTerms {
            account: AccountId(account),
            status: AccountStatus::Open,
            card_lost,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        }));
        assert!(done.expect("taken").code.is_approved());
    }

    fn query(have_version: u32, of_version: u32, after_card: CardUid, lines_max: u16) -> BlockListQuery {
        BlockListQuery { have_version, of_version, after_card, lines_max }
    }

    /// What a till holds: a list, and its version.
    type Held = (u32, BTreeSet<CardUid>);

    /// Asks as the protocol's page says until nothing follows, and holds the digest against what came of it.
    fn follow(pages: &mut BlockListPages, engine: &Engine, held: &Held, lines_max: u16) -> (Held, usize) {
        let mut cards = held.1.clone();
        let mut asked = query(held.0, 0, CardUid(0), lines_max);
        for count in 1.. {
            let page = pages.page(engine, &asked);
            assert!(page.lines.len() <= usize::from(lines_max));
            if page.whole && page.version != asked.of_version {
                cards.clear();
            }
            for line in &page.lines {
                let card = CardUid(line.card_uid.get());
                let changed = if line.blocked == 1 { cards.insert(card) } else { cards.remove(&card) };
                assert!(changed, "{line:?}");
            }
            if !page.more {
                assert_eq!(
                    (cards.len() as u32, digest(page.version, cards.iter().copied())),
                    (page.cards, page.digest)
                );
                return ((page.version, cards), count);
            }
            let last = page.lines.last().expect("more lines follow some");
            asked = if page.whole {
                query(0, page.version, CardUid(last.card_uid.get()), lines_max)
            } else {
                query(last.version.get(), 0, CardUid(0), lines_max)
            };
        }
        unreachable!("counting ends with a page")
    }

    #[test]
    fn a_till_comes_to_the_list_by_moves_and_as_a_whole() {
        let engine = small_engine(40, 1);
        let mut pages = BlockListPages::default();
        let (empty, _) = follow(&mut pages, &engine, &(0, BTreeSet::new()), 5);
        assert_eq!(empty, (0, BTreeSet::new()));
        for account in 0..12 {
            set_lost(&engine, account, true);
        }
        let (twelve, count) = follow(&mut pages, &engine, &empty, 5);
        assert_eq!((twelve.0, twelve.1.len(), count), (12, 12, 3));
        for account in 2..9 {
            set_lost(&engine, account, false);
        }
        set_lost(&engine, 20, true);
        let (moved, count) = follow(&mut pages, &engine, &twelve, 3);
        assert_eq!((moved.0, moved.1.len(), count), (20, 6, 3));
        let (whole, _) = follow(&mut pages, &engine, &(0, BTreeSet::new()), 2);
        assert_eq!(whole, moved);
        assert_eq!(pages.page(&engine, &query(20, 0, CardUid(0), 9)).lines, [], "it has everything");
        // A version that the list never had, and a page that belongs to an older list, begin with the whole.
        let unknown = pages.page(&engine, &query(21, 0, CardUid(0), 9));
        let stale = pages.page(&engine, &query(0, 12, CardUid(u64::MAX), 9));
        assert!(unknown.whole && unknown.lines.len() == 6 && stale == unknown);
    }

    #[test]
    fn a_till_s_list_is_right_when_it_is_that_of_its_version() {
        let engine = small_engine(40, 1);
        let mut pages = BlockListPages::default();
        let mut held = vec![follow(&mut pages, &engine, &(0, BTreeSet::new()), 9).0];
        for (account, lost) in [(1, true), (2, true), (1, false), (3, true), (1, true)] {
            set_lost(&engine, account, lost);
            let newest = held.last().expect("one").clone();
            held.push(follow(&mut pages, &engine, &newest, 9).0);
        }
        for (version, cards) in &held {
            let right = digest(*version, cards.iter().copied());
            let active = BlockListActive { version: *version, digest: right, till_time_ns: 0 };
            assert!(pages.is_right(&engine, &active), "version {version}");
            let mut other = active;
            other.digest[0] ^= 1;
            assert!(!pages.is_right(&engine, &other));
            assert!(!pages.is_right(&engine, &BlockListActive { version: version + 1, ..active }));
        }
    }
}

//! Pages of the block-list for tills, and whether a till's list is the one that it says it is.
//!
//! The slow lane keeps a copy of the list, and brings it up to date by the moves since: no more than these is copied while the
//! configuration is held, and everything else, the digests among it, is done when it isn't. Only the first copy, and one that
//! is older than the moves that the registry keeps ([`crate::ledger::block_list`]), is of everything.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;

use protocol::block_list::{BlockListLine, digest};
use protocol::ids::{CardUid, RecordNumber};
use protocol::request::{BlockListActive, BlockListQuery};

use super::engine::Engine;
use crate::ledger::block_list::{BlockList, BlockMove};

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

/// Digests of earlier versions that are kept, so that many tills which have the same one cost no more than one.
const DIGESTS_KEPT: usize = 1_024;

/// The list of one version.
#[derive(Clone, Debug, Default)]
struct HeldList {
    version: u32,
    cards: BTreeSet<CardUid>,
}

impl HeldList {
    fn digest(&self) -> [u8; 16] {
        digest(self.version, self.cards.iter().copied())
    }

    /// Makes a move, which follows its version.
    fn advance(&mut self, step: &BlockMove) {
        self.version = step.version;
        self.set(step.card_uid, step.blocked);
    }

    /// Takes a move back, which led to its version.
    fn take_back(&mut self, step: &BlockMove) {
        self.version = step.version - 1;
        self.set(step.card_uid, !step.blocked);
    }

    fn set(&mut self, card_uid: CardUid, blocked: bool) {
        if blocked {
            self.cards.insert(card_uid);
        } else {
            self.cards.remove(&card_uid);
        }
    }
}

/// The copy of the list that tills are answered from.
#[derive(Debug, Default)]
pub(super) struct BlockListPages {
    copy: Option<HeldList>,
    /// Of the copy's version, and of others: what was found out last is at the end.
    digests: VecDeque<(u32, [u8; 16])>,
}

impl BlockListPages {
    /// The page that a query asks for.
    pub(super) fn page(&mut self, engine: &Engine, query: &BlockListQuery) -> BlockListPage {
        let by_moves = query.have_version > 0 && query.of_version == 0;
        let (moves, observed) = self.catch_up(engine, by_moves.then_some(query.have_version));
        let copy = self.copy.get_or_insert_default();
        let page = BlockListPage {
            version: copy.version,
            digest: digest_of(&mut self.digests, copy),
            // Cards have a table, whose size fits.
            cards: copy.cards.len() as u32,
            observed,
            ..BlockListPage::default()
        };
        let lines_max = usize::from(query.lines_max);
        if let Some(moves) = moves {
            let lines = moves.iter().take(lines_max);
            let lines =
                lines.map(|step| BlockListLine::step(step.version, step.card_uid, step.blocked)).collect();
            return BlockListPage { lines, more: moves.len() > lines_max, ..page };
        }
        // Another version than that of the pages before begins anew.
        let after = if query.of_version == copy.version { query.after_card } else { CardUid(0) };
        let mut left = copy.cards.range((Bound::Excluded(after), Bound::Unbounded));
        let lines = left.by_ref().take(lines_max).map(|&card| BlockListLine::card(card)).collect();
        BlockListPage { whole: true, lines, more: left.next().is_some(), ..page }
    }

    /// Whether a till's list is that of its version, as far as it can be told: the newest, or one whose moves are kept.
    pub(super) fn is_right(&mut self, engine: &Engine, active: &BlockListActive) -> bool {
        let (moves, _) = self.catch_up(engine, Some(active.version));
        let Some(moves) = moves else { return false };
        let known = self.digests.iter().find(|(version, _)| *version == active.version);
        let right = match known {
            Some((_, right)) => *right,
            None => {
                // From the newest back.
                let mut copy = self.copy.clone().unwrap_or_default();
                moves.iter().rev().for_each(|step| copy.take_back(step));
                digest_of(&mut self.digests, &copy)
            }
        };
        active.digest == right
    }

    /// Brings the copy to the version that the list has, and gives the moves that lead there from another one, if they are
    /// kept, and the newest record that this depends on.
    fn catch_up(&mut self, engine: &Engine, from: Option<u32>) -> (Option<Vec<BlockMove>>, RecordNumber) {
        let routes = engine.routes();
        let registry = &routes.configuration().registry;
        let list = registry.block_list();
        let observed = registry.changed();
        let news = self.copy.as_ref().and_then(|copy| moves_since(list, copy.version));
        let whole = news
            .is_none()
            .then(|| HeldList { version: list.version(), cards: list.full().into_iter().collect() });
        let moves = from.and_then(|version| moves_since(list, version));
        drop(routes);
        let copy = whole.or_else(|| self.copy.take()).unwrap_or_default();
        let copy = self.copy.insert(copy);
        news.iter().flatten().for_each(|step| copy.advance(step));
        (moves, observed)
    }
}

fn moves_since(list: &BlockList, version: u32) -> Option<Vec<BlockMove>> {
    list.moves_after(version).map(|moves| moves.copied().collect())
}

/// The digest of a version, found out once as long as it is kept.
fn digest_of(digests: &mut VecDeque<(u32, [u8; 16])>, copy: &HeldList) -> [u8; 16] {
    if let Some((_, known)) = digests.iter().rev().find(|(version, _)| *version == copy.version) {
        return *known;
    }
    if digests.len() == DIGESTS_KEPT {
        digests.pop_front();
    }
    let digest = copy.digest();
    digests.push_back((copy.version, digest));
    digest
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

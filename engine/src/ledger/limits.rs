//! Every bound of the ledger, in one place. A full table answers "busy" and says so.

/// The largest amount of one request, in fen (10 million yuan).
pub const AMOUNT_FEN_MAX: i64 = 1_000_000_000;

/// A person's balances stay within ± this, in fen; what would leave the range is refused.
pub const BALANCE_FEN_MAX: i64 = 1_000_000_000_000_000;

/// Subsidy in one card wallet at most, in fen: 167,772.15 yuan. What a debit used of it is remembered in three bytes.
pub const SUBSIDY_FEN_MAX: u32 = (1 << 24) - 1;

/// Records of one group at most.
pub const GROUP_RECORDS_MAX: usize = 4;

/// Bytes of one record's payload at most (a suspense record with all of its bytes).
pub const PAYLOAD_BYTES_MAX: usize = 48 + SUSPENSE_BYTES_MAX;

/// Bytes of a kept-out request that a suspense record holds; longer ones are cut there.
pub const SUSPENSE_BYTES_MAX: usize = 256;

/// Suspense records of one terminal on one business date; beyond it, requests are still kept out, unlogged.
pub const SUSPENSE_PER_TERMINAL_DAY_MAX: u16 = 256;

/// Digests of the latest suspense records of a terminal: the same bytes sent again aren't logged again.
pub const SUSPENSE_RECENT: usize = 4;

/// How old a till's block-list may be at an offline sale, in seconds: with an older one the sale is flagged, and what a blocked
/// card paid isn't the school's to bear.
pub const BLOCK_LIST_AGE_MAX_S: u32 = 86_400;

/// Cards that may be blocked, however small the directory is.
pub const BLOCKED_CARDS_MIN: u32 = 1_024;

/// Moves of the block-list that are kept: whoever has an older version than they reach back to takes the full list.
pub const BLOCK_MOVES_MAX: usize = 16_384;

/// Intervals of missing sequences that one terminal may have open: a payment by phone between two sales that its till stored opens
/// one until the till is back.
pub const GAPS_MAX: usize = 256;

/// Shards at most (a set of shards is one word).
pub const SHARDS_MAX: usize = 64;

/// Terminals at most; the slot 65,535 means "none".
pub const TERMINALS_MAX: u16 = u16::MAX;

/// Account classes: 0 to this, less one.
pub const CLASSES_MAX: usize = 64;

/// Meal periods: 0 to this, less one.
pub const MEAL_PERIODS_MAX: usize = 16;

/// The largest rate of a surcharge, and of a discount, in hundredths of a percent: all of the price once more, or nothing of it.
pub const RATE_MAX: u16 = 10_000;

/// Bytes of a merchant's or a meal period's name (UTF-8).
pub const NAME_BYTES_MAX: usize = 64;

/// Bytes of an operator's reason (UTF-8).
pub const REASON_BYTES_MAX: usize = 96;

/// Proposed adjustments that may wait for a second person, in all.
pub const PROPOSALS_MAX: usize = 256;

/// How many days ahead the deadline of a subsidy batch may be: what was spent of a batch that was withdrawn is waited for until then.
pub const SUBSIDY_DEADLINE_DAYS_MAX: u16 = 400;

/// Subsidy batches that are known, those that are over among them: more let go of the lowest of which nothing is left.
pub const SUBSIDY_BATCHES_MAX: usize = 1_024;

/// Of these, so many at a time have lines, or are to have some: whose line is taken back is looked for in each.
pub const SUBSIDY_BATCHES_WITH_LINES_MAX: usize = 16;

/// Lines of subsidy batches in memory, for each account that there can be.
pub const SUBSIDY_LINES_PER_ACCOUNT: u64 = 4;

/// A reversal later than this after its original is refused; only a refund can undo it then.
pub const REVERSAL_WINDOW_NS: u64 = 3 * super::calendar::DAY_NS;

/// Days after a card came back, or after it expired if that was earlier, before somebody else may have its number: as long as
/// offline sales of it may come late. What is dated before that and comes later still finds who had it then.
pub const CARD_REUSE_DAYS: u16 = 30;

/// An offline fact dated further than this ahead of logged time is flagged.
pub const CLOCK_DRIFT_MAX_NS: u64 = 300_000_000_000;

/// An offline fact of a till that had been offline for more days than this is flagged.
pub const OFFLINE_DAYS_MAX: u16 = 3;

/// What an offline till shows can be paid until it is this old.
pub const SCAN_AGE_MAX_NS: u64 = 600_000_000_000;
/// Card numbers that come into stock at once.
pub const STOCK_CARDS_MAX: u16 = 1_024;
/// Thousands of card numbers, to the bit 1,024, of which some are in stock.
pub const STOCK_BLOCKS_MAX: usize = 4_096;
/// How long a terminal may sign in under the key before the one in use, unless it has shown that it has the new one.
pub const EARLIER_KEY_SIGN_IN_NS: u64 = 7 * super::calendar::DAY_NS;
/// How long what a terminal signed under the key before is believed: as long as it may sign in under it, and the thirty days by
/// which offline records may be late.
pub const EARLIER_KEY_BELIEVED_NS: u64 = EARLIER_KEY_SIGN_IN_NS + 30 * super::calendar::DAY_NS;

/// Wrong codes (bad MAC) from one terminal within [`CODE_WINDOW_NS`] after which it is locked for codes.
pub const BAD_CODES_MAX: u16 = 10;

/// The window wrong codes are counted in; it opens with the first, and the lock ends with it.
pub const CODE_WINDOW_NS: u64 = 300_000_000_000;

/// Wrong query passwords in a row after which an account is locked for [`PASSWORD_LOCK_NS`].
pub const PASSWORD_FAILURES_MAX: u8 = 5;

/// For how long no query password of an account is tried after too many wrong ones.
pub const PASSWORD_LOCK_NS: u64 = 1_800_000_000_000;

/// Time steps for which codes made under the key before are taken after another came into use: two minutes, so that who makes
/// codes hears of it by a heartbeat, though two get lost.
pub const CODE_KEY_OVERLAP_STEPS: u32 = 4;

/// Cache lines of 64 bytes that a directory look-up reads at most, whatever the load.
pub const DIRECTORY_LINES_MAX: usize = 2;

/// Cache lines of a till's ring that one identity can be in.
pub const RING_LINES_MAX: usize = 1;

/// Buckets of a table that are looked at in a search for a free place, at most.
pub const TABLE_SEARCH_MAX: usize = 512;

/// What one command looks at, from finding its account to having its records applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Looks {
    /// Places of tables: buckets of a directory, accounts, tills, remembered outcomes and orders, parts of hot accounts,
    /// what is configured.
    pub probes: usize,
    /// The cache lines that these places can lie across at most.
    pub lines: usize,
}

/// A tap at most; with a load, out of order, or kept in suspense. 50 of its lines are the list of a till's holes, one after another,
/// which moves where one in the middle is closed or split.
pub const CARD_DEBIT_LOOKS_MAX: Looks = Looks { probes: 16, lines: 75 };

/// A tap with the holder's query password at most; with a load, or of a card whose last tap is open.
pub const PASSWORD_DEBIT_LOOKS_MAX: Looks = Looks { probes: 15, lines: 23 };

/// A tap or a payment by code with a surcharge, within the limit of a meal, and giving it back, at most; with a load, in order.
pub const PRICED_LOOKS_MAX: Looks = Looks { probes: 16, lines: 26 };

/// A tap in two phases at most, without the search for a place among the open taps: that takes [`TABLE_SEARCH_MAX`] buckets, a
/// line each.
pub const CARD_TAP_LOOKS_MAX: Looks = Looks { probes: 11, lines: 17 };

/// A tap, in one phase or in two, of a card whose last one is open, or that expires, at most; without a search as above.
pub const PRESENTATION_LOOKS_MAX: Looks = Looks { probes: 14, lines: 21 };

/// A confirmation at most.
pub const TAP_CONFIRM_LOOKS_MAX: Looks = Looks { probes: 9, lines: 13 };

/// A payment by code at most.
pub const CODE_DEBIT_LOOKS_MAX: Looks = Looks { probes: 7, lines: 13 };

/// Paying what an offline till shows at most.
pub const SCAN_PAY_LOOKS_MAX: Looks = Looks { probes: 18, lines: 31 };

/// Closing a hole in a till's sequences at most.
pub const GAP_CLOSE_LOOKS_MAX: Looks = Looks { probes: 19, lines: 80 };

/// Posting a sale that never came, of which its card told, at most. A counter that sold it itself moves the list of its holes a second
/// time: that isn't counted.
pub const TOLD_POST_LOOKS_MAX: Looks = Looks { probes: 19, lines: 79 };

/// Revoking a person's payment codes at most.
pub const CODE_REVOKE_LOOKS_MAX: Looks = Looks { probes: 7, lines: 9 };

/// An uploaded record at most.
pub const OFFLINE_LOOKS_MAX: Looks = Looks { probes: 16, lines: 75 };

/// A reversal at most: it and its original may both come out of holes, and move their list one after the other. Where its till has as many holes as it may, or one less, it first tries in a copy of the list whether it fits:
/// that isn't counted.
pub const REVERSAL_LOOKS_MAX: Looks = Looks { probes: 22, lines: 131 };

/// A refund at most.
pub const REFUND_LOOKS_MAX: Looks = Looks { probes: 14, lines: 24 };

/// A void at most.
pub const VOID_LOOKS_MAX: Looks = Looks { probes: 9, lines: 16 };

/// A top-up at most, without the search for a place for its order: that takes [`TABLE_SEARCH_MAX`] buckets, a line each.
pub const TOP_UP_LOOKS_MAX: Looks = Looks { probes: 17, lines: 24 };

/// A tender at most, without the search for a place for its order: that takes [`TABLE_SEARCH_MAX`] buckets, a line each.
pub const TENDER_LOOKS_MAX: Looks = Looks { probes: 13, lines: 19 };

/// A top-up taken back at most.
pub const TOP_UP_UNDO_LOOKS_MAX: Looks = Looks { probes: 6, lines: 9 };

/// A question for a balance or for where a bill begins at most.
pub const ACCOUNT_QUERY_LOOKS_MAX: Looks = Looks { probes: 3, lines: 4 };

/// A question for what became of a sale at most.
pub const SALE_QUERY_LOOKS_MAX: Looks = Looks { probes: 9, lines: 16 };

/// An opening balance, or new terms of an account, at most, without the search for a place on the block-list as below.
pub const ACCOUNT_CHANGE_LOOKS_MAX: Looks = Looks { probes: 6, lines: 8 };

/// Giving a card out at a counter, replacing it or taking it back at most, without the search for a place as below.
pub const CARD_STATE_LOOKS_MAX: Looks = Looks { probes: 10, lines: 18 };

/// What is asked under a query password or by a virtual card at most, without the search for a place in the directory or on
/// the block-list as below.
pub const HOLDER_LOOKS_MAX: Looks = Looks { probes: 14, lines: 22 };
/// What an operator asks at most, with four shards: proposals are looked for in each.
pub const OFFICE_LOOKS_MAX: Looks = Looks { probes: 11, lines: 18 };

/// Paying a line of a subsidy batch at most.
pub const SUBSIDY_CLAIM_LOOKS_MAX: Looks = Looks { probes: 13, lines: 27 };

/// Taking a line of a subsidy batch back at most, a line of each later batch being looked for: as many batches have lines as may.
pub const SUBSIDY_TAKE_BACK_LOOKS_MAX: Looks = Looks { probes: 179, lines: 374 };

/// Opening an account or binding a card at most, without the search for a place in the directory: that takes
/// [`TABLE_SEARCH_MAX`] buckets, a line each.
pub const DIRECTORY_CHANGE_LOOKS_MAX: Looks = Looks { probes: 4, lines: 6 };

//! Every bound of the ledger, in one place. A full table answers "busy" and says so.

/// The largest amount of one request, in fen (10 million yuan).
pub const AMOUNT_FEN_MAX: i64 = 1_000_000_000;

/// A person's balances stay within ± this, in fen; what would leave the range is refused.
pub const BALANCE_FEN_MAX: i64 = 1_000_000_000_000_000;

/// Records of one group at most: a load and the debit it serves.
pub const GROUP_RECORDS_MAX: usize = 2;

/// Bytes of one record's payload at most (a suspense record with all of its bytes).
pub const PAYLOAD_BYTES_MAX: usize = 48 + SUSPENSE_BYTES_MAX;

/// Bytes of a kept-out request that a suspense record holds; longer ones are cut there.
pub const SUSPENSE_BYTES_MAX: usize = 256;

/// Suspense records of one terminal on one business date; beyond it, requests are still kept out, unlogged.
pub const SUSPENSE_PER_TERMINAL_DAY_MAX: u16 = 256;

/// Digests of the latest suspense records of a terminal: the same bytes sent again aren't logged again.
pub const SUSPENSE_RECENT: usize = 4;

/// Intervals of missing sequences that one terminal may have open.
pub const GAPS_MAX: usize = 32;

/// Shards at most (a set of shards is one word).
pub const SHARDS_MAX: usize = 64;

/// Terminals at most; the slot 65,535 means "none".
pub const TERMINALS_MAX: u16 = u16::MAX;

/// Account classes: 0 to this, less one.
pub const CLASSES_MAX: usize = 64;

/// Meal periods: 0 to this, less one.
pub const MEAL_PERIODS_MAX: usize = 16;

/// Bytes of a merchant's or a meal period's name (UTF-8).
pub const NAME_BYTES_MAX: usize = 64;

/// A reversal later than this after its original is refused; only a refund can undo it then.
pub const REVERSAL_WINDOW_NS: u64 = 3 * super::calendar::DAY_NS;

/// An offline fact dated further than this ahead of logged time is flagged.
pub const CLOCK_DRIFT_MAX_NS: u64 = 300_000_000_000;

/// Wrong codes (bad MAC) from one terminal within [`CODE_WINDOW_NS`] after which it is locked for codes.
pub const BAD_CODES_MAX: u16 = 10;

/// The window wrong codes are counted in; it opens with the first, and the lock ends with it.
pub const CODE_WINDOW_NS: u64 = 300_000_000_000;

/// Cache lines of 64 bytes that a directory look-up reads at most, whatever the load.
pub const DIRECTORY_LINES_MAX: usize = 2;

/// Cache lines of a till's ring that one identity can be in.
pub const RING_LINES_MAX: usize = 1;

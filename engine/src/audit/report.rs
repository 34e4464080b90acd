//! What an audit says, for people and for scripts.

use core::fmt;
use std::collections::BTreeMap;

use serde::Serialize;

use super::books::Books;
use crate::ledger::ledger_account::Clearing;
use crate::settlement::yuan;

/// What a record, or the whole, was found not to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Record numbers are dense.
    Number,
    /// Logged time never goes backwards.
    Time,
    /// Groups are complete: a load or a settling and its debit stand together, a fee and what it is paid for, a refund and what
    /// of it becomes payable.
    Group,
    /// Every record has a known kind and layout, and fields in their range.
    Layout,
    /// What a record names was made by a record before it.
    Known,
    /// A posting is between the two sides that its kind has.
    Sides,
    /// The balance written into a record is what the postings add up to.
    BalanceAfter,
    /// The chain of records of an account.
    AccountChain,
    /// The chain of records of a till.
    TerminalChain,
    /// The chain of records of a part of a hot account.
    HotChain,
    /// Records stand under the open business date, and dates only rise.
    BusinessDate,
    /// A till's epoch and sequence are applied once.
    SaleOnce,
    /// A reversal or a void undoes exactly the sale it names, once, and a counter exactly the top-up it names.
    Reversal,
    /// Refunds give back what the debit that they name took, never more of it, and nothing of one that was undone.
    Refund,
    /// A channel's order number counts once: as a top-up, or as a tender.
    OrderOnce,
    /// A payment code is used once, and never after it was revoked; key versions are dense.
    CodeOnce,
    /// A card's counter rises from tap to tap.
    CardCounter,
    /// A card's number is given out once; what is replaced or given back is the account's current card; an offline sale
    /// is its holder's, unless the card was lost before.
    Card,
    /// A query password is tried only where one is set, and not while the account is locked; a virtual card is bound to one
    /// account; no lost card pays, and no code where no phone is bound any more.
    Holder,
    /// A two-phase tap is undone where the chip's counter says that it wasn't written, and nowhere else; a confirmation is of an
    /// open one.
    Tap,
    /// A load brings no more than its tap lacks.
    Load,
    /// A settling takes no more from the card than its tap leaves there.
    Settle,
    /// Subsidy is used first, and never more of it than is there; the subsidy part is never above what is on the card.
    Subsidy,
    /// A line of a subsidy batch is paid once, as planned and approved; no more is taken back of it than it brought.
    Batch,
    /// An online debit leaves no less than the floor of the account's class.
    Floor,
    /// An online debit isn't above the limit for one, unless the holder's query password came along.
    Limit,
    /// What is paid beside a price is what the payer's class pays in that meal period, and comes back with the price, in parts that add
    /// up.
    Pricing,
    /// Shifts and batches follow each other, and are closed with what the till did.
    Duty,
    /// What is posted because a card told of it was told of, exactly so, by the offline sale of the card that is named.
    Told,
    /// Whoever corrects a balance says why, and two different people do it where the amount needs them.
    Office,
    /// The transition wallet is never above zero, the electronic wallet never below.
    WalletSign,
    /// A flagged sale, and only it, is held back from its merchant.
    HeldBack,
    /// Everything added up: the books sum to zero, and what is held is what came in less what was spent.
    Totals,
}

/// One thing that doesn't fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The record; 0 for the whole.
    pub record: u64,
    /// What it failed.
    pub check: Check,
    /// In words, with the figures.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.record {
            0 => write!(f, "whole log: {:?}: {}", self.check, self.detail),
            number => write!(f, "record {number}: {:?}: {}", self.check, self.detail),
        }
    }
}

/// The log as such: pages, checksums and hash chain were right, or there would be no report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogFacts {
    /// The log's identity, in hex digits.
    pub log_id: String,
    /// Segments in use.
    pub segments: u32,
    /// Blocks, seals included.
    pub blocks: u64,
    /// The head of the hash chain, in hex digits.
    pub link: String,
}

/// Sums over all postings of a kind, counted beside the balances. In fen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Credited by top-ups.
    pub top_ups_fen: i128,
    /// Taken back by counters.
    pub top_ups_undone_fen: i128,
    /// Taken over from an earlier system.
    pub openings_fen: i128,
    /// Debited online.
    pub debits_fen: i128,
    /// Given back by reversals and voids, and by taps that were undone.
    pub reversals_fen: i128,
    /// Given back by refunds.
    pub refunds_fen: i128,
    /// Debited from persons by offline facts.
    pub offline_fen: i128,
    /// Offline facts of cards that no account has.
    pub offline_unknown_card_fen: i128,
    /// Offline facts of lost cards, which their holders don't bear.
    pub offline_lost_cards_fen: i128,
    /// The part of all kinds of offline facts that is held back from merchants.
    pub offline_held_back_fen: i128,
    /// Moved from the electronic to the card wallet inside taps.
    pub loads_fen: i128,
    /// Moved from the card to the transition wallet before taps.
    pub settled_fen: i128,
    /// Paid for cards.
    pub fees_fen: i128,
    /// Paid out as accounts were closed, to their holders and back to the school.
    pub paid_out_fen: i128,
    /// Subsidies that came into card wallets.
    pub subsidies_fen: i128,
    /// What came to closed accounts and is owed to their holders.
    pub payable_fen: i128,
    /// Paid at tills through other channels: recorded, and in no balance here.
    pub tenders_fen: i128,
    /// Subsidies taken back.
    pub subsidies_back_fen: i128,
    /// Paid beside prices, less what was left to payers and what of both was given back.
    pub pricing_fen: i128,
    /// Given to persons by operators.
    pub adjusted_up_fen: i128,
    /// Taken from persons by operators.
    pub adjusted_down_fen: i128,
}

/// The balances at the end. In fen; what is owed to each is positive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Holdings {
    /// All card wallets.
    pub card_fen: i128,
    /// All transition wallets.
    pub transition_fen: i128,
    /// All electronic wallets.
    pub electronic_fen: i128,
    /// All persons: the sum of the three.
    pub persons_fen: i128,
    /// All merchants.
    pub merchants_fen: i128,
    /// All that is held back from merchants.
    pub held_back_fen: i128,
    /// The clearing account of top-ups.
    pub clearing_top_up_fen: i128,
    /// The clearing account of opening balances.
    pub clearing_opening_fen: i128,
    /// The clearing account of unknown cards.
    pub clearing_unknown_card_fen: i128,
    /// Every clearing account, those three too, by name.
    pub clearing_fen: BTreeMap<&'static str, i128>,
    /// The subsidy parts of all card wallets.
    pub subsidy_fen: i128,
    /// Everything together: zero.
    pub sum_fen: i128,
}

impl Holdings {
    pub(super) fn of(books: &Books, subsidy_fen: i128) -> Holdings {
        let clearing = books.clearing();
        let mut holdings = Holdings {
            clearing_fen: Clearing::ALL.map(Clearing::name).into_iter().zip(clearing).collect(),
            subsidy_fen,
            merchants_fen: books.merchants().values().sum(),
            held_back_fen: books.held_back().values().sum(),
            clearing_top_up_fen: clearing[Clearing::TopUp as usize],
            clearing_opening_fen: clearing[Clearing::Opening as usize],
            clearing_unknown_card_fen: clearing[Clearing::UnknownCard as usize],
            sum_fen: books.sum_fen(),
            ..Holdings::default()
        };
        for wallets in books.persons() {
            holdings.card_fen += wallets.card_fen;
            holdings.transition_fen += wallets.transition_fen;
            holdings.electronic_fen += wallets.electronic_fen;
            holdings.persons_fen += wallets.sum_fen();
        }
        holdings
    }
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// True when nothing violates anything.
    pub ok: bool,
    /// The log as such.
    pub log: LogFacts,
    /// Records read: numbers 1 to this.
    pub records: u64,
    /// Records by kind.
    pub records_by_kind: BTreeMap<&'static str, u64>,
    /// Accounts opened.
    pub accounts: u64,
    /// Accounts whose balance is under the floor of their class at the end: offline facts do that.
    pub accounts_below_floor: u64,
    /// Terminals registered.
    pub terminals: u64,
    /// The open business date, like `2025-09-01`; none before the books were opened.
    pub business_date: Option<String>,
    /// Business dates closed.
    pub dates_closed: u64,
    /// Sums by kind of posting.
    pub totals: Totals,
    /// Balances at the end.
    pub holdings: Holdings,
    /// How many violations there are.
    pub violations_total: u64,
    /// The first of them.
    pub violations: Vec<Violation>,
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "log       {} records in {} blocks of {} segments, chain and checksums right\n\
             \u{20}         log {}, head {}",
            self.records, self.log.blocks, self.log.segments, self.log.log_id, self.log.link
        )?;
        let kinds: Vec<String> =
            self.records_by_kind.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        writeln!(f, "records   {}", kinds.join(", "))?;
        writeln!(
            f,
            "accounts  {} opened, {} below their floor; {} terminals",
            self.accounts, self.accounts_below_floor, self.terminals
        )?;
        writeln!(
            f,
            "dates     {} closed, {} open",
            self.dates_closed,
            self.business_date.as_deref().unwrap_or("none")
        )?;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, fen| writeln!(f, "  {name:<32}{:>20}", yuan(fen));
        writeln!(f, "yuan")?;
        line(f, "top-ups", self.totals.top_ups_fen)?;
        line(f, "less top-ups taken back", -self.totals.top_ups_undone_fen)?;
        line(f, "opening balances", self.totals.openings_fen)?;
        line(f, "less online debits", -self.totals.debits_fen)?;
        line(f, "reversals", self.totals.reversals_fen)?;
        if self.totals.pricing_fen != 0 {
            line(f, "less surcharges and discounts", -self.totals.pricing_fen)?;
        }
        if self.totals.refunds_fen != 0 {
            line(f, "refunds", self.totals.refunds_fen)?;
        }
        if self.totals.subsidies_fen != 0 {
            line(f, "subsidies", self.totals.subsidies_fen)?;
            line(f, "less subsidies taken back", -self.totals.subsidies_back_fen)?;
        }
        let adjusted_fen = self.totals.adjusted_up_fen - self.totals.adjusted_down_fen;
        if adjusted_fen != 0 {
            line(f, "adjustments", adjusted_fen)?;
        }
        line(f, "less offline debits", -self.totals.offline_fen)?;
        if self.totals.fees_fen != 0 {
            line(f, "less fees", -self.totals.fees_fen)?;
        }
        if self.totals.payable_fen != 0 {
            line(f, "less what became payable", -self.totals.payable_fen)?;
        }
        if self.totals.paid_out_fen != 0 {
            line(f, "less paid out at closing", -self.totals.paid_out_fen)?;
        }
        line(f, "= held for persons", self.holdings.persons_fen)?;
        line(f, "  card wallets", self.holdings.card_fen)?;
        line(f, "  transition wallets", self.holdings.transition_fen)?;
        line(f, "  electronic wallets", self.holdings.electronic_fen)?;
        line(f, "owed to merchants", self.holdings.merchants_fen)?;
        line(f, "held back from merchants", self.holdings.held_back_fen)?;
        line(f, "top-up clearing", self.holdings.clearing_top_up_fen)?;
        line(f, "opening clearing", self.holdings.clearing_opening_fen)?;
        line(f, "unknown cards (receivable)", self.holdings.clearing_unknown_card_fen)?;
        // The first three stand above by names of their own.
        for clearing in &Clearing::ALL[3..] {
            match self.holdings.clearing_fen.get(clearing.name()) {
                Some(&fen) if fen != 0 => line(f, &format!("{} clearing", clearing.name()), fen)?,
                _ => {}
            }
        }
        line(f, "sum of the books", self.holdings.sum_fen)?;
        if self.totals.tenders_fen != 0 {
            line(f, "paid by other channels", self.totals.tenders_fen)?;
        }
        if self.ok {
            return write!(f, "OK: the books balance, 0 violations");
        }
        for violation in &self.violations {
            writeln!(f, "{violation}")?;
        }
        let more = self.violations_total.saturating_sub(self.violations.len() as u64);
        if more > 0 {
            writeln!(f, "and {more} more")?;
        }
        write!(f, "NOT OK: {} violations", self.violations_total)
    }
}

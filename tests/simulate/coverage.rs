//! What the simulations came across: a figure of 0 says that something isn't tested.

use protocol::request::Verdict;

use super::ask::Ask;
use super::machine::Stop;
use super::mishaps::Mishaps;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub steps: u64,
    pub records: u64,
    pub answers: u64,
    pub answers_lost: u64,
    pub retries: u64,
    pub reversals: u64,
    pub uploads: u64,
    pub duplicates: u64,
    pub refused_full: u64,
    pub refused_busy: u64,
    pub refused_stopping: u64,
    pub walks: u64,
    pub records_looked_up: u64,
    pub orders_looked_up: u64,
    pub order_runs_damaged: u64,
    pub power_failures: u64,
    pub kills: u64,
    pub clean_stops: u64,
    pub stops_with_staged: u64,
    pub deaths_in_writes: u64,
    pub starts_stopped: u64,
    pub snapshots_used: u64,
    pub snapshots_rejected: u64,
    pub clock_jumps: u64,
    pub cut_offs: u64,
    pub cards_changed: u64,
    pub settlings: u64,
    pub top_ups_undone: u64,
    pub passwords_looked_up: u64,
    pub password_debits: u64,
    pub surcharges: u64,
    pub meals_refused: u64,
    pub discounts: u64,
    pub losses: u64,
    pub phones_bound: u64,
    pub lost_cards_paid: u64,
    pub voids: u64,
    pub refunds: u64,
    pub refunds_looked_up: u64,
    pub told_looked_up: u64,
    pub tenders: u64,
    pub list_reports: u64,
    pub codes_revoked: u64,
    pub code_keys_changed: u64,
    pub scans_paid: u64,
    pub scans_pending: u64,
    pub gaps_closed: u64,
    pub told_posted: u64,
    pub told_came_after_all: u64,
    pub accounts_changed: u64,
    pub adjustments: u64,
    pub adjustments_approved: u64,
    pub adjustments_expired: u64,
    pub taps_confirmed: u64,
    pub taps_undone: u64,
    pub accounts_closed: u64,
    pub totals_added_up: u64,
    pub shifts_closed: u64,
    pub batches_settled: u64,
    pub subsidy_lines_paid: u64,
    pub subsidy_lines_taken_back: u64,
    pub subsidies_swept_again: u64,
    pub mishaps: Mishaps,
    pub terminal_keys_changed: u64,
    pub cards_stocked: u64,
}

impl Coverage {
    pub fn count_stop(&mut self, stop: Stop, staged: bool) {
        match stop {
            Stop::PowerFailure => self.power_failures += 1,
            Stop::Kill => self.kills += 1,
            Stop::Clean => self.clean_stops += 1,
        }
        self.stops_with_staged += u64::from(staged);
    }

    /// An operator did something.
    pub fn count_office(&mut self, ask: &Ask) {
        match ask {
            Ask::Freeze { .. } | Ask::Limits { .. } => self.accounts_changed += 1,
            Ask::NewTerminalKey { .. } => self.terminal_keys_changed += 1,
            Ask::Adjust { .. } => self.adjustments += 1,
            Ask::Decide { verdict: Verdict::Approve, .. } => self.adjustments_approved += 1,
            _ => {}
        }
    }

    /// Every figure with its name.
    pub fn figures(&self) -> [(&'static str, u64); 64] {
        [
            ("steps", self.steps),
            ("records", self.records),
            ("answers", self.answers),
            ("answers lost", self.answers_lost),
            ("retries", self.retries),
            ("reversals", self.reversals),
            ("uploads", self.uploads),
            ("late duplicates", self.duplicates),
            ("refused: log full", self.refused_full),
            ("refused: busy", self.refused_busy),
            ("refused: stopping", self.refused_stopping),
            ("history walks", self.walks),
            ("records looked up", self.records_looked_up),
            ("orders looked up", self.orders_looked_up),
            ("order runs damaged", self.order_runs_damaged),
            ("power failures", self.power_failures),
            ("kills", self.kills),
            ("clean stops", self.clean_stops),
            ("stops with staged records", self.stops_with_staged),
            ("deaths in a write", self.deaths_in_writes),
            ("starts cut short", self.starts_stopped),
            ("snapshots used", self.snapshots_used),
            ("snapshots rejected", self.snapshots_rejected),
            ("clock jumps", self.clock_jumps),
            ("cut-offs", self.cut_offs),
            ("cards changed", self.cards_changed),
            ("settlings", self.settlings),
            ("top-ups undone", self.top_ups_undone),
            ("passwords looked up", self.passwords_looked_up),
            ("debits with the password", self.password_debits),
            ("debits with a surcharge", self.surcharges),
            ("debits above the limit of a meal", self.meals_refused),
            ("debits with a discount", self.discounts),
            ("cards lost and found", self.losses),
            ("phones bound", self.phones_bound),
            ("sales of blocked cards", self.lost_cards_paid),
            ("voids", self.voids),
            ("refunds", self.refunds),
            ("refunds looked up", self.refunds_looked_up),
            ("what cards told looked up", self.told_looked_up),
            ("tenders", self.tenders),
            ("block-lists reported", self.list_reports),
            ("codes revoked", self.codes_revoked),
            ("code keys changed", self.code_keys_changed),
            ("self-scans paid", self.scans_paid),
            ("self-scans told before they were paid", self.scans_pending),
            ("gaps closed", self.gaps_closed),
            ("sales posted that cards told of", self.told_posted),
            ("of these, come after all", self.told_came_after_all),
            ("accounts changed by operators", self.accounts_changed),
            ("adjustments", self.adjustments),
            ("adjustments approved by a second", self.adjustments_approved),
            ("adjustments expired", self.adjustments_expired),
            ("taps confirmed", self.taps_confirmed),
            ("taps undone", self.taps_undone),
            ("accounts closed", self.accounts_closed),
            ("totals added up", self.totals_added_up),
            ("shifts closed", self.shifts_closed),
            ("batches settled", self.batches_settled),
            ("subsidy lines paid", self.subsidy_lines_paid),
            ("subsidy lines taken back", self.subsidy_lines_taken_back),
            ("withdrawn subsidies gone through again", self.subsidies_swept_again),
            ("terminals' keys changed", self.terminal_keys_changed),
            ("blank cards in stock", self.cards_stocked),
        ]
    }

    pub fn add(&mut self, other: &Coverage) {
        self.steps += other.steps;
        self.records += other.records;
        self.answers += other.answers;
        self.answers_lost += other.answers_lost;
        self.retries += other.retries;
        self.reversals += other.reversals;
        self.uploads += other.uploads;
        self.duplicates += other.duplicates;
        self.refused_full += other.refused_full;
        self.refused_busy += other.refused_busy;
        self.refused_stopping += other.refused_stopping;
        self.walks += other.walks;
        self.records_looked_up += other.records_looked_up;
        self.orders_looked_up += other.orders_looked_up;
        self.order_runs_damaged += other.order_runs_damaged;
        self.power_failures += other.power_failures;
        self.kills += other.kills;
        self.clean_stops += other.clean_stops;
        self.stops_with_staged += other.stops_with_staged;
        self.deaths_in_writes += other.deaths_in_writes;
        self.starts_stopped += other.starts_stopped;
        self.snapshots_used += other.snapshots_used;
        self.snapshots_rejected += other.snapshots_rejected;
        self.clock_jumps += other.clock_jumps;
        self.cut_offs += other.cut_offs;
        self.cards_changed += other.cards_changed;
        self.settlings += other.settlings;
        self.top_ups_undone += other.top_ups_undone;
        self.passwords_looked_up += other.passwords_looked_up;
        self.password_debits += other.password_debits;
        self.surcharges += other.surcharges;
        self.meals_refused += other.meals_refused;
        self.discounts += other.discounts;
        self.losses += other.losses;
        self.phones_bound += other.phones_bound;
        self.lost_cards_paid += other.lost_cards_paid;
        self.voids += other.voids;
        self.refunds += other.refunds;
        self.refunds_looked_up += other.refunds_looked_up;
        self.told_looked_up += other.told_looked_up;
        self.tenders += other.tenders;
        self.list_reports += other.list_reports;
        self.codes_revoked += other.codes_revoked;
        self.code_keys_changed += other.code_keys_changed;
        self.scans_paid += other.scans_paid;
        self.scans_pending += other.scans_pending;
        self.gaps_closed += other.gaps_closed;
        self.told_posted += other.told_posted;
        self.told_came_after_all += other.told_came_after_all;
        self.accounts_changed += other.accounts_changed;
        self.adjustments += other.adjustments;
        self.adjustments_approved += other.adjustments_approved;
        self.adjustments_expired += other.adjustments_expired;
        self.taps_confirmed += other.taps_confirmed;
        self.taps_undone += other.taps_undone;
        self.accounts_closed += other.accounts_closed;
        self.totals_added_up += other.totals_added_up;
        self.shifts_closed += other.shifts_closed;
        self.batches_settled += other.batches_settled;
        self.subsidy_lines_paid += other.subsidy_lines_paid;
        self.subsidy_lines_taken_back += other.subsidy_lines_taken_back;
        self.subsidies_swept_again += other.subsidies_swept_again;
        self.mishaps.add(&other.mishaps);
        self.terminal_keys_changed += other.terminal_keys_changed;
        self.cards_stocked += other.cards_stocked;
    }
}

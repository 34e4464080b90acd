//! A day of a canteen, its counters and the phone app: everything that the wire has, in the shares of a day.
//!
//! ```text
//!  06:30      09:00       11:00  12:30        14:00      17:00    19:00
//!    ▂▅▇▅▂                  ▂█▅▂█▅▂█▅                      ▂▆▇▃▂▅▆▂        tills: a lunch for each meal
//!                ░░░░░░░░░░░              ░░░░░░░░░░░░░                    counters: cards and cash, between the meals
//!  · · · ·· · · · · · · ··········· · · · · · · · · · ··········· · ·      gateways: all day, mostly while people queue
//! ```
//!
//! Everything is laid out in the day's own time and compressed into the duration, like [`super::lunch`], which each meal is.
//!
//! **Where the shares come from.** Nobody publishes such counts, so they are reasoned, and each is a setting:
//! - Two meals a day in the canteen for each holder (of three, and of a week with two days at home): little breakfast, most of
//!   them lunch. What they cost fits the day's limit of ¥50; who eats twice at noon may meet it, as in life.
//! - A quarter tops up on a day: about ¥28 spent against the sums that phones offer, mostly ¥50 and ¥100. One in fifteen does it in
//!   cash at a counter; one in fifty of those is taken back, and one notification in a hundred is told twice.
//! - Whoever pays by phone sees the balance there; three in ten look at it once a day, one in ten at the bill, one in thirty at a
//!   statement.
//! - Of 30,000 people 60 get a new card for a lost or broken one, and 30 give theirs back and are issued another: the first week of a
//!   term, ten times an ordinary day. A replacement costs the ¥20 of the product's worked example.
//! - In that week 120 of them have a query password set at a counter; half of them bind a phone with it, a quarter loses the card and
//!   reports it, and half of those find it again. Who it is shows only when it is their turn: one of those who have a password by then.
//!   In two thousand sales there is one above the limit, by one of them.
//! - One in two thousand sees somebody take a picture of the phone, and revokes what it has shown. At a till that is offline whoever
//!   would pay by code scans what it shows: one holder in two hundred, where one in three hundred stands before such a till.
//! - A till that opens for a meal fetches its key, brings its tables and its block-list up to date, and its cashier signs on. After the meal the
//!   cashier signs off and the shift is closed; after the last one the till settles its batch, and one in ten has its last
//!   lines held against the books first.
//! - One in fifty asks how far the balance is confirmed. Three in ten thousand leave the college and have their account closed.
//! - A counter that opens puts a box of blank cards into stock. When the counters close, each looks for holes in tills' sequences:
//!   at a meal one till in fifty is switched off in the middle and loses one, and the counter closes what it finds of these.
//! - Finance gives three batches of subsidies to sixty people each: of a term's, what falls on a day. One person plans a batch, a second
//!   looks at it and approves it, and it is paid; of three one is withdrawn later, and one is rejected.
//! - An administrator takes the next key of one till in fifty into use. A till that hears of it fetches it, and signs in under it the
//!   next time. The key of payment codes is changed once, while people queue for the middle one of the meals.
//! - The card centre freezes one account of three thousand and opens it again the same day, and sets one holder's limits of two
//!   thousand. Finance corrects one balance of a thousand, and one of ten thousand by an amount that takes two people.
//! - At the tills answers are lost, sales reversed and tills offline as at a lunch. One sale in five hundred is keyed in wrong and
//!   undone, of one in a thousand half is given back, one in a thousand is asked for again, and of one in five
//!   hundred the slip is printed once more. For twenty sales there is a guest
//!   who pays through WeChat Pay or Alipay: the guide asks people to use the card or the phone card first.

mod desks;

use serde::Serialize;

pub(super) use desks::plan_desks;

use super::lunch::{self, LunchConfig};
use super::{
    Intent, IntentAction, Patrons, PlanScope, Tender, TillPlan, validate_duration, validate_exponent,
    validate_share,
};
use crate::config::SECOND_NS;
use crate::deed::{DeedKind, Errand};
use crate::error::LoadError;
use crate::random::Random;

const MINUTE_NS: u64 = 60 * SECOND_NS;
/// What a till does when a meal begins.
const OPENING: [DeedKind; 7] = [
    DeedKind::TerminalKey,
    DeedKind::CashierOn,
    DeedKind::ClassRules,
    DeedKind::MealPeriods,
    DeedKind::PriceTable,
    DeedKind::BlockList,
    DeedKind::BlockListActive,
];
/// What it does when a meal ends, and what it does besides at the end of the last.
const CLOSING: [DeedKind; 3] = [DeedKind::CashierOff, DeedKind::ShiftTotals, DeedKind::ShiftClose];
const SETTLING: [DeedKind; 2] = [DeedKind::BatchSettle, DeedKind::BatchSettleAgain];

/// The numbers of batches of two runs lie this far apart.
const SUBSIDIES_MAX: u32 = 8;

const STREAM_TILL_DEEDS: u64 = 7 << 40;
const STREAM_LOST_SEQUENCES: u64 = 10 << 40;

/// A part of the day, in minutes since midnight: the first is in it, the last isn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Hours {
    /// Its first minute.
    pub from: u16,
    /// The minute after its last.
    pub until: u16,
}

impl Hours {
    const fn minutes(self) -> u16 {
        self.until.saturating_sub(self.from)
    }
}

/// One meal of the day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Meal {
    /// When it is served.
    pub hours: Hours,
    /// Meals for each holder, on average.
    pub per_holder: f64,
    /// Waves of people: classes that end.
    pub waves: u32,
    /// The cheapest, in fen.
    pub price_min_fen: i64,
    /// The dearest, in fen.
    pub price_max_fen: i64,
}

/// Settings of the day. What is "for each holder" is so on this day, on average.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CanteenDayConfig {
    /// How long the compressed day lasts: 60 s unless set.
    pub duration_ns: u64,
    /// What of the day is played: 06:00 to 21:00 unless set.
    pub hours: Hours,
    /// The meals, in order of time.
    pub meals: Vec<Meal>,
    /// When the counters are open, in order of time.
    pub counter_hours: Vec<Hours>,
    /// Share of the meals paid by code; people without a card always pay so. 0.3 unless set.
    pub code_share: f64,
    /// Share of the people who first ask the till for their balance. 0.03 unless set.
    pub query_share: f64,
    /// Share of the tills that write chips: a card is tapped there in two phases. 0.1 unless set, and one till at least.
    pub chip_till_share: f64,
    /// Share of the tills that have lines of their batch held against the books. 0.1 unless set, and one till at least.
    pub batch_lines_till_share: f64,
    /// Share of the sales that their cashier asks for again. 0.001 unless set.
    pub sale_query_share: f64,
    /// Share of the sales whose slip is printed again. 0.002 unless set.
    pub reprint_share: f64,
    /// Share of the sales that their cashier undoes. 0.002 unless set.
    pub void_share: f64,
    /// Share of the sales of which half is given back. 0.001 unless set.
    pub refund_share: f64,
    /// Sales above the limits, with the query password, for each sale. 0.0005 unless set.
    pub password_share: f64,
    /// Guests who pay through WeChat Pay or Alipay, for each sale. 0.05 unless set.
    pub tender_share: f64,
    /// Share of sales and deeds whose answer is lost once or twice. 0.001 unless set.
    pub answer_lost_share: f64,
    /// Share of the sales whose answers are all lost, which makes the till reverse. 0.0003 unless set.
    pub reversal_share: f64,
    /// Share of the tills that go offline once during a meal. 0.05 unless set.
    pub offline_share: f64,
    /// Share of the tills that lose a sequence during each meal. 0.02 unless set, and one till at least.
    pub lost_sequence_share: f64,
    /// Share of the times without a network in which a till loses a sale that it has stored. 0.5 unless set.
    pub lost_sale_share: f64,
    /// Skew of who comes. 0.1 unless set.
    pub zipf_exponent: f64,
    /// Top-ups by phone for each holder. 0.23 unless set.
    pub phone_top_ups_per_holder: f64,
    /// Share of them that the channel tells twice. 0.01 unless set.
    pub told_again_share: f64,
    /// Looks at the balance by phone for each holder. 0.3 unless set.
    pub balances_per_holder: f64,
    /// Looks at the bill for each holder. 0.1 unless set.
    pub bills_per_holder: f64,
    /// Looks at a statement for each holder. 0.03 unless set.
    pub statements_per_holder: f64,
    /// Phones bound for each holder. 0.002 unless set.
    pub binds_per_holder: f64,
    /// Phones unbound for each holder. 0.0005 unless set.
    pub unbinds_per_holder: f64,
    /// Changes of phone number for each holder. 0.0005 unless set.
    pub phone_changes_per_holder: f64,
    /// Cards reported lost for each holder. 0.001 unless set.
    pub losses_per_holder: f64,
    /// Loss reports taken back for each holder. 0.0005 unless set.
    pub lifts_per_holder: f64,
    /// Codes revoked for each holder. 0.0005 unless set.
    pub codes_revoked_per_holder: f64,
    /// Phones that scan a till without a network, if one shows something, for each holder. 0.005 unless set.
    pub scans_per_holder: f64,
    /// Questions how far a balance is confirmed, for each holder. 0.02 unless set.
    pub unconfirmed_per_holder: f64,
    /// Accounts closed for each holder. 0.0003 unless set.
    pub closings_per_holder: f64,
    /// Accounts frozen, and opened again, for each holder. 0.00033 unless set.
    pub freezes_per_holder: f64,
    /// Limits set for each holder. 0.0005 unless set.
    pub limits_per_holder: f64,
    /// Balances corrected by one person, for each holder. 0.001 unless set.
    pub adjustments_per_holder: f64,
    /// Balances that two people correct, for each holder. 0.0001 unless set.
    pub large_adjustments_per_holder: f64,
    /// Subsidy batches that finance plans, 8 at most. 3 unless set: one is paid, one is paid and withdrawn, one is rejected.
    pub subsidies: u32,
    /// Tills' keys that are changed, for each till. 0.02 unless set, and one at least.
    pub key_changes_per_till: f64,
    /// Query passwords set at a counter for each holder. 0.004 unless set.
    pub passwords_per_holder: f64,
    /// Cash top-ups for each holder. 0.016 unless set.
    pub cash_top_ups_per_holder: f64,
    /// Share of them that the counter takes back at once. 0.02 unless set.
    pub undo_share: f64,
    /// Cards replaced for each holder. 0.002 unless set.
    pub replacements_per_holder: f64,
    /// Cards given back, and another issued later, for each holder. 0.001 unless set.
    pub returns_per_holder: f64,
    /// What a replacement costs, in fen. ¥20 unless set; a card issued costs nothing.
    pub card_fee_fen: i64,
}

const fn hours(from_hour: u16, from_minute: u16, until_hour: u16, until_minute: u16) -> Hours {
    Hours { from: from_hour * 60 + from_minute, until: until_hour * 60 + until_minute }
}

const LUNCH: Meal = Meal {
    hours: hours(11, 0, 12, 30),
    per_holder: 0.85,
    waves: 3,
    price_min_fen: 500,
    price_max_fen: 1_800,
};

impl Default for CanteenDayConfig {
    fn default() -> CanteenDayConfig {
        let breakfast = Meal {
            hours: hours(6, 30, 9, 0),
            per_holder: 0.4,
            waves: 2,
            price_min_fen: 200,
            price_max_fen: 800,
        };
        let dinner = Meal {
            hours: hours(17, 0, 19, 0),
            per_holder: 0.75,
            waves: 2,
            price_min_fen: 500,
            price_max_fen: 1_600,
        };
        CanteenDayConfig {
            duration_ns: 60 * SECOND_NS,
            hours: hours(6, 0, 21, 0),
            meals: vec![breakfast, LUNCH, dinner],
            counter_hours: vec![hours(9, 0, 11, 0), hours(14, 0, 17, 0)],
            code_share: 0.3,
            query_share: 0.03,
            chip_till_share: 0.1,
            batch_lines_till_share: 0.1,
            sale_query_share: 0.001,
            reprint_share: 0.002,
            void_share: 0.002,
            refund_share: 0.001,
            password_share: 0.000_5,
            tender_share: 0.05,
            answer_lost_share: 0.001,
            reversal_share: 0.000_3,
            offline_share: 0.05,
            lost_sequence_share: 0.02,
            lost_sale_share: 0.5,
            zipf_exponent: 0.1,
            phone_top_ups_per_holder: 0.23,
            told_again_share: 0.01,
            balances_per_holder: 0.3,
            bills_per_holder: 0.1,
            statements_per_holder: 0.03,
            binds_per_holder: 0.002,
            unbinds_per_holder: 0.000_5,
            phone_changes_per_holder: 0.000_5,
            losses_per_holder: 0.001,
            lifts_per_holder: 0.000_5,
            codes_revoked_per_holder: 0.000_5,
            scans_per_holder: 0.005,
            unconfirmed_per_holder: 0.02,
            closings_per_holder: 0.000_3,
            freezes_per_holder: 0.000_33,
            limits_per_holder: 0.000_5,
            adjustments_per_holder: 0.001,
            large_adjustments_per_holder: 0.000_1,
            subsidies: 3,
            key_changes_per_till: 0.02,
            passwords_per_holder: 0.004,
            cash_top_ups_per_holder: 0.016,
            undo_share: 0.02,
            replacements_per_holder: 0.002,
            returns_per_holder: 0.001,
            card_fee_fen: 2_000,
        }
    }
}

impl CanteenDayConfig {
    /// A lunch alone, one meal for each holder, with what counters and phones do on the whole day pressed into it: a rush that
    /// has everything.
    pub fn lunch_hour(duration_ns: u64) -> CanteenDayConfig {
        CanteenDayConfig {
            duration_ns,
            hours: LUNCH.hours,
            meals: vec![Meal { per_holder: 1.0, ..LUNCH }],
            counter_hours: vec![LUNCH.hours],
            zipf_exponent: LunchConfig::default().zipf_exponent,
            ..CanteenDayConfig::default()
        }
    }

    pub(super) fn validate(&self) -> Result<(), LoadError> {
        validate_duration(self.duration_ns)?;
        if self.hours.minutes() == 0 || self.hours.until > 24 * 60 {
            return Err(LoadError::setting("hours", "must begin before they end, within one day"));
        }
        if self.duration_ns > u64::from(self.hours.minutes()) * MINUTE_NS {
            return Err(LoadError::setting(
                "duration",
                "must be at most the hours of the day that are played",
            ));
        }
        let meal_hours: Vec<Hours> = self.meals.iter().map(|meal| meal.hours).collect();
        self.validate_parts("meals", &meal_hours)?;
        self.validate_parts("counter-hours", &self.counter_hours)?;
        for meal in &self.meals {
            self.lunch_of(meal).validate()?;
        }
        for (name, share) in [
            ("chip-till-share", self.chip_till_share),
            ("batch-lines-till-share", self.batch_lines_till_share),
            ("sale-query-share", self.sale_query_share),
            ("reprint-share", self.reprint_share),
            ("void-share", self.void_share),
            ("refund-share", self.refund_share),
            ("password-share", self.password_share),
            ("tender-share", self.tender_share),
            ("lost-sequence-share", self.lost_sequence_share),
            ("lost-sale-share", self.lost_sale_share),
            ("told-again-share", self.told_again_share),
            ("undo-share", self.undo_share),
        ] {
            validate_share(name, share)?;
        }
        validate_exponent(self.zipf_exponent)?;
        for (name, per_holder) in [
            ("phone-top-ups", self.phone_top_ups_per_holder),
            ("balances", self.balances_per_holder),
            ("bills", self.bills_per_holder),
            ("statements", self.statements_per_holder),
            ("binds", self.binds_per_holder),
            ("unbinds", self.unbinds_per_holder),
            ("phone-changes", self.phone_changes_per_holder),
            ("losses", self.losses_per_holder),
            ("lifts", self.lifts_per_holder),
            ("codes-revoked", self.codes_revoked_per_holder),
            ("scans", self.scans_per_holder),
            ("unconfirmed", self.unconfirmed_per_holder),
            ("closings", self.closings_per_holder),
            ("freezes", self.freezes_per_holder),
            ("limits", self.limits_per_holder),
            ("adjustments", self.adjustments_per_holder),
            ("large-adjustments", self.large_adjustments_per_holder),
            ("passwords", self.passwords_per_holder),
            ("cash-top-ups", self.cash_top_ups_per_holder),
            ("replacements", self.replacements_per_holder),
            ("returns", self.returns_per_holder),
        ] {
            if !(0.0..=100.0).contains(&per_holder) {
                return Err(LoadError::setting(name, "must be 0 to 100 for each holder"));
            }
        }
        if self.subsidies > SUBSIDIES_MAX {
            return Err(LoadError::setting("subsidies", "must be at most 8 batches"));
        }
        if !(0.0..=1.0).contains(&self.key_changes_per_till) {
            return Err(LoadError::setting("key-changes", "must be 0 to 1 for each till"));
        }
        if !(0..=100_000).contains(&self.card_fee_fen) {
            return Err(LoadError::setting("card-fee", "must be 0 to 100,000 fen"));
        }
        Ok(())
    }

    /// Parts of the day must lie within it, in order, each with an end after its beginning, none over another.
    fn validate_parts(&self, name: &'static str, parts: &[Hours]) -> Result<(), LoadError> {
        let mut from = self.hours.from;
        for part in parts {
            if part.from < from || part.minutes() == 0 || part.until > self.hours.until {
                return Err(LoadError::setting(name, "must lie within the day, one after the other"));
            }
            from = part.until;
        }
        Ok(())
    }

    /// A moment of the day on the run's clock. The moment is in nanoseconds since midnight.
    fn compress(&self, day_ns: u64) -> u64 {
        let since_ns = day_ns.saturating_sub(u64::from(self.hours.from) * MINUTE_NS);
        let share = since_ns as f64 / (f64::from(self.hours.minutes()) * MINUTE_NS as f64);
        (share * self.duration_ns as f64) as u64
    }

    fn start_ns(&self, part: Hours) -> u64 {
        self.compress(u64::from(part.from) * MINUTE_NS)
    }

    fn lunch_of(&self, meal: &Meal) -> LunchConfig {
        let until_ns = self.compress(u64::from(meal.hours.until) * MINUTE_NS);
        LunchConfig {
            duration_ns: until_ns.saturating_sub(self.start_ns(meal.hours)),
            canteen_duration_ns: u64::from(meal.hours.minutes()) * MINUTE_NS,
            meals_per_holder: meal.per_holder,
            waves: meal.waves,
            price_min_fen: meal.price_min_fen,
            price_max_fen: meal.price_max_fen,
            code_share: self.code_share,
            query_share: self.query_share,
            answer_lost_share: self.answer_lost_share,
            reversal_share: self.reversal_share,
            offline_share: self.offline_share,
            zipf_exponent: self.zipf_exponent,
            ..LunchConfig::default()
        }
    }

    /// Whether a till writes chips.
    fn writes_chips(&self, till: u32) -> bool {
        is_among(till, self.chip_till_share)
    }

    /// What a till does at the end of the last meal.
    fn settling(&self, till: u32) -> impl Iterator<Item = DeedKind> + use<> {
        let lines = is_among(till, self.batch_lines_till_share).then_some(DeedKind::BatchLines);
        lines.into_iter().chain(SETTLING)
    }

    fn draw_answers_lost(&self, random: &mut Random) -> u8 {
        if random.chance(self.answer_lost_share) { random.between(1, 2) as u8 } else { 0 }
    }
}

/// A till's day: one meal after the other, and now and then a guest, or a cashier who does something about the last sale.
pub(super) fn plan(config: &CanteenDayConfig, scope: PlanScope, till: u32, patrons: &Patrons) -> TillPlan {
    let mut losses = Random::new(scope.seed, STREAM_LOST_SEQUENCES + u64::from(till));
    let meals = config.meals.iter().zip(1_u64..).map(|(meal, number)| {
        // Each meal is a lunch of its own, so it needs a seed of its own.
        let scope = PlanScope { seed: scope.seed ^ number << 56, ..scope };
        let start_ns = config.start_ns(meal.hours);
        let sales = lunch::plan(&config.lunch_of(meal), scope, till, patrons.clone()).intents;
        let at =
            move |at_ns| move |deed| Intent { at_ns, action: IntentAction::Deed(Errand::new(deed, till)) };
        let ends_ns = config.lunch_of(meal).duration_ns.saturating_sub(1);
        let is_last = number as usize == config.meals.len();
        let settling = is_last.then(|| config.settling(till)).into_iter().flatten();
        let closing = CLOSING.into_iter().chain(settling).map(at(ends_ns));
        // Before one of the first sales, so that something comes under a later sequence.
        let lost_before = is_among(till, config.lost_sequence_share).then(|| losses.below(20) as usize);
        let loses_sale = losses.chance(config.lost_sale_share);
        let sales = sales.enumerate().flat_map(move |(place, intent)| {
            let sequence = Intent { action: IntentAction::LoseSequence, ..intent };
            let sale = Intent { action: IntentAction::LoseSale, ..intent };
            let before = (lost_before == Some(place)).then_some(sequence);
            let behind = (loses_sale && intent.action == IntentAction::GoOffline).then_some(sale);
            before.into_iter().chain([intent]).chain(behind)
        });
        let of_meal = OPENING.map(at(0)).into_iter().chain(sales).chain(closing);
        of_meal.map(move |intent| Intent { at_ns: start_ns + intent.at_ns, ..intent })
    });
    let meals: Vec<_> = meals.collect();
    let mut random = Random::new(scope.seed, STREAM_TILL_DEEDS + u64::from(till));
    let after_a_sale = [
        (DeedKind::SaleQuery, config.sale_query_share),
        (DeedKind::Reprint, config.reprint_share),
        (DeedKind::Void, config.void_share),
        (DeedKind::Refund, config.refund_share),
        (DeedKind::Tender, config.tender_share),
        (DeedKind::PasswordDebit, config.password_share),
    ];
    let writes_chips = config.writes_chips(till);
    let intents = meals.into_iter().flatten().flat_map(move |intent| {
        let deeds = after_a_sale.map(|(kind, share)| {
            let IntentAction::Sale { holder, amount_fen, .. } = intent.action else { return None };
            let amount_fen = if kind == DeedKind::Tender { amount_fen } else { 0 };
            let errand = Errand { amount_fen, ..Errand::new(kind, holder) };
            random.chance(share).then_some(Intent { action: IntentAction::Deed(errand), ..intent })
        });
        let sale = if writes_chips { in_two_phases(intent) } else { [Some(intent), None] };
        sale.into_iter().chain(deeds).flatten()
    });
    TillPlan { stored: Vec::new(), intents: Box::new(intents) }
}

/// Whether a till is one of such a share of all, spread evenly: the first always is, unless nobody is.
fn is_among(till: u32, share: f64) -> bool {
    let among = |tills: u32| (f64::from(tills) * share).ceil();
    among(till + 1) > among(till)
}

/// A card's tap at a till that writes chips, and what follows; anything else is as it was.
fn in_two_phases(intent: Intent) -> [Option<Intent>; 2] {
    let IntentAction::Sale { holder, amount_fen, tender: Tender::Card, answers_lost } = intent.action else {
        return [Some(intent), None];
    };
    let tap = Errand { amount_fen, answers_lost, ..Errand::new(DeedKind::ChipTap, holder) };
    let written = Errand::new(DeedKind::ChipWritten, holder);
    [tap, written].map(|errand| Some(Intent { action: IntentAction::Deed(errand), ..intent }))
}

#[cfg(test)]
mod tests;

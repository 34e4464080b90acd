//! What is paid beside a price: a rate for each account class and meal period, and how it is rounded.
//!
//! A surcharge (搭伙费) is a rate above zero, a discount one below. The merchant gets the price whatever the rate; the difference is
//! the school's ([`super::ledger_account::Clearing::Pricing`]).
//!
//! A debit asks first whether its payer's class has any rate, or a limit of a meal ([`super::meals`]), which is one bit of a word
//! beside what it reads anyhow. Only then are the meal periods' times and the class's row looked at: a line, and a line or two.

use super::calendar::campus_time_of_day_ns;
use super::limits::{CLASSES_MAX, MEAL_PERIODS_MAX, RATE_MAX};
use super::probes::looks_at;

/// The number that stands for the time outside of every meal period.
pub const OTHER_TIME: u8 = MEAL_PERIODS_MAX as u8;

/// Rates are in hundredths of a percent.
const WHOLE: i64 = 10_000;

/// What is paid on top of an amount at a rate, in fen: below zero for a discount. Half a fen counts as a whole one, either way.
pub fn pricing_fen(amount_fen: i64, rate: i16) -> i64 {
    part_fen(i64::from(rate), amount_fen, WHOLE)
}

/// The part of a pricing that goes with the part of an amount, in fen. Half a fen counts as a whole one, either way. The parts of
/// rising parts, each less the one before, add up to the pricing.
pub fn part_fen(pricing_fen: i64, part_fen: i64, amount_fen: i64) -> i64 {
    // Both factors are amounts of one request at most, so their product has room, and twice that too.
    let size_fen = (2 * pricing_fen.abs() * part_fen + amount_fen) / (2 * amount_fen);
    size_fen * pricing_fen.signum()
}

const _: () = assert!(
    2 * super::limits::AMOUNT_FEN_MAX as i128 * super::limits::AMOUNT_FEN_MAX as i128 * 2 < i64::MAX as i128
);

/// From when to when meal periods are: start inclusive, end exclusive, in minutes of the campus's day. Where there is none both are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
struct Times([[u16; 2]; MEAL_PERIODS_MAX]);

/// The rates of one class, by meal period; the last is that of the time outside of every one.
type Row = [i16; MEAL_PERIODS_MAX + 1];

/// The rates of every class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    /// Bit `n`: class `n` has a rate that isn't 0.
    priced: u64,
    /// Bit `n`: class `n` has a limit of a meal.
    limited: u64,
    times: Times,
    rows: Box<[Row]>,
}

const _: () = assert!(CLASSES_MAX == 64, "a class has a bit");

impl Prices {
    pub(super) fn new() -> Prices {
        let rows = vec![[0; MEAL_PERIODS_MAX + 1]; CLASSES_MAX].into_boxed_slice();
        Prices { priced: 0, limited: 0, times: Times([[0; 2]; MEAL_PERIODS_MAX]), rows }
    }

    /// Whether the meal period makes a difference to accounts of a class: they pay anything else than the price, at some time of the
    /// day, or not more than so much in each.
    #[inline(always)]
    pub(super) fn ask_period(&self, class: u8) -> bool {
        (self.priced | self.limited) & (1 << (class & 63)) != 0
    }

    /// Whether accounts of a class pay anything else than the price, at some time of the day.
    pub(super) fn has(&self, class: u8) -> bool {
        self.priced & (1 << (class & 63)) != 0
    }

    /// The meal period of a moment; [`OTHER_TIME`] outside of every one.
    pub(super) fn period_at(&self, time_ns: u64) -> u8 {
        looks_at(&self.times);
        // A day has fewer minutes than that.
        let minute = (campus_time_of_day_ns(time_ns) / 60_000_000_000) as u16;
        let within = |[start, end]: &[u16; 2]| (*start..*end).contains(&minute);
        (0..OTHER_TIME)
            .zip(&self.times.0)
            .find(|(_, times)| within(times))
            .map_or(OTHER_TIME, |(period, _)| period)
    }

    /// The rate of a class in a meal period; 0 for what is out of range.
    pub fn rate(&self, class: u8, period: u8) -> i16 {
        let row = self.rows.get(usize::from(class)).inspect(|&row| looks_at(row));
        row.and_then(|row| row.get(usize::from(period))).copied().unwrap_or(0)
    }

    /// Every rate that isn't 0: class, meal period, rate; in order of class, then of period.
    pub fn lines(&self) -> impl Iterator<Item = (u8, u8, i16)> {
        (0_u8..).zip(&self.rows).flat_map(|(class, row)| {
            (0_u8..)
                .zip(row)
                .filter(|(_, rate)| **rate != 0)
                .map(move |(period, rate)| (class, period, *rate))
        })
    }

    /// Sets a rate. False when something is out of its range.
    #[must_use]
    pub(super) fn set(&mut self, class: u8, period: u8, rate: i16) -> bool {
        let row = self.rows.get_mut(usize::from(class)).filter(|_| rate.unsigned_abs() <= RATE_MAX);
        let Some(row) = row else { return false };
        let Some(place) = row.get_mut(usize::from(period)) else { return false };
        *place = rate;
        let any = row.iter().any(|rate| *rate != 0);
        self.priced = self.priced & !(1 << class) | u64::from(any) << class;
        true
    }

    /// A class has a limit of a meal from now on, or none.
    pub(super) fn set_limited(&mut self, class: u8, limited: bool) {
        self.limited = self.limited & !(1 << (class & 63)) | u64::from(limited) << (class & 63);
    }

    /// A meal period has these times from now on; none where they are the same.
    pub(super) fn set_times(&mut self, period: usize, start_minute: u16, end_minute: u16) {
        self.times.0[period] = [start_minute, end_minute];
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::AMOUNT_FEN_MAX;
    use super::*;

    #[test]
    fn half_a_fen_counts_as_a_whole_one() {
        for (amount_fen, rate, due_fen) in [
            (1_000, 500, 50),
            (1_010, 500, 51),
            (1_009, 500, 50),
            (1_010, -500, -51),
            (1_009, -500, -50),
            (1, 4_999, 0),
            (1, 5_000, 1),
            (3, 1, 0),
            (1, -10_000, -1),
            (AMOUNT_FEN_MAX, 10_000, AMOUNT_FEN_MAX),
            (AMOUNT_FEN_MAX, -10_000, -AMOUNT_FEN_MAX),
            (700, 0, 0),
        ] {
            assert_eq!(pricing_fen(amount_fen, rate), due_fen, "{amount_fen} at {rate}");
        }
    }

    #[test]
    fn the_parts_add_up_however_it_is_parted() {
        for (pricing, amount) in [(51, 1_010), (-51, 1_010), (1, 3), (-2, 3), (0, 10), (10, 10)] {
            for first in 1..amount {
                let parts = [part_fen(pricing, first, amount), part_fen(pricing, amount, amount)];
                assert_eq!(parts[1], pricing);
                assert!(parts[0].abs() <= pricing.abs(), "{first} of {amount}");
            }
            let each: i64 = (1..=amount)
                .map(|upto| part_fen(pricing, upto, amount) - part_fen(pricing, upto - 1, amount))
                .sum();
            assert_eq!(each, pricing);
        }
        assert_eq!(part_fen(AMOUNT_FEN_MAX, AMOUNT_FEN_MAX, AMOUNT_FEN_MAX), AMOUNT_FEN_MAX);
    }

    #[test]
    fn a_class_is_priced_while_any_of_its_rates_is() {
        let mut prices = Prices::new();
        prices.set_times(2, 660, 780);
        assert!(!prices.has(7) && prices.set(7, 2, 500) && prices.set(7, OTHER_TIME, -100));
        assert!(prices.has(7) && !prices.has(6));
        // 2025-09-01 11:00 at the campus, the last moment before 13:00, and 13:00.
        let eleven_ns = 1_756_695_600_000_000_000;
        let hour_ns = 3_600_000_000_000;
        let rates = [eleven_ns - 1, eleven_ns, eleven_ns + 2 * hour_ns - 1, eleven_ns + 2 * hour_ns]
            .map(|time_ns| prices.rate(7, prices.period_at(time_ns)));
        assert_eq!(rates, [-100, 500, 500, -100]);
        assert_eq!((prices.rate(6, 2), prices.rate(200, 2)), (0, 0));
        assert_eq!(prices.lines().collect::<Vec<_>>(), [(7, 2, 500), (7, OTHER_TIME, -100)]);
        assert!(prices.set(7, 2, 0) && prices.has(7));
        assert!(prices.set(7, OTHER_TIME, 0) && !prices.has(7) && !prices.ask_period(7));
        prices.set_limited(7, true);
        assert!(prices.ask_period(7) && !prices.has(7) && !prices.ask_period(6));
        prices.set_limited(7, false);
        assert!(!prices.ask_period(7));
        assert!(!prices.set(64, 0, 1) && !prices.set(0, OTHER_TIME + 1, 1));
        assert!(!prices.set(0, 0, 10_001) && !prices.set(0, 0, i16::MIN));
    }
}

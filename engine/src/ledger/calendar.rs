//! Calendar days and months of the campus (+08:00) from logged time.

/// Nanoseconds of one day.
pub const DAY_NS: u64 = 86_400_000_000_000;

/// The campus clock is this far ahead of UTC.
const CAMPUS_OFFSET_NS: u64 = 8 * 3_600_000_000_000;

/// Days from 1970-01-01 to 2000-01-01.
const DAYS_TO_2000: u64 = 10_957;

/// The +08:00 calendar day of a moment, in days since 2000-01-01. Moments before it count as day 0, moments
/// beyond the range of a `u16` (year 2179) as the last day.
pub fn day_of(time_ns: u64) -> u16 {
    let days = (time_ns.saturating_add(CAMPUS_OFFSET_NS) / DAY_NS).saturating_sub(DAYS_TO_2000);
    u16::try_from(days).unwrap_or(u16::MAX)
}

/// When a +08:00 calendar day, in days since 2000-01-01, begins: nanoseconds since 1970-01-01 UTC.
pub const fn day_begins_ns(day: u16) -> u64 {
    (day as u64 + DAYS_TO_2000) * DAY_NS - CAMPUS_OFFSET_NS
}

/// How far into its +08:00 day a moment is.
pub const fn campus_time_of_day_ns(time_ns: u64) -> u64 {
    time_ns.saturating_add(CAMPUS_OFFSET_NS) % DAY_NS
}

/// The month a day (since 2000-01-01) falls in, in months since 2000-01.
pub fn month_of(day: u16) -> u16 {
    // The civil calendar counted from March, so that the leap day is the last of its year: 2000-03-01 is day
    // 60, and 400 years (146,097 days) are more than a u16 of days can span.
    let Some(from_march) = u32::from(day).checked_sub(60) else {
        return u16::from(day >= 31);
    };
    let year = (from_march - from_march / 1_460 + from_march / 36_524) / 365;
    let day_of_year = from_march - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let months = year * 12 + month_from_march + 2;
    u16::try_from(months).unwrap_or(u16::MAX)
}

/// The first day of the month after the one that `day` falls in, both in days since 2000-01-01.
pub fn month_end(day: u16) -> u16 {
    let month = month_of(day);
    // A month has 31 days at most.
    let least = day.saturating_add(1);
    (least..=day.saturating_add(31)).find(|&later| month_of(later) != month).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_the_one_before_it_ends() {
        for day in [1, 59, 9_824, u16::MAX] {
            let begins_ns = day_begins_ns(day);
            assert_eq!((day_of(begins_ns), day_of(begins_ns - 1)), (day, day - 1));
        }
    }

    #[test]
    fn months_agree_with_counting_day_by_day() {
        let mut day = 0_u32;
        let mut month = 0_u16;
        'years: for year in 2000_u32.. {
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            for length in [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
                for _ in 0..length {
                    let Ok(day16) = u16::try_from(day) else { break 'years };
                    assert_eq!(month_of(day16), month, "day {day}");
                    day += 1;
                }
                month += 1;
            }
        }
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        for day in 0..=u16::MAX - 31 {
            let end = month_end(day);
            assert!(end > day && month_of(end) == month_of(day) + 1 && month_of(end - 1) == month_of(day));
        }
        assert_eq!(month_end(u16::MAX), u16::MAX);
    }

    #[test]
    fn days_turn_at_midnight_of_the_campus() {
        let midnight_2026_11_24 = (20_781 * DAY_NS) - CAMPUS_OFFSET_NS;
        assert_eq!(day_of(midnight_2026_11_24), day_of(midnight_2026_11_24 - 1) + 1);
        assert_eq!(day_of(midnight_2026_11_24), 20_781 - 10_957);
        assert_eq!(day_of(0), 0);
        assert_eq!(day_of(u64::MAX), u16::MAX);
    }
}

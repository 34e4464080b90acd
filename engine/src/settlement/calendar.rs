//! Days and times as people and files read them: the civil calendar, at +08:00 whatever the machine's own zone.

use core::fmt;
use core::str::FromStr;

use protocol::ids::BusinessDate;

/// School time is eight hours ahead of UTC and knows no summer time.
const LOCAL_OFFSET_NS: u64 = 8 * 3_600 * 1_000_000_000;
const DAY_NS: u64 = 86_400 * 1_000_000_000;
/// Days from 1970-01-01 to 2000-01-01, where business dates count from.
const BUSINESS_EPOCH_DAYS: u32 = 10_957;

/// A day of the civil calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CivilDay {
    /// 1970 or later.
    pub year: u32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

impl CivilDay {
    /// The day that is `days` after 1970-01-01.
    pub fn from_unix_days(days: u32) -> CivilDay {
        // Counted in years that begin on 1 March, the leap day is a year's last day and months follow one formula.
        let days = days + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        CivilDay { year: era * 400 + year_of_era + u32::from(month <= 2), month, day }
    }

    /// Days since 1970-01-01.
    pub fn unix_days(self) -> u32 {
        let year = self.year - u32::from(self.month <= 2);
        let march_month = (self.month + 9) % 12;
        let day_of_year = (153 * march_month + 2) / 5 + self.day - 1;
        let year_of_era = year % 400;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        year / 400 * 146_097 + day_of_era - 719_468
    }

    /// The business date of the same name.
    pub fn business_date(self) -> Option<BusinessDate> {
        let days = self.unix_days().checked_sub(BUSINESS_EPOCH_DAYS)?;
        Some(BusinessDate(u16::try_from(days).ok()?))
    }
}

impl From<BusinessDate> for CivilDay {
    fn from(date: BusinessDate) -> CivilDay {
        CivilDay::from_unix_days(BUSINESS_EPOCH_DAYS + u32::from(date.0))
    }
}

impl fmt::Display for CivilDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The text isn't a day like `2025-09-01`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no day from 2000-01-01 on; write it like 2025-09-01")]
pub struct NotADay {
    /// What was given.
    pub text: String,
}

impl FromStr for CivilDay {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<CivilDay, NotADay> {
        let parse = || {
            if text.len() != 10 || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
                return None;
            }
            let mut parts = text.split('-').map(|part| part.parse::<u32>().ok());
            let day = CivilDay { year: parts.next()??, month: parts.next()??, day: parts.next()?? };
            if parts.next().is_some() || day.year < 2000 || !(1..=12).contains(&day.month) {
                return None;
            }
            // A day that the calendar doesn't have comes back as another one.
            (day.day >= 1 && CivilDay::from_unix_days(day.unix_days()) == day).then_some(day)
        };
        parse().ok_or_else(|| NotADay { text: text.to_owned() })
    }
}

/// A moment, in nanoseconds since 1970 UTC, as local time: `2025-09-01 11:42:03.123456+08:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime(pub u64);

impl LocalTime {
    /// Minutes since local midnight, 0 to 1439.
    pub fn minute_of_day(self) -> u16 {
        // A day has 1440 minutes: the quotient fits.
        (self.shifted() % DAY_NS / 60_000_000_000) as u16
    }

    fn shifted(self) -> u64 {
        self.0.saturating_add(LOCAL_OFFSET_NS)
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.shifted();
        // u64 nanoseconds end in the year 2554: about 213,504 days.
        let day = CivilDay::from_unix_days((ns / DAY_NS) as u32);
        let micros = ns % DAY_NS / 1_000;
        let seconds = micros / 1_000_000;
        write!(
            f,
            "{day} {:02}:{:02}:{:02}.{:06}+08:00",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60,
            micros % 1_000_000
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_business_date_goes_there_and_back() {
        let mut before = None;
        for number in 0..=u16::MAX {
            let day = CivilDay::from(BusinessDate(number));
            assert_eq!(day.business_date(), Some(BusinessDate(number)));
            assert_eq!(day.to_string().parse(), Ok(day));
            assert!(before < Some(day));
            before = Some(day);
        }
        assert_eq!(CivilDay::from(BusinessDate(0)).to_string(), "2000-01-01");
        assert_eq!(CivilDay::from(BusinessDate(59)).to_string(), "2000-02-29");
        assert_eq!(CivilDay::from(BusinessDate(9_375)).to_string(), "2025-09-01");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2025-9-1",
            "2025-02-29",
            "2025-13-01",
            "1999-12-31",
            "2025-00-10",
            "2025-01-00",
            "2025/01/01",
        ] {
            assert!(text.parse::<CivilDay>().is_err(), "{text}");
        }
    }

    #[test]
    fn local_time_is_eight_hours_ahead() {
        // 2025-08-31 16:00:00 UTC is midnight of 1 September at +08:00.
        let midnight = LocalTime(1_756_656_000_000_000_000);
        assert_eq!(midnight.to_string(), "2025-09-01 00:00:00.000000+08:00");
        assert_eq!(midnight.minute_of_day(), 0);
        assert_eq!(LocalTime(midnight.0 - 1_000).to_string(), "2025-08-31 23:59:59.999999+08:00");
        assert_eq!(LocalTime(midnight.0 - 1_000).minute_of_day(), 1_439);
    }
}

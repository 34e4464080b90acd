//! Reads a trace: a CSV file with a header and at least `CardNo`, `Date`, `Money` and `TermNo`.
//!
//! Other columns are ignored, as is the columns' order. The file is UTF-8 (with or without a byte-order mark) or
//! GBK: whatever isn't UTF-8 is read as GBK. Dates are `2019/4/1 12:03:04`, `2019-04-01 12:03:04`, or without
//! seconds, in local time; money is yuan, with at most two decimals. A line with the amount zero is counted and left
//! out (real exports have them); anything else that can't be understood refuses the file, with path, line, column and value.

use std::path::Path;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::config::SECOND_NS;
use crate::error::LoadError;

/// A trace as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The lines in the file's order.
    pub lines: Vec<TraceLine>,
    /// Lines left out because their amount was zero.
    pub lines_zero: u64,
}

/// One payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceLine {
    /// The card's number as text.
    pub card: String,
    /// Local time in nanoseconds since 1970-01-01 00:00 local. Where the file has no seconds, the payments of one
    /// minute are spread evenly over it, in the file's order.
    pub local_ns: u64,
    /// The amount in fen, above zero.
    pub amount_fen: i64,
    /// The terminal's number as text.
    pub terminal: String,
}

const COLUMNS: [&str; 4] = ["CardNo", "Date", "Money", "TermNo"];
const MINUTE_NS: u64 = 60 * SECOND_NS;

impl Trace {
    /// Reads a file.
    ///
    /// # Errors
    /// The file can't be read, a column is missing, or a line is bad.
    pub fn read(path: &Path) -> Result<Trace, LoadError> {
        let bytes = std::fs::read(path).map_err(|source| LoadError::file(path, source))?;
        Trace::parse(path, &bytes)
    }

    /// Parses a file's bytes; the path is for messages.
    ///
    /// # Errors
    /// As [`Trace::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Trace, LoadError> {
        let text = decode(path, bytes)?;
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| bad_csv(path, &error))?.clone();
        let mut places = [0; COLUMNS.len()];
        for (place, column) in places.iter_mut().zip(COLUMNS) {
            *place = header
                .iter()
                .position(|name| name.eq_ignore_ascii_case(column))
                .ok_or_else(|| LoadError::MissingColumn { path: path.to_owned(), column })?;
        }
        let mut trace = Trace::default();
        let mut minute_only: Vec<usize> = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| bad_csv(path, &error))?;
            let line = record.position().map_or(0, csv::Position::line);
            let bad = |column: usize, value: &str, reason: &str| LoadError::Line {
                path: path.to_owned(),
                line,
                column: COLUMNS[column].to_owned(),
                value: value.to_owned(),
                reason: reason.to_owned(),
            };
            let field = |column: usize| match record.get(places[column]) {
                Some(value) if !value.is_empty() => Ok(value),
                _ => Err(bad(column, "", "the field is empty")),
            };
            let (card, date, money, terminal) = (field(0)?, field(1)?, field(2)?, field(3)?);
            let (local_ns, has_seconds) =
                parse_date(date).ok_or_else(|| bad(1, date, "not a date like 2019/4/1 12:03:04"))?;
            let amount_fen = parse_yuan(money).map_err(|reason| bad(2, money, reason))?;
            if amount_fen == 0 {
                trace.lines_zero += 1;
                continue;
            }
            if !has_seconds {
                minute_only.push(trace.lines.len());
            }
            trace.lines.push(TraceLine {
                card: card.to_owned(),
                local_ns,
                amount_fen,
                terminal: terminal.to_owned(),
            });
        }
        spread_minutes(&mut trace.lines, minute_only);
        Ok(trace)
    }
}

fn bad_csv(path: &Path, error: &csv::Error) -> LoadError {
    LoadError::Line {
        path: path.to_owned(),
        line: error.position().map_or(0, csv::Position::line),
        column: "(whole line)".to_owned(),
        value: String::new(),
        reason: error.to_string(),
    }
}

fn decode<'a>(path: &Path, bytes: &'a [u8]) -> Result<std::borrow::Cow<'a, str>, LoadError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.into());
    }
    match encoding_rs::GBK.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok(text),
        None => {
            let line = first_line_not_gbk(bytes);
            Err(LoadError::Line {
                path: path.to_owned(),
                line,
                column: "(whole line)".to_owned(),
                value: String::new(),
                reason: "neither UTF-8 nor GBK".to_owned(),
            })
        }
    }
}

fn first_line_not_gbk(bytes: &[u8]) -> u64 {
    let decodes =
        |line: &[u8]| encoding_rs::GBK.decode_without_bom_handling_and_without_replacement(line).is_some();
    // A newline is never the second byte of a GBK character, so lines can be looked at one by one.
    let whole = bytes.split(|&byte| byte == b'\n').take_while(|line| decodes(line)).count();
    whole as u64 + 1
}

/// Nanoseconds since the local epoch, and whether the text had seconds.
fn parse_date(text: &str) -> Option<(u64, bool)> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let mut day = date.split(['/', '-']).map(|part| part.parse::<u32>().ok());
    let (year, month, day_of_month) = (day.next()??, day.next()??, day.next()??);
    if day.next().is_some() {
        return None;
    }
    let (time, fraction_ns) = match time.trim().split_once('.') {
        Some((time, fraction)) => (time, parse_fraction(fraction)?),
        None => (time.trim(), 0),
    };
    let mut clock = time.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute) = (clock.next()??, clock.next()??);
    let second = match clock.next() {
        Some(second) => Some(second?),
        None => None,
    };
    if clock.next().is_some() || hour > 23 || minute > 59 || second.is_some_and(|second| second > 59) {
        return None;
    }
    let days = days_from_civil(year, month, day_of_month)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second.unwrap_or(0);
    Some((seconds * SECOND_NS + fraction_ns, second.is_some()))
}

fn parse_fraction(digits: &str) -> Option<u64> {
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(value * 10_u64.pow(9 - digits.len() as u32))
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar, for years 1970 to 9999.
fn days_from_civil(year: u32, month: u32, day: u32) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=days_in_month).contains(&day) {
        return None;
    }
    let whole_years = year - 1;
    let leaps = |years: u32| years / 4 - years / 100 + years / 400;
    let before_year = 365 * (year - 1970) + leaps(whole_years) - leaps(1969);
    let before_month: u32 = (1..month)
        .map(|month| match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        })
        .sum();
    Some(u64::from(before_year + before_month + day - 1))
}

/// Yuan to fen.
fn parse_yuan(text: &str) -> Result<i64, &'static str> {
    let yuan: Decimal = text.parse().map_err(|_| "not an amount in yuan")?;
    if yuan.is_sign_negative() && !yuan.is_zero() {
        return Err("the amount is negative");
    }
    let fen = yuan.checked_mul(Decimal::ONE_HUNDRED).ok_or("the amount is too large")?;
    if !fen.fract().is_zero() {
        return Err("more than two decimals");
    }
    match fen.to_i64() {
        Some(fen) if fen <= 1_000_000_000 => Ok(fen),
        _ => Err("the amount is too large"),
    }
}

/// A file without seconds would make every payment of a minute fall on its first instant: a burst that never was.
fn spread_minutes(lines: &mut [TraceLine], mut minute_only: Vec<usize>) {
    minute_only.sort_by_key(|&index| lines[index].local_ns);
    let mut from = 0;
    while from < minute_only.len() {
        let minute_ns = lines[minute_only[from]].local_ns;
        let same =
            minute_only[from..].iter().take_while(|&&index| lines[index].local_ns == minute_ns).count();
        for (place, &index) in (0_u64..).zip(&minute_only[from..from + same]) {
            lines[index].local_ns += MINUTE_NS * place / same as u64;
        }
        from += same;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Trace, String> {
        Trace::parse(Path::new("t.csv"), bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn extra_columns_and_both_date_forms() {
        let trace = parse(
            b"\xef\xbb\xbfIndex,CardNo,PeoNo,Date,Money,TermNo\r\n\
              1,181316,x,2019/4/1 12:03:04,3.5,49\r\n\
              2,181317,x,2019-04-01 12:03:05,0,49\r\n\
              3,181317,x,2019-04-01 12:03:05.5,12.00,50\r\n",
        )
        .expect("parses");
        assert_eq!(trace.lines_zero, 1);
        // 2019-04-01 is day 17,987 since 1970-01-01.
        let noon_ns = (17_987 * 86_400 + 12 * 3_600 + 3 * 60 + 4) * SECOND_NS;
        let line = |card: &str, local_ns, amount_fen, terminal: &str| TraceLine {
            card: card.to_owned(),
            local_ns,
            amount_fen,
            terminal: terminal.to_owned(),
        };
        assert_eq!(
            trace.lines,
            [line("181316", noon_ns, 350, "49"), line("181317", noon_ns + 3 * SECOND_NS / 2, 1_200, "50")]
        );
    }

    #[test]
    fn gbk_is_detected() {
        let (bytes, _, _) =
            encoding_rs::GBK.encode("CardNo,Date,Money,TermNo,Dept\n1,2019/4/1 7:00:00,2,第一食堂,食堂\n");
        assert_eq!(parse(&bytes).expect("parses").lines[0].terminal, "第一食堂");
    }

    #[test]
    fn minutes_are_spread() {
        let trace = parse(
            b"CardNo,Date,Money,TermNo\n1,2019/4/1 7:00,1,1\n2,2019/4/1 7:01,1,1\n3,2019/4/1 7:00,1,1\n",
        )
        .expect("parses");
        let first_ns = trace.lines[0].local_ns;
        let after: Vec<u64> = trace.lines.iter().map(|line| (line.local_ns - first_ns) / SECOND_NS).collect();
        assert_eq!(after, [0, 60, 30]);
    }

    #[test]
    fn bad_lines_are_named() {
        let with = |line: &str| {
            parse(format!("CardNo,Date,Money,TermNo\n1,2019/4/1 7:00:00,2,9\n{line}\n").as_bytes())
                .expect_err("a bad line")
        };
        for (line, message) in [
            (
                "1,2019/4/31 7:00:00,2,9",
                "t.csv:3: column Date: not a date like 2019/4/1 12:03:04: \"2019/4/31 7:00:00\"",
            ),
            (
                "1,2019/4/1 24:00:00,2,9",
                "t.csv:3: column Date: not a date like 2019/4/1 12:03:04: \"2019/4/1 24:00:00\"",
            ),
            ("1,2019/4/1 7:00:00,-2,9", "t.csv:3: column Money: the amount is negative: \"-2\""),
            ("1,2019/4/1 7:00:00,2.005,9", "t.csv:3: column Money: more than two decimals: \"2.005\""),
            ("1,2019/4/1 7:00:00,two,9", "t.csv:3: column Money: not an amount in yuan: \"two\""),
            (
                "1,2019/4/1 7:00:00,10000000.01,9",
                "t.csv:3: column Money: the amount is too large: \"10000000.01\"",
            ),
            (",2019/4/1 7:00:00,2,9", "t.csv:3: column CardNo: the field is empty: \"\""),
            ("1,2019/4/1 7:00:00", "t.csv:3: column Money: the field is empty: \"\""),
        ] {
            assert_eq!(with(line), message);
        }
    }

    #[test]
    fn a_missing_column_and_a_wrong_encoding_are_named() {
        assert_eq!(
            parse(b"CardNo,Date,Money\n").expect_err("no TermNo"),
            "t.csv:1: no column \"TermNo\"; the header must have CardNo, Date, Money and TermNo"
        );
        assert_eq!(
            parse(b"CardNo,Date,Money,TermNo\n\xff\xff,2019/4/1 7:00:00,1,1\n").expect_err("not text"),
            "t.csv:2: column (whole line): neither UTF-8 nor GBK: \"\""
        );
    }

    #[test]
    fn leap_days() {
        assert_eq!(days_from_civil(1970, 1, 1), Some(0));
        assert_eq!(days_from_civil(2000, 2, 29), Some(11_016));
        assert_eq!(days_from_civil(2100, 2, 29), None);
        assert_eq!(days_from_civil(2024, 12, 31), Some(20_088));
    }
}

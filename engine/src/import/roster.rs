//! Reads a roster of card holders from CSV, in UTF-8 (with or without BOM) or GBK.
//!
//! The college's export names its columns `Index,CardNo,Sex,Major,AccessCardNo`: `CardNo` is the student or
//! staff number, `AccessCardNo` the number that the physical card shows to a reader. A column `Class` may give
//! the account's class, 0 to 63: see the campus file. A column `IdNumber` may give the holder's identity number: the query
//! password is taken from it, and nothing else is kept. Columns are found by name, in any order; others are ignored, and nothing of them is kept. A file is read whole before anything
//! is said about it, so a bad line never leaves half an import.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use encoding_rs::{GB18030, UTF_8};
use protocol::ids::CardUid;
use protocol::password::Password;

use crate::ledger::limits::CLASSES_MAX;

/// Longest student number, bytes of UTF-8: the width of its column in an account.
pub const STUDENT_NO_BYTES_MAX: usize = 16;

/// How the bytes of a text file become characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TextEncoding {
    /// UTF-8 if the whole file is valid UTF-8, GBK otherwise.
    Auto,
    /// UTF-8, with or without a byte-order mark.
    Utf8,
    /// GBK (read as its superset GB 18030).
    Gbk,
}

/// One holder as the roster gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterLine {
    /// Line in the file, from 1 (the header is line 1).
    pub line: u64,
    /// Student or staff number, text.
    pub student_no: String,
    /// The physical card's number; `None` where the column is empty.
    pub card_uid: Option<CardUid>,
    /// The account's class; `None` where the file has no such column, or it is empty: a new account's is 0, another's
    /// stays as it is.
    pub class: Option<u8>,
    /// The query password that the holder's identity number gives; `None` where the file has no such column, or it is empty.
    pub password: Option<Password>,
}

/// A card number that the roster gives to more than one holder. None of them gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardConflict {
    /// The number given more than once.
    pub card_uid: CardUid,
    /// The lines that give it, in file order.
    pub lines: Vec<RosterLine>,
}

/// A whole roster, checked.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// Every holder, in file order. A holder whose card is in conflict has `card_uid: None` here.
    pub holders: Vec<RosterLine>,
    /// Card numbers given twice or more, in order of their first line.
    pub conflicts: Vec<CardConflict>,
}

/// Why a roster can't be read. Each names the file, and the line, column and value where there is one.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// The file can't be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes aren't text in the encoding.
    #[error("{}: line {line}: not valid {encoding}; give the right one with --encoding", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Line of the first bad byte, from 1.
        line: u64,
        /// The encoding that was tried.
        encoding: &'static str,
    },
    /// A column that must be there is missing from the header.
    #[error("{}: line 1: no column {expected}; the header has: {found}", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// Names that would do.
        expected: &'static str,
        /// The header as read.
        found: String,
    },
    /// A field's value can't be taken.
    #[error("{}: line {line}, column {column}: {reason}: {value:?}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// The column's name as the header has it.
        column: String,
        /// The value as read.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A line isn't CSV or has another number of fields than the header.
    #[error("{}: line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl Roster {
    /// Reads the roster at `path`.
    pub fn read(path: &Path, encoding: TextEncoding) -> Result<Roster, RosterError> {
        let bytes =
            std::fs::read(path).map_err(|source| RosterError::Read { path: path.to_owned(), source })?;
        Roster::parse(path, &bytes, encoding)
    }

    /// Reads a roster from bytes; `path` only serves the messages.
    pub fn parse(path: &Path, bytes: &[u8], encoding: TextEncoding) -> Result<Roster, RosterError> {
        let text = decode(path, bytes, encoding)?;
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| line_error(path, &e))?.clone();
        let student_column = column(path, &header, &["StudentNo", "CardNo"], "StudentNo or CardNo")?;
        let card_column = column(path, &header, &["CardUid", "AccessCardNo"], "CardUid or AccessCardNo")?;
        let id_column = header.iter().position(|name| name.eq_ignore_ascii_case("IdNumber"));
        let class_column = header.iter().position(|name| name.eq_ignore_ascii_case("Class"));

        let mut holders: Vec<RosterLine> = Vec::new();
        let mut line_of_student: HashMap<String, u64> = HashMap::new();
        for record in reader.records() {
            let record = record.map_err(|e| line_error(path, &e))?;
            let line = record.position().map_or(0, csv::Position::line);
            if record.len() != header.len() {
                return Err(RosterError::Line {
                    path: path.to_owned(),
                    line,
                    reason: format!("{} fields where the header has {}", record.len(), header.len()),
                });
            }
            let field = |index: usize, reason: String| RosterError::Field {
                path: path.to_owned(),
                line,
                column: header[index].to_owned(),
                value: record[index].to_owned(),
                reason,
            };
            // What is said of it goes to screens and files: the value isn't among that.
            let personal = |column: usize| RosterError::Field {
                path: path.to_owned(),
                line,
                column: header[column].to_owned(),
                value: String::new(),
                reason: "an identity number ends in six digits, or in six digits and X; it isn't shown"
                    .to_owned(),
            };
            let student_no = &record[student_column];
            if student_no.is_empty() || student_no.len() > STUDENT_NO_BYTES_MAX {
                return Err(field(
                    student_column,
                    format!("a student number has 1 to {STUDENT_NO_BYTES_MAX} bytes"),
                ));
            }
            if !student_no.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(field(student_column, "a student number is ASCII without spaces".to_owned()));
            }
            if let Some(first) = line_of_student.insert(student_no.to_owned(), line) {
                return Err(field(
                    student_column,
                    format!("duplicate student number, first on line {first}"),
                ));
            }
            let card_uid = match &record[card_column] {
                "" => None,
                digits => match digits.parse::<u64>() {
                    Ok(uid) if uid > 0 && digits.bytes().all(|b| b.is_ascii_digit()) => Some(CardUid(uid)),
                    _ => {
                        return Err(field(
                            card_column,
                            "a card number is digits, from 1 up to 2^64-1".to_owned(),
                        ));
                    }
                },
            };
            let class = match class_column.map(|column| (column, &record[column])) {
                None | Some((_, "")) => None,
                Some((column, digits)) => match digits.parse::<u8>() {
                    Ok(class) if usize::from(class) < CLASSES_MAX => Some(class),
                    _ => return Err(field(column, format!("a class is 0 to {}", CLASSES_MAX - 1))),
                },
            };
            let password = match id_column.map(|column| (column, &record[column])) {
                None | Some((_, "")) => None,
                Some((column, id_number)) => match Password::of_id_number(id_number) {
                    Some(password) => Some(password),
                    None => return Err(personal(column)),
                },
            };
            holders.push(RosterLine { line, student_no: student_no.to_owned(), card_uid, class, password });
        }
        Ok(Roster::without_shared_cards(holders))
    }

    /// Takes card numbers that more than one holder claims away from all of them and lists them: one card
    /// number given to two people is a conflict for a person to settle, never last-wins.
    fn without_shared_cards(mut holders: Vec<RosterLine>) -> Roster {
        let mut claims: HashMap<CardUid, u32> = HashMap::with_capacity(holders.len());
        for uid in holders.iter().filter_map(|h| h.card_uid) {
            *claims.entry(uid).or_default() += 1;
        }
        let mut conflicts: Vec<CardConflict> = Vec::new();
        for holder in &mut holders {
            let Some(uid) = holder.card_uid.filter(|uid| claims[uid] > 1) else { continue };
            match conflicts.iter_mut().find(|c| c.card_uid == uid) {
                Some(conflict) => conflict.lines.push(holder.clone()),
                None => conflicts.push(CardConflict { card_uid: uid, lines: vec![holder.clone()] }),
            }
            holder.card_uid = None;
        }
        Roster { holders, conflicts }
    }
}

impl fmt::Display for CardConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "card {} is given to", self.card_uid)?;
        for (i, line) in self.lines.iter().enumerate() {
            let separator = if i == 0 { " " } else { " and " };
            write!(f, "{separator}{} (line {})", line.student_no, line.line)?;
        }
        f.write_str("; left unbound")
    }
}

fn decode(path: &Path, bytes: &[u8], encoding: TextEncoding) -> Result<String, RosterError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let valid_utf8 = std::str::from_utf8(bytes);
    let (codec, name) = match (encoding, &valid_utf8) {
        (TextEncoding::Utf8, _) | (TextEncoding::Auto, Ok(_)) => (UTF_8, "UTF-8"),
        (TextEncoding::Gbk, _) | (TextEncoding::Auto, Err(_)) => (GB18030, "GBK"),
    };
    match codec.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok(text.into_owned()),
        None => Err(RosterError::Encoding {
            path: path.to_owned(),
            line: first_bad_line(bytes, codec),
            encoding: name,
        }),
    }
}

/// The line with the first byte that `codec` can't decode. No multi-byte sequence of either codec holds a
/// line feed, so lines can be tried one by one.
fn first_bad_line(bytes: &[u8], codec: &'static encoding_rs::Encoding) -> u64 {
    let bad = |line: &[u8]| codec.decode_without_bom_handling_and_without_replacement(line).is_none();
    bytes.split(|&b| b == b'\n').position(bad).map_or(0, |index| index as u64 + 1)
}

fn column(
    path: &Path,
    header: &csv::StringRecord,
    names: &[&str],
    expected: &'static str,
) -> Result<usize, RosterError> {
    names.iter().find_map(|name| header.iter().position(|h| h.eq_ignore_ascii_case(name))).ok_or_else(|| {
        RosterError::MissingColumn {
            path: path.to_owned(),
            expected,
            found: header.iter().collect::<Vec<_>>().join(","),
        }
    })
}

fn line_error(path: &Path, error: &csv::Error) -> RosterError {
    RosterError::Line {
        path: path.to_owned(),
        line: error.position().map_or(0, csv::Position::line),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Index,CardNo,Sex,Major,AccessCardNo\n";

    fn parse(body: &str) -> Result<Roster, RosterError> {
        Roster::parse(Path::new("r.csv"), format!("{HEADER}{body}").as_bytes(), TextEncoding::Auto)
    }

    fn message(body: &str) -> String {
        parse(body).expect_err("must be refused").to_string()
    }

    #[test]
    fn reads_utf8_and_gbk_alike() {
        let text = format!("{HEADER}1,180001,男,18国际金融,19762330\n2,180002,女,18会计,\n");
        let (gbk, _, _) = GB18030.encode(&text);
        for bytes in [text.as_bytes(), &gbk, format!("\u{feff}{text}").as_bytes()] {
            let roster = Roster::parse(Path::new("r.csv"), bytes, TextEncoding::Auto).unwrap();
            assert_eq!(roster.holders.len(), 2);
            assert_eq!(roster.holders[0].student_no, "180001");
            assert_eq!(roster.holders[0].card_uid, Some(CardUid(19_762_330)));
            assert_eq!(roster.holders[1].card_uid, None);
        }
    }

    #[test]
    fn a_class_may_be_given() {
        let parse = |body: &str| {
            let text = format!("StudentNo,Class,CardUid\n{body}");
            Roster::parse(Path::new("r.csv"), text.as_bytes(), TextEncoding::Auto)
        };
        let roster = parse("a,63,7\nb,,8\n").unwrap();
        assert_eq!(roster.holders.iter().map(|h| h.class).collect::<Vec<_>>(), [Some(63), None]);
        let error = parse("a,64,7\n").unwrap_err();
        assert_eq!(error.to_string(), "r.csv: line 2, column Class: a class is 0 to 63: \"64\"");
    }

    #[test]
    fn an_identity_number_gives_a_password_and_is_never_shown() {
        let parse = |body: &str| {
            let text = format!("StudentNo,IdNumber,CardUid\n{body}");
            Roster::parse(Path::new("r.csv"), text.as_bytes(), TextEncoding::Auto)
        };
        let roster = parse("a,42060620020912345X,7\nb,,8\nc,420606200209123456,9\n").unwrap();
        let expected = [Password::new("912345"), None, Password::new("123456")];
        assert_eq!(roster.holders.iter().map(|h| h.password).collect::<Vec<_>>(), expected);
        let error = parse("a,4206062002091X3456,7\n").unwrap_err();
        assert!(error.to_string().starts_with("r.csv: line 2, column IdNumber:"), "{error}");
        for said in [error.to_string(), format!("{error:?}"), format!("{roster:?}")] {
            assert!(!said.contains("3456") && !said.contains("2345"), "{said}");
        }
    }

    #[test]
    fn a_card_given_twice_is_left_unbound_everywhere() {
        let roster = parse("1,a,男,m,7\n2,b,男,m,8\n3,c,男,m,7\n").unwrap();
        assert_eq!(
            roster.holders.iter().map(|h| h.card_uid).collect::<Vec<_>>(),
            [None, Some(CardUid(8)), None]
        );
        assert_eq!(roster.conflicts.len(), 1);
        assert_eq!(
            roster.conflicts[0].to_string(),
            "card 7 is given to a (line 2) and c (line 4); left unbound"
        );
    }

    #[test]
    fn every_bad_line_names_line_column_and_value() {
        assert_eq!(
            message("1,a,男,m,7\n2,b,男,m,x9\n"),
            "r.csv: line 3, column AccessCardNo: a card number is digits, from 1 up to 2^64-1: \"x9\""
        );
        assert_eq!(
            message("1,a,男,m,7\n2,a,男,m,8\n"),
            "r.csv: line 3, column CardNo: duplicate student number, first on line 2: \"a\""
        );
        assert_eq!(message("1,a,男,7\n"), "r.csv: line 2: 4 fields where the header has 5");
        assert!(message("1,,男,m,7\n").contains("line 2, column CardNo"));
        assert!(message("1,12345678901234567,男,m,7\n").contains("1 to 16 bytes"));
        let no_column = Roster::parse(Path::new("r.csv"), b"Name,Card\n", TextEncoding::Auto).unwrap_err();
        assert_eq!(
            no_column.to_string(),
            "r.csv: line 1: no column StudentNo or CardNo; the header has: Name,Card"
        );
    }

    #[test]
    fn the_wrong_encoding_names_the_line() {
        let mut bytes = format!("{HEADER}1,a,M,m,7\n").into_bytes();
        bytes.extend_from_slice(b"2,b,\xff\xff,m,8\n");
        let error = Roster::parse(Path::new("r.csv"), &bytes, TextEncoding::Utf8).unwrap_err();
        assert!(error.to_string().starts_with("r.csv: line 3: not valid UTF-8"), "{error}");
        let error = Roster::parse(Path::new("r.csv"), &bytes, TextEncoding::Gbk).unwrap_err();
        assert!(error.to_string().contains("line 3: not valid GBK"), "{error}");
    }
}

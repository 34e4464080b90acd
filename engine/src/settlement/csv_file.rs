//! One CSV file as spreadsheets want it: UTF-8 with a byte order mark, lines ended by CR LF, ids as text.

use super::SettlementError;
use super::publish::{FileFacts, StagedFile, StagedFolder};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A CSV file that is being written.
pub(super) struct CsvFile {
    writer: csv::Writer<StagedFile>,
    path: std::path::PathBuf,
}

impl CsvFile {
    pub(super) fn create(
        folder: &mut StagedFolder,
        name: &str,
        columns: &[&str],
    ) -> Result<CsvFile, SettlementError> {
        use std::io::Write as _;
        let mut file = folder.create(name)?;
        let path = file.path().to_owned();
        file.write_all(BYTE_ORDER_MARK)
            .map_err(|source| SettlementError::Io { path: path.clone(), source })?;
        let writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(file);
        let mut csv = CsvFile { writer, path };
        csv.line(columns)?;
        Ok(csv)
    }

    pub(super) fn line<T: AsRef<[u8]>>(
        &mut self,
        values: impl IntoIterator<Item = T>,
    ) -> Result<(), SettlementError> {
        self.writer
            .write_record(values)
            .map_err(|e| SettlementError::Io { path: self.path.clone(), source: std::io::Error::other(e) })
    }

    pub(super) fn finish(self) -> Result<FileFacts, SettlementError> {
        let file = self.writer.into_inner().map_err(|e| SettlementError::Io {
            path: self.path,
            source: std::io::Error::other(e.into_error()),
        })?;
        file.finish()
    }
}

/// An id that a spreadsheet must neither round nor strip of leading zeros: a tab behind it makes it text.
pub(super) fn id(id: impl core::fmt::Display) -> String {
    let mut text = id.to_string();
    if !text.is_empty() {
        text.push('\t');
    }
    text
}

/// A name that people chose. One that a spreadsheet would run as a formula gets a tab in front.
pub(super) fn name(text: &str) -> String {
    match text.as_bytes().first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\r') => format!("\t{text}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_text_and_names_no_formulas() {
        assert_eq!(id("0012345"), "0012345\t");
        assert_eq!(id(""), "");
        assert_eq!(name("一食堂"), "一食堂");
        assert_eq!(name("=1+1"), "\t=1+1");
    }
}

//! Orders that were made and aren't known to be paid: the platform is asked for them, should its notification be lost.
//!
//! An order is asked for some time after it was made, then after twice that, four times, and so on, until it is credited, or is
//! unpaid when it has expired, or a day has passed. The numbers stand in a file too, one a line, so that they are asked for after
//! a restart. The file isn't synced, and nothing depends on it but how soon such an order is credited: the platform's
//! notifications, the app's questions and the platform's bill all find it without.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::ticket;
use crate::data_dir::{DataDirError, write_durably};

/// Most orders that are watched; more aren't made.
const ORDERS_MAX: usize = 16_384;
/// Orders that one round asks for.
const ROUND_MAX: usize = 64;
/// When an order is given up: seconds after it was made.
pub(super) const GIVEN_UP_AFTER_S: u64 = 86_400;

/// Too many orders are unpaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ORDERS_MAX} orders wait to be paid; no more are made now")]
pub struct WatchFull;

struct Waiting {
    looks: u32,
    due_s: u64,
}

/// The orders that are watched.
pub struct Watch {
    first_look_s: u64,
    orders: Mutex<Orders>,
}

struct Orders {
    waiting: HashMap<String, Waiting>,
    file: Option<OrdersFile>,
}

struct OrdersFile {
    path: PathBuf,
    open: File,
    lines: usize,
}

impl Watch {
    /// Goes on with what the file holds. `first_look_s` is when an order is first asked for, in seconds after it was made.
    ///
    /// # Errors
    /// The file can't be read or written.
    pub fn open(path: Option<&Path>, first_look_s: u64, now_s: u64) -> Result<Watch, DataDirError> {
        let mut waiting = HashMap::new();
        let mut file = None;
        if let Some(path) = path {
            let io = |source| DataDirError::Io { path: path.to_owned(), source };
            let text = match std::fs::read(path) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
                Err(error) => return Err(io(error)),
            };
            // A line that was torn isn't a number.
            let of_today = |number: &&str| {
                ticket::made_at_s(number)
                    .is_some_and(|made_s| now_s < made_s.saturating_add(GIVEN_UP_AFTER_S))
            };
            for number in text.lines().filter(of_today).take(ORDERS_MAX) {
                waiting.insert(
                    number.to_owned(),
                    Waiting { looks: 0, due_s: now_s.saturating_add(first_look_s) },
                );
            }
            file = Some(OrdersFile::write(path, waiting.keys())?);
        }
        Ok(Watch { first_look_s, orders: Mutex::new(Orders { waiting, file }) })
    }

    /// Begins to watch an order that is about to be made.
    ///
    /// # Errors
    /// [`WatchFull`].
    pub fn begin(&self, number: &str, now_s: u64) -> Result<(), WatchFull> {
        let mut orders = self.orders.lock();
        if orders.waiting.len() >= ORDERS_MAX {
            return Err(WatchFull);
        }
        let due_s = now_s.saturating_add(self.first_look_s);
        orders.waiting.insert(number.to_owned(), Waiting { looks: 0, due_s });
        if let Err(error) = orders.note(number) {
            tracing::warn!(%error, "an unpaid order couldn't be written down; after a restart it isn't asked for");
        }
        Ok(())
    }

    /// Ends it: the order is credited, or never will be.
    pub fn end(&self, number: &str) {
        self.orders.lock().waiting.remove(number);
    }

    /// The orders to ask for now, each of which is then due again after twice as long as before.
    pub fn due(&self, now_s: u64) -> Vec<String> {
        let mut orders = self.orders.lock();
        let due = orders.waiting.iter_mut().filter(|(_, waiting)| waiting.due_s <= now_s).take(ROUND_MAX);
        due.map(|(number, waiting)| {
            waiting.looks = (waiting.looks + 1).min(16);
            waiting.due_s = now_s.saturating_add(self.first_look_s.max(1) << waiting.looks);
            number.clone()
        })
        .collect()
    }

    /// How many are watched.
    pub fn count(&self) -> usize {
        self.orders.lock().waiting.len()
    }
}

impl Orders {
    fn note(&mut self, number: &str) -> Result<(), DataDirError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        if file.lines >= 2 * ORDERS_MAX {
            *file = OrdersFile::write(&file.path, self.waiting.keys())?;
            return Ok(());
        }
        file.lines += 1;
        let io = |source| DataDirError::Io { path: file.path.clone(), source };
        file.open.write_all(format!("{number}\n").as_bytes()).map_err(io)
    }
}

impl OrdersFile {
    /// Writes the file anew, with these numbers, and opens it for more.
    fn write<'n>(path: &Path, numbers: impl Iterator<Item = &'n String>) -> Result<OrdersFile, DataDirError> {
        let io = |source| DataDirError::Io { path: path.to_owned(), source };
        let mut text = String::new();
        let mut lines = 0;
        for number in numbers {
            text.push_str(number);
            text.push('\n');
            lines += 1;
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| io(std::io::ErrorKind::InvalidFilename.into()))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        write_durably(folder, name, text.as_bytes())?;
        let open = OpenOptions::new().append(true).open(path).map_err(io)?;
        Ok(OrdersFile { path: path.to_owned(), open, lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_795_493_106;

    #[test]
    fn an_order_is_asked_for_ever_more_rarely_until_it_ends() {
        let watch = Watch::open(None, 30, NOW_S).unwrap();
        watch.begin("a", NOW_S).unwrap();
        assert_eq!(watch.due(NOW_S + 29), Vec::<String>::new());
        assert_eq!(watch.due(NOW_S + 30), ["a"]);
        assert_eq!(watch.due(NOW_S + 89), Vec::<String>::new());
        assert_eq!(watch.due(NOW_S + 90), ["a"]);
        assert_eq!(watch.due(NOW_S + 209), Vec::<String>::new());
        watch.end("a");
        assert_eq!((watch.due(u64::MAX), watch.count()), (vec![], 0));
        assert_eq!(Watch::open(None, u64::MAX, NOW_S).unwrap().begin("b", NOW_S), Ok(()));
    }

    #[test]
    fn what_was_unpaid_is_asked_for_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unpaid");
        let (kept, old) = (ticket::new_number(NOW_S), ticket::new_number(NOW_S - GIVEN_UP_AFTER_S));
        let watch = Watch::open(Some(&path), 30, NOW_S).unwrap();
        watch.begin(&kept, NOW_S).unwrap();
        watch.begin(&old, NOW_S).unwrap();
        drop(watch);
        // The process died within a line, and somebody wrote nonsense.
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend_from_slice(b"nonsense\n\xff\nyk1795493106abc");
        std::fs::write(&path, torn).unwrap();
        let watch = Watch::open(Some(&path), 30, NOW_S).unwrap();
        assert_eq!((watch.count(), watch.due(NOW_S + 30)), (1, vec![kept.clone()]));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{kept}\n"), "it was tidied up");
        assert!(Watch::open(Some(folder.path()), 30, NOW_S).is_err());
    }

    #[test]
    fn only_so_many_are_watched() {
        let watch = Watch::open(None, 30, NOW_S).unwrap();
        for n in 0..ORDERS_MAX {
            watch.begin(&n.to_string(), NOW_S).unwrap();
        }
        assert_eq!(watch.begin("one more", NOW_S), Err(WatchFull));
        assert_eq!(watch.due(NOW_S + 30).len(), ROUND_MAX);
    }

    #[test]
    fn the_file_is_tidied_up_while_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unpaid");
        let watch = Watch::open(Some(&path), 30, NOW_S).unwrap();
        for n in 0..=2 * ORDERS_MAX {
            let number = n.to_string();
            watch.begin(&number, NOW_S).unwrap();
            watch.end(&number);
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", 2 * ORDERS_MAX));
    }
}

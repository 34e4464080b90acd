//! A small campus in a temporary directory, and its server in this process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use engine::data_dir::DataDir;
use engine::import::apply;
use engine::import::campus::{CampusFile, MerchantEntry, OperatorEntry, PolicyEntry, TerminalEntry, Yuan};
use engine::import::roster::{Roster, RosterLine};
use engine::ledger::command::{Opening, RegisterMerchant, RegisterTerminal};
use engine::ledger::record::Wallet;
use engine::ledger::{Request, Sizes};
use engine::opened_books::{OpenOptions, OpenedBooks};
use engine::runtime::engine::{Engine, StartReport};
use engine::runtime::password_vault::PasswordVault;
use engine::server::{Server, ServerConfig};
use protocol::ids::{AccountId, CardUid, Epoch, MerchantId, TerminalId};
use protocol::keys::{
    Key128, derive_card_key, derive_card_master, derive_code_key, derive_holder_key, derive_terminal_key,
};
use protocol::sign_in::TerminalIdentity;
use protocol::terminal_kind::TerminalKind;
use protocol::text::Firmware;
use tempfile::TempDir;
use wal::LogWriter;

/// The one merchant.
pub const MERCHANT: MerchantId = MerchantId(7);
/// Tills: this number and those after it.
pub const FIRST_TILL: u32 = 101;
/// How many there are.
pub const TILLS: u32 = 8;
/// A phone gateway: tops up and sells.
pub const GATEWAY: TerminalId = TerminalId(901);
/// A service counter: tops up and sells.
pub const COUNTER: TerminalId = TerminalId(902);
/// A door reader: asks, and never takes money.
pub const DOOR: TerminalId = TerminalId(905);
/// A till that is registered and disabled.
pub const DISABLED: TerminalId = TerminalId(903);
/// A till whose merchant has closed.
pub const CLOSED_SHOP: TerminalId = TerminalId(904);
/// An operator of the card centre.
pub const CARD_CENTRE: TerminalId = TerminalId(911);
/// An operator of finance, and a second one.
pub const FINANCE: TerminalId = TerminalId(912);
/// The second one.
pub const SECOND_FINANCE: TerminalId = TerminalId(913);
/// An operator who only reads.
pub const AUDITOR: TerminalId = TerminalId(914);
/// An operator who may do anything.
pub const ADMINISTRATOR: TerminalId = TerminalId(915);
/// Holders: accounts 0 to this, less one.
pub const HOLDERS: u32 = 64;
/// What each holder begins with, in the electronic wallet.
pub const OPENING_FEN: i64 = 1_000_000_000;

/// The till with this index.
pub fn till(index: u32) -> TerminalId {
    assert!(index < TILLS);
    TerminalId(FIRST_TILL + index)
}

/// The card of an account.
pub fn card(account: u32) -> CardUid {
    CardUid(5_000_000 + u64::from(account))
}

/// The student number of an account.
pub fn student_no(account: u32) -> String {
    format!("{}", 2_400_000 + account)
}

/// Small tables, two shards.
pub fn sizes() -> Sizes {
    Sizes {
        shards: 2,
        accounts_max: 1_024,
        cards_max: 2_048,
        terminals_max: 64,
        merchants_max: 64,
        outcomes_per_terminal: 256,
        orders_max: 1_024,
        ..Sizes::default()
    }
}

/// Books in a temporary directory, removed at the end.
pub struct Campus {
    folder: TempDir,
    master_key: Key128,
    /// Sizes that the books are opened with.
    pub sizes: Sizes,
}

impl Campus {
    /// Makes the campus.
    pub fn new() -> Campus {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let data = DataDir::create_or_open(&folder.path().join("data")).expect("a new data directory");
        let master_key = data.master_key().expect("a new master key");
        let campus = Campus { folder, master_key, sizes: sizes() };
        let (books, _) = OpenedBooks::open(data, &campus.options()).expect("new books");
        fill(books.engine());
        books.close().expect("a clean stop");
        campus
    }

    /// The temporary directory, for files beside the books.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data directory.
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// The campus's keys.
    pub fn keys(&self) -> CampusKeys {
        CampusKeys { master: self.master_key.clone() }
    }

    fn options(&self) -> OpenOptions {
        OpenOptions { sizes: self.sizes.clone(), ..OpenOptions::default() }
    }

    /// Opens the books without serving them.
    pub fn open(&self) -> (OpenedBooks, StartReport) {
        let data = DataDir::open(&self.data_dir()).expect("nobody else has the books");
        OpenedBooks::open(data, &self.options()).expect("sound books")
    }

    /// Serves the books in this process.
    pub fn serve(&self) -> Served {
        self.serve_with(ServerConfig::default())
    }

    /// Serves the books in this process, with other settings.
    pub fn serve_with(&self, config: ServerConfig) -> Served {
        let (books, report) = self.open();
        let running = Running::start(books.engine(), books.passwords(), &self.keys(), config);
        Served { running, books, report, keys: self.keys() }
    }

    /// Audits the books and panics with what is wrong with them.
    pub fn expect_sound(&self) -> engine::audit::AuditReport {
        let report = engine::audit::verify(&self.data_dir(), &engine::audit::AuditOptions::default());
        let report = report.expect("the log can be read");
        assert!(report.ok && report.holdings.sum_fen == 0, "{report}");
        report
    }
}

/// What a test client must know.
#[derive(Clone)]
pub struct CampusKeys {
    master: Key128,
}

impl CampusKeys {
    /// Who a terminal is, in epoch 1.
    pub fn identity(&self, terminal: TerminalId) -> TerminalIdentity {
        self.identity_of(terminal, 1)
    }

    /// The same with the key of this version.
    pub fn identity_of(&self, terminal: TerminalId, key_version: u32) -> TerminalIdentity {
        TerminalIdentity {
            terminal,
            key: derive_terminal_key(&self.master, terminal, key_version),
            epoch: Epoch(1),
            firmware: Firmware::EMPTY,
        }
    }

    /// The key under which a card signs its offline records.
    pub fn card_key(&self, card: CardUid) -> Key128 {
        derive_card_key(&derive_card_master(&self.master), card)
    }

    /// The key from which card keys are derived.
    pub fn card_master(&self) -> Key128 {
        derive_card_master(&self.master)
    }

    /// The key under which phone gateways digest user ids and phone numbers.
    pub fn holder_key(&self) -> Key128 {
        derive_holder_key(&self.master)
    }

    /// The first payment-code key.
    pub fn code_key(&self) -> Key128 {
        self.code_key_of(0)
    }

    /// The payment-code key of this version.
    pub fn code_key_of(&self, version: u32) -> Key128 {
        derive_code_key(&self.master, version)
    }
}

/// A server and the log's thread, over an engine.
pub struct Running {
    server: Server,
    writer: LogWriter,
}

impl Running {
    /// Starts both; any free port.
    pub fn start(
        engine: &Arc<Engine>,
        passwords: &Arc<PasswordVault>,
        keys: &CampusKeys,
        config: ServerConfig,
    ) -> Running {
        let writer = LogWriter::spawn(Arc::clone(engine.log())).expect("the log's thread");
        let address = "127.0.0.1:0".parse().expect("an address");
        let (engine, passwords) = (Arc::clone(engine), Arc::clone(passwords));
        let server = Server::start(engine, passwords, keys.master.clone(), address, config);
        Running { server: server.expect("a free port"), writer }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Drains and stops.
    pub fn stop(self) {
        self.server.stop().expect("the log is sound");
        drop(self.writer);
    }
}

/// A campus that is served.
pub struct Served {
    running: Running,
    books: OpenedBooks,
    /// What its start found.
    pub report: StartReport,
    /// Its keys.
    pub keys: CampusKeys,
}

impl Served {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Arc<Engine> {
        self.books.engine()
    }

    /// A clean stop: drained, sealed, snapshot saved.
    pub fn stop(self) {
        self.running.stop();
        self.books.close().expect("a clean stop");
    }

    /// Stops serving without a seal and without a snapshot: the next start replays.
    pub fn stop_unsealed(self) {
        self.running.stop();
    }
}

/// Brings merchant, terminals, holders and opening balances into new books.
pub fn fill(engine: &Engine) {
    let terminal = |id: TerminalId, kind| TerminalEntry { id: id.0, merchant: MERCHANT.0, kind };
    let limit = Yuan { amount_fen: OPENING_FEN };
    let file = CampusFile {
        merchants: vec![
            MerchantEntry { id: MERCHANT.0, name: "一食堂".to_owned() },
            MerchantEntry { id: MERCHANT.0 + 1, name: "closed".to_owned() },
        ],
        terminals: (0..TILLS)
            .map(|index| terminal(till(index), TerminalKind::PointOfSale))
            .chain([
                terminal(GATEWAY, TerminalKind::PhoneGateway),
                terminal(COUNTER, TerminalKind::Counter),
                terminal(DOOR, TerminalKind::Door),
                terminal(DISABLED, TerminalKind::PointOfSale),
                TerminalEntry {
                    id: CLOSED_SHOP.0,
                    merchant: MERCHANT.0 + 1,
                    kind: TerminalKind::PointOfSale,
                },
            ])
            .collect(),
        operators: [
            (CARD_CENTRE, TerminalKind::CardCentre),
            (FINANCE, TerminalKind::Finance),
            (SECOND_FINANCE, TerminalKind::Finance),
            (AUDITOR, TerminalKind::Auditor),
            (ADMINISTRATOR, TerminalKind::Administrator),
        ]
        .map(|(id, role)| OperatorEntry { id: id.0, role, enabled: true })
        .into(),
        policy: Some(PolicyEntry::of_limits(limit, limit)),
        ..CampusFile::default()
    };
    apply::campus(engine, &file).expect("the campus is taken");
    let holder = |account: u32| RosterLine {
        line: u64::from(account) + 2,
        student_no: student_no(account),
        card_uid: Some(card(account)),
        class: None,
        password: None,
    };
    let roster = Roster { holders: (0..HOLDERS).map(holder).collect(), conflicts: Vec::new() };
    let report = apply::holders(engine, &roster).expect("the roster is taken");
    assert_eq!((report.accounts_opened, report.cards_bound), (HOLDERS as usize, HOLDERS as usize));

    let configure = |request| {
        let outcome = engine.configure(request).expect("a configuration that is taken");
        assert!(outcome.code.is_approved(), "{outcome:?}");
    };
    for account in 0..HOLDERS {
        configure(Request::Opening(Opening {
            account: AccountId(account),
            wallet: Wallet::Electronic,
            amount_fen: OPENING_FEN,
        }));
    }
    configure(Request::RegisterTerminal(RegisterTerminal {
        terminal: DISABLED,
        merchant: MERCHANT,
        kind: engine::ledger::registry::TerminalKind::PointOfSale,
        key_version: 1,
        enabled: false,
    }));
    configure(Request::RegisterMerchant(RegisterMerchant {
        merchant: MerchantId(MERCHANT.0 + 1),
        name: "closed",
        enabled: false,
    }));
    engine.sync().expect("durable");
}

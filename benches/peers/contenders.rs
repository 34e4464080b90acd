//! The systems of a run: started where they are installed, skipped aloud where they aren't, given up where they fail.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use engine::limits::books::BooksSpec;
use serde::Serialize;

use crate::echo::system::Echo;
use crate::error::PeersError;
use crate::postgres::Postgres;
use crate::postgres::cluster::{self, Cluster};
use crate::postgres::pgbouncer::{self, Pgbouncer};
use crate::redis::Redis;
use crate::server_child::{OtherUser, find_program, run};
use crate::system::{System, SystemId};
use crate::yika::Yika;

/// What a peer that isn't there is installed with.
const INSTALL: &str = "apt-get install postgresql postgresql-contrib pgbouncer redis-server";

/// Where programs are looked for instead of the usual places.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// Of `redis-server`.
    pub redis: Option<PathBuf>,
    /// Of `postgres` and `initdb`.
    pub postgres: Option<PathBuf>,
    /// Of `pgbouncer`.
    pub pgbouncer: Option<PathBuf>,
}

/// How a system took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// It was measured.
    Measured,
    /// It isn't installed.
    Skipped(String),
    /// It didn't start, or broke.
    Failed(String),
}

/// A system that takes part, or why it doesn't.
pub struct Contender {
    /// What its makers call this version; empty for what this repository holds.
    pub version: String,
    /// How it takes part.
    pub part: Part,
    system: Option<Box<dyn System>>,
}

impl Contender {
    fn of(version: impl Into<String>, started: Result<Box<dyn System>, PeersError>) -> Contender {
        let version = version.into();
        match started {
            Ok(system) => Contender { version, part: Part::Measured, system: Some(system) },
            Err(error) => Contender { version, part: Part::Failed(error.to_string()), system: None },
        }
    }

    fn missing(program: &str) -> Contender {
        let reason = format!("{program} isn't here; {INSTALL}");
        Contender { version: String::new(), part: Part::Skipped(reason), system: None }
    }

    /// The system, unless it takes no part any more.
    pub fn system(&mut self) -> Option<&mut Box<dyn System>> {
        self.system.as_mut()
    }

    /// It broke: its runs are over.
    pub fn give_up(&mut self, error: &PeersError) {
        self.part = Part::Failed(error.to_string());
        self.system = None;
    }
}

/// Starts those of the systems that are wanted. Yika and the echo servers must start; of the peers each that doesn't is
/// left out.
///
/// # Errors
/// An echo server doesn't start.
pub fn start(
    wanted: &[SystemId],
    programs: &Programs,
    folder: &Path,
    books: &BooksSpec,
) -> Result<BTreeMap<SystemId, Contender>, PeersError> {
    let mut contenders = BTreeMap::new();
    let mut cluster = None;
    for &id in wanted {
        let contender = match id {
            SystemId::Yika => {
                let yika = Yika::new(folder.join("yika"), *books);
                Contender::of("", Ok(Box::new(yika)))
            }
            SystemId::Redis => redis(programs, folder, books.accounts),
            SystemId::Postgres | SystemId::Pgbouncer => {
                let started = cluster.get_or_insert_with(|| start_cluster(programs, folder, books.accounts));
                match started {
                    None => Contender::missing("postgres"),
                    Some((version, Err(error))) => Contender {
                        version: version.clone(),
                        part: Part::Failed(error.clone()),
                        system: None,
                    },
                    Some((version, Ok(cluster))) if id == SystemId::Postgres => {
                        let postgres = Postgres::straight(Rc::clone(cluster));
                        Contender::of(version.clone(), Ok(Box::new(postgres)))
                    }
                    Some((version, Ok(cluster))) => pooled(programs, folder, version, cluster),
                }
            }
            echo => {
                let kind = echo.echo_kind().expect("all others are echo servers");
                let folder = folder.join(kind.name());
                Contender::of("", Ok(Box::new(Echo::start(echo.name(), kind, &folder, books)?)))
            }
        };
        contenders.insert(id, contender);
    }
    Ok(contenders)
}

fn redis(programs: &Programs, folder: &Path, accounts: u32) -> Contender {
    let Some(program) = find_program("redis-server", programs.redis.as_deref(), &[]) else {
        return Contender::missing("redis-server");
    };
    let version = Redis::version(&program).unwrap_or_default();
    let started = Redis::new(program, folder.join("redis"), accounts);
    Contender::of(version, started.map(|redis| Box::new(redis) as Box<dyn System>))
}

/// The version, and the cluster or why there is none; nothing when it isn't installed.
type StartedCluster = Option<(String, Result<Rc<Cluster>, String>)>;

fn start_cluster(programs: &Programs, folder: &Path, accounts: u32) -> StartedCluster {
    let directory = cluster::find_programs(programs.postgres.as_deref())?;
    let name = SystemId::Postgres.name();
    let said = run(name, Command::new(directory.join("postgres")).arg("--version")).unwrap_or_default();
    let version = said.split_whitespace().nth(2).unwrap_or_default().to_owned();
    let started = OtherUser::find(name)
        .and_then(|user| Cluster::start(&directory, user, &folder.join("postgres"), accounts));
    Some((version, started.map(Rc::new).map_err(|error| error.to_string())))
}

fn pooled(programs: &Programs, folder: &Path, postgres: &str, cluster: &Rc<Cluster>) -> Contender {
    let Some(program) = pgbouncer::find_program(programs.pgbouncer.as_deref()) else {
        return Contender::missing("pgbouncer");
    };
    let version = pgbouncer::version_text(&program).unwrap_or_default();
    let pooler = OtherUser::find(SystemId::Pgbouncer.name())
        .and_then(|user| Pgbouncer::start(&program, user, &folder.join("pgbouncer"), cluster.address()));
    let system =
        pooler.map(|pooler| Box::new(Postgres::pooled(Rc::clone(cluster), pooler)) as Box<dyn System>);
    Contender::of(format!("{postgres} + {version}"), system)
}

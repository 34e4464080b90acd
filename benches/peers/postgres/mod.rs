//! PostgreSQL as a peer: one call of one PL/pgSQL function for each debit, prepared, its own transaction.
//!
//! Straight, every till has a server process of its own; behind PgBouncer all share sixteen. Both over TCP on the
//! loopback, like every system here. The settings stand in [`cluster::SETTINGS`], the schema in `debit.sql`.

mod client;
pub mod cluster;
mod message;
pub mod pgbouncer;

use std::rc::Rc;

use crate::error::PeersError;
use crate::journal::Journal;
use crate::peer::Peer;
use crate::system::SystemId;
use client::{DATABASE, PostgresTill, Session};
use cluster::Cluster;
use pgbouncer::Pgbouncer;

/// A cluster, with a pooler in front of it or without.
pub struct Postgres {
    cluster: Rc<Cluster>,
    pooler: Option<Pgbouncer>,
}

impl Postgres {
    /// Tills connect to the cluster itself.
    pub fn straight(cluster: Rc<Cluster>) -> Postgres {
        Postgres { cluster, pooler: None }
    }

    /// Tills connect to the pooler.
    pub fn pooled(cluster: Rc<Cluster>, pooler: Pgbouncer) -> Postgres {
        Postgres { cluster, pooler: Some(pooler) }
    }
}

impl Peer for Postgres {
    type Connection = PostgresTill;

    fn accounts(&self) -> u32 {
        self.cluster.accounts()
    }

    fn refresh(&mut self) -> Result<(), PeersError> {
        self.cluster.refresh()
    }

    fn processes(&self) -> Vec<u32> {
        [Some(self.cluster.id()), self.pooler.as_ref().map(Pgbouncer::id)].into_iter().flatten().collect()
    }

    async fn connect(&self, till: u32) -> Result<PostgresTill, PeersError> {
        let system = if self.pooler.is_some() { SystemId::Pgbouncer } else { SystemId::Postgres };
        let address = self.pooler.as_ref().map_or(self.cluster.address(), Pgbouncer::address);
        let connect = async {
            let mut session = Session::open(address, DATABASE).await?;
            if self.pooler.as_ref().is_none_or(Pgbouncer::tracks_statements) {
                session.prepare().await?;
            }
            Ok::<_, message::MessageError>(session.into_till(till.cast_signed()))
        };
        connect.await.map_err(|error| PeersError::system(system.name(), error.to_string()))
    }

    fn journal(&mut self, tills: u32) -> Result<Journal, PeersError> {
        self.cluster.journal(tills)
    }
}

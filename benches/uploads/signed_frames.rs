//! Uploads made ready: sessions that stand, and all their frames, counted and sealed in the order of sending.
//!
//! Accounts come in one random order over all tills, so that neither side finds the next account near the last.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::Duration;

use loadgen::Campus;
use loadgen::random::Random;
use protocol::frame::LENGTH_PREFIX_BYTES;
use protocol::ids::{CardUid, Epoch, RequestId, Sequence, TerminalId};
use protocol::keys::{Key128, derive_card_key};
use protocol::offline_record::{OFFLINE_RECORD_LAYOUT, OfflineRecord, TAC_KEY_CARD};
use protocol::request::{Request, RequestIds, Upload};
use protocol::session::{Opener, Session};
use protocol::sign_in::{ClientHandshake, NONCE_BYTES, TerminalIdentity};
use protocol::text::Firmware;

use crate::Failure;

const SEED: u64 = 20_261_124;
/// A server that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A till that has signed in, with everything it will send.
pub struct ReadyTill {
    /// The socket.
    pub stream: TcpStream,
    /// Checks the answers.
    pub opener: Opener,
    /// The frames, one behind the other.
    pub frames: Vec<u8>,
    /// Where each begins and ends.
    pub ranges: Vec<Range<usize>>,
}

/// One till between its sessions.
struct Till {
    identity: TerminalIdentity,
    /// The sequence of the next record; 0 until the server has told the last it knows.
    next_sequence: u32,
    next_batch: u32,
}

/// The tills that upload, and where their records have come to.
pub struct Tills<'c> {
    address: SocketAddr,
    card_master: Key128,
    campus: &'c Campus,
    tills: Vec<Till>,
    nonces: Random,
    /// Chooses accounts; a fresh one for each till and session.
    sessions: u64,
}

impl<'c> Tills<'c> {
    /// The campus's tills from `first` on; those before it serve people.
    pub fn new(campus: &'c Campus, first: usize) -> Tills<'c> {
        let tills = campus.tills[first..].iter().map(|till| Till {
            identity: TerminalIdentity {
                terminal: TerminalId(till.terminal),
                key: Key128::new(till.key.0),
                epoch: Epoch(till.epoch),
                firmware: Firmware::new("yika uploads").unwrap_or(Firmware::EMPTY),
            },
            next_sequence: 0,
            next_batch: 1,
        });
        Tills {
            address: campus.address,
            card_master: Key128::new(campus.card_master_key.0),
            campus,
            tills: tills.collect(),
            nonces: Random::new(SEED ^ unix_ns(), 0),
            sessions: 0,
        }
    }

    /// Signs these tills in and makes about so many records ready, in whole batches, as many for each till.
    pub fn sign(&mut self, which: Range<usize>, batch: u32, records: u64) -> Result<Vec<ReadyTill>, Failure> {
        let tills = &mut self.tills[which];
        let batches = (records.div_ceil(u64::from(batch) * tills.len() as u64)).max(1);
        let mut signed_in = Vec::with_capacity(tills.len());
        for till in tills.iter_mut() {
            let mut nonce = [0; NONCE_BYTES];
            for part in nonce.chunks_exact_mut(8) {
                part.copy_from_slice(&self.nonces.next_u64().to_le_bytes());
            }
            let (stream, session, last_sequence) = sign_in(self.address, &till.identity, nonce)?;
            till.next_sequence = till.next_sequence.max(last_sequence.0 + 1);
            signed_in.push((stream, session));
        }
        // Signing is work for every processor; nothing is measured meanwhile.
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = tills.len().div_ceil(threads);
        let (card_master, campus) = (&self.card_master, self.campus);
        let first_stream = self.sessions;
        self.sessions += tills.len() as u64;
        let ready = std::thread::scope(|scope| {
            let mut signed_in = signed_in.into_iter();
            let mut parts = Vec::new();
            for (part, tills) in tills.chunks_mut(share).enumerate() {
                let sessions: Vec<_> = signed_in.by_ref().take(tills.len()).collect();
                let stream = first_stream + (part * share) as u64;
                parts.push(scope.spawn(move || {
                    let sealed = tills.iter_mut().zip(sessions).zip(stream..);
                    sealed
                        .map(|((till, (socket, session)), stream)| {
                            let random = Random::new(SEED, stream);
                            till.make_ready(socket, session, campus, card_master, random, batch, batches)
                        })
                        .collect::<Vec<_>>()
                }));
            }
            parts.into_iter().flat_map(|part| part.join().expect("signing doesn't panic")).collect()
        });
        Ok(ready)
    }
}

impl Till {
    #[expect(clippy::too_many_arguments, reason = "all of it belongs to one session")]
    fn make_ready(
        &mut self,
        stream: TcpStream,
        mut session: Session,
        campus: &Campus,
        card_master: &Key128,
        mut random: Random,
        batch: u32,
        batches: u64,
    ) -> ReadyTill {
        let now_ns = unix_ns();
        let mut records = vec![OfflineRecord::default(); batch as usize];
        let mut frames = Vec::new();
        let mut ranges = Vec::new();
        for request in 0..batches as u32 {
            for record in &mut records {
                let holder = &campus.holders[random.below(campus.holders.len() as u64) as usize];
                let card = CardUid(holder.card_uid.expect("every holder of these books has a card"));
                *record = OfflineRecord {
                    terminal: self.identity.terminal.0.into(),
                    sequence: self.next_sequence.into(),
                    epoch: self.identity.epoch.0.into(),
                    card_counter: self.next_sequence.into(),
                    card_uid: card.0.into(),
                    balance_before_fen: 100_000.into(),
                    amount_fen: 1.into(),
                    till_time_ns: now_ns.into(),
                    tac_key: TAC_KEY_CARD,
                    layout: OFFLINE_RECORD_LAYOUT,
                    offline_since_ns: now_ns.into(),
                    ..OfflineRecord::default()
                };
                record.sign(&derive_card_key(card_master, card));
                self.next_sequence += 1;
            }
            let ids = RequestIds {
                terminal: self.identity.terminal,
                epoch: self.identity.epoch,
                sequence: Sequence(0),
                request_id: RequestId(request + 1),
            };
            let upload = Request::Upload(Upload { batch: self.next_batch, records: &records });
            self.next_batch += 1;
            if ranges.is_empty() {
                frames.reserve(batches as usize * upload.frame_bytes().expect("a batch fits a frame"));
            }
            let range = upload.append(&ids, &mut frames).expect("a batch fits a frame");
            session.seal(&mut frames[range.clone()]);
            ranges.push(range);
        }
        let (_, opener) = session.into_split();
        ReadyTill { stream, opener, frames, ranges }
    }
}

fn sign_in(
    address: SocketAddr,
    identity: &TerminalIdentity,
    nonce: [u8; NONCE_BYTES],
) -> Result<(TcpStream, Session, Sequence), Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (handshake, hello) = ClientHandshake::start(identity, nonce);
    stream.write_all(&hello)?;
    let (proof, prove) = handshake.on_challenge(&read_frame(&mut stream)?)?;
    stream.write_all(&prove)?;
    let (session, welcome) = proof.on_welcome(&read_frame(&mut stream)?)?;
    Ok((stream, session, welcome.last_sequence))
}

fn read_frame(stream: &mut TcpStream) -> Result<Vec<u8>, Failure> {
    let mut frame = vec![0; LENGTH_PREFIX_BYTES];
    stream.read_exact(&mut frame)?;
    let length = protocol::frame::length(&frame)?.ok_or("a frame without a length")?;
    frame.resize(length, 0);
    stream.read_exact(&mut frame[LENGTH_PREFIX_BYTES..])?;
    Ok(frame)
}

fn unix_ns() -> u64 {
    wal::Clock::wall_ns(&wal::SystemClock)
}

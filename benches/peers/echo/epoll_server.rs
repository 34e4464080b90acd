//! An echo server on bare epoll: one thread, one loop, level-triggered, no runtime. What any runtime costs shows beside
//! it; what a durable write before each round of answers costs, too.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use engine::limits::disk::EndlessPages;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use super::session::EchoSession;

/// Events taken with one system call.
const EVENTS_MAX: usize = 1_024;
/// The listener's token; connections have the others.
const LISTENER: u64 = u64::MAX;

struct Connection {
    stream: TcpStream,
    session: EchoSession,
}

impl Connection {
    fn has_output(&mut self) -> bool {
        !self.session.output().is_empty()
    }
}

/// Serves on the calling thread. With `pages`, what was read in one round of the poll is answered after one durable page,
/// whatever its number. Returns only on a failure.
///
/// # Errors
/// The poll can't be set up, accepting fails, or a page can't be written.
pub fn serve(listener: &TcpListener, mut pages: Option<EndlessPages>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&poll, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
    loop {
        events.clear();
        match epoll::wait(&poll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let token = event.data.u64();
            if token == LISTENER {
                accept(&poll, listener, &mut connections, &mut free)?;
                continue;
            }
            let place = token as usize;
            let answered =
                |connection: &mut Connection| receive(connection) && (pages.is_some() || send(connection));
            keep_if(&mut connections, &mut free, place, answered);
        }
        if let Some(pages) = &mut pages {
            let read = events.iter().map(|event| event.data.u64()).filter(|&token| token != LISTENER);
            let places: Vec<usize> = read.map(|token| token as usize).collect();
            if places.iter().any(|&place| connections[place].as_mut().is_some_and(Connection::has_output)) {
                pages.write()?;
            }
            for place in places {
                keep_if(&mut connections, &mut free, place, send);
            }
        }
    }
}

/// Closes the connection in `place` unless it goes on. Closing the stream takes it out of the poll.
fn keep_if(
    connections: &mut [Option<Connection>],
    free: &mut Vec<usize>,
    place: usize,
    goes_on: impl FnOnce(&mut Connection) -> bool,
) {
    if let Some(connection) = &mut connections[place]
        && !goes_on(connection)
    {
        connections[place] = None;
        free.push(place);
    }
}

fn accept(
    poll: &OwnedFd,
    listener: &TcpListener,
    connections: &mut Vec<Option<Connection>>,
    free: &mut Vec<usize>,
) -> io::Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let place = free.pop().unwrap_or_else(|| {
            connections.push(None);
            connections.len() - 1
        });
        epoll::add(poll, &stream, EventData::new_u64(place as u64), EventFlags::IN)?;
        connections[place] = Some(Connection { stream, session: EchoSession::default() });
    }
}

/// One read. False when the connection is over.
fn receive(Connection { stream, session }: &mut Connection) -> bool {
    let count = match stream.read(session.room()) {
        Ok(0) => return false,
        Ok(count) => count,
        Err(error) => return matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    };
    session.take(count).is_ok()
}

/// One write, if there is anything to send. False when the connection is over; a till with one request in flight always
/// has room for its answer, so a socket that takes less isn't waited for.
fn send(Connection { stream, session }: &mut Connection) -> bool {
    let output = session.output();
    let sent = output.is_empty() || stream.write_all(output).is_ok();
    output.clear();
    sent
}

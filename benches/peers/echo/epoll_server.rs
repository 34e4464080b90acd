//! An echo server on bare epoll: one thread, one loop, level-triggered, no runtime. What any runtime costs shows beside
//! it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;

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

/// Serves on the calling thread. Returns only on a failure.
///
/// # Errors
/// The poll can't be set up, or accepting fails.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
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
            // Closing the stream takes it out of the poll.
            if !connections[place].as_mut().is_some_and(turn) {
                connections[place] = None;
                free.push(place);
            }
        }
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

/// One read and one write. False when the connection is over; a till with one request in flight always has room for its
/// answer, so a socket that takes less isn't waited for.
fn turn(connection: &mut Connection) -> bool {
    let Connection { stream, session } = connection;
    let count = match stream.read(session.room()) {
        Ok(0) => return false,
        Ok(count) => count,
        Err(error) => return matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    };
    if session.take(count).is_err() {
        return false;
    }
    let output = session.output();
    let sent = output.is_empty() || stream.write_all(output).is_ok();
    output.clear();
    sent
}

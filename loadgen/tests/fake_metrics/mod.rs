//! A server's metrics address that answers as told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

/// Answers the n-th request, counted from 0, with this status and body.
pub fn serve(answer: impl Fn(u64) -> (&'static str, String) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for (count, stream) in (0..).zip(listener.incoming()) {
            let mut stream = stream.expect("a connection");
            let mut request = Vec::new();
            let mut part = [0; 1_024];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                let count = stream.read(&mut part).expect("readable");
                assert!(count > 0, "the request ended early: {request:?}");
                request.extend_from_slice(&part[..count]);
            }
            assert!(request.starts_with(b"GET /metrics.json HTTP/1.1\r\n"), "{request:?}");
            let (status, body) = answer(count);
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            stream.write_all((head + &body).as_bytes()).expect("writable");
        }
    });
    address
}

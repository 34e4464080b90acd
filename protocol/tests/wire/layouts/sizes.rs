//! What the tables say of sizes is what the command table says.

use protocol::frame::{HEADER_BYTES, MAC_BYTES};

use super::*;

#[test]
fn sizes_agree_with_the_command_table() {
    assert_eq!(size_of_fields(HEADER), HEADER_BYTES);
    for command in protocol::command_table::COMMANDS {
        let body = body_of(command.kind);
        let fixed = size_of_fields(body.fields);
        match body.items {
            None => {
                assert_eq!(
                    (fixed, fixed),
                    (command.body_bytes_min, command.body_bytes_max),
                    "{}",
                    command.name
                );
            }
            Some(items) => {
                let item = size_of_fields(items.fields);
                assert_eq!((command.body_bytes_max - fixed) % item, 0, "{}", command.name);
                assert_eq!((command.body_bytes_min - fixed) % item, 0, "{}", command.name);
            }
        }
        assert_eq!(command.frame_bytes_max() - command.body_bytes_max, HEADER_BYTES + MAC_BYTES);
    }
}

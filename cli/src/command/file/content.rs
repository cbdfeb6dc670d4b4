//! The bytes of a file, piece by piece, as the server gives them.

use bytes::Bytes;
use chatd::admin::Client;

use super::path;
use crate::{checksum::Checksum, failure::Failure};

/// Fetches a file of `size` bytes and gives each piece to `to`: how many bytes came, and their SHA-256. Fewer come when
/// the server has no more.
pub(crate) async fn fetch(
    client: &Client,
    id: &str,
    size: u64,
    mut to: impl AsyncFnMut(Bytes) -> Result<(), Failure>,
) -> Result<(u64, String), Failure> {
    let path = path(id);
    let (mut at, mut sum) = (0, Checksum::default());
    while at < size {
        let piece = client.get_bytes(&format!("{path}/bytes?from={at}")).await?;
        if piece.is_empty() {
            break;
        }
        sum.add(&piece);
        at += piece.len() as u64;
        to(piece).await?;
    }
    Ok((at, sum.text()))
}

//! Whose address it is: behind a proxy, and in a network where one person has 2^64 of them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// What limits go by: an IPv4 address, or the /64 of an IPv6 address, which is what one customer is given.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The client's address: the right-most one that is not a trusted proxy's, going from the peer backwards
/// through the `X-Forwarded-For` headers in their order. What a client writes there itself stands further
/// left than what the first trusted proxy added, so it is never believed.
pub fn client_address(peer: IpAddr, forwarded_for: &[&str], trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut client = peer.to_canonical();
    let hops = forwarded_for
        .iter()
        .rev()
        .flat_map(|header| header.rsplit(','));
    for hop in hops {
        if !is_trusted(&client) {
            break;
        }
        // What a trusted proxy says is no address cannot be followed further.
        let Some(address) = parse(hop.trim()) else {
            break;
        };
        client = address;
    }
    client
}

/// An address, with a port or in brackets as some proxies write it.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop
        .strip_prefix('[')
        .and_then(|hop| hop.strip_suffix(']'))
        .unwrap_or(hop);
    let address = bare
        .parse()
        .or_else(|_| hop.parse().map(|socket: SocketAddr| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_ipv6_customer_is_one_network() {
        assert_eq!(network(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_ne!(
            network(ip("2001:db8:1:2::1")),
            network(ip("2001:db8:1:3::1"))
        );
        assert_eq!(network(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(network(ip("192.0.2.1")), ip("192.0.2.1"));
    }

    #[test]
    fn the_client_is_the_right_most_hop_that_is_no_proxy() {
        let trusted: Vec<IpNet> = ["127.0.0.0/8", "10.0.0.0/8", "::1/128"]
            .map(|net| net.parse().unwrap())
            .into();
        for (peer, headers, client) in [
            ("203.0.113.9", &[][..], "203.0.113.9"),
            ("203.0.113.9", &["1.2.3.4"][..], "203.0.113.9"),
            ("127.0.0.1", &[][..], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.7"][..], "198.51.100.7"),
            ("::ffff:127.0.0.1", &["198.51.100.7"][..], "198.51.100.7"),
            (
                "::1",
                &["1.2.3.4, 198.51.100.7, 10.0.0.2"][..],
                "198.51.100.7",
            ),
            (
                "::1",
                &["1.2.3.4", "198.51.100.7,10.0.0.2"][..],
                "198.51.100.7",
            ),
            (
                "127.0.0.1",
                &["::ffff:10.0.0.1", "10.0.0.2"][..],
                "10.0.0.1",
            ),
            ("127.0.0.1", &["198.51.100.7:4711"][..], "198.51.100.7"),
            ("127.0.0.1", &["[2001:db8::1]:4711"][..], "2001:db8::1"),
            ("127.0.0.1", &["[2001:db8::1]"][..], "2001:db8::1"),
            ("127.0.0.1", &["1.2.3.4, unknown"][..], "127.0.0.1"),
            ("127.0.0.1", &["1.2.3.4, unknown, 10.0.0.2"][..], "10.0.0.2"),
            ("127.0.0.1", &[""][..], "127.0.0.1"),
        ] {
            assert_eq!(
                client_address(ip(peer), headers, &trusted),
                ip(client),
                "{peer} {headers:?}"
            );
        }
        assert_eq!(
            client_address(ip("127.0.0.1"), &["1.2.3.4"], &[]),
            ip("127.0.0.1")
        );
    }
}

//! Which addresses a delivery may go to: by default none of this machine, of the networks behind it, or of what a
//! provider tells machines about themselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not for deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barred {
    /// Nobody's webhook is there: link-local, where providers keep a machine's own credentials, multicast, nobody's.
    Always(&'static str),
    /// This machine or a private network: for who says so.
    Private(&'static str),
}

impl Barred {
    /// What it is called, in a sentence.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Always(what) | Self::Private(what) => what,
        }
    }
}

/// Refuses an address, unless it is one for deliveries.
pub(super) fn check(address: IpAddr, allow_private: bool) -> Result<(), Barred> {
    match barred(address) {
        Some(Barred::Private(_)) if allow_private => Ok(()),
        Some(barred) => Err(barred),
        None => Ok(()),
    }
}

fn barred(address: IpAddr) -> Option<Barred> {
    match address {
        IpAddr::V4(v4) => barred_v4(v4),
        IpAddr::V6(v6) => barred_v6(v6),
    }
}

fn barred_v4(address: Ipv4Addr) -> Option<Barred> {
    let [a, b, c, _] = address.octets();
    Some(match (a, b, c) {
        (127, ..) => Barred::Private("loopback"),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Barred::Private("a private network"),
        (100, 64..=127, _) => Barred::Private("a provider's shared network"),
        (192, 0, 0 | 2) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => {
            Barred::Private("a network that is not on the internet")
        }
        (169, 254, _) => Barred::Always("link-local, where providers keep a machine's metadata"),
        (0, ..) => Barred::Always("no address of anybody"),
        (192, 88, 99) => Barred::Always("a relay that is no more"),
        (224..=239, ..) => Barred::Always("multicast"),
        (240..=255, ..) => Barred::Always("reserved"),
        _ => return None,
    })
}

fn barred_v6(address: Ipv6Addr) -> Option<Barred> {
    let parts = address.segments();
    let inside = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        barred_v4(Ipv4Addr::new(a, b, c, d))
    };
    Some(match parts {
        [0, 0, 0, 0, 0, 0, 0, 0] => Barred::Always("no address of anybody"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Barred::Private("loopback"),
        // An IPv4 address in another coat: mapped, compatible, translated.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            return inside(high, low);
        }
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Barred::Always("a provider's metadata"),
        [0x64, 0xff9b, ..] | [0xfc00..=0xfdff, ..] => Barred::Private("a private network"),
        [0xfe80..=0xfebf, ..] => Barred::Always("link-local"),
        [0xff00..=0xffff, ..] => Barred::Always("multicast"),
        // What carries IPv4 inside, wherever that leads.
        [0x2001, 0, ..] | [0x2002, ..] => Barred::Always("a tunnel to an IPv4 address"),
        [0x2001, 0xdb8 | 1..=0x1ff, ..] | [0x3fff, 0..=0xfff, ..] => {
            Barred::Private("a network that is not on the internet")
        }
        [0x2000..=0x3fff, ..] => return None,
        _ => Barred::Always("reserved"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_internet_is_for_deliveries() {
        for text in [
            "1.1.1.1",
            "93.184.216.34",
            "172.32.0.1",
            "100.128.0.1",
            "169.253.1.1",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
        ] {
            assert_eq!(check(text.parse().unwrap(), false), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_near_is_for_who_says_so() {
        for text in [
            "127.0.0.1",
            "127.8.9.1",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.2.1",
            "198.19.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "::127.0.0.1",
            "64:ff9b::192.168.1.1",
            "64:ff9b:1::1",
            "fd12:3456::1",
            "2001:db8::1",
        ] {
            let address = text.parse().unwrap();
            assert!(
                matches!(check(address, false), Err(Barred::Private(_))),
                "{text}"
            );
            assert_eq!(check(address, true), Ok(()), "{text}");
        }
    }

    #[test]
    fn nobody_sends_to_metadata_or_to_nowhere() {
        for text in [
            "169.254.169.254",
            "169.254.170.2",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "fd00:ec2::254",
            "fe80::1",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "::ffff:0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
            "2002:7f00:1::",
            "2001:0:1::",
            "4000::1",
        ] {
            let address = text.parse().unwrap();
            for allowed in [false, true] {
                let refused = check(address, allowed);
                assert!(
                    matches!(refused, Err(Barred::Always(_))),
                    "{text} {refused:?}"
                );
            }
        }
    }
}

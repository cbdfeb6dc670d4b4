//! Banning address ranges.

use std::{net::IpAddr, time::Duration};

use ipnet::{IpNet, Ipv4Net};
use serde_json::json;

use super::Moderation;
use crate::{
    model::{AddressBan, Authority, Permission, Reason, Refusal},
    rights,
    store::Write,
};

/// How many ranges can be banned: each request is compared with all of them.
const MOST: usize = 1000;
/// The widest ranges that can be banned, by the length of their prefix: a typing mistake should not shut out
/// half the world.
const WIDEST: (u8, u8) = (8, 16);

impl Moderation {
    /// Refuses an address that is banned.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let policy = self.log.policy();
        if policy.address_bans.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        match policy.address_bans.iter().find(|b| b.holds(address, now)) {
            Some(ban) => Err(Refusal::Banned {
                until: ban.until,
                reason: ban.reason.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Bans a range of addresses: nothing from them is answered any more, and their sockets are closed.
    pub async fn ban_addresses(
        &self,
        by: &Authority,
        network: IpNet,
        lifetime: Option<Duration>,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<AddressBan, Refusal> {
        self.check_permission(by, Permission::ServerManage).await?;
        let network = canonical(network);
        check_range(network)?;
        if let Authority::Caller(caller) = by
            && network.contains(&caller.address.to_canonical())
        {
            let what = "your own address is among them; you would shut yourself out";
            return Err(Refusal::Conflict(what.into()));
        }
        let at = self.clock.now();
        let ban = AddressBan {
            network,
            until: lifetime.map(|l| at.plus(l)),
            reason,
            by: by.user(),
            at,
        };
        let (touches, by, made) = (by.touching(&[]), by.clone(), ban.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::ServerManage))?;
                let policy = draft.policy();
                let again = policy.address_bans.iter().any(|b| b.network == network);
                if !again && policy.address_bans.len() >= MOST {
                    let what = format!("{MOST} ranges are banned already; lift one first");
                    return Err(Refusal::Conflict(what));
                }
                let detail = json!({"until": made.until, "reason": made.reason});
                let text = network.to_string();
                let personal = [("network", text.as_str())];
                draft.act("address.ban", &by.actor(), None, detail, &personal);
                draft.write(Write::PutAddressBan(made.clone()));
                Ok(())
            });
        done.await?;
        Ok(ban)
    }

    /// Lets a range of addresses in again.
    pub async fn unban_addresses(
        &self,
        by: &Authority,
        network: IpNet,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        self.check_permission(by, Permission::ServerManage).await?;
        let network = canonical(network);
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::ServerManage))?;
                let policy = draft.policy();
                if !policy.address_bans.iter().any(|b| b.network == network) {
                    return Err(Refusal::NotFound("address ban"));
                }
                let text = network.to_string();
                let personal = [("network", text.as_str())];
                draft.act("address.unban", &by.actor(), None, json!(null), &personal);
                draft.write(Write::DeleteAddressBan(network));
                Ok(())
            });
        done.await.map(drop).map_err(Into::into)
    }

    /// The ranges that are banned now, the newest first.
    pub async fn address_bans(&self, by: &Authority) -> Result<Vec<AddressBan>, Refusal> {
        self.check_permission(by, Permission::ServerManage).await?;
        let now = self.clock.now();
        let mut bans = self.log.policy().address_bans.clone();
        bans.retain(|ban| ban.until.is_none_or(|until| now < until));
        bans.sort_by_key(|ban| std::cmp::Reverse(ban.at));
        Ok(bans)
    }
}

/// The range without what its prefix does not cover, and IPv4 as IPv4: addresses are compared in that form,
/// so one that is banned as `::ffff:198.51.100.7` would be let in.
fn canonical(network: IpNet) -> IpNet {
    let network = network.trunc();
    if let IpNet::V6(v6) = network
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(prefix) = v6.prefix_len().checked_sub(96)
        && let Ok(v4) = Ipv4Net::new(v4, prefix)
    {
        return v4.into();
    }
    network
}

fn check_range(network: IpNet) -> Result<(), Refusal> {
    let widest = match network {
        IpNet::V4(_) => WIDEST.0,
        IpNet::V6(_) => WIDEST.1,
    };
    if network.prefix_len() < widest {
        return Err(Refusal::field(
            "network",
            format!("a range is /{widest} at the widest; ban several if you mean it"),
        ));
    }
    let home = [
        IpAddr::from([127, 0, 0, 1]),
        IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
    ];
    if home.iter().any(|address| network.contains(address)) {
        let what = "this is this machine itself, and every client behind a proxy on it";
        return Err(Refusal::field("network", what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_however_it_is_written() {
        for (written, meant) in [
            ("198.51.100.7/24", "198.51.100.0/24"),
            ("::ffff:198.51.100.7/128", "198.51.100.7/32"),
            ("::ffff:198.51.100.0/120", "198.51.100.0/24"),
            ("2001:db8::1/32", "2001:db8::/32"),
        ] {
            let canonical = canonical(written.parse().unwrap());
            assert_eq!(canonical, meant.parse().unwrap(), "{written}");
        }
    }

    #[test]
    fn this_machine_is_not_shut_out_in_any_spelling() {
        for home in ["127.0.0.0/8", "::1/128", "::ffff:127.0.0.1/128", "::/16"] {
            let network = canonical(home.parse().unwrap());
            assert!(check_range(network).is_err(), "{home}");
        }
        assert!(check_range(canonical("::ffff:1.0.0.0/100".parse().unwrap())).is_err());
    }
}

//! What the figures mean for whoever runs a server.

use super::{
    figures::{Figures, Latency, Talked},
    setup::Need,
};
use crate::output::{bytes, number};

/// How much of a processor is planned with: the rest is for what a measurement does not have, such as logins,
/// history, backups, and an evening that is busier than others.
const SHARE: f64 = 0.7;
/// From here on, in percent of a processor, what a server uses is for the load and not for itself.
const ENOUGH: f64 = 20.0;
/// From here on a thread of the generator is busy all the time.
const BUSY: f64 = 92.0;

/// Of messages.
pub(super) fn talk(need: &Need, rate: Option<f64>, figures: &Figures) -> Vec<String> {
    let mut words = Vec::new();
    let Some(talk) = &figures.talk else {
        return words;
    };
    let (messages, deliveries) = (
        whole(talk.messages_per_second),
        whole(talk.deliveries_per_second),
    );
    match rate {
        None => words.push(format!(
            "At its most, {} people in {} had {messages} messages a second, each durable before it was \
             acknowledged: {deliveries} deliveries a second.",
            number(need.connections() as u64),
            crate::output::count(need.rooms as u64, "room"),
        )),
        Some(_) if talk.kept_up => words.push(format!(
            "It kept up with what was offered: {messages} messages and {deliveries} deliveries a second."
        )),
        Some(rate) => words.push(format!(
            "It did not keep up: {rate} messages a second were offered, and it did {messages}. Offer less, or give it \
             more."
        )),
    }
    words.extend(soon(talk));
    words.extend(price(need, figures));
    words.extend(busy(figures));
    words
}

/// How soon.
fn soon(talk: &Talked) -> Option<String> {
    let (acknowledged, delivered) = (talk.acknowledged.as_ref()?, talk.delivered.as_ref()?);
    Some(format!(
        "Of 100 messages 99 were acknowledged within {} and came to everybody within {}; the slowest took {}.",
        time(acknowledged.p99_us),
        time(delivered.p99_us),
        time(delivered.max_us.max(acknowledged.max_us)),
    ))
}

/// What it costs, and how many people that is.
fn price(need: &Need, figures: &Figures) -> Option<String> {
    let server = figures.server?;
    let each = server.cpu_us_per_delivery?;
    let cost = format!(
        "A delivery costs {each:.2} µs of the server's CPU, which was busy {:.0} % of one processor.",
        server.cpu_percent
    );
    if server.cpu_percent < ENOUGH {
        return Some(format!(
            "{cost} That is too little to tell what the machine carries: most of it is not for the messages."
        ));
    }
    Some(format!(
        "{cost} At that price one processor that is busy {:.0} % carries {} people in rooms of {} who each write \
         once a minute.",
        SHARE * 100.0,
        number(people(need.members, each)),
        number(need.members as u64),
    ))
}

/// How many people who write once a minute in rooms of this size one processor carries.
fn people(members: usize, us_per_delivery: f64) -> u64 {
    let deliveries = 1e6 * SHARE / us_per_delivery.max(1e-3);
    let people = deliveries * 60.0 / members.max(1) as f64;
    // Two digits say enough.
    let digits = people.max(1.0).log10().floor().max(1.0) - 1.0;
    let step = 10_f64.powf(digits);
    ((people / step).floor() * step) as u64
}

/// That it was the generator, where it was.
fn busy(figures: &Figures) -> Option<String> {
    let client = figures.client?;
    let each = client.cpu_percent / figures.threads.max(1) as f64;
    (each >= BUSY).then(|| {
        format!(
            "The load generator was busy all the time ({each:.0} % of each of its {}), so the server may do more than \
             this: give it more --threads, or another machine.",
            crate::output::count(figures.threads as u64, "thread")
        )
    })
}

/// Of connections that do nothing.
pub(super) fn idle(need: &Need, figures: &Figures) -> Vec<String> {
    let mut words = Vec::new();
    let Some(idle) = &figures.idle else {
        return words;
    };
    if let (Some(each), Some(first), Some(last)) = (
        idle.bytes_per_connection,
        idle.steps.first(),
        idle.steps.last(),
    ) {
        words.push(format!(
            "A connection that is logged in and listens takes {} of the server's memory, after traffic (the slope from \
             {} to {} connections).",
            size(each),
            number(first.connections as u64),
            number(last.connections as u64),
        ));
        let more = 100_000_f64 - last.connections as f64;
        if more > 0.0 {
            words.push(format!(
                "100,000 of them would take {}; {} take {} now.",
                bytes((last.memory_bytes as f64 + each * more).max(0.0) as u64),
                number(last.connections as u64),
                bytes(last.memory_bytes),
            ));
        }
    } else {
        words.push(format!(
            "{} connections stood; what they take is not known without the server's process.",
            number(need.connections() as u64)
        ));
    }
    if let Some(each) = idle.bytes_per_subscription {
        words.push(format!(
            "Each further room that a connection listens to takes {}.",
            size(each)
        ));
    }
    if let Some(each) = idle.cpu_us_per_connection_second {
        let percent = each * 100_000.0 / 10_000.0;
        words.push(format!(
            "At rest a connection takes {each:.2} µs of CPU time a second: 100,000 would keep one processor busy \
             {percent:.1} %."
        ));
    }
    words
}

/// Of a storm.
pub(super) fn storm(figures: &Figures) -> Vec<String> {
    let mut words = Vec::new();
    let Some(returned) = &figures.returned else {
        return words;
    };
    let worst = returned
        .all_back_seconds
        .iter()
        .copied()
        .fold(0.0, f64::max);
    let rounds = returned.all_back_seconds.len().max(1) as u64;
    let away = returned.connections / rounds;
    words.push(format!(
        "When {} connections came back at one moment, all of them had what they missed within {worst:.1} s \
         ({} a second).",
        number(away),
        number((away as f64 / worst.max(1e-3)) as u64),
    ));
    words.extend(returned.resumed.as_ref().map(back));
    words.extend(busy(figures));
    words
}

/// Of coming and going.
pub(super) fn churn(need: &Need, rate: f64, figures: &Figures) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(returned) = &figures.returned {
        words.push(format!(
            "{} connections broke and came back while people talked.",
            number(returned.connections)
        ));
        words.extend(returned.resumed.as_ref().map(back));
    }
    words.extend(talk(need, Some(rate), figures));
    words
}

fn back(resumed: &Latency) -> String {
    format!(
        "Half of them were back within {}, 99 of 100 within {}, the last after {}.",
        time(resumed.p50_us),
        time(resumed.p99_us),
        time(resumed.max_us),
    )
}

/// A length of time, as people say it.
pub(super) fn time(us: u64) -> String {
    match us {
        0..1000 => format!("{us} µs"),
        1000..10_000 => format!("{:.1} ms", us as f64 / 1e3),
        10_000..1_000_000 => format!("{:.0} ms", us as f64 / 1e3),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

/// A size that may be less than nothing, by what else the server gave back.
fn size(of: f64) -> String {
    if of < 1000.0 {
        format!("{of:.0} bytes")
    } else {
        format!("{:.1} KB", of / 1000.0)
    }
}

fn whole(value: f64) -> String {
    number(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_told_in_people() {
        // 1 µs a delivery: 700,000 a second, each message of a room of 100 is 100 of them.
        assert_eq!(people(100, 1.0), 420_000);
        assert_eq!(people(2, 13.0), 1_600_000);
        assert_eq!(people(100_000, 1000.0), 0);
    }

    #[test]
    fn times_and_sizes_are_readable() {
        assert_eq!(time(999), "999 µs");
        assert_eq!(time(1234), "1.2 ms");
        assert_eq!(time(56_789), "57 ms");
        assert_eq!(time(2_345_678), "2.3 s");
        assert_eq!(
            (size(96.4), size(4567.0)),
            ("96 bytes".into(), "4.6 KB".into())
        );
    }
}

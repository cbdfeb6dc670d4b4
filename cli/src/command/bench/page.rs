//! How it looks for people.

use std::fmt::Write as _;

use super::{
    figures::{Latency, Use},
    scenario::{Report, Scenario},
    words::time,
};
use crate::output::{Facts, bytes, escape, number, table};

/// What will be done.
pub(super) fn plan(scenario: &str, url: &str, plan: &[String]) -> String {
    let mut text = format!("chatd bench {scenario} will, at {}:\n", escape(url));
    for line in plan {
        writeln!(text, "  - {line}").expect("a String takes it");
    }
    text
}

/// What came of it.
pub(super) fn page<S: Scenario>(report: &Report<'_, S>) -> String {
    let Some(figures) = &report.figures else {
        return String::new();
    };
    let mut facts = Facts::default();
    if let Some(talk) = &figures.talk {
        facts = facts
            .with(
                "messages",
                format!(
                    "{} a second, {} in all",
                    number(talk.messages_per_second.round() as u64),
                    number(talk.messages)
                ),
            )
            .with(
                "deliveries",
                format!(
                    "{} a second, {} in all",
                    number(talk.deliveries_per_second.round() as u64),
                    number(talk.deliveries)
                ),
            );
    }
    if let Some(idle) = &figures.idle {
        let each = |bytes: Option<f64>| bytes.map(|bytes| format!("{bytes:.0} bytes"));
        facts = facts
            .maybe("a connection", each(idle.bytes_per_connection))
            .maybe("a further room", each(idle.bytes_per_subscription))
            .maybe(
                "at rest",
                idle.cpu_us_per_connection_second
                    .map(|us| format!("{us:.3} µs of CPU for each connection in a second")),
            );
    }
    if let Some(returned) = &figures.returned {
        facts = facts.with(
            "came back",
            format!(
                "{} connections, {} events told again",
                number(returned.connections),
                number(returned.replayed)
            ),
        );
    }
    facts = facts
        .maybe("server", figures.server.map(used))
        .maybe("this side", figures.client.map(used))
        .with(
            "checks",
            if figures.checks.ok() {
                "nothing lost, repeated, out of order or altered".to_owned()
            } else {
                figures.checks.words()
            },
        );
    let title = format!("{} for {:.1} s", S::NAME, figures.seconds);
    let mut text = facts.under(&title);
    let talk = figures.talk.as_ref();
    let returned = figures.returned.as_ref();
    let idle = figures.idle.as_ref();
    let rows = [
        (
            "acknowledged",
            talk.and_then(|talk| talk.acknowledged.as_ref()),
        ),
        ("delivered", talk.and_then(|talk| talk.delivered.as_ref())),
        ("back again", returned.and_then(|it| it.resumed.as_ref())),
        ("connected", idle.and_then(|idle| idle.arrived.as_ref())),
    ];
    let rows: Vec<_> = rows
        .into_iter()
        .filter_map(|(what, latency)| Some(row(what, latency?)))
        .collect();
    if !rows.is_empty() {
        let headings = ["AFTER", "#HALF", "#99 %", "#99.9 %", "#ALL"];
        text = format!("{text}\n{}", table(&headings, rows));
    }
    if let Some(idle) = idle.filter(|idle| !idle.steps.is_empty()) {
        let rows = idle.steps.iter().map(|step| {
            vec![
                number(step.connections as u64),
                bytes(step.memory_bytes),
                step.bytes_each
                    .map(|bytes| format!("{bytes:.0}"))
                    .unwrap_or_default(),
            ]
        });
        let headings = ["#CONNECTIONS", "#MEMORY", "#BYTES EACH MORE"];
        text = format!("{text}\n\n{}", table(&headings, rows));
    }
    text = format!("{}\n", text.trim_end());
    for words in &report.words {
        text = format!("{text}\n{words}");
    }
    if !report.left.words.is_empty() {
        text = format!("{text}\n\nCleared up: {}.", report.left.words.join("; "));
    }
    text
}

fn row(what: &str, latency: &Latency) -> Vec<String> {
    let times = [
        latency.p50_us,
        latency.p99_us,
        latency.p999_us,
        latency.max_us,
    ];
    std::iter::once(what.to_owned())
        .chain(times.into_iter().map(time))
        .collect()
}

fn used(of: Use) -> String {
    let each = of.cpu_us_per_delivery.map_or_else(String::new, |us| {
        format!(", {us:.2} µs of CPU for each delivery")
    });
    format!(
        "{:.0} % of a processor{each}, {} of memory",
        of.cpu_percent,
        bytes(of.memory_bytes)
    )
}

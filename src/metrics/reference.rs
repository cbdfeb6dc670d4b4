//! The table for people: `docs/metrics.md`.

use std::fmt::Write as _;

use super::table::{Metric, Read, TABLE};

/// The reference as Markdown: the content of `docs/metrics.md`.
pub fn reference() -> String {
    let mut out = String::from(
        "# Metrics\n\n<!-- Generated from src/metrics/table.rs; a test fails when it is stale. -->\n\n\
         What `GET /metrics` tells on `metrics.listen`. [operating.md](operating.md#metrics) says how to have it \
         read,\nand what to be woken up for. Counters begin at 0 with the process.\n\n\
         | name | type | labels | what it tells |\n|---|---|---|---|\n",
    );
    for metric in TABLE {
        let Metric { name, help, .. } = metric;
        let (kind, labels) = match &metric.read {
            Read::Counter(_) => ("counter", String::new()),
            Read::Counters(label, _) => ("counter", format!("`{label}`")),
            Read::Gauge(_) => ("gauge", String::new()),
            Read::Gauges(label, _) => ("gauge", format!("`{label}`")),
            Read::Timing(_) => ("histogram", "`le`".to_owned()),
            Read::Info(_) => ("info", "`version`, `store`".to_owned()),
        };
        let _infallible = writeln!(out, "| `{name}` | {kind} | {labels} | {help} |");
    }
    out
}

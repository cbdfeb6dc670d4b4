//! The table as text, in either of the two forms that Prometheus reads.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text},
    metrics::MetricType,
    registry::{Registry, Unit},
};

use super::{
    pulse::Pulse,
    reading::Reading,
    table::{Metric, Read, TABLE, number},
};
use crate::stats::Durations;

/// The upper ends of buckets of durations, in seconds. A duration is told at most an eighth too long, and may so
/// fall into the next bucket.
const BOUNDS: [f64; 16] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// A form of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `OpenMetrics` 1.0.
    Open,
    /// The older form of Prometheus, which other tools read.
    Plain,
}

impl Form {
    /// The one that is asked for with `Accept`.
    pub(super) fn wanted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Self::Open
        } else {
            Self::Plain
        }
    }

    /// Its media type.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Open => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Everything, as of now.
pub(super) fn page(pulse: &std::sync::Arc<Pulse>, form: Form) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Everything(std::sync::Arc::clone(pulse))));
    let mut page = String::with_capacity(16 * 1024);
    match form {
        Form::Open => text::encode(&mut page, &registry)?,
        Form::Plain => prometheus_text::encode(&mut page, &registry)?,
    }
    Ok(page)
}

#[derive(Debug)]
struct Everything(std::sync::Arc<Pulse>);

impl Collector for Everything {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let reading = Reading::take(&self.0);
        TABLE
            .iter()
            .try_for_each(|metric| encode(metric, &reading, &mut encoder))
    }
}

fn encode(metric: &Metric, reading: &Reading<'_>, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let kind = match &metric.read {
        Read::Counter(_) | Read::Counters(..) => MetricType::Counter,
        // What is not known is left out.
        Read::Gauge(read) if read(reading).is_none() => return Ok(()),
        Read::Gauges(_, read) if read(reading).is_empty() => return Ok(()),
        Read::Gauge(_) | Read::Gauges(..) => MetricType::Gauge,
        Read::Timing(_) => MetricType::Histogram,
        Read::Info(_) => MetricType::Info,
    };
    let (name, unit) = split(metric.name);
    let mut to = to.encode_descriptor(name, metric.help, unit.as_ref(), kind)?;
    match &metric.read {
        Read::Counter(read) => to.encode_counter::<NoLabelSet, _, f64>(&read(reading), None),
        Read::Counters(label, read) => read(reading).iter().try_for_each(|(value, count)| {
            let labels = [(*label, *value)];
            let mut to = to.encode_family(&labels)?;
            to.encode_counter::<NoLabelSet, _, f64>(count, None)
        }),
        Read::Gauge(read) => read(reading).map_or(Ok(()), |level| to.encode_gauge(&level)),
        Read::Gauges(label, read) => read(reading).iter().try_for_each(|(value, level)| {
            let labels = [(*label, *value)];
            to.encode_family(&labels)?.encode_gauge(level)
        }),
        Read::Timing(read) => histogram(read(reading), to),
        Read::Info(read) => to.encode_info(&read(reading)),
    }
}

fn histogram(durations: &Durations, mut to: MetricEncoder<'_>) -> fmt::Result {
    let sum = number(durations.sum_us) / 1e6;
    to.encode_histogram::<NoLabelSet>(sum, durations.count(), &fold(durations), None)
}

/// Many buckets into a few; the last has no end.
fn fold(durations: &Durations) -> Vec<(f64, u64)> {
    let mut folded: Vec<_> = BOUNDS.iter().map(|end| (*end, 0)).collect();
    folded.push((f64::INFINITY, 0));
    for (highest, count) in &durations.buckets {
        let longest = number(*highest) / 1e6;
        if let Some(bucket) = folded.iter_mut().find(|(end, _)| longest <= *end) {
            bucket.1 += count;
        }
    }
    folded
}

/// A name without what the encoder puts behind it by itself, and the unit.
fn split(name: &'static str) -> (&'static str, Option<Unit>) {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let name = name.strip_suffix("_info").unwrap_or(name);
    for (unit, word) in [(Unit::Seconds, "_seconds"), (Unit::Bytes, "_bytes")] {
        if let Some(name) = name.strip_suffix(word) {
            return (name, Some(unit));
        }
    }
    (name, None)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::stats::Histogram;

    #[test]
    fn buckets_hold_all_that_was_counted() {
        let counted = Histogram::default();
        for us in [50, 90, 110, 999, 1001, 3_000_000, 90_000_000] {
            counted.record(Duration::from_micros(us));
        }
        let folded = fold(&counted.read());
        let up_to = |bound: f64| -> u64 {
            let below = folded.iter().filter(|(end, _)| *end <= bound);
            below.map(|(_, count)| count).sum()
        };
        assert_eq!(up_to(0.0001), 2);
        assert_eq!(up_to(0.0025), 5);
        assert_eq!(up_to(10.0), 6);
        assert_eq!(up_to(f64::INFINITY), 7);
    }

    #[test]
    fn names_are_by_the_rules_and_there_once() {
        let mut names: Vec<_> = TABLE.iter().map(|metric| metric.name).collect();
        for metric in TABLE {
            let name = metric.name;
            let legal = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.chars().all(legal), "{name}");
            assert!(
                name.starts_with("chatd_") || name.starts_with("process_"),
                "{name}"
            );
            let grows = matches!(metric.read, Read::Counter(_) | Read::Counters(..));
            assert_eq!(grows, name.ends_with("_total"), "{name}");
            let timed = matches!(metric.read, Read::Timing(_));
            assert!(!timed || name.ends_with("_duration_seconds"), "{name}");
            assert!(!metric.help.ends_with('.'), "{name}");
        }
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn the_form_is_the_one_asked_for() {
        let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
        assert_eq!(Form::wanted(prometheus), Form::Open);
        assert_eq!(Form::wanted("*/*"), Form::Plain);
    }
}

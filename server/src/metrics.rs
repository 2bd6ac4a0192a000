//! What the server counts, as `/metrics` shows it to Prometheus. The list is in `docs/server.md`; a test compares.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// A table by the parts of its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct TableLabels {
    catalog: String,
    namespace: String,
    table: String,
}

impl TableLabels {
    /// From the full name. Names with fewer parts have no catalog, or no namespace either.
    pub(crate) fn new(name: &str) -> Self {
        let parts: Vec<&str> = name.split('.').collect();
        let (catalog, namespace, table) = match parts.as_slice() {
            [catalog, namespace @ .., table] if !namespace.is_empty() => (*catalog, namespace.join("."), *table),
            [namespace, table] => ("", (*namespace).to_owned(), *table),
            _ => ("", String::new(), name),
        };
        Self { catalog: catalog.to_owned(), namespace, table: table.to_owned() }
    }
}

/// Why something went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ReasonLabels {
    reason: String,
}

/// Counters and gauges.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Streams that are open.
    pub(crate) streams_open: Gauge,
    /// Streams that were opened.
    streams: Family<TableLabels, Counter>,
    rows: Family<TableLabels, Counter>,
    bytes: Family<TableLabels, Counter>,
    watermark: Family<TableLabels, Gauge<i64, AtomicI64>>,
    failures: Family<ReasonLabels, Counter>,
    /// Positions that were kept for groups.
    pub(crate) positions_kept: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("frazil");
        let (streams_open, positions_kept) = (Gauge::default(), Counter::default());
        let (streams, rows, bytes) = (Family::default(), Family::default(), Family::default());
        let (watermark, failures) = (Family::default(), Family::default());
        registry.register("streams_open", "Streams that are open", streams_open.clone());
        registry.register("streams_opened", "Streams that were opened", Family::clone(&streams));
        registry.register("stream_rows", "Rows that were sent", Family::clone(&rows));
        registry.register("stream_bytes", "Bytes of messages that were sent", Family::clone(&bytes));
        registry.register(
            "stream_snapshot_watermark_milliseconds",
            "Commits up to this time have been sent by the stream that is furthest, milliseconds since the epoch",
            Family::clone(&watermark),
        );
        registry.register("stream_failures", "Streams that ended with an error", Family::clone(&failures));
        registry.register("positions_kept", "Positions that were kept for groups", positions_kept.clone());
        registry.register("build", "This program", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        Self { registry, streams_open, streams, rows, bytes, watermark, failures, positions_kept }
    }
}

impl Metrics {
    /// In the text format of OpenMetrics.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// What is counted of one stream of a table.
    pub(crate) fn stream(self: &Arc<Self>, table: &str) -> StreamMetrics {
        let labels = TableLabels::new(table);
        self.streams_open.inc();
        self.streams.get_or_create(&labels).inc();
        StreamMetrics {
            rows: self.rows.get_or_create_owned(&labels),
            bytes: self.bytes.get_or_create_owned(&labels),
            watermark: self.watermark.get_or_create_owned(&labels),
            metrics: self.clone(),
        }
    }
}

/// Counts for one stream, which is open until this is dropped.
#[derive(Debug)]
pub(crate) struct StreamMetrics {
    metrics: Arc<Metrics>,
    rows: Counter,
    bytes: Counter,
    watermark: Gauge<i64, AtomicI64>,
}

impl StreamMetrics {
    pub(crate) fn sent(&self, n_rows: usize, n_bytes: usize) {
        self.rows.inc_by(n_rows as u64);
        self.bytes.inc_by(n_bytes as u64);
    }

    pub(crate) fn watermark(&self, ms: i64) {
        if self.watermark.get() < ms {
            self.watermark.set(ms);
        }
    }

    pub(crate) fn failed(&self, reason: &str) {
        self.metrics.failures.get_or_create(&ReasonLabels { reason: reason.to_owned() }).inc();
    }
}

impl Drop for StreamMetrics {
    fn drop(&mut self) {
        self.metrics.streams_open.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_shown() {
        let metrics = Arc::new(Metrics::default());
        let stream = metrics.stream("prod.db.orders");
        stream.sent(3, 100);
        stream.watermark(5);
        stream.watermark(4);
        stream.failed("SNAPSHOT_EXPIRED");
        let text = metrics.text();
        let labels = r#"{catalog="prod",namespace="db",table="orders"}"#;
        for line in [
            "frazil_streams_open 1".to_owned(),
            format!("frazil_stream_rows_total{labels} 3"),
            format!("frazil_stream_bytes_total{labels} 100"),
            format!("frazil_stream_snapshot_watermark_milliseconds{labels} 5"),
            r#"frazil_stream_failures_total{reason="SNAPSHOT_EXPIRED"} 1"#.to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        drop(stream);
        assert!(metrics.text().contains("frazil_streams_open 0"));
    }

    #[test]
    fn every_metric_is_documented() {
        let documented = include_str!("../../docs/server.md");
        for line in Metrics::default().text().lines() {
            if let Some(name) = line.strip_prefix("# TYPE ").and_then(|line| line.split(' ').next()) {
                assert!(documented.contains(&format!("`{name}")), "{name} is not in docs/server.md");
            }
        }
    }
}

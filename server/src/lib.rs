//! Changes of tables over Arrow Flight and gRPC, and their compaction by schedule.

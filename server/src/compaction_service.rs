//! The gRPC service `Compaction`: what clients ask of the daemon.

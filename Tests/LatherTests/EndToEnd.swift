import Testing

/// The real program, started as a process of its own and spoken to over real sockets.
///
/// One test at a time: several of them measure, and each starts servers that want all cores.
@Suite(.serialized) struct EndToEnd {}

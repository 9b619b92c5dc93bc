import Testing

/// Tests that run servers. One after another, because some of them count this process's descriptors and threads.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ServerTests {}

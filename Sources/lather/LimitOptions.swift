import ArgumentParser
import HTTPServer

/// The options of `lather serve` that bound what clients may take of it.
struct LimitOptions: ParsableArguments {
    @Option(help: "Bytes of bodies and large answers in memory at once. (default: a quarter of memory, at least --max-body-bytes)")
    var maxBytesInFlight: Int?

    @Option(help: "Bytes of a request's head; its first line may take half of them. (default: 16384)")
    var maxHeadBytes: Int?

    @Option(help: "Header fields of a request. (default: 100)")
    var maxHeadFields: Int?

    @Option(help: "Connections in all. (default: 16384)")
    var maxConnections: Int?

    @Option(help: "Connections from one address. (default: 4096)")
    var maxConnectionsPerAddress: Int?

    @Option(help: "Clients that are sent a run's events at once. (default: 256)")
    var maxEventStreams: Int?

    @Option(help: "Seconds from the first byte of a request's head to its last. (default: 15)")
    var headTimeout: Int?

    @Option(help: "Seconds that a connection may stay without a request. (default: 300)")
    var idleTimeout: Int?

    @Option(help: "Seconds that a body, or the reading of an answer, may pause. (default: 30)")
    var transferTimeout: Int?

    @Option(help: "Bytes a second at which a body must arrive, and an answer be read, on average. (default: 1024)")
    var minTransferRate: Int?

    @Option(help: "Seconds that a body or an answer may take, however large it is. (default: 1800)")
    var maxTransferTime: Int?

    /// Writes what is set over the defaults of the server.
    ///
    /// - Parameter memory: bytes that this process may use.
    func apply(to server: inout ServerConfiguration, from settings: Settings, maximumBodyByteCount: Int, memory: Int) throws(Failure) {
        let seconds = 1...86_400
        server.maximumBodyBytesInFlight =
            try settings.number(maxBytesInFlight, "max-bytes-in-flight", 1...(.max)) ?? max(memory / 4, maximumBodyByteCount)
        if let bytes = try settings.number(maxHeadBytes, "max-head-bytes", 1_024...1 << 20) {
            server.head.bytes = bytes
            server.head.requestLineBytes = bytes / 2
        }
        if let count = try settings.number(maxHeadFields, "max-head-fields", 1...10_000) { server.head.fields = count }
        if let count = try settings.number(maxConnections, "max-connections", 1...1 << 20) { server.maximumConnections = count }
        if let count = try settings.number(maxConnectionsPerAddress, "max-connections-per-address", 1...1 << 20) {
            server.maximumConnectionsPerAddress = count
        }
        if let count = try settings.number(maxEventStreams, "max-event-streams", 0...1 << 20) { server.maximumEventStreams = count }
        if let time = try settings.number(headTimeout, "head-timeout", seconds) { server.headTimeout = .seconds(time) }
        if let time = try settings.number(idleTimeout, "idle-timeout", seconds) { server.keepAliveTimeout = .seconds(time) }
        var transfers = server.receiving
        if let time = try settings.number(transferTimeout, "transfer-timeout", seconds) { transfers.grace = .seconds(time) }
        if let rate = try settings.number(minTransferRate, "min-transfer-rate", 1...1 << 30) { transfers.minimumBytesPerSecond = rate }
        if let time = try settings.number(maxTransferTime, "max-transfer-time", seconds) { transfers.longest = .seconds(time) }
        server.receiving = transfers
        server.sending = transfers
    }
}

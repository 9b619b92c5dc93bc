public import Foundation
public import HTTPServer

/// What the API needs to know besides the runs.
public struct Configuration: Sendable {
    /// The server's version, as `/v1` shows it.
    public var version: String
    /// Bodies larger than this, in bytes, are refused before they are read.
    public var maximumBodyByteCount: Int
    /// What the server puts up with, for reports.
    public var server: ServerConfiguration
    /// What the server counts, for `/metrics`.
    public var meter: ServerMeter
    /// The bearer token that every path but `/healthz/*` and the dashboard needs; nil lets everyone in.
    public var token: String?
    /// The directory of the dashboard's files; nil when there is none.
    public var publicDirectory: URL?
    /// The file served at `/openapi.yaml`; nil when there is none.
    public var contractFile: URL?
    /// Compute threads, for reports.
    public var threadCount: Int

    /// The facts that resources show, and the limits that they keep.
    public init(
        version: String, maximumBodyByteCount: Int, server: ServerConfiguration, meter: ServerMeter, token: String?, publicDirectory: URL?,
        contractFile: URL?, threadCount: Int
    ) {
        self.version = version
        self.maximumBodyByteCount = maximumBodyByteCount
        self.server = server
        self.meter = meter
        self.token = token
        self.publicDirectory = publicDirectory
        self.contractFile = contractFile
        self.threadCount = threadCount
    }
}

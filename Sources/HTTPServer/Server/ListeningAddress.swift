/// Where a server listens in fact.
public enum ListeningAddress: Sendable, Equatable, CustomStringConvertible {
    /// A numeric address and the port that was picked.
    case tcp(host: String, port: Int)
    case unix(path: String)

    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

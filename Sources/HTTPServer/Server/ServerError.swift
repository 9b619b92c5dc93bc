/// Why a server cannot start.
public enum ServerError: Error, Sendable, CustomStringConvertible {
    /// Another process (or server) listens there.
    case addressInUse(String)
    /// The host name means nothing here.
    case unknownHost(String)
    /// The system refused; `reason` is its own description.
    case cannotListen(address: String, reason: String)
    /// The system has no descriptor or no thread left for an event loop.
    case cannotPoll
    /// ``Server/start()`` was called before.
    case alreadyStarted

    public var description: String {
        switch self {
        case .addressInUse(let address): "\(address) is in use"
        case .unknownHost(let host): "the host \(host) cannot be resolved"
        case .cannotListen(let address, let reason): "cannot listen on \(address): \(reason)"
        case .cannotPoll: "no descriptor or no thread is free for an event loop"
        case .alreadyStarted: "the server has been started before"
        }
    }
}

/// Addresses that are listened on before anybody serves them: clients that connect wait in the kernel's queue.
///
/// So a program finds out that an address is taken before it opens, or changes, anything else.
public struct BoundEndpoints: Sendable {
    let listeners: [Listener]

    /// Listens on all endpoints, or on none if one of them cannot be had.
    public init(_ endpoints: [ServerConfiguration.Endpoint]) throws(ServerError) {
        var listeners: [Listener] = []
        do {
            for endpoint in endpoints { listeners += try Listener.open(endpoint) }
        } catch {
            for listener in listeners { listener.stop() }
            throw error
        }
        self.listeners = listeners
    }

    /// The addresses in fact, with the ports that were picked.
    public var addresses: [ListeningAddress] { listeners.map(\.address) }

    /// Gives the addresses up without ever having served them.
    public func release() {
        for listener in listeners { listener.stop() }
    }
}

import Foundation

/// A proxy on a port of 127.0.0.1 that passes one request and its answer on, a connection, and does harm on the way.
final class MeddlingProxy: Sendable {
    enum Harm: Sendable {
        /// Only so many eighths of the request reach the server.
        case cutsMessage(eighths: Int)
        /// The server gets all of it; only so many eighths of its answer come back.
        case cutsAnswer(eighths: Int)
        /// Both directions come in eighths, with a pause after each.
        case delays(microseconds: UInt32)
        /// The server gets the request so many times at once; one of the answers comes back.
        case repeats(count: Int)
        /// The server gets the request once more, so many microseconds after it was answered.
        case repeatsLater(microseconds: UInt32)
    }

    let port: UInt16
    private let listener: Int32
    private let server: UInt16
    private let harm: @Sendable (Int) -> Harm

    /// - Parameter harm: what happens to each connection, by its number from 0 on.
    init(to server: UInt16, _ harm: @escaping @Sendable (Int) -> Harm) throws {
        (listener, port) = try Sockets.listen()
        self.server = server
        self.harm = harm
        let (listener, server) = (listener, server)
        Thread.detachNewThread {
            var number = 0
            while case let client = accept(listener, nil, nil), client >= 0 {
                let harm = harm(number)
                number += 1
                Thread.detachNewThread { MeddlingProxy.serve(client, server, harm) }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func serve(_ client: Int32, _ server: UInt16, _ harm: Harm) {
        defer { close(client) }
        guard let request = Sockets.receiveMessage(from: client) else { return }
        switch harm {
        case .cutsMessage(let eighths):
            guard let upstream = Sockets.connect(server) else { return }
            Sockets.send(request.prefix(request.count * eighths / 8), to: upstream)
            close(upstream)
        case .cutsAnswer(let eighths):
            guard let answer = exchange(request, server) else { return }
            Sockets.send(answer.prefix(answer.count * eighths / 8), to: client)
        case .delays(let pause):
            guard let answer = exchange(request, server, pause: pause) else { return }
            Sockets.send(answer[...], to: client, pause: pause)
        case .repeats(let count):
            let exchanges = (0..<count).map { _ in Background { exchange(request, server) } }
            guard let answer = exchanges.compactMap({ try? $0.value() }).last else { return }
            Sockets.send(answer[...], to: client)
        case .repeatsLater(let pause):
            guard let answer = exchange(request, server) else { return }
            Sockets.send(answer[...], to: client)
            usleep(pause)
            _ = exchange(request, server)
        }
    }

    private static func exchange(_ request: [UInt8], _ server: UInt16, pause: UInt32 = 0) -> [UInt8]? {
        guard let upstream = Sockets.connect(server) else { return nil }
        defer { close(upstream) }
        Sockets.send(request[...], to: upstream, pause: pause)
        return Sockets.receiveMessage(from: upstream)
    }
}

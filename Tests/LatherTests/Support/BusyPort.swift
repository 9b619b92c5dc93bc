import Foundation

/// A port of 127.0.0.1 that somebody else listens on.
final class BusyPort {
    let number: UInt16
    private let descriptor: Int32

    init() throws {
        (descriptor, number) = try Sockets.listen()
    }

    deinit {
        close(descriptor)
    }
}

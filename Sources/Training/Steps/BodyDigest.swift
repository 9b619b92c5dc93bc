import Foundation
import Memory

/// The SHA-256 of a body, which a thread of its own computes while the body is written to the log, or while the step is computed if
/// there is none.
final class BodyDigest: @unchecked Sendable {
    // Invariant: `progress` is touched only under `condition`.
    private let condition = NSCondition()
    private var progress = Progress.open
    private let body: AlignedBuffer

    private enum Progress {
        case open
        case begun
        case done([UInt8])
    }

    /// Smaller bodies are done before a thread would be awake: 128 KiB take 90 µs.
    private static let shareable = 128 << 10

    /// - Parameter threads: one of them computes it, unless it is small.
    init(of body: AlignedBuffer, on threads: WorkerThreads) {
        self.body = body
        if body.count >= BodyDigest.shareable {
            threads.run { self.compute() }
        } else {
            compute()
        }
    }

    /// Waits for the digest, or computes it if no thread has begun to.
    var value: [UInt8] {
        compute()
        return condition.withLock {
            while true {
                if case .done(let digest) = progress { return digest }
                condition.wait()
            }
        }
    }

    private func compute() {
        let isOpen = condition.withLock {
            guard case .open = progress else { return false }
            progress = .begun
            return true
        }
        guard isOpen else { return }
        let digest = sha256(body.bytes)
        condition.withLock {
            progress = .done(digest)
            condition.broadcast()
        }
    }
}

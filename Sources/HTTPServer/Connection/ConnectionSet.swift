import Dispatch

/// The connections of one event loop, and the timer that looks for overdue ones: one for all, instead of one a read.
final class ConnectionSet: @unchecked Sendable {
    let loop: EventLoop

    // Invariant: touched on the loop only.
    private var running: [Int: (connection: Connection, task: Task<Void, Never>)] = [:]
    private let timer: any DispatchSourceTimer

    init(loop: EventLoop, sweepInterval: Duration) {
        self.loop = loop
        let timer = DispatchSource.makeTimerSource()
        self.timer = timer
        let interval = sweepInterval.dispatchInterval
        timer.schedule(deadline: .now() + interval, repeating: interval, leeway: .milliseconds(20))
        timer.setEventHandler { [weak self] in loop.async { [weak self] in self?.sweep() } }
        timer.activate()
    }

    deinit {
        timer.cancel()
    }

    /// Runs a connection to its end and calls `whenClosed`. From any thread.
    func run(_ connection: Connection, whenClosed: @escaping @Sendable () -> Void) {
        loop.async { [self] in
            let task = Task(executorPreference: loop) {
                await connection.run()
                self.running[connection.number] = nil
                whenClosed()
            }
            running[connection.number] = (connection, task)
        }
    }

    /// The server stops: idle connections end, the others after their answer. From any thread.
    func serverStops() {
        loop.async {
            for (connection, _) in self.running.values { connection.serverStops() }
        }
    }

    /// Ends all connections, whatever they do. From any thread.
    func abandon() {
        loop.async {
            for (connection, task) in self.running.values {
                connection.socket.abort()
                task.cancel()
            }
        }
    }

    private func sweep() {
        let now = ContinuousClock.now
        for (connection, _) in running.values { connection.sweep(now: now) }
    }
}

extension Duration {
    /// For Dispatch, in nanoseconds.
    var dispatchInterval: DispatchTimeInterval { .nanoseconds(Int(self / .nanoseconds(1))) }
}

import Foundation

/// What changes about a file when somebody writes to it.
struct FileState: Equatable, Sendable {
    private let size: Int
    private let modified: [Int]

    init(path: String) {
        var status = stat()
        stat(path, &status)
        size = Int(status.st_size)
        modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
    }
}

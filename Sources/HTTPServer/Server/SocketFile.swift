import Foundation

/// The file by which a Unix socket is found. It outlives its server if that is killed.
struct SocketFile {
    private let path: String
    private let inode: ino_t?

    /// The file at `path`, just bound.
    init(path: String) {
        self.path = path
        self.inode = SocketFile.status(path)?.st_ino
    }

    /// Removes the file unless another server has put its own there.
    func remove() {
        if let inode, SocketFile.status(path)?.st_ino == inode { unlink(path) }
    }

    /// Makes room for a new socket: removes a socket on which nobody listens.
    static func removeStale(path: String, address: SocketAddress) throws(ServerError) {
        guard let status = status(path) else { return }
        let name = ListeningAddress.unix(path: path).description
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw .cannotListen(address: name, reason: "there is a file that is no socket")
        }
        // Whose backlog is full is there, too.
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        defer { close(descriptor) }
        let isRefused = address.withPointer { connect(descriptor, $0, $1) } != 0 && errno == ECONNREFUSED
        guard isRefused else { throw .addressInUse(name) }
        unlink(path)
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }
}

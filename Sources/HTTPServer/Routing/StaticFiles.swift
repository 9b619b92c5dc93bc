import Foundation
import HTTPTypes

/// Serves the files of one directory to browsers that may load nothing from anywhere else.
///
/// Files are read for every request, so an edit is seen at once; they are meant to be small. Nothing outside the directory can
/// be reached: names with a leading dot are refused, and a symbolic link is followed only to a file inside.
public struct StaticFiles: Sendable {
    /// Larger files are not served: they are read on the event loop.
    private static let maximumBytes = 16 << 20

    /// No scripts, styles, pictures or requests but of this server, nothing else at all, and nobody may frame the page.
    private static let contentSecurityPolicy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "font-src 'self'", "connect-src 'self'",
        "manifest-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
    ].joined(separator: "; ")

    private static let referrerPolicy = HTTPField.Name("Referrer-Policy")!

    private let root: String

    /// - Parameter directory: its real path is taken now; files may change later.
    public init(directory: String) {
        root = StaticFiles.realPath(directory) ?? directory
    }

    /// The file at the request's path (`index.html` for `/`); nil when there is none or the method is neither GET nor HEAD.
    /// 503 when the system cannot open it now.
    public func response(for request: Request) -> Response? {
        guard request.method == .get || request.method == .head else { return nil }
        let found: (bytes: [UInt8], name: String)?
        do throws(HTTPError) { found = try file(at: request.pathSegments) } catch { return error.response }
        guard let (bytes, name) = found else { return nil }
        let fields: HTTPFields = [
            .contentType: StaticFiles.mediaType(of: name),
            // Stored, but asked about each time, so that a new version is seen at once.
            .cacheControl: "no-cache",
            .contentSecurityPolicy: StaticFiles.contentSecurityPolicy,
            .xContentTypeOptions: "nosniff",
            // A run's name is in the page's address, and no other site's affair.
            StaticFiles.referrerPolicy: "no-referrer",
        ]
        do {
            let tag = StaticFiles.entityTag(bytes)
            return try request.answer(bytes.count, tag: tag, fields: fields, hasParts: false) { _ in .bytes(bytes) }
        } catch {
            return error.response
        }
    }

    // MARK: Files

    private func file(at segments: [String]) throws(HTTPError) -> (bytes: [UInt8], name: String)? {
        let segments = segments.isEmpty ? ["index.html"] : segments
        guard let name = segments.last, segments.allSatisfy(StaticFiles.isFileName) else { return nil }
        guard let path = StaticFiles.realPath(root + "/" + segments.joined(separator: "/")),
            path.utf8.starts(with: (root == "/" ? root : root + "/").utf8)
        else { return nil }
        return try StaticFiles.read(path).map { ($0, name) }
    }

    /// A decoded segment may hold a slash; a leading dot covers "..", "." and hidden files.
    private static func isFileName(_ segment: String) -> Bool {
        guard let first = segment.utf8.first, first != UInt8(ascii: ".") else { return false }
        return !segment.utf8.contains { $0 == ASCII.slash || $0 == 0 }
    }

    /// The path without symbolic links; nil when there is nothing there.
    private static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func read(_ path: String) throws(HTTPError) -> [UInt8]? {
        // O_NONBLOCK: opening a pipe must not wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            if [EMFILE, ENFILE, ENOMEM].contains(errno) { throw .tooManyOpenFiles }
            return nil
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= maximumBytes else { return nil }
        // A file that shrinks meanwhile is served as far as it goes; one that grows, up to its size when it was opened.
        return [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
            while count < buffer.count {
                let got = Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
                guard got > 0 else { break }
                count += got
            }
        }
    }

    // MARK: Validators and types

    /// A strong validator (RFC 9110 section 8.8.3): length and FNV-1a hash of the contents.
    private static func entityTag(_ bytes: [UInt8]) -> EntityTag {
        let hash = bytes.reduce(into: UInt64(0xcbf2_9ce4_8422_2325)) { hash, byte in hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return EntityTag("\(String(bytes.count, radix: 16))-\(String(hash, radix: 16))")
    }

    private static func mediaType(of name: String) -> String {
        switch name.split(separator: ".").last.map(String.init) {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js", "mjs": "text/javascript; charset=utf-8"
        case "json", "map": "application/json"
        case "webmanifest": "application/manifest+json"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "ico": "image/vnd.microsoft.icon"
        case "woff2": "font/woff2"
        case "yaml", "yml": "application/yaml"
        case "txt", "md": "text/plain; charset=utf-8"
        default: "application/octet-stream"
        }
    }
}

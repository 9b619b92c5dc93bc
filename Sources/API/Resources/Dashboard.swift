import Foundation
import HTTPServer
import HTTPTypes

/// The dashboard's files, at `/` and below.
struct Dashboard: Sendable {
    /// What all its files are counted as.
    private static let route = "/"

    private let files: StaticFiles

    init(directory: URL) {
        files = StaticFiles(directory: directory.path)
    }

    /// The file at the request's path, or 405 for a method that files do not have; nil when there is no such file.
    func response(to request: Request) -> Response? {
        var response = answer(to: request)
        response?.route = Dashboard.route
        return response
    }

    private func answer(to request: Request) -> Response? {
        guard request.target != [UInt8(ascii: "*")] else { return nil }
        if request.method == .get || request.method == .head { return files.response(for: request) }
        let reading = Request(method: .head, target: request.target, pathSegments: request.pathSegments)
        guard files.response(for: reading) != nil else { return nil }
        return HTTPError(
            .methodNotAllowed, "method-not-allowed", "The methods of this path are GET, HEAD.", headerFields: [.allow: "GET, HEAD"]
        ).response
    }
}

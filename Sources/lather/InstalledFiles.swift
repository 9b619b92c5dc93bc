import Foundation

/// Where the files that come with the program lie: beside an installed binary (`../share/lather`), or in the package that
/// a development binary was built in.
struct InstalledFiles {
    let publicDirectory: URL?
    let contractFile: URL?

    /// - Parameter publicDirectory: the user's choice, which goes before.
    init(publicDirectory chosen: String?) throws(Failure) {
        let directories = InstalledFiles.candidates
        func first(_ name: String) -> URL? {
            directories.map { $0.appendingPathComponent(name) }.first { FileManager.default.fileExists(atPath: $0.path) }
        }
        if let chosen {
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: chosen, isDirectory: &isDirectory), isDirectory.boolValue else {
                throw Failure(.configuration, "--public \(chosen) is not a directory")
            }
            publicDirectory = URL(fileURLWithPath: chosen)
        } else {
            publicDirectory = first("Public")
        }
        contractFile = first("openapi.yaml")
    }

    private static var candidates: [URL] {
        guard let executable = Bundle.main.executableURL?.resolvingSymlinksInPath() else { return [] }
        let installed = executable.deletingLastPathComponent().appendingPathComponent("../share/lather").standardizedFileURL
        var directories = [installed]
        // .build/<triple>/<configuration>/lather
        var ancestor = executable.deletingLastPathComponent()
        for _ in 0..<3 { ancestor.deleteLastPathComponent() }
        if FileManager.default.fileExists(atPath: ancestor.appendingPathComponent("Package.swift").path) { directories.append(ancestor) }
        return directories
    }
}

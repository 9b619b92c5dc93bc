import ArgumentParser

/// The command line of Lather.
@main
struct Lather: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "lather",
        abstract: "A SOAP optimizer for trainers in any language, over plain HTTP.",
        version: version,
        subcommands: [Serve.self, Inspect.self, Backup.self, Export.self, Import.self, Bench.self])
}

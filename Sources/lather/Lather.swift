import ArgumentParser

@main
struct Lather: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "lather")
}

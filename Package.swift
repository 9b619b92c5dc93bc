// swift-tools-version: 6.3
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "lather",
    products: [
        .executable(name: "lather", targets: ["lather"]),
        .library(name: "SOAP", targets: ["SOAP", "LinearAlgebra"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .target(name: "CKernels"),
        .target(name: "CSockets"),
        .target(name: "CStorage", linkerSettings: [.linkedLibrary("sqlite3")]),
        .target(name: "Memory"),
        .target(name: "Metrics"),
        .target(name: "StrictJSON"),
        .target(name: "LinearAlgebra", dependencies: ["CKernels", "COpenBLAS"]),
        .target(name: "SOAP", dependencies: ["LinearAlgebra", logging]),
        .target(name: "Safetensors", dependencies: ["StrictJSON"]),
        .target(name: "HTTPServer", dependencies: ["CSockets", "Memory", "Metrics", "StrictJSON", httpTypes, logging]),
        .target(name: "Storage", dependencies: ["CStorage", "Memory", "Metrics", crypto, grdb, grdbSQLite, logging]),
        .target(
            name: "Training",
            dependencies: ["Memory", "Metrics", "StrictJSON", "Safetensors", "LinearAlgebra", "SOAP", "Storage", crypto, logging]),
        .target(
            name: "API",
            dependencies: [
                "Memory", "Metrics", "StrictJSON", "Safetensors", "HTTPServer", "Training", crypto, httpTypes, logging,
            ]),
        .executableTarget(
            name: "lather",
            dependencies: [
                "API", "HTTPServer", "LinearAlgebra", "Memory", "Safetensors", "SOAP", "Storage", "StrictJSON", "Training", argumentParser,
                logging,
            ]),
        .target(
            name: "FuzzProperties", dependencies: ["HTTPServer", "Safetensors", "StrictJSON", httpTypes], path: "Tests/Fuzz/Properties"),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzProperties"], resources: [.copy("Corpus")]),
        .testTarget(name: "MemoryTests", dependencies: ["Memory"]),
        .testTarget(name: "MetricsTests", dependencies: ["Metrics"]),
        .testTarget(name: "StrictJSONTests", dependencies: ["StrictJSON"]),
        .testTarget(name: "LinearAlgebraTests", dependencies: ["LinearAlgebra"]),
        .testTarget(name: "SOAPTests", dependencies: ["SOAP", "LinearAlgebra", "Safetensors", "StrictJSON"], resources: [.copy("Golden")]),
        .testTarget(name: "SafetensorsTests", dependencies: ["Safetensors", "StrictJSON"]),
        .testTarget(
            name: "HTTPServerTests", dependencies: ["FuzzProperties", "HTTPServer", "Memory", "Metrics", "StrictJSON", httpTypes, logging]),
        .testTarget(name: "StorageTests", dependencies: ["Storage", "Memory", "Metrics", crypto, grdb, logging]),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "Training", "LinearAlgebra", "Memory", "Metrics", "Safetensors", "StrictJSON", "SOAP", "Storage", crypto, grdb, logging,
            ],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "APITests",
            dependencies: [
                "API", "HTTPServer", "Memory", "Metrics", "Safetensors", "Storage", "StrictJSON", "Training", crypto, httpTypes, logging,
            ]),
        .testTarget(
            name: "LatherTests", dependencies: ["lather", "LinearAlgebra", "Safetensors", "StrictJSON"], resources: [.copy("Databases")]),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzzers' program links only with libFuzzer, which Scripts/fuzz asks for.
if Context.environment["LATHER_FUZZ"] != nil {
    package.targets.append(.executableTarget(name: "fuzz", dependencies: ["FuzzProperties"], path: "Tests/Fuzz/Driver"))
}

// Some rooms' tests without the other rooms, for Scripts/sanitize, which builds anew.
if let names = Context.environment["LATHER_TEST_TARGETS"]?.split(separator: " ") {
    package.targets.removeAll { $0.type == .test && !names.contains($0.name[...]) }
}

for target in package.targets where target.type != .system {
    target.swiftSettings = settings
}

// A request passes through a dozen asynchronous functions on its connection's loop. By default each of them would first look
// for the executor that it is on already, which takes a tenth of the time of a small request.
for target in package.targets where ["HTTPServer", "API"].contains(target.name) {
    target.swiftSettings?.append(.enableUpcomingFeature("NonisolatedNonsendingByDefault"))
}

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
        .target(name: "StrictJSON"),
        .target(name: "LinearAlgebra", dependencies: ["CKernels", "COpenBLAS"]),
        .target(name: "SOAP", dependencies: ["LinearAlgebra", logging]),
        .target(name: "Safetensors", dependencies: ["StrictJSON"]),
        .target(name: "HTTPServer", dependencies: ["CSockets", "Memory", "StrictJSON", httpTypes, logging]),
        .target(name: "Storage", dependencies: ["CStorage", "Memory", crypto, grdb, grdbSQLite, logging]),
        .target(
            name: "Training", dependencies: ["Memory", "StrictJSON", "Safetensors", "LinearAlgebra", "SOAP", "Storage", crypto, logging]),
        .target(name: "API", dependencies: ["Memory", "StrictJSON", "Safetensors", "HTTPServer", "Training", crypto, httpTypes, logging]),
        .executableTarget(
            name: "lather", dependencies: ["API", "HTTPServer", "Memory", "Storage", "StrictJSON", "Training", argumentParser, logging]),
        .testTarget(name: "MemoryTests", dependencies: ["Memory"]),
        .testTarget(name: "StrictJSONTests", dependencies: ["StrictJSON"]),
        .testTarget(name: "LinearAlgebraTests", dependencies: ["LinearAlgebra"]),
        .testTarget(name: "SOAPTests", dependencies: ["SOAP", "LinearAlgebra", "Safetensors", "StrictJSON"], resources: [.copy("Golden")]),
        .testTarget(name: "SafetensorsTests", dependencies: ["Safetensors", "StrictJSON"]),
        .testTarget(name: "HTTPServerTests", dependencies: ["HTTPServer", "Memory", "StrictJSON", httpTypes, logging]),
        .testTarget(name: "StorageTests", dependencies: ["Storage", "Memory", crypto, grdb, logging]),
        .testTarget(
            name: "TrainingTests",
            dependencies: ["Training", "LinearAlgebra", "Memory", "Safetensors", "StrictJSON", "SOAP", "Storage", grdb, logging],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "APITests",
            dependencies: ["API", "HTTPServer", "Memory", "Safetensors", "Storage", "StrictJSON", "Training", crypto, httpTypes, logging]),
        .testTarget(
            name: "LatherTests", dependencies: ["lather", "LinearAlgebra", "Safetensors", "StrictJSON"], resources: [.copy("Databases")]),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings = settings
}

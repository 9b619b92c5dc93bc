import ArgumentParser

/// The parameters of a run whose step is timed; the same as in `Benchmarks/steps.py`.
enum Workload: String, CaseIterable, ExpressibleByArgument {
    case matrices64 = "16x(64,64)"
    case digits
    case matrices256 = "16x(256,256)"
    case matrices512 = "8x(512,512)"

    /// One matrix a parameter.
    var shapes: [[Int]] {
        switch self {
        case .matrices64: Array(repeating: [64, 64], count: 16)
        case .digits: [[784, 256], [256, 256], [256, 10]]
        case .matrices256: Array(repeating: [256, 256], count: 16)
        case .matrices512: Array(repeating: [512, 512], count: 8)
        }
    }
}

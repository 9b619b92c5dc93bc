import Foundation
import FuzzProperties

/// Chosen by environment and not by argument, because libFuzzer starts itself again, with arguments of its own, to merge corpora.
private let property: Property = {
    guard let property = Property(rawValue: ProcessInfo.processInfo.environment["LATHER_FUZZ"] ?? "") else {
        fatalError("LATHER_FUZZ must name one of \(Property.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return property
}()

/// What libFuzzer, whose `main` this program has, calls with one input after the other
/// (<https://llvm.org/docs/LibFuzzer.html#fuzz-target>). A violation ends the process: libFuzzer then keeps the input.
@c(LLVMFuzzerTestOneInput)
public func tryInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    if let violation = property.violation(in: UnsafeRawBufferPointer(start: data, count: count)) { fatalError(violation) }
    return 0
}

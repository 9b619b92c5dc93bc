import LinearAlgebra
import SOAP

extension StoredParameter {
    /// Brings exp_avg from the original space into the bases, in double precision.
    ///
    /// - Complexity: 2·elements·Σn operations; scratch memory of two tensors and a basis.
    func rotateExpAvg(into values: UnsafeMutableBufferPointer<Float>) {
        guard let expAvg = tensors[.expAvg] else { return }
        var source = ElementConversion.doubles(expAvg)
        var target = source
        for (dimension, mode) in Mode.all(of: shape).enumerated() {
            guard let basis = tensors[.basis(dimension)] else { continue }
            Double.multiply(source, along: mode, by: ElementConversion.doubles(basis), back: false, into: &target)
            swap(&source, &target)
        }
        for index in values.indices { values[index] = Float(source[index]) }
    }
}

import LinearAlgebra

extension SOAPParameter {
    /// The same step on a copy of the state in double precision. Once in a parameter's life, so scratch is not kept.
    func stepInDouble(
        gradient: UnsafePointer<Scalar>, weights: UnsafePointer<Scalar>?, options: SOAPOptions, learningRate: Double,
        update: UnsafeMutablePointer<Scalar>, kernels: ProductKernels
    ) -> StepReport {
        let wide = SOAPParameter<Double>(shape: shape, layout: layout, useKLShampoo: useKLShampoo)
        wide.copyState(of: self)
        let wideGradient = ZeroedBuffer<Double>(count: count)
        convert(gradient, to: wideGradient.base, count: count)
        let wideWeights = weights.map { weights in
            let wide = ZeroedBuffer<Double>(count: count)
            convert(weights, to: wide.base, count: count)
            return wide
        }
        let wideUpdate = ZeroedBuffer<Double>(count: count)
        let report = withExtendedLifetime((wideGradient, wideWeights)) {
            wide.advance(
                gradient: wideGradient.base, weights: wideWeights.map { UnsafePointer($0.base) }, options: options,
                learningRate: learningRate, limit: Moments<Scalar>.limit.asDouble, update: wideUpdate.base,
                workspace: Workspace(kernels: kernels))
        }
        copyState(of: wide)
        withExtendedLifetime(wideUpdate) { convert(wideUpdate.base, to: update, count: count) }
        return report
    }

    /// Takes over the state of another parameter of the same layout, in another precision.
    private func copyState<Other: BLASScalar>(of other: SOAPParameter<Other>) {
        step = other.step
        lastRefreshStep = other.lastRefreshStep
        convert(other.expAvg.base, to: expAvg.base, count: count)
        convert(other.expAvgSq.base, to: expAvgSq.base, count: count)
        for (side, otherSide) in zip(sides, other.sides) {
            convert(otherSide.factor.base, to: side.factor.base, count: side.factor.count)
            guard other.hasBases else { continue }
            convert(otherSide.basis.base, to: side.basis.base, count: side.basis.count)
        }
    }
}

private func convert<From: BLASScalar, To: BLASScalar>(_ source: UnsafePointer<From>, to target: UnsafeMutablePointer<To>, count: Int) {
    for i in 0..<count { target[i] = To(source[i].asDouble) }
}

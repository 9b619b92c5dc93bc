public import LinearAlgebra

extension SOAPParameter {
    /// Takes one step. The update is −lr·direction; weight decay that is not `l2` is the caller's, by
    /// ``SOAPOptions/weightScale(learningRate:)``: w ← w·scale + update.
    ///
    /// The step that makes the first bases runs in double precision, whatever the type: there the projected gradient is
    /// diagonal in exact arithmetic, and Adam would blow the rounding noise of the other entries up to ±1.
    ///
    /// - Parameters:
    ///   - gradient: one for which ``canTake(squaredNorm:squaredWeightNorm:shape:options:)`` holds.
    ///   - weights: only read, and only with `l2` decay, which needs them.
    ///   - options: valid ones; structural options that differ from those at the parameter's making are not looked at.
    ///   - learningRate: the rate of this step.
    ///   - update: receives the update; must not overlap the gradient.
    ///   - workspace: scratch memory of a few times the parameter's size.
    @specialized(where Scalar == Float)
    @specialized(where Scalar == Double)
    public func step(
        gradient: UnsafeBufferPointer<Scalar>, weights: UnsafeBufferPointer<Scalar>? = nil, options: SOAPOptions, learningRate: Double,
        update: UnsafeMutableBufferPointer<Scalar>, workspace: Workspace
    ) -> StepReport {
        Swift.precondition(gradient.count == count && update.count == count && weights?.count ?? count == count, "sizes must match")
        guard let source = gradient.baseAddress, let target = update.baseAddress, count > 0 else {
            step += 1
            return StepReport()
        }
        if Scalar.self != Double.self && firstBasesAreDue(options) {
            return stepInDouble(
                gradient: source, weights: weights?.baseAddress, options: options, learningRate: learningRate, update: target,
                kernels: workspace.kernels)
        }
        return advance(
            gradient: source, weights: weights?.baseAddress, options: options, learningRate: learningRate, update: target,
            workspace: workspace)
    }

    private func firstBasesAreDue(_ options: SOAPOptions) -> Bool {
        !sides.isEmpty && !hasBases && step >= options.adamWarmupSteps
    }

    /// Whether the next step makes the bases, or makes them anew.
    func refreshIsDue(_ options: SOAPOptions) -> Bool {
        guard hasBases else { return firstBasesAreDue(options) }
        return options.preconditionFrequency.isDue(at: step, phase: options.staggerRefresh ? refreshPhase : 0)
    }

    /// One step in the precision of the type.
    ///
    /// - Parameter limit: the largest magnitude of Adam's quotients.
    func advance(
        gradient: UnsafePointer<Scalar>, weights: UnsafePointer<Scalar>?, options: SOAPOptions, learningRate: Double,
        limit: Scalar = Moments<Scalar>.limit, update: UnsafeMutablePointer<Scalar>, workspace: Workspace
    ) -> StepReport {
        var report = StepReport()
        report.gradientRMS = rootMeanSquare(gradient, workspace.kernels)
        workspace.frame {
            updateFactors(gradient: gradient, options: options, workspace: workspace)
            refreshBases(options: options, workspace: workspace, report: &report)
            let decayed = addingDecay(to: gradient, weights: weights, options: options, workspace: workspace)
            writeDirection(gradient: decayed, options: options, limit: limit, into: update, workspace: workspace)
        }
        report.directionRMS = rootMeanSquare(update, workspace.kernels)
        var scale = -learningRate
        if options.maxUpdateRMS > 0 {
            let clip = min(1, options.maxUpdateRMS / (report.directionRMS + 1e-7))
            report.directionRMS *= clip
            scale *= clip
        }
        report.updateRMS = report.directionRMS * learningRate
        let factor = Scalar(scale)
        for i in 0..<count { update[i] *= factor }
        step += 1
        return report
    }

    private func updateFactors(gradient: UnsafePointer<Scalar>, options: SOAPOptions, workspace: Workspace) {
        let beta = options.factorBeta(atStep: step + 1)
        if useKLShampoo && sides.count == 2 {
            KLShampooUpdate(beta: beta, epsilon: options.epsilon).apply(
                gradient: gradient, left: (sides[0], basis(of: sides[0])), right: (sides[1], basis(of: sides[1])), workspace: workspace)
        } else {
            for side in sides {
                Scalar.accumulateGram(
                    of: gradient, along: side.mode, alpha: Scalar(1 - beta), beta: Scalar(beta), into: side.factor.base,
                    precision: options.fp32MatmulPrecision, workspace: workspace)
            }
        }
    }

    private func refreshBases(options: SOAPOptions, workspace: Workspace, report: inout StepReport) {
        guard refreshIsDue(options) else { return }
        let isFirst = !hasBases
        let refresh = BasisRefresh(options: options)
        let result =
            if isFirst {
                refresh.makeFirst(sides: sides, expAvg: expAvg.base, count: count, workspace: workspace)
            } else {
                refresh.apply(sides: sides, expAvg: expAvg.base, expAvgSq: expAvgSq.base, count: count, workspace: workspace)
            }
        report.refreshed = result.made > 0
        report.doubleFallbacks = result.doubleFallbacks
        report.failedDecompositions = result.failures
        if result.made > 0 { lastRefreshStep = step + 1 }
    }

    /// The gradient, with weight decay added if the method is `l2`.
    private func addingDecay(
        to gradient: UnsafePointer<Scalar>, weights: UnsafePointer<Scalar>?, options: SOAPOptions, workspace: Workspace
    ) -> UnsafePointer<Scalar> {
        guard options.weightDecayMethod == .l2, options.weightDecay > 0 else { return gradient }
        guard let weights else { preconditionFailure("l2 decay needs the weights") }
        let sum = workspace.take(Scalar.self, count: count)
        let decay = Scalar(options.weightDecay)
        for i in 0..<count { sum[i] = gradient[i] + decay * weights[i] }
        return UnsafePointer(sum)
    }

    private func writeDirection(
        gradient: UnsafePointer<Scalar>, options: SOAPOptions, limit: Scalar, into direction: UnsafeMutablePointer<Scalar>,
        workspace: Workspace
    ) {
        let moments = Moments<Scalar>(options: options, step: step + 1, limit: limit)
        guard hasBases else {
            return moments.advance(
                gradient: gradient, first: expAvg.base, second: expAvgSq.base, direction: direction, count: count,
                kernels: workspace.kernels)
        }
        let projected = workspace.take(Scalar.self, count: count)
        let precision = options.fp32MatmulPrecision
        rotate(gradient, count: count, along: sides, back: false, into: projected, precision: precision, workspace: workspace) {
            UnsafePointer(sides[$0].basis.base)
        }
        moments.advance(
            gradient: projected, first: expAvg.base, second: expAvgSq.base, direction: projected, count: count,
            kernels: workspace.kernels)
        rotate(projected, count: count, along: sides, back: true, into: direction, precision: precision, workspace: workspace) {
            UnsafePointer(sides[$0].basis.base)
        }
    }

    private func rootMeanSquare(_ values: UnsafePointer<Scalar>, _ kernels: ProductKernels) -> Double {
        (Scalar.sumOfSquares(values, count: count, kernels: kernels) / Double(count)).squareRoot()
    }
}

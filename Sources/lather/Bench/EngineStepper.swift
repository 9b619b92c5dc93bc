import LinearAlgebra
import Memory
import SOAP

/// The optimizer alone: parameters side by side on the compute threads, as the server steps those of a run.
struct EngineStepper {
    private let pool: ComputePool
    private let options: SOAPOptions
    private let parameters: [SOAPParameter<Float>]
    private let updates: [AlignedBuffer]

    init(_ measured: StepCase, pool: ComputePool) {
        var options = SOAPOptions(learningRate: 0.001)
        options.preconditionFrequency = .every(measured.frequency)
        let shapes = measured.workload.shapes
        self.pool = pool
        self.options = options
        parameters = shapes.map { SOAPParameter(shape: $0, options: options) }
        updates = shapes.map { AlignedBuffer(count: $0.reduce(MemoryLayout<Float>.size, *)) }
    }

    func step(_ gradients: NoiseGradients) {
        pool.perform(costs: parameters.map { $0.nextStepCost(options: options) }) { [self] index, workspace in
            _ = parameters[index].step(
                gradient: gradients.elements(index), options: options, learningRate: options.learningRate,
                update: updates[index].mutableBytes.bindMemory(to: Float.self), workspace: workspace)
        }
    }
}

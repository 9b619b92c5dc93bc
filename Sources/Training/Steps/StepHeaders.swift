import Safetensors

/// How the last step at run level began, in both directions: the next one most often begins the same, and reading and writing the
/// names of all parameters would take as long as stepping small ones.
struct StepHeaders {
    private(set) var body: SafetensorsFile.Header?
    private(set) var answer: SafetensorsLayout?

    /// What a header may take for each tensor to be kept: it is memory that no budget counts.
    private static let maximumByteCountPerTensor = 1 << 10

    init() {}

    /// Nothing of a skipped step, whose names need not be those of parameters.
    init(of plan: StepPlan, answer: SafetensorsLayout?) {
        guard !plan.isSkipped else { return }
        self.answer = answer
        guard let header = plan.header, header.text.count <= plan.entries.count * StepHeaders.maximumByteCountPerTensor else { return }
        body = header
    }
}

import Foundation

extension Store {
    /// Reads every checkpoint and every log record of a run, those in reserve too, and compares their checksums.
    ///
    /// - Returns: what is damaged, in sentences.
    public func damages(of run: RunRecord) -> Set<String> {
        var damages: Set<String> = []
        func check(_ work: () throws -> Void) {
            do {
                try work()
            } catch let error as StorageError where error.kind == .notFound {
                return
            } catch {
                damages.insert("\(error)")
            }
        }
        if !run.isRight { damages.insert("The row or the manifest of run \(run.name) is not what was written.") }
        check {
            for checkpoint in try checkpoints(of: run.id) {
                check {
                    for tensor in try tensors(of: checkpoint.id) {
                        check {
                            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(tensor.byteCount, 1), alignment: 64)
                            defer { memory.deallocate() }
                            try read(tensor, into: UnsafeMutableRawBufferPointer(rebasing: memory[..<tensor.byteCount]))
                        }
                    }
                }
            }
        }
        check {
            try forEachLogEntry(of: run.id, inReserve: true) { _, body in _ = try body() }
        }
        return damages
    }
}

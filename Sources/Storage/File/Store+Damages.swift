import Foundation

extension Store {
    /// Reads every checkpoint and every log record of a run, those in reserve too, and compares their checksums.
    ///
    /// - Returns: what is damaged, in sentences.
    /// - Throws: when the file cannot be read.
    public func damages(of run: RunRecord) throws -> Set<String> {
        var damages: Set<String> = []
        func check(_ work: () throws -> Void) throws {
            do {
                try work()
            } catch let error as StorageError where error.kind == .notFound {
                return
            } catch let error as StorageError where error.isCorruption {
                damages.insert("\(error)")
            }
        }
        try check { try requireAcknowledged(of: run.id) }
        if !run.isRight { damages.insert("The row or the manifest of run \(run.name) is not what was written.") }
        try check {
            for checkpoint in try checkpoints(of: run.id) {
                try check {
                    for tensor in try tensors(of: checkpoint.id) {
                        try check {
                            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(tensor.byteCount, 1), alignment: 64)
                            defer { memory.deallocate() }
                            try read(tensor, into: UnsafeMutableRawBufferPointer(rebasing: memory[..<tensor.byteCount]))
                        }
                    }
                }
            }
        }
        try check {
            try forEachLogEntry(of: run.id, inReserve: true) { _, body in _ = try body() }
        }
        return damages
    }
}

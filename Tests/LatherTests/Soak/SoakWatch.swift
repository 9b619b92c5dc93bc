import Foundation
import Testing

/// What a server under load takes of memory, descriptors and disk, from life to life of its process.
struct SoakWatch {
    private var lives: [[Int]] = []
    private var mostDescriptors = 0
    private var mostFileBytes = 0
    private var mostWALBytes = 0
    private var looks = 0

    mutating func beginLife(of server: TestServer) {
        lives.append([])
    }

    mutating func look(at server: TestServer) throws {
        looks += 1
        guard looks.isMultiple(of: 4) else { return }
        lives[lives.count - 1].append(try server.process.residentByteCount)
        mostDescriptors = max(mostDescriptors, try server.process.descriptorCount)
        mostFileBytes = max(mostFileBytes, byteCount(server.database.path))
        mostWALBytes = max(mostWALBytes, byteCount(server.database.path + "-wal"))
    }

    private func byteCount(_ path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }

    /// The mean of a life's first quarter after it has warmed up, and of its last.
    private var quarters: [(first: Int, last: Int)] {
        lives.filter { $0.count >= 16 }.map { life in
            let warm = life.dropFirst(life.count / 5)
            let quarter = max(1, warm.count / 4)
            return (warm.prefix(quarter).reduce(0, +) / quarter, warm.suffix(quarter).reduce(0, +) / quarter)
        }
    }

    var report: String {
        let memory = quarters.map { "\($0.first >> 10) → \($0.last >> 10)" }.joined(separator: ", ")
        return """
            resident KiB of each process, first quarter after its warm-up → last: \(memory)
            at most \(mostDescriptors) descriptors, \(mostFileBytes >> 10) KiB of database, \(mostWALBytes >> 10) KiB of WAL
            """
    }

    func expectBounds() {
        let growth = quarters.map { $0.last - $0.first }.sorted()
        #expect(!growth.isEmpty, "no process lived long enough to tell")
        // SQLite's page cache and the index of the WAL fill up; after that nothing grows.
        #expect(growth.allSatisfy { $0 < 16 << 20 })
        #expect(growth.isEmpty || growth[growth.count / 2] < 4 << 20)
        #expect(mostDescriptors < 64)
        #expect(mostFileBytes < 64 << 20)
        // It is moved into the database from 32 MiB on, while steps go on, and a checkpoint's commits come in between.
        #expect(mostWALBytes < 160 << 20)
    }
}

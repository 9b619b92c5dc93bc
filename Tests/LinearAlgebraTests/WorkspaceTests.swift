import LinearAlgebra
import Testing

@Suite struct WorkspaceTests {
    @Test func piecesAreAlignedAndDoNotOverlap() {
        let workspace = Workspace()
        workspace.frame {
            var pieces: [UnsafeMutablePointer<UInt8>] = []
            for size in [1, 63, 64, 65, 100_000, 0, 3] {
                let piece = workspace.take(UInt8.self, count: size)
                #expect(UInt(bitPattern: piece) % UInt(Workspace.alignment) == 0)
                piece.update(repeating: UInt8(pieces.count), count: size)
                pieces.append(piece)
            }
            for (index, size) in [1, 63, 64, 65, 100_000, 0, 3].enumerated() {
                #expect((0..<size).allSatisfy { pieces[index][$0] == UInt8(index) })
            }
        }
    }

    @Test func anInnerFrameGivesBackWhatItTook() {
        let workspace = Workspace()
        workspace.frame {
            let outer = workspace.take(Int.self, count: 10)
            let first = workspace.frame { workspace.take(Int.self, count: 10) }
            let second = workspace.frame { workspace.take(Int.self, count: 10) }
            #expect(first == second && outer != first)
        }
    }

    @Test func theSecondRoundOfTheSameWorkAllocatesNothing() {
        let workspace = Workspace()
        var capacities: [Int] = []
        for _ in 0..<4 {
            workspace.frame {
                for size in [10, 200_000, 5, 400_000] { workspace.take(UInt8.self, count: size)[0] = 1 }
            }
            capacities.append(workspace.capacity)
        }
        #expect(Set(capacities).count == 1)
    }

    @Test(arguments: [0, 1, 1_000, 1 << 20])
    func stateMemoryIsZero(count: Int) {
        let buffer = ZeroedBuffer<Float>(count: count)
        #expect(buffer.elements.count == count && buffer.elements.allSatisfy { $0 == 0 })
        #expect(UInt(bitPattern: buffer.base) % UInt(Workspace.alignment) == 0)
    }
}

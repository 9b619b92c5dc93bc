/// The points of one run, oldest first, thinned with age.
///
/// The newest ``newest`` points are as they were noted. Of those before them about ``perTier`` are of up to two steps, as many
/// before those of up to four, and so on: after N steps there are at most 4,608 + 256 · log₂(N / 256) points, 10,240 after
/// 10⁹ steps, and it would take 10¹⁶ for 16,384.
struct HistoryPoints {
    static let newest = 4_096
    static let perTier = 256
    /// So many points more than ``newest`` are thinned together.
    static let slack = 512

    private(set) var all: [HistoryPoint] = []
    /// The first steps of points that are not saved as they are.
    private(set) var unsaved: Set<Int> = []
    /// How many points the last thinning left.
    private var thinnedCount = 0

    /// No points.
    init() {}

    /// Points that are saved, oldest first. One that has a step in common with a later one was given up for it.
    init(saved: [HistoryPoint]) {
        for point in saved {
            while let last = all.last, last.lastStep >= point.firstStep { all.removeLast() }
            all.append(point)
        }
        thin()
    }

    /// Notes a point that comes after all others; what belongs to the same step as the last one joins that.
    ///
    /// - Complexity: O(1) on average.
    mutating func append(_ point: HistoryPoint) {
        if let last = all.last, point.firstStep <= last.lastStep {
            all[all.count - 1].merge(point)
            unsaved.insert(last.firstStep)
            return
        }
        all.append(point)
        unsaved.insert(point.firstStep)
        if all.count >= max(thinnedCount, HistoryPoints.newest) + HistoryPoints.slack { thin() }
    }

    /// Removes what reaches beyond a step, unless it was taken in this epoch or later.
    mutating func discard(after step: Int, before epoch: Int = .max) {
        let isGone = { (point: HistoryPoint) in point.lastStep > step && point.epoch < epoch }
        for point in all where isGone(point) { unsaved.remove(point.firstStep) }
        all.removeAll(where: isGone)
        thinnedCount = min(thinnedCount, all.count)
    }

    // MARK: Thinning

    private mutating func thin() {
        defer { thinnedCount = all.count }
        guard all.count > HistoryPoints.newest else { return }
        // Newest first; `width` is how many numbers of steps a point may cover, and points begin at its multiples.
        var thinned: [HistoryPoint] = []
        var (width, room, isOpen) = (1, 0, false)
        func bucket(_ step: Int) -> Int { (step - 1) / width }
        for point in all.dropLast(HistoryPoints.newest).reversed() {
            if isOpen, let next = thinned.last, bucket(point.firstStep) == bucket(next.lastStep) {
                var merged = point
                merged.merge(next)
                thinned[thinned.count - 1] = merged
                unsaved.remove(next.firstStep)
                unsaved.insert(point.firstStep)
            } else {
                if room == 0 { (width, room) = (width * 2, HistoryPoints.perTier) }
                room -= 1
                isOpen = true
                thinned.append(point)
            }
        }
        all = thinned.reversed() + all.suffix(HistoryPoints.newest)
    }

    // MARK: Reading

    /// The points that have a step in `steps`, drawn together to at most `limit` of about as many steps each.
    ///
    /// - Complexity: O(points).
    func selection(_ steps: ClosedRange<Int>, limit: Int) -> [HistoryPoint] {
        let selected = all.filter { $0.lastStep >= steps.lowerBound && $0.firstStep <= steps.upperBound }
        guard selected.count > limit else { return selected }
        let total = selected.reduce(0) { $0 + $1.stepCount }
        var drawn: [HistoryPoint] = []
        var (before, present) = (0, -1)
        for point in selected {
            let place = min(limit - 1, Int(Double(before) / Double(total) * Double(limit)))
            if place == present { drawn[drawn.count - 1].merge(point) } else { drawn.append(point) }
            (present, before) = (place, before + point.stepCount)
        }
        return drawn
    }

    // MARK: Saving

    /// Some points that are not saved, oldest first; from now on they count as saved.
    mutating func takeUnsaved(upTo limit: Int) -> [HistoryPoint] {
        let taken = unsaved.sorted().prefix(limit)
        unsaved.subtract(taken)
        return taken.compactMap { index(of: $0).map { all[$0] } }
    }

    /// Takes back that points were saved. Those that have been thinned meanwhile are part of others, which are not saved yet.
    mutating func returnUnsaved(_ points: [HistoryPoint]) {
        for point in points where index(of: point.firstStep) != nil { unsaved.insert(point.firstStep) }
    }

    /// Takes back that any point was saved.
    mutating func returnAll() {
        unsaved = Set(all.map(\.firstStep))
    }

    private func index(of firstStep: Int) -> Int? {
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if all[middle].firstStep < firstStep { low = middle + 1 } else { high = middle }
        }
        return low < all.count && all[low].firstStep == firstStep ? low : nil
    }
}

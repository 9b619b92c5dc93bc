/// What of a resource's bytes a request is to be answered with.
enum Selection: Equatable {
    /// 200 with all of them.
    case whole
    /// 206 with some of them.
    case part(Range<Int>)
    /// 304: the client's copy is current.
    case notModified
}

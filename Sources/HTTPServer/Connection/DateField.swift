import Foundation

/// The Date field's value (RFC 9110 section 5.6.7), put together once a second.
struct DateField {
    private var second = time_t(-1)
    private var value = ""

    /// The value for this moment.
    mutating func now() -> String {
        let now = time(nil)
        if second != now { (second, value) = (now, DateField.format(now)) }
        return value
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, whatever the process's locale.
    static func format(_ second: time_t) -> String {
        var second = second
        var parts = tm()
        gmtime_r(&second, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900)"
        return "\(date) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}

//! Quantities: exact, and helpful when they are not readable.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn times_are_exact_milliseconds() {
    for (text, ms) in [
        ("300ms", 300),
        ("20s", 20_000),
        ("1.5s", 1500),
        ("2min", 120_000),
        ("4h", 14_400_000),
        ("30d", 2_592_000_000),
        ("7y", 220_752_000_000),
        ("0s", 0),
    ] {
        assert_eq!(Time::parse(text), Ok(Time(ms)), "{text}");
    }
}

#[test]
fn a_bare_m_says_that_it_is_unclear() {
    let error = Time::parse("5m").unwrap_err();
    assert!(error.help.contains("`5min`"), "{}", error.help);
    assert!(Time::parse("5").unwrap_err().help.contains("needs a unit"));
    assert!(Rate::parse("5/m").unwrap_err().help.contains("`5/min`"));
    for bad in ["", "s", "1.s", ".5s", "1e3s", "-1s", "0.1ms", "999999y", "1 000s", "５s"] {
        assert!(Time::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn shares_money_and_prices_keep_every_digit() {
    assert_eq!(Share::parse("2%"), Ok(Share(20_000)));
    assert_eq!(Share::parse("0.02"), Ok(Share(20_000)));
    assert_eq!(Share::parse("100%"), Ok(Share::ONE));
    assert_eq!(Share::parse("0.0001%"), Ok(Share(1)));
    assert_eq!(Money::parse("$0.03").unwrap().0.0, 30_000);
    assert_eq!(Money::parse("$0.000001").unwrap().0.0, 1);
    assert_eq!(Price::parse("$0.15/M").unwrap().0.0, 150_000);
    assert_eq!(MoneyRate::parse("$500/day").unwrap().amount.0, 500_000_000);
    assert_eq!(Count::parse("1.5M"), Ok(Count(1_500_000)));
    assert_eq!(Count::parse("20k"), Ok(Count(20_000)));
    assert_eq!(Rate::parse("600/min"), Ok(Rate { amount: 600, period: Period::Minute }));
    for bad in ["101%", "1.1", "0.0000001", "-0.1", "two", "2 percent", ""] {
        assert!(Share::parse(bad).is_err(), "{bad}");
    }
    for bad in ["0.03", "€1", "$", "$0.0000001", "$1/day"] {
        assert!(Money::parse(bad).is_err(), "{bad}");
    }
    for bad in ["1.5", "1.0001k", "20K", "2m", "99999999999999999999"] {
        assert!(Count::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn clock_ranges_lie_within_a_day_and_go_forward() {
    let range = ClockRange::parse("08:00-17:30").unwrap();
    assert_eq!((range.from_minute, range.to_minute), (480, 1050));
    assert!(ClockRange::parse("00:00-24:00").is_ok());
    for bad in ["8:00-17:00", "17:00-08:00", "08:00", "08:60-09:00", "25:00-26:00", "08:00-08:00"] {
        assert!(ClockRange::parse(bad).is_err(), "{bad}");
    }
}

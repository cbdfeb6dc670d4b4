use governor::clock::FakeRelativeClock;
use tokio::time::Instant;

use super::*;
use crate::clock::Millis;

const SECOND: Duration = Duration::from_secs(1);

fn limits(settings: &config::Limits) -> (Limits<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (Limits::with_clock(settings, &clock), clock)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn passed(n: usize, mut check: impl FnMut() -> Result<(), Refusal>) -> usize {
    (0..n).filter(|_| check().is_ok()).count()
}

#[test]
fn an_address_has_a_burst_and_then_a_rate() {
    let (limits, clock) = limits(&config::Limits::default());
    let ana = ip("192.0.2.1");
    assert_eq!(passed(300, || limits.check_request(ana)), 200);
    assert_eq!(passed(300, || limits.check_request(ip("192.0.2.2"))), 200);
    let Err(Refusal::RateLimited { retry_after }) = limits.check_request(ana) else {
        panic!("it was not limited");
    };
    assert!(
        retry_after > Duration::ZERO && retry_after <= SECOND / 50,
        "{retry_after:?}"
    );
    clock.advance(retry_after);
    assert_eq!(passed(10, || limits.check_request(ana)), 1);
    clock.advance(SECOND);
    assert_eq!(passed(100, || limits.check_request(ana)), 50);
}

#[test]
fn one_ipv6_customer_is_one_client() {
    let (limits, _) = limits(&config::Limits::default());
    let mut host = 0u16;
    let next = || {
        host += 1;
        limits.check_register(ip(&format!("2001:db8:1:2::{host:x}")))
    };
    assert_eq!(passed(50, next), 10);
    assert!(limits.check_register(ip("2001:db8:1:3::1")).is_ok());
}

#[test]
fn each_limit_has_its_own_numbers_and_its_own_time() {
    let (limits, clock) = limits(&config::Limits::default());
    let (address, user) = (ip("192.0.2.1"), UserId::new(Millis(1)));
    let all = || {
        [
            passed(300, || limits.check_login(address)),
            passed(300, || limits.check_register(address)),
            passed(300, || limits.check_send(user)),
            passed(300, || limits.check_room(user)),
        ]
    };
    assert_eq!(all(), [60, 10, 60, 20]);
    assert!(limits.check_send(UserId::new(Millis(2))).is_ok());
    clock.advance(SECOND);
    assert_eq!(all(), [2, 0, 20, 0]);
    clock.advance(120 * SECOND);
    assert_eq!(all(), [60, 1, 60, 2]);
}

#[test]
fn failed_logins_slow_the_pair_and_nobody_else() {
    let (limits, clock) = limits(&config::Limits::default());
    let (here, there) = (ip("192.0.2.1"), ip("192.0.2.2"));
    for _ in 0..9 {
        limits.login_failed("ana", here);
        assert_eq!(limits.login_blocked("ana", here), None);
    }
    limits.login_failed("ana", here);
    assert_eq!(limits.login_blocked("ana", here), Some(30 * SECOND));
    assert_eq!(limits.login_blocked("ana", there), None);
    assert_eq!(limits.login_blocked("ben", here), None);
    // Asking costs nothing; one attempt in 30 seconds stays.
    clock.advance(29 * SECOND);
    assert_eq!(limits.login_blocked("ana", here), Some(SECOND));
    clock.advance(SECOND);
    assert_eq!(limits.login_blocked("ana", here), None);
    limits.login_failed("ana", here);
    assert_eq!(limits.login_blocked("ana", here), Some(30 * SECOND));
    // Attempts that were under way when it was blocked do not add up to a day.
    for _ in 0..1000 {
        limits.login_failed("ana", here);
    }
    assert_eq!(limits.login_blocked("ana", here), Some(60 * SECOND));
    clock.advance(600 * SECOND);
    limits.sweep();
    assert_eq!(limits.remembered(), 0);
}

#[test]
fn a_bucket_is_small_and_forgives_with_time() {
    assert!(size_of::<Bucket>() <= 16);
    let rate = Rate::new(50, 200);
    let start = Instant::now();
    let mut frames = Bucket::default();
    assert_eq!(passed(300, || frames.take_at(rate, 1, start)), 200);
    assert_eq!(
        frames.take_at(rate, 1, start),
        Err(Refusal::RateLimited {
            retry_after: SECOND / 50
        })
    );
    assert_eq!(passed(300, || frames.take_at(rate, 1, start + SECOND)), 50);
    let rate = Rate::new(100, 1000);
    let mut subscribes = Bucket::default();
    assert_eq!(passed(10, || subscribes.take_at(rate, 200, start)), 5);
    assert_eq!(
        subscribes.take_at(rate, 200, start + SECOND),
        Err(Refusal::RateLimited {
            retry_after: SECOND
        })
    );
    assert!(subscribes.take_at(rate, 200, start + 2 * SECOND).is_ok());
}

#[test]
fn asking_for_more_than_a_burst_is_not_refused_for_ever() {
    let (mut bucket, rate) = (Bucket::default(), Rate::new(10, 5));
    let start = Instant::now();
    assert!(bucket.take_at(rate, 100, start).is_ok());
    assert!(bucket.take_at(rate, 1, start).is_err());
    assert!(bucket.take_at(rate, 100, start + SECOND).is_ok());
}

#[test]
fn limits_change_and_what_stays_the_same_is_remembered() {
    let before = config::Limits::default();
    let (limits, _) = limits(&before);
    let (address, user) = (ip("192.0.2.1"), UserId::new(Millis(1)));
    assert_eq!(passed(300, || limits.check_request(address)), 200);
    assert_eq!(passed(300, || limits.check_send(user)), 60);
    for _ in 0..10 {
        limits.login_failed("ana", address);
    }
    assert!(limits.login_blocked("ana", address).is_some());
    let mut old = Bucket::default();
    assert_eq!(passed(500, || limits.check_frame(&mut old)), 200);
    let after = config::Limits {
        send_burst: 5,
        frame_rate: 1,
        frame_burst: 3,
        login_failures: 20,
        ..before.clone()
    };
    limits.change(&after);
    assert_eq!(passed(300, || limits.check_request(address)), 0);
    assert_eq!(passed(300, || limits.check_send(user)), 5);
    // What failed still counts, against the new measure.
    assert_eq!(limits.login_blocked("ana", address), None);
    for _ in 0..10 {
        limits.login_failed("ana", address);
    }
    assert!(limits.login_blocked("ana", address).is_some());
    // A connection that was there goes by the new rate, too.
    assert!(limits.check_frame(&mut old).is_err());
    let mut new = Bucket::default();
    assert_eq!(passed(500, || limits.check_frame(&mut new)), 3);
    limits.change(&config::Limits {
        enabled: false,
        ..after.clone()
    });
    assert_eq!(passed(300, || limits.check_send(user)), 300);
    assert!(limits.check_frame(&mut old).is_ok());
    limits.change(&after);
    assert_eq!(passed(300, || limits.check_send(user)), 5);
}

#[test]
fn limits_can_be_off() {
    let (limits, _) = limits(&config::Limits {
        enabled: false,
        ..Default::default()
    });
    let (address, user) = (ip("192.0.2.1"), UserId::new(Millis(1)));
    assert_eq!(passed(10_000, || limits.check_request(address)), 10_000);
    assert_eq!(passed(1000, || limits.check_register(address)), 1000);
    assert_eq!(passed(1000, || limits.check_send(user)), 1000);
    let mut frames = Bucket::default();
    assert_eq!(passed(10_000, || limits.check_frame(&mut frames)), 10_000);
    for _ in 0..100 {
        limits.login_failed("ana", address);
    }
    assert_eq!(limits.login_blocked("ana", address), None);
    assert_eq!(limits.remembered(), 0);
}

#[test]
fn a_crowd_of_addresses_is_bounded_and_forgotten() {
    let (limits, clock) = limits(&config::Limits::default());
    let bound = 2 * (keyed::CAP + usize::try_from(keyed::SHARED).unwrap()) + 8192;
    for n in 0..400_000u32 {
        let address = IpAddr::V4(n.into());
        let _ = limits.check_register(address);
        limits.login_failed("ana", address);
    }
    assert!(limits.remembered() <= bound, "{}", limits.remembered());
    assert!(limits.remembered() >= keyed::CAP);
    clock.advance(24 * 3600 * SECOND);
    limits.sweep();
    assert_eq!(limits.remembered(), 0);
    assert!(limits.check_register(ip("192.0.2.1")).is_ok());
}

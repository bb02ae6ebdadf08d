//! Times, decimals, and ids of machines.

use super::*;

#[test]
fn times_and_decimals_are_no_numbers() {
    let untouched = [
        "10:15 - 11:45",
        "kl 10.15-11.45",
        "08.30-16.00",
        "08:00-12:00 13:00-16:30",
        "1:23:45.678",
        "00:01:02,500 --> 00:01:04,000",
        "t=12.345678 s",
        "konfidens 0.98765432",
        "0,98765432",
        "score 0.9123456789",
        "[0.31, 0.987654, 0.12]",
        "1.7155008e9",
        "tid 12.05.2024 10.15.30",
        "start 3.456789 slutt 4.567891",
        "98765.432109",
        "24.42.46.44:17858",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    for code in ["NO", "SE", "DK", "FI", "DE", "US"] {
        check(&in_region(code), &untouched);
    }
}

#[test]
fn ids_of_machines_are_no_numbers() {
    let untouched = [
        "req-98765432-ab12cd34",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736",
        "550e8400-e29b-41d4-a716-446655440000_1",
        "sha256:98765432deadbeef",
        "x550e8400-e29b-41d4-a716-446655440000.wav",
        "node-3f-98765432-7c",
    ];
    let untouched: Vec<(&str, &str)> = untouched.iter().map(|text| (*text, *text)).collect();
    for code in ["NO", "DK", "US"] {
        check(&in_region(code), &untouched);
    }
}
